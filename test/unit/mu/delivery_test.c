/* What a messenger carries on, and that neither failures nor crashes lose or double any of it. */
#include "support/messenger.h"

#include <sys/wait.h>

/* ---- what clients send ---- */

static void an_item_is_scheduled_before_it_is_answered(void **state) {
  (void)state;
  aod_item_t item = post(message_item(user, ping.id, "x"));
  assert_int_equal(call.status, 202);
  assert_string_equal(
      (const char *)call.body.ptr,
      text("{\"message\":\"Processing DataItem\",\"id\":\"%s\"}", id_text(item.id)));
  assert_int_equal(fake->count, 3);
  check_bytes(fake_item(2).raw, item.raw);
  drain();
  assert_int_equal(outbox().count, 0);
}

static void what_the_scheduler_refuses_is_answered_and_forgotten(void **state) {
  (void)state;
  uint8_t nobody[32] = {7};
  post(message_item(user, nobody, "x"));
  assert_int_equal(call.status, 404);
  check_contains((const char *)call.body.ptr,
                 text("TransactionNotFound: Process %s was not found", id_text(nobody)));
  fake->failing_post = 2;
  fake->failure = AOD_EINPUT;
  post(message_item(user, ping.id, "y"));
  assert_int_equal(call.status, 400);
  check_contains((const char *)call.body.ptr, "the scheduler cannot");
  fake->failing_post = 3;
  fake->failure = AOD_EUNAVAILABLE;
  post(message_item(user, ping.id, "z"));
  assert_int_equal(call.status, 503);
  drain();
  assert_int_equal(outbox().count, 0);
  assert_int_equal(fake->count, 2);
}

static void what_the_scheduler_may_have_taken_is_carried_on(void **state) {
  (void)state;
  rule("begin", result_of(message_to(pong.id, "x"), "", ""));
  fake->failing_post = 1;
  fake->failure = AOD_EUNAVAILABLE;
  fake->answer_lost = true;
  aod_slice_t raw = message_item(user, ping.id, "begin");
  post(raw);
  assert_int_equal(call.status, 503);
  assert_int_equal(fake->count, 3);
  post(raw);
  assert_int_equal(call.status, 400);
  check_contains((const char *)call.body.ptr, "has this item already and carries it on");
  fake_wait(4); /* what it emitted */
  drain();
  assert_int_equal(fake->count, 4);
  assert_int_equal(outbox().count, 0);
}

static void an_item_sent_again_is_refused(void **state) {
  (void)state;
  aod_slice_t raw = message_item(user, ping.id, "x");
  post(raw);
  drain();
  post(raw);
  assert_int_equal(call.status, 400);
  drain();
  assert_int_equal(fake->count, 3);
  assert_int_equal(outbox().count, 0);
}

static void an_item_still_on_its_way_is_not_taken_twice(void **state) {
  (void)state;
  aod_slice_t raw = message_item(user, ping.id, "x");
  fake->failing_result = 1; /* so that it waits in the outbox */
  fake->failure = AOD_EUNAVAILABLE;
  post(raw);
  drain();
  post(raw);
  assert_int_equal(call.status, 400);
  assert_string_equal((const char *)call.body.ptr,
                      "{\"error\":\"the messenger has this item already and carries it on\"}");
  assert_int_equal(outbox().count, 1);
}

static void a_clients_assignment_is_answered_with_its_id(void **state) {
  (void)state;
  call_post(&call, port,
            text("/?process-id=%s&assign=" WALLET "&exclude=Data,Tags", id_text(ping.id)),
            "application/octet-stream", AOD_EMPTY);
  assert_int_equal(call.status, 202);
  assert_int_equal(fake->count, 3);
  assert_true(fake->records[2].is_assignment);
  check_text(aod_slice(fake->records[2].raw, fake->records[2].len), "Data,Tags");
  assert_string_equal(
      (const char *)call.body.ptr,
      text("{\"message\":\"Processing Assignment\",\"id\":\"%s\"}", id_text(fake->records[2].id)));
}

/* ---- messages ---- */

