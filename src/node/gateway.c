#include "node/gateway.h"

#include "base/latch.h"

static int find(void *context, const uint8_t id[32], aod_arena_t *arena, aod_item_t *item,
                aod_error_t *err) {
  aod_ar_t *ar = ((aod_direct_t *)context)->ar;
  aod_ar_item_t stored;
  int code = aod_ar_find(ar, id, arena, &stored, err);
  if (code != AOD_OK) return code;
  aod_buf_t data = {0};
  code = aod_ar_data(ar, &stored, &data, err);
  if (code == AOD_OK) {
    *item = (aod_item_t){.signature_type = stored.signature_type,
                         .signature = stored.signature,
                         .owner = stored.owner,
                         .target = stored.target,
                         .anchor = stored.anchor,
                         .tags = stored.tags,
                         .data = aod_arena_copy(arena, aod_buf_slice(&data))};
    memcpy(item->id, stored.id, sizeof item->id);
    memcpy(item->address, stored.owner_address, sizeof item->address);
  }
  aod_buf_free(&data);
  return code;
}

/* ---- uploads: all submitted at once, then waited for ---- */

static void uploaded(void *latch, int code, const aod_error_t *err) {
  aod_latch_end(latch, code, err);
}

static int store(aod_ar_t *ar, const aod_slice_t *raws, size_t count, aod_error_t *err) {
  aod_latch_t latch = AOD_LATCH(count);
  for (size_t i = 0; i < count; i++) aod_ar_submit_item(ar, raws[i], uploaded, &latch);
  return aod_latch_wait(&latch, err);
}

static int upload(void *context, const aod_slice_t *raws, size_t count, aod_error_t *err) {
  const aod_direct_t *direct = context;
  int code = store(direct->ar, raws, count, err);
  if (code != AOD_OK || !direct->uploader) return code;
  return aod_uploader_add(direct->uploader, raws, count, err);
}

static uint64_t height(void *context) {
  int64_t blocks = 0;
  return aod_ar_height(((aod_direct_t *)context)->ar, &blocks, NULL) == AOD_OK ? (uint64_t)blocks
                                                                               : 0;
}

static int confirmations(void *context, const uint8_t id[32], uint64_t *count, aod_error_t *err) {
  aod_ar_t *ar = ((aod_direct_t *)context)->ar;
  aod_arena_t arena = {0};
  aod_ar_item_t stored;
  int64_t newest;
  int code = aod_ar_find(ar, id, &arena, &stored, err);
  if (code == AOD_OK && !stored.base_layer)
    code = aod_fail(err, AOD_ENOTFOUND, "it is a data item, no transaction of the base layer");
  if (code == AOD_OK) code = aod_ar_height(ar, &newest, err);
  if (code == AOD_OK) *count = stored.pending ? 0 : (uint64_t)(newest - stored.block.height);
  aod_arena_free(&arena);
  return code;
}

static int blocks(void *context, uint64_t from_height, size_t limit, aod_arena_t *arena,
                  aod_block_list_t *list, aod_error_t *err) {
  aod_ar_block_t *found;
  size_t count;
  *list = (aod_block_list_t){0};
  if (from_height >= INT64_MAX) return AOD_OK;
  int code = aod_ar_blocks(((aod_direct_t *)context)->ar, (int64_t)from_height, limit, arena,
                           &found, &count, err);
  if (code != AOD_OK) return code;
  list->list = aod_arena_alloc(arena, (count + 1) * sizeof *list->list);
  for (size_t i = 0; i < count; i++)
    list->list[list->count++] =
        (aod_block_t){.height = (uint64_t)found[i].height,
                      .timestamp_ms = found[i].time_ms - found[i].time_ms % 1000};
  return AOD_OK;
}

/* ---- what is searched for and read by id ---- */

static int query(void *context, const aod_gateway_query_t *query, aod_arena_t *arena,
                 aod_found_list_t *list, aod_error_t *err) {
  return aod_ar_search(((aod_direct_t *)context)->ar, query, arena, list, err);
}

static int transaction(void *context, const uint8_t id[32], aod_buf_t *json, aod_error_t *err) {
  return aod_ar_transaction_json(((aod_direct_t *)context)->ar, id, json, err);
}

static int block(void *context, uint64_t height, aod_buf_t *json, aod_error_t *err) {
  return aod_ar_block_json(((aod_direct_t *)context)->ar, height, json, err);
}

static int size(void *context, const uint8_t id[32], uint64_t *bytes, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_ar_item_t stored;
  int code = aod_ar_find(((aod_direct_t *)context)->ar, id, &arena, &stored, err);
  if (code == AOD_OK) *bytes = stored.data_len;
  aod_arena_free(&arena);
  return code;
}

static int read_data(void *context, const uint8_t id[32], uint64_t from, uint8_t *to, size_t len,
                     aod_error_t *err) {
  aod_ar_t *ar = ((aod_direct_t *)context)->ar;
  aod_arena_t arena = {0};
  aod_ar_item_t stored;
  aod_buf_t data = {0};
  int code = aod_ar_find(ar, id, &arena, &stored, err);
  if (code == AOD_OK) code = aod_ar_data_range(ar, &stored, from, len, &data, err);
  if (code == AOD_OK) memcpy(to, data.ptr, len);
  aod_buf_free(&data);
  aod_arena_free(&arena);
  return code;
}

aod_gateway_t aod_gateway_direct(aod_direct_t *direct) {
  return (aod_gateway_t){.context = direct,
                         .find = find,
                         .upload = upload,
                         .height = height,
                         .confirmations = confirmations,
                         .blocks = blocks,
                         .query = query,
                         .transaction = transaction,
                         .block = block,
                         .size = size,
                         .read = read_data};
}
