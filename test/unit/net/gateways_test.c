/* Remote gateways that tell the truth, and ones that do not: whatever they say, nothing unverified
 * gets through, and the next one in the list is asked. */
#include "support/check.h"

#include <poll.h>
#include <stdatomic.h>

#include "arweave/base64url.h"
#include "arweave/bundle.h"
#include "arweave/transaction.h"
#include "base/clock.h"
#include "base/json.h"
#include "http/server.h"
#include "net/gateways.h"
#include "support/items.h"
#include "support/vectors.h"

/* ---- a gateway that lies as it is told ---- */

typedef enum {
  HONEST,
  WRONG_DATA,     /* one bit differs */
  SHORT_DATA,     /* the last byte is missing */
  LONG_DATA,      /* one byte too many */
  NO_DATA,        /* 200 with nothing */
  WRONG_FIELDS,   /* a tag is changed */
  OTHER_FIELDS,   /* another item's, whole and valid */
  RENAMED_FIELDS, /* another item's, under the id that was asked for */
  OTHER_OWNER,    /* the owner's key is replaced */
  NOT_JSON,
  WRONG_SHAPE,
  KNOWS_NOTHING,
  FAILS,
  HANGS,
  MANNERS
} manners_t;

static const char *const manner_names[MANNERS] = {
    "honest",       "wrong data",    "short data",     "long data",   "no data",
    "wrong fields", "other fields",  "renamed fields", "other owner", "not json",
    "wrong shape",  "knows nothing", "fails",          "hangs"};

enum { HANGING_MAX = 100 };

typedef struct {
  aod_server_t *server;
  char url[60];
  _Atomic(manners_t) manners;
  atomic_int requests;
  int failures; /* as many requests are answered with 503 first */
  aod_request_t *hanging[HANGING_MAX];
  atomic_int hanging_count;
  /* what it has: an item or a transaction, another item, a bundle around the item */
  const aod_item_t *item, *other;
  const aod_transaction_t *transaction;
  bool with_data; /* in the transaction's JSON */
  const uint8_t *bundle_id;
  aod_slice_t bundle;
} liar_t;

static bool misbehaves(liar_t *liar, aod_request_t *request) {
  if (atomic_fetch_add(&liar->requests, 1) < liar->failures || liar->manners == FAILS) {
    aod_respond(request, 503, NULL, AOD_EMPTY);
    return true;
  }
  if (liar->manners == NOT_JSON)
    aod_respond(request, 200, "application/json", AOD_TEXT("<html>welcome</html>"));
  else if (liar->manners == WRONG_SHAPE)
    aod_respond(request, 200, "application/json",
                AOD_TEXT("{\"data\":{\"transactions\":{\"edges\":[{\"node\":[1]}]}}}"));
  else if (liar->manners == KNOWS_NOTHING)
    aod_respond(request, 404, NULL, AOD_EMPTY);
  else if (liar->manners == HANGS) /* these come one at a time */
    liar->hanging[liar->hanging_count % HANGING_MAX] = request, liar->hanging_count++;
  else
    return false;
  return true;
}

static void write_node(liar_t *liar, const aod_item_t *item, aod_buf_t *json) {
  aod_slice_t owner = liar->manners == OTHER_OWNER ? liar->other->owner : item->owner;
  aod_base64url_member(json, "id",
                       aod_slice(liar->manners == OTHER_FIELDS ? item->id : liar->item->id, 32));
  aod_base64url_member(json, "signature", item->signature);
  aod_base64url_member(json, "anchor", item->anchor);
  aod_base64url_member(json, "recipient", item->target);
  aod_json_key(json, "owner");
  aod_buf_byte(json, '{');
  aod_base64url_member(json, "key", owner);
  aod_buf_text(json, "},\"tags\":[");
  for (size_t i = 0; i < item->tags.count; i++) {
    aod_json_separate(json);
    aod_buf_byte(json, '{');
    aod_json_key_string(json, "name", item->tags.list[i].name);
    aod_json_key_string(json, "value",
                        liar->manners == WRONG_FIELDS ? AOD_TEXT("a lie")
                                                      : item->tags.list[i].value);
    aod_buf_byte(json, '}');
  }
  if (liar->manners == WRONG_FIELDS && !item->tags.count)
    aod_buf_text(json, "{\"name\":\"a\",\"value\":\"lie\"}");
  aod_buf_text(json, "],\"bundledIn\":");
  if (liar->bundle_id) {
    aod_buf_byte(json, '{');
    aod_base64url_member(json, "id", aod_slice(liar->bundle_id, 32));
    aod_buf_byte(json, '}');
  } else {
    aod_buf_text(json, "null");
  }
}

