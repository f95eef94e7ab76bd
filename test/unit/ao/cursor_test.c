#include "ao/cursor.h"

#include <sodium.h>

#include "support/check.h"

static aod_cursor_t cursor;
static aod_arena_t arena;

static bool parse(const char *text) {
  return aod_cursor_parse(aod_text(text), &arena, &cursor);
}

/* Base64 of a JSON text, as clients make it. */
static const char *encode(const char *json) {
  static char text[4096];
  sodium_bin2base64(text, sizeof text, (const uint8_t *)json, strlen(json),
                    sodium_base64_VARIANT_ORIGINAL);
  return text;
}

static void a_cursor_is_the_references_text(void **state) {
  (void)state;
  aod_buf_t text = {0};
  aod_buf_text(&text, "before ");
  aod_cursor_t ascending = {.timestamp_ms = 1711676639000, .ordinate = 1};
  aod_cursor_write(&ascending, &text);
  /* base64 of {"timestamp":1711676639000,"ordinate":"1","cron":null,"sort":"ASC"} */
  check_text(
      aod_buf_slice(&text),
      "before eyJ0aW1lc3RhbXAiOjE3MTE2NzY2MzkwMDAsIm9yZGluYXRlIjoiMSIsImNyb24iOm51bGwsInNvcnQi"
      "OiJBU0MifQ==");
  aod_buf_free(&text);
}

static void check_json(const aod_cursor_t *written, const char *expected) {
  uint8_t json[1000];
  size_t len;
  aod_buf_t text = {0};
  aod_cursor_write(written, &text);
  assert_int_equal(sodium_base642bin(json, sizeof json, (const char *)text.ptr, text.len, NULL,
                                     &len, NULL, sodium_base64_VARIANT_ORIGINAL),
                   0);
  check_text(aod_slice(json, len), expected);
  aod_buf_free(&text);
}

static void a_cron_is_named_and_by_block_so_is_the_block(void **state) {
  (void)state;
  check_json(&(aod_cursor_t){.timestamp_ms = 5, .ordinate = 3, .cron = AOD_TEXT("0-10-seconds")},
             "{\"timestamp\":5,\"ordinate\":\"3\",\"cron\":\"0-10-seconds\",\"sort\":\"ASC\"}");
  check_json(&(aod_cursor_t){.timestamp_ms = 5,
                             .cron = AOD_TEXT("0-1-block"),
                             .has_block = true,
                             .block = 77,
                             .descending = true},
             "{\"timestamp\":5,\"ordinate\":\"0\",\"cron\":\"0-1-block\",\"sort\":\"DESC\","
             "\"block\":77}");
}

static void what_is_written_reads_back(void **state) {
  (void)state;
  static const aod_cursor_t cursors[] = {
      {.timestamp_ms = 0, .ordinate = 0, .descending = false},
      {.timestamp_ms = 1711676639000, .ordinate = 12345, .descending = true},
      {.timestamp_ms = 8999999999999999, .ordinate = INT64_MAX, .descending = true},
      {.timestamp_ms = 1, .ordinate = 2, .cron = AOD_TEXT("0-10-seconds")},
      {.timestamp_ms = 1, .cron = AOD_TEXT("1-5-blocks \"\xc3\xa9"), .has_block = true, .block = 9},
  };
  for (size_t i = 0; i < COUNT_OF(cursors); i++) {
    aod_buf_t text = {0};
    aod_cursor_write(&cursors[i], &text);
    assert_true(aod_cursor_parse(aod_buf_slice(&text), &arena, &cursor));
    assert_int_equal(cursor.timestamp_ms, cursors[i].timestamp_ms);
    assert_true(cursor.has_ordinate && cursor.ordinate == cursors[i].ordinate);
    assert_true(cursor.has_sort && cursor.descending == cursors[i].descending);
    assert_true(aod_slice_equal(cursor.cron, cursors[i].cron));
    assert_true(cursor.has_block == cursors[i].has_block && cursor.block == cursors[i].block);
    aod_buf_free(&text);
  }
}

static void digits_are_a_timestamp(void **state) {
  (void)state;
  assert_true(parse("1711676639000"));
  assert_int_equal(cursor.timestamp_ms, 1711676639000);
  assert_false(cursor.has_ordinate || cursor.has_sort);
  assert_true(parse("9223372036854775807"));
  assert_false(parse("9223372036854775808"));
}

static void a_clients_own_json_is_understood(void **state) {
  (void)state;
  assert_true(parse(encode("{ \"sort\":\"DESC\", \"timestamp\":5 }")));
  assert_int_equal(cursor.timestamp_ms, 5);
  assert_true(cursor.has_sort && cursor.descending && !cursor.has_ordinate);
  assert_true(parse(encode("{\"timestamp\":5,\"ordinate\":7,\"sort\":\"sideways\"}")));
  assert_false(cursor.has_ordinate || cursor.has_sort);
}

static void anything_else_is_refused(void **state) {
  (void)state;
  static const char *const jsons[] = {
      "{}",   "{\"timestamp\":\"5\"}", "{\"timestamp\":-1}",  "{\"timestamp\":1e300}", "[]", "5",
      "null", "{\"timestamp\":5",      "{\"timestamp\":null}"};
  for (size_t i = 0; i < COUNT_OF(jsons); i++)
    if (parse(encode(jsons[i]))) fail_msg("accepted %s", jsons[i]);
  static const char *const texts[] = {
      "", "-5", "5 ", "x", "====", "eyJ0aW1lc3RhbXAiOjV9=", "eyJ0aW1lc3RhbXAiOjV", "\xff\xfe"};
  for (size_t i = 0; i < COUNT_OF(texts); i++)
    if (parse(texts[i])) fail_msg("accepted %s", texts[i]);
}

static void a_long_text_is_refused_unread(void **state) {
  (void)state;
  char text[5000];
  memset(text, 'A', sizeof text - 1);
  text[sizeof text - 1] = 0;
  assert_false(parse(text));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_cursor_is_the_references_text),
      TEST(what_is_written_reads_back),
      TEST(a_cron_is_named_and_by_block_so_is_the_block),
      TEST(digits_are_a_timestamp),
      TEST(a_clients_own_json_is_understood),
      TEST(anything_else_is_refused),
      TEST(a_long_text_is_refused_unread),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  aod_arena_free(&arena);
  return failed;
}
