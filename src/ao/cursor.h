/* Cursors of the compute unit's pages: base64 of a small JSON text that clients decode themselves.
 * Source: shared/spec/units.md 4.4. */
#ifndef AOD_AO_CURSOR_H
#define AOD_AO_CURSOR_H

#include "base/bytes.h"

typedef struct {
  int64_t timestamp_ms;
  bool has_ordinate; /* false: a plain timestamp */
  uint64_t ordinate;
  bool has_sort;
  bool descending;
} aod_cursor_t;

/* Append the cursor of a scheduled message's evaluation. */
void aod_cursor_write(const aod_cursor_t *cursor, aod_buf_t *text);

/* A cursor, or a timestamp in milliseconds as decimal digits. False for anything else. */
bool aod_cursor_parse(aod_slice_t text, aod_cursor_t *cursor);

#endif
