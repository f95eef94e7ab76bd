#include "support/vectors.h"

#include "arweave/base64url.h"
#include "arweave/bundle.h"
#include "support/verdicts.h"

static aod_arena_t arena;

static int after_each(void **state) {
  (void)state;
  aod_arena_free(&arena);
  return 0;
}

static const json_t *case_named(const json_t *file, const char *name) {
  VECTOR_EACH(file, "cases", i, vector) {
    if (strcmp(vector_text(vector, "name"), name) == 0) return vector;
  }
  fail_msg("no vector is called %s", name);
  return NULL;
}

/* Everything that a bundle must be, one level deep: what arweave.md 2.8 lists. */
static int check_bundle(aod_slice_t payload, aod_error_t *err) {
  aod_bundle_t bundle;
  int rc = aod_bundle_parse(payload, &bundle, err);
  aod_bundle_cursor_t cursor = {0};
  aod_bundle_entry_t entry;
  while (!rc && aod_bundle_next(&bundle, &cursor, &entry)) {
    aod_item_t item;
    rc = aod_bundle_entry_parse(&entry, &arena, &item, err);
    if (!rc) rc = aod_item_verify(&item, err);
  }
  return rc;
}

static void expect_entries(const json_t *vector, const aod_bundle_t *bundle) {
  aod_bundle_cursor_t cursor = {0};
  aod_bundle_entry_t entry;
  VECTOR_EACH(vector, "items", i, expected) {
    assert_true(aod_bundle_next(bundle, &cursor, &entry));
    vector_expect_bytes("id", aod_slice(entry.id, 32), vector_b64(expected, "id"));
    assert_int_equal(entry.raw.len, vector_number(expected, "size"));
    assert_int_equal(entry.offset, vector_number(expected, "offset"));
  }
  assert_false(aod_bundle_next(bundle, &cursor, &entry));
}

static void reads_valid_bundles_and_builds_them_again(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/bundles.json");
  VECTOR_EACH(file, "cases", i, vector) {
    if (!json_object_get(vector, "bundle_b64")) continue;
    aod_slice_t payload = vector_b64(vector, "bundle_b64");
    aod_slice_t items[8];
    aod_bundle_t bundle;
    aod_error_t err;
    if (check_bundle(payload, &err)) fail_msg("%s: %s", vector_text(vector, "name"), err.message);
    assert_int_equal(aod_bundle_parse(payload, &bundle, NULL), AOD_OK);
    assert_int_equal(bundle.count, vector_number(vector, "count"));
    expect_entries(vector, &bundle);
    aod_bundle_cursor_t cursor = {0};
    aod_bundle_entry_t entry;
    size_t count = 0;
    while (aod_bundle_next(&bundle, &cursor, &entry)) items[count++] = entry.raw;
    aod_buf_t again = {0};
    assert_int_equal(aod_bundle_build(items, count, &again, NULL), AOD_OK);
    vector_expect_bytes(vector_text(vector, "name"), aod_buf_slice(&again), payload);
    aod_buf_free(&again);
  }
  json_decref(file);
}

static const verdict_t verdicts[] = {
    {"id_mismatch", AOD_EINPUT, "id mismatch"},
    {"truncated", AOD_EINPUT, "truncated"},
    {"truncated_or_bad_item", AOD_EINPUT, ""},
    {"big_endian_header", AOD_EINPUT, "no room"},
    {"trailing_bytes", AOD_OK, NULL}, /* foreign data may have them, ours never does */
    {NULL, 0, NULL},
};

static void refuses_broken_bundles(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/bundles_invalid.json");
  VECTOR_EACH(file, "cases", i, vector) {
    aod_error_t err = {0};
    int rc = check_bundle(vector_b64(vector, "bundle_b64"), &err);
    const json_t *expect = vector_get(vector, "expect");
    if (strcmp(vector_text(expect, "reason"), "bad_item") == 0) /* its own reason */
      assert_true(rc == AOD_EINPUT || rc == AOD_ESIGNATURE);
    else
      verdict_expect(vector, verdicts, rc, &err);
  }
  json_decref(file);
}

/* Exact-size copies let the sanitizer see a read past the end. */
static void refuses_every_prefix(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/bundles.json");
  const json_t *vector = json_array_get(vector_get(file, "cases"), 1);
  aod_slice_t payload = vector_b64(vector, "bundle_b64");
  for (size_t len = 0; len < payload.len; len++) {
    uint8_t *copy = aod_alloc(len + 1);
    memcpy(copy + 1, payload.ptr, len);
    assert_int_equal(check_bundle(aod_slice(copy + 1, len), NULL), AOD_EINPUT);
    free(copy);
  }
  json_decref(file);
}

static void builds_only_from_signed_items(void **state) {
  (void)state;
  aod_slice_t items[] = {AOD_TEXT("\x01")};
  aod_buf_t payload = {0};
  assert_int_equal(aod_bundle_build(items, 1, &payload, NULL), AOD_EINPUT);
  assert_int_equal(payload.len, 0);
  aod_buf_free(&payload);
}

