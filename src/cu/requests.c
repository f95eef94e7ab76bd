/* What is asked of the unit, each request as a job in the lane of its process. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ao/address.h"
#include "arweave/base64url.h"
#include "base/json.h"
#include "cu/internal.h"

/* ---- what is known of messages and processes ---- */

int aod__cu_locate(aod_cu_t *cu, const uint8_t process[32], const uint8_t message[32],
                   aod_assignment_t *assignment, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_scheduled_t scheduled;
  int code = cu->scheduler->find(cu->scheduler->context, process, message, &arena, &scheduled, err);
  if (code == AOD_OK) code = aod_assignment_parse(&scheduled.assignment, assignment, err);
  if (code == AOD_OK) code = aod__cu_check_access(cu, assignment->process, err);
  if (code == AOD_ENOTFOUND)
    aod_fail(err, code,
             "message %.*s of process %.*s is not scheduled: Message or Process not found",
             AOD_ARG(aod_ao_id(&arena, message)), AOD_ARG(aod_ao_id(&arena, process)));
  aod_arena_free(&arena);
  return code;
}

/* Of a process that is not in its own schedule the scheduler says no more than its id. */
static bool is_process_record(const aod_scheduled_t *scheduled, const uint8_t id[32]) {
  aod_slice_t text;
  uint8_t process[32];
  return scheduled->has_item && aod_tags_find(&scheduled->assignment.tags, "Process", &text) &&
         aod_id_decode(text, process) && memcmp(process, id, 32) == 0;
}

int aod__cu_check_process(aod_cu_t *cu, const uint8_t id[32], aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_scheduled_t scheduled;
  int code = aod__cu_check_access(cu, id, err);
  if (code == AOD_OK)
    code = cu->scheduler->find(cu->scheduler->context, id, id, &arena, &scheduled, err);
  if (code == AOD_ENOTFOUND)
    aod_fail(err, code, "TransactionNotFound: Process %.*s was not found on gateway",
             AOD_ARG(aod_ao_id(&arena, id)));
  else if (code == AOD_OK && !is_process_record(&scheduled, id))
    code = aod_fail(err, AOD_EINPUT, "%.*s is not a process", AOD_ARG(aod_ao_id(&arena, id)));
  aod_arena_free(&arena);
  return code;
}

int aod__cu_target_now(aod_cu_t *cu, const uint8_t process[32], aod_target_t *target,
                       aod_error_t *err) {
  int64_t now_ms;
  int code = cu->scheduler->now(cu->scheduler->context, process, &now_ms, err);
  if (code == AOD_OK) *target = aod__target_time(now_ms, now_ms);
  return code;
}

/* Up to and including a time, but not further than now. */
static int target_time(aod_cu_t *cu, const uint8_t process[32], int64_t to_ms, aod_target_t *target,
                       aod_error_t *err) {
  int code = aod__cu_target_now(cu, process, target, err);
  if (code == AOD_OK && to_ms < target->time_ms) *target = aod__target_time(to_ms, to_ms + 1);
  return code;
}

static void begin_job(aod_cu_t *cu, aod_job_t *job, const uint8_t process[32]) {
  job->process = aod__process_get(cu, process);
  aod__job_post(job);
}

/* ---- results ---- */

