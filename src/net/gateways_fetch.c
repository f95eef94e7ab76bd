/* One gateway: what it says, and whether that is true. */
#include <stdio.h>

#include "arweave/base64url.h"
#include "arweave/bundle.h"
#include "arweave/hash.h"
#include "arweave/scheme.h"
#include "arweave/transaction.h"
#include "base/json.h"
#include "net/gateways_internal.h"

enum { GRAPHQL_BYTES_MAX = 1 << 20, TRANSACTION_BYTES_MAX = 32 << 20 };

/* One question to one gateway. */
typedef struct {
  const aod_gateways_t *gateways;
  const char *url;
  const uint8_t *id;
  char id_text[44];
  aod_arena_t *arena;
  aod_error_t *err;
} question_t;

/* ---- requests ---- */

static int code_of_status(int status, const char *path, aod_error_t *err) {
  if (status == 200) return AOD_OK;
  bool later = status == 202 || status == 408 || status == 425 || status == 429 || status >= 500;
  return aod_fail(err, later ? AOD_EUNAVAILABLE : AOD_ENOTFOUND, "%s answers %d", path, status);
}

static int perform(const aod_gateways_t *gateways, aod_call_t *call, const char *url,
                   const char *path, aod_buf_t *body, aod_error_t *err) {
  aod_buf_t full = {0};
  aod_buf_printf(&full, "%s%s", url, path);
  aod_buf_terminate(&full);
  call->url = (const char *)full.ptr;
  call->timeout_ms = gateways->options.timeout_ms;
  call->redirects_max = AOD__GATEWAYS_REDIRECTS_MAX;
  int code = aod_client_perform(gateways->client, call, err);
  if (code == AOD_OK) code = code_of_status(call->status, path, err);
  if (code == AOD_OK) aod_buf_append(body, aod_buf_slice(&call->answer));
  aod_buf_free(&call->answer);
  aod_buf_free(&full);
  return code;
}

int aod__gateways_get(const aod_gateways_t *gateways, const char *url, const char *path,
                      size_t answer_max, aod_buf_t *body, aod_error_t *err) {
  aod_call_t call = {.answer_max = answer_max};
  return perform(gateways, &call, url, path, body, err);
}

int aod__gateways_post(const aod_gateways_t *gateways, const char *url, const char *path,
                       aod_slice_t json, size_t answer_max, aod_buf_t *body, aod_error_t *err) {
  aod_call_t call = {.answer_max = answer_max, .body = json};
  if (json.len) {
    call.headers[0] = "Content-Type: application/json";
    call.headers[1] = "Accept: application/json";
  }
  return perform(gateways, &call, url, path, body, err);
}

/* The data of `id` into the arena. Old gateways know it by its bare id only. */
static int get_data(const question_t *question, const char *id, aod_slice_t *data) {
  static const char *const forms[] = {"/raw/%s", "/%s"};
  aod_buf_t body = {0};
  int code = AOD_ENOTFOUND;
  for (size_t i = 0; i < 2 && code == AOD_ENOTFOUND; i++) {
    char path[64];
    snprintf(path, sizeof path, forms[i], id);
    aod_buf_clear(&body);
    code = aod__gateways_get(question->gateways, question->url, path,
                             question->gateways->options.data_max, &body, question->err);
  }
  if (code == AOD_OK) *data = aod_arena_copy(question->arena, aod_buf_slice(&body));
  aod_buf_free(&body);
  return code;
}

/* ---- GraphQL ---- */

static const char query_format[] =
    "{\"query\":\"query($ids: [ID!]) { transactions(ids: $ids) { edges { node { id signature anchor"
    " recipient owner { key } tags { name value } bundledIn { id } } } } }\","
    "\"variables\":{\"ids\":[\"%s\"]}}";

