/* JSON: writing onto a buffer as JSON.stringify writes, reading with jansson.
 *
 * AO's texts come from JavaScript and are compared with what JavaScript prints: keys keep their
 * order, only what must be escaped is escaped, and a number is a double in its shortest form. */
#ifndef AOD_BASE_JSON_H
#define AOD_BASE_JSON_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"

/* ---- writing: each function appends to `out` ---- */

/* A quoted string. Invalid UTF-8 becomes U+FFFD, so that the output is always valid JSON. */
void aod_json_string(aod_buf_t *out, aod_slice_t text);
/* Comma unless the last byte written opens a list or object or is a colon. */
void aod_json_separate(aod_buf_t *out);
/* separator, "name": */
void aod_json_key(aod_buf_t *out, const char *name);
void aod_json_key_string(aod_buf_t *out, const char *name, aod_slice_t value);
void aod_json_key_int(aod_buf_t *out, const char *name, int64_t value);
void aod_json_key_bool(aod_buf_t *out, const char *name, bool value);
void aod_json_key_raw(aod_buf_t *out, const char *name, aod_slice_t json);
/* A number as JavaScript prints it; NaN and infinities become null. */
void aod_json_number(aod_buf_t *out, double value);
/* A whole jansson value. */
void aod_json_value(aod_buf_t *out, const json_t *value);

/* ---- reading ---- */

/* Parse a text that may hold any JSON value. Numbers become doubles as in JavaScript, and escapes
 * of half a surrogate pair U+FFFD, as in JavaScript once they are bytes. The caller owns *value
 * (json_decref). AOD_EINPUT with line and column; nesting deeper than jansson's limit (2048) is
 * refused. */
int aod_json_parse(aod_slice_t text, json_t **value, aod_error_t *err);

/* The string member `name` as a slice into `object`; empty when absent or no string. */
aod_slice_t aod_json_get_string(const json_t *object, const char *name);
aod_slice_t aod_json_slice(const json_t *string);

#endif
