/* Posting to a scheduler elsewhere: what each answer says about whether it has the message. */

#include <unistd.h>

#include "node/remote.h"
#include "support/gateway.h"
#include "support/posts.h"
#include "support/serve.h"

/* ---- a scheduler that answers what a test says ---- */

static int status;
static const char *body;

static aod_server_t *server;
static char here[64]; /* its URL */
static aod_client_t *client;
static aod_remote_scheduler_t *remote;
static aod_signer_t *wallet;
static aod_slice_t raw;

static void answer_post(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond(request, status, "application/json", aod_text(body));
}

static void answer_root(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond(request, 200, NULL, AOD_EMPTY);
}

static const aod_route_t routes[] = {{"POST", "/", answer_post, 1 << 20, NULL},
                                     {"GET", "/", answer_root, 0, NULL},
                                     {NULL, NULL, NULL, 0, NULL}};

static int setup(void **state) {
  (void)state;
  aod_error_t err;
  int port = 0;
  server = serve((aod_server_options_t){.name = "test", .threads = 1, .routes = routes}, &port);
  check_ok(aod_client_open(&client, &err), &err);
  snprintf(here, sizeof here, "http://127.0.0.1:%d", port);
  remote = aod_remote_scheduler_open(client, here);
  wallet = wallet_quick();
  uint8_t target[32] = {1};
  raw = item_sign(wallet, &(aod_item_fields_t){.target = aod_slice(target, sizeof target),
                                               .tags = tags_of("Type", "Message", NULL)});
  return 0;
}

static int teardown(void **state) {
  (void)state;
  aod_client_stop(client);
  aod_remote_scheduler_close(remote);
  aod_client_close(client);
  aod_server_close(server);
  aod_signer_free(wallet);
  items_free();
  return 0;
}

/* ---- posting ---- */

static aod_post_t post(int code, const char *text) {
  posting_t posting;
  int got = post_raw(aod_remote_scheduler_table(remote), raw, &posting);
  if (code == AOD_OK)
    check_ok(got, &posting.error);
  else
    check_fails(got, code, &posting.error, text);
  return posting.post;
}

static void check_unknown(bool unknown, int with_status, const char *with_body, const char *text) {
  status = with_status;
  body = with_body;
  assert_int_equal(post(AOD_EUNAVAILABLE, text).unknown, unknown);
}

/* ---- cases ---- */

static void a_post_that_was_taken_tells_its_id_and_time(void **state) {
  (void)state;
  status = 201;
  body = "{\"id\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\",\"timestamp\":1700000000000}";
  aod_post_t taken = post(AOD_OK, NULL);
  assert_int_equal(taken.id[0], 1);
  assert_int_equal(taken.timestamp_ms, INT64_C(1700000000000));
  assert_false(taken.unknown);
}

static void what_the_scheduler_itself_says_is_known(void **state) {
  (void)state;
  check_unknown(false, 503, "{\"error\":\"not now\"}", "not now");
  check_unknown(false, 500, "", "answered 500");
}

static void where_nobody_says_it_the_scheduler_may_have_it(void **state) {
  (void)state;
  check_unknown(true, 502, "", "answered 502");
  check_unknown(true, 504, "", "answered 504");
}

static void an_answer_that_cannot_be_read_may_be_a_yes(void **state) {
  (void)state;
  check_unknown(true, 200, "{\"ok\":true}", "has no id");
  check_unknown(true, 201, "<html>", "has no id");
}

static void a_scheduler_that_was_never_reached_has_nothing(void **state) {
  (void)state;
  aod_remote_scheduler_close(remote);
  remote = aod_remote_scheduler_open(client, "http://127.0.0.1:1");
  assert_false(post(AOD_EUNAVAILABLE, "did not answer").unknown);
}

/* ---- schedulers that are located ---- */

static gateway_t gateway;

static aod_slice_t put(const aod_signer_t *signer, aod_tags_t tags) {
  aod_error_t err;
  aod_slice_t item = item_sign(signer, &(aod_item_fields_t){.anchor = anchor_new(), .tags = tags});
  check_ok(gateway.table.upload(&gateway, &item, 1, &err), &err);
  return item;
}

/* A process whose scheduler says that it answers at `url`. */
static aod_item_t process_at(const char *url) {
  uint8_t address[32];
  char text[AOD_ID_CHARS + 1];
  aod_signer_t *scheduler = wallet_quick();
  aod_signer_address(scheduler, address);
  aod_id_encode(address, text);
  put(scheduler, tags_of("Data-Protocol", "ao", "Type", "Scheduler-Location", "Url", url,
                         "Time-To-Live", "3600000", NULL));
  aod_signer_free(scheduler);
  return item_parse(put(wallet, tags_of("Type", "Process", "Scheduler", text, NULL)));
}

static void a_scheduler_that_is_silent_does_not_hold_up_the_others(void **state) {
  (void)state;
  enum { SILENT = 8 };
  posting_t silent[SILENT], posting;
  aod_error_t err;
  int port = 0, listen_fd;
  char nowhere[64];
  check_ok(aod_server_listen("127.0.0.1", &port, &listen_fd, &err), &err); /* nobody accepts */
  snprintf(nowhere, sizeof nowhere, "http://127.0.0.1:%d", port);
  gateway_init(&gateway);
  aod_item_t lost = process_at(nowhere), found = process_at(here);
  aod_remote_scheduler_close(remote);
  remote = aod_remote_schedulers_open(client, &gateway.table);
  const aod_scheduler_t *schedulers = aod_remote_scheduler_table(remote);
  for (int i = 0; i < SILENT; i++) {
    silent[i] = (posting_t){.post = {.raw = message_item(wallet, lost.id, "x")}};
    posting_submit(&silent[i], schedulers);
  }
  status = 201;
  body = "{\"id\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\",\"timestamp\":1700000000000}";
  check_ok(post_raw(schedulers, message_item(wallet, found.id, "x"), &posting), &posting.error);
  for (int i = 0; i < SILENT; i++) assert_int_equal(silent[i].latch.left, 1);
  aod_client_stop(client);
  for (int i = 0; i < SILENT; i++)
    check_fails(posting_wait(&silent[i]), AOD_EUNAVAILABLE, &silent[i].error, "did not answer");
  aod_remote_scheduler_stop(remote);
  gateway_deinit(&gateway);
  close(listen_fd);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
  const struct CMUnitTest tests[] = {
      CASE(a_post_that_was_taken_tells_its_id_and_time),
      CASE(what_the_scheduler_itself_says_is_known),
      CASE(where_nobody_says_it_the_scheduler_may_have_it),
      CASE(an_answer_that_cannot_be_read_may_be_a_yes),
      CASE(a_scheduler_that_was_never_reached_has_nothing),
      CASE(a_scheduler_that_is_silent_does_not_hold_up_the_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
