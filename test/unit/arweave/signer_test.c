#include "support/vectors.h"

#include <pthread.h>

#include "arweave/base64url.h"
#include "arweave/item.h"
#include "arweave/scheme.h"
#include "arweave/signer.h"

static aod_signer_t *from_json(const json_t *jwk) {
  char *text = json_dumps(jwk, 0);
  aod_signer_t *signer = NULL;
  aod_error_t err;
  if (aod_signer_from_jwk(aod_text(text), &signer, &err)) fail_msg("%s", err.message);
  free(text);
  return signer;
}

static void expect_refused(const json_t *jwk, const char *message) {
  char *text = json_dumps(jwk, 0);
  aod_signer_t *signer = NULL;
  aod_error_t err;
  assert_int_equal(aod_signer_from_jwk(aod_text(text), &signer, &err), AOD_EINPUT);
  if (!strstr(err.message, message)) fail_msg("expected %s, got: %s", message, err.message);
  free(text);
}

static aod_signer_t *rsa_wallet(void) {
  json_t *jwk = vectors_load("arweave/wallet-1.TEST-ONLY.jwk.json");
  aod_signer_t *signer = from_json(jwk);
  json_decref(jwk);
  return signer;
}

/* Sign, and verify with the row of the signer's type. */
static void expect_signs(const aod_signer_t *signer) {
  static const uint8_t message[48] = {1, 2, 3};
  const aod_scheme_t *scheme = aod_scheme_find(aod_signer_type(signer));
  aod_buf_t signature = {0};
  aod_error_t err;
  assert_int_equal(aod_signer_sign(signer, aod_slice(message, 48), false, &signature, NULL), 0);
  assert_int_equal(signature.len, scheme->signature_len);
  assert_int_equal(aod_signer_owner(signer).len, scheme->owner_len);
  if (scheme->verify(aod_signer_owner(signer), aod_buf_slice(&signature), aod_slice(message, 48),
                     &err))
    fail_msg("%s: %s", aod_signer_kind(signer), err.message);
  aod_buf_free(&signature);
}

/* ---- RSA ---- */

static void reads_rsa_wallets(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/keys.TEST-ONLY.json");
  VECTOR_EACH(file, "rsa4096", i, key) {
    aod_signer_t *signer = from_json(vector_get(key, "jwk"));
    uint8_t address[32];
    aod_signer_address(signer, address);
    vector_expect_bytes("address", aod_slice(address, 32), vector_b64(key, "address"));
    vector_expect_bytes("owner", aod_signer_owner(signer), vector_b64(key, "owner_b64"));
    expect_signs(signer);
    aod_signer_free(signer);
  }
  json_decref(file);
}

static void names_what_is_wrong_with_an_rsa_wallet(void **state) {
  (void)state;
  static const char *const members[] = {"n", "e", "d", "p", "q", "dp", "dq", "qi"};
  json_t *whole = vectors_load("arweave/wallet-1.TEST-ONLY.jwk.json");
  for (size_t i = 0; i < 8; i++) {
    char missing[32];
    snprintf(missing, sizeof missing, "no member \"%s\"", members[i]);
    json_t *jwk = json_deep_copy(whole);
    json_object_del(jwk, members[i]);
    expect_refused(jwk, missing);
    json_object_set_new(jwk, members[i], json_string("AAEC")); /* fits no other number */
    expect_refused(jwk, "does not fit");
    json_object_set_new(jwk, members[i], json_string("not base64url!"));
    expect_refused(jwk, "not base64url");
    json_object_set_new(jwk, members[i], json_string(""));
    expect_refused(jwk, "0 bytes");
    json_object_set_new(jwk, members[i], json_integer(7));
    expect_refused(jwk, "no member");
    json_decref(jwk);
  }
  json_decref(whole);
}

static void tolerates_a_missing_kty(void **state) {
  (void)state;
  json_t *jwk = vectors_load("arweave/wallet-1.TEST-ONLY.jwk.json");
  json_object_del(jwk, "kty");
  aod_signer_t *signer = from_json(jwk);
  assert_string_equal(aod_signer_kind(signer), "rsa");
  aod_signer_free(signer);
  json_object_set_new(jwk, "kty", json_string("oct"));
  expect_refused(jwk, "unsupported");
  json_decref(jwk);
}

