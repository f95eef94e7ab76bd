/* The uploader against a receiver that does what a test says: a bundler and a gateway in one. */
#include "net/uploader.h"

#include <poll.h>
#include <pthread.h>

#include "arweave/base64url.h"
#include "arweave/bundle.h"
#include "arweave/merkle.h"
#include "arweave/transaction.h"
#include "base/clock.h"
#include "base/json.h"
#include "net/backoff.h"
#include "support/items.h"
#include "support/serve.h"

enum { POSTS_MAX = 500, WAIT_MS = 30000, LARGE_BYTES = 600000 };

/* ---- the receiver ---- */

typedef struct {
  aod_slice_t body;
  uint8_t id[32];
} got_t;

typedef struct {
  aod_server_t *server;
  char url[60];
  pthread_mutex_t lock;
  aod_arena_t arena;
  got_t posts[POSTS_MAX]; /* of items or of transactions, the refused ones too */
  size_t post_count, chunk_count;
  int status;          /* what posts are answered with */
  int status_count;    /* so many of them; then 200 */
  const char *text;    /* with that status, for transactions */
  bool taken_anyway;   /* a transaction that is answered so is kept nevertheless */
  const uint8_t *only; /* the status is for this item; NULL: for all */
  bool wrong_receipts, hang;
  aod_request_t *hanging[POSTS_MAX];
  size_t hanging_count;
  aod_slice_t kept;    /* transaction that the gateway has, as JSON */
  uint8_t kept_id[32]; /* and its id */
  bool mined, forgets;
  aod_buf_t data; /* put together from chunks */
} receiver_t;

static receiver_t receiver;

static void keep_post(aod_slice_t body, const uint8_t id[32]) {
  got_t *got = &receiver.posts[receiver.post_count++ % POSTS_MAX];
  got->body = aod_arena_copy(&receiver.arena, body);
  memcpy(got->id, id, 32);
}

/* What this post is to be answered with. */
static int next_status(const uint8_t id[32]) {
  if (receiver.status_count == 0 || (receiver.only && memcmp(receiver.only, id, 32) != 0))
    return 200;
  receiver.status_count--;
  return receiver.status;
}

static void post_item(aod_request_t *request, void *unit) {
  (void)unit;
  aod_item_t item;
  aod_error_t err;
  aod_buf_t json = {0};
  assert_int_equal(aod_item_parse(request->body, &request->arena, &item, &err), AOD_OK);
  pthread_mutex_lock(&receiver.lock);
  keep_post(request->body, item.id);
  int status = next_status(item.id);
  bool hang = receiver.hang;
  if (hang) receiver.hanging[receiver.hanging_count++] = request;
  if (receiver.wrong_receipts) item.id[0] ^= 1;
  pthread_mutex_unlock(&receiver.lock);
  if (hang) return;
  aod_buf_byte(&json, '{');
  aod_base64url_member(&json, "id", aod_slice(item.id, 32));
  aod_buf_byte(&json, '}');
  aod_respond_buf(request, status, "application/json", &json);
}

static void post_tx(aod_request_t *request, void *unit) {
  (void)unit;
  aod_transaction_t transaction;
  aod_error_t err;
  int code = aod_transaction_parse(request->body, &request->arena, &transaction, &err);
  if (code == AOD_OK) code = aod_transaction_verify(&transaction, &err);
  assert_int_equal(code, AOD_OK);
  pthread_mutex_lock(&receiver.lock);
  keep_post(request->body, transaction.id);
  int status = next_status(transaction.id);
  if (status == 200 || receiver.taken_anyway) {
    receiver.kept = aod_arena_copy(&receiver.arena, request->body);
    memcpy(receiver.kept_id, transaction.id, 32);
  }
  pthread_mutex_unlock(&receiver.lock);
  aod_respond(request, status, "text/plain", aod_text(status == 200 ? "OK" : receiver.text));
}

static void decode_member(const json_t *json, const char *name, aod_buf_t *bytes) {
  aod_error_t err;
  assert_int_equal(aod_base64url_decode(aod_json_get_string(json, name), bytes, &err), AOD_OK);
}

