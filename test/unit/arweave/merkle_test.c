#include "support/vectors.h"

#include "arweave/merkle.h"

/* ---- trees ---- */

static aod_merkle_t *tree_of(aod_slice_t data, size_t piece_len, aod_split_t split) {
  aod_merkle_t *tree = aod_merkle_new(data.len, split);
  for (size_t at = 0; at < data.len; at += piece_len)
    assert_int_equal(aod_merkle_feed(tree, aod_slice_sub(data, at, piece_len), NULL), AOD_OK);
  assert_int_equal(aod_merkle_finish(tree, NULL), AOD_OK);
  return tree;
}

static aod_slice_t data_of(const json_t *vector) {
  const json_t *generator = json_object_get(vector, "data_generator");
  return generator ? vector_generate(generator) : vector_b64(vector_get(vector, "tx"), "data");
}

/* A chunk of the vector: its range, its proof, and that both verify with its bytes. */
static void expect_chunk(const aod_merkle_t *tree, aod_slice_t data, const json_t *expected) {
  const json_t *post = vector_get(expected, "post_chunk");
  size_t index = vector_number(expected, "index");
  aod_chunk_t chunk = aod_merkle_chunk(tree, index), proven;
  aod_slice_t bytes = aod_slice_sub(data, chunk.start, chunk.end - chunk.start);
  aod_buf_t path = {0};
  aod_error_t err;
  const json_t *range = vector_get(expected, "range");
  assert_int_equal(chunk.start, json_integer_value(json_array_get(range, 0)));
  assert_int_equal(chunk.end, json_integer_value(json_array_get(range, 1)));
  aod_merkle_path(tree, index, &path);
  vector_expect_bytes("data_path", aod_buf_slice(&path), vector_b64(post, "data_path"));
  if (aod_chunk_verify(aod_merkle_root(tree), chunk.end - 1, data.len, aod_buf_slice(&path), bytes,
                       &proven, &err))
    fail_msg("chunk %zu: %s", index, err.message);
  assert_memory_equal(&proven, &chunk, sizeof chunk);
  aod_buf_free(&path);
}

static void builds_the_trees_of_arweave_js(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/transactions.json");
  size_t seen = 0;
  VECTOR_EACH(file, "cases", i, vector) {
    if (!json_object_get(vector, "chunks")) continue;
    aod_slice_t data = data_of(vector);
    aod_merkle_t *tree = tree_of(data, 100003, AOD_SPLIT_EVEN);
    vector_expect_bytes(vector_text(vector, "name"), aod_slice(aod_merkle_root(tree), 32),
                        vector_b64(vector_get(vector, "tx"), "data_root"));
    assert_int_equal(aod_merkle_chunk_count(tree),
                     vector_number(vector_get(vector, "upload"), "chunk_posts"));
    VECTOR_EACH(vector, "chunks", c, expected) expect_chunk(tree, data, expected);
    aod_merkle_free(tree);
    seen++;
  }
  assert_true(seen >= 19);
  json_decref(file);
}

static void pieces_make_no_difference(void **state) {
  (void)state;
  static const size_t pieces[] = {1000, 262143, 262144, 262145, 600000};
  aod_slice_t data = vector_generate_bytes(600000, 3, 5, 7, 1);
  uint8_t root[32];
  aod_merkle_data_root(data, AOD_SPLIT_EVEN, root);
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    aod_merkle_t *tree = tree_of(data, pieces[i], AOD_SPLIT_EVEN);
    assert_memory_equal(aod_merkle_root(tree), root, 32);
    aod_merkle_free(tree);
  }
}

/* 262145 bytes: two halves when even, a full chunk and one byte when plain. */
static void splits_evenly_or_plainly(void **state) {
  (void)state;
  aod_slice_t data = vector_generate_bytes(262145, 3, 5, 7, 1);
  aod_merkle_t *even = tree_of(data, data.len, AOD_SPLIT_EVEN);
  aod_merkle_t *plain = tree_of(data, data.len, AOD_SPLIT_PLAIN);
  assert_int_equal(aod_merkle_chunk(even, 0).end, 131073);
  assert_int_equal(aod_merkle_chunk(plain, 0).end, 262144);
  assert_memory_not_equal(aod_merkle_root(even), aod_merkle_root(plain), 32);
  aod_merkle_free(even);
  aod_merkle_free(plain);
}

static void refuses_too_much_and_too_little_data(void **state) {
  (void)state;
  aod_merkle_t *tree = aod_merkle_new(3, AOD_SPLIT_EVEN);
  assert_int_equal(aod_merkle_feed(tree, AOD_TEXT("abcd"), NULL), AOD_EINPUT);
  assert_int_equal(aod_merkle_feed(tree, AOD_TEXT("ab"), NULL), AOD_OK);
  assert_int_equal(aod_merkle_finish(tree, NULL), AOD_EINPUT);
  assert_int_equal(aod_merkle_feed(tree, AOD_TEXT("c"), NULL), AOD_OK);
  assert_int_equal(aod_merkle_finish(tree, NULL), AOD_OK);
  aod_merkle_free(tree);
  tree = aod_merkle_new(0, AOD_SPLIT_EVEN);
  assert_int_equal(aod_merkle_finish(tree, NULL), AOD_EINPUT);
  aod_merkle_free(tree);
}

