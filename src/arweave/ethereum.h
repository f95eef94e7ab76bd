/* Ethereum's way to sign: secp256k1 with a recoverable signature, r (32) s (32) v (1, 27 or 28). */
#ifndef AOD_ARWEAVE_ETHEREUM_H
#define AOD_ARWEAVE_ETHEREUM_H

#include "base/bytes.h"
#include "base/error.h"

enum { AOD_ETHEREUM_ADDRESS_CHARS = 42, AOD__SECP256K1_KEY_BYTES = 65 };

/* The address of an uncompressed public key (65 bytes), "0x" and 40 digits with EIP-55 capitals. */
void aod_ethereum_address(const uint8_t owner[65], char text[43]);

/* Verifiers of signature types 3 and 7 (arweave.md 2.2); stricter than arbundles: v is checked,
 * high S and hybrid keys are refused. AOD_ESIGNATURE naming the reason. */
int aod__ethereum_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                         aod_error_t *err);
int aod__typed_ethereum_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                               aod_error_t *err);

/* Sign as type 3 does. Deterministic (RFC 6979). `secret` is a valid scalar. */
void aod__ethereum_sign(const uint8_t secret[32], aod_slice_t message, uint8_t signature[65]);

/* The uncompressed public key of `secret`; false when that is no valid scalar. */
bool aod__secp256k1_public(const uint8_t secret[32], uint8_t public_key[65]);

/* Sign a digest: r and s, low S, deterministic. Returns the recovery number. */
int aod__secp256k1_sign(const uint8_t secret[32], const uint8_t digest[32], uint8_t signature[64]);

/* Recover the compressed key (33 bytes) from r s and a recovery number 0..3 (arweave.md 3.2);
 * low S only. AOD_ESIGNATURE naming the reason. */
int aod__secp256k1_recover(const uint8_t signature[64], int recovery, const uint8_t digest[32],
                           uint8_t compressed[33], aod_error_t *err);

#endif
