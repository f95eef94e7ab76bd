#include "ao/cursor.h"

#include <sodium.h>

#include "base/json.h"

enum { CURSOR_CHARS_MAX = 1024 };

void aod_cursor_write(const aod_cursor_t *cursor, aod_buf_t *text) {
  aod_buf_t json = {0};
  aod_buf_printf(&json, "{\"timestamp\":%lld,\"ordinate\":\"%llu\",\"cron\":null,\"sort\":\"%s\"}",
                 (long long)cursor->timestamp_ms, (unsigned long long)cursor->ordinate,
                 cursor->descending ? "DESC" : "ASC");
  size_t chars = sodium_base64_ENCODED_LEN(json.len, sodium_base64_VARIANT_ORIGINAL);
  aod_buf_reserve(text, chars);
  sodium_bin2base64((char *)text->ptr + text->len, chars, json.ptr, json.len,
                    sodium_base64_VARIANT_ORIGINAL);
  text->len += chars - 1; /* without its NUL */
  aod_buf_free(&json);
}

static bool read_members(const json_t *json, aod_cursor_t *cursor) {
  const json_t *timestamp = json_object_get(json, "timestamp");
  double ms = json_number_value(timestamp);
  if (!json_is_number(timestamp) || !(ms >= 0 && ms < 9e15)) return false;
  cursor->timestamp_ms = (int64_t)ms;
  cursor->has_ordinate =
      aod_slice_to_u64(aod_json_get_string(json, "ordinate"), &cursor->ordinate) &&
      cursor->ordinate <= INT64_MAX;
  aod_slice_t sort = aod_json_get_string(json, "sort");
  cursor->descending = aod_slice_is(sort, "DESC");
  cursor->has_sort = cursor->descending || aod_slice_is(sort, "ASC");
  return true;
}

/* libsodium takes bytes above 127 for letters of the alphabet. */
static bool is_ascii(aod_slice_t text) {
  for (size_t i = 0; i < text.len; i++)
    if (text.ptr[i] & 0x80) return false;
  return true;
}

bool aod_cursor_parse(aod_slice_t text, aod_cursor_t *cursor) {
  *cursor = (aod_cursor_t){0};
  uint64_t number;
  if (aod_slice_to_u64(text, &number) && number <= INT64_MAX) {
    cursor->timestamp_ms = (int64_t)number;
    return true;
  }
  uint8_t bytes[CURSOR_CHARS_MAX];
  size_t len;
  if (text.len > CURSOR_CHARS_MAX || !is_ascii(text) ||
      sodium_base642bin(bytes, sizeof bytes, (const char *)text.ptr, text.len, NULL, &len, NULL,
                        sodium_base64_VARIANT_ORIGINAL) != 0)
    return false;
  json_t *json;
  if (aod_json_parse(aod_slice(bytes, len), &json, NULL) != AOD_OK) return false;
  bool good = read_members(json, cursor);
  json_decref(json);
  return good;
}
