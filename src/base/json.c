#include "base/json.h"

#include <ctype.h>
#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- writing ---- */

static void escape_byte(aod_buf_t *out, uint8_t c) {
  static const char short_forms[] = "\tt\nn\ff\rr\bb\"\"\\\\";
  for (const char *p = short_forms; *p; p += 2) {
    if ((uint8_t)p[0] != c) continue;
    aod_buf_byte(out, '\\');
    aod_buf_byte(out, (uint8_t)p[1]);
    return;
  }
  aod_buf_printf(out, "\\u%04x", c);
}

static bool must_escape(uint8_t c) {
  return c < 0x20 || c == '"' || c == '\\';
}

static void string_body(aod_buf_t *out, aod_slice_t text) {
  size_t start = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (!must_escape(text.ptr[i])) continue;
    aod_buf_append(out, aod_slice(text.ptr + start, i - start));
    escape_byte(out, text.ptr[i]);
    start = i + 1;
  }
  aod_buf_append(out, aod_slice_sub(text, start, text.len - start));
}

void aod_json_string(aod_buf_t *out, aod_slice_t text) {
  aod_buf_byte(out, '"');
  if (aod_utf8_valid(text)) {
    string_body(out, text);
  } else {
    aod_buf_t valid = {0};
    aod_buf_utf8_lossy(&valid, text);
    string_body(out, aod_buf_slice(&valid));
    aod_buf_free(&valid);
  }
  aod_buf_byte(out, '"');
}

void aod_json_separate(aod_buf_t *out) {
  if (out->len == 0) return;
  uint8_t last = out->ptr[out->len - 1];
  if (last != '{' && last != '[' && last != ':') aod_buf_byte(out, ',');
}

void aod_json_key(aod_buf_t *out, const char *name) {
  aod_json_separate(out);
  aod_json_string(out, aod_text(name));
  aod_buf_byte(out, ':');
}

void aod_json_key_string(aod_buf_t *out, const char *name, aod_slice_t value) {
  aod_json_key(out, name);
  aod_json_string(out, value);
}

void aod_json_key_int(aod_buf_t *out, const char *name, int64_t value) {
  aod_json_key(out, name);
  aod_buf_printf(out, "%lld", (long long)value);
}

void aod_json_key_bool(aod_buf_t *out, const char *name, bool value) {
  aod_json_key(out, name);
  aod_buf_text(out, value ? "true" : "false");
}

void aod_json_key_raw(aod_buf_t *out, const char *name, aod_slice_t json) {
  aod_json_key(out, name);
  aod_buf_append(out, json);
}

static bool print_digits(char text[40], int precision, double value) {
  snprintf(text, 40, "%.*e", precision, value);
  return strtod(text, NULL) == value;
}

/* Doubles lie closer together below a power of two than above it: there the number above may read
 * back where the nearest one of as many digits, which is below, does not. */
static bool print_digits_above(char text[40], int precision, double value) {
  int exponent;
  if (frexp(value, &exponent) != 0.5) return false;
  fesetround(FE_UPWARD);
  snprintf(text, 40, "%.*e", precision, value);
  fesetround(FE_TONEAREST);
  return strtod(text, NULL) == value;
}

/* Shortest digits that read back as the same double: "d.ddde+xx" split into digits and exponent. */
static int shortest_digits(double value, char digits[32], int *exponent) {
  char text[40];
  for (int precision = 0; precision < 17; precision++)
    if (print_digits(text, precision, value) || print_digits_above(text, precision, value)) break;
  char *e = strchr(text, 'e');
  *exponent = atoi(e + 1);
  int count = 0;
  for (char *p = text; p < e; p++)
    if (*p >= '0' && *p <= '9') digits[count++] = *p;
  while (count > 1 && digits[count - 1] == '0') count--;
  return count;
}

/* ECMAScript's Number::toString: plain notation for exponents from -6 to 20, else scientific. */
void aod_json_number(aod_buf_t *out, double value) {
  if (!isfinite(value)) {
    aod_buf_text(out, "null");
    return;
  }
  if (value == 0) {
    aod_buf_byte(out, '0');
    return;
  }
  if (value == floor(value) && fabs(value) < 1e15) {
    aod_buf_printf(out, "%lld", (long long)value);
    return;
  }
  if (value < 0) aod_buf_byte(out, '-');
  char digits[32];
  int exponent, count = shortest_digits(fabs(value), digits, &exponent);
  if (exponent < -6 || exponent > 20) {
    aod_buf_byte(out, (uint8_t)digits[0]);
    if (count > 1) aod_buf_printf(out, ".%.*s", count - 1, digits + 1);
    aod_buf_printf(out, "e%+d", exponent);
  } else if (exponent < 0) {
    aod_buf_printf(out, "0.%.*s%.*s", -exponent - 1, "000000", count, digits);
  } else if (count <= exponent + 1) {
    aod_buf_printf(out, "%.*s%.*s", count, digits, exponent + 1 - count, "00000000000000000000");
  } else {
    aod_buf_printf(out, "%.*s.%.*s", exponent + 1, digits, count - exponent - 1,
                   digits + exponent + 1);
  }
}

