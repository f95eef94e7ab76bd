#include "base/json.h"

#include <math.h>

#include "support/check.h"

static aod_buf_t out;

static int after_each(void **state) {
  (void)state;
  aod_buf_free(&out);
  return 0;
}

/* ---- writing ---- */

static void numbers_read_as_in_javascript(void **state) {
  (void)state;
  /* what JSON.stringify prints for these */
  static const struct {
    double value;
    const char *text;
  } cases[] = {
      {0, "0"},
      {-0.0, "0"},
      {100, "100"},
      {-1.5, "-1.5"},
      {0.1, "0.1"},
      {0.1 + 0.2, "0.30000000000000004"},
      {4.35, "4.35"},
      {3.141592653589793, "3.141592653589793"},
      {123456789.123, "123456789.123"},
      {1e15, "1000000000000000"},
      {-1e15, "-1000000000000000"},
      {9007199254740992, "9007199254740992"},
      {1e20, "100000000000000000000"},
      {123456789012345680000.0, "123456789012345680000"},
      {1e21, "1e+21"},
      {1180591620717411303424.0, "1.1805916207174113e+21"},
      {1e300, "1e+300"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {0.001, "0.001"},
      {0.000001, "0.000001"},
      {0.000001234, "0.000001234"},
      {1e-7, "1e-7"},
      {-1.2e-7, "-1.2e-7"},
      {1.23e-18, "1.23e-18"},
      {2.2250738585072014e-308, "2.2250738585072014e-308"},
      {5e-324, "5e-324"},
      /* powers of two, where fewer digits lie beside the nearest ones */
      {0x1p-44, "5.684341886080802e-14"},
      {0x1p-24, "5.960464477539063e-8"},
      {0x1p+89, "6.189700196426902e+26"},
      {0x1p-1019, "1.7800590868057611e-307"},
      {NAN, "null"},
      {INFINITY, "null"},
      {-INFINITY, "null"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    aod_buf_clear(&out);
    aod_json_number(&out, cases[i].value);
    check_text(aod_buf_slice(&out), cases[i].text);
  }
}

static void strings_escape_what_javascript_escapes(void **state) {
  (void)state;
  static const struct {
    aod_slice_t text;
    const char *json;
  } cases[] = {
      {AOD_TEXT(""), "\"\""},
      {AOD_TEXT("plain"), "\"plain\""},
      {AOD_TEXT("\"\\/"), "\"\\\"\\\\/\""},
      {AOD_TEXT("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\""},
      {AOD_TEXT("\0\1\v\033\037"), "\"\\u0000\\u0001\\u000b\\u001b\\u001f\""},
      {AOD_TEXT("\177"), "\"\177\""},
      {AOD_TEXT("\xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x98\x80"), /* not U+2028 either */
       "\"\xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x98\x80\""},
      {AOD_TEXT("a\xff\"b"), "\"a\xef\xbf\xbd\\\"b\""},
      {AOD_TEXT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
      {AOD_EMPTY, "\"\""},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    aod_buf_clear(&out);
    aod_json_string(&out, cases[i].text);
    check_text(aod_buf_slice(&out), cases[i].json);
  }
}

static void members_are_separated_by_themselves(void **state) {
  (void)state;
  aod_buf_byte(&out, '{');
  aod_json_key_string(&out, "a", AOD_TEXT("x"));
  aod_json_key_int(&out, "b", INT64_MIN);
  aod_json_key_bool(&out, "c", true);
  aod_json_key_raw(&out, "d", AOD_TEXT("[]"));
  aod_json_key(&out, "e");
  aod_buf_byte(&out, '[');
  aod_json_separate(&out);
  aod_json_number(&out, 1);
  aod_json_separate(&out);
  aod_json_number(&out, 2);
  aod_buf_text(&out, "]}");
  check_text(aod_buf_slice(&out),
             "{\"a\":\"x\",\"b\":-9223372036854775808,\"c\":true,\"d\":[],\"e\":[1,2]}");
}

static void a_string_that_ends_with_a_brace_is_followed_by_a_comma(void **state) {
  (void)state;
  static const char *const texts[] = {"{", "[", ":"};
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    aod_buf_clear(&out);
    aod_json_string(&out, aod_text(texts[i]));
    aod_json_separate(&out);
    assert_int_equal(out.ptr[out.len - 1], ',');
  }
}

/* ---- reading ---- */

/* Parse, write, and see what JSON.stringify(JSON.parse(text)) gives. */
static void check_round_trip(const char *text, const char *expected) {
  json_t *value;
  aod_error_t err;
  check_ok(aod_json_parse(aod_text(text), &value, &err), &err);
  aod_buf_clear(&out);
  aod_json_value(&out, value);
  json_decref(value);
  check_text(aod_buf_slice(&out), expected);
}

static void values_come_back_as_javascript_writes_them(void **state) {
  (void)state;
  check_round_trip(" [ 1 , 2.50 , -0 , 1E3 , true , false , null , \"x\" ] ",
                   "[1,2.5,0,1000,true,false,null,\"x\"]");
  check_round_trip("{\"z\":{},\"a\":[],\"m\":{\"k\":[{}]}}",
                   "{\"z\":{},\"a\":[],\"m\":{\"k\":[{}]}}");
  check_round_trip("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
  check_round_trip("9007199254740993", "9007199254740992");
  check_round_trip("123456789012345678901234567890", "1.2345678901234568e+29");
  check_round_trip("\"\\u0000\\u00e9\\ud83d\\ude00\\/\"", "\"\\u0000\xc3\xa9\xf0\x9f\x98\x80/\"");
}

static void lone_surrogates_become_the_replacement_character(void **state) {
  (void)state;
  check_round_trip("\"a\\ud800b\"", "\"a\xef\xbf\xbd"
                                    "b\"");
  check_round_trip("\"\\uDC00\\ud83d\\ude00\"", "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"");
  check_round_trip("\"\\ud83d\\ud83d\\uDE00\"", "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"");
  check_round_trip("\"\\\\ud800 \\ud800\"", "\"\\\\ud800 \xef\xbf\xbd\"");
  check_round_trip("{\"\\udfff\":[\"\\ud800\"]}", "{\"\xef\xbf\xbd\":[\"\xef\xbf\xbd\"]}");
}

static void malformed_texts_are_refused_with_their_place(void **state) {
  (void)state;
  static const char *const texts[] = {"",           " ",
                                      "{",          "[1,]",
                                      "{\"a\":1,}", "{a:1}",
                                      "'x'",        "01",
                                      "1.",         ".5",
                                      "+1",         "nul",
                                      "[1] 2",      "\"\n\"",
                                      "\"\\x\"",    "\"\\u12\"",
                                      "\xff",       "\"\xff\"",
                                      "\"\xc0\"",   "{\"a\" 1}",
                                      "[1 2]",      "NaN",
                                      "Infinity",   "-",
                                      "\"\\ud8\"",  "{\"\\u0000\":1}"};
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    json_t *value = NULL;
    aod_error_t err = {0};
    int code = aod_json_parse(aod_text(texts[i]), &value, &err);
    if (code != AOD_EINPUT) fail_msg("accepted: %s", texts[i]);
    check_contains(err.message, "line");
    assert_null(value);
  }
}

static void nesting_has_a_limit(void **state) {
  (void)state;
  enum { DEEP = 100000 };
  json_t *value;
  aod_error_t err;
  for (int i = 0; i < DEEP; i++) aod_buf_byte(&out, '[');
  for (int i = 0; i < DEEP; i++) aod_buf_byte(&out, ']');
  check_fails(aod_json_parse(aod_buf_slice(&out), &value, &err), AOD_EINPUT, &err, "depth");
  aod_slice_t shallow = aod_slice(out.ptr + DEEP - 1000, 2000);
  check_ok(aod_json_parse(shallow, &value, &err), &err);
  json_decref(value);
}

static void members_that_are_no_strings_read_as_empty(void **state) {
  (void)state;
  json_t *value;
  assert_int_equal(aod_json_parse(AOD_TEXT("{\"s\":\"x\\u0000y\",\"n\":1}"), &value, NULL), AOD_OK);
  check_bytes(aod_json_get_string(value, "s"), AOD_TEXT("x\0y"));
  assert_null(aod_json_get_string(value, "n").ptr);
  assert_null(aod_json_get_string(value, "absent").ptr);
  assert_null(aod_json_get_string(json_object_get(value, "n"), "s").ptr);
  assert_null(aod_json_get_string(NULL, "s").ptr);
  json_decref(value);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(numbers_read_as_in_javascript, after_each),
      cmocka_unit_test_teardown(strings_escape_what_javascript_escapes, after_each),
      cmocka_unit_test_teardown(members_are_separated_by_themselves, after_each),
      cmocka_unit_test_teardown(a_string_that_ends_with_a_brace_is_followed_by_a_comma, after_each),
      cmocka_unit_test_teardown(values_come_back_as_javascript_writes_them, after_each),
      cmocka_unit_test_teardown(lone_surrogates_become_the_replacement_character, after_each),
      cmocka_unit_test_teardown(malformed_texts_are_refused_with_their_place, after_each),
      cmocka_unit_test_teardown(nesting_has_a_limit, after_each),
      cmocka_unit_test_teardown(members_that_are_no_strings_read_as_empty, after_each),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
