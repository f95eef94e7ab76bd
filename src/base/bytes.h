/* Bytes: borrowed slices and owned buffers. Every boundary in aod passes a length; NUL-terminated
 * strings appear only where a library wants them.
 *
 * Allocation failure aborts: a node that cannot allocate a few bytes cannot keep its promises, and
 * what outsiders can make large is limited before it is allocated. */
#ifndef AOD_BASE_BYTES_H
#define AOD_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  const uint8_t *ptr;
  size_t len;
} aod_slice_t; /* borrowed: valid as long as its owner says */

typedef struct {
  uint8_t *ptr;
  size_t len, cap;
} aod_buf_t; /* owned: aod_buf_free; a zeroed one is empty and valid */

/* ---- slices ---- */

static inline aod_slice_t aod_slice(const void *ptr, size_t len) {
  return (aod_slice_t){(const uint8_t *)ptr, len};
}
static inline aod_slice_t aod_text(const char *text) {
  return aod_slice(text, strlen(text));
}
#define AOD_TEXT(literal) ((aod_slice_t){(const uint8_t *)(literal), sizeof(literal) - 1})
#define AOD_EMPTY         ((aod_slice_t){NULL, 0})

/* For printf("%.*s", AOD_ARG(slice)). */
#define AOD_ARG(s) (int)(s).len, (const char *)(s).ptr

bool aod_slice_equal(aod_slice_t a, aod_slice_t b);
bool aod_slice_is_zero(aod_slice_t a); /* nothing but zero bytes */
bool aod_slice_is(aod_slice_t a, const char *text);
bool aod_slice_is_nocase(aod_slice_t a, const char *text); /* ASCII */
int aod_slice_compare(aod_slice_t a, aod_slice_t b);       /* byte order, shorter first */
bool aod_slice_starts(aod_slice_t a, const char *prefix);
bool aod_slice_ends(aod_slice_t a, const char *suffix);
aod_slice_t aod_slice_sub(aod_slice_t a, size_t from, size_t len); /* clamped to the slice */
aod_slice_t aod_slice_trim(aod_slice_t a);                         /* ASCII white space */

/* Cut `*rest` at the first `separator`: returns what stands before it and leaves the remainder in
 * `*rest`. Without a separator returns everything and leaves `rest->ptr` NULL. */
aod_slice_t aod_slice_cut(aod_slice_t *rest, char separator);

/* Decimal digits only, no sign, no blanks, fits 64 bits. */
bool aod_slice_to_u64(aod_slice_t text, uint64_t *value);

bool aod_utf8_valid(aod_slice_t bytes);

/* ---- buffers ---- */

void aod_buf_reserve(aod_buf_t *buf, size_t more); /* room for `more` bytes beyond len */
void aod_buf_append(aod_buf_t *buf, aod_slice_t bytes);
void aod_buf_text(aod_buf_t *buf, const char *text);
void aod_buf_byte(aod_buf_t *buf, uint8_t byte);
void aod_buf_printf(aod_buf_t *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Append `bytes` as UTF-8, each maximal invalid part replaced by U+FFFD as browsers do. */
void aod_buf_utf8_lossy(aod_buf_t *buf, aod_slice_t bytes);
void aod_buf_terminate(aod_buf_t *buf); /* a NUL beyond len, so that ptr is also a C string */
void aod_buf_clear(aod_buf_t *buf);     /* len = 0, memory kept */
void aod_buf_free(aod_buf_t *buf);      /* memory released, zeroed */
static inline aod_slice_t aod_buf_slice(const aod_buf_t *buf) {
  return aod_slice(buf->ptr, buf->len);
}

/* ---- checked allocation ---- */

void *aod_alloc(size_t size); /* zeroed; aborts on failure */
void *aod_realloc(void *ptr, size_t size);
char *aod_strdup(const char *text);
char *aod_slice_strdup(aod_slice_t bytes); /* NUL-terminated copy; free() */

/* ---- numbers in byte order ---- */

static inline uint64_t aod_load_le64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v; /* aod runs on little-endian machines only, asserted in bytes.c */
}
static inline uint32_t aod_load_le32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return v;
}
static inline uint16_t aod_load_le16(const uint8_t *p) {
  return (uint16_t)(p[0] | p[1] << 8);
}
static inline void aod_store_le64(uint8_t *p, uint64_t v) {
  memcpy(p, &v, 8);
}
static inline void aod_store_le32(uint8_t *p, uint32_t v) {
  memcpy(p, &v, 4);
}
static inline void aod_store_le16(uint8_t *p, uint16_t v) {
  memcpy(p, &v, 2);
}

#endif
