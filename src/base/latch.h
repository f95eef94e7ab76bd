/* A thread waits until calls that others finish have all ended. */
#ifndef AOD_BASE_LATCH_H
#define AOD_BASE_LATCH_H

#include <pthread.h>
#include <stddef.h>

#include "base/error.h"

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  size_t left;       /* how many calls are still to end */
  int code;          /* that of the first that failed, else AOD_OK */
  aod_error_t error; /* its reason */
} aod_latch_t;

/* One that waits for `count` calls. It needs no end of its own. */
#define AOD_LATCH(count)                                                                           \
  { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .left = (count) }

/* One call has ended; `err` is read when it failed. Any thread. After the last one the latch may be
 * gone at once. */
void aod_latch_end(aod_latch_t *latch, int code, const aod_error_t *err);

/* Wait for all of them: the first failure, or AOD_OK. */
int aod_latch_wait(aod_latch_t *latch, aod_error_t *err);

#endif
