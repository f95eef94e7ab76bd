/* Bundles: their items are found, stay where they lie, survive an interruption; what is not valid
 * is left out. And the files that large data lies in. */
#include "support/archive.h"

#include <dirent.h>

#include "ar/files.h"
#include "ar/unpack.h"
#include "arweave/bundle.h"

typedef struct {
  aod_slice_t raw;
  uint8_t id[AOD_ID_BYTES];
} made_t;

static made_t make(archive_t *archive, aod_slice_t data, aod_tags_t tags) {
  aod_error_t err;
  made_t made;
  aod_buf_t raw = {0};
  aod_item_fields_t fields = {.data = data, .tags = tags, .anchor = anchor_new()};
  check_ok(aod_item_sign(&fields, archive->quick, &raw, made.id, &err), &err);
  made.raw = aod_arena_copy(&archive->arena, aod_buf_slice(&raw));
  aod_buf_free(&raw);
  return made;
}

static aod_tags_t bundle_tags(void) {
  return tags_of("Bundle-Format", "binary", "Bundle-Version", "2.0.0", NULL);
}

static aod_slice_t payload_of(archive_t *archive, const aod_slice_t *raws, size_t count) {
  aod_buf_t payload = {0};
  assert_int_equal(aod_bundle_build(raws, count, &payload, NULL), AOD_OK);
  aod_slice_t copy = aod_arena_copy(&archive->arena, aod_buf_slice(&payload));
  aod_buf_free(&payload);
  return copy;
}

static made_t make_bundle(archive_t *archive, const made_t *items, size_t count) {
  aod_slice_t raws[20];
  assert_true(count <= COUNT_OF(raws));
  for (size_t i = 0; i < count; i++) raws[i] = items[i].raw;
  return make(archive, payload_of(archive, raws, count), bundle_tags());
}

static void put(archive_t *archive, made_t made) {
  aod_error_t err;
  check_ok(aod_ar_put_item(archive->ar, made.raw, &err), &err);
}

static void expect_unknown(archive_t *archive, const uint8_t *id) {
  aod_ar_item_t item;
  assert_int_equal(aod_ar_find(archive->ar, id, &archive->arena, &item, NULL), AOD_ENOTFOUND);
}

static void expect_parent(archive_t *archive, const uint8_t *id, const uint8_t *parent) {
  aod_ar_item_t item = archive_find(archive, id);
  assert_true(item.bundled);
  check_id(item.parent, parent);
}

/* ---- unpacking ---- */

static void items_of_nested_bundles_name_their_bundle(void **state) {
  archive_t *archive = *state;
  made_t leaf = make(archive, AOD_TEXT("leaf"), tags_of("Depth", "2", NULL));
  made_t inner = make_bundle(archive, &leaf, 1);
  made_t list[] = {make(archive, AOD_TEXT("first"), (aod_tags_t){0}), inner,
                   make(archive, AOD_EMPTY, (aod_tags_t){0})};
  made_t outer = make_bundle(archive, list, 3);
  put(archive, outer);
  assert_false(archive_find(archive, outer.id).bundled);
  for (int i = 0; i < 3; i++) expect_parent(archive, list[i].id, outer.id);
  expect_parent(archive, leaf.id, inner.id);
  archive_expect_data(archive, leaf.id, AOD_TEXT("leaf"));
  archive_expect_data(archive, list[2].id, AOD_EMPTY);
  int64_t height = archive_find(archive, outer.id).block.height;
  assert_int_equal(archive_find(archive, leaf.id).block.height, height);
}

static void invalid_items_are_left_out(void **state) {
  archive_t *archive = *state;
  made_t good = make(archive, AOD_TEXT("good"), (aod_tags_t){0});
  made_t forged = make(archive, AOD_TEXT("forged"), (aod_tags_t){0});
  made_t last = make(archive, AOD_TEXT("last"), (aod_tags_t){0});
  ((uint8_t *)forged.raw.ptr)[forged.raw.len - 1] ^= 1;
  /* says that it is a bundle, and is none: an item all the same */
  made_t hollow = make(archive, AOD_TEXT("hollow"), bundle_tags());
  made_t list[] = {good, forged, hollow, last};
  put(archive, make_bundle(archive, list, 4));
  archive_expect_data(archive, good.id, AOD_TEXT("good"));
  archive_expect_data(archive, hollow.id, AOD_TEXT("hollow"));
  archive_expect_data(archive, last.id, AOD_TEXT("last"));
  expect_unknown(archive, forged.id);
}

