/* Reading a WebAssembly binary: bytes, LEB128 numbers, names.
 *
 * The error is sticky: after the first failure every read gives zero and moves nothing, so that
 * callers check `code` once after a group of reads and in each loop. The record then holds the
 * offset and reason of the first failure. */
#ifndef AOD_VM_READER_H
#define AOD_VM_READER_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct {
  const uint8_t *start; /* of the module: offsets count from here */
  const uint8_t *at, *end;
  int code; /* 0 or the first failure */
  aod_error_t *err;
} aod__reader_t;

/* Record a failure at byte `at` of the module, unless there was one before. Returns the code. */
int aod__reader_fail(aod__reader_t *reader, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline size_t aod__reader_left(const aod__reader_t *reader) {
  return (size_t)(reader->end - reader->at);
}

uint8_t aod__read_byte(aod__reader_t *reader);
uint32_t aod__read_u32(aod__reader_t *reader); /* LEB128, at most 5 bytes */
uint64_t aod__read_u64(aod__reader_t *reader); /* at most 10 bytes */
int32_t aod__read_s32(aod__reader_t *reader);
int64_t aod__read_s33(aod__reader_t *reader);
int64_t aod__read_s64(aod__reader_t *reader);
aod_slice_t aod__read_bytes(aod__reader_t *reader, size_t len);
aod_slice_t aod__read_name(aod__reader_t *reader); /* length and valid UTF-8 */

/* A number of things of which each takes at least one byte: so it cannot exceed what is left. */
uint32_t aod__read_count(aod__reader_t *reader, const char *things, uint32_t limit);

#endif