static void post_chunk(aod_request_t *request, void *unit) {
  (void)unit;
  json_t *json;
  aod_error_t err;
  aod_buf_t root = {0}, path = {0}, bytes = {0};
  aod_chunk_t chunk;
  uint64_t offset, size;
  assert_int_equal(aod_json_parse(request->body, &json, &err), AOD_OK);
  decode_member(json, "data_root", &root);
  decode_member(json, "data_path", &path);
  decode_member(json, "chunk", &bytes);
  assert_true(aod_slice_to_u64(aod_json_get_string(json, "offset"), &offset));
  assert_true(aod_slice_to_u64(aod_json_get_string(json, "data_size"), &size));
  int code = aod_chunk_verify(root.ptr, offset, size, aod_buf_slice(&path), aod_buf_slice(&bytes),
                              &chunk, &err);
  assert_int_equal(code, AOD_OK);
  pthread_mutex_lock(&receiver.lock);
  receiver.chunk_count++;
  bool fails = receiver.chunk_count == 2; /* the second one must come again */
  if (!fails && chunk.start == receiver.data.len)
    aod_buf_append(&receiver.data, aod_buf_slice(&bytes));
  pthread_mutex_unlock(&receiver.lock);
  aod_buf_free(&root);
  aod_buf_free(&path);
  aod_buf_free(&bytes);
  json_decref(json);
  aod_respond(request, fails ? 503 : 200, NULL, AOD_EMPTY);
}

static void get_status(aod_request_t *request, void *unit) {
  (void)unit;
  uint8_t id[32];
  assert_true(aod_id_decode(request->params[0], id));
  pthread_mutex_lock(&receiver.lock);
  bool known = receiver.kept.len && memcmp(id, receiver.kept_id, 32) == 0;
  if (known && receiver.forgets) {
    receiver.kept = AOD_EMPTY;
    known = receiver.forgets = false;
  }
  bool mined = receiver.mined;
  pthread_mutex_unlock(&receiver.lock);
  if (known && mined)
    aod_respond(request, 200, "application/json", AOD_TEXT("{\"block_height\":7}"));
  else
    aod_respond(request, known ? 202 : 404, "text/plain", AOD_TEXT("Pending"));
}

static void get_anchor(aod_request_t *request, void *unit) {
  (void)unit;
  static uint8_t
      block[32]; /* another one each time, or equal bundles would be equal transactions */
  char text[44];
  block[0]++;
  aod_id_encode(block, text);
  aod_respond(request, 200, "text/plain", aod_text(text));
}

static void get_price(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond(request, 200, "text/plain", AOD_TEXT("12345"));
}

static const aod_route_t routes[] = {
    {"POST", "/tx/arweave", post_item, 4 << 20},
    {"POST", "/tx", post_tx, 4 << 20},
    {"POST", "/chunk", post_chunk, 1 << 20},
    {"GET", "/tx/:id/status", get_status, 0},
    {"GET", "/tx_anchor", get_anchor, 0},
    {"GET", "/price/:bytes", get_price, 0},
    {NULL, NULL, NULL, 0},
};

/* ---- fixtures ---- */

static char *dir;
static aod_signer_t *author, *payer;
static aod_uploader_t *uploader;

static int setup(void **state) {
  (void)state;
  aod_error_t err;
  int port = 0;
  aod_server_options_t options = {.name = "test", .threads = 1, .routes = routes};
  receiver = (receiver_t){.lock = PTHREAD_MUTEX_INITIALIZER, .text = "no"};
  receiver.server = serve(options, &port);
  snprintf(receiver.url, sizeof receiver.url, "http://127.0.0.1:%d", port);
  dir = test_dir_make();
  author = wallet_quick();
  check_ok(aod_signer_generate("secp256k1", &payer, &err), &err);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  aod_uploader_close(uploader);
  uploader = NULL;
  for (size_t i = 0; i < receiver.hanging_count; i++)
    aod_respond(receiver.hanging[i], 200, NULL, AOD_EMPTY);
  aod_server_close(receiver.server);
  aod_arena_free(&receiver.arena);
  aod_buf_free(&receiver.data);
  aod_signer_free(author);
  aod_signer_free(payer);
  items_free();
  test_dir_remove(dir);
  return 0;
}

static void start(const aod_signer_t *signer) {
  aod_error_t err;
  aod_uploader_options_t options = {.path = test_path(dir, "uploads.db"),
                                    .url = receiver.url,
                                    .signer = signer,
                                    .retry_first_ms = 2,
                                    .retry_last_ms = 20,
                                    .linger_ms = 50,
                                    .confirm_ms = 5};
  check_ok(aod_uploader_open(&uploader, &options, &err), &err);
}

