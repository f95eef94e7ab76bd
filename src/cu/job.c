/* Jobs: what brings a process to the place that a request asks for, turn by turn. */
#include "base/clock.h"
#include "cu/internal.h"

static void post(aod_job_t *job) {
  aod_process_t *process = job->process;
  if (aod__process_has_lane(process))
    aod_lane_post(&process->lane, &job->task);
  else
    aod_pool_post(process->cu->pool, &job->task);
}

static void finish(aod_job_t *job, int code, aod_error_t *err) {
  aod_process_t *process = job->process; /* the job may be gone afterwards */
  job->finish(job, code, err);
  if (!aod__process_has_lane(process)) aod__process_free_copy(process);
}

/* Go on with a copy of the process. */
static int change_to_copy(aod_job_t *job, aod_error_t *err) {
  aod_cu_t *cu = job->process->cu;
  int code = AOD_OK;
  if (job->anew)
    job->process = aod__process_rerun(cu, job->process->id);
  else
    code = aod__process_copy(cu, job->process->id, &job->process, err);
  return code == AOD_OK ? 1 : code;
}

static void run(aod_task_t *task) {
  aod_job_t *job = (aod_job_t *)task;
  aod_process_t *process = job->process;
  bool stays = aod__process_has_lane(process); /* others may be gone in the end */
  int64_t started_us = aod_clock_monotonic_us();
  aod_error_t err;
  int code = aod__process_load(process, &job->target, &err);
  if (code == AOD_OK && !process->is_copy &&
      (job->anew || (job->exact && aod__process_is_beyond(process, &job->target))))
    code = change_to_copy(job, &err);
  else if (code == AOD_OK)
    code = aod__process_advance(process, &job->target, &err);
  int64_t spent_us = aod_clock_monotonic_us() - started_us;
  if (code == 1 && process->cu->stopping)
    code = aod_fail(&err, AOD_ECLOSED, "the compute unit is stopping; ask again when it is back");
  if (code == 1)
    post(job);
  else
    finish(job, code, &err);
  if (!stays) return;
  aod__snapshot_consider(process, spent_us);
  aod__checkpoint_consider(process, spent_us);
  aod__budget_note(process, spent_us);
}

void aod__job_post(aod_job_t *job) {
  job->task.run = run;
  post(job);
}
