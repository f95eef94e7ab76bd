/* The stream of a process: records and cron messages in one order that does not depend on who asks
 * when, on restarts, or on results that were lost; and what is not evaluated at all. */
#include "support/stream.h"

static char *dir;
static int database; /* each unit has its own, unless it is a restart */

static int open_vm(void **state) {
  (void)state;
  dir = test_dir_make();
  stream_open_vm(test_path(dir, "cache"));
  return 0;
}

static int close_vm(void **state) {
  (void)state;
  aod_vm_close(stream_vm);
  test_dir_remove(dir);
  return 0;
}

static int after_each(void **state) {
  (void)state;
  if (stream_cu) stream_close_cu();
  stream_deinit();
  stream_scheduler.find = stream_find;
  stream_access = (aod_cu_access_t){0};
  return 0;
}

static void restart(void) {
  char name[20];
  if (stream_cu) stream_close_cu();
  snprintf(name, sizeof name, "cu-%d.db", database);
  stream_open_cu(test_path(dir, name));
}

/* A unit that has no results yet. */
static void start_new(void) {
  database++;
  restart();
}

static aod_tags_t no_tags(void) {
  return tags_of(NULL, NULL);
}

static aod_tags_t two_crons(void) {
  return tags_of("Cron-Interval", "1-second", "Cron-Tag-Action", "Tick", "Cron-Interval",
                 "2-blocks", "Cron-Tag-Action", "Block", NULL);
}

/* Twenty seconds with records and blocks, some of them at unlucky times. */
static void make_history(void) {
  static const int64_t records_ms[] = {1,    999,  1000, 1001, 1749, 1750,  1751,
                                       3600, 3601, 7000, 7250, 8249, 12000, 19999};
  static const int64_t blocks_ms[] = {100,  700,  750,  1200, 1749, 1750, 2000,
                                      2001, 2002, 5000, 7250, 7300, 9999, 15000};
  stream_add_process();
  for (size_t i = 0; i < COUNT_OF(blocks_ms); i++) stream_add_block(STREAM_START_MS + blocks_ms[i]);
  for (size_t i = 0; i < COUNT_OF(records_ms); i++)
    stream_add_message(i % 5 == 3 ? "fail!" : "x", no_tags(), STREAM_START_MS + records_ms[i]);
}

enum { HISTORY_MS = 21000 };

static const uint8_t *record_id(size_t nonce) {
  return stream.records[nonce].assignment.id;
}

static size_t count_text(const char *text, const char *part) {
  size_t count = 0;
  for (; (text = strstr(text, part)); text += strlen(part)) count++;
  return count;
}

/* ---- the same for all ---- */

static const char *evaluate_at_once(void) {
  start_new();
  stream_go_to(STREAM_START_MS + HISTORY_MS);
  assert_non_null(ask_cron());
  return ask_results();
}

static void ask_something(unsigned *seed) {
  size_t visible = stream_visible();
  switch (rand_r(seed) % 7) {
  case 0:
    assert_non_null(ask_cron());
    break;
  case 1:
    assert_non_null(ask_result(record_id((size_t)rand_r(seed) % visible)));
    break;
  case 2:
    assert_non_null(ask_dry(NULL));
    break;
  case 3:
    assert_non_null(ask_dry(record_id((size_t)rand_r(seed) % visible)));
    break;
  case 4:
    restart();
    break;
  case 5:
    stream_crowd_out();
    break;
  default:
    ask_results();
  }
}

static void whoever_asks_gets_the_same(void **state) {
  (void)state;
  stream_init(two_crons());
  make_history();
  const char *expected = evaluate_at_once();
  /* 20 seconds of one cron, 14 blocks of the other, 15 records of which 3 fail */
  assert_int_equal(count_text(expected, "\"node\""), 20 + 7 + 15 - 3);
  for (unsigned seed = 1; seed <= 25; seed++) {
    unsigned random = seed;
    start_new();
    for (int64_t at_ms = 1; at_ms < HISTORY_MS; at_ms += rand_r(&random) % (seed * 100)) {
      stream_go_to(STREAM_START_MS + at_ms);
      ask_something(&random);
    }
    stream_go_to(STREAM_START_MS + HISTORY_MS);
    assert_non_null(ask_cron());
    const char *got = ask_results();
    if (strcmp(got, expected) != 0) fail_msg("seed %u:\n%s\n%s", seed, got, expected);
  }
}

