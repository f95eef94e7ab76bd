/* That nobody waits for those who have much to do, and that their work does not fill the memory. */
#include "support/messenger.h"

#include "base/clock.h"
#include "base/latch.h"

enum { FLOOD = 600, HELD_MOST = 200 };

/* A result of many messages to `target`, all with the same data. */
static const char *flood_to(const uint8_t *target, int count, const char *data) {
  aod_buf_t body = {0};
  aod_buf_text(&body, "{\"Messages\":[");
  for (int i = 0; i < count; i++)
    aod_buf_printf(&body, "%s%s", i ? "," : "", message_to(target, data));
  aod_buf_text(&body, "],\"Spawns\":[],\"Assignments\":[]}");
  const char *copy = (const char *)aod_arena_copy(&items_arena, aod_buf_slice(&body)).ptr;
  aod_buf_free(&body);
  return copy;
}

static size_t index_of(const char *data) {
  for (size_t i = 0; i < fake->count; i++)
    if (!fake->records[i].is_assignment && aod_slice_is(fake_item(i).data, data)) return i;
  fail_msg("no record says %s", data);
  return 0;
}

static void use_quick_wallet(void) {
  close_mu();
  aod_signer_free(messenger);
  messenger = wallet_quick();
  open_mu(messenger);
}

static void who_waits_for_evaluation_does_not_fill_the_memory(void **state) {
  (void)state;
  use_quick_wallet();
  rule("begin", flood_to(pong.id, FLOOD, "stuck"));
  rule("hello", result_of(message_to(ping.id, "answer"), "", ""));
  fake_held_data = "stuck";
  tell("begin");
  fake_wait(3 + FLOOD); /* all are scheduled, though no evaluation has ended */
  assert_true(metric("ao_mu_held") < HELD_MOST);
  assert_true(fake_held_count < HELD_MOST);
  aod_item_t other = item_parse(process_item(user, "MODULE", "other"));
  fake_add(other.id, other.id, other.raw)->is_process = true;
  post(message_item(user, other.id, "hello"));
  fake_wait(3 + FLOOD + 3);
  index_of("answer");
  for (int i = 0; i < 100; i++) {
    fake_release();
    aod_mu_drain(mu, 100);
  }
  drain();
  assert_int_equal(metric("ao_mu_held"), 0);
  assert_int_equal(metric("ao_mu_cranked_total"), FLOOD + 3);
  assert_int_equal(outbox().count, 0);
}

static void clients_that_flood_a_slow_process_do_not_fill_the_memory(void **state) {
  (void)state;
  fake_held_data = "stuck";
  for (int i = 0; i < 300; i++) post(message_item(user, pong.id, "stuck"));
  assert_true(metric("ao_mu_held") < HELD_MOST);
  assert_true(metric("ao_mu_spilled_total") > 0);
  fake_release();
  drain();
  assert_int_equal(metric("ao_mu_cranked_total"), 300);
  assert_int_equal(outbox().count, 0);
}

/* ---- turns ---- */

typedef struct {
  aod_outbox_change_t change;
  aod_latch_t latch;
} storing_t;

static void stored(aod_outbox_change_t *change, int code, const aod_error_t *why) {
  aod_latch_end(&((storing_t *)change)->latch, code, why);
}

/* Put messages into the outbox, as if `lane` had emitted them in an earlier run. */
static void store_work(const uint8_t *lane, int count, const char *data) {
  aod_outbox_t *box;
  aod_outbox_entry_t *list = aod_arena_alloc(&items_arena, (size_t)count * sizeof *list);
  for (int i = 0; i < count; i++) {
    list[i] =
        (aod_outbox_entry_t){.kind = AOD_OUTBOX_ITEM, .raw = message_item(user, pong.id, data)};
    memcpy(list[i].id, item_parse(list[i].raw).id, 32);
    memcpy(list[i].process, pong.id, 32);
    memcpy(list[i].parent, lane, 32);
    memcpy(list[i].lane, lane, 32);
  }
  storing_t storing = {.change = {.add = {list, (size_t)count}, .done = stored},
                       .latch = AOD_LATCH(1)};
  check_ok(aod_outbox_open(&box, test_path(dir, "mu.db"), &err), &err);
  aod_outbox_submit(box, &storing.change);
  check_ok(aod_latch_wait(&storing.latch, &err), &err);
  aod_outbox_close(box);
}

