#include "node/remote_gateway.h"

#include <inttypes.h>
#include <stdlib.h>

#include "arweave/base64url.h"
#include "net/gateways.h"
#include "node/known_modules.h"
#include "node/remote.h"

enum { BLOCKS_PAGE_MAX = 100, ANSWER_BYTES_MAX = 1 << 20 };

struct aod_remote_gateway {
  aod_client_t *client;
  aod_gateways_t *gateways;
  aod_uploader_t *uploader;
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

/* ---- blocks ---- */

static int read_blocks(const json_t *json, aod_arena_t *arena, aod_block_list_t *list,
                       aod_error_t *err) {
  const json_t *data = json_object_get(json, "data");
  const json_t *edges = json_object_get(json_object_get(data, "blocks"), "edges");
  if (!json_is_array(edges)) return aod_fail(err, AOD_EUNAVAILABLE, "the gateway tells no blocks");
  size_t count = json_array_size(edges);
  *list = (aod_block_list_t){.list = aod_arena_alloc(arena, (count + 1) * sizeof *list->list)};
  for (size_t i = 0; i < count; i++) {
    const json_t *node = json_object_get(json_array_get(edges, i), "node");
    double at = json_number_value(json_object_get(node, "height"));
    double seconds = json_number_value(json_object_get(node, "timestamp"));
    if (!(at >= 0 && at < 1e15 && seconds >= 0 && seconds < 1e12)) continue;
    list->list[list->count++] = (aod_block_t){(uint64_t)at, (int64_t)seconds * 1000};
  }
  return AOD_OK;
}

static int blocks(void *context, uint64_t from_height, size_t limit, aod_arena_t *arena,
                  aod_block_list_t *list, aod_error_t *err) {
  aod_remote_gateway_t *remote = context;
  char *body = aod_arena_printf(
      arena,
      "{\"query\":\"query { blocks(height: {min: %" PRIu64 "}, first: %zu, sort: HEIGHT_ASC)"
      " { edges { node { height timestamp } } } }\"}",
      from_height, limit < BLOCKS_PAGE_MAX ? limit : (size_t)BLOCKS_PAGE_MAX);
  aod_call_t call = {.url = aod_arena_printf(arena, "%s/graphql", remote->base),
                     .headers = {"Content-Type: application/json"},
                     .body = aod_text(body),
                     .has_body = true,
                     .answer_max = ANSWER_BYTES_MAX};
  json_t *json = NULL;
  aod_client_perform(remote->client, &call, err);
  int code = aod__remote_outcome(&call, "gateway", err);
  if (code == AOD_OK) code = aod_json_parse(aod_buf_slice(&call.answer), &json, err);
  if (code == AOD_OK) code = read_blocks(json, arena, list, err);
  json_decref(json);
  aod_buf_free(&call.answer);
  return code;
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
                                   .base = aod__remote_base(options->urls[0]),
                                   .table = {.context = remote,
                                             .find = find,
                                             .upload = upload,
                                             .height = height,
                                             .confirmations = confirmations,
                                             .blocks = blocks}};
  *out = remote;
  return AOD_OK;
}

const aod_gateway_t *aod_remote_gateway_table(aod_remote_gateway_t *remote) {
  return &remote->table;
}

void aod_remote_gateway_close(aod_remote_gateway_t *remote) {
  if (!remote) return;
  aod_gateways_close(remote->gateways);
  free(remote->base);
  free(remote);
}
