/* Cursors of the compute unit's pages: base64 of a small JSON text that clients decode themselves.
 * Source: shared/spec/units.md 4.4. */
#ifndef AOD_AO_CURSOR_H
#define AOD_AO_CURSOR_H

#include "base/arena.h"

typedef struct {
  int64_t timestamp_ms;
  bool has_ordinate; /* false: a plain timestamp */
  uint64_t ordinate;
  aod_slice_t cron; /* which cron, see aod_cron_id; empty: a scheduled message */
  /* A cron by block: of which block, since blocks of a quick chain share their second. */
  bool has_block;
  uint64_t block;
  bool has_sort;
  bool descending;
} aod_cursor_t;

/* Append the cursor of an evaluation; it has an ordinate and a sort. */
void aod_cursor_write(const aod_cursor_t *cursor, aod_buf_t *text);

/* A cursor, or a timestamp in milliseconds as decimal digits. False for anything else. `cron` lives
 * in `arena`. */
bool aod_cursor_parse(aod_slice_t text, aod_arena_t *arena, aod_cursor_t *cursor);

#endif