static void a_record_that_comes_late_takes_the_process_back(void **state) {
  (void)state;
  stream_init(two_crons());
  make_history();
  const char *expected = evaluate_at_once();
  for (size_t hidden = 1; hidden < 8; hidden++) {
    start_new();
    stream.hidden = hidden;
    stream_go_to(STREAM_START_MS + HISTORY_MS);
    assert_non_null(ask_cron());
    if (hidden % 2) restart();
    stream.hidden = 0;
    assert_non_null(ask_result(record_id(stream.record_count - 1)));
    assert_non_null(ask_cron());
    const char *got = ask_results();
    if (strcmp(got, expected) != 0) fail_msg("%zu late:\n%s\n%s", hidden, got, expected);
  }
}

static void dry_runs_see_the_state_after_a_message(void **state) {
  (void)state;
  stream_init(two_crons());
  make_history();
  const char *expected[STREAM_RECORDS_MAX];
  start_new();
  stream_go_to(STREAM_START_MS + HISTORY_MS);
  for (size_t i = 0; i < stream.record_count; i++) {
    expected[i] = ask_dry(record_id(i)); /* the process is not beyond it yet */
    assert_non_null(expected[i]);
  }
  assert_non_null(ask_cron());
  const char *results = ask_results();
  for (size_t i = stream.record_count; i-- > 0;)
    assert_string_equal(ask_dry(record_id(i)), expected[i]);
  assert_string_not_equal(expected[1], expected[2]);
  assert_string_equal(ask_results(), results);
}

/* U11: where the reference answers 425. */
static void lost_results_are_made_again(void **state) {
  (void)state;
  stream_init(two_crons());
  make_history();
  const char *expected[STREAM_RECORDS_MAX];
  const char *results = evaluate_at_once();
  for (size_t i = 0; i < stream.record_count; i++) expected[i] = ask_result(record_id(i));
  aod_results_truncate(stream_cu->results, stream.process.id, 3);
  aod_results_flush(stream_cu->results);
  assert_string_not_equal(ask_results(), results);
  for (size_t i = 0; i < stream.record_count; i++)
    assert_string_equal(ask_result(record_id(i)), expected[i]);
  restart();
  assert_non_null(ask_cron());
  assert_string_equal(ask_results(), results);
}

static void many_ask_at_once(void **state) {
  (void)state;
  stream_init(two_crons());
  make_history();
  stream_go_to(STREAM_START_MS + HISTORY_MS);
  const char *expected = evaluate_at_once();
  start_new();
  enum { CALLS = 50 };
  aod_result_call_t calls[CALLS];
  for (size_t i = 0; i < CALLS; i++) {
    calls[i] = (aod_result_call_t){.done = stream_result_done};
    memcpy(calls[i].process, stream.process.id, 32);
    memcpy(calls[i].message, record_id(i % stream.record_count), 32);
    aod__cu_result(stream_cu, &calls[i]);
  }
  stream_close_cu(); /* finishes them */
  stream_wait.answered = false;
  for (size_t i = stream.record_count; i < CALLS; i++)
    check_bytes(aod_buf_slice(&calls[i].body), aod_buf_slice(&calls[i % stream.record_count].body));
  for (size_t i = 0; i < CALLS; i++) aod_buf_free(&calls[i].body);
  restart();
  assert_non_null(ask_cron());
  assert_string_equal(ask_results(), expected);
}

/* ---- what is not evaluated ---- */

/* What the process has seen, as a dry run shows it. */
static const char *seen(void) {
  const char *text = ask_dry(NULL);
  assert_non_null(text);
  return text;
}

static void check_empty_result(const char *body) {
  assert_non_null(body);
  check_contains(body, "{\"Messages\":[],\"Assignments\":[],\"Spawns\":[],\"Output\":\"\"");
}

