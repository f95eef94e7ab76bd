#include "support/vectors.h"

#include "arweave/item.h"

static aod_arena_t arena;

static int after_each(void **state) {
  (void)state;
  aod_arena_free(&arena);
  return 0;
}

static aod_tags_t tags_of(const json_t *list) {
  aod_tags_t tags = {.count = json_array_size(list)};
  tags.list = aod_arena_alloc(&arena, (tags.count + 1) * sizeof *tags.list);
  for (size_t i = 0; i < tags.count; i++) {
    tags.list[i].name = vector_b64(json_array_get(list, i), "name_b64");
    tags.list[i].value = vector_b64(json_array_get(list, i), "value_b64");
  }
  return tags;
}

static void expect_tags(const char *name, const aod_tags_t *got, const aod_tags_t *expected) {
  assert_int_equal(got->count, expected->count);
  for (size_t i = 0; i < got->count; i++) {
    vector_expect_bytes(name, got->list[i].name, expected->list[i].name);
    vector_expect_bytes(name, got->list[i].value, expected->list[i].value);
  }
}

static void encodes_canonically_and_decodes_again(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/avro_tags.json");
  VECTOR_EACH(file, "encode", i, vector) {
    const json_t *expect = vector_get(vector, "expect");
    if (json_object_get(expect, "error")) continue; /* a limit of the caller: item_test */
    const char *name = vector_text(vector, "name");
    aod_tags_t tags = tags_of(vector_get(vector, "tags")), again;
    aod_buf_t bytes = {0};
    aod_tags_encode(&tags, &bytes);
    vector_expect_bytes(name, aod_buf_slice(&bytes), vector_hex(expect, "hex"));
    int rc = aod_tags_decode(aod_buf_slice(&bytes), tags.count, &arena, &again, NULL);
    assert_int_equal(rc, tags.count > AOD_TAGS_MAX ? AOD_EINPUT : AOD_OK);
    if (rc == AOD_OK) expect_tags(name, &again, &tags);
    aod_buf_free(&bytes);
  }
  json_decref(file);
}

/* What the vectors leave open: we take what is legal Avro, and nothing behind its end. */
static bool is_taken(const json_t *vector) {
  const char *recommended = vector_text(vector, "recommended");
  if (strcmp(recommended, "implementation-defined") != 0) return strcmp(recommended, "accept") == 0;
  return strcmp(vector_text(vector, "name"), "trailing bytes after terminator") != 0;
}

/* Exact-size copies let the sanitizer see a read past the end. */
static int decode_copy(aod_slice_t bytes, uint64_t count, aod_tags_t *tags) {
  aod_slice_t copy = {memcpy(aod_alloc(bytes.len + 1), bytes.ptr, bytes.len), bytes.len};
  int rc = aod_tags_decode(copy, count, &arena, tags, NULL);
  if (rc == AOD_OK) { /* the caller looks at them after the copy is gone */
    for (size_t i = 0; i < tags->count; i++) {
      tags->list[i].name = aod_arena_copy(&arena, tags->list[i].name);
      tags->list[i].value = aod_arena_copy(&arena, tags->list[i].value);
    }
  }
  free((void *)copy.ptr);
  return rc;
}

static void decodes_every_legal_form(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/avro_tags.json");
  VECTOR_EACH(file, "decode", i, vector) {
    const json_t *seen = json_object_get(vector_get(vector, "arbundles"), "tags");
    aod_tags_t tags;
    int rc = decode_copy(vector_hex(vector, "hex"), json_array_size(seen), &tags);
    if ((rc == AOD_OK) != is_taken(vector)) fail_msg("%s: %d", vector_text(vector, "name"), rc);
    if (rc != AOD_OK) continue;
    for (size_t k = 0; k < tags.count; k++) {
      const json_t *tag = json_array_get(seen, k);
      assert_true(aod_slice_is(tags.list[k].name, vector_text(tag, "name")));
      if (!aod_utf8_valid(tags.list[k].value)) continue; /* JavaScript shows U+FFFD there */
      assert_true(aod_slice_is(tags.list[k].value, vector_text(tag, "value")));
    }
  }
  json_decref(file);
}

static void survives_extreme_numbers(void **state) {
  (void)state;
  static const char *const texts[] = {
      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",     /* count -2^63 */
      "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",     /* count 2^63 - 1 */
      "\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", /* name length -2^63 */
      "\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", /* name length 2^63 - 1 */
      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", /* no end */
      "\x02\x01",                                     /* name length -1 */
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    aod_tags_t tags;
    assert_int_equal(decode_copy(aod_text(texts[i]), 1, &tags), AOD_EINPUT);
  }
}

static void finds_the_first_of_a_name(void **state) {
  (void)state;
  aod_tag_t list[] = {{AOD_TEXT("Type"), AOD_TEXT("Process")},
                      {AOD_TEXT("Type"), AOD_TEXT("Message")}};
  aod_tags_t tags = {list, 2};
  aod_slice_t value = AOD_EMPTY;
  assert_true(aod_tags_find(&tags, "Type", &value));
  assert_true(aod_slice_is(value, "Process"));
  assert_true(aod_tags_has(&tags, "Type", "Message"));
  assert_false(aod_tags_find(&tags, "type", &value));
  assert_false(aod_tags_has(&tags, "Type", "message"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(encodes_canonically_and_decodes_again, after_each),
      cmocka_unit_test_teardown(decodes_every_legal_form, after_each),
      cmocka_unit_test_teardown(survives_extreme_numbers, after_each),
      cmocka_unit_test_teardown(finds_the_first_of_a_name, after_each),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
