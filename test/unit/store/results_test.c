#include "store/results.h"

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
  aod_evaluated_t evaluated = {.nonce = nonce,
                               .timestamp_ms = 1000 + 10 * (int64_t)nonce,
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

static void the_next_nonce_follows_the_highest(void **state) {
  (void)state;
  uint64_t nonce = 99;
  check_ok(aod_results_next_nonce(results, P, &nonce, &err), &err);
  assert_int_equal(nonce, 0);
  put(P, 0, "{}", "");
  put(P, 1, "{}", "\"failed ones count too\"");
  put(Q, 20, "{}", "");
  aod_results_flush(results);
  check_ok(aod_results_next_nonce(results, P, &nonce, &err), &err);
  assert_int_equal(nonce, 2);
  check_ok(aod_results_next_nonce(results, Q, &nonce, &err), &err);
  assert_int_equal(nonce, 0); /* the first twenty are missing */
}

static void check_page(int64_t after_ms, int64_t to_ms, bool descending, size_t limit,
                       const char *nonces) {
  aod_evaluated_list_t list;
  aod_buf_t text = {0};
  check_ok(aod_results_page(results, P, after_ms, to_ms, descending, limit, &arena, &list, &err),
           &err);
  for (size_t i = 0; i < list.count; i++)
    aod_buf_printf(&text, "%llu ", (unsigned long long)list.list[i].nonce);
  check_text(aod_buf_slice(&text), nonces);
  aod_buf_free(&text);
}

static void pages_leave_out_errors_and_have_one_exclusive_bound(void **state) {
  (void)state;
  for (uint64_t nonce = 0; nonce < 6; nonce++) put(P, nonce, "{}", nonce == 2 ? "\"bad\"" : "");
  put(Q, 1, "{}", "");
  aod_results_flush(results);
  check_page(-1, INT64_MAX, false, 100, "0 1 3 4 5 ");
  check_page(-1, INT64_MAX, true, 100, "5 4 3 1 0 ");
  check_page(1010, 1040, false, 100, "3 4 ");
  check_page(1010, 1040, true, 100, "4 3 ");
  check_page(1000, 1000, false, 100, "");
  check_page(-1, 1000, false, 100, "0 ");
  check_page(-1, INT64_MAX, false, 3, "0 1 3 ");
  check_page(-1, INT64_MAX, true, 1, "5 ");
}

#define RESULTS_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      RESULTS_TEST(a_result_reads_back_after_a_flush),
      RESULTS_TEST(the_first_result_stands),
      RESULTS_TEST(results_are_there_after_reopening),
      RESULTS_TEST(the_next_nonce_follows_the_highest),
      RESULTS_TEST(pages_leave_out_errors_and_have_one_exclusive_bound),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