static void post_graphql(aod_request_t *request, void *unit) {
  liar_t *liar = unit;
  aod_buf_t json = {0};
  if (misbehaves(liar, request)) return;
  bool other = liar->manners == OTHER_FIELDS || liar->manners == RENAMED_FIELDS;
  aod_buf_text(&json, "{\"data\":{\"transactions\":{\"edges\":[");
  if (liar->item) {
    aod_buf_text(&json, "{\"node\":{");
    write_node(liar, other ? liar->other : liar->item, &json);
    aod_buf_text(&json, "}}");
  }
  aod_buf_text(&json, "]}}}");
  aod_respond_buf(request, 200, "application/json", &json);
}

static void respond_data(liar_t *liar, aod_request_t *request, aod_slice_t data) {
  aod_buf_t bytes = {0};
  aod_buf_append(&bytes, data);
  if (liar->manners == WRONG_DATA && bytes.len) bytes.ptr[bytes.len / 2] ^= 4;
  if (liar->manners == SHORT_DATA && bytes.len) bytes.len--;
  if (liar->manners == LONG_DATA || (liar->manners == WRONG_DATA && !bytes.len))
    aod_buf_byte(&bytes, 'x');
  if (liar->manners == NO_DATA) bytes.len = 0;
  aod_respond_buf(request, 200, "application/octet-stream", &bytes);
}

static void get_raw(aod_request_t *request, void *unit) {
  liar_t *liar = unit;
  uint8_t id[32];
  if (misbehaves(liar, request)) return;
  bool known = aod_id_decode(request->params[0], id);
  if (known && liar->bundle_id && memcmp(id, liar->bundle_id, 32) == 0)
    respond_data(liar, request, liar->bundle);
  else if (known && liar->item && memcmp(id, liar->item->id, 32) == 0)
    respond_data(liar, request, liar->item->data);
  else if (known && liar->transaction && memcmp(id, liar->transaction->id, 32) == 0)
    respond_data(liar, request, liar->transaction->data);
  else
    aod_respond(request, 404, NULL, AOD_EMPTY);
}

static void get_tx(aod_request_t *request, void *unit) {
  liar_t *liar = unit;
  aod_buf_t json = {0};
  if (misbehaves(liar, request)) return;
  if (!liar->transaction) {
    aod_respond(request, 404, NULL, AOD_EMPTY);
    return;
  }
  aod_transaction_t shown = *liar->transaction;
  if (liar->manners == WRONG_FIELDS) shown.reward = AOD_TEXT("31337");
  if (liar->manners == OTHER_OWNER) shown.owner = liar->other->owner;
  if (liar->manners == OTHER_FIELDS) memcpy(shown.id, liar->other->id, sizeof shown.id);
  if (liar->manners == RENAMED_FIELDS) shown.signature = liar->other->signature;
  aod_transaction_write(&shown, liar->with_data, &json);
  aod_respond_buf(request, 200, "application/json", &json);
}

static void get_info(aod_request_t *request, void *unit) {
  if (misbehaves(unit, request)) return;
  aod_respond(request, 200, "application/json", AOD_TEXT("{\"height\":1234567}"));
}

static const aod_route_t routes[] = {
    {"POST", "/graphql", post_graphql, 1 << 20},
    {"GET", "/raw/:id", get_raw, 0},
    {"GET", "/tx/:id", get_tx, 0},
    {"GET", "/info", get_info, 0},
    {NULL, NULL, NULL, 0},
};

/* ---- fixtures ---- */

static aod_client_t *client;
static aod_arena_t arena;
static liar_t liars[2]; /* the first one lies, the second one does not */

