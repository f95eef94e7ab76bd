/* Errors: one list, negative codes, and a small record for the context.
 *
 * A function that can fail returns 0 (or a count >= 0) on success and a negative AOD_E* code on
 * failure. It also takes an aod_error_t that the caller owns (NULL is allowed when only the code
 * matters) and writes there what happened, to which id, and what to do next.
 *
 * Operating errors (bad input, full disk, missing process) travel this way. Impossible states are
 * asserted with aod_assert, which stays on in release builds. */
#ifndef AOD_BASE_ERROR_H
#define AOD_BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

/* name, HTTP status that a unit answers with, exit code of the command line, text */
#define AOD_ERRORS(X)                                                                              \
  X(EINPUT, 400, 2, "malformed input")                                                             \
  X(ESIGNATURE, 400, 2, "signature does not verify")                                               \
  X(ENOTFOUND, 404, 3, "not found")                                                                \
  X(EFORBIDDEN, 403, 4, "not allowed")                                                             \
  X(EEXISTS, 400, 3, "already exists")                                                             \
  X(ETOOLARGE, 413, 2, "too large")                                                                \
  X(EUNSUPPORTED, 422, 4, "not supported")                                                         \
  X(ELIMIT, 413, 4, "limit exceeded")                                                              \
  X(ETRAP, 200, 5, "the module trapped")                                                           \
  X(EUNAVAILABLE, 503, 6, "temporarily unavailable")                                               \
  X(EIO, 500, 7, "input/output error")                                                             \
  X(EDISK, 507, 7, "the disk takes nothing")                                                       \
  X(ENOMEM, 503, 7, "out of memory")                                                               \
  X(ECOMPILE, 500, 8, "compilation failed")                                                        \
  X(EUSAGE, 400, 64, "wrong usage")                                                                \
  X(ECLOSED, 503, 6, "shutting down")                                                              \
  X(EINTERNAL, 500, 70, "internal error")

enum {
  AOD_OK = 0,
  AOD_ERROR_FIRST_ = -100,
#define X(name, http, exit, text) AOD_##name,
  AOD_ERRORS(X)
#undef X
};

/* What went wrong. `code` is the returned code, `message` a whole sentence without the unit's name,
 * never NULL, possibly truncated. Plain data: copy freely. */
typedef struct {
  int code;
  char message[1000];
} aod_error_t;

/* Fill `err` (may be NULL) and return `code`, so that `return aod_fail(...)` reads well. */
int aod_fail(aod_error_t *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What the system refused, by errno: "<text>: <reason>". AOD_EDISK, with what to do, when the disk
 * is full, read-only or broken; AOD_ENOTFOUND when a file is missing; else AOD_EIO. */
int aod_fail_system(aod_error_t *err, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "prefix: " before the message already in `err` (not NULL); returns err->code. */
int aod_error_prefix(aod_error_t *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

const char *aod_error_name(int code); /* "ENOTFOUND" */
const char *aod_error_text(int code); /* "not found" */
int aod_error_http_status(int code);  /* 404 */
int aod_error_exit_code(int code);    /* 3 */

_Noreturn void aod_assert_failed(const char *file, int line, const char *expression);
#define aod_assert(x) ((x) ? (void)0 : aod_assert_failed(__FILE__, __LINE__, #x))

#endif