static void large_bundles_are_read_in_place(void **state) {
  archive_t *archive = *state;
  aod_slice_t large = archive_bytes(archive, 700000);
  made_t list[] = {make(archive, large, (aod_tags_t){0}),
                   make(archive, AOD_TEXT("small"), (aod_tags_t){0})};
  made_t inner = make_bundle(archive, list, 2);
  made_t outer = make_bundle(archive, &inner, 1);
  put(archive, outer);
  const char *file = archive_find(archive, outer.id).data_file;
  for (int i = 0; i < 2; i++)
    assert_string_equal(archive_find(archive, list[i].id).data_file, file);
  archive_expect_data(archive, list[0].id, large);
  archive_expect_data(archive, list[1].id, AOD_TEXT("small"));
  archive_get_id(archive, "/raw/", list[0].id, "", 200);
  check_bytes(aod_buf_slice(&archive->call.body), large);
}

/* More than fits one batch of the index. */
static void many_items_are_unpacked(void **state) {
  enum { COUNT = 1201 };
  archive_t *archive = *state;
  aod_slice_t *raws = aod_arena_alloc(&archive->arena, COUNT * sizeof *raws);
  made_t some[3];
  for (int i = 0; i < COUNT; i++) {
    made_t made = make(archive, AOD_TEXT("one of many"), (aod_tags_t){0});
    raws[i] = made.raw;
    if (i % 600 == 0) some[i / 600] = made;
  }
  made_t bundle = make(archive, payload_of(archive, raws, COUNT), bundle_tags());
  put(archive, bundle);
  for (int i = 0; i < 3; i++) expect_parent(archive, some[i].id, bundle.id);
  aod_slice_t id = aod_slice(bundle.id, AOD_ID_BYTES);
  aod__index_query_t query = {
      .bundles = {true, &id, 1}, .height_max = INT64_MAX, .oldest_first = true, .limit = 2000};
  aod_ar_item_t *items;
  size_t count;
  bool more;
  assert_int_equal(
      aod__index_query(archive->ar, &query, &archive->arena, &items, &count, &more, NULL), AOD_OK);
  assert_int_equal(count, COUNT);
}

/* ---- interruptions ---- */

static int run_forget(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  (void)write;
  int code =
      aod_db_run(aod_db_prepare(connection, "UPDATE items SET unpack=1 WHERE unpack=2"), err);
  if (code != AOD_OK) return code;
  return aod_db_run(aod_db_prepare(connection, "DELETE FROM items WHERE parent IS NOT NULL"), err);
}

/* As if the program had ended between storing the bundle and unpacking it. */
static void unpacking_is_resumed(void **state) {
  archive_t *archive = *state;
  made_t item = make(archive, AOD_TEXT("inside"), (aod_tags_t){0});
  made_t bundle = make_bundle(archive, &item, 1);
  put(archive, bundle);
  aod_db_write_t forget = {.run = run_forget};
  assert_int_equal(aod_db_write(archive->ar->db, &forget, NULL), AOD_OK);
  expect_unknown(archive, item.id);
  archive_stop(archive);
  archive_start(archive);
  aod__unpack_wait(archive->ar); /* behind what was resumed */
  expect_parent(archive, item.id, bundle.id);
}

/* A block came between the bundle and the finding of its items: heights still grow with posting. */
static void items_found_late_stand_in_a_later_block(void **state) {
  archive_t *archive = *state;
  made_t item = make(archive, AOD_TEXT("inside"), (aod_tags_t){0});
  made_t bundle = make_bundle(archive, &item, 1);
  put(archive, bundle);
  aod_db_write_t forget = {.run = run_forget};
  assert_int_equal(aod_db_write(archive->ar->db, &forget, NULL), AOD_OK);
  archive_get(archive, "/mine/3", 200);
  made_t other = make(archive, AOD_TEXT("other"), (aod_tags_t){0});
  put(archive, other);
  archive_get(archive, "/mine", 200);
  aod__unpack_wait(archive->ar);
  aod_ar_item_t found = archive_find(archive, item.id), before = archive_find(archive, other.id);
  assert_true(found.sequence > before.sequence);
  assert_true(found.block.height > before.block.height);
  expect_parent(archive, item.id, bundle.id);
}

