/* JWK wallets: what is read, written and read again is the same key. */
#include <stdlib.h>

#include "arweave/signer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  aod_signer_t *signer, *again;
  aod_error_t err;
  if (aod_signer_from_jwk(aod_slice(data, len), &signer, &err)) return 0;
  aod_buf_t json = {0};
  aod_signer_to_jwk(signer, &json);
  aod_assert(aod_signer_from_jwk(aod_buf_slice(&json), &again, NULL) == AOD_OK);
  aod_assert(aod_slice_equal(aod_signer_owner(signer), aod_signer_owner(again)));
  aod_buf_free(&json);
  aod_signer_free(signer);
  aod_signer_free(again);
  return 0;
}