typedef struct {
  aod_job_t job;
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

/* The result of a record that has been evaluated. */
static int read_evaluated(const aod_process_t *process, uint64_t nonce, aod_buf_t *body,
                          aod_error_t *err) {
  if (process->has_last && process->last_nonce == nonce) {
    aod_buf_append(body, aod_buf_slice(&process->last_body));
    return AOD_OK;
  }
  aod_results_flush(process->cu->results);
  return read_stored(process->cu, process->id, nonce, body, err);
}

/* The result is lost, and the process is beyond it: turn to the rerun. Where that has begun behind
 * it, too, it begins once more. */
static bool evaluate_again(aod_job_t *job) {
  if (job->final) return false;
  if (job->anew) aod__process_unload(job->process);
  job->final = job->anew;
  job->anew = true;
  aod__job_post(job);
  return true;
}

static void finish_result(aod_job_t *job, int code, aod_error_t *err) {
  result_job_t *result = (result_job_t *)job;
  aod_process_t *process = job->process;
  if (code == AOD_OK) {
    code = read_evaluated(process, result->nonce, &result->call->body, err);
    if (code == AOD_ENOTFOUND && evaluate_again(job)) return;
    if (code == AOD_ENOTFOUND) /* to try again is right, to give up not */
      code = aod_fail(err, AOD_EIO, "the result of nonce %llu could not be stored",
                      (unsigned long long)result->nonce);
  }
  result->call->done(result->call, code, err);
  free(result);
}

static void start_result(aod_cu_t *cu, const uint8_t process[32], uint64_t nonce,
                         aod_result_call_t *call) {
  result_job_t *result = aod_alloc(sizeof *result);
  result->job.target = aod__target_record(nonce);
  result->job.finish = finish_result;
  result->nonce = nonce;
  result->call = call;
  begin_job(cu, &result->job, process);
}

void aod__cu_result(void *context, aod_result_call_t *call) {
  aod_cu_t *cu = context;
  aod_error_t err;
  aod_assignment_t assignment;
  int code = aod__cu_locate(cu, call->process, call->message, &assignment, &err);
  if (code == AOD_OK) {
    code = read_stored(cu, assignment.process, assignment.nonce, &call->body, &err);
    if (code == AOD_ENOTFOUND) {
      start_result(cu, assignment.process, assignment.nonce, call);
      return;
    }
  }
  call->done(call, code, &err);
}

/* ---- pages ---- */

static void write_edge(const aod_evaluated_t *evaluated, bool descending, aod_buf_t *json) {
  aod_cursor_t cursor = {.timestamp_ms = evaluated->timestamp_ms,
                         .ordinate = evaluated->nonce,
                         .cron = evaluated->cron,
                         .has_block = aod_cron_id_by_block(evaluated->cron),
                         .block = evaluated->block_height,
                         .descending = descending};
  aod_json_separate(json);
  aod_buf_text(json, "{\"node\":");
  aod_buf_append(json, evaluated->node);
  aod_buf_text(json, ",\"cursor\":\"");
  aod_cursor_write(&cursor, json);
  aod_buf_text(json, "\"}");
}

int aod__cu_page(aod_cu_t *cu, const uint8_t process[32], const aod_results_query_t *query,
                 aod_buf_t *json, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_evaluated_list_t list;
  aod_results_query_t one_more = *query;
  one_more.limit++;
  aod_results_flush(cu->results);
  int code = aod_results_page(cu->results, process, &one_more, &arena, &list, err);
  if (code == AOD_OK) {
    bool more = list.count > query->limit;
    aod_buf_printf(json, "{\"pageInfo\":{\"hasNextPage\":%s},\"edges\":[", more ? "true" : "false");
    for (size_t i = 0; i < list.count - more; i++)
      write_edge(&list.list[i], query->descending, json);
    aod_buf_text(json, "]}");
  }
  aod_arena_free(&arena);
  return code;
}

static int read_cursor(aod_slice_t text, aod_arena_t *arena, aod_cursor_t *cursor,
                       const aod_cursor_t **bound, aod_error_t *err) {
  if (text.len == 0) return AOD_OK;
  if (!aod_cursor_parse(text, arena, cursor))
    return aod_fail(err, AOD_EINPUT, "'from': must be a cursor or a timestamp in milliseconds");
  *bound = cursor;
  return AOD_OK;
}

/* The page that a call asks for, without evaluating anything. */
static int read_called_page(aod_cu_t *cu, aod_page_call_t *call, aod_results_query_t query,
                            aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_cursor_t from;
  query.limit = call->limit;
  int code = read_cursor(call->from, &arena, &from, &query.from, err);
  if (code == AOD_OK) code = aod__cu_page(cu, call->process, &query, &call->body, err);
  aod_arena_free(&arena);
  return code;
}

void aod__cu_newest_page(void *cu, aod_page_call_t *call) {
  aod_error_t err;
  int code = read_called_page(cu, call, (aod_results_query_t){.descending = true}, &err);
  call->done(call, code, &err);
}

typedef struct {
  aod_job_t job;
  aod_page_call_t *call;
  aod_arena_t arena; /* of `to` */
  bool has_to;
  aod_cursor_t to;
} cron_job_t;

static void finish_cron_page(aod_job_t *job, int code, aod_error_t *err) {
  cron_job_t *cron = (cron_job_t *)job;
  aod_results_query_t query = {.cron_only = true, .to = cron->has_to ? &cron->to : NULL};
  if (code == AOD_OK) code = read_called_page(job->process->cu, cron->call, query, err);
  cron->call->done(cron->call, code, err);
  aod_arena_free(&cron->arena);
  free(cron);
}

void aod__cu_cron_page_to(aod_cu_t *cu, aod_page_call_t *call, const aod_cursor_t *to) {
  cron_job_t *cron = aod_alloc(sizeof *cron);
  cron->job.finish = finish_cron_page;
  cron->call = call;
  cron->has_to = to != NULL;
  aod_error_t err;
  int code = aod__cu_check_process(cu, call->process, &err);
  if (code == AOD_OK && to) {
    cron->to = *to;
    cron->to.cron = aod_arena_copy(&cron->arena, to->cron);
    code = target_time(cu, call->process, to->timestamp_ms, &cron->job.target, &err);
  } else if (code == AOD_OK) {
    code = aod__cu_target_now(cu, call->process, &cron->job.target, &err);
  }
  if (code == AOD_OK) {
    begin_job(cu, &cron->job, call->process);
    return;
  }
  call->done(call, code, &err);
  aod_arena_free(&cron->arena);
  free(cron);
}

void aod__cu_cron_page(void *cu, aod_page_call_t *call) {
  aod__cu_cron_page_to(cu, call, NULL);
}

/* ---- state ---- */

enum { CHUNK_BYTES = 65536 };

/* Copy the memory to a file without a name that takes as much room as is in use. */
static int copy_memory(const aod_instance_t *instance, int fd, uint64_t bytes, aod_error_t *err) {
  static const char what[] = "cannot copy the memory of the process";
  if (ftruncate(fd, (off_t)bytes) < 0)
    return aod_fail(err, AOD_EIO, "%s: %s", what, strerror(errno));
  uint8_t *chunk = aod_alloc(CHUNK_BYTES);
  int code = AOD_OK;
  for (uint64_t at = 0; at < bytes && code == AOD_OK; at += CHUNK_BYTES) {
    aod_instance_memory_read(instance, at, chunk, CHUNK_BYTES);
    if (!aod_slice_is_zero(aod_slice(chunk, CHUNK_BYTES)) &&
        pwrite(fd, chunk, CHUNK_BYTES, (off_t)at) != CHUNK_BYTES)
      code = aod_fail(err, AOD_EIO, "%s: %s", what, strerror(errno));
  }
  free(chunk);
  return code;
}

static int take_state(aod_state_call_t *call, aod_error_t *err) {
  const aod_process_t *process = call->job.process;
  const aod_progress_t *at = &process->at;
  call->bytes = aod_instance_memory_bytes(process->instance);
  call->timestamp_ms = at->timestamp_ms;
  call->block_height = at->block_height;
  call->ordinate = at->next_nonce ? at->next_nonce - 1 : 0;
  call->fd = memfd_create("state", MFD_CLOEXEC);
  if (call->fd < 0)
    return aod_fail(err, AOD_EIO, "cannot make a file for the state: %s", strerror(errno));
  int code = copy_memory(process->instance, call->fd, call->bytes, err);
  if (code != AOD_OK) close(call->fd);
  return code;
}

static void finish_state(aod_job_t *job, int code, aod_error_t *err) {
  aod_state_call_t *call = (aod_state_call_t *)job;
  if (code == AOD_OK) code = take_state(call, err);
  call->done(call, code, err);
}

void aod__cu_state(aod_cu_t *cu, aod_state_call_t *call) {
  aod_error_t err;
  aod_target_t *target = &call->job.target;
  int code = aod__cu_check_process(cu, call->process, &err);
  if (code == AOD_OK)
    code = call->has_to ? target_time(cu, call->process, call->to_ms, target, &err)
                        : aod__cu_target_now(cu, call->process, target, &err);
  if (call->has_nonce) *target = aod__target_record(call->nonce);
  if (code != AOD_OK) {
    call->done(call, code, &err);
    return;
  }
  call->job.exact = call->has_to || call->has_nonce;
  call->job.finish = finish_state;
  begin_job(cu, &call->job, call->process);
}

/* ---- checkpoints ---- */

static void finish_checkpoint(aod_job_t *job, int code, aod_error_t *err) {
  aod_checkpoint_call_t *call = (aod_checkpoint_call_t *)job;
  if (code == AOD_OK) code = aod__checkpoint_write(job->process, call->id, err);
  call->done(call, code, err);
}

void aod__cu_checkpoint(aod_cu_t *cu, aod_checkpoint_call_t *call) {
  aod_error_t err;
  int code = aod__cu_check_process(cu, call->process, &err);
  if (code == AOD_OK) code = aod__cu_target_now(cu, call->process, &call->job.target, &err);
  if (code != AOD_OK) {
    call->done(call, code, &err);
    return;
  }
  call->job.finish = finish_checkpoint;
  begin_job(cu, &call->job, call->process);
}
