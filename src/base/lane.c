#include "base/lane.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"

enum { THREADS_MAX = 256 };

struct aod_pool {
  pthread_mutex_t lock;
  pthread_cond_t wake, drained;
  aod_task_t *first, *last;
  int running; /* threads inside a task, callers of aod_lane_run included */
  bool closing;
  int thread_count;
  pthread_t threads[THREADS_MAX];
};

/* ---- queue ---- */

static void push(aod_task_t **first, aod_task_t **last, aod_task_t *task) {
  task->next = NULL;
  if (*last)
    (*last)->next = task;
  else
    *first = task;
  *last = task;
}

static aod_task_t *pop(aod_task_t **first, aod_task_t **last) {
  aod_task_t *task = *first;
  if (!task) return NULL;
  *first = task->next;
  if (!*first) *last = NULL;
  return task;
}

/* ---- pool ---- */

/* With the lock held. */
static void end_running(aod_pool_t *pool) {
  pool->running--;
  if (!pool->first && pool->running == 0) pthread_cond_broadcast(&pool->drained);
}

static void *work(void *argument) {
  aod_pool_t *pool = argument;
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    aod_task_t *task = pop(&pool->first, &pool->last);
    if (task) {
      pool->running++;
      pthread_mutex_unlock(&pool->lock);
      task->run(task);
      pthread_mutex_lock(&pool->lock);
      end_running(pool);
      continue;
    }
    if (pool->closing) break;
    pthread_cond_wait(&pool->wake, &pool->lock);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

uint32_t aod_cores(void) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores > 0 ? (uint32_t)cores : 1;
}

aod_pool_t *aod_pool_open(const char *name, int threads) {
  aod_pool_t *pool = aod_alloc(sizeof *pool);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->drained, NULL);
  if (threads <= 0) threads = (int)aod_cores();
  if (threads > THREADS_MAX) threads = THREADS_MAX;
  for (int i = 0; i < threads; i++) {
    aod_assert(pthread_create(&pool->threads[i], NULL, work, pool) == 0);
    pthread_setname_np(pool->threads[i], name);
  }
  pool->thread_count = threads;
  return pool;
}

void aod_pool_close(aod_pool_t *pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->lock);
  while (pool->first || pool->running) pthread_cond_wait(&pool->drained, &pool->lock);
  pool->closing = true;
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->drained);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

static void post_locked(aod_pool_t *pool, aod_task_t *task) {
  push(&pool->first, &pool->last, task);
  pthread_cond_signal(&pool->wake);
}

void aod_pool_post(aod_pool_t *pool, aod_task_t *task) {
  pthread_mutex_lock(&pool->lock);
  post_locked(pool, task);
  pthread_mutex_unlock(&pool->lock);
}

/* ---- lane ---- */

/* What came meanwhile takes its turn on a thread of the pool. */
static void end_turn_locked(aod_lane_t *lane) {
  if (lane->first)
    post_locked(lane->pool, &lane->turn);
  else
    lane->scheduled = false;
}

static void take_turn(aod_task_t *turn) {
  aod_lane_t *lane = (aod_lane_t *)((char *)turn - offsetof(aod_lane_t, turn));
  pthread_mutex_lock(&lane->pool->lock);
  aod_task_t *task = pop(&lane->first, &lane->last);
  pthread_mutex_unlock(&lane->pool->lock);
  task->run(task);
  pthread_mutex_lock(&lane->pool->lock);
  end_turn_locked(lane);
  pthread_mutex_unlock(&lane->pool->lock);
}

void aod_lane_init(aod_lane_t *lane, aod_pool_t *pool) {
  *lane = (aod_lane_t){.pool = pool, .turn = {.run = take_turn}};
}

void aod_lane_post(aod_lane_t *lane, aod_task_t *task) {
  aod_pool_t *pool = lane->pool;
  pthread_mutex_lock(&pool->lock);
  push(&lane->first, &lane->last, task);
  if (!lane->scheduled) {
    lane->scheduled = true;
    post_locked(pool, &lane->turn);
  }
  pthread_mutex_unlock(&pool->lock);
}

void aod_lane_run(aod_lane_t *lane, aod_task_t *task) {
  aod_pool_t *pool = lane->pool;
  pthread_mutex_lock(&pool->lock);
  bool idle = !lane->scheduled;
  if (idle) {
    lane->scheduled = true;
    pool->running++;
  } else {
    push(&lane->first, &lane->last, task);
  }
  pthread_mutex_unlock(&pool->lock);
  if (!idle) return;
  task->run(task);
  pthread_mutex_lock(&pool->lock);
  end_turn_locked(lane);
  end_running(pool);
  pthread_mutex_unlock(&pool->lock);
}

bool aod_lane_idle(aod_lane_t *lane) {
  pthread_mutex_lock(&lane->pool->lock);
  bool idle = !lane->scheduled;
  pthread_mutex_unlock(&lane->pool->lock);
  return idle;
}
