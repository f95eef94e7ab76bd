/* Chunks in and out: POST /chunk, and GET /chunk/:offset at a place of the weave. */
#include "ar/chunk_json.h"
#include "ar/files.h"
#include "ar/json.h"
#include "ar/mine.h"
#include "ar/routes.h"
#include "ar/unpack.h"
#include "ar/waiting.h"

/* ---- in ---- */

typedef struct {
  aod__chunk_put_t put; /* first */
  aod_task_t task;
  aod__unpack_t unpack;
  aod_request_t *request;
  aod_slice_t bytes;
} arrival_t;

static void respond_done(aod_request_t *request) {
  aod_respond(request, 200, "application/json", AOD_TEXT("{}"));
}

static void arrival_unpacked(aod__unpack_t *unpack) {
  respond_done(((arrival_t *)((char *)unpack - offsetof(arrival_t, unpack)))->request);
}

/* The last chunk is acknowledged when what it completed has been unpacked. */
static void arrival_stored(aod_db_write_t *write) {
  arrival_t *arrival = (arrival_t *)write;
  if (write->code != AOD_OK) {
    aod__ar_respond_failure(arrival->request, &write->error);
  } else if (arrival->put.completed) {
    aod__miner_notice(arrival->put.ar);
    aod__unpack(&arrival->unpack, arrival->put.ar, arrival_unpacked);
  } else {
    respond_done(arrival->request);
  }
}

/* In the finisher's thread, which may wait for the disk. */
static void arrival_write(aod_task_t *task) {
  arrival_t *arrival = (arrival_t *)((char *)task - offsetof(arrival_t, task));
  aod__chunk_put_t *put = &arrival->put;
  aod_error_t err;
  const char *file = aod__root_file(put->root, put->size, &arrival->request->arena);
  if (aod__files_patch(put->ar, file, put->chunk.start, arrival->bytes, &err) == AOD_OK)
    aod_db_submit(put->ar->db, &put->write);
  else
    aod__ar_respond_failure(arrival->request, &err);
}

static void store_chunk(aod_request_t *request, aod_ar_t *ar, const aod__chunk_t *chunk,
                        aod_chunk_t place) {
  arrival_t *arrival = aod_arena_alloc(&request->arena, sizeof *arrival);
  arrival->request = request;
  arrival->task.run = arrival_write;
  arrival->bytes = chunk->bytes;
  aod__chunk_put_init(&arrival->put, ar);
  arrival->put.write.done = arrival_stored;
  arrival->put.root = chunk->data_root;
  arrival->put.path = chunk->path;
  arrival->put.size = chunk->data_size;
  arrival->put.chunk = place;
  aod_pool_post(ar->finisher, &arrival->task);
}

void aod__ar_post_chunk(aod_request_t *request, void *unit) {
  aod_ar_t *ar = unit;
  aod__chunk_t chunk;
  aod_chunk_t place;
  aod_error_t err;
  bool complete = false;
  int code = aod__chunk_parse(request->body, &request->arena, &chunk, &err);
  if (code == AOD_OK) code = aod__chunk_check(&chunk, &place, &err);
  if (code == AOD_OK) code = aod__root_find(ar, chunk.data_root, chunk.data_size, &complete, &err);
  if (code == AOD_ENOTFOUND)
    aod_respond_error(request, 400, "data_root_not_found"); /* clients try again on this */
  else if (code != AOD_OK)
    aod__ar_respond_failure(request, &err);
  else if (complete)
    respond_done(request);
  else
    store_chunk(request, ar, &chunk, place);
}

/* ---- out ---- */

typedef struct {
  aod_buf_t bytes, path;
} proven_t;

static void proven_free(proven_t *proven) {
  aod_buf_free(&proven->bytes);
  aod_buf_free(&proven->path);
}