static void an_emitted_message_is_signed_and_delivered(void **state) {
  (void)state;
  rule("begin", result_of(text("{\"Target\":\"%s\",\"Anchor\":\"" ANCHOR "\",\"Data\":\"hello\","
                               "\"Tags\":[{\"name\":\"Action\",\"value\":\"Go\"}]}",
                               id_text(pong.id)),
                          "", ""));
  aod_item_t first = tell("begin");
  drain();
  assert_int_equal(fake->count, 4);
  aod_item_t item = fake_item(3);
  check_text(tags_text(&item.tags),
             text("Action=Go Data-Protocol=ao Type=Message Variant=ao.TN.1 From-Process=%s"
                  " From-Module=MODULE Pushed-For=%s",
                  id_text(ping.id), id_text(first.id)));
  check_bytes(item.target, aod_slice(pong.id, 32));
  check_text(item.anchor, ANCHOR);
  check_text(item.data, "hello");
  assert_string_equal(id_text(item.address), messenger_address());
  assert_int_equal(outbox().count, 0);
}

static void a_chain_remembers_its_beginning(void **state) {
  (void)state;
  rule("one", result_of(message_to(pong.id, "two"), "", ""));
  rule("two", result_of(message_to(ping.id, "three"), "", ""));
  rule("three", result_of(message_to(pong.id, "four"), "", ""));
  aod_item_t first = tell("one");
  drain();
  assert_int_equal(fake->count, 6);
  for (size_t i = 3; i < 6; i++) {
    aod_item_t item = fake_item(i);
    assert_true(aod_tags_has(&item.tags, "Pushed-For", id_text(first.id)));
    assert_true(aod_tags_has(&item.tags, "From-Process", id_text(i == 4 ? pong.id : ping.id)));
  }
}

static void many_messages_of_one_result_all_arrive(void **state) {
  (void)state;
  enum { MANY = 100 };
  aod_buf_t messages = {0};
  for (int i = 0; i < MANY; i++)
    aod_buf_printf(&messages, "%s%s", i ? "," : "", message_to(pong.id, "x"));
  aod_buf_t body = {0};
  aod_buf_printf(&body, "{\"Messages\":[%.*s],\"Spawns\":[],\"Assignments\":[]}",
                 AOD_ARG(aod_buf_slice(&messages)));
  aod_buf_terminate(&body);
  rule("begin", (const char *)body.ptr);
  tell("begin");
  drain();
  assert_int_equal(fake->count, 3 + MANY);
  assert_int_equal(outbox().count, 0);
  aod_buf_free(&messages);
  aod_buf_free(&body);
}

static void a_message_to_a_wallet_is_kept_on_arweave(void **state) {
  (void)state;
  rule("begin", result_of(message_to(id_of(WALLET), "begin"), "", ""));
  tell("begin");
  drain();
  assert_int_equal(fake->count, 4);
  assert_true(fake->records[3].is_upload);
  check_bytes(fake_item(3).target, aod_slice(id_of(WALLET), 32));
  assert_int_equal(outbox().count, 0);
}

static void the_same_message_twice_in_one_result_is_delivered_once(void **state) {
  (void)state;
  /* wallets of this kind give the same content the same id */
  aod_signer_t *quick = wallet_quick();
  close_mu();
  open_mu(quick);
  const char *same = message_to(pong.id, "same");
  rule("begin", result_of(text("%s,%s,%s", same, same, message_to(pong.id, "other")), "", ""));
  tell("begin");
  drain();
  assert_int_equal(fake->count, 5);
  assert_int_equal(outbox().count, 0);
  aod_signer_free(quick);
}

/* ---- spawns and assignments ---- */

#define SPAWN                                                                                      \
  "{\"Data\":\"child\",\"Anchor\":\"" ANCHOR "\",\"Tags\":[{\"name\":\"Module\",\"value\":\"M\"}," \
  "{\"name\":\"Reference\",\"value\":\"9\"}]}"

static void a_spawn_makes_a_process_boots_it_and_tells_the_parent(void **state) {
  (void)state;
  rule("begin", result_of("", SPAWN, ""));
  rule("child", result_of(message_to(pong.id, "I am"), "", ""));
  aod_item_t first = tell("begin");
  drain();
  assert_int_equal(fake->count, 6);
  aod_item_t child = fake_item(3), said = fake_item(4), told = fake_item(5);
  if (aod_slice_is(told.data, "I am")) said = fake_item(5), told = fake_item(4);
  check_text(tags_text(&child.tags),
             text("Module=M Reference=9 Data-Protocol=ao Type=Process Variant=ao.TN.1"
                  " From-Process=%s Pushed-For=%s Scheduler=SCHEDULER",
                  id_text(ping.id), id_text(first.id)));
  assert_int_equal(child.target.len, 0);
  check_bytes(told.target, aod_slice(ping.id, 32));
  check_text(tags_text(&told.tags),
             text("Module=M Reference=9 Data-Protocol=ao Type=Message Process=%s Action=Spawned"
                  " Variant=ao.TN.1",
                  id_text(child.id)));
  check_text(said.data, "I am");
  assert_true(aod_tags_has(&said.tags, "From-Process", id_text(child.id)));
  assert_true(aod_tags_has(&said.tags, "Pushed-For", id_text(first.id)));
  assert_int_equal(outbox().count, 0);
}

