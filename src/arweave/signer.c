/* Signers: what every kind of key has in common. Private keys live in OpenSSL's or our own memory,
 * which is wiped before it is released. */
#include "arweave/signer.h"

#include <openssl/crypto.h>
#include <sodium.h>
#include <stdlib.h>

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "arweave/signer_internal.h"
#include "base/json.h"

static const aod__key_kind_t *const kinds[] = {&aod__key_rsa, &aod__key_ed25519,
                                               &aod__key_secp256k1};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

/* ---- JWK ---- */

void aod__secret_free(aod_buf_t *bytes) {
  if (bytes->ptr) OPENSSL_cleanse(bytes->ptr, bytes->cap);
  aod_buf_free(bytes);
}

int aod__jwk_member(const json_t *jwk, const char *name, aod_buf_t *bytes, aod_error_t *err) {
  const json_t *member = json_object_get(jwk, name);
  if (!json_is_string(member)) return aod_fail(err, AOD_EINPUT, "JWK has no member \"%s\"", name);
  if (aod_base64url_decode(aod_json_slice(member), bytes, NULL))
    return aod_fail(err, AOD_EINPUT, "JWK member \"%s\" is not base64url", name);
  return AOD_OK;
}

int aod__jwk_member32(const json_t *jwk, const char *name, uint8_t bytes[32], aod_error_t *err) {
  aod_buf_t decoded = {0};
  int rc = aod__jwk_member(jwk, name, &decoded, err);
  if (!rc && decoded.len != 32)
    rc = aod_fail(err, AOD_EINPUT, "JWK member \"%s\" has %zu bytes, not 32", name, decoded.len);
  if (!rc) memcpy(bytes, decoded.ptr, 32);
  aod__secret_free(&decoded);
  return rc;
}

static bool member_is(const json_t *jwk, const char *name, const char *value) {
  return aod_slice_is(aod_json_get_string(jwk, name), value);
}

/* Old key files have no "kty" and are RSA. */
static const aod__key_kind_t *kind_of_jwk(const json_t *jwk) {
  if (!json_object_get(jwk, "kty")) return &aod__key_rsa;
  for (size_t i = 0; i < KIND_COUNT; i++)
    if (member_is(jwk, "kty", kinds[i]->kty) &&
        (!kinds[i]->curve || member_is(jwk, "crv", kinds[i]->curve)))
      return kinds[i];
  return NULL;
}

static int load(const json_t *jwk, aod_signer_t **signer, aod_error_t *err) {
  if (!json_is_object(jwk)) return aod_fail(err, AOD_EINPUT, "JWK is not a JSON object");
  const aod__key_kind_t *kind = kind_of_jwk(jwk);
  if (!kind) return aod_fail(err, AOD_EINPUT, "JWK has an unsupported \"kty\" or \"crv\"");
  aod_signer_t *made = aod_alloc(sizeof *made);
  made->kind = kind;
  int rc = kind->load(made, jwk, err);
  if (rc)
    aod_signer_free(made);
  else
    *signer = made;
  return rc;
}

int aod_signer_from_jwk(aod_slice_t json, aod_signer_t **signer, aod_error_t *err) {
  json_t *jwk;
  int rc = aod_json_parse(json, &jwk, err);
  if (rc) return rc;
  rc = load(jwk, signer, err);
  json_decref(jwk);
  return rc;
}

void aod_signer_to_jwk(const aod_signer_t *signer, aod_buf_t *json) {
  aod_buf_byte(json, '{');
  aod_json_key_string(json, "kty", aod_text(signer->kind->kty));
  if (signer->kind->curve) aod_json_key_string(json, "crv", aod_text(signer->kind->curve));
  signer->kind->write(signer, json);
  aod_buf_byte(json, '}');
}

/* ---- life ---- */

int aod_signer_generate(const char *kind, aod_signer_t **signer, aod_error_t *err) {
  aod_assert(sodium_init() >= 0); /* makes its source of randomness safe for threads */
  for (size_t i = 0; i < KIND_COUNT; i++) {
    if (strcmp(kinds[i]->name, kind) != 0) continue;
    aod_signer_t *made = aod_alloc(sizeof *made);
    made->kind = kinds[i];
    int rc = made->kind->generate(made, err);
    if (rc)
      aod_signer_free(made);
    else
      *signer = made;
    return rc;
  }
  return aod_fail(err, AOD_EUSAGE, "no kind of key is called \"%s\": rsa, ed25519 or secp256k1",
                  kind);
}

void aod_signer_free(aod_signer_t *signer) {
  if (!signer) return;
  EVP_PKEY_free(signer->rsa);
  OPENSSL_cleanse(signer, sizeof *signer);
  free(signer);
}

/* ---- use ---- */

const char *aod_signer_kind(const aod_signer_t *signer) {
  return signer->kind->name;
}

int aod_signer_type(const aod_signer_t *signer) {
  return signer->kind->type;
}

aod_slice_t aod_signer_owner(const aod_signer_t *signer) {
  return aod_slice(signer->owner, signer->owner_len);
}

void aod_signer_address(const aod_signer_t *signer, uint8_t address[32]) {
  aod_sha256(aod_signer_owner(signer), address);
}

int aod_signer_sign(const aod_signer_t *signer, aod_slice_t message, bool deterministic,
                    aod_buf_t *signature, aod_error_t *err) {
  return signer->kind->sign(signer, message, deterministic, signature, err);
}
