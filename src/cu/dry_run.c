/* Dry runs: messages that are evaluated on what a process is now, or was after a message, and leave
 * nothing behind.
 *
 * The process's lane only brings it to the place that is asked for. From there on *readers* take
 * over, a few at a time, each with a view of the process's memory (vm/view.h), while the lane goes
 * on. They keep the lane waiting in one place: a message's changes may not appear under a view. The
 * lane waits about as long as a copy of the memory would take; then it takes the copy and goes on
 * with that. So a dry run that lasts costs the process no more than twice that.
 *
 * An earlier state is a copy of the process with one owner: nothing is shared there. */
#include <stdlib.h>

#include "ao/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "cu/internal.h"
#include "vm/view.h"

enum { TURN_MS = 50, PATIENCE_MS = 2, COPIED_BYTES_PER_MS = 2 << 20 };

/* ---- one dry run ---- */

/* A process as it was at some moment. */
struct aod_look {
  aod_view_t *view;
  uint64_t moment, memory; /* as in aod_readers_t */
  int64_t timestamp_ms;
  uint64_t block_height;
  aod_buf_t env;
};

/* What a look needs of the process does not change meanwhile. */
static int begin_look(aod_process_t *process, aod_look_t **look_out, aod_error_t *err) {
  aod_view_t *view;
  int code = aod_view_open(process->instance, &process->dry_drive, &view, err);
  if (code != AOD_OK) return code;
  aod_look_t *look = aod_alloc(sizeof *look);
  *look = (aod_look_t){.view = view,
                       .moment = process->readers.moment,
                       .memory = process->readers.memory,
                       .timestamp_ms = process->at.timestamp_ms,
                       .block_height = process->at.block_height};
  aod_buf_append(&look->env, aod_buf_slice(&process->env));
  *look_out = look;
  return AOD_OK;
}

static void end_look(aod_look_t *look) {
  aod_view_close(look->view);
  aod_buf_free(&look->env);
  free(look);
}

static int evaluate(const aod_look_t *look, const aod_message_t *message, aod_buf_t *answer,
                    aod_error_t *err) {
  aod_buf_t json = {0};
  aod_evaluation_t evaluation;
  aod_result_t result;
  aod_message_write(message, &json);
  int code = aod_view_evaluate(look->view, aod_buf_slice(&json), aod_buf_slice(&look->env),
                               &evaluation, err);
  aod_buf_free(&json);
  if (code != AOD_OK) return code;
  aod__result_take(&evaluation, &result);
  aod_result_write(aod_buf_slice(&result.node), aod_buf_slice(&result.error), result.gas_used,
                   answer);
  aod_result_free(&result);
  return AOD_OK;
}

static int run_on(const aod_look_t *look, aod_dry_run_t *run, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_message_t message;
  int code =
      aod_message_from_dry_run(run->body, aod_ao_id(&arena, run->process), look->timestamp_ms,
                               look->block_height, &arena, &message, err);
  if (code == AOD_OK) code = evaluate(look, &message, &run->answer, err);
  aod_arena_free(&arena);
  return code;
}

/* ---- readers; their lock is held where it says so ---- */

typedef struct {
  aod_task_t task;
  aod_process_t *process;
} reader_t;

/* The first that waits. Those before it whose place the process has left meanwhile go to `passed`.
 * The lock is held. */
static aod_dry_run_t *take_waiting(aod_readers_t *readers, aod_dry_run_t **passed) {
  for (aod_dry_run_t *run; (run = readers->first);) {
    readers->first = run->next;
    if (!run->job.exact || run->moment == readers->moment) return run;
    run->next = *passed;
    *passed = run;
  }
  return NULL;
}

/* The look that is left from before, when nothing has changed, else a new one. The lock is held. */
static int take_look(aod_process_t *process, aod_look_t **look, aod_error_t *err) {
  *look = process->readers.spare;
  process->readers.spare = NULL;
  return *look ? AOD_OK : begin_look(process, look, err);
}

/* The lock is held. */
static void drop_spare(aod_readers_t *readers) {
  if (readers->spare) end_look(readers->spare);
  readers->spare = NULL;
}

