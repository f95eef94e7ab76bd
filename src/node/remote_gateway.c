#include "node/remote_gateway.h"

#include <inttypes.h>
#include <stdlib.h>

#include "arweave/base64url.h"
#include "arweave/transaction.h"
#include "net/gateways.h"
#include "node/data_cache.h"
#include "node/known_modules.h"
#include "node/remote.h"
#include "node/remote_query.h"

enum {
  BLOCKS_PAGE_MAX = 100,
  ANSWER_BYTES_MAX = 1 << 20,
  QUERY_BYTES_MAX = 4 << 20,
  TRANSACTION_BYTES_MAX = 32 << 20, /* format 1 carries its data */
  BLOCK_BYTES_MAX = 8 << 20
};

struct aod_remote_gateway {
  aod_client_t *client;
  aod_gateways_t *gateways;
  aod_uploader_t *uploader;
  aod_data_cache_t *data;
  char *base; /* the first gateway: for what cannot be checked anyway */
  aod_gateway_t table;
};

static int find(void *context, const uint8_t id[32], aod_arena_t *arena, aod_item_t *item,
                aod_error_t *err) {
  aod_remote_gateway_t *remote = context;
  if (aod_known_module_read(id, arena, item)) return AOD_OK;
  return aod_gateways_find(remote->gateways, id, arena, item, err);
}

static int upload(void *context, const aod_slice_t *raws, size_t count, aod_error_t *err) {
  aod_remote_gateway_t *remote = context;
  if (!remote->uploader)
    return aod_fail(err, AOD_EUNAVAILABLE, "no bundler is configured; set --bundler-url");
  return aod_uploader_add(remote->uploader, raws, count, err);
}

static uint64_t height(void *context) {
  return aod_gateways_height(((aod_remote_gateway_t *)context)->gateways);
}

static int confirmations(void *context, const uint8_t id[32], uint64_t *count, aod_error_t *err) {
  aod_remote_gateway_t *remote = context;
  char text[AOD_ID_CHARS + 1], path[100];
  aod_id_encode(id, text);
  snprintf(path, sizeof path, "/tx/%s/status", text);
  json_t *json;
  int code = aod__remote_get(remote->client, "gateway", remote->base, path, &json, err);
  if (code != AOD_OK) return code;
  const json_t *number = json_object_get(json, "number_of_confirmations");
  double value = json_number_value(number);
  bool good = json_is_number(number) && value >= 0 && value < 1e15;
  if (good) *count = (uint64_t)value;
  json_decref(json);
  return good ? AOD_OK : aod_fail(err, AOD_ENOTFOUND, "transaction %s is not settled", text);
}

/* ---- what gateways tell, checked as far as it can be ---- */

static bool is_page(const json_t *json, const char *list) {
  const json_t *data = json_object_get(json, "data");
  return json_is_array(json_object_get(json_object_get(data, list), "edges"));
}

static int check_page(void *list, aod_slice_t answer, aod_error_t *err) {
  json_t *json;
  int code = aod_json_parse(answer, &json, err);
  if (code != AOD_OK) return code;
  if (!is_page(json, list)) code = aod_fail(err, AOD_EINPUT, "it answers without %s", (char *)list);
  json_decref(json);
  return code;
}

/* The edges of a page; free *json. */
static int ask_page(aod_remote_gateway_t *remote, aod_slice_t body, char *list, size_t answer_max,
                    json_t **json, const json_t **edges, aod_error_t *err) {
  aod_buf_t answer = {0};
  aod_gateways_question_t question = {.path = "/graphql",
                                      .body = body,
                                      .answer_max = answer_max,
                                      .check = check_page,
                                      .context = list};
  *json = NULL;
  int code = aod_gateways_ask(remote->gateways, &question, &answer, err);
  if (code == AOD_ENOTFOUND) err->code = code = AOD_EUNAVAILABLE; /* it has no GraphQL */
  if (code == AOD_OK) code = aod_json_parse(aod_buf_slice(&answer), json, err);
  *edges = json_object_get(json_object_get(json_object_get(*json, "data"), list), "edges");
  aod_buf_free(&answer);
  return code;
}

static void read_blocks(const json_t *edges, aod_arena_t *arena, aod_block_list_t *list) {
  size_t count = json_array_size(edges);
  *list = (aod_block_list_t){.list = aod_arena_alloc(arena, (count + 1) * sizeof *list->list)};
  for (size_t i = 0; i < count; i++) {
    const json_t *node = json_object_get(json_array_get(edges, i), "node");
    double at = json_number_value(json_object_get(node, "height"));
    double seconds = json_number_value(json_object_get(node, "timestamp"));
    if (!(at >= 0 && at < 1e15 && seconds >= 0 && seconds < 1e12)) continue;
    list->list[list->count++] = (aod_block_t){(uint64_t)at, (int64_t)seconds * 1000};
  }
}

static int blocks(void *context, uint64_t from_height, size_t limit, aod_arena_t *arena,
                  aod_block_list_t *list, aod_error_t *err) {
  char *body = aod_arena_printf(
      arena,
      "{\"query\":\"query { blocks(height: {min: %" PRIu64 "}, first: %zu, sort: HEIGHT_ASC)"
      " { edges { node { height timestamp } } } }\"}",
      from_height, limit < BLOCKS_PAGE_MAX ? limit : (size_t)BLOCKS_PAGE_MAX);
  json_t *json;
  const json_t *edges;
  int code = ask_page(context, aod_text(body), "blocks", ANSWER_BYTES_MAX, &json, &edges, err);
  if (code == AOD_OK) read_blocks(edges, arena, list);
  json_decref(json);
  return code;
}

