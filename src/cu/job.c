/* Jobs: what brings a process to the place that a request asks for, turn by turn. */
#include "base/clock.h"
#include "cu/internal.h"

static void post(aod_job_t *job) {
  aod_process_t *process = job->process;
  if (process->is_copy)
    aod_pool_post(process->cu->pool, &job->task);
  else
    aod_lane_post(&process->lane, &job->task);
}

static void finish(aod_job_t *job, int code, aod_error_t *err) {
  aod_process_t *process = job->process; /* the job may be gone afterwards */
  job->finish(job, code, err);
  if (process->is_copy) aod__process_free_copy(process);
}

/* Go on with a copy of the process, from its beginning. */
static int change_to_copy(aod_job_t *job, aod_error_t *err) {
  aod_process_t *copy;
  int code = aod__process_copy(job->process->cu, job->process->id, &copy, err);
  if (code != AOD_OK) return code;
  copy->is_anew = job->anew;
  job->process = copy;
  return 1;
}

static int load(aod_job_t *job, aod_error_t *err) {
  bool fresh = job->process->instance == NULL;
  int code = aod__process_load(job->process, &job->target, err);
  if (code == AOD_OK && fresh && job->anew) job->process->stored_position = 0;
  return code;
}

static void run(aod_task_t *task) {
  aod_job_t *job = (aod_job_t *)task;
  aod_process_t *process = job->process;
  bool on_copy = process->is_copy; /* which may be gone in the end */
  int64_t started_us = aod_clock_monotonic_us();
  aod_error_t err;
  int code = load(job, &err);
  if (code == AOD_OK && !on_copy &&
      (job->anew || (job->exact && aod__process_is_beyond(process, &job->target))))
    code = change_to_copy(job, &err);
  else if (code == AOD_OK)
    code = aod__process_advance(process, &job->target, &err);
  int64_t spent_us = aod_clock_monotonic_us() - started_us;
  if (code == 1)
    post(job);
  else
    finish(job, code, &err);
  if (on_copy) return;
  aod__snapshot_consider(process, spent_us);
  aod__checkpoint_consider(process, spent_us);
  aod__budget_note(process, spent_us);
}

void aod__job_post(aod_job_t *job) {
  job->task.run = run;
  post(job);
}
