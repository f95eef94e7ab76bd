/* What an Arweave node tells about itself and its blocks. */
#include <pthread.h>

#include "ar/files.h"
#include "ar/index.h"
#include "ar/json.h"
#include "ar/limits.h"
#include "ar/routes.h"
#include "arweave/base64url.h"

/* The newest block; false when the failure was answered. */
static bool newest_block(aod_request_t *request, aod_ar_t *ar, aod_ar_block_t *block) {
  aod_error_t err;
  if (aod__index_newest_block(ar, block, &err) == AOD_OK) return true;
  aod__ar_respond_failure(request, &err);
  return false;
}

/* ---- the node ---- */

/* All nine members, because some readers refuse less (arweave.md 5.1). */
void aod__ar_get_info(aod_request_t *request, void *unit) {
  aod_ar_t *ar = unit;
  aod_ar_block_t block;
  if (!newest_block(request, ar, &block)) return;
  aod_buf_t json = {0};
  aod_buf_text(&json, "{");
  aod_json_key_string(&json, "network", aod_text(ar->options.network));
  aod_json_key_int(&json, "version", 5);
  aod_json_key_int(&json, "release", 1);
  aod_json_key_int(&json, "height", block.height);
  aod__json_key_base64url(&json, "current", aod_slice(block.hash, AOD__HASH_BYTES));
  aod_json_key_int(&json, "blocks", block.height + 1);
  aod_json_key_int(&json, "peers", 0);
  aod_json_key_int(&json, "queue_length", 0);
  aod_json_key_int(&json, "node_state_latency", 0);
  aod_buf_text(&json, "}");
  aod_respond_buf(request, 200, "application/json", &json);
}

/* Blocks on request. The last one takes in what is pending. */
void aod__ar_get_mine(aod_request_t *request, void *unit) {
  uint64_t count = 1;
  aod_error_t err;
  if (request->params[0].len && !aod_slice_to_u64(request->params[0], &count))
    aod_respond_error(request, 400, "not a number of blocks");
  else if (count > AOD__MINE_MAX)
    aod_respond_error(request, 400, "at most %d blocks at once", AOD__MINE_MAX);
  else if (aod__index_mine(unit, (int)count, &err) == AOD_OK)
    aod__ar_get_info(request, unit);
  else
    aod__ar_respond_failure(request, &err);
}

static void respond_number(aod_request_t *request, int64_t number) {
  aod_buf_t text = {0};
  aod_buf_printf(&text, "%lld", (long long)number);
  aod_respond_buf(request, 200, "text/plain", &text);
}

void aod__ar_get_height(aod_request_t *request, void *unit) {
  aod_ar_block_t block;
  if (newest_block(request, unit, &block)) respond_number(request, block.height);
}

void aod__ar_get_time(aod_request_t *request, void *unit) {
  respond_number(request, aod__ar_now_ms(unit) / 1000);
}

void aod__ar_get_anchor(aod_request_t *request, void *unit) {
  aod_ar_block_t block;
  if (!newest_block(request, unit, &block)) return;
  aod_buf_t text = {0};
  aod_base64url_encode(aod_slice(block.hash, AOD__HASH_BYTES), &text);
  aod_respond_buf(request, 200, "text/plain", &text);
}

/* ---- blocks ---- */

static void write_block(aod_buf_t *json, const aod_ar_block_t *block, aod_slice_t ids) {
  aod_slice_t previous = aod_slice(block->previous, AOD__HASH_BYTES);
  aod_buf_text(json, "{");
  aod__json_key_base64url(json, "indep_hash", aod_slice(block->hash, AOD__HASH_BYTES));
  aod__json_key_base64url(json, "previous_block", block->height == 0 ? AOD_EMPTY : previous);
  aod_json_key_int(json, "height", block->height);
  aod_json_key_int(json, "timestamp", block->time_ms / 1000);
  aod_json_key(json, "txs");
  aod_buf_text(json, "[");
  for (size_t at = 0; at < ids.len; at += AOD_ID_BYTES) {
    char id[AOD_ID_CHARS + 1];
    aod_id_encode(ids.ptr + at, id);
    aod_json_separate(json);
    aod_json_string(json, aod_text(id));
  }
  aod_buf_text(json, "]}");
}

