/* The wall clock when the system's is put back: time goes on, at half speed, until it has caught
 * up. The test has clocks of its own. */
#include "base/clock.h"

#include "support/check.h"

static int64_t system_us, monotonic_us;

/* In place of the C library's. */
int clock_gettime(clockid_t id, struct timespec *time) {
  int64_t us = id == CLOCK_MONOTONIC ? monotonic_us : system_us;
  *time = (struct timespec){us / 1000000, us % 1000000 * 1000};
  return 0;
}

static void pass_ms(int64_t ms) {
  system_us += ms * 1000;
  monotonic_us += ms * 1000;
}

/* Long after whatever the case before did. */
static int setup(void **state) {
  (void)state;
  pass_ms(INT64_C(100) * 3600 * 1000);
  assert_int_equal(aod_clock_wall_ms(), aod_clock_system_ms());
  return 0;
}

static void it_follows_the_system(void **state) {
  (void)state;
  int64_t began_ms = aod_clock_wall_ms();
  pass_ms(1234);
  assert_int_equal(aod_clock_wall_ms(), began_ms + 1234);
  system_us += INT64_C(86400) * 1000000; /* forward at once */
  assert_int_equal(aod_clock_wall_ms(), began_ms + 1234 + 86400000);
}

static void it_never_steps_back(void **state) {
  (void)state;
  int64_t began_ms = aod_clock_wall_ms();
  system_us -= INT64_C(3600) * 1000000;
  assert_int_equal(aod_clock_wall_ms(), began_ms);
  assert_int_equal(aod_clock_system_ms(), began_ms - 3600000);
  pass_ms(10000);
  assert_int_equal(aod_clock_wall_ms(), began_ms + 5000);
  for (int i = 0; i < 10000; i++) monotonic_us++, system_us++, aod_clock_wall_ms();
  assert_int_equal(aod_clock_wall_ms(), began_ms + 5005); /* asking often makes it no slower */
}

static void it_meets_the_system_again(void **state) {
  (void)state;
  int64_t began_ms = aod_clock_wall_ms();
  system_us -= INT64_C(60) * 1000000;
  aod_clock_wall_ms();
  pass_ms(119000);
  assert_int_equal(aod_clock_wall_ms(), began_ms + 59500);
  pass_ms(1000);
  assert_int_equal(aod_clock_wall_ms(), began_ms + 60000);
  pass_ms(1000);
  assert_int_equal(aod_clock_wall_ms(), began_ms + 61000);
  assert_int_equal(aod_clock_wall_ms(), aod_clock_system_ms());
}

static void a_second_step_back_is_one_more_wait(void **state) {
  (void)state;
  int64_t began_ms = aod_clock_wall_ms();
  system_us -= 10000000;
  aod_clock_wall_ms();
  pass_ms(1000);
  system_us -= 10000000;
  pass_ms(1000);
  assert_int_equal(aod_clock_wall_ms(), began_ms + 1000);
  system_us += INT64_C(30) * 1000000; /* somebody put it right */
  assert_int_equal(aod_clock_wall_ms(), aod_clock_system_ms());
}

static void a_moment_on_the_monotonic_clock(void **state) {
  (void)state;
  monotonic_us = 1999999;
  struct timespec at = aod_clock_monotonic_in(1500);
  assert_int_equal(at.tv_sec, 3);
  assert_int_equal(at.tv_nsec, 499999000);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup(function, setup)
  const struct CMUnitTest tests[] = {
      CASE(it_follows_the_system),
      CASE(it_never_steps_back),
      CASE(it_meets_the_system_again),
      CASE(a_second_step_back_is_one_more_wait),
      cmocka_unit_test(a_moment_on_the_monotonic_clock),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
