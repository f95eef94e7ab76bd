#include "ao/cursor.h"

#include <sodium.h>

#include "base/json.h"

enum { CURSOR_CHARS_MAX = 32768 };

static void write_members(const aod_cursor_t *cursor, aod_buf_t *json) {
  aod_buf_printf(json, "{\"timestamp\":%lld,\"ordinate\":\"%llu\",\"cron\":",
                 (long long)cursor->timestamp_ms, (unsigned long long)cursor->ordinate);
  if (cursor->cron.len)
    aod_json_string(json, cursor->cron);
  else
    aod_buf_text(json, "null");
  aod_json_key_string(json, "sort", aod_text(cursor->descending ? "DESC" : "ASC"));
  if (cursor->has_block) aod_json_key_int(json, "block", (int64_t)cursor->block);
  aod_buf_byte(json, '}');
}

void aod_cursor_write(const aod_cursor_t *cursor, aod_buf_t *text) {
  aod_buf_t json = {0};
  write_members(cursor, &json);
  size_t chars = sodium_base64_ENCODED_LEN(json.len, sodium_base64_VARIANT_ORIGINAL);
  aod_buf_reserve(text, chars);
  sodium_bin2base64((char *)text->ptr + text->len, chars, json.ptr, json.len,
                    sodium_base64_VARIANT_ORIGINAL);
  text->len += chars - 1; /* without its NUL */
  aod_buf_free(&json);
}

static bool read_count(const json_t *json, const char *name, uint64_t *count) {
  const json_t *member = json_object_get(json, name);
  double number = json_number_value(member);
  if (!json_is_number(member) || !(number >= 0 && number < 9e15)) return false;
  *count = (uint64_t)number;
  return true;
}

static bool read_members(const json_t *json, aod_arena_t *arena, aod_cursor_t *cursor) {
  uint64_t timestamp_ms;
  if (!read_count(json, "timestamp", &timestamp_ms)) return false;
  cursor->timestamp_ms = (int64_t)timestamp_ms;
  cursor->has_ordinate =
      aod_slice_to_u64(aod_json_get_string(json, "ordinate"), &cursor->ordinate) &&
      cursor->ordinate <= INT64_MAX;
  cursor->cron = aod_arena_copy(arena, aod_json_get_string(json, "cron"));
  cursor->has_block = read_count(json, "block", &cursor->block);
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

bool aod_cursor_parse(aod_slice_t text, aod_arena_t *arena, aod_cursor_t *cursor) {
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
  bool good = read_members(json, arena, cursor);
  json_decref(json);
  return good;
}
