/* RSA-PSS with SHA-256 and MGF1-SHA-256 (arweave.md 1.6); the exponent is always 65537. */
#ifndef AOD_ARWEAVE_RSA_H
#define AOD_ARWEAVE_RSA_H

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/error.h"

/* Verify over `message` with a public key that is its big-endian modulus, at most 4096 bits. Any
 * salt length. AOD_ESIGNATURE naming the reason. */
int aod__rsa_verify(aod_slice_t modulus, aod_slice_t signature, aod_slice_t message,
                    aod_error_t *err);

/* Append a signature with `salt_len` bytes of salt. Thread-safe. */
int aod__rsa_sign(EVP_PKEY *key, aod_slice_t message, int salt_len, aod_buf_t *signature,
                  aod_error_t *err);

#endif
