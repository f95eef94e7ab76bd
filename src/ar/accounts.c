/* Balances over HTTP: what a wallet has, and the test tools that give it something. */
#include "ar/routes.h"
#include "ar/wallets.h"
#include "arweave/address.h"
#include "arweave/base64url.h"
#include "base/json.h"

/* The address that a request names; false when it was answered. */
static bool read_address(aod_request_t *request, aod_slice_t text, uint8_t address[AOD_ID_BYTES]) {
  if (aod_address_decode(text, address)) return true;
  aod_respond_error(request, 400, "Invalid address.");
  return false;
}

static void respond_amount(aod_request_t *request, const char *type, aod__winston_t amount) {
  aod_buf_t text = {0};
  aod__winston_write(amount, &text);
  aod_respond_buf(request, 200, type, &text);
}

static bool find_wallet(aod_request_t *request, aod_ar_t *ar, aod__wallet_t *wallet) {
  uint8_t address[AOD_ID_BYTES];
  aod_error_t err;
  if (!read_address(request, request->params[0], address)) return false;
  int code = aod__wallet_get(ar, address, wallet, &err);
  if (code != AOD_OK) aod__ar_respond_failure(request, &err);
  return code == AOD_OK;
}

void aod__ar_get_balance(aod_request_t *request, void *unit) {
  aod__wallet_t wallet;
  if (find_wallet(request, unit, &wallet)) respond_amount(request, "text/plain", wallet.balance);
}

void aod__ar_get_last_tx(aod_request_t *request, void *unit) {
  aod__wallet_t wallet;
  char id[AOD_ID_CHARS + 1] = "";
  if (!find_wallet(request, unit, &wallet)) return;
  if (wallet.has_last_tx) aod_id_encode(wallet.last_tx, id);
  aod_respond(request, 200, "text/plain", aod_text(id));
}

/* ---- giving ---- */

/* False when it was answered. */
static bool mint(aod_request_t *request, aod_ar_t *ar, aod_slice_t address_text,
                 aod_slice_t amount_text, bool set, aod__winston_t *balance) {
  uint8_t address[AOD_ID_BYTES];
  aod__winston_t amount;
  aod_error_t err;
  if (!read_address(request, address_text, address)) return false;
  if (!aod__winston_parse(amount_text, &amount)) {
    aod_respond_error(request, 400, "not an amount of winston");
    return false;
  }
  int code = aod__wallet_mint(ar, address, amount, set, balance, &err);
  if (code != AOD_OK) aod__ar_respond_failure(request, &err);
  return code == AOD_OK;
}

void aod__ar_get_mint(aod_request_t *request, void *unit) {
  aod__winston_t balance;
  if (mint(request, unit, request->params[0], request->params[1], false, &balance))
    respond_amount(request, "application/json", balance);
}

/* The member "balance": digits as text, or a number; empty when it is neither. */
static aod_slice_t read_balance(const json_t *json, aod_arena_t *arena) {
  const json_t *balance = json_object_get(json, "balance");
  if (json_is_string(balance)) return aod_arena_copy(arena, aod_json_slice(balance));
  double value = json_number_value(balance);
  if (!json_is_number(balance) || !(value >= 0 && value < 1e30) ||
      value != (double)(aod__winston_t)value)
    return AOD_EMPTY;
  aod_buf_t digits = {0};
  aod__winston_write((aod__winston_t)value, &digits);
  aod_slice_t text = aod_arena_copy(arena, aod_buf_slice(&digits));
  aod_buf_free(&digits);
  return text;
}

/* Set the balance that a JSON body names; the address may stand there too. The body is echoed. */
static void set_balance(aod_request_t *request, aod_ar_t *ar, bool address_in_body) {
  json_t *json;
  aod__winston_t balance;
  aod_error_t err;
  if (!aod__ar_may_rewrite(request, ar)) return;
  if (aod_json_parse(request->body, &json, &err) != AOD_OK) {
    aod__ar_respond_failure(request, &err);
    return;
  }
  aod_slice_t address = address_in_body ? aod_json_get_string(json, "address") : request->params[0];
  if (mint(request, ar, address, read_balance(json, &request->arena), true, &balance))
    aod_respond(request, 200, "application/json", request->body);
  json_decref(json);
}

void aod__ar_post_wallet(aod_request_t *request, void *unit) {
  set_balance(request, unit, true);
}

void aod__ar_patch_balance(aod_request_t *request, void *unit) {
  set_balance(request, unit, false);
}