/* The node of *answer, NULL when there is none. A gateway without GraphQL has none. */
static int query(const question_t *question, json_t **answer, const json_t **node) {
  aod_buf_t request = {0}, body = {0};
  aod_buf_printf(&request, query_format, question->id_text);
  int code = aod__gateways_post(question->gateways, question->url, "/graphql",
                                aod_buf_slice(&request), GRAPHQL_BYTES_MAX, &body, question->err);
  *answer = NULL;
  *node = NULL;
  if (code == AOD_OK) code = aod_json_parse(aod_buf_slice(&body), answer, question->err);
  if (code == AOD_OK) {
    const json_t *list = json_object_get(json_object_get(*answer, "data"), "transactions");
    const json_t *edge = json_array_get(json_object_get(list, "edges"), 0);
    *node = json_object_get(edge, "node");
  }
  aod_buf_free(&request);
  aod_buf_free(&body);
  return code == AOD_ENOTFOUND ? AOD_OK : code;
}

static bool read_member(const question_t *question, const json_t *object, const char *name,
                        aod_slice_t *bytes) {
  aod_buf_t decoded = {0};
  bool good = aod_base64url_decode(aod_json_get_string(object, name), &decoded, NULL) == AOD_OK;
  *bytes =
      good && decoded.len ? aod_arena_copy(question->arena, aod_buf_slice(&decoded)) : AOD_EMPTY;
  aod_buf_free(&decoded);
  return good;
}

static void read_tags(const question_t *question, const json_t *list, aod_tags_t *tags) {
  size_t count = json_array_size(list);
  tags->list = aod_arena_alloc(question->arena, (count + 1) * sizeof *tags->list);
  tags->count = count;
  for (size_t i = 0; i < count; i++) {
    const json_t *tag = json_array_get(list, i);
    tags->list[i].name = aod_arena_copy(question->arena, aod_json_get_string(tag, "name"));
    tags->list[i].value = aod_arena_copy(question->arena, aod_json_get_string(tag, "value"));
  }
}

/* Everything but type and data. False: they cannot be the fields of an item. */
static bool read_fields(const question_t *question, const json_t *node, aod_item_t *item) {
  *item = (aod_item_t){0};
  bool good = read_member(question, node, "signature", &item->signature) &&
              read_member(question, json_object_get(node, "owner"), "key", &item->owner) &&
              read_member(question, node, "recipient", &item->target) &&
              read_member(question, node, "anchor", &item->anchor);
  if (!good || (item->target.len && item->target.len != 32) ||
      (item->anchor.len && item->anchor.len != 32))
    return false;
  aod_buf_t avro = {0};
  read_tags(question, json_object_get(node, "tags"), &item->tags);
  aod_tags_encode(&item->tags, &avro);
  item->tag_bytes = aod_arena_copy(question->arena, aod_buf_slice(&avro));
  aod_buf_free(&avro);
  aod_sha256(item->signature, item->id);
  aod_sha256(item->owner, item->address);
  return true;
}

/* ---- items ---- */

/* GraphQL does not tell the signature type: every type with keys and signatures of these lengths
 * may be the one. */
static int verify_fields(const question_t *question, aod_item_t *item) {
  if (memcmp(item->id, question->id, AOD_ID_BYTES) != 0)
    return aod_fail(question->err, AOD_ESIGNATURE, "the gateway answers with another item");
  int code = aod_fail(question->err, AOD_ESIGNATURE, "no signature type has such keys");
  for (int type = AOD_SCHEME_ARWEAVE; type < AOD_SCHEME_END_ && code != AOD_OK; type++) {
    const aod_scheme_t *scheme = aod_scheme_find(type);
    if (scheme->owner_len != item->owner.len || scheme->signature_len != item->signature.len)
      continue;
    item->signature_type = type;
    code = aod_item_verify(item, question->err);
  }
  return code;
}

static int find_in_bundle(const question_t *question, aod_slice_t payload, aod_item_t *item) {
  aod_bundle_t bundle;
  aod_bundle_cursor_t cursor = {0};
  aod_bundle_entry_t entry;
  int code = aod_bundle_parse(payload, &bundle, question->err);
  if (code != AOD_OK) return code;
  while (aod_bundle_next(&bundle, &cursor, &entry)) {
    if (memcmp(entry.id, question->id, AOD_ID_BYTES) != 0) continue;
    code = aod_bundle_entry_parse(&entry, question->arena, item, question->err);
    return code == AOD_OK ? aod_item_verify(item, question->err) : code;
  }
  return aod_fail(question->err, AOD_ESIGNATURE, "the bundle that is named does not hold the item");
}