static void a_clients_process_is_booted_and_assigned_to_its_target(void **state) {
  (void)state;
  rule("child", result_of(message_to(pong.id, "I am"), "", ""));
  aod_item_fields_t fields = {.target = aod_slice(ping.id, 32),
                              .data = AOD_TEXT("child"),
                              .tags = tags_of("Data-Protocol", "ao", "Type", "Process", "Module",
                                              "M", "Scheduler", "S", NULL)};
  aod_item_t child = post(item_sign(user, &fields));
  assert_int_equal(call.status, 202);
  drain();
  assert_int_equal(fake->count, 5);
  bool assigned = false, said = false;
  for (size_t i = 3; i < 5; i++) {
    const fake_record_t *record = &fake->records[i];
    if (record->is_assignment) {
      assigned = true;
      check_id(record->assigned, child.id);
      check_id(record->process, ping.id);
    } else {
      aod_item_t item = fake_item(i);
      said = aod_slice_is(item.data, "I am");
    }
  }
  assert_true(assigned && said);
}

static void an_assignment_goes_to_every_process_named(void **state) {
  (void)state;
  rule("begin", result_of("", "",
                          text("{\"Message\":\"" WALLET "\",\"Processes\":[\"%s\",\"%s\"]}",
                               id_text(ping.id), id_text(pong.id))));
  tell("begin");
  drain();
  assert_int_equal(fake->count, 5);
  for (size_t i = 3; i < 5; i++) check_id(fake->records[i].assigned, id_of(WALLET));
  assert_memory_not_equal(fake->records[3].process, fake->records[4].process, 32);
  assert_int_equal(outbox().count, 0);
}

/* ---- entries that cannot be sent ---- */

static void a_bad_entry_is_kept_with_its_reason_and_the_others_go_on(void **state) {
  (void)state;
  rule("begin",
       result_of(text("{\"Target\":\"%s\",\"Tags\":[{\"name\":\"Quantity\",\"value\":5}]},%s,"
                      "{\"Target\":\"0x1\",\"Tags\":[]},5",
                      id_text(pong.id), message_to(pong.id, "good")),
                 "{\"Tags\":[]}", "{\"Message\":\"x\"}"));
  tell("begin");
  drain();
  assert_int_equal(fake->count, 4);
  check_text(fake_item(3).data, "good");
  static const char *const reasons[] = {"element 0", "Target \"0x1\"", "'Tags'", "Module",
                                        "Message id"};
  aod_outbox_entries_t entries = outbox();
  assert_int_equal(entries.count, COUNT_OF(reasons));
  for (size_t i = 0; i < entries.count; i++) {
    assert_int_equal(entries.list[i].kind, AOD_OUTBOX_INVALID);
    assert_true(entries.list[i].parked);
    check_contains((const char *)entries.list[i].reason.ptr, reasons[i]);
  }
  check_contains((const char *)entries.list[0].text.ptr, "\"Quantity\",\"value\":5");
  open_mu(messenger); /* nor does a restart lose or send them */
  drain();
  assert_int_equal(outbox().count, COUNT_OF(reasons));
  assert_int_equal(fake->count, 4);
}

static void a_refused_message_stays_with_its_reason(void **state) {
  (void)state;
  rule("begin", result_of(message_to(pong.id, "x"), "", ""));
  fake->failing_post = 2;
  fake->failure = AOD_EINPUT;
  tell("begin");
  drain();
  for (int i = 0; i < 2; i++) {
    aod_outbox_entries_t entries = outbox();
    assert_int_equal(entries.count, 1);
    assert_int_equal(entries.list[0].kind, AOD_OUTBOX_ITEM);
    assert_true(entries.list[0].parked);
    assert_int_equal(entries.list[0].attempts, 1);
    check_text(entries.list[0].reason, "the scheduler cannot");
    open_mu(messenger);
    drain();
  }
  assert_int_equal(fake->count, 3);
}

