/* Finding schedulers: what is believed, how long it is kept, and what goes on when nobody answers.
 */
#include "node/locate.h"

#include <stdatomic.h>

#include "support/gateway.h"
#include "support/serve.h"

/* ---- the world: a gateway that finds what a test says, and whoever answers at the location ----
 */

static gateway_t gateway;
static aod_slice_t newest; /* the raw item that the gateway finds; empty: none */
static int query_failure;  /* AOD_OK, or what the gateway fails with */
static atomic_int queries, probes;
static const char *redirect; /* where the scheduler sends everybody; NULL: nowhere */

static aod_server_t *server;
static char here[64]; /* its URL */
static aod_client_t *client;
static aod_locator_t *locator;
static aod_signer_t *wallet;
static char wallet_text[44];
static aod_arena_t arena;

static void answer_root(aod_request_t *request, void *unit) {
  (void)unit;
  atomic_fetch_add(&probes, 1);
  if (redirect) aod_respond_header(request, "Location", aod_text(redirect));
  aod_respond(request, redirect ? 307 : 200, NULL, AOD_EMPTY);
}

static const aod_route_t routes[] = {{"GET", "/", answer_root, 0, NULL},
                                     {NULL, NULL, NULL, 0, NULL}};

static int find_newest(void *context, const aod_gateway_query_t *query, aod_arena_t *to,
                       aod_found_list_t *list, aod_error_t *err) {
  (void)context;
  atomic_fetch_add(&queries, 1);
  assert_int_equal(query->owner_count, 1);
  check_text(query->owners[0], wallet_text);
  assert_true(aod_tags_has(&query->tags, "Type", "Scheduler-Location"));
  if (query_failure) return aod_fail(err, query_failure, "the gateway is away");
  *list = (aod_found_list_t){.list = aod_arena_alloc(to, sizeof *list->list)};
  if (newest.len == 0) return AOD_OK;
  memcpy(list->list[list->count++].id, item_parse(newest).id, 32);
  return AOD_OK;
}

static int setup(void **state) {
  (void)state;
  aod_error_t err;
  int port = 0;
  server = serve((aod_server_options_t){.name = "test", .threads = 1, .routes = routes}, &port);
  check_ok(aod_client_open(&client, &err), &err);
  snprintf(here, sizeof here, "http://127.0.0.1:%d", port);
  gateway_init(&gateway);
  gateway.table.query = find_newest;
  locator = aod_locator_open(client, &gateway.table);
  wallet = wallet_quick();
  uint8_t address[32];
  aod_signer_address(wallet, address);
  aod_id_encode(address, wallet_text);
  newest = AOD_EMPTY;
  redirect = NULL;
  query_failure = AOD_OK;
  queries = probes = 0;
  return 0;
}

static int teardown(void **state) {
  (void)state;
  aod_locator_close(locator);
  aod_client_close(client);
  aod_server_close(server);
  gateway_deinit(&gateway);
  aod_signer_free(wallet);
  aod_arena_free(&arena);
  items_free();
  return 0;
}

static aod_slice_t put(const aod_signer_t *signer, aod_tags_t tags) {
  aod_error_t err;
  aod_slice_t raw = item_sign(signer, &(aod_item_fields_t){.anchor = anchor_new(), .tags = tags});
  check_ok(gateway.table.upload(&gateway, &raw, 1, &err), &err);
  return raw;
}

static void announce(const aod_signer_t *signer, const char *url, const char *ttl) {
  newest = put(signer, tags_of("Data-Protocol", "ao", "Type", "Scheduler-Location", "Url", url,
                               "Time-To-Live", ttl, NULL));
}

static aod_item_t new_process(const char *scheduler) {
  return item_parse(
      put(wallet, tags_of("Data-Protocol", "ao", "Type", "Process", "Scheduler", scheduler, NULL)));
}

static void check_at(const uint8_t process[32], const char *expected) {
  const char *url;
  aod_error_t err;
  check_ok(aod_locate(locator, process, &arena, &url, &err), &err);
  assert_string_equal(url, expected);
}

static void check_not(const uint8_t process[32], int code, const char *text) {
  const char *url;
  aod_error_t err;
  check_fails(aod_locate(locator, process, &arena, &url, &err), code, &err, text);
}

/* ---- cases ---- */

static void a_process_is_where_its_wallet_says(void **state) {
  (void)state;
  const char *url;
  char slashes[80];
  snprintf(slashes, sizeof slashes, "%s//", here);
  announce(wallet, slashes, "3600000");
  aod_item_t process = new_process(wallet_text), another = new_process(wallet_text);
  assert_false(aod_locate_known(locator, process.id, &arena, &url));
  check_at(process.id, here);
  assert_true(aod_locate_known(locator, process.id, &arena, &url));
  assert_string_equal(url, here);
  check_at(process.id, here);
  check_at(another.id, here);
  assert_int_equal(queries, 1); /* one look for a wallet, one probe a process */
  assert_int_equal(probes, 2);
}

static void tag_names_are_read_in_any_case(void **state) {
  (void)state;
  newest =
      put(wallet, tags_of("Type", "Scheduler-Location", "url", here, "time-to-live", "1", NULL));
  check_at(new_process(wallet_text).id, here);
}