static int fetch_from_bundle(const question_t *question, const char *bundle, aod_item_t *item) {
  aod_slice_t payload;
  int code = get_data(question, bundle, &payload);
  return code == AOD_OK ? find_in_bundle(question, payload, item) : code;
}

static int fetch_item(const question_t *question, const json_t *node, aod_item_t *item) {
  char bundle[44] = "";
  uint8_t bundle_id[32];
  if (aod_id_decode(aod_json_get_string(json_object_get(node, "bundledIn"), "id"), bundle_id))
    aod_id_encode(bundle_id, bundle);
  int code = AOD_ESIGNATURE;
  if (read_fields(question, node, item)) {
    code = get_data(question, question->id_text, &item->data);
    if (code == AOD_OK) code = verify_fields(question, item);
  } else {
    aod_fail(question->err, code, "the fields that it names are not those of an item");
  }
  /* Text stands for tags that are no text; the bundle has them as they were signed. */
  if (code != AOD_OK && code != AOD_EUNAVAILABLE && *bundle)
    code = fetch_from_bundle(question, bundle, item);
  return code;
}

/* ---- transactions ---- */

static void item_of_transaction(const aod_transaction_t *transaction, aod_item_t *item) {
  *item = (aod_item_t){.signature_type = AOD_SCHEME_ARWEAVE,
                       .signature = transaction->signature,
                       .owner = transaction->owner,
                       .target = transaction->target,
                       .anchor = transaction->last_tx,
                       .tags = transaction->tags,
                       .data = transaction->data};
  memcpy(item->id, transaction->id, sizeof item->id);
  aod_transaction_address(transaction, item->address);
}

/* In format 2 the data is not even asked for unless the rest is right. In format 1 the signature
 * covers the data, if there is any, so nothing can be verified without. */
static int verify_transaction(const question_t *question, aod_transaction_t *transaction) {
  bool first = transaction->format == 1;
  int code = AOD_OK;
  if (memcmp(transaction->id, question->id, AOD_ID_BYTES) != 0)
    return aod_fail(question->err, AOD_ESIGNATURE, "the gateway answers with another transaction");
  if (!first || transaction->data.len) code = aod_transaction_verify(transaction, question->err);
  if (code != AOD_OK || transaction->data.len || (!first && transaction->data_size == 0))
    return code;
  code = get_data(question, question->id_text, &transaction->data);
  if (code != AOD_OK && !(first && code == AOD_ENOTFOUND)) return code;
  if (!first && transaction->data.len == 0)
    return aod_fail(question->err, AOD_ESIGNATURE, "the gateway answers without the data");
  return aod_transaction_verify(transaction, question->err);
}

static int fetch_transaction(const question_t *question, aod_item_t *item) {
  char path[64];
  aod_buf_t body = {0};
  aod_transaction_t transaction;
  snprintf(path, sizeof path, "/tx/%s", question->id_text);
  int code = aod__gateways_get(question->gateways, question->url, path, TRANSACTION_BYTES_MAX,
                               &body, question->err);
  if (code == AOD_OK)
    code =
        aod_transaction_parse(aod_buf_slice(&body), question->arena, &transaction, question->err);
  aod_buf_free(&body);
  if (code == AOD_OK) code = verify_transaction(question, &transaction);
  if (code == AOD_OK) item_of_transaction(&transaction, item);
  return code;
}

/* ---- both ---- */

/* What is in no bundle may be a transaction, or an item that no block has yet. */
static int fetch(const question_t *question, aod_item_t *item) {
  json_t *answer;
  const json_t *node;
  int code = query(question, &answer, &node);
  if (code == AOD_OK && json_is_object(json_object_get(node, "bundledIn"))) {
    code = fetch_item(question, node, item);
  } else if (code == AOD_OK) {
    code = fetch_transaction(question, item);
    if (code != AOD_OK && code != AOD_EUNAVAILABLE && node) code = fetch_item(question, node, item);
  }
  json_decref(answer);
  return code;
}

int aod__gateways_fetch(const aod_gateways_t *gateways, const char *url, const uint8_t id[32],
                        aod_arena_t *arena, aod_item_t *item, aod_error_t *err) {
  question_t question = {.gateways = gateways, .url = url, .id = id, .arena = arena, .err = err};
  aod_id_encode(id, question.id_text);
  return fetch(&question, item);
}
