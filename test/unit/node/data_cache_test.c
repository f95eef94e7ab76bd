#include "node/data_cache.h"

#include <pthread.h>

#include "support/check.h"

/* A source of data: every id has as many bytes as its first byte says, all of them that byte. */
static _Atomic int fetches;
static int failure;

static int fetch(void *context, const uint8_t id[32], void (*take)(void *taker, aod_slice_t data),
                 void *taker, aod_error_t *err) {
  uint8_t data[256];
  (void)context;
  fetches++;
  if (failure) return aod_fail(err, failure, "no answer");
  memset(data, id[0], sizeof data);
  take(taker, aod_slice(data, id[0]));
  return AOD_OK;
}

static aod_data_cache_t *cache;
static aod_error_t err;

static int before_each(void **state) {
  (void)state;
  fetches = failure = 0;
  cache = aod_data_cache_open(fetch, NULL);
  return 0;
}

static int after_each(void **state) {
  (void)state;
  aod_data_cache_close(cache);
  return 0;
}

static void check_content(uint8_t name) {
  uint8_t id[32] = {name}, bytes[256], expected[256];
  uint64_t size;
  check_ok(aod_data_cache_size(cache, id, &size, &err), &err);
  assert_int_equal(size, name);
  memset(expected, name, sizeof expected);
  check_ok(aod_data_cache_read(cache, id, 1, bytes, name - 1u, &err), &err);
  check_bytes(aod_slice(bytes, name - 1u), aod_slice(expected, name - 1u));
}

static void data_is_fetched_once(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) check_content(7);
  assert_int_equal(fetches, 1);
}

static void the_last_few_stay(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++)
    for (uint8_t name = 1; name <= 8; name++) check_content(name);
  assert_int_equal(fetches, 8);
  check_content(1);
  check_content(9); /* in the place of 2 */
  check_content(1);
  assert_int_equal(fetches, 9);
  check_content(2);
  assert_int_equal(fetches, 10);
}

static void a_failure_is_told_and_not_kept(void **state) {
  (void)state;
  uint8_t id[32] = {5};
  uint64_t size;
  failure = AOD_EUNAVAILABLE;
  assert_int_equal(aod_data_cache_size(cache, id, &size, &err), AOD_EUNAVAILABLE);
  failure = 0;
  check_content(5);
}

static void *read_all(void *unused) {
  (void)unused;
  for (int i = 0; i < 200; i++) check_content((uint8_t)(1 + i % 12));
  return NULL;
}

static void threads_may_share_it(void **state) {
  (void)state;
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, read_all, NULL);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

#define CACHE_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      CACHE_TEST(data_is_fetched_once),
      CACHE_TEST(the_last_few_stay),
      CACHE_TEST(a_failure_is_told_and_not_kept),
      CACHE_TEST(threads_may_share_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
