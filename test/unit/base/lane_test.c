#include "base/lane.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "support/check.h"

/* ---- tasks that count ---- */

typedef struct {
  aod_task_t task;
  int lane, number;
} numbered_t;

enum { LANES = 8, TASKS = 2000, POSTERS = 4 };

static atomic_int running[LANES], overlaps, disorders, runs;
static int last_seen[LANES]; /* written by the lane's tasks alone, so without a lock */

static void run_numbered(aod_task_t *task) {
  numbered_t *mine = (numbered_t *)task;
  if (atomic_fetch_add(&running[mine->lane], 1) != 0) atomic_fetch_add(&overlaps, 1);
  if (mine->number != last_seen[mine->lane] + 1) atomic_fetch_add(&disorders, 1);
  last_seen[mine->lane] = mine->number;
  atomic_fetch_sub(&running[mine->lane], 1);
  atomic_fetch_add(&runs, 1);
  free(mine);
}

static aod_lane_t lanes[LANES];

/* Each poster fills two lanes, so that tasks of one lane are posted in order. It runs a third of
 * them itself, if it may. */
static void *post_numbered(void *argument) {
  int poster = (int)(intptr_t)argument;
  for (int number = 1; number <= TASKS; number++) {
    for (int lane = poster; lane < LANES; lane += POSTERS) {
      numbered_t *mine = aod_alloc(sizeof *mine);
      *mine = (numbered_t){.task = {.run = run_numbered}, .lane = lane, .number = number};
      (number % 3 ? aod_lane_post : aod_lane_run)(&lanes[lane], &mine->task);
    }
  }
  return NULL;
}

static void a_lane_runs_one_task_at_a_time_in_order(void **state) {
  (void)state;
  aod_pool_t *pool = aod_pool_open("test", 4);
  pthread_t posters[POSTERS];
  for (int i = 0; i < LANES; i++) aod_lane_init(&lanes[i], pool);
  for (intptr_t i = 0; i < POSTERS; i++)
    assert_int_equal(pthread_create(&posters[i], NULL, post_numbered, (void *)i), 0);
  for (int i = 0; i < POSTERS; i++) pthread_join(posters[i], NULL);
  aod_pool_close(pool);
  assert_int_equal(runs, LANES * TASKS);
  assert_int_equal(overlaps, 0);
  assert_int_equal(disorders, 0);
}

typedef struct {
  aod_task_t task;
  aod_lane_t *lane;
  aod_task_t *inner; /* run from within */
  pthread_t thread;
} noting_t;

static void run_and_note_thread(aod_task_t *task) {
  noting_t *noting = (noting_t *)task;
  noting->thread = pthread_self();
  if (noting->inner) aod_lane_run(noting->lane, noting->inner);
}

static void an_idle_lane_runs_its_task_on_the_caller_s_thread(void **state) {
  (void)state;
  aod_pool_t *pool = aod_pool_open("test", 1);
  aod_lane_t lane;
  aod_lane_init(&lane, pool);
  noting_t inner = {.task = {.run = run_and_note_thread}};
  noting_t outer = {.task = {.run = run_and_note_thread}, .lane = &lane, .inner = &inner.task};
  aod_lane_run(&lane, &outer.task);
  assert_true(pthread_equal(outer.thread, pthread_self()));
  aod_pool_close(
      pool); /* the lane was busy with the outer one, so the inner one came to the pool */
  assert_true(inner.thread && !pthread_equal(inner.thread, pthread_self()));
}

/* ---- fairness: one thread, a gate that holds it until everything is queued ---- */

typedef struct {
  aod_task_t task;
  pthread_mutex_t *gate;
} gate_t;

static void run_gate(aod_task_t *task) {
  pthread_mutex_t *gate = ((gate_t *)task)->gate;
  pthread_mutex_lock(gate);
  pthread_mutex_unlock(gate);
}

static char order[64];
static size_t order_len;

typedef struct {
  aod_task_t task;
  char letter;
} letter_t;

