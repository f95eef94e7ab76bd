/* LEB128 as the specification has it: no more bytes than the type needs, and in the last of them
 * no bits that the type does not have. */
#include "vm/reader.h"

#include <stdio.h>

int aod__reader_fail(aod__reader_t *reader, int code, const char *format, ...) {
  if (reader->code) return reader->code;
  char reason[400];
  va_list args;
  va_start(args, format);
  vsnprintf(reason, sizeof reason, format, args);
  va_end(args);
  reader->code = code;
  return aod_fail(reader->err, code, "byte %zu: %s", (size_t)(reader->at - reader->start), reason);
}

uint8_t aod__read_byte(aod__reader_t *reader) {
  if (reader->code) return 0;
  if (reader->at < reader->end) return *reader->at++;
  aod__reader_fail(reader, AOD_EINPUT, "unexpected end");
  return 0;
}

static uint64_t read_unsigned(aod__reader_t *reader, unsigned bits) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < bits; shift += 7) {
    uint8_t byte = aod__read_byte(reader);
    unsigned room = bits - shift;
    if (room < 7 && (byte & 0x7f) >> room) {
      aod__reader_fail(reader, AOD_EINPUT, "integer too large");
      return 0;
    }
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return value;
  }
  aod__reader_fail(reader, AOD_EINPUT, "integer representation too long");
  return 0;
}

static int64_t read_signed(aod__reader_t *reader, unsigned bits) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < bits; shift += 7) {
    uint8_t byte = aod__read_byte(reader);
    unsigned room = bits - shift;
    if (room < 7) {
      /* the sign bit and all above it must be equal */
      uint8_t high = (uint8_t)((byte & 0x7f) >> (room - 1));
      if (high != 0 && high != 0x7f >> (room - 1)) {
        aod__reader_fail(reader, AOD_EINPUT, "integer too large");
        return 0;
      }
    }
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte & 0x80) continue;
    if (byte & 0x40 && shift + 7 < 64) value |= ~UINT64_C(0) << (shift + 7);
    return (int64_t)value;
  }
  aod__reader_fail(reader, AOD_EINPUT, "integer representation too long");
  return 0;
}

uint32_t aod__read_u32(aod__reader_t *reader) {
  return (uint32_t)read_unsigned(reader, 32);
}

uint64_t aod__read_u64(aod__reader_t *reader) {
  return read_unsigned(reader, 64);
}

int32_t aod__read_s32(aod__reader_t *reader) {
  return (int32_t)read_signed(reader, 32);
}

int64_t aod__read_s33(aod__reader_t *reader) {
  return read_signed(reader, 33);
}

int64_t aod__read_s64(aod__reader_t *reader) {
  return read_signed(reader, 64);
}

aod_slice_t aod__read_bytes(aod__reader_t *reader, size_t len) {
  if (reader->code) return AOD_EMPTY;
  if (len > aod__reader_left(reader)) {
    aod__reader_fail(reader, AOD_EINPUT, "unexpected end: %zu bytes wanted, %zu left", len,
                     aod__reader_left(reader));
    return AOD_EMPTY;
  }
  aod_slice_t bytes = aod_slice(reader->at, len);
  reader->at += len;
  return bytes;
}

aod_slice_t aod__read_name(aod__reader_t *reader) {
  aod_slice_t name = aod__read_bytes(reader, aod__read_u32(reader));
  if (!reader->code && !aod_utf8_valid(name))
    aod__reader_fail(reader, AOD_EINPUT, "name is not valid UTF-8");
  return name;
}

uint32_t aod__read_count(aod__reader_t *reader, const char *things, uint32_t limit) {
  uint32_t count = aod__read_u32(reader);
  if (reader->code) return 0;
  if (count > aod__reader_left(reader))
    aod__reader_fail(reader, AOD_EINPUT, "unexpected end: %u %s announced", count, things);
  else if (count > limit)
    aod__reader_fail(reader, AOD_ELIMIT, "%u %s, at most %u are supported", count, things, limit);
  return reader->code ? 0 : count;
}
