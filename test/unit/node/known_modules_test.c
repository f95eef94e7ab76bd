#include "node/known_modules.h"

#include "arweave/hash.h"
#include "support/items.h"

static int after_each(void **state) {
  (void)state;
  items_free();
  return 0;
}

static bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static void every_row_is_well_formed(void **state) {
  (void)state;
  size_t rows = 0;
  for (const aod_known_module_t *row = aod_known_modules; row->name; row++, rows++) {
    uint8_t id[32];
    if (!aod_id_decode(aod_text(row->id), id)) fail_msg("%s has no id: %s", row->name, row->id);
    assert_int_equal(strlen(row->sha256), 64);
    for (const char *c = row->sha256; *c; c++) assert_true(is_hex_digit(*c));
    assert_true(strncmp(row->format, "wasm", 4) == 0);
  }
  assert_true(rows >= 8);
}

static void no_name_id_or_hash_occurs_twice(void **state) {
  (void)state;
  for (const aod_known_module_t *row = aod_known_modules; row->name; row++) {
    for (const aod_known_module_t *other = aod_known_modules; other != row; other++) {
      assert_string_not_equal(row->name, other->name);
      assert_string_not_equal(row->id, other->id);
      assert_string_not_equal(row->sha256, other->sha256);
    }
  }
}

static void a_module_is_known_by_its_hash(void **state) {
  (void)state;
  uint8_t digest[32];
  const aod_known_module_t *last = aod_known_modules;
  while (last[1].name) last++;
  for (int i = 0; i < 32; i++) {
    unsigned byte;
    assert_int_equal(sscanf(last->sha256 + 2 * i, "%2x", &byte), 1);
    digest[i] = (uint8_t)byte;
  }
  assert_ptr_equal(aod_known_module_find(digest), last);
  digest[31] ^= 1;
  assert_null(aod_known_module_find(digest));
}

static void tags_are_those_of_the_network(void **state) {
  (void)state;
  aod_tags_t tags;
  aod_module_tags("aos", "wasm32-unknown-emscripten4", &items_arena, &tags);
  check_text(tags_text(&tags),
             "Data-Protocol=ao Variant=ao.TN.1 Type=Module"
             " Module-Format=wasm32-unknown-emscripten4 Input-Encoding=JSON-V1"
             " Output-Encoding=JSON-V1 Memory-Limit=1-gb Compute-Limit=9000000000000"
             " Content-Type=application/wasm Name=aos");
}

static void a_file_tells_its_pointer_width(void **state) {
  (void)state;
  static const char header[] = "\0asm\1\0\0\0";
  const char *format = NULL;
  aod_error_t err;
  aod_slice_t narrow = AOD_TEXT("\0asm\1\0\0\0\5\3\1\0\1"),
              wide = AOD_TEXT("\0asm\1\0\0\0\5\3\1\4\1");
  check_ok(aod_module_guess_format(narrow, &format, &err), &err);
  assert_string_equal(format, "wasm32-unknown-emscripten4");
  check_ok(aod_module_guess_format(wide, &format, &err), &err);
  assert_string_equal(format, "wasm64-unknown-emscripten-draft_2024_02_15");
  check_ok(aod_module_guess_format(aod_slice(header, 8), &format, &err), &err);
  assert_int_equal(aod_module_guess_format(AOD_TEXT("<html>"), &format, &err), AOD_EINPUT);
  assert_int_equal(aod_module_guess_format(AOD_EMPTY, &format, &err), AOD_EINPUT);
  assert_int_equal(aod_module_guess_format(aod_slice_sub(wide, 0, 11), &format, &err), AOD_EINPUT);
}

#define NODE_TEST(f) cmocka_unit_test_teardown(f, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      NODE_TEST(every_row_is_well_formed),       NODE_TEST(no_name_id_or_hash_occurs_twice),
      NODE_TEST(a_module_is_known_by_its_hash),  NODE_TEST(tags_are_those_of_the_network),
      NODE_TEST(a_file_tells_its_pointer_width),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