static void stop(void) {
  aod_uploader_close(uploader);
  uploader = NULL;
}

static aod_item_t new_item(size_t len) {
  uint8_t *bytes = aod_arena_alloc(&items_arena, len + 1);
  for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)(i * 7 + i / 251);
  return item_make(author,
                   &(aod_item_fields_t){.anchor = anchor_new(), .data = aod_slice(bytes, len)});
}

static void add(const aod_item_t *item) {
  aod_error_t err;
  check_ok(aod_uploader_add(uploader, &item->raw, 1, &err), &err);
}

static aod_uploads_status_t status_now(void) {
  aod_uploads_status_t status;
  aod_error_t err;
  check_ok(aod_uploader_status(uploader, &status, &err), &err);
  return status;
}

static size_t posts_now(void) {
  pthread_mutex_lock(&receiver.lock);
  size_t count = receiver.post_count;
  pthread_mutex_unlock(&receiver.lock);
  return count;
}

/* Wait until so many items wait. */
static void await_waiting(int64_t count) {
  for (int ms = 0; ms < WAIT_MS; ms++) {
    if (status_now().waiting == count) return;
    poll(NULL, 0, 1);
  }
  fail_msg("%lld items wait instead of %lld: %s", (long long)status_now().waiting, (long long)count,
           status_now().error);
}

static void await_posts(size_t count) {
  for (int ms = 0; ms < WAIT_MS && posts_now() < count; ms++) poll(NULL, 0, 1);
  if (posts_now() < count) fail_msg("%zu posts instead of %zu", posts_now(), count);
}

static size_t posts_of(const aod_item_t *item) {
  size_t count = 0, same = 0;
  pthread_mutex_lock(&receiver.lock);
  for (size_t i = 0; i < receiver.post_count; i++) {
    if (memcmp(receiver.posts[i].id, item->id, 32) != 0) continue;
    same += aod_slice_equal(receiver.posts[i].body, item->raw);
    count++;
  }
  pthread_mutex_unlock(&receiver.lock);
  assert_int_equal(same, count); /* the same bytes every time */
  return count;
}

/* ---- to a bundler ---- */

static void items_arrive_once(void **state) {
  (void)state;
  aod_item_t items[40];
  start(NULL);
  for (size_t i = 0; i < COUNT_OF(items); i++) {
    items[i] = new_item(10);
    add(&items[i]);
  }
  await_waiting(0);
  for (size_t i = 0; i < COUNT_OF(items); i++) assert_int_equal(posts_of(&items[i]), 1);
  assert_int_equal(status_now().uploaded, COUNT_OF(items));
}

static void failures_are_tried_again_with_the_same_bytes(void **state) {
  (void)state;
  static const int statuses[] = {500, 503, 429, 408, 202, 404, 400, 402};
  start(NULL);
  for (size_t i = 0; i < COUNT_OF(statuses); i++) {
    aod_item_t item = new_item(10);
    receiver.status = statuses[i], receiver.status_count = 3;
    add(&item);
    await_waiting(0);
    assert_int_equal(posts_of(&item), 4);
    char expected[30];
    snprintf(expected, sizeof expected, "answered with %d", statuses[i]);
    check_contains(status_now().error, expected);
  }
}

static void a_refused_item_holds_up_nobody(void **state) {
  (void)state;
  aod_item_t poor = new_item(10), rich = new_item(10);
  receiver.only = poor.id, receiver.status = 402, receiver.status_count = 1000000;
  start(NULL);
  add(&poor);
  await_posts(1);
  add(&rich);
  await_waiting(1);
  assert_int_equal(posts_of(&rich), 1);
  pthread_mutex_lock(&receiver.lock);
  receiver.status_count = 0; /* it has been paid */
  pthread_mutex_unlock(&receiver.lock);
  await_waiting(0);
}

static void a_receipt_for_another_item_is_none(void **state) {
  (void)state;
  aod_item_t item = new_item(10);
  receiver.wrong_receipts = true;
  start(NULL);
  add(&item);
  await_posts(3);
  check_contains(status_now().error, "another item");
  pthread_mutex_lock(&receiver.lock);
  receiver.wrong_receipts = false;
  pthread_mutex_unlock(&receiver.lock);
  await_waiting(0);
}

