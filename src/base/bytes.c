#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "aod needs a little-endian machine");

/* ---- slices ---- */

bool aod_slice_equal(aod_slice_t a, aod_slice_t b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool aod_slice_is_zero(aod_slice_t a) {
  return a.len == 0 || (a.ptr[0] == 0 && memcmp(a.ptr, a.ptr + 1, a.len - 1) == 0);
}

bool aod_slice_is(aod_slice_t a, const char *text) {
  return aod_slice_equal(a, aod_text(text));
}

static uint8_t lower(uint8_t c) {
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool aod_slice_is_nocase(aod_slice_t a, const char *text) {
  aod_slice_t b = aod_text(text);
  if (a.len != b.len) return false;
  for (size_t i = 0; i < a.len; i++)
    if (lower(a.ptr[i]) != lower(b.ptr[i])) return false;
  return true;
}

int aod_slice_compare(aod_slice_t a, aod_slice_t b) {
  size_t common = a.len < b.len ? a.len : b.len;
  int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
  if (order) return order;
  return a.len < b.len ? -1 : a.len > b.len;
}

bool aod_slice_starts(aod_slice_t a, const char *prefix) {
  size_t len = strlen(prefix);
  return a.len >= len && (len == 0 || memcmp(a.ptr, prefix, len) == 0);
}

bool aod_slice_ends(aod_slice_t a, const char *suffix) {
  size_t len = strlen(suffix);
  return a.len >= len && (len == 0 || memcmp(a.ptr + a.len - len, suffix, len) == 0);
}

aod_slice_t aod_slice_sub(aod_slice_t a, size_t from, size_t len) {
  if (from > a.len) from = a.len;
  if (len > a.len - from) len = a.len - from;
  return aod_slice(from ? a.ptr + from : a.ptr, len); /* not even 0 may be added to NULL */
}

static bool is_blank(uint8_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

aod_slice_t aod_slice_trim(aod_slice_t a) {
  while (a.len && is_blank(a.ptr[0])) a.ptr++, a.len--;
  while (a.len && is_blank(a.ptr[a.len - 1])) a.len--;
  return a;
}

aod_slice_t aod_slice_cut(aod_slice_t *rest, char separator) {
  aod_slice_t all = *rest;
  const uint8_t *at = all.len ? memchr(all.ptr, separator, all.len) : NULL;
  if (!at) {
    *rest = AOD_EMPTY;
    return all;
  }
  size_t len = (size_t)(at - all.ptr);
  *rest = aod_slice(at + 1, all.len - len - 1);
  return aod_slice(all.ptr, len);
}

bool aod_slice_to_u64(aod_slice_t text, uint64_t *value) {
  if (text.len == 0) return false;
  uint64_t v = 0;
  for (size_t i = 0; i < text.len; i++) {
    uint8_t digit = (uint8_t)(text.ptr[i] - '0');
    if (digit > 9 || v > (UINT64_MAX - digit) / 10) return false;
    v = v * 10 + digit;
  }
  *value = v;
  return true;
}

/* ---- UTF-8 ---- */

/* Length of the valid sequence at p, or minus the length of the invalid part to replace by one
 * U+FFFD (the "maximal subpart" rule of the Unicode standard, which browsers follow). */
static int utf8_step(const uint8_t *p, size_t len) {
  uint8_t c = p[0];
  if (c < 0x80) return 1;
  int more = c >= 0xc2 && c <= 0xdf   ? 1
             : c >= 0xe0 && c <= 0xef ? 2
             : c >= 0xf0 && c <= 0xf4 ? 3
                                      : 0;
  if (more == 0) return -1;
  uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
  uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
  for (int i = 1; i <= more; i++) {
    if ((size_t)i >= len || p[i] < low || p[i] > high) return -i;
    low = 0x80, high = 0xbf;
  }
  return more + 1;
}

bool aod_utf8_valid(aod_slice_t bytes) {
  for (size_t i = 0; i < bytes.len;) {
    int step = utf8_step(bytes.ptr + i, bytes.len - i);
    if (step < 0) return false;
    i += (size_t)step;
  }
  return true;
}

void aod_buf_utf8_lossy(aod_buf_t *buf, aod_slice_t bytes) {
  size_t start = 0, i = 0;
  while (i < bytes.len) {
    int step = utf8_step(bytes.ptr + i, bytes.len - i);
    if (step > 0) {
      i += (size_t)step;
      continue;
    }
    aod_buf_append(buf, aod_slice(bytes.ptr + start, i - start));
    aod_buf_text(buf, "\xef\xbf\xbd");
    i += (size_t)-step;
    start = i;
  }
  aod_buf_append(buf, aod_slice_sub(bytes, start, bytes.len - start));
}

/* ---- buffers ---- */

void aod_buf_reserve(aod_buf_t *buf, size_t more) {
  aod_assert(more <= SIZE_MAX / 2 - buf->len);
  size_t need = buf->len + more;
  if (need <= buf->cap) return;
  size_t cap = buf->cap ? buf->cap * 2 : 64;
  if (cap < need) cap = need;
  buf->ptr = aod_realloc(buf->ptr, cap);
  buf->cap = cap;
}

void aod_buf_append(aod_buf_t *buf, aod_slice_t bytes) {
  if (bytes.len == 0) return;
  aod_buf_reserve(buf, bytes.len);
  memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
  buf->len += bytes.len;
}

void aod_buf_text(aod_buf_t *buf, const char *text) {
  aod_buf_append(buf, aod_text(text));
}

void aod_buf_byte(aod_buf_t *buf, uint8_t byte) {
  aod_buf_append(buf, aod_slice(&byte, 1));
}

void aod_buf_printf(aod_buf_t *buf, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, args);
  aod_assert(len >= 0);
  aod_buf_reserve(buf, (size_t)len + 1);
  vsnprintf((char *)buf->ptr + buf->len, (size_t)len + 1, format, again);
  buf->len += (size_t)len;
  va_end(again);
  va_end(args);
}

void aod_buf_terminate(aod_buf_t *buf) {
  aod_buf_reserve(buf, 1);
  buf->ptr[buf->len] = 0;
}

void aod_buf_clear(aod_buf_t *buf) {
  buf->len = 0;
}

void aod_buf_free(aod_buf_t *buf) {
  free(buf->ptr);
  *buf = (aod_buf_t){0};
}

/* ---- checked allocation ---- */

void *aod_alloc(size_t size) {
  void *ptr = calloc(1, size ? size : 1);
  aod_assert(ptr != NULL);
  return ptr;
}

void *aod_realloc(void *ptr, size_t size) {
  ptr = realloc(ptr, size ? size : 1);
  aod_assert(ptr != NULL);
  return ptr;
}

char *aod_strdup(const char *text) {
  return aod_slice_strdup(aod_text(text));
}

char *aod_slice_strdup(aod_slice_t bytes) {
  char *copy = aod_alloc(bytes.len + 1);
  if (bytes.len) memcpy(copy, bytes.ptr, bytes.len);
  return copy;
}
