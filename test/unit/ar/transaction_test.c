/* Transactions over HTTP: pending and mined, chunks in any order, anchors, balances, places in the
 * weave, taking back. */
#include "support/archive.h"

#include <unistd.h>

#include "ar/limits.h"
#include "ar/waiting.h"
#include "ar/wallets.h"
#include "arweave/merkle.h"

/* ---- pending and mined ---- */

static void a_transaction_is_pending_until_a_block_comes(void **state) {
  archive_t *archive = *state;
  aod_transaction_t one = archive_sign(archive, (aod_transaction_t){0}, AOD_TEXT("one"));
  archive_post_tx(archive, &one, true, 200);
  assert_true(archive_find(archive, one.id).pending);
  archive_expect_data(archive, one.id, AOD_TEXT("one"));
  archive_get_id(archive, "/tx/", one.id, "/status", 202);
  archive_get(archive, "/height", 200);
  assert_string_equal(archive_body(archive), "0");
  /* an item makes a block, and that takes the transaction in */
  uint8_t id[AOD_ID_BYTES];
  aod_item_fields_t fields = {.data = AOD_TEXT("item")};
  aod_buf_t raw = {0};
  assert_int_equal(aod_item_sign(&fields, archive->quick, &raw, id, NULL), AOD_OK);
  archive_post(archive, "/tx", "application/octet-stream", aod_buf_slice(&raw), 200);
  aod_buf_free(&raw);
  assert_int_equal(archive_find(archive, one.id).block.height, 1);
  assert_int_equal(archive_find(archive, id).block.height, 1);
  assert_true(archive_find(archive, one.id).sequence < archive_find(archive, id).sequence);
  archive_get_id(archive, "/tx/", one.id, "/status", 200);
  archive_get_id(archive, "/tx/", id, "/status", 404);
}

static void the_last_of_several_mined_blocks_takes_it_in(void **state) {
  archive_t *archive = *state;
  aod_transaction_t one = archive_sign(archive, (aod_transaction_t){0}, AOD_TEXT("one"));
  archive_post_tx(archive, &one, true, 200);
  archive_get(archive, "/mine/5", 200);
  assert_int_equal(archive_find(archive, one.id).block.height, 5);
}

static void a_block_makes_itself_when_it_is_due(void **state) {
  archive_t *archive = *state;
  aod_transaction_t one = archive_sign(archive, (aod_transaction_t){0}, AOD_TEXT("one"));
  archive_post_tx(archive, &one, true, 200);
  archive_stop(archive);
  archive->block_ms = 20; /* what is pending already is due as well */
  archive_start(archive);
  for (int i = 0; i < 2; i++) {
    for (int tries = 0; tries < 5000 && archive_find(archive, one.id).pending; tries++)
      usleep(1000);
    assert_int_equal(archive_find(archive, one.id).block.height, i + 1);
    one = archive_sign(archive, (aod_transaction_t){0}, AOD_TEXT("two"));
    archive_post_tx(archive, &one, true, 200);
  }
}

static void posting_again_changes_nothing(void **state) {
  archive_t *archive = *state;
  aod_transaction_t small = archive_sign(archive, (aod_transaction_t){0}, AOD_TEXT("small"));
  aod_transaction_t large =
      archive_sign(archive, (aod_transaction_t){0}, archive_bytes(archive, 300000));
  for (int again = 0; again < 3; again++) {
    archive_post_tx(archive, &small, true, again ? 208 : 200);
    archive_post_tx(archive, &large, false, again ? 208 : 200);
  }
  archive_post_tx(archive, &small, false, 208); /* its data is known */
  archive_get(archive, "/mine", 200);
  archive_post_tx(archive, &small, true, 208);
}

static void refuses_more_data_than_the_limit(void **state) {
  archive_t *archive = *state;
  uint8_t root[32] = {1};
  aod_transaction_t fields = {.data_root = aod_slice(root, sizeof root),
                              .data_size = AOD__TRANSACTION_BYTES_MAX + 1};
  aod_transaction_t huge = archive_sign(archive, fields, AOD_EMPTY);
  archive_post_tx(archive, &huge, false, 413);
  fields.data_size--;
  aod_transaction_t large = archive_sign(archive, fields, AOD_EMPTY);
  archive_post_tx(archive, &large, false, 200);
  archive_get_id(archive, "/tx/", huge.id, "", 404);
  archive_get_id(archive, "/tx/", large.id, "", 200);
}