static void what_another_item_has_said_already_leads_to_nothing(void **state) {
  (void)state;
  rule("begin", result_of(message_to(pong.id, "x"), "", ""));
  rule("x", result_of(message_to(pong.id, "y"), "", ""));
  fake->failing_post = 2; /* "x" is there already, under the id of "begin" */
  fake->failure = AOD_EEXISTS;
  tell("begin");
  drain();
  assert_int_equal(fake->count, 3);
  assert_int_equal(fake->results, 1);
  assert_int_equal(outbox().count, 0);
}

static void a_result_that_is_no_json_is_parked(void **state) {
  (void)state;
  rule("begin", "{\"Messages\":[");
  tell("begin");
  drain();
  aod_outbox_entries_t entries = outbox();
  assert_int_equal(entries.count, 1);
  assert_true(entries.list[0].parked);
  check_contains((const char *)entries.list[0].reason.ptr, "invalid JSON");
}

/* ---- passing failures ---- */

static void a_scheduler_that_is_away_gets_the_message_later_once(void **state) {
  (void)state;
  rule("begin", result_of(message_to(pong.id, "x"), "", ""));
  fake->failing_post = 2;
  fake->failure = AOD_EUNAVAILABLE;
  tell("begin");
  fake_wait(4);
  drain();
  assert_int_equal(fake->posts, 3);
  assert_int_equal(fake->count, 4);
  assert_int_equal(outbox().count, 0);
}

static void a_scheduler_that_does_not_find_a_transaction_yet_assigns_it_later(void **state) {
  (void)state;
  rule("begin",
       result_of("", "",
                 text("{\"Message\":\"" WALLET "\",\"Processes\":[\"%s\"]}", id_text(pong.id))));
  fake->failing_post = 2;
  fake->failure = AOD_ENOTFOUND;
  tell("begin");
  fake_wait(4);
  drain();
  assert_true(fake->records[3].is_assignment);
  assert_int_equal(outbox().count, 0);
}

static void check_asked_again_after(int failure) {
  rule("begin", result_of(message_to(pong.id, "x"), "", ""));
  fake->failing_result = 1;
  fake->failure = failure;
  tell("begin");
  fake_wait(4);
  drain();
  assert_int_equal(outbox().count, 0);
}

static void a_compute_unit_that_is_away_is_asked_again(void **state) {
  (void)state;
  check_asked_again_after(AOD_EUNAVAILABLE);
}

/* It asks another scheduler, or a gateway, that does not know yet what ours has acknowledged. */
static void a_compute_unit_that_is_behind_is_asked_again(void **state) {
  (void)state;
  check_asked_again_after(AOD_ENOTFOUND);
}

static void what_waits_for_a_later_try_survives_a_restart(void **state) {
  (void)state;
  rule("begin", result_of(message_to(pong.id, "x"), "", ""));
  fake->failing_result = 1;
  fake->failure = AOD_EUNAVAILABLE;
  aod_item_t first = tell("begin");
  drain();
  close_mu();
  assert_int_equal(fake->count, 3);
  open_mu(messenger);
  drain();
  assert_int_equal(fake->count, 4);
  aod_item_t item = fake_item(3);
  assert_true(aod_tags_has(&item.tags, "Pushed-For", id_text(first.id)));
  assert_int_equal(outbox().count, 0);
}

static void stopping_amid_a_storm_loses_nothing(void **state) {
  (void)state;
  /* every message makes two, down to the last rule: 1 + 2 + 4 + 8 + 16 */
  static const char *const names[] = {"a", "b", "c", "d", "e"};
  for (int i = 0; i < 4; i++)
    rule(names[i], result_of(text("%s,%s", message_to(i % 2 ? ping.id : pong.id, names[i + 1]),
                                  message_to(i % 2 ? ping.id : pong.id, names[i + 1])),
                             "", ""));
  tell("a");
  for (int i = 0; i < 8; i++) {
    close_mu();
    open_mu(messenger);
  }
  drain();
  assert_int_equal(outbox().count, 0);
  assert_int_equal(fake->count, 2 + 31);
}

/* ---- crashes ---- */

/* One message whose result has an entry of every kind. */
static void set_crash_rules(void) {
  rule("begin",
       result_of(
           text("%s,%s,{\"Tags\":5}", message_to(pong.id, "x"), message_to(id_of(WALLET), "x")),
           SPAWN, text("{\"Message\":\"" WALLET "\",\"Processes\":[\"%s\"]}", id_text(pong.id))));
  rule("child", result_of(message_to(pong.id, "I am"), "", ""));
}

