/* What most unit tests need: cmocka with its headers, slices compared as text, errors that say what
 * they are, and folders of their own. */
#ifndef AOD_TEST_SUPPORT_CHECK_H
#define AOD_TEST_SUPPORT_CHECK_H

/* cmocka wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define TEST(function)  cmocka_unit_test(function)

static inline void check_text_at(aod_slice_t got, const char *expected, const char *file,
                                 int line) {
  if (aod_slice_is(got, expected)) return;
  print_error("     got \"%.*s\"\nexpected \"%s\"\n", AOD_ARG(got), expected);
  _fail(file, line);
}
#define check_text(slice, expected) check_text_at(slice, expected, __FILE__, __LINE__)

static inline void check_bytes_at(aod_slice_t got, aod_slice_t expected, const char *file,
                                  int line) {
  if (aod_slice_equal(got, expected)) return;
  print_error("%zu bytes differ from the %zu expected\n", got.len, expected.len);
  _fail(file, line);
}
#define check_bytes(slice, expected) check_bytes_at(slice, expected, __FILE__, __LINE__)

static inline void check_id_at(const uint8_t *got, const uint8_t *expected, const char *file,
                               int line) {
  check_bytes_at(aod_slice(got, 32), aod_slice(expected, 32), file, line);
}
#define check_id(got, expected) check_id_at(got, expected, __FILE__, __LINE__)

static inline void check_contains_at(const char *text, const char *part, const char *file,
                                     int line) {
  if (strstr(text, part)) return;
  print_error("\"%s\"\ndoes not say \"%s\"\n", text, part);
  _fail(file, line);
}
#define check_contains(text, part) check_contains_at(text, part, __FILE__, __LINE__)

/* `code` is AOD_OK; otherwise the test fails with the message in `err`. */
static inline void check_ok_at(int code, const aod_error_t *err, const char *file, int line) {
  if (code == AOD_OK) return;
  print_error("%s: %s\n", aod_error_name(code), err->message);
  _fail(file, line);
}
#define check_ok(code, err) check_ok_at(code, err, __FILE__, __LINE__)

/* `code` is `expected`, and the message in `err` has `part` in it. */
static inline void check_fails_at(int code, int expected, const aod_error_t *err, const char *part,
                                  const char *file, int line) {
  if (code != expected) {
    print_error("expected %s, got %s\n", aod_error_name(expected),
                code ? aod_error_name(code) : "AOD_OK");
    _fail(file, line);
  }
  check_contains_at(err->message, part, file, line);
}
#define check_fails(code, expected, err, part)                                                     \
  check_fails_at(code, expected, err, part, __FILE__, __LINE__)

/* A folder of this test's own; test_dir_remove takes it away. */
static inline char *test_dir_make(void) {
  char *path = aod_strdup("/tmp/aod-test-XXXXXX");
  assert_non_null(mkdtemp(path));
  return path;
}

static inline void test_dir_remove(char *path) {
  aod_dir_remove(path, NULL);
  free(path);
}

/* <dir>/<name> in a static buffer: good until the next call. */
static inline const char *test_path(const char *dir, const char *name) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return path;
}

#endif
