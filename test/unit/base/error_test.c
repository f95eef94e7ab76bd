#include "base/error.h"

#include <errno.h>

#include "support/check.h"

static const int codes[] = {
#define X(name, http, exit, text) AOD_##name,
    AOD_ERRORS(X)
#undef X
};

static void every_error_has_name_text_status_and_exit_code(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(codes); i++) {
    assert_true(codes[i] < 0);
    assert_true(aod_error_name(codes[i])[0] == 'E');
    assert_true(strlen(aod_error_text(codes[i])) > 0);
    int status = aod_error_http_status(codes[i]), exit_code = aod_error_exit_code(codes[i]);
    assert_true(status == 200 || (status >= 400 && status < 600));
    assert_in_range(exit_code, 1, 125);
    for (size_t k = 0; k < i; k++) assert_true(codes[k] != codes[i]);
  }
  assert_string_equal(aod_error_name(AOD_ENOTFOUND), "ENOTFOUND");
  assert_int_equal(aod_error_http_status(AOD_ENOTFOUND), 404);
  assert_int_equal(aod_error_exit_code(AOD_OK), 0);
}

static void an_unknown_code_is_an_internal_error(void **state) {
  (void)state;
  static const int strange[] = {-1, -100, -1000000, 7};
  for (size_t i = 0; i < COUNT_OF(strange); i++)
    assert_string_equal(aod_error_name(strange[i]), "EINTERNAL");
}

static void failing_fills_the_record_and_returns_the_code(void **state) {
  (void)state;
  aod_error_t err;
  assert_int_equal(aod_fail(&err, AOD_EINPUT, "tag %d of %s", 3, "x"), AOD_EINPUT);
  assert_int_equal(err.code, AOD_EINPUT);
  assert_string_equal(err.message, "tag 3 of x");
  assert_int_equal(aod_fail(NULL, AOD_EIO, "nobody listens"), AOD_EIO);
}

static void what_the_system_refuses_says_what_to_do(void **state) {
  (void)state;
  aod_error_t err;
  assert_int_equal(aod_fail_system(&err, ENOSPC, "cannot write %s", "x"), AOD_EDISK);
  assert_int_equal(err.code, AOD_EDISK);
  assert_string_equal(err.message,
                      "cannot write x: the disk is full; make room there, nothing else is needed");
  assert_int_equal(aod_fail_system(&err, ENOENT, "cannot open x"), AOD_ENOTFOUND);
  assert_string_equal(err.message, "cannot open x: No such file or directory");
  assert_int_equal(aod_fail_system(&err, EROFS, "x"), AOD_EDISK);
  assert_non_null(strstr(err.message, "the disk is read-only"));
  assert_int_equal(aod_fail_system(&err, EIO, "x"), AOD_EDISK);
  assert_non_null(strstr(err.message, "the disk fails"));
  assert_int_equal(aod_fail_system(&err, EPIPE, "%2000s", "y"), AOD_EIO);
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
  assert_int_equal(aod_fail_system(NULL, EDQUOT, "nobody listens"), AOD_EDISK);
}

static void a_prefix_comes_before_what_was_said(void **state) {
  (void)state;
  aod_error_t err;
  aod_fail(&err, AOD_EINPUT, "bad tag");
  assert_int_equal(aod_error_prefix(&err, "item %d", 7), AOD_EINPUT);
  assert_string_equal(err.message, "item 7: bad tag");
}

static void long_messages_are_cut_not_overrun(void **state) {
  (void)state;
  aod_error_t err;
  aod_fail(&err, AOD_EINPUT, "%5000s", "x");
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
  aod_error_prefix(&err, "prefix");
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
  assert_memory_equal(err.message, "prefix: ", 8);
  aod_error_prefix(&err, "%2000s", "y");
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_error_has_name_text_status_and_exit_code),
      TEST(an_unknown_code_is_an_internal_error),
      TEST(failing_fills_the_record_and_returns_the_code),
      TEST(what_the_system_refuses_says_what_to_do),
      TEST(a_prefix_comes_before_what_was_said),
      TEST(long_messages_are_cut_not_overrun),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