/* In a child process: a messenger that takes up the outbox, gets `raw` if there is one, and is
 * killed at a step of the units around it or comes to the end. */
static _Noreturn void run_messenger(aod_slice_t raw) {
  open_mu(messenger);
  if (raw.len) post(raw);
  drain();
  close_mu();
  _exit(0);
}

/* True when the process came to its end. */
static bool run_to(int kill_at, aod_slice_t raw) {
  int status = 0;
  fake->steps = 0;
  fake->kill_at = kill_at;
  pid_t child = fork();
  if (child == 0) run_messenger(raw);
  waitpid(child, &status, 0);
  fake_locks_init();
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A message to a process, to a wallet, a spawn, word of it, its boot's message, an assignment. */
enum { CRASH_RECORDS = 3 + 6 };

static void check_all_delivered(int kill_at) {
  size_t uploads = 0, assignments = 0, processes = 0;
  if (fake->count != CRASH_RECORDS) fail_msg("killed at %d: %zu records", kill_at, fake->count);
  for (size_t i = 2; i < fake->count; i++) {
    uploads += fake->records[i].is_upload;
    assignments += fake->records[i].is_assignment;
    processes += fake->records[i].is_process;
  }
  assert_int_equal(uploads, 1);
  assert_int_equal(assignments, 1);
  assert_int_equal(processes, 1);
  aod_outbox_entries_t entries = outbox();
  assert_int_equal(entries.count, 1);
  assert_int_equal(entries.list[0].kind, AOD_OUTBOX_INVALID);
}

static void a_crash_at_any_step_neither_loses_nor_doubles_anything(void **state) {
  (void)state;
  close_mu(); /* no thread of ours may live when we fork */
  set_crash_rules();
  aod_slice_t raw = message_item(user, ping.id, "begin");
  bool complete = false;
  int kill_at = 1;
  for (; !complete; kill_at++) {
    assert_true(kill_at < 100);
    fake->count = 2;
    aod_dir_remove(dir, NULL);
    aod_dir_create(dir, NULL);
    complete = run_to(kill_at, raw);
    if (!complete) run_to(kill_at + 1, AOD_EMPTY); /* and once more on the way */
    assert_true(run_to(0, AOD_EMPTY));
    check_all_delivered(kill_at);
  }
  assert_true(kill_at > 15); /* there are that many steps */
}

#define MU_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      MU_TEST(a_crash_at_any_step_neither_loses_nor_doubles_anything),
      MU_TEST(an_item_is_scheduled_before_it_is_answered),
      MU_TEST(what_the_scheduler_refuses_is_answered_and_forgotten),
      MU_TEST(what_the_scheduler_may_have_taken_is_carried_on),
      MU_TEST(an_item_sent_again_is_refused),
      MU_TEST(an_item_still_on_its_way_is_not_taken_twice),
      MU_TEST(a_clients_assignment_is_answered_with_its_id),
      MU_TEST(an_emitted_message_is_signed_and_delivered),
      MU_TEST(a_chain_remembers_its_beginning),
      MU_TEST(many_messages_of_one_result_all_arrive),
      MU_TEST(a_message_to_a_wallet_is_kept_on_arweave),
      MU_TEST(the_same_message_twice_in_one_result_is_delivered_once),
      MU_TEST(a_spawn_makes_a_process_boots_it_and_tells_the_parent),
      MU_TEST(a_clients_process_is_booted_and_assigned_to_its_target),
      MU_TEST(an_assignment_goes_to_every_process_named),
      MU_TEST(a_bad_entry_is_kept_with_its_reason_and_the_others_go_on),
      MU_TEST(a_refused_message_stays_with_its_reason),
      MU_TEST(what_another_item_has_said_already_leads_to_nothing),
      MU_TEST(a_result_that_is_no_json_is_parked),
      MU_TEST(a_scheduler_that_is_away_gets_the_message_later_once),
      MU_TEST(a_scheduler_that_does_not_find_a_transaction_yet_assigns_it_later),
      MU_TEST(a_compute_unit_that_is_away_is_asked_again),
      MU_TEST(a_compute_unit_that_is_behind_is_asked_again),
      MU_TEST(what_waits_for_a_later_try_survives_a_restart),
      MU_TEST(stopping_amid_a_storm_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