static void refuses_what_is_no_jwk(void **state) {
  (void)state;
  aod_signer_t *signer;
  static const char *const texts[] = {"", "{", "[]", "\"x\"", "null", "{}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    assert_int_equal(aod_signer_from_jwk(aod_text(texts[i]), &signer, NULL), AOD_EINPUT);
}

/* The vectors hold what arweave-js signs with salt length 0: the same bytes must come out. */
static void signs_deterministically_when_asked(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/rsa_pss.json");
  aod_signer_t *signer = rsa_wallet();
  size_t seen = 0;
  VECTOR_EACH(file, "cases", i, vector) {
    if (!json_object_get(vector, "deterministic")) continue;
    aod_buf_t signature = {0};
    assert_int_equal(
        aod_signer_sign(signer, vector_b64(vector, "message_b64"), true, &signature, NULL), 0);
    vector_expect_bytes("deterministic", aod_buf_slice(&signature),
                        vector_b64(vector, "signature_b64"));
    aod_buf_free(&signature);
    seen++;
  }
  assert_int_equal(seen, 1);
  aod_signer_free(signer);
  json_decref(file);
}

static void salts_signatures_otherwise(void **state) {
  (void)state;
  aod_signer_t *signer = rsa_wallet();
  aod_buf_t a = {0}, b = {0};
  aod_signer_sign(signer, AOD_TEXT("m"), false, &a, NULL);
  aod_signer_sign(signer, AOD_TEXT("m"), false, &b, NULL);
  assert_false(aod_slice_equal(aod_buf_slice(&a), aod_buf_slice(&b)));
  aod_buf_free(&a);
  aod_buf_free(&b);
  aod_signer_free(signer);
}

static void *sign_many(void *signer) {
  for (int i = 0; i < 10; i++) expect_signs(signer);
  return NULL;
}

static void one_signer_serves_several_threads(void **state) {
  (void)state;
  aod_signer_t *signer = rsa_wallet();
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, sign_many, signer);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  aod_signer_free(signer);
}

/* ---- the other kinds ---- */

static json_t *ed25519_jwk(const json_t *key) {
  return json_pack("{s:s, s:s, s:s, s:s}", "kty", "OKP", "crv", "Ed25519", "d",
                   vector_text(key, "seed_b64"), "x", vector_text(key, "public_b64"));
}

static json_t *secp256k1_jwk(const json_t *key) {
  aod_slice_t point = vector_b64(key, "public_uncompressed_b64");
  aod_buf_t d = {0}, x = {0}, y = {0};
  aod_base64url_encode(vector_hex(key, "private_hex"), &d);
  aod_base64url_encode(aod_slice_sub(point, 1, 32), &x);
  aod_base64url_encode(aod_slice_sub(point, 33, 32), &y);
  json_t *jwk = json_pack("{s:s, s:s, s:s%, s:s%, s:s%}", "kty", "EC", "crv", "secp256k1", "d",
                          d.ptr, d.len, "x", x.ptr, x.len, "y", y.ptr, y.len);
  aod_buf_free(&d);
  aod_buf_free(&x);
  aod_buf_free(&y);
  return jwk;
}