static void a_router_is_followed_to_the_origin_it_names(void **state) {
  (void)state;
  announce(wallet, here, "3600000");
  redirect = "http://127.0.0.1:9/deep/path?query=1";
  check_at(new_process(wallet_text).id, "http://127.0.0.1:9");
  redirect = "https://scheduler.example";
  check_at(new_process(wallet_text).id, "https://scheduler.example");
  redirect = "http://127.0.0.1:9?to=/deep";
  check_at(new_process(wallet_text).id, "http://127.0.0.1:9");
}

static void a_router_that_names_no_usable_url_is_not_followed(void **state) {
  (void)state;
  static char far_away[3000] = "http://";
  memset(far_away + 7, 'a', sizeof far_away - 8);
  announce(wallet, here, "3600000");
  redirect = far_away;
  check_not(new_process(wallet_text).id, AOD_EUNAVAILABLE, "a URL that is too long");
}

/* Anybody can send a message to the address of a scheduler's wallet. */
static void a_wallet_that_was_asked_for_as_a_process_is_found_as_a_wallet(void **state) {
  (void)state;
  uint8_t address[32];
  aod_signer_address(wallet, address);
  check_not(address, AOD_ENOTFOUND, "was not found on gateway");
  announce(wallet, here, "3600000");
  check_at(new_process(wallet_text).id, here);
}

static void a_location_counts_only_when_the_wallet_signed_it(void **state) {
  (void)state;
  aod_signer_t *stranger = wallet_quick();
  aod_item_t process = new_process(wallet_text);
  announce(stranger, here, "3600000");
  check_not(process.id, AOD_EUNAVAILABLE, "of somebody else");
  newest = put(wallet, tags_of("Type", "Message", "Url", here, "Time-To-Live", "1000", NULL));
  check_not(process.id, AOD_EUNAVAILABLE, "of somebody else");
  announce(wallet, here, "3600000");
  check_at(process.id, here);
  aod_signer_free(stranger);
}

static void what_is_no_location_is_refused(void **state) {
  (void)state;
  aod_item_t process = new_process(wallet_text);
  check_not(process.id, AOD_ENOTFOUND, "Could not find 'Scheduler-Location' owner by wallet");
  announce(wallet, "/", "3600000");
  check_not(process.id, AOD_EINPUT, "no usable Url and Time-To-Live");
  announce(wallet, here, "soon");
  check_not(process.id, AOD_EINPUT, "no usable Url and Time-To-Live");
  check_not(new_process("nobody").id, AOD_EINPUT, "names no scheduler");
  check_not(newest.ptr, AOD_ENOTFOUND, "was not found on gateway");
}

static void what_was_true_stays_while_nothing_newer_can_be_had(void **state) {
  (void)state;
  announce(wallet, here, "3600000");
  aod_item_t process = new_process(wallet_text);
  check_at(process.id, here);
  const char *url;
  query_failure = AOD_EUNAVAILABLE;
  aod_locate_doubt(locator, process.id);
  assert_false(aod_locate_known(locator, process.id, &arena, &url));
  check_at(process.id, here);
  assert_int_equal(queries, 2);
}

static void a_scheduler_that_moved_is_found_again(void **state) {
  (void)state;
  announce(wallet, "http://127.0.0.1:1", "3600000"); /* nobody is there */
  aod_item_t process = new_process(wallet_text);
  check_not(process.id, AOD_EUNAVAILABLE, "the scheduler did not answer");
  announce(wallet, here, "3600000");
  aod_locate_doubt(locator, process.id);
  check_at(process.id, here);
}

static void what_was_posted_need_not_be_looked_up(void **state) {
  (void)state;
  const char *url;
  aod_error_t err;
  announce(wallet, here, "3600000");
  aod_item_t process = item_parse(
      item_sign(wallet, &(aod_item_fields_t){.tags = tags_of("Scheduler", wallet_text, NULL)}));
  check_ok(aod_locate_wallet(locator, aod_text(wallet_text), &arena, &url, &err), &err);
  assert_string_equal(url, here);
  aod_locate_learn(locator, process.id, aod_text(wallet_text));
  check_at(process.id, here); /* which the gateway does not know */
  check_fails(aod_locate_wallet(locator, AOD_TEXT("x"), &arena, &url, &err), AOD_EINPUT, &err,
              "is not a wallet's address");
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
  const struct CMUnitTest tests[] = {
      CASE(a_process_is_where_its_wallet_says),
      CASE(tag_names_are_read_in_any_case),
      CASE(a_router_is_followed_to_the_origin_it_names),
      CASE(a_router_that_names_no_usable_url_is_not_followed),
      CASE(a_wallet_that_was_asked_for_as_a_process_is_found_as_a_wallet),
      CASE(a_location_counts_only_when_the_wallet_signed_it),
      CASE(what_is_no_location_is_refused),
      CASE(what_was_true_stays_while_nothing_newer_can_be_had),
      CASE(a_scheduler_that_moved_is_found_again),
      CASE(what_was_posted_need_not_be_looked_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
