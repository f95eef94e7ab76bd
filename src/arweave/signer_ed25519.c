/* Ed25519 wallets: JWK with kty OKP, "d" the seed and "x" the public key (RFC 8037). */
#include <sodium.h>

#include "arweave/base64url.h"
#include "arweave/scheme.h"
#include "arweave/signer_internal.h"

static void fill(aod_signer_t *signer, const uint8_t seed[32]) {
  crypto_sign_seed_keypair(signer->owner, signer->secret, seed);
  signer->owner_len = crypto_sign_PUBLICKEYBYTES;
}

static int load(aod_signer_t *signer, const json_t *jwk, aod_error_t *err) {
  uint8_t seed[32], public_key[32];
  int rc = aod__jwk_member32(jwk, "d", seed, err);
  if (!rc) rc = aod__jwk_member32(jwk, "x", public_key, err);
  if (!rc) fill(signer, seed);
  sodium_memzero(seed, sizeof seed);
  if (!rc && memcmp(public_key, signer->owner, sizeof public_key) != 0)
    return aod_fail(err, AOD_EINPUT, "JWK member \"x\" is not the public key of \"d\"");
  return rc;
}

static int generate(aod_signer_t *signer, aod_error_t *err) {
  (void)err;
  uint8_t seed[32];
  randombytes_buf(seed, sizeof seed);
  fill(signer, seed);
  sodium_memzero(seed, sizeof seed);
  return AOD_OK;
}

static void write(const aod_signer_t *signer, aod_buf_t *json) {
  aod_base64url_member(json, "x", aod_signer_owner(signer));
  aod_base64url_member(json, "d", aod_slice(signer->secret, 32));
}

static int sign(const aod_signer_t *signer, aod_slice_t message, bool deterministic,
                aod_buf_t *signature, aod_error_t *err) {
  (void)deterministic, (void)err;
  aod_buf_reserve(signature, crypto_sign_BYTES);
  crypto_sign_detached(signature->ptr + signature->len, NULL, message.ptr, message.len,
                       signer->secret);
  signature->len += crypto_sign_BYTES;
  return AOD_OK;
}

const aod__key_kind_t aod__key_ed25519 = {.name = "ed25519",
                                          .type = AOD_SCHEME_ED25519,
                                          .kty = "OKP",
                                          .curve = "Ed25519",
                                          .load = load,
                                          .generate = generate,
                                          .write = write,
                                          .sign = sign};
