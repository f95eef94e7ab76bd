/* The calendar against the C library's, and the places where JavaScript's differs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "vm/calendar.h"

static uint64_t random_state = 88172645463325252u;

static int64_t random_between(int64_t low, int64_t high) { /* xorshift64 */
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return low + (int64_t)(random_state % (uint64_t)(high - low + 1));
}

static void expect_same(const aod_calendar_t *got, const struct tm *expected) {
  assert_int_equal(got->second, expected->tm_sec);
  assert_int_equal(got->minute, expected->tm_min);
  assert_int_equal(got->hour, expected->tm_hour);
  assert_int_equal(got->day, expected->tm_mday);
  assert_int_equal(got->month, expected->tm_mon);
  assert_int_equal(got->year, expected->tm_year);
  assert_int_equal(got->week_day, expected->tm_wday);
  assert_int_equal(got->year_day, expected->tm_yday);
}

static void test_from_seconds(void **state) {
  (void)state;
  for (int i = 0; i < 20000; i++) {
    time_t seconds =
        random_between(i % 2 ? -8640000000000 : -4000000000, i % 2 ? 8640000000000 : 8000000000);
    struct tm expected;
    aod_calendar_t got;
    gmtime_r(&seconds, &expected);
    assert_true(aod_calendar_from_seconds(seconds, &got));
    expect_same(&got, &expected);
  }
}

static void test_range(void **state) {
  (void)state;
  aod_calendar_t calendar;
  assert_true(aod_calendar_from_seconds(8640000000000, &calendar));
  assert_int_equal(calendar.year, 275760 - 1900);
  assert_false(aod_calendar_from_seconds(8640000000001, &calendar));
  assert_int_equal(calendar.day, 0);
  assert_false(aod_calendar_from_seconds(INT64_MIN, &calendar));
  int64_t seconds;
  assert_false(aod_calendar_to_seconds(&(aod_calendar_t){.year = INT32_MAX}, &seconds));
  assert_false(
      aod_calendar_to_seconds(&(aod_calendar_t){.month = INT32_MIN, .day = INT32_MIN}, &seconds));
}

static void test_to_seconds(void **state) {
  (void)state;
  for (int i = 0; i < 20000; i++) {
    struct tm tm = {.tm_sec = (int)random_between(-100, 100),
                    .tm_min = (int)random_between(-100, 100),
                    .tm_hour = (int)random_between(-50, 50),
                    .tm_mday = (int)random_between(-400, 400),
                    .tm_mon = (int)random_between(-30, 30),
                    .tm_year = (int)random_between(-1000, 3000)};
    if (tm.tm_year >= -1900 && tm.tm_year <= -1801) continue; /* see test_short_years */
    aod_calendar_t calendar = {tm.tm_sec,  tm.tm_min, tm.tm_hour, tm.tm_mday, tm.tm_mon,
                               tm.tm_year, 0,         0,          0};
    int64_t got;
    assert_true(aod_calendar_to_seconds(&calendar, &got));
    assert_int_equal(got, timegm(&tm));
  }
}

/* JavaScript's Date takes the years 0 to 99 as 1900 to 1999. */
static void test_short_years(void **state) {
  (void)state;
  int64_t seconds;
  assert_true(aod_calendar_to_seconds(&(aod_calendar_t){.year = 70 - 1900, .day = 2}, &seconds));
  assert_int_equal(seconds, 86400);
}

static void expect_format(int64_t seconds, const char *format, const char *expected) {
  aod_calendar_t calendar;
  aod_buf_t out = {0};
  aod_calendar_from_seconds(seconds, &calendar);
  assert_true(aod_calendar_format(&out, aod_text(format), &calendar, 0, AOD_TEXT("UTC")));
  aod_buf_terminate(&out);
  assert_string_equal((const char *)out.ptr, expected);
  aod_buf_free(&out);
}