/* Their process has left memory, or the place where they want it: to the lane again, which finds
 * both, unless the unit is closing. */
static void send_back(aod_process_t *process, aod_dry_run_t *run) {
  aod_cu_t *cu = process->cu;
  for (aod_dry_run_t *next; run; run = next) {
    next = run->next;
    pthread_mutex_lock(&cu->lock);
    bool closing = cu->closing;
    if (!closing) aod__job_post(&run->job);
    pthread_mutex_unlock(&cu->lock);
    if (!closing) continue;
    aod_error_t err;
    int code = aod_fail(&err, AOD_ECLOSED, "the compute unit is stopping");
    run->done(run, code, &err);
  }
}

/* Look at the process and take a first run. 1: the look has begun, 0: there is nothing to do; else
 * it has failed, for that run. */
static int begin_turn(aod_process_t *process, aod_look_t **look, aod_dry_run_t **run,
                      aod_error_t *err) {
  aod_readers_t *readers = &process->readers;
  aod_dry_run_t *passed = NULL;
  int code = 0;
  pthread_mutex_lock(&readers->lock);
  while (readers->changing) pthread_cond_wait(&readers->changed, &readers->lock);
  if (!readers->open) {
    passed = readers->first;
    readers->first = NULL;
  }
  *run = take_waiting(readers, &passed);
  if (*run) code = take_look(process, look, err);
  if (*run && code == AOD_OK) {
    readers->views++;
    code = 1;
  }
  if (!*run) readers->count--;
  pthread_mutex_unlock(&readers->lock);
  send_back(process, passed);
  return code;
}

static aod_dry_run_t *next_run(aod_process_t *process, const aod_look_t *look,
                               int64_t turn_end_us) {
  aod_readers_t *readers = &process->readers;
  aod_dry_run_t *run = NULL, *passed = NULL;
  pthread_mutex_lock(&readers->lock);
  if (!readers->changing && look->moment == readers->moment &&
      aod_clock_monotonic_us() < turn_end_us)
    run = take_waiting(readers, &passed);
  pthread_mutex_unlock(&readers->lock);
  send_back(process, passed);
  return run;
}

static void end_turn(aod_readers_t *readers, aod_look_t *look) {
  pthread_mutex_lock(&readers->lock);
  if (look->memory == readers->memory) readers->views--;
  bool keep = look->moment == readers->moment && !readers->changing && !readers->spare;
  if (keep) readers->spare = look;
  pthread_cond_broadcast(&readers->changed);
  pthread_mutex_unlock(&readers->lock);
  if (!keep) end_look(look);
}

static void read_on(aod_task_t *task) {
  reader_t *reader = (reader_t *)task;
  aod_process_t *process = reader->process;
  aod_pool_t *pool = process->cu->read_pool;
  aod_look_t *look;
  aod_dry_run_t *run;
  aod_error_t err;
  int64_t turn_end_us = aod_clock_monotonic_us() + TURN_MS * 1000;
  int code = begin_turn(process, &look, &run, &err);
  if (code == 0) {
    free(reader);
    return;
  }
  if (code < 0) run->done(run, code, &err);
  while (code == 1 && run) {
    int answered = run_on(look, run, &err);
    run->done(run, answered, &err);
    run = next_run(process, look, turn_end_us);
  }
  if (code == 1) end_turn(&process->readers, look);
  aod_pool_post(pool, task);
}

static void enqueue(aod_process_t *process, aod_dry_run_t *run) {
  aod_readers_t *readers = &process->readers;
  pthread_mutex_lock(&readers->lock);
  aod_dry_run_t **link = &readers->first;
  while (*link) link = &(*link)->next;
  *link = run;
  run->next = NULL;
  run->moment = readers->moment;
  readers->open = true;
  bool more = readers->count < process->cu->readers_max;
  if (more) readers->count++;
  pthread_mutex_unlock(&readers->lock);
  if (!more) return;
  reader_t *reader = aod_alloc(sizeof *reader);
  *reader = (reader_t){.task.run = read_on, .process = process};
  aod_pool_post(process->cu->read_pool, &reader->task);
}

