/* Keccak-256 as Ethereum uses it: the submission's padding (01), not that of SHA3-256 (06). Neither
 * OpenSSL 3.0 nor libsodium has it. */
#ifndef AOD_ARWEAVE_KECCAK_H
#define AOD_ARWEAVE_KECCAK_H

#include "base/bytes.h"

void aod_keccak256(aod_slice_t bytes, uint8_t digest[32]);

#endif
