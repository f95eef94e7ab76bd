#include "cu/gzip.h"

#include <stdlib.h>

enum { LEVEL = 9, WINDOW_BITS = 15, GZIP_HEADER = 16, PIECE_BYTES = 65536 };

/* zlib counts what it is given in 32 bits. */
enum { INPUT_BYTES_MAX = 1 << 30 };

/* ---- packing ---- */

void aod_gzip_begin(aod_gzip_t *gzip, aod_gzip_sink_t *sink, void *context) {
  *gzip = (aod_gzip_t){.sink = sink, .context = context};
  int rc = deflateInit2(&gzip->stream, LEVEL, Z_DEFLATED, WINDOW_BITS + GZIP_HEADER, MAX_MEM_LEVEL,
                        Z_DEFAULT_STRATEGY);
  aod_assert(rc == Z_OK);
}

static int run_deflate(aod_gzip_t *gzip, int flush, aod_error_t *err) {
  uint8_t out[PIECE_BYTES];
  int code = AOD_OK;
  do {
    gzip->stream.next_out = out;
    gzip->stream.avail_out = sizeof out;
    deflate(&gzip->stream, flush);
    size_t len = sizeof out - gzip->stream.avail_out;
    if (len) code = gzip->sink(gzip->context, aod_slice(out, len), err);
  } while (code == AOD_OK && gzip->stream.avail_out == 0);
  return code;
}

int aod_gzip_add(aod_gzip_t *gzip, aod_slice_t piece, aod_error_t *err) {
  int code = AOD_OK;
  while (piece.len && code == AOD_OK) {
    size_t len = piece.len < INPUT_BYTES_MAX ? piece.len : INPUT_BYTES_MAX;
    gzip->stream.next_in = (uint8_t *)piece.ptr;
    gzip->stream.avail_in = (uInt)len;
    code = run_deflate(gzip, Z_NO_FLUSH, err);
    piece = aod_slice_sub(piece, len, piece.len);
  }
  return code;
}

int aod_gzip_finish(aod_gzip_t *gzip, aod_error_t *err) {
  gzip->stream.avail_in = 0;
  return run_deflate(gzip, Z_FINISH, err);
}

void aod_gzip_deinit(aod_gzip_t *gzip) {
  deflateEnd(&gzip->stream);
}

/* ---- unpacking ---- */

typedef struct {
  z_stream stream;
  aod_slice_t rest; /* what zlib has not been given */
  uint64_t left;    /* how much may still come out */
  bool ended;       /* a member has, and nothing has followed it */
} unpacking_t;

static void refill(unpacking_t *unpacking) {
  if (unpacking->stream.avail_in) return;
  size_t len = unpacking->rest.len < INPUT_BYTES_MAX ? unpacking->rest.len : INPUT_BYTES_MAX;
  unpacking->stream.next_in = (uint8_t *)unpacking->rest.ptr;
  unpacking->stream.avail_in = (uInt)len;
  unpacking->rest = aod_slice_sub(unpacking->rest, len, unpacking->rest.len);
}

static int step(unpacking_t *unpacking, aod_gzip_sink_t *sink, void *context, aod_error_t *err) {
  uint8_t out[PIECE_BYTES];
  unpacking->stream.next_out = out;
  unpacking->stream.avail_out = sizeof out;
  int rc = inflate(&unpacking->stream, Z_NO_FLUSH);
  if (rc != Z_OK && rc != Z_STREAM_END)
    return aod_fail(err, AOD_EINPUT, "it is no gzip, or cut off");
  size_t len = sizeof out - unpacking->stream.avail_out;
  if (len > unpacking->left) return aod_fail(err, AOD_ETOOLARGE, "it unpacks to too much");
  unpacking->left -= len;
  unpacking->ended = rc == Z_STREAM_END;
  if (unpacking->ended) inflateReset(&unpacking->stream); /* another member may follow */
  return len ? sink(context, aod_slice(out, len), err) : AOD_OK;
}

int aod_gzip_unpack(aod_slice_t packed, uint64_t max, aod_gzip_sink_t *sink, void *context,
                    aod_error_t *err) {
  unpacking_t unpacking = {.rest = packed, .left = max};
  aod_assert(inflateInit2(&unpacking.stream, WINDOW_BITS + GZIP_HEADER) == Z_OK);
  int code = AOD_OK;
  do {
    refill(&unpacking);
    code = step(&unpacking, sink, context, err);
  } while (code == AOD_OK && (!unpacking.ended || unpacking.stream.avail_in || unpacking.rest.len));
  inflateEnd(&unpacking.stream);
  return code;
}