/* ---- files ---- */

static int count_files(archive_t *archive) {
  DIR *dir = opendir(archive->ar->files_dir);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(dir));) count += entry->d_name[0] != '.';
  closedir(dir);
  return count;
}

static void spools_become_files_or_nothing(void **state) {
  archive_t *archive = *state;
  aod__spool_t spool;
  aod_error_t err;
  aod_buf_t bytes = {0};
  check_ok(aod__spool_begin(archive->ar, &spool, &err), &err);
  check_ok(aod__spool_write(&spool, AOD_TEXT("one "), &err), &err);
  check_ok(aod__spool_write(&spool, AOD_TEXT("two"), &err), &err);
  assert_int_equal(spool.len, 7);
  check_ok(aod__spool_publish(archive->ar, &spool, "name", &err), &err);
  aod__spool_abandon(&spool); /* it has ended: nothing happens */
  const char *path = aod__files_path(archive->ar, "name", &archive->arena);
  check_ok(aod_file_read(path, 100, &bytes, &err), &err);
  check_text(aod_buf_slice(&bytes), "one two");
  aod_buf_free(&bytes);
  check_ok(aod__spool_begin(archive->ar, &spool, &err), &err);
  aod__spool_abandon(&spool);
  assert_int_equal(count_files(archive), 1);
  assert_string_equal(aod__files_path(archive->ar, "/absolute", &archive->arena), "/absolute");
}

static void left_over_spools_are_removed_at_the_start(void **state) {
  archive_t *archive = *state;
  aod__spool_t spool;
  aod_error_t err;
  check_ok(aod__spool_begin(archive->ar, &spool, &err), &err);
  check_ok(aod__files_put(archive->ar, "kept", AOD_TEXT("kept"), &err), &err);
  assert_int_equal(count_files(archive), 2);
  archive_stop(archive);
  archive_start(archive);
  assert_int_equal(count_files(archive), 1);
  aod__spool_abandon(&spool);
}

static void long_uploads_stream_into_a_file(void **state) {
  archive_t *archive = *state;
  aod_slice_t data = archive_bytes(archive, 1000000);
  made_t good = make(archive, data, tags_of("Kind", "long", NULL));
  made_t bad = make(archive, data, (aod_tags_t){0});
  ((uint8_t *)bad.raw.ptr)[bad.raw.len / 2] ^= 1;
  archive_post(archive, "/tx", "application/octet-stream", bad.raw, 400);
  check_contains(archive_body(archive), "{\"error\":");
  archive_post(archive, "/tx", "application/octet-stream", aod_slice_sub(good.raw, 0, 300000), 400);
  archive_post(archive, "/tx", "application/octet-stream", data, 400); /* no item at all */
  assert_int_equal(count_files(archive), 0);
  archive_post(archive, "/tx", "application/octet-stream", good.raw, 200);
  archive_post(archive, "/tx", "application/octet-stream", good.raw, 200);
  assert_int_equal(count_files(archive), 1);
  archive_expect_data(archive, good.id, data);
  assert_int_equal(archive_find(archive, good.id).tags.count, 1);
  expect_unknown(archive, bad.id);
  /* put without HTTP it has the same file */
  put(archive, good);
  archive_expect_data(archive, good.id, data);
}

#define WITH_ARCHIVE(test) cmocka_unit_test_setup_teardown(test, archive_open, archive_close)

int main(void) {
  curl_global_init(CURL_GLOBAL_ALL);
  const struct CMUnitTest tests[] = {
      WITH_ARCHIVE(items_of_nested_bundles_name_their_bundle),
      WITH_ARCHIVE(invalid_items_are_left_out),
      WITH_ARCHIVE(large_bundles_are_read_in_place),
      WITH_ARCHIVE(many_items_are_unpacked),
      WITH_ARCHIVE(unpacking_is_resumed),
      WITH_ARCHIVE(items_found_late_stand_in_a_later_block),
      WITH_ARCHIVE(spools_become_files_or_nothing),
      WITH_ARCHIVE(long_uploads_stream_into_a_file),
      WITH_ARCHIVE(left_over_spools_are_removed_at_the_start),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  curl_global_cleanup();
  return failed;
}
