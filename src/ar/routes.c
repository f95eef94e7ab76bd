/* The route tables of gateway and bundler, and the answers that are always the same.
 *
 * Nothing costs anything on this chain: prices are "0", which is what lets clients post without a
 * faucet. */
#include "ar/routes.h"

#include <stdlib.h>

#include "ar/graphql.h"
#include "ar/index.h"
#include "ar/json.h"
#include "ar/limits.h"
#include "ar/waiting.h"
#include "arweave/base64url.h"
#include "base/json.h"

void aod__ar_respond_failure(aod_request_t *request, const aod_error_t *err) {
  aod_respond_error(request, aod_error_http_status(err->code), "%s", err->message);
}

void aod__ar_settle(const aod_ar_t *ar) {
  if (ar->options.settle) ar->options.settle(ar->options.neighbour);
}

bool aod__ar_may_rewrite(aod_request_t *request, const aod_ar_t *ar) {
  if (!ar->options.resettable)
    aod_respond_error(request, 403, "only a chain for tests allows this");
  return ar->options.resettable;
}

/* An unknown id, unless it waits for its data. */
static void respond_not_found(aod_request_t *request, aod_ar_t *ar,
                              const uint8_t id[AOD_ID_BYTES]) {
  aod__waiting_t waiting;
  if (aod__waiting_find(ar, id, &request->arena, &waiting, NULL) == AOD_OK)
    aod_respond_error(request, 404, "not found: %llu of %llu bytes of its data have arrived",
                      (unsigned long long)waiting.received,
                      (unsigned long long)waiting.transaction.data_size);
  else
    aod_respond_error(request, 404, "not found");
}

bool aod__ar_request_item(aod_request_t *request, aod_ar_t *ar, aod_ar_item_t *item) {
  uint8_t id[AOD_ID_BYTES];
  aod_error_t err;
  if (!aod_id_decode(request->params[0], id)) {
    aod_respond_error(request, 404, "not found");
    return false;
  }
  aod__ar_settle(ar);
  int code = aod_ar_find(ar, id, &request->arena, item, &err);
  if (code == AOD_ENOTFOUND)
    respond_not_found(request, ar, id);
  else if (code != AOD_OK)
    aod__ar_respond_failure(request, &err);
  return code == AOD_OK;
}

static void respond_text(aod_request_t *request, const char *text) {
  aod_respond(request, 200, "text/plain; charset=utf-8", aod_text(text));
}

static void get_price(aod_request_t *request, void *unit) {
  (void)unit;
  uint64_t bytes;
  if (aod_slice_to_u64(request->params[0], &bytes))
    respond_text(request, "0");
  else
    aod_respond_error(request, 400, "size_must_be_an_integer");
}

/* Bundlers put a token before the size. */
static void get_token_price(aod_request_t *request, void *unit) {
  request->params[0] = request->params[1];
  get_price(request, unit);
}

/* Of a bundler's account, which has nothing and needs nothing. */
static void get_credits(aod_request_t *request, void *unit) {
  (void)unit;
  respond_text(request, "0");
}

/* The gateway itself is the only one. */
static void get_peers(aod_request_t *request, void *unit) {
  (void)unit;
  aod_buf_t json = {0};
  aod_buf_text(&json, "[");
  aod_json_string(&json, aod_request_header(request, "Host"));
  aod_buf_text(&json, "]");
  aod_respond_buf(request, 200, "application/json", &json);
}

static void get_health(aod_request_t *request, void *unit) {
  (void)unit;
  respond_text(request, "OK");
}

static void post_graphql(aod_request_t *request, void *unit) {
  aod_buf_t response = {0};
  aod__ar_settle(unit);
  int status = aod__graphql_answer(unit, request->body, &request->arena, &response);
  aod_respond_buf(request, status, "application/json", &response);
}

/* What a bundler tells about itself: {version, addresses, freeUploadLimitBytes}. */
static void get_bundler_info(aod_request_t *request, void *unit) {
  aod_ar_t *ar = unit;
  uint8_t address[AOD_ID_BYTES];
  char text[AOD_ID_CHARS + 1];
  aod_signer_address(ar->options.signer, address);
  aod_id_encode(address, text);
  aod_buf_t json = {0};
  aod_buf_text(&json, "{");
  aod_json_key_string(&json, "version", aod_text(AOD_VERSION));
  aod_json_key(&json, "addresses");
  aod_buf_text(&json, "{");
  aod_json_key_string(&json, "arweave", aod_text(text));
  aod_buf_text(&json, "}");
  aod_json_key_int(&json, "freeUploadLimitBytes", (int64_t)AOD__ITEM_BYTES_MAX);
  aod_buf_text(&json, "}");
  aod_respond_buf(request, 200, "application/json", &json);
}

