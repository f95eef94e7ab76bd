/* Base-layer transactions out. Data items are none: schedulers tell the two apart by these routes,
 * so for an item's id each of them answers "Not Found", as plain text, like nodes do.
 *
 * A transaction is seen in one of three states: waiting for its data, pending, in a block. */
#include "ar/files.h"
#include "ar/index.h"
#include "ar/json.h"
#include "ar/limits.h"
#include "ar/routes.h"
#include "ar/waiting.h"
#include "arweave/base64url.h"

typedef struct {
  aod_transaction_t transaction; /* without data */
  aod_ar_item_t item;            /* when it does not wait */
  bool waits;
} view_t;

static bool is_mined(const view_t *view) {
  return !view->waits && !view->item.pending;
}

/* Of known transactions some fields are unknown and left empty. */
static void view_item(view_t *view) {
  const aod_ar_item_t *item = &view->item;
  bool known = item->format == 0;
  view->transaction = (aod_transaction_t){
      .format = known ? 2 : item->format,
      .last_tx = item->anchor,
      .owner = item->owner,
      .target = item->target,
      .quantity = known ? AOD_TEXT("0") : item->quantity,
      .reward = known ? AOD_TEXT("0") : item->reward,
      .denomination = item->denomination,
      .tags = item->tags,
      .data_size = item->data_len,
      .data_root = item->data_root,
      .signature = item->signature,
  };
  memcpy(view->transaction.id, item->id, AOD_ID_BYTES);
}

static int find_view(aod_ar_t *ar, const uint8_t id[AOD_ID_BYTES], aod_arena_t *arena, view_t *view,
                     aod_error_t *err) {
  aod__waiting_t waiting;
  *view = (view_t){0};
  int code = aod_ar_find(ar, id, arena, &view->item, err);
  if (code == AOD_OK && !view->item.base_layer) return aod_fail(err, AOD_ENOTFOUND, "not found");
  if (code == AOD_OK) view_item(view);
  if (code != AOD_ENOTFOUND) return code;
  code = aod__waiting_find(ar, id, arena, &waiting, err);
  view->waits = true;
  view->transaction = waiting.transaction;
  return code;
}

static void respond_not_found(aod_request_t *request) {
  aod_respond(request, 404, "text/plain", AOD_TEXT("Not Found"));
}

/* The transaction that is asked for; false when it was answered. */
static bool request_view(aod_request_t *request, aod_ar_t *ar, view_t *view) {
  aod_error_t err;
  uint8_t id[AOD_ID_BYTES];
  aod__ar_settle(ar);
  int code = aod_id_decode(request->params[0], id) ? find_view(ar, id, &request->arena, view, &err)
                                                   : aod_fail(&err, AOD_ENOTFOUND, "not found");
  if (code == AOD_ENOTFOUND)
    respond_not_found(request);
  else if (code != AOD_OK)
    aod__ar_respond_failure(request, &err);
  return code == AOD_OK;
}

static void respond_pending(aod_request_t *request) {
  aod_respond(request, 202, "text/plain", AOD_TEXT("Pending"));
}

/* ---- whole ---- */

/* Format 1 carries its data. */
static int write_whole(aod_ar_t *ar, view_t *view, aod_buf_t *json, aod_error_t *err) {
  aod_buf_t data = {0};
  int code = AOD_OK;
  if (view->transaction.format == 1) {
    code = aod_ar_data(ar, &view->item, &data, err);
    view->transaction.data = aod_buf_slice(&data);
  }
  if (code == AOD_OK) aod_transaction_write(&view->transaction, true, json);
  aod_buf_free(&data);
  return code;
}

void aod__ar_get_tx(aod_request_t *request, void *unit) {
  view_t view;
  aod_buf_t json = {0};
  aod_error_t err;
  if (!request_view(request, unit, &view)) return;
  if (write_whole(unit, &view, &json, &err) == AOD_OK)
    aod_respond_buf(request, 200, "application/json", &json);
  else
    aod__ar_respond_failure(request, &err);
}