/* The chunk of a tree over data that came inside its transaction; false when it is another tree. */
static bool prove_in_tree(aod_slice_t data, aod_split_t split, aod_slice_t root, uint64_t offset,
                          aod_chunk_t *chunk, aod_buf_t *path) {
  aod_merkle_t *tree = aod_merkle_new(data.len, split);
  bool found = aod_merkle_feed(tree, data, NULL) == AOD_OK &&
               aod_merkle_finish(tree, NULL) == AOD_OK &&
               aod_slice_equal(aod_slice(aod_merkle_root(tree), AOD_ID_BYTES), root);
  for (size_t i = 0; found && i < aod_merkle_chunk_count(tree); i++) {
    *chunk = aod_merkle_chunk(tree, i);
    if (offset >= chunk->end) continue;
    aod_merkle_path(tree, i, path);
    break;
  }
  aod_merkle_free(tree);
  return found;
}

/* Format 1 signs no root: its data is proven by the node's own tree. */
static int prove_inline(aod_ar_t *ar, const aod_ar_item_t *item, uint64_t offset, proven_t *proven,
                        aod_error_t *err) {
  aod_buf_t data = {0};
  aod_chunk_t chunk = {0};
  uint8_t plain_root[AOD_ID_BYTES];
  int code = aod_ar_data(ar, item, &data, err);
  if (code != AOD_OK) return code;
  aod_slice_t bytes = aod_buf_slice(&data), root = item->data_root;
  if (item->format == 1) {
    aod_merkle_data_root(bytes, AOD_SPLIT_PLAIN, plain_root);
    root = aod_slice(plain_root, sizeof plain_root);
  }
  bool found = prove_in_tree(bytes, AOD_SPLIT_EVEN, root, offset, &chunk, &proven->path) ||
               prove_in_tree(bytes, AOD_SPLIT_PLAIN, root, offset, &chunk, &proven->path);
  aod_assert(found); /* verified when it was posted */
  aod_buf_append(&proven->bytes,
                 aod_slice_sub(bytes, (size_t)chunk.start, (size_t)(chunk.end - chunk.start)));
  aod_buf_free(&data);
  return AOD_OK;
}

static int prove(aod_ar_t *ar, const aod_ar_item_t *item, uint64_t offset, proven_t *proven,
                 aod_error_t *err) {
  aod_chunk_t chunk;
  int code =
      aod__chunk_find(ar, item->data_root, item->data_len, offset, &chunk, &proven->path, err);
  if (code == AOD_ENOTFOUND) return prove_inline(ar, item, offset, proven, err);
  if (code != AOD_OK) return code;
  return aod__index_data(ar, item, chunk.start, chunk.end - chunk.start, &proven->bytes, err);
}

static void respond_proven(aod_request_t *request, const proven_t *proven) {
  aod_buf_t json = {0};
  aod_buf_text(&json, "{");
  aod__json_key_base64url(&json, "chunk", aod_buf_slice(&proven->bytes));
  aod__json_key_base64url(&json, "data_path", aod_buf_slice(&proven->path));
  aod_json_key_string(&json, "tx_path", AOD_EMPTY);
  aod_json_key_string(&json, "packing", AOD_TEXT("unpacked"));
  aod_buf_text(&json, "}");
  aod_respond_buf(request, 200, "application/json", &json);
}

void aod__ar_get_chunk(aod_request_t *request, void *unit) {
  aod_ar_t *ar = unit;
  aod_ar_item_t item;
  aod_error_t err;
  proven_t proven = {0};
  uint64_t place;
  if (!aod_slice_to_u64(request->params[0], &place)) {
    aod_respond_error(request, 400, "invalid_offset");
    return;
  }
  int code = place == 0 ? aod_fail(&err, AOD_ENOTFOUND, "not found")
                        : aod__index_at_weave(ar, place, &request->arena, &item, &err);
  if (code == AOD_OK)
    code = prove(ar, &item, place + item.data_len - item.weave_end - 1, &proven, &err);
  if (code == AOD_OK)
    respond_proven(request, &proven);
  else
    aod__ar_respond_failure(request, &err);
  proven_free(&proven);
}
