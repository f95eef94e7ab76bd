/* RSA-4096 wallets. A key file is checked when it is read: a key whose numbers do not belong
 * together would otherwise sign what nobody can verify. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "arweave/base64url.h"
#include "arweave/rsa.h"
#include "arweave/scheme.h"
#include "arweave/signer_internal.h"

enum { MODULUS_BYTES = 512, SALT_BYTES = 32 };

/* The numbers of an RSA key, in the order in which the JWK members are listed below. */
enum { N, E, D, P, Q, DP, DQ, QI, NUMBER_COUNT };

static const struct {
  const char *member, *param;
} numbers[NUMBER_COUNT] = {
    [N] = {"n", OSSL_PKEY_PARAM_RSA_N},           [E] = {"e", OSSL_PKEY_PARAM_RSA_E},
    [D] = {"d", OSSL_PKEY_PARAM_RSA_D},           [P] = {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
    [Q] = {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},     [DP] = {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
    [DQ] = {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2}, [QI] = {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
};

typedef struct {
  BIGNUM *of[NUMBER_COUNT];
} numbers_t;

static void numbers_free(numbers_t *key) {
  for (size_t i = 0; i < NUMBER_COUNT; i++) BN_clear_free(key->of[i]);
}

static int number_load(const json_t *jwk, size_t which, numbers_t *key, aod_error_t *err) {
  aod_buf_t bytes = {0};
  int rc = aod__jwk_member(jwk, numbers[which].member, &bytes, err);
  if (!rc && (bytes.len == 0 || bytes.len > MODULUS_BYTES))
    rc = aod_fail(err, AOD_EINPUT, "JWK member \"%s\" has %zu bytes", numbers[which].member,
                  bytes.len);
  if (!rc) {
    key->of[which] = BN_bin2bn(bytes.ptr, (int)bytes.len, NULL);
    aod_assert(key->of[which]);
  }
  aod__secret_free(&bytes);
  return rc;
}

static int numbers_load(const json_t *jwk, numbers_t *key, aod_error_t *err) {
  for (size_t i = 0; i < NUMBER_COUNT; i++) {
    int rc = number_load(jwk, i, key, err);
    if (rc) return rc;
  }
  return AOD_OK;
}

/* a * b mod m == 1? */
static bool inverse_of(const BIGNUM *a, const BIGNUM *b, const BIGNUM *m, BN_CTX *context) {
  BIGNUM *product = BN_CTX_get(context);
  aod_assert(product);
  return BN_mod_mul(product, a, b, m, context) && BN_is_one(product);
}

/* The exponent modulo prime - 1 is `part`, and undoes e there. */
static bool exponent_fits(const numbers_t *key, size_t prime, size_t part, BN_CTX *context) {
  BIGNUM *order = BN_CTX_get(context), *reduced = BN_CTX_get(context);
  aod_assert(order && reduced);
  return BN_sub(order, key->of[prime], BN_value_one()) && !BN_is_zero(order) &&
         BN_mod(reduced, key->of[D], order, context) && BN_cmp(reduced, key->of[part]) == 0 &&
         inverse_of(key->of[E], key->of[D], order, context);
}

/* The first member that does not fit those before it, or NULL. */
static const char *misfit(const numbers_t *key, BN_CTX *context) {
  BIGNUM *product = BN_CTX_get(context);
  aod_assert(product);
  if (BN_num_bits(key->of[N]) != MODULUS_BYTES * 8) return "n";
  if (!BN_is_word(key->of[E], RSA_F4)) return "e";
  if (!BN_mul(product, key->of[P], key->of[Q], context) || BN_cmp(product, key->of[N]) != 0)
    return "p";
  if (!exponent_fits(key, P, DP, context)) return "dp";
  if (!exponent_fits(key, Q, DQ, context)) return "dq";
  if (!inverse_of(key->of[QI], key->of[Q], key->of[P], context)) return "qi";
  return NULL;
}

static int numbers_check(const numbers_t *key, aod_error_t *err) {
  BN_CTX *context = BN_CTX_secure_new();
  aod_assert(context);
  BN_CTX_start(context);
  const char *member = misfit(key, context);
  BN_CTX_end(context);
  BN_CTX_free(context);
  ERR_clear_error();
  if (!member) return AOD_OK;
  return aod_fail(err, AOD_EINPUT,
                  "JWK is not an RSA-4096 key with exponent 65537: member \"%s\" "
                  "does not fit",
                  member);
}

static EVP_PKEY *import_private(const numbers_t *key) {
  EVP_PKEY *made = NULL;
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  aod_assert(builder);
  for (size_t i = 0; i < NUMBER_COUNT; i++)
    aod_assert(OSSL_PARAM_BLD_push_BN(builder, numbers[i].param, key->of[i]));
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  aod_assert(params && context);
  if (EVP_PKEY_fromdata_init(context) <= 0 ||
      EVP_PKEY_fromdata(context, &made, EVP_PKEY_KEYPAIR, params) <= 0)
    made = NULL;
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(builder);
  return made;
}

static int signer_fill(aod_signer_t *signer, const numbers_t *key, aod_error_t *err) {
  int rc = numbers_check(key, err);
  if (rc) return rc;
  signer->rsa = import_private(key);
  if (!signer->rsa) {
    ERR_clear_error();
    return aod_fail(err, AOD_EINPUT, "OpenSSL refuses this RSA key");
  }
  signer->owner_len = MODULUS_BYTES;
  aod_assert(BN_bn2binpad(key->of[N], signer->owner, MODULUS_BYTES) == MODULUS_BYTES);
  return AOD_OK;
}

static int load(aod_signer_t *signer, const json_t *jwk, aod_error_t *err) {
  numbers_t key = {0};
  int rc = numbers_load(jwk, &key, err);
  if (!rc) rc = signer_fill(signer, &key, err);
  numbers_free(&key);
  return rc;
}

static void numbers_get(const EVP_PKEY *key, numbers_t *of) {
  for (size_t i = 0; i < NUMBER_COUNT; i++)
    aod_assert(EVP_PKEY_get_bn_param(key, numbers[i].param, &of->of[i]));
}

static int generate(aod_signer_t *signer, aod_error_t *err) {
  numbers_t key = {0};
  EVP_PKEY *made = EVP_RSA_gen(MODULUS_BYTES * 8);
  if (!made) return aod_fail(err, AOD_EINTERNAL, "OpenSSL could not make an RSA key");
  numbers_get(made, &key);
  EVP_PKEY_free(made);
  int rc = signer_fill(signer, &key, err);
  numbers_free(&key);
  return rc;
}

static void write(const aod_signer_t *signer, aod_buf_t *json) {
  numbers_t key = {0};
  numbers_get(signer->rsa, &key);
  for (size_t i = 0; i < NUMBER_COUNT; i++) {
    aod_buf_t bytes = {0};
    size_t len = (size_t)BN_num_bytes(key.of[i]);
    aod_buf_reserve(&bytes, len);
    bytes.len = (size_t)BN_bn2bin(key.of[i], bytes.ptr);
    aod_base64url_member(json, numbers[i].member, aod_buf_slice(&bytes));
    aod__secret_free(&bytes);
  }
  numbers_free(&key);
}

static int sign(const aod_signer_t *signer, aod_slice_t message, bool deterministic,
                aod_buf_t *signature, aod_error_t *err) {
  return aod__rsa_sign(signer->rsa, message, deterministic ? 0 : SALT_BYTES, signature, err);
}

const aod__key_kind_t aod__key_rsa = {.name = "rsa",
                                      .type = AOD_SCHEME_ARWEAVE,
                                      .kty = "RSA",
                                      .load = load,
                                      .generate = generate,
                                      .write = write,
                                      .sign = sign};
