/* Signers: what every kind of key has in common. Private keys live in OpenSSL's or our own memory,
 * which is wiped before it is released. */
#include "arweave/signer.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "arweave/signer_internal.h"
#include "base/json.h"

static const aod__key_kind_t *const kinds[] = {&aod__key_rsa};

int aod__jwk_member(const json_t *jwk, const char *name, aod_buf_t *bytes, aod_error_t *err) {
  const json_t *member = json_object_get(jwk, name);
  if (!json_is_string(member)) return aod_fail(err, AOD_EINPUT, "JWK has no member \"%s\"", name);
  aod_slice_t text = aod_slice(json_string_value(member), json_string_length(member));
  if (aod_base64url_decode(text, bytes, NULL))
    return aod_fail(err, AOD_EINPUT, "JWK member \"%s\" is not base64url", name);
  return AOD_OK;
}

static bool member_is(const json_t *jwk, const char *name, const char *value) {
  const char *text = json_string_value(json_object_get(jwk, name));
  return text && strcmp(text, value) == 0;
}

/* Old key files have no "kty" and are RSA, the first kind. */
static const aod__key_kind_t *kind_find(const json_t *jwk) {
  if (!json_object_get(jwk, "kty")) return kinds[0];
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (member_is(jwk, "kty", kinds[i]->kty) &&
        (!kinds[i]->curve || member_is(jwk, "crv", kinds[i]->curve)))
      return kinds[i];
  return NULL;
}

static int load(const json_t *jwk, aod_signer_t **signer, aod_error_t *err) {
  const aod__key_kind_t *kind = kind_find(jwk);
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

void aod_signer_free(aod_signer_t *signer) {
  if (!signer) return;
  EVP_PKEY_free(signer->rsa);
  OPENSSL_cleanse(signer, sizeof *signer);
  free(signer);
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
