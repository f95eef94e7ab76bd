/* The kinds of key that can sign: one row each, in signer.c. */
#ifndef AOD_ARWEAVE_SIGNER_INTERNAL_H
#define AOD_ARWEAVE_SIGNER_INTERNAL_H

#include <jansson.h>
#include <openssl/evp.h>

#include "arweave/signer.h"

typedef struct {
  int type;                /* ANS-104 signature type of its items */
  const char *kty, *curve; /* how its JWK says so; curve NULL: there is none */
  int (*load)(aod_signer_t *signer, const json_t *jwk, aod_error_t *err);
  int (*sign)(const aod_signer_t *signer, aod_slice_t message, bool deterministic,
              aod_buf_t *signature, aod_error_t *err);
} aod__key_kind_t;

struct aod_signer {
  const aod__key_kind_t *kind;
  uint8_t owner[512];
  size_t owner_len;
  EVP_PKEY *rsa; /* RSA */
};

extern const aod__key_kind_t aod__key_rsa;

/* Append the bytes of the base64url member `name`. AOD_EINPUT when it is missing or malformed. */
int aod__jwk_member(const json_t *jwk, const char *name, aod_buf_t *bytes, aod_error_t *err);

#endif