static void reads_curve_wallets(void **state) {
  (void)state;
  static const struct {
    const char *list;
    json_t *(*jwk)(const json_t *key);
  } curves[] = {{"ed25519", ed25519_jwk}, {"secp256k1", secp256k1_jwk}};
  json_t *file = vectors_load("arweave/keys.TEST-ONLY.json");
  for (size_t c = 0; c < 2; c++) {
    VECTOR_EACH(file, curves[c].list, i, key) {
      json_t *jwk = curves[c].jwk(key);
      aod_signer_t *signer = from_json(jwk);
      uint8_t address[32];
      aod_signer_address(signer, address);
      assert_string_equal(aod_signer_kind(signer), curves[c].list);
      vector_expect_bytes("address", aod_slice(address, 32),
                          vector_b64(key, "owner_sha256_address"));
      expect_signs(signer);
      aod_signer_free(signer);
      json_object_set_new(jwk, "x", json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
      expect_refused(jwk, "public key");
      json_object_set_new(jwk, "x", json_string("AAAA"));
      expect_refused(jwk, "not 32");
      json_decref(jwk);
    }
  }
  json_decref(file);
}

static void refuses_scalars_that_are_no_keys(void **state) {
  (void)state;
  static const char *const scalars[] = {
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* zero */
      "_____________________rqu3OavSKA7v9JejNA2QUE", /* the order of the curve */
      "__________________________________________8",
  };
  for (size_t i = 0; i < 3; i++) {
    json_t *jwk = json_pack("{s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "secp256k1", "d",
                            scalars[i], "x", scalars[0], "y", scalars[0]);
    expect_refused(jwk, "no secp256k1 private key");
    json_decref(jwk);
  }
}

/* Ed25519 and secp256k1 sign without randomness: items come out as the vectors have them. */
static void rebuilds_the_items_of_the_vectors(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/data_items.json");
  json_t *keys = vectors_load("arweave/keys.TEST-ONLY.json");
  size_t seen = 0;
  VECTOR_EACH(file, "cases", i, vector) {
    uint64_t type = vector_number(vector, "signature_type");
    if (type != AOD_SCHEME_ED25519 && type != AOD_SCHEME_ETHEREUM) continue;
    aod_slice_t raw = vector_b64(vector, "item_b64");
    aod_arena_t arena = {0};
    aod_item_t item;
    assert_int_equal(aod_item_parse(raw, &arena, &item, NULL), AOD_OK);
    bool curve = type == AOD_SCHEME_ED25519;
    VECTOR_EACH(keys, curve ? "ed25519" : "secp256k1", k, key) {
      json_t *jwk = curve ? ed25519_jwk(key) : secp256k1_jwk(key);
      aod_signer_t *signer = from_json(jwk);
      if (aod_slice_equal(aod_signer_owner(signer), item.owner)) {
        aod_item_fields_t fields = {item.target, item.anchor, item.tags, item.data};
        aod_buf_t again = {0};
        assert_int_equal(aod_item_sign(&fields, signer, &again, NULL, NULL), AOD_OK);
        vector_expect_bytes(vector_text(vector, "name"), aod_buf_slice(&again), raw);
        aod_buf_free(&again);
        seen++;
      }
      aod_signer_free(signer);
      json_decref(jwk);
    }
    aod_arena_free(&arena);
  }
  assert_int_equal(seen, 4);
  json_decref(keys);
  json_decref(file);
}

static void generates_wallets_that_read_back(void **state) {
  (void)state;
  static const char *const kinds[] = {"rsa", "ed25519", "secp256k1"};
  for (size_t i = 0; i < 3; i++) {
    aod_signer_t *made = NULL, *read = NULL;
    aod_buf_t json = {0};
    aod_error_t err;
    if (aod_signer_generate(kinds[i], &made, &err)) fail_msg("%s", err.message);
    assert_string_equal(aod_signer_kind(made), kinds[i]);
    aod_signer_to_jwk(made, &json);
    if (aod_signer_from_jwk(aod_buf_slice(&json), &read, &err)) fail_msg("%s", err.message);
    vector_expect_bytes(kinds[i], aod_signer_owner(read), aod_signer_owner(made));
    expect_signs(read);
    aod_buf_free(&json);
    aod_signer_free(made);
    aod_signer_free(read);
  }
  aod_signer_t *none = NULL;
  assert_int_equal(aod_signer_generate("dsa", &none, NULL), AOD_EUSAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_rsa_wallets),
      cmocka_unit_test(names_what_is_wrong_with_an_rsa_wallet),
      cmocka_unit_test(tolerates_a_missing_kty),
      cmocka_unit_test(refuses_what_is_no_jwk),
      cmocka_unit_test(signs_deterministically_when_asked),
      cmocka_unit_test(salts_signatures_otherwise),
      cmocka_unit_test(one_signer_serves_several_threads),
      cmocka_unit_test(reads_curve_wallets),
      cmocka_unit_test(refuses_scalars_that_are_no_keys),
      cmocka_unit_test(rebuilds_the_items_of_the_vectors),
      cmocka_unit_test(generates_wallets_that_read_back),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
