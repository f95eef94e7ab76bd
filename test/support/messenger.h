/* A messenger between fake units, with two processes that are there from the beginning and rules
 * that say what their messages lead to. */
#ifndef AOD_TEST_SUPPORT_MESSENGER_H
#define AOD_TEST_SUPPORT_MESSENGER_H

#include "support/fake_units.h"
#include "support/http_call.h"
#include "support/posts.h"
#include "support/serve.h"

#include "mu/mu.h"
#include "store/outbox.h"

#define ANCHOR "00000000000000000000000000000042"
#define WALLET "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"

static aod_signer_t *user, *messenger;
static char *dir;
static aod_mu_t *mu;
static aod_server_t *server;
static int port;
static call_t call;
static aod_error_t err;

/* Two processes that are there from the beginning, and what their messages lead to. */
static aod_item_t ping, pong;
static fake_rule_t rules[10];
static size_t rule_count;

/* ---- the unit under test ---- */

static inline void open_mu(const aod_signer_t *signer) {
  aod_mu_options_t options = {.outbox_path = test_path(dir, "mu.db"),
                              .signer = signer,
                              .scheduler = &fake_scheduler,
                              .computer = &fake_computer,
                              .gateway = &fake_gateway,
                              .push = true,
                              .metrics = true};
  aod_server_options_t server_options = {.name = "mu", .threads = 1, .routes = aod_mu_routes};
  fake_pool = aod_pool_open("fake", 2);
  check_ok(aod_mu_open(&mu, &options, &err), &err);
  server_options.unit = mu;
  port = 0;
  server = serve(server_options, &port);
}

static inline void close_mu(void) {
  if (!mu) return;
  aod_server_drain(server, 1000);
  aod_mu_stop(mu);
  aod_server_close(server);
  aod_pool_close(fake_pool);
  aod_mu_close(mu);
  call_free(&call);
  mu = NULL;
}

/* ---- each test ---- */

static inline void rule(const char *data, const char *body) {
  rules[rule_count++] = (fake_rule_t){data, body};
}

static inline int before_each(void **state) {
  (void)state;
  user = wallet_quick();
  messenger = wallet_open(0);
  dir = test_dir_make();
  memset(rules, 0, sizeof rules);
  rule_count = 0;
  fake_open(rules);
  ping = item_parse(process_item(user, "MODULE", "ping"));
  pong = item_parse(process_item(user, "MODULE", "pong"));
  fake_add(ping.id, ping.id, ping.raw)->is_process = true;
  fake_add(pong.id, pong.id, pong.raw)->is_process = true;
  open_mu(messenger);
  return 0;
}

static inline int after_each(void **state) {
  (void)state;
  close_mu();
  fake_close();
  items_free();
  test_dir_remove(dir);
  aod_signer_free(user);
  aod_signer_free(messenger);
  return 0;
}

static inline const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *text(const char *format, ...) {
  va_list args;
  char *out = aod_arena_alloc(&items_arena, 4096);
  va_start(args, format);
  vsnprintf(out, 4096, format, args);
  va_end(args);
  return out;
}

static inline const char *result_of(const char *messages, const char *spawns,
                                    const char *assignments) {
  return text("{\"Messages\":[%s],\"Spawns\":[%s],\"Assignments\":[%s],\"Output\":\"\"}", messages,
              spawns, assignments);
}

static inline const char *message_to(const uint8_t *target, const char *data) {
  return text("{\"Target\":\"%s\",\"Anchor\":\"%.32s\",\"Data\":\"%s\","
              "\"Tags\":[{\"name\":\"Action\",\"value\":\"Go\"}]}",
              id_text(target), (const char *)anchor_new().ptr, data);
}

static inline aod_item_t post(aod_slice_t raw) {
  call_post(&call, port, "/", "application/octet-stream", raw);
  return item_parse(raw);
}

static inline aod_item_t tell(const char *data) {
  aod_item_t item = post(message_item(user, ping.id, data));
  assert_int_equal(call.status, 202);
  return item;
}

static inline void drain(void) {
  aod_mu_drain(mu, 30000);
}

/* Close, look into the outbox, leave it closed. */
static inline aod_outbox_entries_t outbox(void) {
  aod_outbox_t *box;
  aod_outbox_entries_t entries;
  close_mu();
  check_ok(aod_outbox_open(&box, test_path(dir, "mu.db"), &err), &err);
  check_ok(aod_outbox_list(box, 0, 1000, &items_arena, &entries, &err), &err);
  aod_outbox_close(box);
  return entries;
}

/* What GET /metrics says of one name. */
static inline unsigned long metric(const char *name) {
  call_get(&call, port, "/metrics");
  assert_int_equal(call.status, 200);
  const char *line = strstr((const char *)call.body.ptr, text("\n%s ", name));
  if (!line) fail_msg("there is no metric %s", name);
  return strtoul(line + strlen(name) + 2, NULL, 10);
}

static inline const char *messenger_address(void) {
  uint8_t address[32];
  aod_signer_address(messenger, address);
  return id_text(address);
}

#endif