static void liar_open(liar_t *liar) {
  aod_error_t err;
  int port = 0;
  aod_server_options_t options = {.name = "test", .threads = 1, .routes = routes, .unit = liar};
  *liar = (liar_t){0};
  check_ok(aod_server_listen("127.0.0.1", &port, &options.listen_fd, &err), &err);
  check_ok(aod_server_open(&liar->server, &options, &err), &err);
  snprintf(liar->url, sizeof liar->url, "http://127.0.0.1:%d", port);
}

static int setup(void **state) {
  (void)state;
  aod_error_t err;
  check_ok(aod_client_open(&client, &err), &err);
  for (size_t i = 0; i < COUNT_OF(liars); i++) liar_open(&liars[i]);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  aod_client_close(client);
  for (size_t i = 0; i < COUNT_OF(liars); i++) {
    assert_true(liars[i].hanging_count <= HANGING_MAX);
    for (int k = 0; k < liars[i].hanging_count; k++)
      aod_respond(liars[i].hanging[k], 200, NULL, AOD_EMPTY);
    aod_server_close(liars[i].server);
  }
  aod_arena_free(&arena);
  items_free();
  vectors_free();
  return 0;
}

/* Both gateways have the same. */
static void offer_item(const aod_item_t *item, const aod_item_t *other) {
  for (size_t i = 0; i < COUNT_OF(liars); i++) {
    liars[i].item = item, liars[i].other = other;
    liars[i].transaction = NULL, liars[i].bundle_id = NULL;
  }
}

static void offer_transaction(const aod_transaction_t *transaction, const aod_item_t *other) {
  offer_item(NULL, other);
  for (size_t i = 0; i < COUNT_OF(liars); i++) liars[i].transaction = transaction;
}

static int ask(size_t first, size_t count, const uint8_t id[32], aod_item_t *item,
               aod_error_t *err) {
  const char *urls[] = {liars[0].url, liars[1].url};
  aod_gateways_options_t options = {.urls = urls + first,
                                    .url_count = count,
                                    .timeout_ms = liars[0].manners == HANGS ? 200 : 20000,
                                    .rounds = 2,
                                    .pause_ms = 1};
  aod_gateways_t *gateways;
  check_ok(aod_gateways_open(&gateways, client, &options, err), err);
  int code = aod_gateways_find(gateways, id, &arena, item, err);
  aod_gateways_close(gateways);
  return code;
}

static void check_item(const aod_item_t *got, const aod_item_t *expected) {
  assert_int_equal(got->signature_type, expected->signature_type);
  check_id(got->id, expected->id);
  check_id(got->address, expected->address);
  check_bytes(got->signature, expected->signature);
  check_bytes(got->owner, expected->owner);
  check_bytes(got->target, expected->target);
  check_bytes(got->anchor, expected->anchor);
  check_bytes(got->data, expected->data);
  assert_int_equal(got->tags.count, expected->tags.count);
  for (size_t i = 0; i < got->tags.count; i++) {
    check_bytes(got->tags.list[i].name, expected->tags.list[i].name);
    check_bytes(got->tags.list[i].value, expected->tags.list[i].value);
  }
}

/* ---- the truth ---- */

static void items_of_every_signature_type(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/data_items.json");
  VECTOR_EACH(file, "cases", i, vector) {
    aod_item_t item = item_parse(vector_b64(vector, "item_b64")), got;
    aod_error_t err;
    offer_item(&item, NULL);
    int code = ask(1, 1, item.id, &got, &err);
    if (code != AOD_OK) fail_msg("%s: %s", vector_text(vector, "name"), err.message);
    check_item(&got, &item);
  }
  json_decref(file);
}

static void transactions_with_their_data(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/transactions.json");
  VECTOR_EACH(file, "cases", i, vector) {
    aod_transaction_t transaction;
    aod_item_t got;
    aod_error_t err;
    check_ok(aod_transaction_from_json(vector_get(vector, "tx"), &arena, &transaction, &err), &err);
    const json_t *generator = json_object_get(vector, "data_generator");
    if (generator) transaction.data = vector_generate(generator);
    offer_transaction(&transaction, NULL);
    for (int with_data = 0; with_data < 2; with_data++) {
      liars[1].with_data = with_data;
      int code = ask(1, 1, transaction.id, &got, &err);
      if (code != AOD_OK) fail_msg("%s: %s", vector_text(vector, "name"), err.message);
      check_bytes(got.data, transaction.data);
      check_bytes(got.owner, transaction.owner);
      check_id(got.id, transaction.id);
    }
  }
  json_decref(file);
}