static void test_format_against_libc(void **state) {
  (void)state;
  static const char format[] = "%a|%A|%b|%B|%C|%d|%e|%g|%G|%H|%I|%j|%m|%M|%p|%S|%u|%U|%V|%w|%W|%y|"
                               "%Y|%c|%D|%F|%h|%R|%T|%r|%n|%t|%Ey|%Od|%OH|%%";
  for (int i = 0; i < 5000; i++) {
    time_t seconds = random_between(-30000000000, 250000000000); /* years 1019 to 9892 */
    struct tm tm;
    char text[512], patched[512];
    gmtime_r(&seconds, &tm);
    strftime(patched, sizeof patched, format, &tm);
    snprintf(text, sizeof text, "%s", patched);
    /* the glue writes %c with a two-digit day, the C library with a padded one */
    char c_glue[64], c_libc[64];
    strftime(c_glue, sizeof c_glue, "%a %b %d %H:%M:%S %Y", &tm);
    strftime(c_libc, sizeof c_libc, "%c", &tm);
    char *at = strstr(text, c_libc);
    assert_non_null(at);
    memcpy(at, c_glue, strlen(c_glue));
    expect_format(seconds, format, text);
  }
}

/* H28, H29, H30 */
static void test_format_examples(void **state) {
  (void)state;
  expect_format(1700000000, "%Y-%m-%d %H:%M:%S", "2023-11-14 22:13:20");
  expect_format(1700000000, "%c", "Tue Nov 14 22:13:20 2023");
  expect_format(1700000000, "%z %Z", "+0000 UTC");
  expect_format(1700000000, "%U %V", "46 46");
  expect_format(951782400, "%a %A %b %B %d %H %I %j %m %M %p %S %y %Y %x %X %D %F %R %T %%",
                "Tue Tuesday Feb February 29 00 12 060 02 00 AM 00 00 2000 02/29/00 00:00:00 "
                "02/29/00 2000-02-29 00:00 00:00:00 %");
  expect_format(1700000000, "", "");
  expect_format(1700000000, "%", "%");
  expect_format(1700000000, "%q%5", "%q%5");
  /* compound conversions are replaced before "%%" is looked at */
  expect_format(1700000000, "%%F", "%Y-11-14");
  expect_format(1700000000, "%%d", "%d");
  expect_format(1700000000, "%Ec", "%c");
}

static void test_names_out_of_range(void **state) {
  (void)state;
  aod_buf_t out = {0};
  aod_calendar_t calendar = {.week_day = 7, .month = -1};
  assert_false(aod_calendar_format(&out, AOD_TEXT("%a"), &calendar, 0, AOD_EMPTY));
  assert_false(aod_calendar_format(&out, AOD_TEXT("%B"), &calendar, 0, AOD_EMPTY));
  assert_true(aod_calendar_format(&out, AOD_TEXT("%w %j %z"), &calendar, -3600, AOD_EMPTY));
  assert_true(aod_slice_is(aod_buf_slice(&out), "7 000 -0100"));
  aod_buf_free(&out);
}

/* Nothing that a module can put into a struct tm may overflow. */
static void test_extreme_fields(void **state) {
  (void)state;
  static const int32_t extremes[] = {INT32_MIN, -1, 0, 1, INT32_MAX};
  for (int i = 0; i < 20000; i++) {
    int32_t fields[9];
    for (int k = 0; k < 9; k++) fields[k] = extremes[random_between(0, 4)];
    aod_calendar_t calendar;
    memcpy(&calendar, fields, sizeof calendar);
    aod_buf_t out = {0};
    int64_t seconds;
    aod_calendar_to_seconds(&calendar, &seconds);
    aod_calendar_format(&out, AOD_TEXT("%C%d%e%g%G%H%I%j%m%M%p%S%u%U%V%w%W%y%Y%z"), &calendar,
                        INT32_MIN, AOD_EMPTY);
    aod_buf_free(&out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_from_seconds),        cmocka_unit_test(test_range),
      cmocka_unit_test(test_to_seconds),          cmocka_unit_test(test_short_years),
      cmocka_unit_test(test_format_against_libc), cmocka_unit_test(test_format_examples),
      cmocka_unit_test(test_names_out_of_range),  cmocka_unit_test(test_extreme_fields),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
