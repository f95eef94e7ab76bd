/* The route tables of gateway and bundler, and the answers that are always the same.
 *
 * Nothing costs anything on this chain and nobody owns anything on it: prices and balances are "0",
 * which is what lets clients post without a faucet. */
#include "ar/routes.h"

#include <stdlib.h>

#include "ar/graphql.h"
#include "ar/index.h"
#include "arweave/base64url.h"
#include "base/json.h"

enum { UPLOAD_BYTES_MAX = 64 << 20, GRAPHQL_BYTES_MAX = 1 << 20, FREE_BYTES = UPLOAD_BYTES_MAX };

void aod__ar_respond_failure(aod_request_t *request, const aod_error_t *err) {
  aod_respond_error(request, aod_error_http_status(err->code), "%s", err->message);
}

static void settle(const aod_ar_t *ar) {
  if (ar->options.settle) ar->options.settle(ar->options.neighbour);
}

bool aod__ar_request_item(aod_request_t *request, aod_ar_t *ar, aod_ar_item_t *item) {
  uint8_t id[AOD_ID_BYTES];
  aod_error_t err;
  if (!aod_id_decode(request->params[0], id)) {
    aod_respond_error(request, 404, "not found");
    return false;
  }
  settle(ar);
  if (aod_ar_find(ar, id, &request->arena, item, &err) == AOD_OK) return true;
  aod__ar_respond_failure(request, &err);
  return false;
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

static void get_balance(aod_request_t *request, void *unit) {
  (void)unit;
  respond_text(request, "0");
}

static void get_last_tx(aod_request_t *request, void *unit) {
  (void)unit;
  respond_text(request, "");
}

static void get_empty_list(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond(request, 200, "application/json", AOD_TEXT("[]"));
}

static void get_health(aod_request_t *request, void *unit) {
  (void)unit;
  respond_text(request, "OK");
}

static void post_graphql(aod_request_t *request, void *unit) {
  aod_buf_t response = {0};
  settle(unit);
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
  aod_json_key_int(&json, "freeUploadLimitBytes", FREE_BYTES);
  aod_buf_text(&json, "}");
  aod_respond_buf(request, 200, "application/json", &json);
}

#define UPLOAD_ROUTES                                                                              \
  {"POST", "/tx", aod__ar_post_item, UPLOAD_BYTES_MAX},                                            \
      {"POST", "/tx/:token", aod__ar_post_item, UPLOAD_BYTES_MAX},                                 \
      {"POST", "/v1/tx", aod__ar_post_item, UPLOAD_BYTES_MAX}, {                                   \
    "POST", "/v1/tx/:token", aod__ar_post_item, UPLOAD_BYTES_MAX                                   \
  }

const aod_route_t aod_ar_gateway_routes[] = {
    {"GET", "/", aod__ar_get_info, 0},
    {"GET", "/info", aod__ar_get_info, 0},
    {"GET", "/height", aod__ar_get_height, 0},
    {"GET", "/time", aod__ar_get_time, 0},
    {"GET", "/peers", get_empty_list, 0},
    {"POST", "/graphql", post_graphql, GRAPHQL_BYTES_MAX},
    {"GET", "/tx_anchor", aod__ar_get_anchor, 0},
    {"GET", "/price/:bytes", get_price, 0},
    {"GET", "/price/:bytes/:target", get_price, 0},
    {"GET", "/wallet/:address/balance", get_balance, 0},
    {"GET", "/wallet/:address/last_tx", get_last_tx, 0},
    {"GET", "/block/current", aod__ar_get_block_current, 0},
    {"GET", "/block/height/:height", aod__ar_get_block_at, 0},
    {"GET", "/block/hash/:hash", aod__ar_get_block_by_hash, 0},
    UPLOAD_ROUTES,
    {"GET", "/tx/pending", get_empty_list, 0},
    {"GET", "/tx/:id", aod__ar_get_tx, 0},
    {"GET", "/tx/:id/status", aod__ar_get_tx_status, 0},
    {"GET", "/raw/:id", aod__ar_get_raw, 0},
    {"GET", "/mine", aod__ar_get_mine, 0},
    {"GET", "/mine/:count", aod__ar_get_mine, 0},
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
    {"GET", "/account/balance/:address", get_balance, 0},
    UPLOAD_ROUTES,
    {0},
};
