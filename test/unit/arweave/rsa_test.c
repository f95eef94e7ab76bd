#include "support/vectors.h"

#include <openssl/rsa.h>

#include "arweave/rsa.h"
#include "arweave/thread.h"

static void verifies_every_salt_length(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/rsa_pss.json");
  aod_slice_t owner = vector_b64(file, "owner_b64");
  VECTOR_EACH(file, "cases", i, vector) {
    aod_error_t err;
    if (aod__rsa_verify(owner, vector_b64(vector, "signature_b64"),
                        vector_b64(vector, "message_b64"), &err))
      fail_msg("%s: %s", vector_text(vector, "name"), err.message);
  }
  json_decref(file);
}

static void refuses_invalid_encodings(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/rsa_pss.json");
  aod_slice_t owner = vector_b64(file, "owner_b64");
  VECTOR_EACH(file, "invalid", i, vector) {
    int rc = aod__rsa_verify(owner, vector_b64(vector, "signature_b64"),
                             vector_b64(vector, "message_b64"), NULL);
    if (rc != AOD_ESIGNATURE) fail_msg("%s: %d", vector_text(vector, "name"), rc);
  }
  json_decref(file);
}

/* Moduli that are no RSA keys: zero, one, even, short. None may crash or verify. */
static void refuses_absurd_keys(void **state) {
  (void)state;
  uint8_t modulus[512] = {0}, signature[512] = {0};
  aod_slice_t message = AOD_TEXT("m");
  const size_t lens[] = {0, 1, 2, 64, 256, 512};
  for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
    for (int last = 0; last < 4; last++) {
      if (lens[i]) modulus[lens[i] - 1] = (uint8_t)last;
      assert_int_equal(aod__rsa_verify(aod_slice(modulus, lens[i]), aod_slice(signature, lens[i]),
                                       message, NULL),
                       AOD_ESIGNATURE);
    }
    memset(modulus, 0xff, sizeof modulus);
    assert_int_equal(
        aod__rsa_verify(aod_slice(modulus, lens[i]), aod_slice(signature, lens[i]), message, NULL),
        AOD_ESIGNATURE);
  }
  uint8_t long_key[513] = {1};
  assert_int_equal(
      aod__rsa_verify(aod_slice(long_key, 513), aod_slice(long_key, 513), message, NULL),
      AOD_ESIGNATURE);
}

/* More owners than the cache has slots, twice: the real one must verify before, between, after. */
static void keeps_no_more_keys_than_it_has_slots_for(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/rsa_pss.json");
  const json_t *vector = json_array_get(vector_get(file, "cases"), 0);
  aod_slice_t owner = vector_b64(file, "owner_b64");
  aod_slice_t signature = vector_b64(vector, "signature_b64");
  aod_slice_t message = vector_b64(vector, "message_b64");
  for (int i = 0; i < 2 * AOD__RSA_CACHE + 3; i++) {
    uint8_t other[512];
    memcpy(other, owner.ptr, sizeof other);
    other[1] ^= (uint8_t)(i + 1);
    other[0] |= 0x80;
    assert_int_equal(aod__rsa_verify(aod_slice(other, 512), signature, message, NULL),
                     AOD_ESIGNATURE);
    if (i % 5 == 0) assert_int_equal(aod__rsa_verify(owner, signature, message, NULL), AOD_OK);
  }
  assert_int_equal(aod__rsa_verify(owner, signature, message, NULL), AOD_OK);
  json_decref(file);
}

/* Transactions of the first years may have 2048-bit keys. */
static void signs_and_verifies_with_smaller_keys(void **state) {
  (void)state;
  EVP_PKEY *key = EVP_RSA_gen(2048);
  BIGNUM *n = NULL;
  uint8_t modulus[256];
  aod_buf_t signature = {0};
  assert_true(EVP_PKEY_get_bn_param(key, "n", &n));
  assert_int_equal(BN_bn2binpad(n, modulus, sizeof modulus), sizeof modulus);
  assert_int_equal(aod__rsa_sign(key, AOD_TEXT("m"), 32, &signature, NULL), AOD_OK);
  aod_slice_t owner = aod_slice(modulus, sizeof modulus);
  assert_int_equal(aod__rsa_verify(owner, aod_buf_slice(&signature), AOD_TEXT("m"), NULL), AOD_OK);
  assert_int_equal(aod__rsa_verify(owner, aod_buf_slice(&signature), AOD_TEXT("n"), NULL),
                   AOD_ESIGNATURE);
  aod_buf_free(&signature);
  BN_free(n);
  EVP_PKEY_free(key);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(verifies_every_salt_length),
      cmocka_unit_test(refuses_invalid_encodings),
      cmocka_unit_test(refuses_absurd_keys),
      cmocka_unit_test(signs_and_verifies_with_smaller_keys),
      cmocka_unit_test(keeps_no_more_keys_than_it_has_slots_for),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
