/* Posting to a scheduler elsewhere: what each answer says about whether it has the message. */
#include <stdatomic.h>

#include "base/latch.h"
#include "node/remote.h"
#include "support/gateway.h"
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

static const aod_route_t routes[] = {{"POST", "/", answer_post, 1 << 20, NULL},
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

typedef struct {
  aod_post_t post; /* first */
  aod_latch_t latch;
} posting_t;

static void posted(aod_post_t *post, int code, const aod_error_t *err) {
  aod_latch_end(&((posting_t *)post)->latch, code, err);
}

static aod_post_t post(int code, const char *text) {
  aod_error_t err;
  posting_t posting = {.post = {.raw = raw, .done = posted}, .latch = AOD_LATCH(1)};
  const aod_scheduler_t *table = aod_remote_scheduler_table(remote);
  table->post(table->context, &posting.post);
  int got = aod_latch_wait(&posting.latch, &err);
  if (code == AOD_OK)
    check_ok(got, &err);
  else
    check_fails(got, code, &err, text);
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

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
  const struct CMUnitTest tests[] = {
      CASE(a_post_that_was_taken_tells_its_id_and_time),
      CASE(what_the_scheduler_itself_says_is_known),
      CASE(where_nobody_says_it_the_scheduler_may_have_it),
      CASE(an_answer_that_cannot_be_read_may_be_a_yes),
      CASE(a_scheduler_that_was_never_reached_has_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