/* GraphQL cannot say what such tags are. */
static void tags_that_are_no_text_come_out_of_the_bundle(void **state) {
  (void)state;
  aod_signer_t *signer = wallet_quick();
  aod_tag_t tags[] = {{AOD_TEXT("Binary"), AOD_TEXT("\xff\xfe")}};
  aod_item_t item =
      item_make(signer, &(aod_item_fields_t){.tags = {tags, 1}, .data = AOD_TEXT("payload")});
  aod_item_t other = item_make(signer, &(aod_item_fields_t){.data = AOD_TEXT("other")}), got;
  aod_slice_t raws[] = {other.raw, item.raw};
  aod_buf_t payload = {0};
  aod_error_t err;
  check_ok(aod_bundle_build(raws, 2, &payload, &err), &err);
  offer_item(&item, &other);
  check_fails(ask(1, 1, item.id, &got, &err), AOD_EUNAVAILABLE, &err, "signature");
  liars[1].bundle_id = other.id; /* any id will do */
  liars[1].bundle = aod_buf_slice(&payload);
  check_ok(ask(1, 1, item.id, &got, &err), &err);
  check_item(&got, &item);
  liars[1].manners = SHORT_DATA;
  check_fails(ask(1, 1, item.id, &got, &err), AOD_EUNAVAILABLE, &err, "truncated");
  aod_buf_free(&payload);
  aod_signer_free(signer);
}

static void height_is_the_newest_heard(void **state) {
  (void)state;
  aod_error_t err;
  const char *urls[] = {liars[0].url, liars[1].url};
  aod_gateways_options_t options = {.urls = urls, .url_count = 2};
  aod_gateways_t *gateways;
  check_ok(aod_gateways_open(&gateways, client, &options, &err), &err);
  liars[0].manners = NOT_JSON;
  assert_int_equal(aod_gateways_height(gateways), 1234567);
  int asked = liars[1].requests;
  assert_int_equal(aod_gateways_height(gateways), 1234567);
  assert_int_equal(liars[1].requests, asked);
  aod_gateways_close(gateways);
}

/* A gateway that hangs holds up the first who ask for two seconds, and nobody after them. */
static void nobody_waits_long_for_the_height(void **state) {
  (void)state;
  aod_error_t err;
  const char *urls[] = {liars[0].url};
  aod_gateways_options_t options = {.urls = urls, .url_count = 1, .timeout_ms = 300000};
  aod_gateways_t *gateways;
  aod_client_t *own;
  check_ok(aod_client_open(&own, &err), &err);
  check_ok(aod_gateways_open(&gateways, own, &options, &err), &err);
  liars[0].manners = HANGS;
  liars[0].requests = 0;
  int64_t began_us = aod_clock_monotonic_us();
  for (int i = 0; i < 1000; i++) assert_int_equal(aod_gateways_height(gateways), 0);
  assert_true(aod_clock_monotonic_us() - began_us < 30000000);
  assert_int_equal(liars[0].requests, 1);
  aod_client_stop(own);
  aod_gateways_close(gateways);
  aod_client_close(own);
  liars[0].manners = HONEST;
}

/* ---- lies ---- */

/* With the honest one behind the liar it is found; with the liar alone it is not. */
static void check_manners(manners_t manners, const uint8_t id[32], aod_slice_t data) {
  aod_item_t got;
  aod_error_t err;
  liars[0].manners = manners;
  liars[0].requests = 0;
  int code = ask(0, 2, id, &got, &err);
  if (code != AOD_OK) fail_msg("%s, then honest: %s", manner_names[manners], err.message);
  if (liars[0].requests == 0) fail_msg("%s was not asked", manner_names[manners]);
  check_bytes(got.data, data);
  code = ask(0, 1, id, &got, &err);
  int expected = manners == KNOWS_NOTHING ? AOD_ENOTFOUND : AOD_EUNAVAILABLE;
  if (code != expected)
    fail_msg("%s alone: %s", manner_names[manners], code ? err.message : "believed");
  check_contains(err.message, liars[0].url);
}

