#include "base/clock.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/log.h"

enum { STEP_WORTH_TELLING_US = 1000000 };

/* The wall clock as it was told last, and since when the system's is behind it. */
static struct {
  pthread_mutex_t lock;
  int64_t told_us;
  bool behind;
  int64_t from_us, since_us; /* told, and monotonic, when it fell behind */
} wall = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t read_us(clockid_t id) {
  struct timespec now;
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* With the lock held. Returns by how much the system's clock was put back just now, or 0. */
static int64_t advance(int64_t system_us, int64_t monotonic_us) {
  if (!wall.behind && system_us < wall.told_us) {
    wall.behind = true;
    wall.from_us = wall.told_us;
    wall.since_us = monotonic_us;
    return wall.told_us - system_us;
  }
  if (wall.behind) {
    int64_t slow_us = wall.from_us + (monotonic_us - wall.since_us) / 2;
    wall.behind = system_us < slow_us;
    wall.told_us = wall.behind ? slow_us : system_us;
  } else {
    wall.told_us = system_us;
  }
  return 0;
}

int64_t aod_clock_wall_ms(void) {
  pthread_mutex_lock(&wall.lock);
  int64_t step_us = advance(read_us(CLOCK_REALTIME), read_us(CLOCK_MONOTONIC));
  int64_t told_us = wall.told_us;
  pthread_mutex_unlock(&wall.lock);
  if (step_us >= STEP_WORTH_TELLING_US)
    aod_log(AOD_LOG_WARN, "clock",
            "the system's clock was put back by %" PRId64
            " s; time goes on at half speed until it has caught up",
            step_us / 1000000);
  return told_us / 1000;
}

int64_t aod_clock_system_ms(void) {
  return read_us(CLOCK_REALTIME) / 1000;
}

int64_t aod_clock_monotonic_us(void) {
  return read_us(CLOCK_MONOTONIC);
}

void aod_clock_cond_init(pthread_cond_t *cond) {
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(cond, &monotonic);
  pthread_condattr_destroy(&monotonic);
}

struct timespec aod_clock_monotonic_in(int64_t ms) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  at.tv_sec += ms / 1000;
  at.tv_nsec += ms % 1000 * 1000000;
  at.tv_sec += at.tv_nsec / 1000000000;
  at.tv_nsec %= 1000000000;
  return at;
}
