/* The header is collected until the parser has enough. It says how many bytes it would have needed,
 * so that a header in many small pieces is not parsed for each of them. */
#include "arweave/item_stream.h"

#include <stdlib.h>

#include "arweave/item_internal.h"
#include "arweave/scheme.h"

struct aod_item_stream {
  aod_arena_t arena; /* the item's tags */
  aod_item_t item;
  bool header_done;
  size_t header_needed; /* bytes to have before parsing again */
  size_t header_len;
  aod_blob_hash_t data;
  uint8_t header[AOD__ITEM_HEADER_BYTES_MAX]; /* where the item's slices point */
};

aod_item_stream_t *aod_item_stream_new(void) {
  aod_item_stream_t *stream = aod_alloc(sizeof *stream);
  aod_blob_hash_begin(&stream->data);
  return stream;
}

void aod_item_stream_free(aod_item_stream_t *stream) {
  if (!stream) return;
  aod_blob_hash_deinit(&stream->data);
  aod_arena_free(&stream->arena);
  free(stream);
}

/* What was collected beyond the header is the beginning of the data. */
static void header_complete(aod_item_stream_t *stream) {
  aod_blob_hash_add(&stream->data, stream->item.data);
  stream->header_len -= stream->item.data.len;
  stream->item.raw = aod_slice(stream->header, stream->header_len);
  stream->item.data = AOD_EMPTY;
  stream->header_done = true;
}

static int header_parse(aod_item_stream_t *stream, aod_error_t *err) {
  aod_slice_t raw = aod_slice(stream->header, stream->header_len);
  int rc = aod__item_parse_header(raw, &stream->arena, &stream->item, &stream->header_needed, err);
  if (rc == AOD_OK) header_complete(stream);
  return rc && stream->header_needed > raw.len ? AOD_OK : rc;
}

/* Take from `piece` what the header may still need. */
static int header_feed(aod_item_stream_t *stream, aod_slice_t *piece, aod_error_t *err) {
  aod_slice_t part = aod_slice_sub(*piece, 0, sizeof stream->header - stream->header_len);
  memcpy(stream->header + stream->header_len, part.ptr, part.len);
  stream->header_len += part.len;
  *piece = aod_slice_sub(*piece, part.len, piece->len);
  return stream->header_len < stream->header_needed ? AOD_OK : header_parse(stream, err);
}

int aod_item_stream_feed(aod_item_stream_t *stream, aod_slice_t piece, aod_error_t *err) {
  if (piece.len == 0) return AOD_OK;
  if (!stream->header_done) {
    int rc = header_feed(stream, &piece, err);
    if (rc) return rc;
  }
  aod_assert(stream->header_done || piece.len == 0); /* the buffer holds any header */
  if (stream->header_done) aod_blob_hash_add(&stream->data, piece);
  return AOD_OK;
}

const aod_item_t *aod_item_stream_item(const aod_item_stream_t *stream) {
  return stream->header_done ? &stream->item : NULL;
}

uint64_t aod_item_stream_data_len(const aod_item_stream_t *stream) {
  return stream->data.len;
}

int aod_item_stream_finish(aod_item_stream_t *stream, aod_error_t *err) {
  if (!stream->header_done)
    return aod_fail(err, AOD_EINPUT, "item is truncated after %zu bytes", stream->header_len);
  uint8_t digest[48];
  aod_deep_hash_t hash;
  aod_blob_hash_finish(&stream->data, digest);
  aod__item_hash_begin(&stream->item, &hash);
  aod_deep_hash_add_digest(&hash, digest);
  return aod_scheme_find(stream->item.signature_type)
      ->verify(stream->item.owner, stream->item.signature, aod_slice(hash.state, 48), err);
}