int aod_ar_transaction_json(aod_ar_t *ar, const uint8_t id[AOD_ID_BYTES], aod_buf_t *json,
                            aod_error_t *err) {
  view_t view;
  aod_arena_t arena = {0};
  int code = find_view(ar, id, &arena, &view, err);
  if (code == AOD_OK && !is_mined(&view)) code = aod_fail(err, AOD_ENOTFOUND, "it is in no block");
  if (code == AOD_OK) code = write_whole(ar, &view, json, err);
  aod_arena_free(&arena);
  return code;
}

/* Confirmations are the blocks on top of the transaction's own, as arlocal counts them; nodes count
 * one more. */
void aod__ar_get_tx_status(aod_request_t *request, void *unit) {
  view_t view;
  aod_ar_block_t newest;
  aod_error_t err;
  if (!request_view(request, unit, &view)) return;
  if (!is_mined(&view)) {
    respond_pending(request);
    return;
  }
  if (aod__index_newest_block(unit, &newest, &err) != AOD_OK) {
    aod__ar_respond_failure(request, &err);
    return;
  }
  const aod_ar_block_t *block = &view.item.block;
  aod_buf_t json = {0};
  aod_buf_text(&json, "{");
  aod_json_key_int(&json, "block_height", block->height);
  aod__json_key_base64url(&json, "block_indep_hash", aod_slice(block->hash, AOD__HASH_BYTES));
  aod_json_key_int(&json, "number_of_confirmations", newest.height - block->height);
  aod_buf_text(&json, "}");
  aod_respond_buf(request, 200, "application/json", &json);
}

void aod__ar_get_tx_offset(aod_request_t *request, void *unit) {
  view_t view;
  if (!request_view(request, unit, &view)) return;
  if (view.waits || view.item.weave_end == 0) {
    respond_not_found(request);
    return;
  }
  aod_buf_t json = {0};
  aod_buf_printf(&json, "{\"offset\":\"%llu\",\"size\":\"%llu\"}",
                 (unsigned long long)view.item.weave_end, (unsigned long long)view.item.data_len);
  aod_respond_buf(request, 200, "application/json", &json);
}

void aod__ar_get_tx_pending(aod_request_t *request, void *unit) {
  aod_buf_t ids = {0}, json = {0};
  aod_error_t err;
  int code = aod__index_pending(unit, &ids, &err);
  if (code == AOD_OK) code = aod__waiting_list(unit, &ids, &err);
  if (code == AOD_OK) {
    aod_buf_text(&json, "[");
    for (size_t at = 0; at < ids.len; at += AOD_ID_BYTES) {
      aod_json_separate(&json);
      aod__json_base64url(&json, aod_slice(ids.ptr + at, AOD_ID_BYTES));
    }
    aod_buf_text(&json, "]");
    aod_respond_buf(request, 200, "application/json", &json);
  } else {
    aod__ar_respond_failure(request, &err);
  }
  aod_buf_free(&ids);
}

/* ---- single fields ---- */

static void write_id(const aod_transaction_t *transaction, aod_buf_t *text) {
  aod_base64url_encode(aod_slice(transaction->id, AOD_ID_BYTES), text);
}

static void write_format(const aod_transaction_t *transaction, aod_buf_t *text) {
  aod_buf_printf(text, "%d", transaction->format);
}

static void write_data_size(const aod_transaction_t *transaction, aod_buf_t *text) {
  aod_buf_printf(text, "%llu", (unsigned long long)transaction->data_size);
}

static void write_tags(const aod_transaction_t *transaction, aod_buf_t *text) {
  aod_buf_text(text, "[");
  for (size_t i = 0; i < transaction->tags.count; i++) {
    aod_json_separate(text);
    aod_buf_text(text, "{");
    aod__json_key_base64url(text, "name", transaction->tags.list[i].name);
    aod__json_key_base64url(text, "value", transaction->tags.list[i].value);
    aod_buf_text(text, "}");
  }
  aod_buf_text(text, "]");
}

