/* The bundler: a signed data item comes in, is verified and stored, and a receipt goes out.
 *
 * A short item is held, verified and written to the database. A long one is hashed and spooled to a
 * file while it arrives, in bounded memory; when it verifies, its file gets its name. Either way
 * the receipt is signed before the item is stored, on a thread that may take its time: the store's
 * thread, which goes on after the commit, must not sign. */
#include <stdlib.h>

#include "ar/files.h"
#include "ar/limits.h"
#include "ar/routes.h"
#include "ar/unpack.h"
#include "arweave/base64url.h"
#include "arweave/item_stream.h"
#include "arweave/receipt.h"

enum { DEADLINE_BLOCKS = 200 };

typedef struct {
  aod__index_put_t put; /* first */
  aod__unpack_t unpack;
  aod_request_t *request;
  aod_buf_t receipt;
} upload_t;

/* ---- storing what has been verified ---- */

static int make_receipt(aod_ar_t *ar, const uint8_t id[AOD_ID_BYTES], aod_buf_t *json,
                        aod_error_t *err) {
  int64_t height;
  int code = aod_ar_height(ar, &height, err);
  if (code != AOD_OK) return code;
  aod_receipt_t receipt = {.timestamp_ms = aod__ar_now_ms(ar),
                           .deadline_height = (uint64_t)height + DEADLINE_BLOCKS};
  memcpy(receipt.id, id, AOD_ID_BYTES);
  return aod_receipt_write(&receipt, ar->options.signer, json, err);
}

static void upload_answer(upload_t *upload) {
  aod_buf_t receipt = upload->receipt;
  aod_respond_buf(upload->request, 200, "application/json", &receipt);
}

static void upload_unpacked(aod__unpack_t *unpack) {
  upload_answer((upload_t *)((char *)unpack - offsetof(upload_t, unpack)));
}

static void upload_stored(aod_db_write_t *write) {
  upload_t *upload = (upload_t *)write;
  if (write->code != AOD_OK) {
    aod_buf_free(&upload->receipt);
    aod__ar_respond_failure(upload->request, &write->error);
  } else if (upload->put.row.unpack) {
    aod__unpack(&upload->unpack, upload->put.ar, upload_unpacked);
  } else {
    upload_answer(upload);
  }
}

/* Answers the request now or later. */
static void upload_store(aod_ar_t *ar, upload_t *upload) {
  aod_error_t err;
  aod_request_t *request = upload->request;
  int code = make_receipt(ar, upload->put.row.id, &upload->receipt, &err);
  if (code == AOD_OK) code = aod__files_put_data(ar, &upload->put.row, &request->arena, &err);
  if (code != AOD_OK) {
    aod_buf_free(&upload->receipt);
    aod__ar_respond_failure(request, &err);
    return;
  }
  aod__index_put_init(&upload->put, ar);
  upload->put.write.done = upload_stored;
  aod_db_submit(ar->db, &upload->put.write);
}

static upload_t *upload_new(aod_request_t *request) {
  upload_t *upload = aod_arena_alloc(&request->arena, sizeof *upload);
  upload->request = request;
  return upload;
}

/* ---- items that are held ---- */

static void store_held(aod_request_t *request, aod_ar_t *ar) {
  aod_error_t err;
  aod_item_t *item = aod_arena_alloc(&request->arena, sizeof *item);
  int code = aod_item_parse(request->body, &request->arena, item, &err);
  if (code == AOD_OK) code = aod_item_verify(item, &err);
  if (code != AOD_OK) {
    aod__ar_respond_failure(request, &err);
    return;
  }
  upload_t *upload = upload_new(request);
  aod__index_row_of_item(&upload->put.row, item);
  upload_store(ar, upload);
}

/* ---- items that stream ---- */

typedef struct {
  aod_task_t task; /* first */
  aod_ar_t *ar;
  aod_request_t *request;
  aod_item_stream_t *item;
  aod__spool_t spool; /* of the data alone */
  int code;           /* what stopped the stream, with `err` */
  aod_error_t err;
} stream_t;

static bool is_octet_stream(aod_slice_t type) {
  aod_slice_t rest = type;
  aod_slice_t essence = aod_slice_trim(aod_slice_cut(&rest, ';'));
  return type.len == 0 || aod_slice_is_nocase(essence, "application/octet-stream");
}

/* A body of announced and moderate length is held. */
static void *stream_open(aod_request_t *request, void *unit) {
  uint64_t len;
  bool announced = aod_slice_to_u64(aod_request_header(request, "Content-Length"), &len);
  if ((announced && len <= AOD__HELD_BYTES_MAX) ||
      !is_octet_stream(aod_request_header(request, "Content-Type")))
    return NULL;
  stream_t *stream = aod_alloc(sizeof *stream);
  stream->ar = unit;
  stream->item = aod_item_stream_new();
  stream->code = aod__spool_begin(stream->ar, &stream->spool, &stream->err);
  return stream;
}

/* Of a piece in which the header ends, what stands behind it is data. */
static int stream_piece(stream_t *stream, aod_slice_t piece) {
  uint64_t before = aod_item_stream_data_len(stream->item);
  int code = aod_item_stream_feed(stream->item, piece, &stream->err);
  if (code != AOD_OK) return code;
  size_t data_len = (size_t)(aod_item_stream_data_len(stream->item) - before);
  aod_slice_t data = aod_slice_sub(piece, piece.len - data_len, data_len);
  return aod__spool_write(&stream->spool, data, &stream->err);
}

static bool stream_write(void *context, aod_slice_t piece) {
  stream_t *stream = context;
  if (stream->code == AOD_OK) stream->code = stream_piece(stream, piece);
  return stream->code == AOD_OK;
}

static void stream_close(void *context) {
  stream_t *stream = context;
  aod__spool_abandon(&stream->spool);
  aod_item_stream_free(stream->item);
  free(stream);
}

const aod_sink_t aod__ar_item_sink = {stream_open, stream_write, stream_close, AOD__ITEM_BYTES_MAX};

/* Everything came: verify, and wait for the disk. In the finisher's thread. */
static void stream_finish(aod_task_t *task) {
  stream_t *stream = (stream_t *)task;
  aod_request_t *request = stream->request;
  if (stream->code == AOD_OK) stream->code = aod_item_stream_finish(stream->item, &stream->err);
  upload_t *upload = upload_new(request);
  if (stream->code == AOD_OK) {
    const aod_item_t *item = aod_item_stream_item(stream->item);
    char *id = aod_arena_alloc(&request->arena, AOD_ID_CHARS + 1);
    aod_id_encode(item->id, id);
    aod__index_row_of_item(&upload->put.row, item);
    upload->put.row.data_file = id;
    upload->put.row.data_len = stream->spool.len;
    stream->code = aod__spool_publish(stream->ar, &stream->spool, id, &stream->err);
  }
  if (stream->code == AOD_OK) {
    upload_store(stream->ar, upload);
  } else {
    aod__spool_abandon(&stream->spool);
    aod__ar_respond_failure(request, &stream->err);
  }
}

/* ---- the handler ---- */

void aod__ar_post_item(aod_request_t *request, void *unit) {
  aod_ar_t *ar = unit;
  stream_t *stream = request->stream;
  if (stream) {
    stream->task.run = stream_finish;
    stream->request = request;
    aod_pool_post(ar->finisher, &stream->task);
  } else if (is_octet_stream(aod_request_header(request, "Content-Type"))) {
    store_held(request, ar);
  } else {
    aod_respond_error(request, 400, "Invalid Content Type");
  }
}