/* ---- nested ---- */

typedef struct {
  char text[512]; /* depth and first characters of each id, a star for a problem */
  aod_slice_t payload;
  int stop; /* returned at the first item */
} seen_t;

static int note(void *context, const aod_bundle_visit_t *visit) {
  seen_t *seen = context;
  char id[44];
  aod_id_encode(visit->entry.id, id);
  size_t len = strlen(seen->text);
  snprintf(seen->text + len, sizeof seen->text - len, "%zu:%.4s%s ", visit->depth, id,
           visit->problem ? "*" : "");
  assert_true((visit->depth == 0) == (visit->parent == NULL));
  /* offsets count from the outermost payload */
  vector_expect_bytes("offset",
                      aod_slice_sub(seen->payload, visit->entry.offset, visit->entry.raw.len),
                      visit->entry.raw);
  return seen->stop;
}

static void expect_walk(aod_slice_t payload, aod_bundle_limits_t limits, int rc,
                        const char *expected) {
  seen_t seen = {.payload = payload};
  assert_int_equal(aod_bundle_walk(payload, limits, note, &seen, NULL), rc);
  assert_string_equal(seen.text, expected);
}

static void walks_nested_bundles(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/bundles.json");
  aod_slice_t two =
      vector_b64(case_named(file, "nested: item 0 is itself a bundle of two items"), "bundle_b64");
  aod_slice_t three = vector_b64(case_named(file, "nested three levels"), "bundle_b64");
  expect_walk(two, AOD_BUNDLE_LIMITS, AOD_OK, "0:4SCi 1:7mOo 1:F4Gj 0:ismr ");
  seen_t seen = {.payload = three};
  assert_int_equal(aod_bundle_walk(three, AOD_BUNDLE_LIMITS, note, &seen, NULL), AOD_OK);
  assert_non_null(strstr(seen.text, "2:"));
  assert_null(strchr(seen.text, '*'));

  /* limits: a bundle too deep is its item's problem, too many items end the walk */
  aod_bundle_limits_t flat = AOD_BUNDLE_LIMITS, few = AOD_BUNDLE_LIMITS;
  flat.depth_max = 1;
  few.item_max = 2;
  expect_walk(two, flat, AOD_OK, "0:4SCi* 0:ismr ");
  expect_walk(two, few, AOD_ELIMIT, "0:4SCi 1:7mOo ");

  seen_t stopped = {.payload = two, .stop = AOD_ECLOSED};
  assert_int_equal(aod_bundle_walk(two, AOD_BUNDLE_LIMITS, note, &stopped, NULL), AOD_ECLOSED);
  json_decref(file);
}

static void skips_invalid_items_but_not_their_siblings(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/bundles_invalid.json");
  aod_slice_t payload = vector_b64(case_named(file, "one item tampered"), "bundle_b64");
  seen_t seen = {.payload = payload};
  assert_int_equal(aod_bundle_walk(payload, AOD_BUNDLE_LIMITS, note, &seen, NULL), AOD_OK);
  size_t items = 0, problems = 0;
  for (const char *at = seen.text; *at; at++) items += *at == ':', problems += *at == '*';
  assert_int_equal(items, 3);
  assert_int_equal(problems, 1);
  json_decref(file);
}

static void opens_what_the_ao_scheduler_uploads(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/bundles.json");
  const json_t *vector =
      case_named(file, "ao scheduler style upload: data item wrapping [assignment, message]");
  aod_item_t item;
  assert_int_equal(aod_item_parse(vector_b64(vector, "data_item_b64"), &arena, &item, NULL), 0);
  assert_true(aod_tags_announce_bundle(&item.tags));
  aod_bundle_t bundle;
  aod_bundle_cursor_t cursor = {0};
  aod_bundle_entry_t entry;
  assert_int_equal(aod_bundle_parse(item.data, &bundle, NULL), AOD_OK);
  VECTOR_EACH(vector, "inner_ids", i, id) {
    assert_true(aod_bundle_next(&bundle, &cursor, &entry));
    vector_expect_bytes("id", aod_slice(entry.id, 32), vector_decode_b64(json_string_value(id)));
  }
  assert_false(aod_bundle_next(&bundle, &cursor, &entry));
  json_decref(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(reads_valid_bundles_and_builds_them_again, after_each),
      cmocka_unit_test_teardown(refuses_broken_bundles, after_each),
      cmocka_unit_test_teardown(refuses_every_prefix, after_each),
      cmocka_unit_test_teardown(builds_only_from_signed_items, after_each),
      cmocka_unit_test_teardown(walks_nested_bundles, after_each),
      cmocka_unit_test_teardown(skips_invalid_items_but_not_their_siblings, after_each),
      cmocka_unit_test_teardown(opens_what_the_ao_scheduler_uploads, after_each),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
