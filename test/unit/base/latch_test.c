#include "base/latch.h"

#include "support/check.h"

enum { CALLS = 50 };

static void *end_all(void *latch) {
  for (int i = 0; i < CALLS; i++) aod_latch_end(latch, AOD_OK, NULL);
  return NULL;
}

static void waits_for_all(void **state) {
  (void)state;
  aod_latch_t latch = AOD_LATCH(2 * CALLS);
  pthread_t threads[2];
  aod_error_t err;
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, end_all, &latch), 0);
  check_ok(aod_latch_wait(&latch, &err), &err);
  assert_int_equal(latch.left, 0);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}

static void tells_the_first_failure(void **state) {
  (void)state;
  aod_latch_t latch = AOD_LATCH(3);
  aod_error_t err, first, second;
  aod_fail(&first, AOD_ENOTFOUND, "the first");
  aod_fail(&second, AOD_EIO, "the second");
  aod_latch_end(&latch, AOD_OK, NULL);
  aod_latch_end(&latch, AOD_ENOTFOUND, &first);
  aod_latch_end(&latch, AOD_EIO, &second);
  check_fails(aod_latch_wait(&latch, &err), AOD_ENOTFOUND, &err, "the first");
}

static void nothing_to_wait_for(void **state) {
  (void)state;
  aod_latch_t latch = AOD_LATCH(0);
  assert_int_equal(aod_latch_wait(&latch, NULL), AOD_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(waits_for_all), TEST(tells_the_first_failure),
                                     TEST(nothing_to_wait_for)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
