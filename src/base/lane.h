/* Threads that share work, and lanes: queues of tasks of which at most one runs at a time.
 *
 * A pool runs tasks on its threads in the order posted. A lane is the ordered queue of one owner,
 * an AO process for instance; lanes with work take turns on the pool's threads, one task a turn, so
 * that a busy lane costs the others nothing but its turn.
 *
 * A task is embedded in what it works on; the poster keeps it alive until `run` has been called.
 * After `run` starts, the pool does not touch the task again: `run` may free it. */
#ifndef AOD_BASE_LANE_H
#define AOD_BASE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct aod_task aod_task_t;
struct aod_task {
  void (*run)(aod_task_t *task);
  aod_task_t *next; /* the queue's own */
};

typedef struct aod_pool aod_pool_t;

uint32_t aod_cores(void); /* that are online, at least 1 */

/* `threads` 0: one a core. `name` (15 characters at most) is what the debugger shows. */
aod_pool_t *aod_pool_open(const char *name, int threads);
/* Run what is queued, tasks posted meanwhile included, then end the threads. Waits for tasks that
 * run on callers' threads. */
void aod_pool_close(aod_pool_t *pool);
void aod_pool_post(aod_pool_t *pool, aod_task_t *task);

typedef struct {
  aod_pool_t *pool;
  aod_task_t *first, *last; /* guarded by the pool's lock */
  bool scheduled;           /* `turn` is queued or running */
  aod_task_t turn;
} aod_lane_t;

void aod_lane_init(aod_lane_t *lane, aod_pool_t *pool);
/* Any thread. The lane must live until its tasks have run. */
void aod_lane_post(aod_lane_t *lane, aod_task_t *task);
/* The same, but when the lane is idle the task runs here and now, which spares waking a thread of
 * the pool. For short tasks; the caller holds no lock. */
void aod_lane_run(aod_lane_t *lane, aod_task_t *task);
bool aod_lane_idle(aod_lane_t *lane); /* nothing queued, nothing running */

#endif
