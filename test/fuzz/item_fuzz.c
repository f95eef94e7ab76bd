/* Data items: parsed whole and in pieces, which must agree; what parses is also verified. */
#include <stdlib.h>

#include "arweave/item.h"
#include "arweave/item_stream.h"

static int feed(aod_item_stream_t *stream, aod_slice_t raw, size_t piece_len) {
  int rc = AOD_OK;
  for (size_t at = 0; !rc && at < raw.len; at += piece_len)
    rc = aod_item_stream_feed(stream, aod_slice_sub(raw, at, piece_len), NULL);
  return rc ? rc : aod_item_stream_finish(stream, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (len == 0) return 0;
  aod_slice_t raw = aod_slice(data + 1, len - 1);
  aod_arena_t arena = {0};
  aod_item_t item;
  aod_error_t err;
  aod_item_stream_t *stream = aod_item_stream_new();
  bool parsed = aod_item_parse(raw, &arena, &item, &err) == AOD_OK;
  int whole = parsed ? aod_item_verify(&item, &err) : AOD_EINPUT;
  aod_assert(feed(stream, raw, (size_t)data[0] + 1) == whole);
  if (parsed) {
    const aod_item_t *streamed = aod_item_stream_item(stream);
    aod_assert(streamed && memcmp(streamed->id, item.id, sizeof item.id) == 0);
    aod_assert(streamed->raw.len + item.data.len == raw.len);
    aod_assert(aod_item_stream_data_len(stream) == item.data.len);
  }
  aod_item_stream_free(stream);
  aod_arena_free(&arena);
  return 0;
}