/* ---- the lane's side ---- */

void aod__readers_init(aod_readers_t *readers) {
  pthread_mutex_init(&readers->lock, NULL);
  aod_clock_cond_init(&readers->changed);
}

void aod__readers_deinit(aod_readers_t *readers) {
  pthread_mutex_destroy(&readers->lock);
  pthread_cond_destroy(&readers->changed);
}

/* The views see another memory from now on than the lane. */
static void part(aod_readers_t *readers) {
  readers->memory++;
  readers->views = 0;
}

static void await_views(aod_process_t *process) {
  aod_readers_t *readers = &process->readers;
  aod_error_t err;
  uint64_t bytes = aod_instance_resident_bytes(process->instance);
  struct timespec until =
      aod_clock_monotonic_in(PATIENCE_MS + (int64_t)(bytes / COPIED_BYTES_PER_MS));
  while (readers->views)
    if (pthread_cond_timedwait(&readers->changed, &readers->lock, &until)) break;
  if (!readers->views) return;
  if (aod_instance_detach(process->instance, &err) == AOD_OK) {
    part(readers);
    return;
  }
  aod_log(AOD_LOG_WARN, "cu", "a message waits for dry runs: %s", err.message);
  while (readers->views) pthread_cond_wait(&readers->changed, &readers->lock);
}

void aod__readers_hold(aod_process_t *process, bool commits) {
  aod_readers_t *readers = &process->readers;
  pthread_mutex_lock(&readers->lock);
  readers->changing = true;
  drop_spare(readers);
  if (commits && readers->views) await_views(process);
}

void aod__readers_release(aod_process_t *process) {
  aod_readers_t *readers = &process->readers;
  readers->changing = false;
  readers->moment++;
  pthread_cond_broadcast(&readers->changed);
  pthread_mutex_unlock(&readers->lock);
}

void aod__readers_close(aod_process_t *process) {
  aod_readers_t *readers = &process->readers;
  pthread_mutex_lock(&readers->lock);
  readers->open = false;
  readers->moment++;
  drop_spare(readers);
  part(readers);
  pthread_mutex_unlock(&readers->lock);
}

/* ---- requests ---- */

static int run_on_copy(aod_process_t *copy, aod_dry_run_t *run, aod_error_t *err) {
  aod_look_t *look;
  int code = begin_look(copy, &look, err);
  if (code != AOD_OK) return code;
  code = run_on(look, run, err);
  end_look(look);
  return code;
}

static void at_the_place(aod_job_t *job, int code, aod_error_t *err) {
  aod_dry_run_t *run = (aod_dry_run_t *)job;
  if (code == AOD_OK && !job->process->is_copy) {
    enqueue(job->process, run);
    return;
  }
  if (code == AOD_OK) code = run_on_copy(job->process, run, err);
  run->done(run, code, err);
}

static int target_message(aod_cu_t *cu, aod_dry_run_t *run, aod_error_t *err) {
  aod_assignment_t assignment;
  int code = aod__cu_locate(cu, run->process, run->message, &assignment, err);
  if (code != AOD_OK) return code;
  if (memcmp(assignment.process, run->process, 32) != 0)
    return aod_fail(err, AOD_EINPUT, "'to': the message belongs to another process");
  run->job.exact = true;
  run->job.target = aod__target_record(assignment.nonce);
  return AOD_OK;
}

void aod__cu_dry_run(aod_cu_t *cu, aod_dry_run_t *run) {
  aod_error_t err;
  int code = aod__cu_check_process(cu, run->process, &err);
  if (code == AOD_OK)
    code = run->has_message ? target_message(cu, run, &err)
                            : aod__cu_target_now(cu, run->process, &run->job.target, &err);
  if (code != AOD_OK) {
    run->done(run, code, &err);
    return;
  }
  run->job.finish = at_the_place;
  run->job.process = aod__process_get(cu, run->process);
  aod__job_post(&run->job);
}