/* Every chunk of every shape of tree proves itself, at its first and last byte, and no neighbour.
 */
static void every_chunk_proves_itself(void **state) {
  (void)state;
  for (size_t count = 1; count <= 9; count++) {
    aod_slice_t data = vector_generate_bytes(count * AOD_CHUNK_BYTES_MAX - 7, 11, 3, 5, count);
    aod_merkle_t *tree = tree_of(data, data.len, AOD_SPLIT_PLAIN);
    assert_int_equal(aod_merkle_chunk_count(tree), count);
    for (size_t i = 0; i < count; i++) {
      aod_chunk_t chunk = aod_merkle_chunk(tree, i), proven;
      aod_buf_t path = {0};
      aod_merkle_path(tree, i, &path);
      const uint64_t inside[] = {chunk.start, chunk.end - 1};
      for (size_t k = 0; k < 2; k++)
        assert_int_equal(aod_merkle_path_verify(aod_merkle_root(tree), inside[k], data.len,
                                                aod_buf_slice(&path), &proven, NULL),
                         AOD_OK);
      if (i + 1 < count)
        assert_int_equal(aod_merkle_path_verify(aod_merkle_root(tree), chunk.end, data.len,
                                                aod_buf_slice(&path), &proven, NULL),
                         AOD_EINPUT);
      aod_buf_free(&path);
    }
    aod_merkle_free(tree);
  }
}

/* ---- proofs ---- */

static void judges_the_paths_of_the_vectors(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/merkle_paths.json");
  VECTOR_EACH(file, "cases", i, vector) {
    const char *verdict = vector_text(vector_get(vector, "expect"), "verdict");
    bool rejected = strcmp(verdict, "reject") == 0; /* what is left open, we clamp as nodes do */
    aod_slice_t root = vector_b64(vector, "data_root");
    aod_chunk_t chunk;
    aod_error_t err = {0};
    int rc = aod_merkle_path_verify(root.ptr, strtoull(vector_text(vector, "offset"), NULL, 10),
                                    strtoull(vector_text(vector, "data_size"), NULL, 10),
                                    vector_b64(vector, "data_path"), &chunk, &err);
    if (rc != (rejected ? AOD_EINPUT : AOD_OK))
      fail_msg("%s: %s", vector_text(vector, "name"), rc ? err.message : "accepted");
    if (strcmp(verdict, "accept") != 0) continue;
    const json_t *observed = vector_get(vector, "observed");
    assert_int_equal(chunk.start, vector_number(observed, "leftBound"));
    assert_int_equal(chunk.end, vector_number(observed, "rightBound"));
  }
  json_decref(file);
}

/* The last leaf says where the data ends: a proof of 300000 bytes is none of 300001. */
static void refuses_another_size_than_the_tree_has(void **state) {
  (void)state;
  aod_slice_t data = vector_generate_bytes(300000, 11, 3, 5, 1);
  aod_merkle_t *tree = tree_of(data, data.len, AOD_SPLIT_EVEN);
  aod_chunk_t chunk;
  aod_buf_t path = {0};
  aod_merkle_path(tree, aod_merkle_chunk_count(tree) - 1, &path);
  for (uint64_t size = data.len - 1; size <= data.len + 1; size++) {
    int rc = aod_merkle_path_verify(aod_merkle_root(tree), size - 1, size, aod_buf_slice(&path),
                                    &chunk, NULL);
    assert_int_equal(rc, size == data.len ? AOD_OK : AOD_EINPUT);
  }
  aod_buf_free(&path);
  aod_merkle_free(tree);
}

static void refuses_a_chunk_that_is_another(void **state) {
  (void)state;
  aod_slice_t data = vector_generate_bytes(300000, 11, 3, 5, 1);
  aod_merkle_t *tree = tree_of(data, data.len, AOD_SPLIT_EVEN);
  aod_chunk_t chunk = aod_merkle_chunk(tree, 0), proven;
  aod_slice_t bytes = aod_slice_sub(data, 0, chunk.end);
  aod_buf_t path = {0};
  aod_merkle_path(tree, 0, &path);
  aod_slice_t proof = aod_buf_slice(&path);
  const uint8_t *root = aod_merkle_root(tree);
  assert_int_equal(aod_chunk_verify(root, 0, data.len, proof, bytes, &proven, NULL), AOD_OK);
  assert_int_equal(
      aod_chunk_verify(root, 0, data.len, proof, aod_slice_sub(data, 1, chunk.end), &proven, NULL),
      AOD_EINPUT);
  assert_int_equal(aod_chunk_verify(root, 0, data.len, proof, aod_slice_sub(data, 0, chunk.end - 1),
                                    &proven, NULL),
                   AOD_EINPUT);
  aod_buf_free(&path);
  aod_merkle_free(tree);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(builds_the_trees_of_arweave_js),
      cmocka_unit_test(pieces_make_no_difference),
      cmocka_unit_test(splits_evenly_or_plainly),
      cmocka_unit_test(refuses_too_much_and_too_little_data),
      cmocka_unit_test(every_chunk_proves_itself),
      cmocka_unit_test(judges_the_paths_of_the_vectors),
      cmocka_unit_test(refuses_another_size_than_the_tree_has),
      cmocka_unit_test(refuses_a_chunk_that_is_another),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
