#include "support/compute.h"

#include <sqlite3.h>

static int before_each(void **state) {
  (void)state;
  compute_setup();
  return 0;
}

static int after_each(void **state) {
  (void)state;
  compute_teardown();
  return 0;
}

static const uint8_t *counter(void) {
  return process_add(compute_module_id, (aod_tags_t){0});
}

/* ---- order ---- */

static void everything_before_a_message_is_evaluated_first(void **state) {
  (void)state;
  const uint8_t *process = counter();
  message_add(process, "c");
  message_add(process, "c");
  const uint8_t *last = message_add(process, "c");
  assert_string_equal(ask(process, last), counted(4)); /* the process item counts too */
}

static void older_results_stay_what_they_were(void **state) {
  (void)state;
  const uint8_t *process = counter(), *ids[5];
  for (int i = 0; i < 5; i++) ids[i] = message_add(process, "c");
  assert_string_equal(ask(process, ids[4]), counted(6));
  for (int i = 4; i >= 0; i--) assert_string_equal(ask(process, ids[i]), counted(i + 2));
  assert_string_equal(ask(process, process), counted(1)); /* the boot */
  assert_string_equal(ask(process, schedule[1].assignment_id), counted(2));
}

static void a_long_schedule_takes_many_turns(void **state) {
  (void)state;
  const uint8_t *process = counter(), *last = process;
  for (int i = 0; i < 300; i++) last = message_add(process, "c");
  assert_string_equal(ask(process, last), counted(301));
}

static void processes_do_not_see_each_other(void **state) {
  (void)state;
  const uint8_t *first = counter(), *second = counter(), *a = NULL, *b = NULL;
  for (int i = 0; i < 3; i++) a = message_add(first, "c"), b = message_add(second, "c");
  b = message_add(second, "c");
  assert_string_equal(ask(first, a), counted(4));
  assert_string_equal(ask(second, b), counted(5));
}

static void many_askers_get_what_one_gets(void **state) {
  (void)state;
  enum { MESSAGES = 20, ASKERS = 100 };
  static asking_t askings[ASKERS];
  const uint8_t *process = counter(), *ids[MESSAGES];
  for (int i = 0; i < MESSAGES; i++) ids[i] = message_add(process, "c");
  for (int i = 0; i < ASKERS; i++) asking_submit(&askings[i], process, ids[i * 7 % MESSAGES]);
  for (int i = 0; i < ASKERS; i++) {
    check_ok(asking_wait(&askings[i]), &askings[i].error);
    check_text(aod_buf_slice(&askings[i].call.body), counted(i * 7 % MESSAGES + 2));
    aod_buf_free(&askings[i].call.body);
  }
}

static void closing_answers_everybody(void **state) {
  (void)state;
  enum { ASKERS = 10 };
  static asking_t askings[ASKERS];
  const uint8_t *process = counter(), *last = process;
  for (int i = 0; i < 100; i++) last = message_add(process, "c");
  for (int i = 0; i < ASKERS; i++) asking_submit(&askings[i], process, last);
  cu_reopen();
  for (int i = 0; i < ASKERS; i++) {
    assert_true(askings[i].latch.left == 0);
    check_ok(asking_wait(&askings[i]), &askings[i].error);
    check_text(aod_buf_slice(&askings[i].call.body), counted(101));
    aod_buf_free(&askings[i].call.body);
  }
}

/* ---- failures of a message ---- */

static void a_failed_message_leaves_the_state_and_takes_its_place(void **state) {
  (void)state;
  static const struct {
    const char *data, *error;
  } cases[] = {{"e", "\"Error\":\"bad\"}"},
               {"n", "\"Error\":\"worse\"}"},
               {"t", "\"Error\":\"unreachable\"}"}};
  const uint8_t *process = counter();
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const uint8_t *bad = message_add(process, cases[i].data), *good = message_add(process, "c");
    check_contains(ask(process, bad), cases[i].error);
    assert_string_equal(ask(process, good), counted(2 + (int)i));
    check_contains(ask(process, bad), cases[i].error);
  }
}

static void an_endless_message_ends_at_the_compute_limit(void **state) {
  (void)state;
  const uint8_t *process =
      process_add(compute_module_id, tags_of("Compute-Limit", "1000000", NULL));
  const uint8_t *endless = message_add(process, "l"), *good = message_add(process, "c");
  check_contains(ask(process, endless), "\"Error\":\"");
  assert_string_equal(ask(process, good), counted(2));
}