static void nothing_unverified_gets_through_about_items(void **state) {
  (void)state;
  aod_signer_t *signers[] = {wallet_open(0), wallet_quick()};
  for (size_t i = 0; i < COUNT_OF(signers); i++) {
    aod_item_fields_t fields = {.tags = tags_of("Type", "Message", NULL),
                                .data = AOD_TEXT("the truth"),
                                .anchor = anchor_new()};
    aod_item_t item = item_make(signers[i], &fields);
    fields.data = AOD_TEXT("something else");
    aod_signer_t *stranger = i ? wallet_quick() : wallet_open(1);
    aod_item_t other = item_make(stranger, &fields);
    offer_item(&item, &other);
    for (manners_t manners = HONEST + 1; manners < MANNERS; manners++)
      check_manners(manners, item.id, item.data);
    aod_signer_free(stranger);
    aod_signer_free(signers[i]);
  }
}

static void nothing_unverified_gets_through_about_transactions(void **state) {
  (void)state;
  aod_signer_t *signer = wallet_open(0), *stranger = wallet_open(1);
  aod_item_t other = item_make(stranger, &(aod_item_fields_t){.data = AOD_TEXT("other")});
  aod_transaction_t transaction = {.format = 2,
                                   .quantity = AOD_TEXT("0"),
                                   .reward = AOD_TEXT("1"),
                                   .tags = tags_of("Type", "Module", NULL)};
  aod_error_t err;
  aod_transaction_set_data(&transaction, AOD_TEXT("the truth"), &items_arena);
  check_ok(aod_transaction_sign(&transaction, signer, &items_arena, &err), &err);
  offer_transaction(&transaction, &other);
  for (manners_t manners = HONEST + 1; manners < MANNERS; manners++)
    check_manners(manners, transaction.id, transaction.data);
  aod_signer_free(signer);
  aod_signer_free(stranger);
}

/* ---- patience ---- */

static void who_could_not_answer_is_asked_again(void **state) {
  (void)state;
  aod_signer_t *signer = wallet_quick();
  aod_item_t item = item_make(signer, &(aod_item_fields_t){.data = AOD_TEXT("later")}), got;
  aod_error_t err;
  offer_item(&item, NULL);
  liars[0].manners = KNOWS_NOTHING;
  liars[1].failures = 1;
  check_ok(ask(0, 2, item.id, &got, &err), &err);
  check_item(&got, &item);
  assert_int_equal(liars[0].requests, 2); /* GraphQL and /tx, in the first round only */
  aod_signer_free(signer);
}

static void too_much_data_is_refused(void **state) {
  (void)state;
  aod_signer_t *signer = wallet_quick();
  aod_item_t item = item_make(signer, &(aod_item_fields_t){.data = AOD_TEXT("0123456789")}), got;
  aod_error_t err;
  const char *urls[] = {liars[1].url};
  aod_gateways_options_t options = {.urls = urls, .url_count = 1, .data_max = 9, .rounds = 1};
  aod_gateways_t *gateways;
  offer_item(&item, NULL);
  check_ok(aod_gateways_open(&gateways, client, &options, &err), &err);
  check_fails(aod_gateways_find(gateways, item.id, &arena, &got, &err), AOD_EUNAVAILABLE, &err,
              "more than 9 bytes");
  aod_gateways_close(gateways);
  aod_signer_free(signer);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
  const struct CMUnitTest tests[] = {
      CASE(items_of_every_signature_type),
      CASE(transactions_with_their_data),
      CASE(tags_that_are_no_text_come_out_of_the_bundle),
      CASE(height_is_the_newest_heard),
      CASE(nobody_waits_long_for_the_height),
      CASE(nothing_unverified_gets_through_about_items),
      CASE(nothing_unverified_gets_through_about_transactions),
      CASE(who_could_not_answer_is_asked_again),
      CASE(too_much_data_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
