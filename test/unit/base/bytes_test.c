#include "base/bytes.h"

#include "support/check.h"

static void cut_splits_at_separators(void **state) {
  (void)state;
  aod_slice_t rest = AOD_TEXT("a,,bc");
  check_text(aod_slice_cut(&rest, ','), "a");
  check_text(aod_slice_cut(&rest, ','), "");
  check_text(aod_slice_cut(&rest, ','), "bc");
  assert_null(rest.ptr);
}

static void parts_are_clamped_to_the_slice(void **state) {
  (void)state;
  check_text(aod_slice_sub(AOD_TEXT("abcd"), 1, 2), "bc");
  check_text(aod_slice_sub(AOD_TEXT("abcd"), 2, SIZE_MAX), "cd");
  check_text(aod_slice_sub(AOD_TEXT("abcd"), 9, 1), "");
  assert_null(aod_slice_sub(AOD_EMPTY, 0, 5).ptr);
}

static void slices_compare_by_bytes_then_length(void **state) {
  (void)state;
  static const char *const sorted[] = {"", "A", "a", "a\x01", "aa", "b", "\x80"};
  for (int i = 0; i < 7; i++) {
    for (int k = 0; k < 7; k++) {
      int order = aod_slice_compare(aod_text(sorted[i]), aod_text(sorted[k]));
      assert_true(i < k ? order < 0 : i > k ? order > 0 : order == 0);
    }
  }
}

static void beginnings_ends_and_case_are_told_apart(void **state) {
  (void)state;
  assert_true(aod_slice_starts(AOD_TEXT("abc"), "ab") && aod_slice_starts(AOD_EMPTY, ""));
  assert_false(aod_slice_starts(AOD_TEXT("a"), "ab"));
  assert_true(aod_slice_ends(AOD_TEXT("x+link"), "+link") && aod_slice_ends(AOD_EMPTY, ""));
  assert_false(aod_slice_ends(AOD_TEXT("link"), "+link"));
  assert_true(aod_slice_is_nocase(AOD_TEXT("Content-TYPE"), "content-type"));
  assert_false(aod_slice_is_nocase(AOD_TEXT("a@"), "a`")); /* 32 apart, but no letters */
  check_text(aod_slice_trim(AOD_TEXT(" \t\r\n a b\v\f")), "a b");
  check_text(aod_slice_trim(AOD_TEXT("  ")), "");
}

static void numbers_are_strict(void **state) {
  (void)state;
  uint64_t value = 7;
  assert_true(aod_slice_to_u64(AOD_TEXT("18446744073709551615"), &value));
  assert_true(value == UINT64_MAX);
  static const char *const bad[] = {"", "18446744073709551616", "-1", "+1", " 1", "1 ", "0x1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(aod_slice_to_u64(aod_text(bad[i]), &value));
  assert_true(value == UINT64_MAX);
}

static void invalid_utf8_is_replaced_as_browsers_do(void **state) {
  (void)state;
  /* what TextDecoder gives for these bytes */
  static const struct {
    const char *bytes, *text;
  } cases[] = {
      {"plain", "plain"},
      {"\xc3\xa9", "\xc3\xa9"},
      {"\xff", "\xef\xbf\xbd"},
      {"a\xc3", "a\xef\xbf\xbd"},
      {"\xe2\x82", "\xef\xbf\xbd"},
      {"\xe2\x82x", "\xef\xbf\xbdx"},
      {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
      {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    aod_buf_t out = {0};
    aod_buf_utf8_lossy(&out, aod_text(cases[i].bytes));
    check_text(aod_buf_slice(&out), cases[i].text);
    assert_true(aod_utf8_valid(aod_buf_slice(&out)));
    aod_buf_free(&out);
  }
}

static void buffers_grow_and_terminate(void **state) {
  (void)state;
  aod_buf_t buf = {0};
  for (int i = 0; i < 1000; i++) aod_buf_printf(&buf, "%d,", i);
  assert_int_equal(buf.len, 10 * 2 + 90 * 3 + 900 * 4);
  aod_buf_terminate(&buf);
  assert_int_equal(strlen((char *)buf.ptr), buf.len);
  aod_buf_free(&buf);
  assert_null(buf.ptr);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cut_splits_at_separators),
      cmocka_unit_test(parts_are_clamped_to_the_slice),
      cmocka_unit_test(slices_compare_by_bytes_then_length),
      cmocka_unit_test(beginnings_ends_and_case_are_told_apart),
      cmocka_unit_test(numbers_are_strict),
      cmocka_unit_test(invalid_utf8_is_replaced_as_browsers_do),
      cmocka_unit_test(buffers_grow_and_terminate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