/* Each message takes longer than a turn. */
static void a_unit_that_stops_does_not_evaluate_for_hours(void **state) {
  (void)state;
  const uint8_t *process =
      process_add(compute_module_id, tags_of("Compute-Limit", "200000000000", NULL));
  for (int i = 0; i < SCHEDULE_MAX - 2; i++) message_add(process, "l");
  const uint8_t *last = message_add(process, "c");
  asking_t asking;
  asking_submit(&asking, process, last);
  aod_cu_stop(cu);
  check_fails(asking_wait(&asking), AOD_ECLOSED, &asking.error, "ask again");
  aod_buf_free(&asking.call.body);
  cu_reopen();
}

/* ---- restarts ---- */

static void a_restart_changes_no_result(void **state) {
  (void)state;
  const uint8_t *process = counter();
  const uint8_t *first = message_add(process, "c"), *bad = message_add(process, "t");
  const char *before = ask(process, bad);
  cu_reopen();
  assert_string_equal(ask(process, bad), before);
  assert_string_equal(ask(process, first), counted(2));
  const uint8_t *next = message_add(process, "c"); /* evaluated on the state made again */
  assert_string_equal(ask(process, next), counted(3));
}

static void lost_results_are_computed_again(void **state) {
  (void)state;
  const uint8_t *process = counter(), *ids[3];
  for (int i = 0; i < 3; i++) ids[i] = message_add(process, "c");
  ask(process, ids[2]);
  aod_cu_close(cu);
  aod_dir_remove(compute_dir, NULL);
  aod_dir_create(compute_dir, NULL);
  cu_open();
  for (int i = 0; i < 3; i++) assert_string_equal(ask(process, ids[i]), counted(i + 2));
}