static int query(void *context, const aod_gateway_query_t *query, aod_arena_t *arena,
                 aod_found_list_t *list, aod_error_t *err) {
  aod_remote_gateway_t *remote = context;
  aod_buf_t body = {0};
  json_t *json;
  const json_t *edges;
  *list = (aod_found_list_t){0};
  if (query->owner_count == 0) return AOD_OK; /* which a gateway might take for any owner */
  aod_query_write(query, &body);
  int code =
      ask_page(remote, aod_buf_slice(&body), "transactions", QUERY_BYTES_MAX, &json, &edges, err);
  if (code == AOD_OK) aod_query_read(edges, query->limit, arena, list);
  json_decref(json);
  aod_buf_free(&body);
  bool bound = query->max_block != UINT64_MAX;
  if (code == AOD_OK && list->count == 0 && bound && height(remote) < query->max_block)
    code = aod_fail(err, AOD_EUNAVAILABLE, "the gateway does not know block %" PRIu64 " yet",
                    query->max_block);
  return code;
}

/* ---- transactions and blocks as JSON ---- */

/* Only the data of format 1 may be missing, without which its signature cannot be checked. */
static int check_transaction(void *id, aod_slice_t answer, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_transaction_t transaction;
  int code = aod_transaction_parse(answer, &arena, &transaction, err);
  if (code == AOD_OK && memcmp(transaction.id, id, 32) != 0)
    code = aod_fail(err, AOD_ESIGNATURE, "it answers with another transaction");
  if (code == AOD_OK && (transaction.format != 1 || transaction.data.len))
    code = aod_transaction_verify(&transaction, err);
  aod_arena_free(&arena);
  return code;
}

static int transaction(void *context, const uint8_t id[32], aod_buf_t *json, aod_error_t *err) {
  char text[AOD_ID_CHARS + 1], path[100];
  aod_id_encode(id, text);
  snprintf(path, sizeof path, "/tx/%s", text);
  aod_gateways_question_t question = {.path = path,
                                      .answer_max = TRANSACTION_BYTES_MAX,
                                      .check = check_transaction,
                                      .context = (void *)id};
  return aod_gateways_ask(((aod_remote_gateway_t *)context)->gateways, &question, json, err);
}

static int check_block(void *height, aod_slice_t answer, aod_error_t *err) {
  json_t *json;
  int code = aod_json_parse(answer, &json, err);
  if (code != AOD_OK) return code;
  double number = json_number_value(json_object_get(json, "height"));
  json_decref(json);
  if (number == (double)*(uint64_t *)height) return AOD_OK;
  return aod_fail(err, AOD_EINPUT, "it answers with another block");
}

static int block(void *context, uint64_t height, aod_buf_t *json, aod_error_t *err) {
  char path[100];
  snprintf(path, sizeof path, "/block/height/%" PRIu64, height);
  aod_gateways_question_t question = {
      .path = path, .answer_max = BLOCK_BYTES_MAX, .check = check_block, .context = &height};
  return aod_gateways_ask(((aod_remote_gateway_t *)context)->gateways, &question, json, err);
}

/* ---- data ---- */

static int fetch(void *context, const uint8_t id[32], void (*take)(void *taker, aod_slice_t data),
                 void *taker, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_item_t item;
  int code = find(context, id, &arena, &item, err);
  if (code == AOD_OK) take(taker, item.data);
  aod_arena_free(&arena);
  return code;
}

static int size(void *context, const uint8_t id[32], uint64_t *bytes, aod_error_t *err) {
  return aod_data_cache_size(((aod_remote_gateway_t *)context)->data, id, bytes, err);
}

static int read_data(void *context, const uint8_t id[32], uint64_t from, uint8_t *to, size_t len,
                     aod_error_t *err) {
  return aod_data_cache_read(((aod_remote_gateway_t *)context)->data, id, from, to, len, err);
}

/* ---- life ---- */

int aod_remote_gateway_open(aod_remote_gateway_t **out, aod_client_t *client,
                            const aod_remote_gateway_options_t *options, aod_error_t *err) {
  aod_gateways_t *gateways;
  aod_gateways_options_t gateways_options = {.urls = options->urls,
                                             .url_count = options->url_count};
  int code = aod_gateways_open(&gateways, client, &gateways_options, err);
  if (code != AOD_OK) return code;
  aod_remote_gateway_t *remote = aod_alloc(sizeof *remote);
  *remote = (aod_remote_gateway_t){.client = client,
                                   .gateways = gateways,
                                   .uploader = options->uploader,
                                   .data = aod_data_cache_open(fetch, remote),
                                   .base = aod__remote_base(options->urls[0]),
                                   .table = {.context = remote,
                                             .find = find,
                                             .upload = upload,
                                             .height = height,
                                             .confirmations = confirmations,
                                             .blocks = blocks,
                                             .query = query,
                                             .transaction = transaction,
                                             .block = block,
                                             .size = size,
                                             .read = read_data}};
  *out = remote;
  return AOD_OK;
}

const aod_gateway_t *aod_remote_gateway_table(aod_remote_gateway_t *remote) {
  return &remote->table;
}

void aod_remote_gateway_close(aod_remote_gateway_t *remote) {
  if (!remote) return;
  aod_data_cache_close(remote->data);
  aod_gateways_close(remote->gateways);
  free(remote->base);
  free(remote);
}