/* U21 */
static void a_message_that_was_pushed_twice_counts_once(void **state) {
  (void)state;
  stream_init(no_tags());
  stream_add_process();
  aod_slice_t anchor = anchor_new(), target = aod_slice(stream.process.id, 32);
  aod_signer_t *messengers[] = {wallet_quick(), wallet_quick()};
  aod_item_t items[3];
  for (size_t i = 0; i < COUNT_OF(items); i++) {
    aod_tags_t tags = tags_of("From-Process", "p", "Pushed-For", i ? "a" : "b", "Round",
                              i == 2 ? "2" : "1", NULL);
    items[i] = item_make(messengers[i % 2],
                         &(aod_item_fields_t){.anchor = anchor, .target = target, .tags = tags});
    stream_add(&items[i], items[i].id, STREAM_START_MS + 10 * (int64_t)(i + 1));
  }
  for (size_t i = 0; i < COUNT_OF(messengers); i++) aod_signer_free(messengers[i]);
  start_new();
  stream_go_to(STREAM_START_MS + 15);
  const char *first = seen();
  stream_go_to(STREAM_START_MS + 25);
  assert_string_equal(seen(), first); /* the second says the same */
  stream_go_to(STREAM_START_MS + 35);
  const char *third = seen();
  assert_string_not_equal(third, first); /* the third does not */
  check_empty_result(ask_result(items[1].id));
  assert_int_equal(count_text(ask_results(), "\"node\""), 3);
  restart();
  check_empty_result(ask_result(items[1].id));
  assert_string_equal(seen(), third);
}

/* U22 */
static void a_transaction_that_is_assigned_twice_counts_once(void **state) {
  (void)state;
  stream_init(no_tags());
  stream_add_process();
  stream.assigned = item_make(
      stream.signer,
      &(aod_item_fields_t){.anchor = anchor_new(), .tags = no_tags(), .data = AOD_TEXT("data")});
  stream.has_assigned = true;
  stream_add(NULL, stream.assigned.id, STREAM_START_MS + 10);
  stream_add(NULL, stream.assigned.id, STREAM_START_MS + 20);
  start_new();
  stream_go_to(STREAM_START_MS + 15);
  const char *first = seen();
  stream_go_to(STREAM_START_MS + 25);
  assert_string_equal(seen(), first);
  check_empty_result(ask_result(record_id(2)));
  check_contains(ask_result(record_id(1)), "\"Output\":\"");
  start_new(); /* with nothing stored, all over again */
  assert_string_equal(seen(), first);
}

static void messages_of_users_are_not_compared(void **state) {
  (void)state;
  stream_init(no_tags());
  stream_add_process();
  aod_slice_t anchor = anchor_new(), target = aod_slice(stream.process.id, 32);
  aod_signer_t *users[] = {wallet_quick(), wallet_quick()};
  for (size_t i = 0; i < COUNT_OF(users); i++) {
    aod_item_t item = item_make(users[i], &(aod_item_fields_t){.anchor = anchor, .target = target});
    stream_add(&item, item.id, STREAM_START_MS + 10 * (int64_t)(i + 1));
    aod_signer_free(users[i]);
  }
  start_new();
  stream_go_to(STREAM_START_MS + 15);
  const char *first = seen();
  stream_go_to(STREAM_START_MS + 25);
  assert_string_not_equal(seen(), first);
}

/* ---- hash chains ---- */

static void break_chain(void) {
  stream.chain[0] ^= 1;
}

/* U20 */
static void a_broken_chain_is_refused_from_there_on(void **state) {
  (void)state;
  stream_init(no_tags());
  stream_add_process();
  stream_add_message("good", no_tags(), STREAM_START_MS + 10);
  break_chain();
  const uint8_t *bad = stream_add_message("bad", no_tags(), STREAM_START_MS + 20);
  stream_add_message("after", no_tags(), STREAM_START_MS + 30);
  start_new();
  stream_go_to(STREAM_START_MS + 100);
  assert_non_null(ask_result(record_id(1)));
  for (size_t nonce = 2; nonce <= 3; nonce++) {
    assert_null(ask_result(record_id(nonce)));
    check_fails(stream_wait.code, AOD_EUNSUPPORTED, &stream_wait.error,
                "HashChain invalid on message ");
    check_contains(stream_wait.error.message, id_text(bad));
    assert_int_equal(aod_error_http_status(stream_wait.code), 422);
  }
  assert_null(ask_dry(NULL));
}

static void a_broken_chain_at_its_beginning_names_the_process(void **state) {
  (void)state;
  stream_init(no_tags());
  break_chain();
  stream_add_process();
  start_new();
  stream_go_to(STREAM_START_MS + 100);
  assert_null(ask_result(stream.process.id));
  check_contains(stream_wait.error.message, id_text(stream.process.id));
}

/* ---- processes that are not in their schedule (U47) ---- */