/* An upload is on its chain for good from the moment it is acknowledged. */
static void get_upload_status(aod_request_t *request, void *unit) {
  aod_ar_item_t item;
  aod_slice_t type;
  if (!aod__ar_request_item(request, unit, &item)) return;
  aod_buf_t json = {0};
  aod_buf_text(&json, "{");
  aod_json_key_string(&json, "status", AOD_TEXT("FINALIZED"));
  aod_json_key_string(&json, "info", AOD_TEXT("permanent"));
  if (item.bundled)
    aod__json_key_base64url(&json, "bundleId", aod_slice(item.parent, AOD_ID_BYTES));
  if (aod_ar_content_type(&item.tags, &type))
    aod_json_key_string(&json, "payloadContentType", type);
  aod_json_key_int(&json, "payloadContentLength", (int64_t)item.data_len);
  aod_json_key_string(&json, "winc", AOD_TEXT("0"));
  aod_buf_text(&json, "}");
  aod_respond_buf(request, 200, "application/json", &json);
}

#define ITEM_BODY AOD__HELD_BYTES_MAX, &aod__ar_item_sink

#define UPLOAD_ROUTES                                                                              \
  {"POST", "/tx/:token", aod__ar_post_item, ITEM_BODY},                                            \
      {"POST", "/v1/tx", aod__ar_post_item, ITEM_BODY}, {                                          \
    "POST", "/v1/tx/:token", aod__ar_post_item, ITEM_BODY                                          \
  }

const aod_route_t aod_ar_gateway_routes[] = {
    {"GET", "/", aod__ar_get_info, 0},
    {"GET", "/info", aod__ar_get_info, 0},
    {"GET", "/height", aod__ar_get_height, 0},
    {"GET", "/time", aod__ar_get_time, 0},
    {"GET", "/peers", get_peers, 0},
    {"POST", "/graphql", post_graphql, AOD__GRAPHQL_JSON_MAX},
    {"GET", "/tx_anchor", aod__ar_get_anchor, 0},
    {"GET", "/price/:bytes", get_price, 0},
    {"GET", "/price/:bytes/:target", get_price, 0},
    {"GET", "/wallet/:address/balance", aod__ar_get_balance, 0},
    {"GET", "/wallet/:address/last_tx", aod__ar_get_last_tx, 0},
    {"POST", "/wallet", aod__ar_post_wallet, AOD__WALLET_JSON_MAX},
    {"PATCH", "/wallet/:address/balance", aod__ar_patch_balance, AOD__WALLET_JSON_MAX},
    {"GET", "/mint/:address/:winston", aod__ar_get_mint, 0},
    {"GET", "/block/current", aod__ar_get_block_current, 0},
    {"GET", "/block/height/:height", aod__ar_get_block_at, 0},
    {"GET", "/block/hash/:hash", aod__ar_get_block_by_hash, 0},
    {"POST", "/tx", aod__ar_post_tx, AOD__TRANSACTION_JSON_MAX, &aod__ar_item_sink},
    UPLOAD_ROUTES,
    {"POST", "/chunk", aod__ar_post_chunk, AOD__CHUNK_JSON_MAX},
    {"GET", "/chunk/:offset", aod__ar_get_chunk, 0},
    {"GET", "/tx/pending", aod__ar_get_tx_pending, 0},
    {"GET", "/tx/:id", aod__ar_get_tx, 0},
    {"DELETE", "/tx/:id", aod__ar_delete_tx, 0},
    {"GET", "/tx/:id/status", aod__ar_get_tx_status, 0},
    {"GET", "/tx/:id/offset", aod__ar_get_tx_offset, 0},
    {"GET", "/tx/:id/:field", aod__ar_get_tx_field, 0},
    {"GET", "/raw/:id", aod__ar_get_raw, 0},
    {"GET", "/mine", aod__ar_get_mine, 0},
    {"GET", "/mine/:count", aod__ar_get_mine, 0},
    {"GET", "/reset", aod__ar_get_reset, 0},
    {"GET", "/:id", aod__ar_get_content, 0},
    {"GET", "/:id/*", aod__ar_get_path, 0},
    {0},
};

const aod_route_t aod_ar_bundler_routes[] = {
    {"GET", "/", get_bundler_info, 0},
    {"GET", "/info", get_bundler_info, 0},
    {"GET", "/v1/info", get_bundler_info, 0},
    {"GET", "/health", get_health, 0},
    {"GET", "/price/:bytes", get_price, 0},
    {"GET", "/price/:token/:bytes", get_token_price, 0},
    {"GET", "/account/balance/:address", get_credits, 0},
    {"POST", "/tx", aod__ar_post_item, ITEM_BODY},
    UPLOAD_ROUTES,
    {"GET", "/tx/:id/status", get_upload_status, 0},
    {"GET", "/v1/tx/:id/status", get_upload_status, 0},
    {0},
};