static void write_object(aod_buf_t *out, const json_t *object) {
  const char *key;
  json_t *member;
  aod_buf_byte(out, '{');
  json_object_foreach((json_t *)object, key, member) {
    aod_json_key(out, key);
    aod_json_value(out, member);
  }
  aod_buf_byte(out, '}');
}

static void write_array(aod_buf_t *out, const json_t *array) {
  size_t index;
  json_t *element;
  aod_buf_byte(out, '[');
  json_array_foreach(array, index, element) {
    aod_json_separate(out);
    aod_json_value(out, element);
  }
  aod_buf_byte(out, ']');
}

void aod_json_value(aod_buf_t *out, const json_t *value) {
  switch (json_typeof(value)) {
  case JSON_OBJECT:
    write_object(out, value);
    break;
  case JSON_ARRAY:
    write_array(out, value);
    break;
  case JSON_STRING:
    aod_json_string(out, aod_json_slice(value));
    break;
  case JSON_INTEGER:
    aod_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    break;
  case JSON_REAL:
    aod_json_number(out, json_real_value(value));
    break;
  case JSON_TRUE:
    aod_buf_text(out, "true");
    break;
  case JSON_FALSE:
    aod_buf_text(out, "false");
    break;
  case JSON_NULL:
    aod_buf_text(out, "null");
    break;
  }
}

/* ---- reading ---- */

static json_t *load(aod_slice_t text, json_error_t *why) {
  size_t flags = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
  return json_loadb(text.len ? (const char *)text.ptr : "", text.len, flags, why);
}

/* The four digits behind "\u" at `at`; -1: there are none. */
static int escaped_unit(aod_slice_t text, size_t at) {
  int unit = 0;
  if (at + 6 > text.len || text.ptr[at] != '\\' || text.ptr[at + 1] != 'u') return -1;
  for (size_t i = at + 2; i < at + 6; i++) {
    if (!isxdigit(text.ptr[i])) return -1;
    int digit = isdigit(text.ptr[i]) ? text.ptr[i] - '0' : (text.ptr[i] | 32) - 'a' + 10;
    unit = unit << 4 | digit;
  }
  return unit;
}

/* Half of a pair that stands alone is a character to JavaScript, which becomes U+FFFD wherever it
 * leaves it as bytes, and an error to jansson. Replace such escapes; false: there are none. */
static bool mend_surrogates(aod_slice_t text, aod_buf_t *mended) {
  bool found = false;
  aod_buf_append(mended, text);
  for (size_t at = 0; at + 1 < text.len; at++) {
    if (text.ptr[at] != '\\') continue;
    int unit = escaped_unit(text, at), next = escaped_unit(text, at + 6);
    bool pair = (unit & 0xfc00) == 0xd800 && (next & 0xfc00) == 0xdc00 && next > 0;
    bool alone = unit > 0 && (unit & 0xf800) == 0xd800 && !pair;
    if (alone) memcpy(mended->ptr + at + 2, "fffd", 4);
    found |= alone;
    at += pair ? 11 : 1;
  }
  return found;
}

int aod_json_parse(aod_slice_t text, json_t **value, aod_error_t *err) {
  json_error_t why;
  *value = load(text, &why);
  if (*value) return AOD_OK;
  aod_buf_t mended = {0};
  if (mend_surrogates(text, &mended)) *value = load(aod_buf_slice(&mended), &why);
  aod_buf_free(&mended);
  if (*value) return AOD_OK;
  return aod_fail(err, AOD_EINPUT, "invalid JSON at line %d column %d: %s", why.line, why.column,
                  why.text);
}

aod_slice_t aod_json_slice(const json_t *string) {
  return aod_slice(json_string_value(string), json_string_length(string));
}

aod_slice_t aod_json_get_string(const json_t *object, const char *name) {
  const json_t *member = json_object_get(object, name);
  return json_is_string(member) ? aod_json_slice(member) : AOD_EMPTY;
}
