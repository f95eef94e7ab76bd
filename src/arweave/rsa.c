/* RSA-PSS over OpenSSL. Importing a public key and preparing its modulus costs half as much as the
 * verification itself, and the owners that a node sees repeat (its own wallets, its scheduler,
 * the users at work), so each thread keeps the keys that it used last. */
#include "arweave/rsa.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "arweave/hash.h"
#include "arweave/thread.h"

static bool set_pss(EVP_PKEY_CTX *context, int salt_len) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
         EVP_PKEY_CTX_set_signature_md(context, aod__md_sha256()) > 0 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, aod__md_sha256()) > 0 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt_len) > 0;
}

static EVP_PKEY *import_public(aod_slice_t modulus) {
  EVP_PKEY *key = NULL;
  BIGNUM *n = BN_bin2bn(modulus.ptr, (int)modulus.len, NULL);
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  aod_assert(n && builder && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
             OSSL_PARAM_BLD_push_ulong(builder, OSSL_PKEY_PARAM_RSA_E, RSA_F4));
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  aod_assert(params && context);
  if (EVP_PKEY_fromdata_init(context) <= 0 ||
      EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
    key = NULL;
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(builder);
  BN_free(n);
  return key;
}

static EVP_PKEY_CTX *verify_context_new(aod_slice_t modulus) {
  EVP_PKEY *key = import_public(modulus);
  if (!key) return NULL;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
  EVP_PKEY_free(key); /* the context holds its own reference */
  if (context && EVP_PKEY_verify_init(context) > 0 && set_pss(context, RSA_PSS_SALTLEN_AUTO))
    return context;
  EVP_PKEY_CTX_free(context);
  return NULL;
}

/* The thread's context for this key, made in place of the least recently used one when new. NULL
 * when the modulus is no key at all. */
static EVP_PKEY_CTX *verify_context(aod_slice_t modulus) {
  aod__thread_t *thread = aod__thread();
  aod__rsa_slot_t *oldest = &thread->rsa[0];
  for (aod__rsa_slot_t *slot = thread->rsa; slot < thread->rsa + AOD__RSA_CACHE; slot++) {
    if (slot->verify && aod_slice_equal(aod_slice(slot->modulus, slot->modulus_len), modulus)) {
      slot->used_at = ++thread->rsa_uses;
      return slot->verify;
    }
    if (slot->used_at < oldest->used_at) oldest = slot;
  }
  EVP_PKEY_CTX *context = verify_context_new(modulus);
  if (!context) return NULL;
  EVP_PKEY_CTX_free(oldest->verify);
  oldest->verify = context;
  oldest->used_at = ++thread->rsa_uses;
  oldest->modulus_len = modulus.len;
  memcpy(oldest->modulus, modulus.ptr, modulus.len);
  return context;
}

int aod__rsa_verify(aod_slice_t modulus, aod_slice_t signature, aod_slice_t message,
                    aod_error_t *err) {
  if (modulus.len == 0 || modulus.len > AOD__RSA_BYTES_MAX)
    return aod_fail(err, AOD_ESIGNATURE, "RSA key of %zu bytes", modulus.len);
  if (signature.len != modulus.len)
    return aod_fail(err, AOD_ESIGNATURE, "RSA signature has %zu bytes, its key has %zu",
                    signature.len, modulus.len);
  if (aod_slice_compare(signature, modulus) >= 0)
    return aod_fail(err, AOD_ESIGNATURE, "RSA signature is not below the modulus");
  uint8_t digest[32];
  aod_sha256(message, digest);
  EVP_PKEY_CTX *context = verify_context(modulus);
  bool valid =
      context && EVP_PKEY_verify(context, signature.ptr, signature.len, digest, sizeof digest) == 1;
  if (valid) return AOD_OK;
  ERR_clear_error();
  return aod_fail(err, AOD_ESIGNATURE, "RSA-PSS signature does not match the content and owner");
}

int aod__rsa_sign(EVP_PKEY *key, aod_slice_t message, int salt_len, aod_buf_t *signature,
                  aod_error_t *err) {
  uint8_t digest[32];
  aod_sha256(message, digest);
  size_t len = (size_t)EVP_PKEY_get_size(key);
  aod_buf_reserve(signature, len);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
  bool signed_ok =
      context && EVP_PKEY_sign_init(context) > 0 && set_pss(context, salt_len) &&
      EVP_PKEY_sign(context, signature->ptr + signature->len, &len, digest, sizeof digest) > 0;
  EVP_PKEY_CTX_free(context);
  if (!signed_ok) {
    ERR_clear_error();
    return aod_fail(err, AOD_EINTERNAL, "OpenSSL could not sign with this RSA key");
  }
  signature->len += len;
  return AOD_OK;
}
