/* Cursors of clients: what is understood, written again, is understood the same. */
#include "ao/cursor.h"
#include "base/error.h"

static bool same(const aod_cursor_t *a, const aod_cursor_t *b) {
  return a->timestamp_ms == b->timestamp_ms && a->ordinate == b->ordinate &&
         aod_slice_equal(a->cron, b->cron) && a->has_block == b->has_block &&
         a->block == b->block && a->descending == b->descending;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  aod_arena_t arena = {0};
  aod_cursor_t cursor, again;
  aod_buf_t text = {0};
  if (aod_cursor_parse(aod_slice(data, len), &arena, &cursor)) {
    aod_assert(cursor.timestamp_ms >= 0 && cursor.ordinate <= INT64_MAX);
    aod_cursor_write(&cursor, &text);
    /* digits reach further than cursors, and escapes make a text longer */
    if (aod_cursor_parse(aod_buf_slice(&text), &arena, &again)) {
      aod_assert(again.has_ordinate && again.has_sort);
      aod_assert(same(&cursor, &again));
    } else {
      aod_assert(cursor.timestamp_ms >= 9000000000000000 || text.len > len);
    }
  }
  aod_buf_free(&text);
  aod_arena_free(&arena);
  return 0;
}