static void a_little_work_does_not_wait_for_much(void **state) {
  (void)state;
  close_mu();
  store_work(ping.id, FLOOD, "much");
  store_work(pong.id, 3, "little");
  open_mu(messenger);
  drain();
  assert_int_equal(fake->count, 2 + FLOOD + 3);
  assert_true(index_of("little") < 2 + HELD_MOST);
  assert_int_equal(outbox().count, 0);
}

/* ---- pushing again ---- */

static void push(const aod_item_t *message, const uint8_t *process, const char *number) {
  call_post(&call, port,
            text("/push/%s/%s?process-id=%s", id_text(message->id), number, id_text(process)),
            "application/octet-stream", AOD_EMPTY);
}

static void a_message_of_a_result_is_pushed_again(void **state) {
  (void)state;
  rule("begin",
       result_of(text("%s,%s", message_to(pong.id, "one"), message_to(pong.id, "two")), "", ""));
  aod_item_t first = item_parse(message_item(user, ping.id, "begin"));
  fake_add(first.id, ping.id, first.raw); /* another messenger delivered it, and stopped there */
  push(&first, ping.id, "1");
  assert_int_equal(call.status, 202);
  assert_string_equal(
      (const char *)call.body.ptr,
      text("{\"message\":\"Processing Message Result\",\"id\":\"%s\"}", id_text(first.id)));
  drain();
  assert_int_equal(fake->count, 4);
  aod_item_t pushed = fake_item(3);
  check_text(pushed.data, "two");
  assert_true(aod_tags_has(&pushed.tags, "Pushed-For", id_text(first.id)));
  assert_true(aod_tags_has(&pushed.tags, "From-Process", id_text(ping.id)));
  assert_int_equal(outbox().count, 0);
}

static void what_cannot_be_pushed_is_refused(void **state) {
  (void)state;
  rule("begin", result_of("{\"Target\":\"x\",\"Tags\":[]}", "", ""));
  aod_item_t first = item_parse(message_item(user, ping.id, "begin"));
  aod_item_t unknown = item_parse(message_item(user, ping.id, "begin"));
  fake_add(first.id, ping.id, first.raw);
  static const struct {
    const char *number;
    int status;
    const char *says;
  } cases[] = {{"one", 400, "'number' parameter must be a valid number"},
               {"-1", 400, "'number' parameter must be a valid number"},
               {"1", 400, "Message number does not exist in the result."},
               {"0", 400, "Target"}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    push(&first, ping.id, cases[i].number);
    assert_int_equal(call.status, cases[i].status);
    check_contains((const char *)call.body.ptr, cases[i].says);
  }
  push(&unknown, ping.id, "0");
  assert_int_equal(call.status, 404);
  assert_int_equal(outbox().count, 0);
}

/* ---- looking after the outbox from outside ---- */

static void what_somebody_pushes_is_taken_by_the_running_messenger(void **state) {
  (void)state;
  rule("begin", result_of(message_to(pong.id, "x"), "", ""));
  fake->failing_post = 2;
  fake->failure = AOD_EINPUT;
  tell("begin");
  drain();
  assert_int_equal(fake->count, 3);
  aod_outbox_t *box; /* as the command line does beside a running node */
  aod_outbox_entries_t entries;
  check_ok(aod_outbox_open(&box, test_path(dir, "mu.db"), &err), &err);
  check_ok(aod_outbox_list(box, 0, 10, &items_arena, &entries, &err), &err);
  assert_true(entries.list[0].parked);
  int64_t soon_ms = aod_clock_wall_ms() + 200;
  check_ok(aod_outbox_push(box, entries.list[0].seq, soon_ms, &err), &err);
  aod_outbox_close(box);
  fake_wait(4);
  drain();
  assert_int_equal(outbox().count, 0);
}

#define MU_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      MU_TEST(who_waits_for_evaluation_does_not_fill_the_memory),
      MU_TEST(clients_that_flood_a_slow_process_do_not_fill_the_memory),
      MU_TEST(a_little_work_does_not_wait_for_much),
      MU_TEST(a_message_of_a_result_is_pushed_again),
      MU_TEST(what_cannot_be_pushed_is_refused),
      MU_TEST(what_somebody_pushes_is_taken_by_the_running_messenger),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