/* Append a block that was looked up with this outcome. */
static int append_block(aod_ar_t *ar, int code, const aod_ar_block_t *block, aod_buf_t *json,
                        aod_error_t *err) {
  aod_buf_t ids = {0};
  if (code == AOD_OK) code = aod__index_block_txs(ar, block->height, &ids, err);
  if (code == AOD_OK) write_block(json, block, aod_buf_slice(&ids));
  aod_buf_free(&ids);
  return code;
}

int aod_ar_block_json(aod_ar_t *ar, uint64_t height, aod_buf_t *json, aod_error_t *err) {
  aod_ar_block_t block;
  if (height > INT64_MAX) return aod_fail(err, AOD_ENOTFOUND, "Block not found.");
  int code = aod__index_block_at(ar, (int64_t)height, &block, err);
  return append_block(ar, code, &block, json, err);
}

static void respond_json(aod_request_t *request, int code, aod_buf_t *json, aod_error_t *err) {
  if (code == AOD_OK)
    aod_respond_buf(request, 200, "application/json", json);
  else if (code == AOD_ENOTFOUND)
    aod_respond_error(request, 404, "Block not found.");
  else
    aod__ar_respond_failure(request, err);
}

/* Answer with a block that was looked up with this outcome. */
static void respond_block(aod_request_t *request, aod_ar_t *ar, int code,
                          const aod_ar_block_t *block, aod_error_t *err) {
  aod_buf_t json = {0};
  respond_json(request, append_block(ar, code, block, &json, err), &json, err);
}

void aod__ar_get_block_current(aod_request_t *request, void *unit) {
  aod_ar_block_t block;
  aod_error_t err;
  int code = aod__index_newest_block(unit, &block, &err);
  respond_block(request, unit, code, &block, &err);
}

void aod__ar_get_block_at(aod_request_t *request, void *unit) {
  aod_error_t err;
  uint64_t height;
  aod_buf_t json = {0};
  if (!aod_slice_to_u64(request->params[0], &height) || height > INT64_MAX) {
    aod_respond_error(request, 400, "Invalid height.");
    return;
  }
  respond_json(request, aod_ar_block_json(unit, height, &json, &err), &json, &err);
}

void aod__ar_get_block_by_hash(aod_request_t *request, void *unit) {
  aod_ar_block_t block;
  aod_error_t err;
  aod_buf_t hash = {0};
  if (aod_base64url_decode(request->params[0], &hash, NULL) == AOD_OK &&
      hash.len == AOD__HASH_BYTES) {
    int code = aod__index_block_by_hash(unit, hash.ptr, &block, &err);
    respond_block(request, unit, code, &block, &err);
  } else {
    aod_respond_error(request, 400, "Invalid hash.");
  }
  aod_buf_free(&hash);
}

/* ---- starting over ---- */

static int reset(aod_ar_t *ar, aod_error_t *err) {
  int code = aod__index_reset(ar, err);
  if (code == AOD_OK) code = aod__files_clear(ar, err);
  if (code == AOD_OK && ar->options.refill) code = ar->options.refill(ar->options.neighbour, err);
  return code;
}

/* One at a time: whoever refills does not expect company. */
void aod__ar_get_reset(aod_request_t *request, void *unit) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  aod_error_t err;
  if (!aod__ar_may_rewrite(request, unit)) return;
  pthread_mutex_lock(&lock);
  int code = reset(unit, &err);
  pthread_mutex_unlock(&lock);
  if (code == AOD_OK)
    aod_respond(request, 200, "text/plain", AOD_TEXT("reset done"));
  else
    aod__ar_respond_failure(request, &err);
}
