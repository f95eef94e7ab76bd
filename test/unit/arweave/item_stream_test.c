#include "support/vectors.h"

#include "arweave/hash.h"
#include "arweave/item_stream.h"

static int feed_all(aod_item_stream_t *stream, aod_slice_t raw, size_t piece_len,
                    aod_error_t *err) {
  int rc = AOD_OK;
  for (size_t at = 0; !rc && at < raw.len; at += piece_len)
    rc = aod_item_stream_feed(stream, aod_slice_sub(raw, at, piece_len), err);
  return rc ? rc : aod_item_stream_finish(stream, err);
}

static int verify_in_pieces(aod_slice_t raw, size_t piece_len, aod_error_t *err) {
  aod_item_stream_t *stream = aod_item_stream_new();
  int rc = feed_all(stream, raw, piece_len, err);
  aod_item_stream_free(stream);
  return rc;
}

static const size_t pieces[] = {1, 2, 7, 512, 1000, 1 << 20};
enum { PIECES = sizeof pieces / sizeof *pieces };

static void accepts_valid_items_in_any_pieces(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/data_items.json");
  VECTOR_EACH(file, "cases", i, vector) {
    aod_slice_t raw = vector_b64(vector, "item_b64");
    for (size_t p = 0; p < PIECES; p++) {
      aod_item_stream_t *stream = aod_item_stream_new();
      aod_error_t err;
      if (feed_all(stream, raw, pieces[p], &err))
        fail_msg("%s in %zu: %s", vector_text(vector, "name"), pieces[p], err.message);
      const aod_item_t *item = aod_item_stream_item(stream);
      vector_expect_bytes("id", aod_slice(item->id, 32), vector_b64(vector, "id"));
      assert_int_equal(item->raw.len, vector_number(vector, "data_offset"));
      assert_int_equal(item->tags.count, json_array_size(vector_get(vector, "tags")));
      assert_int_equal(aod_item_stream_data_len(stream), vector_b64(vector, "data_b64").len);
      aod_item_stream_free(stream);
    }
  }
  json_decref(file);
}

/* The stream and the whole must judge alike, whatever is wrong. */
static void refuses_what_the_whole_parser_refuses(void **state) {
  (void)state;
  static const char *const files[] = {"arweave/data_items_invalid.json",
                                      "arweave/data_items_corner.json"};
  for (size_t f = 0; f < 2; f++) {
    json_t *file = vectors_load(files[f]);
    VECTOR_EACH(file, "cases", i, vector) {
      aod_slice_t raw = vector_b64(vector, "item_b64");
      aod_arena_t arena = {0};
      aod_item_t item;
      int whole = aod_item_parse(raw, &arena, &item, NULL);
      if (!whole) whole = aod_item_verify(&item, NULL);
      aod_arena_free(&arena);
      for (size_t p = 0; p < PIECES; p++)
        assert_int_equal(verify_in_pieces(raw, pieces[p], NULL), whole);
    }
    json_decref(file);
  }
}

static void knows_the_header_before_the_data(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/data_items.json");
  const json_t *vector = json_array_get(vector_get(file, "cases"), 2);
  aod_slice_t raw = vector_b64(vector, "item_b64");
  size_t header_len = vector_number(vector, "data_offset");
  aod_item_stream_t *stream = aod_item_stream_new();
  assert_int_equal(aod_item_stream_feed(stream, aod_slice_sub(raw, 0, header_len - 1), NULL), 0);
  assert_null(aod_item_stream_item(stream));
  assert_int_equal(aod_item_stream_finish(stream, NULL), AOD_EINPUT);
  assert_int_equal(aod_item_stream_feed(stream, aod_slice_sub(raw, header_len - 1, 1), NULL), 0);
  assert_non_null(aod_item_stream_item(stream));
  assert_int_equal(aod_item_stream_data_len(stream), 0);
  aod_item_stream_free(stream);
  json_decref(file);
}

/* Data larger than any buffer: signed by its digest, verified in pieces. */
static void signs_and_verifies_data_that_is_never_held(void **state) {
  (void)state;
  enum { PIECE = 65536, COUNT = 64 };
  static uint8_t piece[PIECE];
  aod_blob_hash_t data;
  uint8_t digest[48], id[32];
  aod_signer_t *signer = NULL;
  aod_buf_t header = {0};
  aod_blob_hash_begin(&data);
  for (int i = 0; i < COUNT; i++) aod_blob_hash_add(&data, aod_slice(piece, PIECE));
  aod_blob_hash_finish(&data, digest);
  aod_blob_hash_deinit(&data);
  assert_int_equal(aod_signer_generate("ed25519", &signer, NULL), AOD_OK);
  assert_int_equal(aod_item_sign_header(&(aod_item_fields_t){0}, digest, signer, &header, id, NULL),
                   AOD_OK);
  aod_item_stream_t *stream = aod_item_stream_new();
  assert_int_equal(aod_item_stream_feed(stream, aod_buf_slice(&header), NULL), AOD_OK);
  for (int i = 0; i < COUNT; i++)
    assert_int_equal(aod_item_stream_feed(stream, aod_slice(piece, PIECE), NULL), AOD_OK);
  assert_int_equal(aod_item_stream_finish(stream, NULL), AOD_OK);
  assert_memory_equal(aod_item_stream_item(stream)->id, id, 32);
  assert_int_equal(aod_item_stream_data_len(stream), PIECE * COUNT);
  aod_item_stream_free(stream);
  aod_signer_free(signer);
  aod_buf_free(&header);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(accepts_valid_items_in_any_pieces),
      cmocka_unit_test(refuses_what_the_whole_parser_refuses),
      cmocka_unit_test(knows_the_header_before_the_data),
      cmocka_unit_test(signs_and_verifies_data_that_is_never_held),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
