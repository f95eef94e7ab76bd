/* Keys: a signer signs and knows its owner bytes; wallets are JWK files. */
#ifndef AOD_ARWEAVE_SIGNER_H
#define AOD_ARWEAVE_SIGNER_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct aod_signer aod_signer_t; /* immutable after creation: share between threads */

/* From the text of a JWK: RSA-4096 (arweave.md 1.2), Ed25519 (kty OKP) or secp256k1 (kty EC).
 * AOD_EINPUT naming the member that is missing or does not fit the others. */
int aod_signer_from_jwk(aod_slice_t json, aod_signer_t **signer, aod_error_t *err);
/* A new key of the kind "rsa", "ed25519" or "secp256k1"; AOD_EUSAGE for another one. RSA takes
 * about a second. */
int aod_signer_generate(const char *kind, aod_signer_t **signer, aod_error_t *err);
void aod_signer_free(aod_signer_t *signer);

/* Append the JWK, private key included: wipe `json` after use. */
void aod_signer_to_jwk(const aod_signer_t *signer, aod_buf_t *json);

const char *aod_signer_kind(const aod_signer_t *signer);  /* as for aod_signer_generate */
int aod_signer_type(const aod_signer_t *signer);          /* ANS-104 signature type */
aod_slice_t aod_signer_owner(const aod_signer_t *signer); /* public key as items carry it */
/* SHA-256 of the owner: the wallet's address. */
void aod_signer_address(const aod_signer_t *signer, uint8_t address[32]);

/* Sign the 48-byte deep hash of an item; `signature` is appended. RSA: PSS with salt length 32
 * (arweave.md 1.6); `deterministic` asks for salt length 0, so that the same item always gets the
 * same id. The other kinds are always deterministic. */
int aod_signer_sign(const aod_signer_t *signer, aod_slice_t message, bool deterministic,
                    aod_buf_t *signature, aod_error_t *err);

#endif