static void closing_does_not_wait_for_answers_and_loses_nothing(void **state) {
  (void)state;
  aod_item_t item = new_item(10);
  receiver.hang = true;
  start(NULL);
  add(&item);
  await_posts(1);
  int64_t began_us = aod_clock_monotonic_us();
  stop();
  assert_true(aod_clock_monotonic_us() - began_us < 10000000);
  pthread_mutex_lock(&receiver.lock);
  receiver.hang = false;
  pthread_mutex_unlock(&receiver.lock);
  start(NULL);
  await_waiting(0);
  assert_int_equal(posts_of(&item), 2);
}

/* ---- to a gateway ---- */

/* The items of the transaction that the gateway has, data inside or in chunks, are these. */
static void check_kept(const aod_item_t *items, size_t count) {
  aod_transaction_t transaction;
  aod_bundle_t bundle;
  aod_bundle_cursor_t cursor = {0};
  aod_bundle_entry_t entry;
  aod_error_t err;
  check_ok(aod_transaction_parse(receiver.kept, &items_arena, &transaction, &err), &err);
  check_text(transaction.reward, "12345");
  assert_true(aod_tags_announce_bundle(&transaction.tags));
  if (receiver.data.len) {
    assert_int_equal(transaction.data.len, 0);
    transaction.data = aod_buf_slice(&receiver.data);
  }
  check_ok(aod_transaction_verify(&transaction, &err), &err);
  check_ok(aod_bundle_parse(transaction.data, &bundle, &err), &err);
  assert_int_equal(bundle.count, count);
  for (size_t i = 0; aod_bundle_next(&bundle, &cursor, &entry); i++)
    check_bytes(entry.raw, items[i].raw);
}

static void let_mine(void) {
  pthread_mutex_lock(&receiver.lock);
  receiver.mined = true;
  pthread_mutex_unlock(&receiver.lock);
}

static void small_bundles_travel_inside_of_the_transaction(void **state) {
  (void)state;
  aod_item_t items[] = {new_item(10), new_item(20), new_item(0)};
  start(payer);
  for (size_t i = 0; i < COUNT_OF(items); i++) add(&items[i]);
  await_posts(1);
  assert_int_equal(status_now().waiting, 3); /* posted, but in no block */
  assert_int_equal(status_now().carriers, 1);
  let_mine();
  await_waiting(0);
  assert_int_equal(posts_now(), 1);
  check_kept(items, 3);
}

/* What is due first need not have been added first. */
static void a_bundle_is_put_together_in_the_same_order_each_time(void **state) {
  (void)state;
  aod_item_t items[] = {new_item(10), new_item(20), new_item(30)};
  aod_uploads_t *uploads;
  aod_error_t err;
  int64_t now_ms = aod_clock_wall_ms();
  check_ok(aod_uploads_open(&uploads, test_path(dir, "uploads.db"), &err), &err);
  for (int i = 0; i < 3; i++)
    check_ok(aod_uploads_add(uploads, &items[i].raw, 1, now_ms - 1000 - i, &err), &err);
  aod_uploads_close(uploads);
  receiver.mined = true;
  start(payer);
  await_waiting(0);
  assert_int_equal(posts_now(), 1);
  check_kept(items, 3);
}

static void large_bundles_travel_in_chunks(void **state) {
  (void)state;
  aod_item_t item = new_item(LARGE_BYTES);
  receiver.mined = true;
  start(payer);
  add(&item);
  await_waiting(0);
  assert_int_equal(posts_now(), 1); /* though a chunk had to be sent again */
  check_kept(&item, 1);
}

/* Waits until the carrier is done; all posts were one and the same transaction. */
static void check_one_transaction(size_t posts) {
  await_waiting(0);
  assert_int_equal(receiver.post_count, posts);
  for (size_t i = 1; i < posts; i++) check_id(receiver.posts[i].id, receiver.posts[0].id);
}

static void a_lost_answer_is_no_second_post(void **state) {
  (void)state;
  aod_item_t item = new_item(10);
  receiver.mined = true;
  receiver.status = 500, receiver.status_count = 1, receiver.taken_anyway = true;
  start(payer);
  add(&item);
  check_one_transaction(1);
}