static void run_letter(aod_task_t *task) {
  order[order_len++] = ((letter_t *)task)->letter;
}

static void lanes_take_turns(void **state) {
  (void)state;
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  aod_pool_t *pool = aod_pool_open("test", 1);
  aod_lane_t a, b;
  aod_lane_init(&a, pool);
  aod_lane_init(&b, pool);
  gate_t first = {{.run = run_gate}, &gate};
  letter_t letters[] = {{{.run = run_letter}, 'a'}, {{.run = run_letter}, 'a'},
                        {{.run = run_letter}, 'a'}, {{.run = run_letter}, 'a'},
                        {{.run = run_letter}, 'b'}, {{.run = run_letter}, 'b'},
                        {{.run = run_letter}, 'p'}};
  pthread_mutex_lock(&gate);
  aod_pool_post(pool, &first.task);
  for (int i = 0; i < 4; i++) aod_lane_post(&a, &letters[i].task);
  for (int i = 4; i < 6; i++) aod_lane_post(&b, &letters[i].task);
  aod_pool_post(pool, &letters[6].task);
  assert_false(aod_lane_idle(&a));
  pthread_mutex_unlock(&gate);
  aod_pool_close(pool);
  check_text(aod_slice(order, order_len), "abpabaa");
}

/* ---- closing ---- */

typedef struct {
  aod_task_t task;
  aod_lane_t *lane;
  int left;
} chain_t;

static atomic_int links;

static void run_chain(aod_task_t *task) {
  chain_t *chain = (chain_t *)task;
  atomic_fetch_add(&links, 1);
  if (chain->left-- > 0) aod_lane_post(chain->lane, &chain->task);
}

static void closing_runs_what_tasks_post_meanwhile(void **state) {
  (void)state;
  aod_pool_t *pool = aod_pool_open("test", 3);
  aod_lane_t lane;
  aod_lane_init(&lane, pool);
  assert_true(aod_lane_idle(&lane));
  chain_t chain = {{.run = run_chain}, &lane, 1000};
  aod_lane_post(&lane, &chain.task);
  aod_pool_close(pool);
  assert_int_equal(links, 1001);
}

/* ---- closing while a caller's own thread runs a task ---- */

static struct {
  aod_task_t task;
  aod_lane_t lane;
  sem_t begun, closed;
  bool outlived; /* the pool was closed before the task had ended */
} own;

static void run_own(aod_task_t *task) {
  (void)task;
  sem_post(&own.begun);
  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  soon.tv_sec += 1;
  own.outlived = sem_timedwait(&own.closed, &soon) == 0;
}

static void *run_in_lane(void *argument) {
  (void)argument;
  aod_lane_run(&own.lane, &own.task);
  return NULL;
}

static void closing_waits_for_tasks_on_callers_threads(void **state) {
  (void)state;
  aod_pool_t *pool = aod_pool_open("test", 1);
  pthread_t caller;
  sem_init(&own.begun, 0, 0);
  sem_init(&own.closed, 0, 0);
  own.task.run = run_own;
  aod_lane_init(&own.lane, pool);
  assert_int_equal(pthread_create(&caller, NULL, run_in_lane, NULL), 0);
  sem_wait(&own.begun);
  aod_pool_close(pool);
  sem_post(&own.closed);
  pthread_join(caller, NULL);
  assert_false(own.outlived);
  sem_destroy(&own.begun);
  sem_destroy(&own.closed);
}

static void an_idle_pool_closes(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) aod_pool_close(aod_pool_open("test", i % 3));
  aod_pool_close(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_lane_runs_one_task_at_a_time_in_order),
      TEST(an_idle_lane_runs_its_task_on_the_caller_s_thread),
      TEST(lanes_take_turns),
      TEST(closing_runs_what_tasks_post_meanwhile),
      TEST(closing_waits_for_tasks_on_callers_threads),
      TEST(an_idle_pool_closes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