static void keeps_more_tags_than_items_may_have(void **state) {
  enum { COUNT = 500 };
  archive_t *archive = *state;
  aod_tag_t list[COUNT];
  for (int i = 0; i < COUNT; i++) list[i] = (aod_tag_t){AOD_TEXT("n"), AOD_TEXT("v")};
  aod_transaction_t many =
      archive_sign(archive, (aod_transaction_t){.tags = {list, COUNT}}, AOD_TEXT("x"));
  archive_post_tx(archive, &many, true, 200);
  assert_int_equal(archive_find(archive, many.id).tags.count, COUNT);
  archive_get_id(archive, "/", many.id, "", 200);
}

/* ---- chunks ---- */

static void post_chunk(archive_t *archive, const aod_merkle_t *tree, aod_slice_t data, size_t index,
                       int status) {
  aod_chunk_t chunk = aod_merkle_chunk(tree, index);
  aod_buf_t path = {0}, json = {0};
  aod_merkle_path(tree, index, &path);
  aod_buf_text(&json, "{");
  aod_base64url_member(&json, "data_root", aod_slice(aod_merkle_root(tree), 32));
  aod_base64url_member(&json, "data_path", aod_buf_slice(&path));
  aod_base64url_member(&json, "chunk", aod_slice_sub(data, chunk.start, chunk.end - chunk.start));
  aod_buf_printf(&json, ",\"data_size\":\"%zu\",\"offset\":\"%llu\"}", data.len,
                 (unsigned long long)chunk.end - 1);
  archive_post(archive, "/chunk", "application/json", aod_buf_slice(&json), status);
  aod_buf_free(&json);
  aod_buf_free(&path);
}

static aod_merkle_t *tree_of(aod_slice_t data) {
  aod_merkle_t *tree = aod_merkle_new(data.len, AOD_SPLIT_EVEN);
  assert_int_equal(aod_merkle_feed(tree, data, NULL), AOD_OK);
  assert_int_equal(aod_merkle_finish(tree, NULL), AOD_OK);
  return tree;
}

static void chunks_complete_a_transaction_across_a_restart(void **state) {
  archive_t *archive = *state;
  aod_slice_t data = archive_bytes(archive, 4 * AOD_CHUNK_BYTES_MAX); /* with an empty leaf */
  aod_merkle_t *tree = tree_of(data);
  aod_transaction_t large = archive_sign(archive, (aod_transaction_t){0}, data);
  post_chunk(archive, tree, data, 0, 400); /* nobody has asked for it yet */
  archive_post_tx(archive, &large, false, 200);
  size_t count = aod_merkle_chunk_count(tree);
  assert_int_equal(count, 4);
  for (size_t i = count; i-- > 0;) {
    archive_get_id(archive, "/", large.id, "", 404);
    post_chunk(archive, tree, data, i, 200);
    if (i == 2) {
      archive_stop(archive);
      archive_start(archive);
    }
  }
  archive_expect_data(archive, large.id, data);
  post_chunk(archive, tree, data, 1, 200); /* again: no harm */
  archive_expect_data(archive, large.id, data);
  aod_merkle_free(tree);
}

/* Every byte of the weave belongs to one transaction, and chunks served from it prove themselves.
 */
static void the_weave_has_no_holes(void **state) {
  archive_t *archive = *state;
  aod_slice_t data[] = {AOD_TEXT("a"), archive_bytes(archive, 300000), AOD_TEXT("ccc")};
  uint64_t end = 0;
  for (int i = 0; i < 3; i++) {
    aod_transaction_t transaction = archive_sign(archive, (aod_transaction_t){0}, data[i]);
    archive_post_tx(archive, &transaction, true, 200);
    uint64_t start = end;
    end += data[i].len;
    assert_int_equal(archive_find(archive, transaction.id).weave_end, end);
    for (uint64_t at = start + 1; at <= end; at += 100000) {
      char path[60];
      snprintf(path, sizeof path, "/chunk/%llu", (unsigned long long)at);
      archive_get(archive, path, 200);
      json_t *json;
      assert_int_equal(aod_json_parse(aod_buf_slice(&archive->call.body), &json, NULL), AOD_OK);
      aod_buf_t bytes = {0}, proof = {0};
      aod_base64url_decode(aod_json_get_string(json, "chunk"), &bytes, NULL);
      aod_base64url_decode(aod_json_get_string(json, "data_path"), &proof, NULL);
      aod_chunk_t chunk;
      assert_int_equal(aod_chunk_verify(transaction.data_root.ptr, at - start - 1, data[i].len,
                                        aod_buf_slice(&proof), aod_buf_slice(&bytes), &chunk, NULL),
                       AOD_OK);
      aod_buf_free(&bytes);
      aod_buf_free(&proof);
      json_decref(json);
    }
  }
  archive_get(archive, "/chunk/300005", 404);
  archive_get(archive, "/chunk/0", 404);
  archive_get(archive, "/chunk/18446744073709551615", 404);
}