static void what_failed_is_posted_again_not_signed_again(void **state) {
  (void)state;
  aod_item_t item = new_item(10);
  receiver.mined = true;
  receiver.status = 500, receiver.status_count = 3;
  start(payer);
  add(&item);
  check_one_transaction(4);
}

static void one_refusal_undoes_nothing(void **state) {
  (void)state;
  aod_item_t item = new_item(10);
  receiver.mined = true;
  receiver.status = 400, receiver.status_count = 1;
  start(payer);
  add(&item);
  check_one_transaction(2);
}

static void after_two_refusals_the_items_go_into_a_new_transaction(void **state) {
  (void)state;
  aod_item_t item = new_item(10);
  receiver.mined = true;
  receiver.status = 400, receiver.status_count = 2;
  start(payer);
  add(&item);
  await_waiting(0);
  assert_int_equal(receiver.post_count, 3);
  check_id(receiver.posts[1].id, receiver.posts[0].id);
  assert_memory_not_equal(receiver.posts[2].id, receiver.posts[0].id, 32);
  check_kept(&item, 1);
}

/* A node behind the one that is asked for the status may have it all the same. */
static void what_is_there_already_is_taken(void **state) {
  (void)state;
  aod_item_t item = new_item(10);
  receiver.text = "Transaction is already in the mempool.";
  receiver.status = 400, receiver.status_count = 1;
  start(payer);
  add(&item);
  await_posts(2); /* its status was unknown, so it was posted again */
  let_mine();
  check_one_transaction(2);
  assert_string_equal(status_now().error, "");
}

static void what_is_forgotten_is_posted_again(void **state) {
  (void)state;
  aod_item_t item = new_item(10);
  start(payer);
  add(&item);
  await_posts(1);
  pthread_mutex_lock(&receiver.lock);
  receiver.forgets = true;
  pthread_mutex_unlock(&receiver.lock);
  await_posts(2);
  let_mine();
  check_one_transaction(2);
}

static void a_restart_takes_up_the_same_transaction(void **state) {
  (void)state;
  aod_item_t item = new_item(10);
  start(payer);
  add(&item);
  await_posts(1);
  stop();
  let_mine();
  start(payer);
  check_one_transaction(1);
}

static void keys_that_the_base_layer_does_not_know(void **state) {
  (void)state;
  aod_error_t err;
  aod_uploader_options_t options = {
      .path = test_path(dir, "uploads.db"), .url = receiver.url, .signer = author};
  check_fails(aod_uploader_open(&uploader, &options, &err), AOD_EUNSUPPORTED, &err, "secp256k1");
}

/* ---- pauses ---- */

static void pauses_grow_and_differ(void **state) {
  (void)state;
  bool differ = false;
  int64_t first = aod_backoff_ms(5, 1000, 100000);
  for (int i = 0; i < 1000; i++) {
    int64_t once = aod_backoff_ms(1, 1000, 60000), fifth = aod_backoff_ms(5, 1000, 100000);
    assert_in_range(once, 500, 1000);
    assert_in_range(fifth, 8000, 16000);
    assert_in_range(aod_backoff_ms(INT64_MAX, 1000, 60000), 30000, 60000);
    differ |= fifth != first;
  }
  assert_true(differ);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
  const struct CMUnitTest tests[] = {
      CASE(items_arrive_once),
      CASE(failures_are_tried_again_with_the_same_bytes),
      CASE(a_refused_item_holds_up_nobody),
      CASE(a_receipt_for_another_item_is_none),
      CASE(closing_does_not_wait_for_answers_and_loses_nothing),
      CASE(small_bundles_travel_inside_of_the_transaction),
      CASE(a_bundle_is_put_together_in_the_same_order_each_time),
      CASE(large_bundles_travel_in_chunks),
      CASE(a_lost_answer_is_no_second_post),
      CASE(what_failed_is_posted_again_not_signed_again),
      CASE(one_refusal_undoes_nothing),
      CASE(after_two_refusals_the_items_go_into_a_new_transaction),
      CASE(what_is_there_already_is_taken),
      CASE(what_is_forgotten_is_posted_again),
      CASE(a_restart_takes_up_the_same_transaction),
      CASE(keys_that_the_base_layer_does_not_know),
      TEST(pauses_grow_and_differ),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
