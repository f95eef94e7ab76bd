#include "support/vectors.h"

#include "arweave/hash.h"

/* The vectors write a blob as base64url text and a list as an array. */
static void deep_hash(const json_t *tree, uint8_t digest[48]) {
  if (json_is_string(tree)) {
    aod_deep_hash_blob(vector_decode_b64(json_string_value(tree)), digest);
    return;
  }
  aod_deep_hash_t list;
  aod_deep_hash_begin(&list, json_array_size(tree));
  size_t i;
  const json_t *element;
  json_array_foreach((json_t *)tree, i, element) {
    uint8_t inner[48];
    deep_hash(element, inner);
    aod_deep_hash_add_digest(&list, inner);
  }
  memcpy(digest, list.state, 48);
}

static void deep_hash_vectors(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/deep_hash.json");
  VECTOR_EACH(file, "cases", i, vector) {
    uint8_t digest[48];
    if (json_object_get(vector, "generator")) /* a sentence; its numbers: */
      aod_deep_hash_blob(vector_generate_bytes(1048576, 7, 13, 29, 0), digest);
    else
      deep_hash(vector_get(vector, "input"), digest);
    vector_expect_bytes(vector_text(vector, "name"), aod_slice(digest, 48),
                        vector_b64(vector, "sha384_deep_hash"));
  }
  json_decref(file);
}

static void parts_hash_like_the_whole(void **state) {
  (void)state;
  aod_slice_t parts[3] = {AOD_TEXT("a"), AOD_EMPTY, AOD_TEXT("bc")};
  uint8_t whole[32], pieces[32];
  aod_sha256(AOD_TEXT("abc"), whole);
  aod_sha256_parts(parts, 3, pieces);
  assert_memory_equal(whole, pieces, 32);
  static const uint8_t expected[4] = {0xba, 0x78, 0x16, 0xbf}; /* FIPS 180 */
  assert_memory_equal(whole, expected, 4);
}

static void pieces_hash_like_the_whole(void **state) {
  (void)state;
  aod_sha256_t hash;
  uint8_t whole[32], pieces[32];
  aod_sha256(AOD_TEXT("abc"), whole);
  aod_sha256_begin(&hash);
  aod_sha256_add(&hash, AOD_TEXT("a"));
  aod_sha256_add(&hash, AOD_EMPTY);
  aod_sha256_add(&hash, AOD_TEXT("bc"));
  aod_sha256_finish(&hash, pieces);
  aod_sha256_deinit(&hash);
  assert_memory_equal(whole, pieces, 32);
}

static void adding_a_blob_is_adding_its_digest(void **state) {
  (void)state;
  aod_deep_hash_t a, b;
  uint8_t digest[48];
  aod_deep_hash_begin(&a, 2);
  aod_deep_hash_begin(&b, 2);
  aod_deep_hash_add(&a, AOD_TEXT("blob"));
  aod_deep_hash_blob(AOD_TEXT("blob"), digest);
  aod_deep_hash_add_digest(&b, digest);
  assert_memory_equal(a.state, b.state, 48);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(deep_hash_vectors),
      cmocka_unit_test(parts_hash_like_the_whole),
      cmocka_unit_test(pieces_hash_like_the_whole),
      cmocka_unit_test(adding_a_blob_is_adding_its_digest),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