/* ---- anchors ---- */

static void anchors_are_checked(void **state) {
  archive_t *archive = *state;
  aod_ar_block_t block;
  assert_int_equal(aod__index_newest_block(archive->ar, &block, NULL), AOD_OK);
  aod_slice_t recent = aod_slice(block.hash, sizeof block.hash);
  aod_transaction_t one =
      archive_sign(archive, (aod_transaction_t){.last_tx = recent}, AOD_TEXT("1"));
  archive_post_tx(archive, &one, true, 200);
  aod_slice_t newest = aod_slice(one.id, AOD_ID_BYTES);
  aod_transaction_t two =
      archive_sign(archive, (aod_transaction_t){.last_tx = newest}, AOD_TEXT("2"));
  archive_post_tx(archive, &two, true, 200);
  aod_transaction_t three = /* `one` is not the newest any more */
      archive_sign(archive, (aod_transaction_t){.last_tx = newest}, AOD_TEXT("3"));
  archive_post_tx(archive, &three, true, 400);
  check_contains(archive_body(archive), "anchor");
  uint8_t unknown[48] = {1};
  aod_transaction_t four =
      archive_sign(archive, (aod_transaction_t){.last_tx = aod_slice(unknown, 48)}, AOD_TEXT("4"));
  archive_post_tx(archive, &four, true, 400);
  /* old in blocks alone is not too old, and neither is old in time alone */
  archive_get(archive, "/mine/60", 200);
  aod_transaction_t five =
      archive_sign(archive, (aod_transaction_t){.last_tx = recent}, AOD_TEXT("5"));
  archive_post_tx(archive, &five, true, 200);
  archive->now_ms += AOD__ANCHOR_MS;
  aod_transaction_t six =
      archive_sign(archive, (aod_transaction_t){.last_tx = recent}, AOD_TEXT("6"));
  archive_post_tx(archive, &six, true, 400);
  check_contains(archive_body(archive), "too old");
  archive_get_id(archive, "/tx/", six.id, "", 404);
}

/* ---- balances ---- */

static void expect_balance(archive_t *archive, const uint8_t *address, const char *expected) {
  archive_get_id(archive, "/wallet/", address, "/balance", 200);
  assert_string_equal(archive_body(archive), expected);
}

static void quantities_move(void **state) {
  archive_t *archive = *state;
  uint8_t other[AOD_ID_BYTES] = {9};
  aod_transaction_t fields = {.target = aod_slice(other, AOD_ID_BYTES),
                              .quantity = AOD_TEXT("18446744073709551616")};
  aod_transaction_t transfer = archive_sign(archive, fields, AOD_EMPTY);
  archive_post_tx(archive, &transfer, true, 400);
  archive_get_id(archive, "/mint/", archive->address, "/18446744073709551617", 200);
  archive_post_tx(archive, &transfer, true, 200);
  archive_post_tx(archive, &transfer, true, 208); /* and moves once */
  expect_balance(archive, archive->address, "1");
  expect_balance(archive, other, "18446744073709551616");
  archive_get_id(archive, "/mint/", other, "/999999999999999999999999999999", 400);
  archive_get_id(archive, "/mint/", other, "/1000000000000000000000000000000", 400);
  archive_get_id(archive, "/mint/", other, "/x", 400);
  expect_balance(archive, other, "18446744073709551616");
}