/* Run SQL on the results behind the unit's back. */
static void results_execute(const char *sql) {
  sqlite3 *sqlite;
  assert_int_equal(sqlite3_open(test_path(compute_dir, "cu.db"), &sqlite), SQLITE_OK);
  sqlite3_busy_timeout(sqlite, 10000); /* the unit writes too */
  assert_int_equal(sqlite3_exec(sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(sqlite);
}

static void a_result_that_could_not_be_stored_comes_after_a_restart(void **state) {
  (void)state;
  const uint8_t *process = counter(), *ids[3];
  for (int i = 0; i < 3; i++) ids[i] = message_add(process, "c");
  ask(process, process);
  results_execute("CREATE TRIGGER full BEFORE INSERT ON result WHEN NEW.nonce = 2"
                  " BEGIN SELECT RAISE(ABORT, 'disk is full'); END");
  assert_string_equal(ask(process, ids[1]), counted(3)); /* an answer needs no disk */
  assert_string_equal(ask(process, ids[2]), counted(4));
  results_execute("DROP TRIGGER full");
  cu_reopen();
  for (int i = 0; i < 3; i++) assert_string_equal(ask(process, ids[i]), counted(i + 2));
}

/* ---- messages as the process sees them ---- */

static void a_process_sees_its_message(void **state) {
  (void)state;
  const uint8_t *process = counter(), *message = message_add(process, "m");
  const char *body = ask(process, message);
  check_contains(body,
                 aod_arena_printf(&items_arena, "\"Output\":{\"Id\":\"%s\",", id_text(message)));
  check_contains(body, aod_arena_printf(&items_arena, "\"Target\":\"%s\"", id_text(process)));
  check_contains(body, "\"Epoch\":0,\"Nonce\":1,\"Timestamp\":1711676639010,"
                       "\"Block-Height\":1393008,");
  check_contains(body, "\"Cron\":false,\"Read-Only\":false}");
}

static void an_assigned_transaction_comes_from_arweave(void **state) {
  (void)state;
  const char *news = compute_publish(tags_of("a", "b", NULL), AOD_TEXT("m is for news"));
  const uint8_t *process = counter(), *other = counter();
  const scheduled_t *whole = assignment_add(process, id_of(news), "");
  const scheduled_t *part = assignment_add(other, id_of(news), "Tags");
  const char *body = ask(process, whole->assignment_id);
  check_contains(body, aod_arena_printf(&items_arena, "\"Output\":{\"Id\":\"%s\",", news));
  check_contains(body, "\"Data\":\"m is for news\",");
  check_contains(body, "\"Target\":\"\",");
  check_contains(body, "\"Tags\":[{\"name\":\"a\",\"value\":\"b\"}],");
  check_contains(ask(other, part->assignment_id), "\"Tags\":[],");
}

static void a_message_of_another_process_can_be_assigned(void **state) {
  (void)state;
  const uint8_t *first = counter(), *second = counter(), *message = message_add(first, "m");
  const scheduled_t *assigned = assignment_add(second, message, "");
  const char *body = ask(second, assigned->assignment_id);
  check_contains(body, aod_arena_printf(&items_arena, "\"Id\":\"%s\",", id_text(message)));
  check_contains(body, aod_arena_printf(&items_arena, "\"Target\":\"%s\"", id_text(first)));
}

static void an_assignment_itself_can_be_assigned(void **state) {
  (void)state;
  aod_error_t err;
  const uint8_t *first = counter(), *second = counter();
  message_add(first, "m");
  const scheduled_t *record = &schedule[schedule_count - 1];
  check_ok(gateway_upload(&compute_gateway, &record->assignment, 1, &err), &err);
  const scheduled_t *assigned = assignment_add(second, record->assignment_id, "");
  /* the assignment item has no data that says "m", so it counts */
  assert_string_equal(ask(second, assigned->assignment_id), counted(2));
}

/* ---- what cannot be evaluated ---- */

static void unknown_messages_are_not_found(void **state) {
  (void)state;
  uint8_t unknown[32] = {1};
  const uint8_t *process = counter();
  check_ask_fails(process, unknown, AOD_ENOTFOUND, "Message or Process not found");
  check_ask_fails(unknown, unknown, AOD_ENOTFOUND, id_text(unknown));
}

static void modules_that_do_not_run_are_named(void **state) {
  (void)state;
  static const char nowhere[] = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
  const uint8_t *lost = process_add(nowhere, (aod_tags_t){0});
  check_ask_fails(lost, lost, AOD_ENOTFOUND,
                  "Module "
                  "AQEB");
  const uint8_t *wrong = process_add("aos", (aod_tags_t){0});
  check_ask_fails(wrong, wrong, AOD_EINPUT, "Module tag \"aos\"");
  const char *page = compute_publish(compute_module_tags(), AOD_TEXT("<html>"));
  const uint8_t *html = process_add(page, (aod_tags_t){0});
  check_ask_fails(html, html, AOD_EINPUT, page);
  const char *bare = compute_publish(tags_of("a", "b", NULL), AOD_TEXT("x"));
  const uint8_t *untagged = process_add(bare, (aod_tags_t){0});
  check_ask_fails(untagged, untagged, AOD_EUNSUPPORTED, "Input-Encoding");
  const uint8_t *greedy = process_add(compute_module_id, tags_of("Memory-Limit", "2-gb", NULL));
  check_ask_fails(greedy, greedy, AOD_ELIMIT, "Memory-Limit");
}

static void a_module_that_comes_later_is_used_then(void **state) {
  (void)state;
  aod_error_t err;
  aod_item_fields_t fields = {
      .anchor = anchor_new(), .tags = compute_module_tags(), .data = compute_module()};
  aod_item_t module = item_make(compute_signer, &fields);
  const uint8_t *process = process_add(id_text(module.id), (aod_tags_t){0});
  check_ask_fails(process, process, AOD_ENOTFOUND, "was not found on gateway");
  check_ok(gateway_upload(&compute_gateway, &module.raw, 1, &err), &err);
  assert_string_equal(ask(process, process), counted(1));
}

static void a_schedule_with_a_gap_is_an_error(void **state) {
  (void)state;
  const uint8_t *process = counter();
  aod_item_t item = item_parse(message_item(compute_signer, process, "c"));
  schedule_add(process, 2, item.raw, item.id, "");
  check_ask_fails(process, item.id, AOD_EINTERNAL, "nonce 2 where 1 was expected");
  assert_string_equal(ask(process, process), counted(1));
}

#define CU_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      CU_TEST(everything_before_a_message_is_evaluated_first),
      CU_TEST(older_results_stay_what_they_were),
      CU_TEST(a_long_schedule_takes_many_turns),
      CU_TEST(processes_do_not_see_each_other),
      CU_TEST(many_askers_get_what_one_gets),
      CU_TEST(closing_answers_everybody),
      CU_TEST(a_unit_that_stops_does_not_evaluate_for_hours),
      CU_TEST(a_failed_message_leaves_the_state_and_takes_its_place),
      CU_TEST(an_endless_message_ends_at_the_compute_limit),
      CU_TEST(a_restart_changes_no_result),
      CU_TEST(lost_results_are_computed_again),
      CU_TEST(a_result_that_could_not_be_stored_comes_after_a_restart),
      CU_TEST(a_process_sees_its_message),
      CU_TEST(an_assigned_transaction_comes_from_arweave),
      CU_TEST(a_message_of_another_process_can_be_assigned),
      CU_TEST(an_assignment_itself_can_be_assigned),
      CU_TEST(unknown_messages_are_not_found),
      CU_TEST(modules_that_do_not_run_are_named),
      CU_TEST(a_module_that_comes_later_is_used_then),
      CU_TEST(a_schedule_with_a_gap_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
