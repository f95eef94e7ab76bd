/* The kinds of key that can sign: one row each, listed in signer.c. */
#ifndef AOD_ARWEAVE_SIGNER_INTERNAL_H
#define AOD_ARWEAVE_SIGNER_INTERNAL_H

#include <jansson.h>
#include <openssl/evp.h>

#include "arweave/signer.h"

typedef struct {
  const char *name;
  int type;                /* ANS-104 signature type of its items */
  const char *kty, *curve; /* how its JWK says so; curve NULL: there is none */
  int (*load)(aod_signer_t *signer, const json_t *jwk, aod_error_t *err);
  int (*generate)(aod_signer_t *signer, aod_error_t *err);
  void (*write)(const aod_signer_t *signer, aod_buf_t *json); /* members after kty and crv */
  int (*sign)(const aod_signer_t *signer, aod_slice_t message, bool deterministic,
              aod_buf_t *signature, aod_error_t *err);
} aod__key_kind_t;

/* Zeroed before `load` or `generate`, which set the owner and the key of their kind. */
struct aod_signer {
  const aod__key_kind_t *kind;
  uint8_t owner[512];
  size_t owner_len;
  EVP_PKEY *rsa;      /* RSA */
  uint8_t secret[64]; /* Ed25519: seed and public key; secp256k1: 32 bytes of scalar */
};

extern const aod__key_kind_t aod__key_rsa, aod__key_ed25519, aod__key_secp256k1;

/* Append the bytes of the base64url member `name`. AOD_EINPUT when it is missing or malformed. */
int aod__jwk_member(const json_t *jwk, const char *name, aod_buf_t *bytes, aod_error_t *err);
/* The same for a member of exactly 32 bytes. */
int aod__jwk_member32(const json_t *jwk, const char *name, uint8_t bytes[32], aod_error_t *err);
/* Wipe and free a buffer that held a secret. */
void aod__secret_free(aod_buf_t *bytes);

#endif