static void the_process_item_comes_first_in_any_case(void **state) {
  (void)state;
  stream_init(tags_of("Cron-Interval", "1-second", NULL));
  break_chain(); /* so old that nobody looked */
  stream_add_message("first", no_tags(), STREAM_START_MS + 1500);
  stream_scheduler.find = stream_find_unscheduled;
  start_new();
  stream_go_to(STREAM_START_MS + 500);
  const char *alone = seen(); /* without any record */
  stream_go_to(STREAM_START_MS + 5500);
  assert_string_not_equal(seen(), alone);
  /* five ticks and the message; the item itself is not listed */
  assert_int_equal(count_text(ask_results(), "\"node\""), 6);
  const char *results = ask_results();
  start_new();
  assert_non_null(ask_result(record_id(0)));
  assert_non_null(ask_cron());
  assert_string_equal(ask_results(), results);
}

/* ---- operators' lists (U52) ---- */

static const char *const anybody[] = {"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"};
static const char *listed[1];

#define LIST(array) ((aod_cu_list_t){array, 1})

static void check_allowed(aod_cu_access_t access) {
  stream_access = access;
  start_new();
  assert_non_null(ask_cron());
  assert_non_null(ask_result(stream.process.id));
  assert_non_null(ask_dry(NULL));
}

static void check_denied(aod_cu_access_t access, const char *why) {
  stream_access = access;
  start_new();
  assert_null(ask_cron());
  check_fails(stream_wait.code, AOD_EFORBIDDEN, &stream_wait.error, why);
  assert_null(ask_result(stream.process.id));
  check_fails(stream_wait.code, AOD_EFORBIDDEN, &stream_wait.error, why);
  assert_null(ask_dry(NULL));
  check_fails(stream_wait.code, AOD_EFORBIDDEN, &stream_wait.error, why);
  assert_int_equal(aod_error_http_status(stream_wait.code), 403);
}

static void lists_decide_who_is_evaluated(void **state) {
  (void)state;
  stream_init(no_tags());
  stream_add_process();
  stream_go_to(STREAM_START_MS + 10);
  const char *id = id_text(stream.process.id), *owner = id_text(stream.process.address);
  const char *no_process = aod_arena_printf(&items_arena, "Access denied for process %s", id);
  const char *no_owner =
      aod_arena_printf(&items_arena, "Access denied for process owner %s", owner);
  listed[0] = id;
  check_denied((aod_cu_access_t){.restricted = LIST(listed)}, no_process);
  check_allowed((aod_cu_access_t){.allowed = LIST(listed)});
  check_denied((aod_cu_access_t){.restricted = LIST(listed), .allowed = LIST(listed)}, no_process);
  check_allowed((aod_cu_access_t){.restricted = LIST(anybody)});
  check_denied((aod_cu_access_t){.allowed = LIST(anybody)}, no_process);
  listed[0] = owner;
  check_allowed((aod_cu_access_t){.allowed_owners = LIST(listed)});
  check_denied((aod_cu_access_t){.allowed_owners = LIST(anybody)}, no_owner);
}

#define STREAM_TEST(f) cmocka_unit_test_teardown(f, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      STREAM_TEST(whoever_asks_gets_the_same),
      STREAM_TEST(a_record_that_comes_late_takes_the_process_back),
      STREAM_TEST(dry_runs_see_the_state_after_a_message),
      STREAM_TEST(lost_results_are_made_again),
      STREAM_TEST(many_ask_at_once),
      STREAM_TEST(a_message_that_was_pushed_twice_counts_once),
      STREAM_TEST(a_transaction_that_is_assigned_twice_counts_once),
      STREAM_TEST(messages_of_users_are_not_compared),
      STREAM_TEST(a_broken_chain_is_refused_from_there_on),
      STREAM_TEST(a_broken_chain_at_its_beginning_names_the_process),
      STREAM_TEST(the_process_item_comes_first_in_any_case),
      STREAM_TEST(lists_decide_who_is_evaluated),
  };
  /* The same whether and when the unit takes snapshots, and whether processes stay in memory. */
  static const stream_keeping_t keepings[] = {
      {0}, {.messages = 1}, {.messages = 1, .memory_bytes = 1}, {.messages = 5, .at_close = true}};
  int failures = 0;
  for (size_t i = 0; i < COUNT_OF(keepings); i++) {
    stream_keeping = keepings[i];
    failures += cmocka_run_group_tests(tests, open_vm, close_vm);
  }
  return failures;
}
