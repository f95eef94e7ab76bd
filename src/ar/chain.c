/* What an Arweave node tells: network information, blocks, and base-layer transactions. */
#include "ar/index.h"
#include "ar/json.h"
#include "ar/routes.h"
#include "arweave/base64url.h"

enum { HASH_BYTES = 48, MINE_MAX = 10000 };

static void respond_json(aod_request_t *request, aod_buf_t *json) {
  aod_respond_buf(request, 200, "application/json", json);
}

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
  aod__json_key_base64url(&json, "current", aod_slice(block.hash, HASH_BYTES));
  aod_json_key_int(&json, "blocks", block.height + 1);
  aod_json_key_int(&json, "peers", 0);
  aod_json_key_int(&json, "queue_length", 0);
  aod_json_key_int(&json, "node_state_latency", 0);
  aod_buf_text(&json, "}");
  respond_json(request, &json);
}

/* Uploads are mined by themselves; this makes empty blocks, for tests that wait for height. */
void aod__ar_get_mine(aod_request_t *request, void *unit) {
  uint64_t count = 1;
  aod_error_t err;
  if (request->params[0].len && !aod_slice_to_u64(request->params[0], &count))
    aod_respond_error(request, 400, "not a number of blocks");
  else if (count > MINE_MAX)
    aod_respond_error(request, 400, "at most %d blocks at once", MINE_MAX);
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
  aod_base64url_encode(aod_slice(block.hash, HASH_BYTES), &text);
  aod_respond_buf(request, 200, "text/plain", &text);
}

/* ---- blocks ---- */

static void write_block(aod_buf_t *json, const aod_ar_block_t *block, aod_slice_t ids) {
  aod_slice_t previous = aod_slice(block->previous, HASH_BYTES);
  aod_buf_text(json, "{");
  aod__json_key_base64url(json, "indep_hash", aod_slice(block->hash, HASH_BYTES));
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

/* Answer with a block that was looked up with this outcome. */
static void respond_block(aod_request_t *request, aod_ar_t *ar, int code,
                          const aod_ar_block_t *block, aod_error_t *err) {
  aod_buf_t ids = {0}, json = {0};
  if (code == AOD_OK) code = aod__index_block_txs(ar, block->height, &ids, err);
  if (code == AOD_OK) {
    write_block(&json, block, aod_buf_slice(&ids));
    respond_json(request, &json);
  } else if (code == AOD_ENOTFOUND) {
    aod_respond_error(request, 404, "Block not found.");
  } else {
    aod__ar_respond_failure(request, err);
  }
  aod_buf_free(&ids);
}

void aod__ar_get_block_current(aod_request_t *request, void *unit) {
  aod_ar_block_t block;
  aod_error_t err;
  int code = aod__index_newest_block(unit, &block, &err);
  respond_block(request, unit, code, &block, &err);
}

void aod__ar_get_block_at(aod_request_t *request, void *unit) {
  aod_ar_block_t block;
  aod_error_t err;
  uint64_t height;
  if (!aod_slice_to_u64(request->params[0], &height) || height > INT64_MAX) {
    aod_respond_error(request, 400, "Invalid height.");
    return;
  }
  int code = aod__index_block_at(unit, (int64_t)height, &block, &err);
  respond_block(request, unit, code, &block, &err);
}

void aod__ar_get_block_by_hash(aod_request_t *request, void *unit) {
  aod_ar_block_t block;
  aod_error_t err;
  aod_buf_t hash = {0};
  if (aod_base64url_decode(request->params[0], &hash, NULL) == AOD_OK && hash.len == HASH_BYTES) {
    int code = aod__index_block_by_hash(unit, hash.ptr, &block, &err);
    respond_block(request, unit, code, &block, &err);
  } else {
    aod_respond_error(request, 400, "Invalid hash.");
  }
  aod_buf_free(&hash);
}

/* ---- transactions ---- */

static void write_tags(aod_buf_t *json, const aod_tags_t *tags) {
  aod_json_key(json, "tags");
  aod_buf_text(json, "[");
  for (size_t i = 0; i < tags->count; i++) {
    aod_json_separate(json);
    aod_buf_text(json, "{");
    aod__json_key_base64url(json, "name", tags->list[i].name);
    aod__json_key_base64url(json, "value", tags->list[i].value);
    aod_buf_text(json, "}");
  }
  aod_buf_text(json, "]");
}

/* Of known transactions some fields are unknown and left empty. */
static void write_transaction(aod_buf_t *json, const aod_ar_item_t *item) {
  aod_buf_text(json, "{");
  aod_json_key_int(json, "format", 2);
  aod__json_key_base64url(json, "id", aod_slice(item->id, AOD_ID_BYTES));
  aod__json_key_base64url(json, "last_tx", item->anchor);
  aod__json_key_base64url(json, "owner", item->owner);
  write_tags(json, &item->tags);
  aod__json_key_base64url(json, "target", item->target);
  aod_json_key_string(json, "quantity", AOD_TEXT("0"));
  aod_json_key_string(json, "data", AOD_EMPTY);
  aod_json_key(json, "data_size");
  aod_buf_printf(json, "\"%llu\"", (unsigned long long)item->data_len);
  aod_json_key_string(json, "data_root", AOD_EMPTY);
  aod_json_key_string(json, "reward", AOD_TEXT("0"));
  aod__json_key_base64url(json, "signature", item->signature);
  aod_buf_text(json, "}");
}

/* The base-layer transaction that is asked for; false when it was answered. Data items are none:
 * schedulers tell the two apart by this. */
static bool request_transaction(aod_request_t *request, aod_ar_t *ar, aod_ar_item_t *item) {
  if (!aod__ar_request_item(request, ar, item)) return false;
  if (!item->base_layer) aod_respond_error(request, 404, "Not Found.");
  return item->base_layer;
}

void aod__ar_get_tx(aod_request_t *request, void *unit) {
  aod_ar_item_t item;
  if (!request_transaction(request, unit, &item)) return;
  aod_buf_t json = {0};
  write_transaction(&json, &item);
  respond_json(request, &json);
}

void aod__ar_get_tx_status(aod_request_t *request, void *unit) {
  aod_ar_item_t item;
  aod_ar_block_t newest;
  if (!request_transaction(request, unit, &item) || !newest_block(request, unit, &newest)) return;
  aod_buf_t json = {0};
  aod_buf_text(&json, "{");
  aod_json_key_int(&json, "block_height", item.block.height);
  aod__json_key_base64url(&json, "block_indep_hash", aod_slice(item.block.hash, HASH_BYTES));
  aod_json_key_int(&json, "number_of_confirmations", newest.height - item.block.height + 1);
  aod_buf_text(&json, "}");
  respond_json(request, &json);
}
