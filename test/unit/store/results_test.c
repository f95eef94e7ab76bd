#include "store/results.h"

#include <sqlite3.h>

#include "support/check.h"

static char *dir;
static aod_results_t *results;
static aod_arena_t arena;
static aod_error_t err;
static uint8_t P[32], Q[32];

static void open_results(void) {
  check_ok(aod_results_open(&results, test_path(dir, "cu.db"), &err), &err);
}

static int before_each(void **state) {
  (void)state;
  memset(P, 'P', 32);
  memset(Q, 'Q', 32);
  dir = test_dir_make();
  open_results();
  return 0;
}

static int after_each(void **state) {
  (void)state;
  aod_results_close(results);
  aod_arena_free(&arena);
  test_dir_remove(dir);
  return 0;
}

static void put(const uint8_t process[32], uint64_t nonce, const char *node, const char *error) {
  char copy[100]; /* gone when put returns: the store has its own */
  snprintf(copy, sizeof copy, "%s", node);
  aod_evaluated_t evaluated = {.position = nonce,
                               .nonce = nonce,
                               .timestamp_ms = 1000 + 10 * (int64_t)nonce,
                               .due_ms = 1000 + 10 * (int64_t)nonce,
                               .node = aod_text(copy),
                               .error = aod_text(error),
                               .gas_used = 0.5};
  memcpy(evaluated.process, process, 32);
  aod_results_put(results, &evaluated);
  memset(copy, 'x', sizeof copy);
}

static void check_stored(const uint8_t process[32], uint64_t nonce, const char *node,
                         const char *error) {
  aod_evaluated_t read;
  check_ok(aod_results_get(results, process, nonce, &arena, &read, &err), &err);
  check_id(read.process, process);
  assert_int_equal(read.nonce, nonce);
  assert_int_equal(read.timestamp_ms, 1000 + 10 * (int64_t)nonce);
  check_text(read.node, node);
  check_text(read.error, error);
  assert_true(read.gas_used == 0.5);
}

static void a_result_reads_back_after_a_flush(void **state) {
  (void)state;
  put(P, 0, "{}", "");
  put(P, 1, "{\"Output\":1}", "\"bad\"");
  aod_results_flush(results);
  check_stored(P, 0, "{}", "");
  check_stored(P, 1, "{\"Output\":1}", "\"bad\"");
  aod_evaluated_t read;
  check_fails(aod_results_get(results, P, 2, &arena, &read, &err), AOD_ENOTFOUND, &err, "stored");
  check_fails(aod_results_get(results, Q, 0, &arena, &read, &err), AOD_ENOTFOUND, &err, "stored");
}

