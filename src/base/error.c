#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  int http_status, exit_code;
  const char *text;
} errors[] = {
#define X(name, http, exit, text) {#name, http, exit, text},
    AOD_ERRORS(X)
#undef X
};

static int index_of(int code) {
  int index = code - AOD_ERROR_FIRST_ - 1;
  int count = (int)(sizeof errors / sizeof errors[0]);
  return index >= 0 && index < count ? index : count - 1;
}

int aod_fail(aod_error_t *err, int code, const char *format, ...) {
  if (!err) return code;
  va_list args;
  va_start(args, format);
  err->code = code;
  vsnprintf(err->message, sizeof err->message, format, args);
  va_end(args);
  return code;
}

/* Files that cannot be written are the operator's to help, so the reason says how. */
static const struct {
  int number, code;
  const char *reason;
} system_errors[] = {
    {ENOENT, AOD_ENOTFOUND, NULL},
    {ENOSPC, AOD_EDISK, "the disk is full; make room there, nothing else is needed"},
    {EDQUOT, AOD_EDISK, "the disk is full for this user (quota); make room there"},
    {EFBIG, AOD_EDISK, "the file has the size that the system allows (ulimit -f)"},
    {EROFS, AOD_EDISK, "the disk is read-only; make it writable (mount -o remount,rw)"},
    {EIO, AOD_EDISK, "the disk fails; what the kernel says of it (dmesg) tells more"},
    {EACCES, AOD_EIO, "this user may not write there; change the owner or the mode"},
};

int aod_fail_system(aod_error_t *err, int number, const char *format, ...) {
  aod_error_t unused;
  if (!err) err = &unused;
  size_t row = 0, count = sizeof system_errors / sizeof *system_errors;
  while (row < count && system_errors[row].number != number) row++;
  const char *reason = row < count ? system_errors[row].reason : NULL;
  va_list args;
  va_start(args, format);
  int len = vsnprintf(err->message, sizeof err->message, format, args);
  va_end(args);
  if (len >= 0 && (size_t)len < sizeof err->message)
    snprintf(err->message + len, sizeof err->message - (size_t)len, ": %s",
             reason ? reason : strerror(number));
  err->code = row < count ? system_errors[row].code : AOD_EIO;
  return err->code;
}

int aod_error_prefix(aod_error_t *err, const char *format, ...) {
  aod_assert(err != NULL);
  char old[sizeof err->message];
  memcpy(old, err->message, sizeof old);
  va_list args;
  va_start(args, format);
  int len = vsnprintf(err->message, sizeof err->message, format, args);
  va_end(args);
  if (len < 0 || (size_t)len >= sizeof err->message) return err->code;
  snprintf(err->message + len, sizeof err->message - (size_t)len, ": %s", old);
  return err->code;
}

const char *aod_error_name(int code) {
  return errors[index_of(code)].name;
}

const char *aod_error_text(int code) {
  return errors[index_of(code)].text;
}

int aod_error_http_status(int code) {
  return errors[index_of(code)].http_status;
}

int aod_error_exit_code(int code) {
  return code == 0 ? 0 : errors[index_of(code)].exit_code;
}

void aod_assert_failed(const char *file, int line, const char *expression) {
  fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
  abort();
}
