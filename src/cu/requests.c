/* Requests as jobs in a process's lane. A job that has more to evaluate than a turn allows goes
 * back to the end of its lane, so that other processes and other requests get theirs. */
#include <stdlib.h>

#include "ao/address.h"
#include "arweave/base64url.h"
#include "cu/internal.h"

/* ---- results ---- */

typedef struct {
  aod_task_t task;
  aod_process_t *process;
  uint64_t nonce;
  aod_result_call_t *call;
} result_job_t;

static int read_stored(aod_cu_t *cu, const uint8_t process[32], uint64_t nonce, aod_buf_t *body,
                       aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_evaluated_t evaluated;
  int code = aod_results_get(cu->results, process, nonce, &arena, &evaluated, err);
  if (code == AOD_OK) aod_result_write(evaluated.node, evaluated.error, evaluated.gas_used, body);
  aod_arena_free(&arena);
  return code;
}

static void finish_result(result_job_t *job, int code, aod_error_t *err) {
  if (code == AOD_OK) {
    aod_cu_t *cu = job->process->cu;
    aod_results_flush(cu->results);
    code = read_stored(cu, job->process->id, job->nonce, &job->call->body, err);
    if (code == AOD_ENOTFOUND) /* evaluated, but not kept: to try again is right, to give up not */
      code = aod_fail(err, AOD_EIO, "the result of nonce %llu could not be stored",
                      (unsigned long long)job->nonce);
  }
  job->call->done(job->call, code, err);
  free(job);
}

static void run_result(aod_task_t *task) {
  result_job_t *job = (result_job_t *)task;
  aod_process_t *process = job->process;
  aod_error_t err;
  int code = aod__process_load(process, &err);
  if (code == AOD_OK && process->next_nonce <= job->nonce)
    code = aod__process_advance(process, job->nonce, &err);
  if (code == 1)
    aod_lane_post(&process->lane, &job->task);
  else
    finish_result(job, code, &err);
}

/* Where in which schedule a message stands. */
static int locate(aod_cu_t *cu, const aod_result_call_t *call, aod_assignment_t *assignment,
                  aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_scheduled_t scheduled;
  int code = cu->scheduler->find(cu->scheduler->context, call->message, &arena, &scheduled, err);
  if (code == AOD_OK) code = aod_assignment_parse(&scheduled.assignment, assignment, err);
  if (code == AOD_ENOTFOUND)
    aod_fail(err, code,
             "message %.*s of process %.*s is not scheduled: Message or Process not found",
             AOD_ARG(aod_ao_id(&arena, call->message)), AOD_ARG(aod_ao_id(&arena, call->process)));
  aod_arena_free(&arena);
  return code;
}

void aod__cu_result(void *context, aod_result_call_t *call) {
  aod_cu_t *cu = context;
  aod_error_t err;
  aod_assignment_t assignment;
  int code = locate(cu, call, &assignment, &err);
  if (code == AOD_OK) {
    code = read_stored(cu, assignment.process, assignment.nonce, &call->body, &err);
    if (code == AOD_ENOTFOUND) {
      result_job_t *job = aod_alloc(sizeof *job);
      *job = (result_job_t){.task = {.run = run_result},
                            .process = aod__process_get(cu, assignment.process),
                            .nonce = assignment.nonce,
                            .call = call};
      aod_lane_post(&job->process->lane, &job->task);
      return;
    }
  }
  call->done(call, code, &err);
}

/* ---- dry runs ---- */

typedef struct {
  aod_task_t task;
  aod_process_t *process;
  aod_dry_run_t *run;
} dry_job_t;

static int dry_run(dry_job_t *job, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_result_t result;
  int code = aod__process_dry_run(job->process, job->run->body, &arena, &result, err);
  if (code == AOD_OK) {
    aod_result_write(aod_buf_slice(&result.node), aod_buf_slice(&result.error), result.gas_used,
                     &job->run->answer);
    aod_result_free(&result);
  }
  aod_arena_free(&arena);
  return code;
}

static void run_dry(aod_task_t *task) {
  dry_job_t *job = (dry_job_t *)task;
  aod_error_t err;
  int code = aod__process_load(job->process, &err);
  if (code == AOD_OK) code = aod__process_advance(job->process, UINT64_MAX - 1, &err);
  if (code == 1) {
    aod_lane_post(&job->process->lane, &job->task);
    return;
  }
  if (code == AOD_OK) code = dry_run(job, &err);
  job->run->done(job->run, code, &err);
  free(job);
}

/* Only a process that exists gets a place in memory. */
static int check_process(aod_cu_t *cu, const uint8_t id[32], aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_scheduled_t scheduled;
  aod_assignment_t assignment = {0};
  int code = cu->scheduler->find(cu->scheduler->context, id, &arena, &scheduled, err);
  if (code == AOD_OK) code = aod_assignment_parse(&scheduled.assignment, &assignment, err);
  if (code == AOD_ENOTFOUND)
    aod_fail(err, code, "TransactionNotFound: Process %.*s was not found on gateway",
             AOD_ARG(aod_ao_id(&arena, id)));
  else if (code == AOD_OK && memcmp(assignment.process, id, 32) != 0)
    code = aod_fail(err, AOD_EINPUT, "%.*s is not a process", AOD_ARG(aod_ao_id(&arena, id)));
  aod_arena_free(&arena);
  return code;
}

void aod__cu_dry_run(aod_cu_t *cu, aod_dry_run_t *run) {
  aod_error_t err;
  int code = check_process(cu, run->process, &err);
  if (code != AOD_OK) {
    run->done(run, code, &err);
    return;
  }
  dry_job_t *job = aod_alloc(sizeof *job);
  *job = (dry_job_t){
      .task = {.run = run_dry}, .process = aod__process_get(cu, run->process), .run = run};
  aod_lane_post(&job->process->lane, &job->task);
}
