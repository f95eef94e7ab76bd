/* What stands beside results: answers of drives, and where the results of a process begin. */
#include "store/results.h"

#include "support/check.h"

static char *dir;
static aod_results_t *results;
static aod_error_t err;
static uint8_t P[32], Q[32], one[32], two[32];

static int before_each(void **state) {
  (void)state;
  memset(P, 'P', 32);
  memset(Q, 'Q', 32);
  memset(one, 1, 32);
  memset(two, 2, 32);
  dir = test_dir_make();
  check_ok(aod_results_open(&results, test_path(dir, "cu.db"), &err), &err);
  return 0;
}

static int after_each(void **state) {
  (void)state;
  aod_results_close(results);
  test_dir_remove(dir);
  return 0;
}

static void reopen(void) {
  aod_results_close(results);
  check_ok(aod_results_open(&results, test_path(dir, "cu.db"), &err), &err);
}

static void put(uint64_t position) {
  aod_evaluated_t evaluated = {.position = position, .nonce = position, .node = AOD_TEXT("{}")};
  memcpy(evaluated.process, P, 32);
  aod_results_put(results, &evaluated);
}

static uint64_t next_position(void) {
  uint64_t position;
  aod_results_flush(results);
  check_ok(aod_results_next_position(results, P, &position, &err), &err);
  return position;
}

static void check_answer(const uint8_t *process, uint64_t position, const uint8_t *question,
                         int expected) {
  bool yes = !expected;
  int code = aod_results_get_answer(results, process, position, question, &yes, &err);
  if (expected < 0) {
    assert_int_equal(code, AOD_ENOTFOUND);
    return;
  }
  check_ok(code, &err);
  assert_int_equal(yes, expected);
}

static void the_first_answer_to_a_question_stands(void **state) {
  (void)state;
  aod_results_put_answer(results, P, 5, one, true);
  aod_results_put_answer(results, P, 5, two, false);
  aod_results_put_answer(results, P, 5, one, false);
  for (int i = 0; i < 2; i++) {
    check_answer(P, 5, one, 1);
    check_answer(P, 5, two, 0);
    check_answer(P, 6, one, -1);
    check_answer(Q, 5, one, -1);
    reopen();
  }
}

static void answers_are_forgotten_with_the_results(void **state) {
  (void)state;
  for (uint64_t i = 0; i < 4; i++) put(i);
  aod_results_put_answer(results, P, 1, one, true);
  aod_results_put_answer(results, P, 2, one, true);
  aod_results_truncate(results, P, 2);
  assert_int_equal(next_position(), 2);
  check_answer(P, 1, one, 1);
  check_answer(P, 2, one, -1);
}

static void results_may_begin_at_an_origin(void **state) {
  (void)state;
  aod_origin_t origin = {.position = 100}, read;
  memcpy(origin.checkpoint, one, 32);
  assert_int_equal(aod_results_origin(results, P, &read, &err), AOD_ENOTFOUND);
  aod_results_put_origin(results, P, &origin);
  assert_int_equal(next_position(), 100);
  put(100);
  put(101);
  put(3); /* evaluated later, from the beginning */
  assert_int_equal(next_position(), 102);
  put(103); /* 102 is missing */
  assert_int_equal(next_position(), 100);
  reopen();
  check_ok(aod_results_origin(results, P, &read, &err), &err);
  assert_int_equal(read.position, 100);
  check_id(read.checkpoint, one);
}

static void what_is_truncated_up_to_the_origin_begins_anew(void **state) {
  (void)state;
  aod_origin_t origin = {.position = 100};
  aod_results_put_origin(results, P, &origin);
  for (uint64_t i = 100; i < 104; i++) put(i);
  put(3);
  aod_results_truncate(results, P, 102);
  assert_int_equal(next_position(), 102);
  aod_results_truncate(results, P, 100);
  assert_int_equal(next_position(), 0);
  assert_int_equal(aod_results_origin(results, P, &origin, &err), AOD_ENOTFOUND);
}

static void keys_from_before_the_origin_are_known(void **state) {
  (void)state;
  aod_results_put_earlier_key(results, P, one, 7);
  aod_results_put_earlier_key(results, P, one, 9);
  aod_results_flush(results);
  assert_int_equal(aod_results_has_key(results, P, one, 8, &err), 1);
  assert_int_equal(aod_results_has_key(results, P, one, 7, &err), 0);
  assert_int_equal(aod_results_has_key(results, P, two, 8, &err), 0);
  assert_int_equal(aod_results_has_key(results, Q, one, 8, &err), 0);
}

#define NOTES_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      NOTES_TEST(the_first_answer_to_a_question_stands),
      NOTES_TEST(answers_are_forgotten_with_the_results),
      NOTES_TEST(results_may_begin_at_an_origin),
      NOTES_TEST(what_is_truncated_up_to_the_origin_begins_anew),
      NOTES_TEST(keys_from_before_the_origin_are_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
