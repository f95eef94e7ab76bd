/* Signature types of ANS-104 (arweave.md 2.2): one row each. */
#ifndef AOD_ARWEAVE_SCHEME_H
#define AOD_ARWEAVE_SCHEME_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct {
  int type; /* as items carry it */
  const char *name;
  size_t signature_len, owner_len;
  /* Verify over `message`; lengths are as above. AOD_ESIGNATURE naming the reason. */
  int (*verify)(aod_slice_t owner, aod_slice_t signature, aod_slice_t message, aod_error_t *err);
} aod_scheme_t;

enum {
  AOD_SCHEME_ARWEAVE = 1,
  AOD_SCHEME_ED25519,
  AOD_SCHEME_ETHEREUM,
  AOD_SCHEME_SOLANA,
  AOD_SCHEME_APTOS,
  AOD_SCHEME_MULTI_APTOS,
  AOD_SCHEME_TYPED_ETHEREUM,
  AOD_SCHEME_END_
};

const aod_scheme_t *aod_scheme_find(int type); /* NULL: unknown */

#endif
