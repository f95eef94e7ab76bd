/* secp256k1 wallets, which sign as Ethereum does: JWK with kty EC, "d" the scalar, "x" and "y" the
 * public point (RFC 8812). */
#include <sodium.h>

#include "arweave/base64url.h"
#include "arweave/ethereum.h"
#include "arweave/scheme.h"
#include "arweave/signer_internal.h"

/* `signer->secret` is set: derive the owner, false when the scalar is none. */
static bool derive(aod_signer_t *signer) {
  signer->owner_len = AOD__SECP256K1_KEY_BYTES;
  return aod__secp256k1_public(signer->secret, signer->owner);
}

static int load(aod_signer_t *signer, const json_t *jwk, aod_error_t *err) {
  uint8_t point[64];
  int rc = aod__jwk_member32(jwk, "d", signer->secret, err);
  if (!rc) rc = aod__jwk_member32(jwk, "x", point, err);
  if (!rc) rc = aod__jwk_member32(jwk, "y", point + 32, err);
  if (rc) return rc;
  if (!derive(signer))
    return aod_fail(err, AOD_EINPUT, "JWK member \"d\" is no secp256k1 private key");
  if (memcmp(point, signer->owner + 1, sizeof point) != 0)
    return aod_fail(err, AOD_EINPUT, "JWK members \"x\" and \"y\" are not the public key of \"d\"");
  return AOD_OK;
}

static int generate(aod_signer_t *signer, aod_error_t *err) {
  (void)err;
  do randombytes_buf(signer->secret, 32);
  while (!derive(signer)); /* one in 2^127 is no scalar */
  return AOD_OK;
}

static void write(const aod_signer_t *signer, aod_buf_t *json) {
  aod_base64url_member(json, "x", aod_slice(signer->owner + 1, 32));
  aod_base64url_member(json, "y", aod_slice(signer->owner + 33, 32));
  aod_base64url_member(json, "d", aod_slice(signer->secret, 32));
}

static int sign(const aod_signer_t *signer, aod_slice_t message, bool deterministic,
                aod_buf_t *signature, aod_error_t *err) {
  (void)deterministic, (void)err;
  aod_buf_reserve(signature, 65);
  aod__ethereum_sign(signer->secret, message, signature->ptr + signature->len);
  signature->len += 65;
  return AOD_OK;
}

const aod__key_kind_t aod__key_secp256k1 = {.name = "secp256k1",
                                            .type = AOD_SCHEME_ETHEREUM,
                                            .kty = "EC",
                                            .curve = "secp256k1",
                                            .load = load,
                                            .generate = generate,
                                            .write = write,
                                            .sign = sign};
