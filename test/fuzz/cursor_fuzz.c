/* Cursors of clients: what is understood, written again, is understood the same. */
#include "ao/cursor.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  aod_cursor_t cursor, again;
  if (!aod_cursor_parse(aod_slice(data, len), &cursor)) return 0;
  aod_assert(cursor.timestamp_ms >= 0 && cursor.ordinate <= INT64_MAX);
  if (cursor.timestamp_ms >= 9000000000000000) return 0; /* digits reach further than cursors */
  aod_buf_t text = {0};
  aod_cursor_write(&cursor, &text);
  aod_assert(aod_cursor_parse(aod_buf_slice(&text), &again));
  aod_assert(again.has_ordinate && again.has_sort);
  aod_assert(again.timestamp_ms == cursor.timestamp_ms && again.ordinate == cursor.ordinate);
  aod_assert(again.descending == cursor.descending);
  aod_buf_free(&text);
  return 0;
}
