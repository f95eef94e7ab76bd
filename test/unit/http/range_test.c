/* The Range header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/range.h"

static void check(const char *header, uint64_t total, int status, uint64_t from, uint64_t len) {
  uint64_t got_from, got_len;
  int got = aod_range_parse(aod_text(header), total, &got_from, &got_len);
  if (got != status) fail_msg("\"%s\" of %d: %d, not %d", header, (int)total, got, status);
  if (status >= 400) return;
  assert_int_equal(got_from, from);
  assert_int_equal(got_len, len);
}

static void ranges(void **state) {
  (void)state;
  check("bytes=0-9", 64, 206, 0, 10);
  check("bytes=60-64", 64, 206, 60, 4); /* clamped */
  check("bytes=63-63", 64, 206, 63, 1);
  check("bytes=5-", 64, 206, 5, 59);
  check("bytes=-4", 64, 206, 60, 4);
  check("bytes=-100", 64, 206, 0, 64);
  check("Bytes = 0-18446744073709551615", 64, 206, 0, 64);
  check("bytes= 1-2 ", 64, 206, 1, 2);
}

static void everything(void **state) {
  (void)state;
  check("", 64, 200, 0, 64);
  check("", 0, 200, 0, 0);
  check("items=0-1", 64, 200, 0, 64);
  check("bytes=0-1,5-6", 64, 200, 0, 64);
}

static void refused(void **state) {
  (void)state;
  check("bytes=64-", 64, 416, 0, 0);
  check("bytes=0-", 0, 416, 0, 0);
  check("bytes=-0", 64, 416, 0, 0);
  check("bytes=-5", 0, 416, 0, 0);
  check("bytes=9-3", 64, 400, 0, 0);
  check("bytes=", 64, 400, 0, 0);
  check("bytes=-", 64, 400, 0, 0);
  check("bytes", 64, 400, 0, 0);
  check("bytes=a-b", 64, 400, 0, 0);
  check("bytes=1-2-3", 64, 400, 0, 0);
  check("bytes=+1-2", 64, 400, 0, 0);
  check("bytes=0-18446744073709551616", 64, 400, 0, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges),
      cmocka_unit_test(everything),
      cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
