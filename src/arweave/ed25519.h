/* Signature types over Ed25519 (arweave.md 2.2): they differ in the text that is signed. */
#ifndef AOD_ARWEAVE_ED25519_H
#define AOD_ARWEAVE_ED25519_H

#include "base/bytes.h"
#include "base/error.h"

/* Verifiers of types 2, 4, 5 and 6. `message` has at most 64 bytes. AOD_ESIGNATURE naming the
 * reason. */
int aod__ed25519_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                        aod_error_t *err);
int aod__solana_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                       aod_error_t *err);
int aod__aptos_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                      aod_error_t *err);
int aod__multi_aptos_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                            aod_error_t *err);

#endif