/* Run SQL on the file behind the store's back. */
static void execute(const char *sql) {
  sqlite3 *sqlite;
  assert_int_equal(sqlite3_open(test_path(dir, "cu.db"), &sqlite), SQLITE_OK);
  sqlite3_busy_timeout(sqlite, 10000);
  assert_int_equal(sqlite3_exec(sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(sqlite);
}

static void what_could_not_be_written_is_written_later(void **state) {
  (void)state;
  aod_evaluated_t read;
  put(P, 0, "zero", "");
  aod_results_flush(results);
  execute("CREATE TRIGGER full BEFORE INSERT ON result BEGIN SELECT RAISE(ABORT, 'no room'); END");
  put(P, 1, "one", "");
  put(P, 2, "two", "");
  aod_results_flush(results);
  assert_int_equal(aod_results_get(results, P, 1, &arena, &read, &err), AOD_ENOTFOUND);
  execute("DROP TRIGGER full");
  aod_results_flush(results);
  check_stored(P, 1, "one", "");
  check_stored(P, 2, "two", "");
}

static void what_is_truncated_while_it_waits_does_not_come_back(void **state) {
  (void)state;
  aod_evaluated_t read;
  execute("CREATE TRIGGER full BEFORE INSERT ON result BEGIN SELECT RAISE(ABORT, 'no room'); END");
  put(P, 1, "old", "");
  aod_results_flush(results);
  put(P, 2, "old", "");
  aod_results_truncate(results, P, 1);
  aod_results_flush(results);
  execute("DROP TRIGGER full");
  aod_results_flush(results);
  for (uint64_t nonce = 1; nonce <= 2; nonce++)
    assert_int_equal(aod_results_get(results, P, nonce, &arena, &read, &err), AOD_ENOTFOUND);
}

static void a_flush_tells_whether_all_is_written(void **state) {
  (void)state;
  static const uint8_t key[32] = {1};
  assert_true(aod_results_flush(results));
  execute("CREATE TRIGGER full BEFORE INSERT ON result BEGIN SELECT RAISE(ABORT, 'no room'); END");
  put(P, 0, "zero", "");
  put(P, 1, "one", "");
  assert_false(aod_results_flush(results));
  assert_false(aod_results_flush(results)); /* tried again, in vain */
  aod_results_truncate(results, P, 1);
  assert_false(aod_results_flush(results));
  execute("DROP TRIGGER full");
  assert_true(aod_results_flush(results));
  execute("CREATE TRIGGER full BEFORE INSERT ON earlier_key"
          " BEGIN SELECT RAISE(ABORT, 'no room'); END");
  aod_results_put_earlier_key(results, P, key, 0); /* nobody puts it again */
  assert_false(aod_results_flush(results));
  execute("DROP TRIGGER full");
  assert_false(aod_results_flush(results));
}

static void what_cannot_be_truncated_yet_does_not_outlast_what_comes_after(void **state) {
  (void)state;
  aod_evaluated_t read;
  for (uint64_t nonce = 0; nonce < 4; nonce++) put(P, nonce, "old", "");
  assert_true(aod_results_flush(results));
  execute("CREATE TRIGGER full BEFORE DELETE ON result BEGIN SELECT RAISE(ABORT, 'no room'); END");
  aod_results_truncate(results, P, 2);
  put(P, 2, "new", "");
  assert_false(aod_results_flush(results));
  assert_true(aod_results_truncating(results));
  execute("DROP TRIGGER full");
  assert_true(aod_results_flush(results));
  assert_false(aod_results_truncating(results));
  check_stored(P, 1, "old", "");
  check_stored(P, 2, "new", "");
  assert_int_equal(aod_results_get(results, P, 3, &arena, &read, &err), AOD_ENOTFOUND);
}

static void what_waits_outlives_what_is_truncated_beside_it(void **state) {
  (void)state;
  execute("CREATE TRIGGER full BEFORE INSERT ON result BEGIN SELECT RAISE(ABORT, 'no room'); END");
  put(P, 0, "zero", "");
  put(P, 1, "old", "");
  aod_results_flush(results);
  aod_results_truncate(results, Q, 0);
  aod_results_truncate(results, P, 1);
  aod_results_flush(results);
  aod_results_flush(results);
  execute("DROP TRIGGER full");
  aod_results_flush(results);
  check_stored(P, 0, "zero", "");
  aod_evaluated_t read;
  assert_int_equal(aod_results_get(results, P, 1, &arena, &read, &err), AOD_ENOTFOUND);
}

static void the_first_result_stands(void **state) {
  (void)state;
  put(P, 0, "first", "");
  put(P, 0, "second", "");
  aod_results_flush(results);
  check_stored(P, 0, "first", "");
}

static void results_are_there_after_reopening(void **state) {
  (void)state;
  for (uint64_t nonce = 0; nonce < 50; nonce++) put(P, nonce, "{}", "");
  aod_results_close(results);
  open_results();
  check_stored(P, 49, "{}", "");
}

static void an_evaluation_is_read_by_its_position(void **state) {
  (void)state;
  aod_evaluated_t read;
  put(P, 0, "zero", "");
  put(P, 1, "one", "wrong");
  aod_evaluated_t skipped = {
      .position = 2, .nonce = 2, .skipped = true, .node = AOD_TEXT("two"), .cron = AOD_TEXT("0-c")};
  memcpy(skipped.process, P, 32);
  aod_results_put(results, &skipped);
  aod_results_flush(results);
  check_ok(aod_results_at(results, P, 1, &arena, &read, &err), &err);
  assert_int_equal(read.nonce, 1);
  check_text(read.node, "one");
  check_text(read.error, "wrong");
  assert_false(read.skipped);
  check_ok(aod_results_at(results, P, 2, &arena, &read, &err), &err);
  check_text(read.cron, "0-c");
  assert_true(read.skipped);
  assert_int_equal(aod_results_at(results, P, 3, &arena, &read, &err), AOD_ENOTFOUND);
  assert_int_equal(aod_results_at(results, Q, 0, &arena, &read, &err), AOD_ENOTFOUND);
}

static void the_next_position_follows_the_highest(void **state) {
  (void)state;
  uint64_t position = 99;
  check_ok(aod_results_next_position(results, P, &position, &err), &err);
  assert_int_equal(position, 0);
  put(P, 0, "{}", "");
  put(P, 1, "{}", "\"failed ones count too\"");
  put(Q, 20, "{}", "");
  aod_results_flush(results);
  check_ok(aod_results_next_position(results, P, &position, &err), &err);
  assert_int_equal(position, 2);
  check_ok(aod_results_next_position(results, Q, &position, &err), &err);
  assert_int_equal(position, 0); /* the first twenty are missing */
}

static void what_is_truncated_can_be_put_again(void **state) {
  (void)state;
  for (uint64_t nonce = 0; nonce < 5; nonce++) put(P, nonce, "old", "");
  put(Q, 4, "old", "");
  aod_results_truncate(results, P, 3);
  put(P, 3, "new", "");
  aod_results_flush(results);
  check_stored(P, 2, "old", "");
  check_stored(P, 3, "new", "");
  check_stored(Q, 4, "old", "");
  aod_evaluated_t read;
  check_fails(aod_results_get(results, P, 4, &arena, &read, &err), AOD_ENOTFOUND, &err, "stored");
}

/* ---- keys ---- */

static void a_key_is_found_at_later_records_only(void **state) {
  (void)state;
  aod_evaluated_t evaluated = {.position = 3, .nonce = 3, .node = AOD_TEXT("{}"), .has_key = true};
  memcpy(evaluated.process, P, 32);
  memset(evaluated.key, 'k', 32);
  aod_results_put(results, &evaluated);
  put(P, 4, "{}", "");
  aod_results_flush(results);
  assert_int_equal(aod_results_has_key(results, P, evaluated.key, 4, &err), 1);
  assert_int_equal(aod_results_has_key(results, P, evaluated.key, 3, &err), 0);
  assert_int_equal(aod_results_has_key(results, Q, evaluated.key, 4, &err), 0);
  assert_int_equal(aod_results_has_key(results, P, P, 4, &err), 0);
}

/* ---- pages ---- */

#define AT(ms) (&(aod_cursor_t){.timestamp_ms = ms})

/* The cursor of an evaluation that was read. */
static aod_cursor_t of(const aod_evaluated_t *evaluated) {
  return (aod_cursor_t){.timestamp_ms = evaluated->timestamp_ms,
                        .has_ordinate = true,
                        .ordinate = evaluated->nonce,
                        .cron = evaluated->cron,
                        .has_block = evaluated->cron.len > 0,
                        .block = evaluated->block_height};
}

static aod_evaluated_list_t page(aod_results_query_t query) {
  aod_evaluated_list_t list;
  check_ok(aod_results_page(results, P, &query, &arena, &list, &err), &err);
  return list;
}

static void check_page(aod_results_query_t query, const char *positions) {
  aod_evaluated_list_t list = page(query);
  aod_buf_t text = {0};
  for (size_t i = 0; i < list.count; i++)
    aod_buf_printf(&text, "%llu ", (unsigned long long)list.list[i].position);
  check_text(aod_buf_slice(&text), positions);
  aod_buf_free(&text);
}

#define QUERY(...) ((aod_results_query_t){.limit = 100, __VA_ARGS__})
#define ALL        ((aod_results_query_t){.limit = 100})

static void pages_leave_out_errors_and_have_one_exclusive_bound(void **state) {
  (void)state;
  for (uint64_t nonce = 0; nonce < 6; nonce++) put(P, nonce, "{}", nonce == 2 ? "\"bad\"" : "");
  put(Q, 1, "{}", "");
  aod_results_flush(results);
  check_page(ALL, "0 1 3 4 5 ");
  check_page(QUERY(.descending = true), "5 4 3 1 0 ");
  check_page(QUERY(.from = AT(1010), .to = AT(1040)), "3 4 ");
  check_page(QUERY(.from = AT(1010), .to = AT(1040), .descending = true), "4 3 ");
  check_page(QUERY(.from = AT(1000), .to = AT(1000)), "");
  check_page(QUERY(.to = AT(1000)), "0 ");
  check_page(((aod_results_query_t){.limit = 3}), "0 1 3 ");
  check_page(((aod_results_query_t){.descending = true, .limit = 1}), "5 ");
  check_page(QUERY(.cron_only = true), "");
}

static void put_at(uint64_t position, uint64_t nonce, const char *cron, int64_t timestamp_ms,
                   int64_t due_ms, uint64_t block_height) {
  aod_evaluated_t evaluated = {.position = position,
                               .nonce = nonce,
                               .cron = aod_text(cron),
                               .timestamp_ms = timestamp_ms,
                               .due_ms = due_ms,
                               .block_height = block_height,
                               .skipped = strcmp(cron, "skipped") == 0,
                               .node = AOD_TEXT("{}")};
  memcpy(evaluated.process, P, 32);
  if (evaluated.skipped) evaluated.cron = AOD_EMPTY;
  aod_results_put(results, &evaluated);
}

/* Two records with crons between them: one of time, two of blocks in the same second. */
static void put_crons(void) {
  put_at(0, 0, "", 10500, 10500, 1);
  put_at(1, 0, "0-1-seconds", 11500, 11500, 1);
  put_at(2, 0, "0-1-block", 11000, 11999, 2);
  put_at(3, 0, "0-1-block", 11000, 11999, 3);
  put_at(4, 0, "1-1-block", 11000, 11999, 3);
  put_at(5, 0, "0-1-seconds", 12500, 12500, 3);
  put_at(6, 1, "", 13000, 13000, 3);
  put_at(7, 2, "skipped", 13001, 13001, 3);
  aod_results_flush(results);
}

static void cron_messages_stand_between_records(void **state) {
  (void)state;
  put_crons();
  check_page(ALL, "0 1 2 3 4 5 6 ");
  check_page(QUERY(.descending = true), "6 5 4 3 2 1 0 ");
  check_page(QUERY(.cron_only = true), "1 2 3 4 5 ");
  check_page(((aod_results_query_t){.cron_only = true, .descending = true, .limit = 2}), "5 4 ");
  check_page(QUERY(.from = AT(11000)), "1 5 6 ");
  check_page(QUERY(.to = AT(11000)), "0 2 3 4 ");
  aod_evaluated_t read;
  check_ok(aod_results_get(results, P, 0, &arena, &read, &err), &err);
  assert_int_equal(read.position, 0);
  check_ok(aod_results_get(results, P, 2, &arena, &read, &err), &err);
  assert_int_equal(read.position, 7);
}

/* Following the cursors one by one visits everything once, whatever shares its timestamp. */
static void a_cursor_stands_exactly_at_its_evaluation(void **state) {
  (void)state;
  put_crons();
  aod_evaluated_list_t all = page(ALL);
  for (size_t i = 0; i < all.count; i++) {
    aod_cursor_t cursor = of(&all.list[i]);
    aod_evaluated_list_t rest = page(QUERY(.from = &cursor));
    aod_evaluated_list_t before = page(QUERY(.to = &cursor));
    assert_int_equal(rest.count, all.count - i - 1);
    if (rest.count) assert_int_equal(rest.list[0].position, i + 1);
    assert_int_equal(before.count, i + 1);
  }
}

static void a_cursor_of_something_else_goes_by_its_time(void **state) {
  (void)state;
  put_crons();
  aod_cursor_t foreign = {.timestamp_ms = 11500, .has_ordinate = true, .ordinate = 9};
  check_page(QUERY(.from = &foreign), "5 6 ");
  foreign.cron = AOD_TEXT("0-9-seconds");
  check_page(QUERY(.to = &foreign), "0 1 2 3 4 ");
}

#define RESULTS_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      RESULTS_TEST(a_result_reads_back_after_a_flush),
      RESULTS_TEST(what_could_not_be_written_is_written_later),
      RESULTS_TEST(what_is_truncated_while_it_waits_does_not_come_back),
      RESULTS_TEST(a_flush_tells_whether_all_is_written),
      RESULTS_TEST(what_cannot_be_truncated_yet_does_not_outlast_what_comes_after),
      RESULTS_TEST(what_waits_outlives_what_is_truncated_beside_it),
      RESULTS_TEST(the_first_result_stands),
      RESULTS_TEST(results_are_there_after_reopening),
      RESULTS_TEST(an_evaluation_is_read_by_its_position),
      RESULTS_TEST(the_next_position_follows_the_highest),
      RESULTS_TEST(what_is_truncated_can_be_put_again),
      RESULTS_TEST(a_key_is_found_at_later_records_only),
      RESULTS_TEST(pages_leave_out_errors_and_have_one_exclusive_bound),
      RESULTS_TEST(cron_messages_stand_between_records),
      RESULTS_TEST(a_cursor_stands_exactly_at_its_evaluation),
      RESULTS_TEST(a_cursor_of_something_else_goes_by_its_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