static void amounts_are_decimal(void **state) {
  (void)state;
  static const char *const good[] = {"0", "7", "1000000000000", "999999999999999999999999999999"};
  static const char *const bad[] = {"", "-1", "1e3", " 1", "1000000000000000000000000000000"};
  aod__winston_t amount;
  for (size_t i = 0; i < COUNT_OF(good); i++) {
    aod_buf_t text = {0};
    assert_true(aod__winston_parse(aod_text(good[i]), &amount));
    aod__winston_write(amount, &text);
    check_text(aod_buf_slice(&text), good[i]);
    aod_buf_free(&text);
  }
  for (size_t i = 0; i < COUNT_OF(bad); i++)
    assert_false(aod__winston_parse(aod_text(bad[i]), &amount));
}

/* ---- taking back, starting over ---- */

static void take_back(archive_t *archive, const uint8_t *id, int status) {
  char text[AOD_ID_CHARS + 1], path[100];
  aod_id_encode(id, text);
  snprintf(path, sizeof path, "/tx/%s", text);
  call_prepare(&archive->call, archive->port, path);
  curl_easy_setopt(archive->call.curl, CURLOPT_CUSTOMREQUEST, "DELETE");
  call_run(&archive->call);
  archive_expect(archive, path, status);
}

static void only_what_is_pending_is_taken_back(void **state) {
  archive_t *archive = *state;
  aod_slice_t data = archive_bytes(archive, 300000);
  aod_transaction_t pending = archive_sign(
      archive, (aod_transaction_t){.tags = tags_of("Name", "gone", NULL)}, AOD_TEXT("pending"));
  aod_transaction_t waiting = archive_sign(archive, (aod_transaction_t){0}, data);
  aod_transaction_t mined = archive_sign(archive, (aod_transaction_t){0}, AOD_TEXT("mined"));
  archive_post_tx(archive, &mined, true, 200);
  archive_get(archive, "/mine", 200);
  archive_post_tx(archive, &pending, true, 200);
  archive_post_tx(archive, &waiting, false, 200);
  take_back(archive, mined.id, 404);
  take_back(archive, pending.id, 200);
  take_back(archive, waiting.id, 200);
  take_back(archive, waiting.id, 404);
  archive_get_id(archive, "/tx/", pending.id, "", 404);
  archive_get(archive, "/tx/pending", 200);
  assert_string_equal(archive_body(archive), "[]");
  archive_post_tx(archive, &pending, true, 200); /* and may come again */
  archive_get_id(archive, "/", pending.id, "", 200);
}

static void a_reset_leaves_nothing_but_the_first_block(void **state) {
  archive_t *archive = *state;
  aod_slice_t data = archive_bytes(archive, 300000);
  aod_transaction_t large = archive_sign(archive, (aod_transaction_t){0}, data);
  archive_post_tx(archive, &large, true, 200);
  archive_get_id(archive, "/mint/", archive->address, "/5", 200);
  archive_get(archive, "/mine/3", 200);
  archive_get(archive, "/reset", 200);
  archive_get(archive, "/height", 200);
  assert_string_equal(archive_body(archive), "0");
  archive_get_id(archive, "/raw/", large.id, "", 404);
  expect_balance(archive, archive->address, "0");
  archive_post_tx(archive, &large, true, 200);
  archive_expect_data(archive, large.id, data);
}

#define WITH_ARCHIVE(test) cmocka_unit_test_setup_teardown(test, archive_open, archive_close)

int main(void) {
  curl_global_init(CURL_GLOBAL_ALL);
  const struct CMUnitTest tests[] = {
      WITH_ARCHIVE(a_transaction_is_pending_until_a_block_comes),
      WITH_ARCHIVE(the_last_of_several_mined_blocks_takes_it_in),
      WITH_ARCHIVE(a_block_makes_itself_when_it_is_due),
      WITH_ARCHIVE(posting_again_changes_nothing),
      WITH_ARCHIVE(refuses_more_data_than_the_limit),
      WITH_ARCHIVE(keeps_more_tags_than_items_may_have),
      WITH_ARCHIVE(chunks_complete_a_transaction_across_a_restart),
      WITH_ARCHIVE(the_weave_has_no_holes),
      WITH_ARCHIVE(anchors_are_checked),
      WITH_ARCHIVE(quantities_move),
      TEST(amounts_are_decimal),
      WITH_ARCHIVE(only_what_is_pending_is_taken_back),
      WITH_ARCHIVE(a_reset_leaves_nothing_but_the_first_block),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  curl_global_cleanup();
  return failed;
}
