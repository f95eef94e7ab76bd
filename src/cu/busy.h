/* Patience with requests: who has waited too long is told that the evaluation is in progress. It
 * goes on, and who asks again later finds its result.
 *
 * A request that is waited for may be answered by two: the evaluation, and the thread here. The
 * lock decides, and the request's memory stays until the evaluation has heard of it. */
#ifndef AOD_CU_BUSY_H
#define AOD_CU_BUSY_H

#include <pthread.h>

#include "http/server.h"

/* In the request's arena. */
typedef struct aod__waiting aod__waiting_t;
struct aod__waiting {
  aod_request_t *request;
  bool kept, listed;
  const uint8_t *process;
  aod_slice_t to; /* what is evaluated; empty: all there is */
  int64_t until_us;
  aod__waiting_t *previous, *next;
};

typedef struct {
  int64_t patience_us; /* 0: endless, and there is no thread */
  pthread_t thread;
  pthread_mutex_t lock; /* guards the rest */
  pthread_cond_t changed;
  aod__waiting_t *first, *last; /* the longest waiting first */
  bool closing;
} aod__busy_t;

void aod__busy_open(aod__busy_t *busy, int64_t patience_ms);
void aod__busy_close(aod__busy_t *busy); /* when nobody waits any more */

/* Before the evaluation is asked for. `process`, `to` and `waiting` live as long as the request. */
void aod__busy_begin(aod__busy_t *busy, aod__waiting_t *waiting, aod_request_t *request,
                     const uint8_t process[32], aod_slice_t to);
/* When it is over. True: answer now. False: that was done here, and the request's memory is gone
 * with this call. */
bool aod__busy_end(aod__busy_t *busy, aod__waiting_t *waiting);

#endif