enum { PLAIN = 1, BASE64URL };

/* A field is a slice of the transaction, as it is or encoded, or it has a function. */
static const struct {
  const char *name;
  void (*write)(const aod_transaction_t *transaction, aod_buf_t *text);
  size_t at;
  int encoding;
} fields[] = {
    {"id", write_id, 0, 0},
    {"format", write_format, 0, 0},
    {"data_size", write_data_size, 0, 0},
    {"tags", write_tags, 0, 0},
    {"last_tx", NULL, offsetof(aod_transaction_t, last_tx), BASE64URL},
    {"owner", NULL, offsetof(aod_transaction_t, owner), BASE64URL},
    {"target", NULL, offsetof(aod_transaction_t, target), BASE64URL},
    {"data_root", NULL, offsetof(aod_transaction_t, data_root), BASE64URL},
    {"signature", NULL, offsetof(aod_transaction_t, signature), BASE64URL},
    {"quantity", NULL, offsetof(aod_transaction_t, quantity), PLAIN},
    {"reward", NULL, offsetof(aod_transaction_t, reward), PLAIN},
};

static bool write_field(const aod_transaction_t *transaction, aod_slice_t name, aod_buf_t *text) {
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    if (!aod_slice_is(name, fields[i].name)) continue;
    const aod_slice_t *value = (const void *)((const char *)transaction + fields[i].at);
    if (fields[i].write)
      fields[i].write(transaction, text);
    else if (fields[i].encoding == BASE64URL)
      aod_base64url_encode(*value, text);
    else
      aod_buf_append(text, *value);
    return true;
  }
  return false;
}

/* The data as base64url. It is there before the transaction is in a block. */
static void respond_data(aod_request_t *request, aod_ar_t *ar, const view_t *view) {
  aod_buf_t data = {0}, text = {0};
  aod_error_t err;
  if (view->waits) {
    respond_not_found(request);
  } else if (view->item.data_len > AOD__FIELD_BYTES_MAX) {
    aod_respond_error(request, 400, "tx_data_too_big");
  } else if (aod_ar_data(ar, &view->item, &data, &err) != AOD_OK) {
    aod__ar_respond_failure(request, &err);
  } else {
    aod_base64url_encode(aod_buf_slice(&data), &text);
    aod_respond_buf(request, 200, "text/plain", &text);
  }
  aod_buf_free(&data);
}

void aod__ar_get_tx_field(aod_request_t *request, void *unit) {
  view_t view;
  aod_slice_t name = request->params[1];
  aod_buf_t text = {0};
  if (!request_view(request, unit, &view)) return;
  if (aod_slice_is(name, "data")) {
    respond_data(request, unit, &view);
  } else if (aod_slice_starts(name, "data.") && !view.waits) {
    aod__ar_respond_content(request, unit, &view.item);
  } else if (!write_field(&view.transaction, name, &text)) {
    aod_respond_error(request, 404, "a transaction has no field \"%.*s\"", AOD_ARG(name));
  } else if (!is_mined(&view)) {
    aod_buf_free(&text);
    respond_pending(request);
  } else {
    const char *type = aod_slice_is(name, "tags") ? "application/json" : "text/plain";
    aod_respond_buf(request, 200, type, &text);
  }
}

/* ---- taking back ---- */

void aod__ar_delete_tx(aod_request_t *request, void *unit) {
  aod_ar_t *ar = unit;
  uint8_t id[AOD_ID_BYTES];
  aod_error_t err;
  if (!aod__ar_may_rewrite(request, ar)) return;
  int code = aod_id_decode(request->params[0], id) ? aod__index_take_back(ar, id, &err)
                                                   : aod_fail(&err, AOD_ENOTFOUND, "not found");
  if (code == AOD_OK)
    aod_respond(request, 200, "text/plain", AOD_TEXT("OK"));
  else if (code == AOD_ENOTFOUND)
    respond_not_found(request);
  else
    aod__ar_respond_failure(request, &err);
}
