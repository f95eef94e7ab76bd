/* One message: take a worker, bind the process where it is not yet, ask, and check what comes back.
 * The worker stays held until the message is decided, because the changes lie in its region.
 *
 * A worker that dies is nobody's loss: the message is evaluated once more, in a new one. A message
 * that kills that one too gets a failure as its result, and the process goes on from its committed
 * image. Time on the wall ends an evaluation only when everything that counts work has failed to.
 */
#include "vm/remote.h"

#include "vm/worker_drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EVALUATE_TIMEOUT_MS = 600000, BIND_TIMEOUT_MS = 60000, ATTEMPTS = 2 };
enum { STATE_BYTES_MAX = 64 << 20 }; /* the largest tables and very many globals */

/* ---- taking changes out of the region ---- */

/* The ranges are copied before they are looked at. */
static void take_ranges(aod__remote_t *remote, const aod__worker_reply_t *reply) {
  aod_staging_t staging = aod__channel_staging(remote->held->channel, remote->crew->channel_bytes);
  aod_buf_clear(&remote->ranges);
  aod_buf_append(&remote->ranges,
                 aod_slice(staging.ranges, reply->range_count * sizeof *staging.ranges));
  staging.ranges = (aod_range_t *)remote->ranges.ptr;
  staging.range_count = reply->range_count;
  remote->changes = staging;
  remote->new_bytes = reply->memory_bytes;
}

static bool take_changes(aod__remote_t *remote, const aod__worker_reply_t *reply) {
  take_ranges(remote, reply);
  aod_buf_clear(&remote->new_state);
  aod_buf_append(&remote->new_state, aod__worker_text(remote->held, reply, 2));
  if (!aod_committed_accepts(&remote->committed, &remote->changes, remote->new_bytes)) return false;
  for (uint64_t i = 0; i < remote->changes.range_count; i++)
    remote->staged_bytes += remote->changes.ranges[i].len;
  return true;
}

static void apply(aod__remote_t *remote) {
  aod_committed_apply(&remote->committed, &remote->changes, remote->new_bytes);
  if (remote->new_state.len == 0) return;
  aod_buf_clear(&remote->state);
  aod_buf_append(&remote->state, aod_buf_slice(&remote->new_state));
}

static void let_go(aod__remote_t *remote) {
  aod__worker_trim(remote->held, remote->staged_bytes);
  remote->staged_bytes = 0;
  aod__pool_give(remote->pool, remote->held);
  remote->held = NULL;
  if (remote->moved) aod__pool_unbind(remote->pool, &remote->binding);
  remote->moved = false;
}

/* ---- open and close ---- */

static void init(aod__remote_t *remote, aod__pool_t *pool, aod__crew_t *crew) {
  *remote = (aod__remote_t){.pool = pool, .crew = crew, .committed.image.fd = -1};
}

int aod__remote_open(aod__remote_t *remote, aod__pool_t *pool, aod__crew_t *crew,
                     const aod_wasm_module_t *module, const aod_instance_options_t *options,
                     const aod_image_t *image, aod_slice_t state, aod_error_t *err) {
  uint64_t min, max;
  uint32_t address_bits;
  init(remote, pool, crew);
  remote->memory_cap_bytes = options->memory_cap_bytes;
  remote->drive = options->drive;
  int rc =
      aod_core_memory_limits(module, options->memory_cap_bytes, &min, &max, &address_bits, err);
  if (rc == AOD_OK) rc = aod_committed_open(&remote->committed, min, max, image, err);
  if (rc) return rc;
  aod_buf_append(&remote->state, state);
  return AOD_OK;
}

int aod__remote_view(const aod__remote_t *remote, aod__remote_t *view, aod_error_t *err) {
  init(view, remote->pool, remote->crew);
  view->is_view = true;
  view->memory_cap_bytes = remote->memory_cap_bytes;
  view->drive = remote->drive;
  if (!aod_committed_picture(&remote->committed, &view->committed))
    return aod_fail(err, AOD_ENOMEM, "no memory for a view of a process");
  aod_buf_append(&view->state, aod_buf_slice(&remote->state));
  return AOD_OK;
}

int aod__remote_detach(aod__remote_t *remote, aod_error_t *err) {
  if (!aod_committed_move(&remote->committed))
    return aod_fail(err, AOD_ENOMEM, "no memory for another image of a process");
  remote->moved = true;
  return AOD_OK;
}

void aod__remote_close(aod__remote_t *remote) {
  aod__pool_unbind(remote->pool, &remote->binding);
  if (remote->held) let_go(remote);
  aod_committed_close(&remote->committed);
  aod_buf_free(&remote->state);
  aod_buf_free(&remote->new_state);
  aod_buf_free(&remote->ranges);
}

/* ---- asking ---- */

/* What became of a request: answered, or why not in `how`, and then the worker is gone. */
static aod__answer_t ask(aod__remote_t *remote, const aod__worker_request_t *request, int fd,
                         int64_t timeout_ms, aod__worker_reply_t *reply, char *how) {
  aod__answer_t answer = aod__worker_ask(remote->held, request, fd, timeout_ms, reply);
  while (answer == AOD__ANSWERED && reply->ask)
    answer = aod__drive_answer(remote->drive, remote->held, reply)
                 ? aod__worker_await(remote->held, timeout_ms, reply)
                 : AOD__DIED;
  if (answer == AOD__ANSWERED) return answer;
  aod__pool_discard(remote->pool, remote->held, how);
  remote->held = NULL;
  return answer;
}

/* AOD_OK, or the worker's own error, which the caller gets. */
static int result_of(aod__remote_t *remote, const aod__worker_reply_t *reply, aod_error_t *err) {
  if (reply->code == AOD_OK) return AOD_OK;
  aod_slice_t reason = aod_slice_sub(aod__worker_text(remote->held, reply, 0), 0, 900);
  bool expected = reply->code == AOD_ETRAP || reply->code == AOD_EINPUT;
  int code = expected ? reply->code : AOD_ENOMEM;
  return aod_fail(err, code, "%.*s", AOD_ARG(reason));
}

/* Give the process to the worker that is held, which may refuse (AOD__ANSWERED, with a code). */
static aod__answer_t bind_process(aod__remote_t *remote, aod__worker_reply_t *reply, char *how) {
  const aod_image_t *image = &remote->committed.image;
  aod__worker_request_t request = {.op = AOD__WORKER_BIND,
                                   .slot = remote->binding.slot,
                                   .memory_cap_bytes = remote->memory_cap_bytes,
                                   .has_drive = remote->drive != NULL,
                                   .memory_bytes = image->bytes,
                                   .file_bytes = image->file_bytes};
  aod_slice_t present = aod_slice(image->present, aod_pages_count(image->bytes));
  int fd = aod_committed_share(&remote->committed);
  aod_assert(aod__worker_set_texts(remote->held, &request, aod_buf_slice(&remote->state), present));
  remote->kept = false;
  aod__answer_t answer = ask(remote, &request, fd, BIND_TIMEOUT_MS, reply, how);
  if (fd >= 0) close(fd);
  return answer;
}

/* The same, where the state is known to fit: a worker that refuses has no room. */
static aod__answer_t bind_known(aod__remote_t *remote, char *how) {
  aod__worker_reply_t reply;
  aod__answer_t answer = bind_process(remote, &reply, how);
  if (answer != AOD__ANSWERED || reply.code == AOD_OK) return answer;
  aod__pool_discard(remote->pool, remote->held, how);
  remote->held = NULL;
  return AOD__DIED;
}

int aod__remote_restore(aod__remote_t *remote, aod_slice_t state, aod_error_t *err) {
  char how[100];
  bool fresh;
  aod__worker_reply_t reply;
  aod_buf_clear(&remote->state);
  aod_buf_append(&remote->state, state);
  if (state.len > STATE_BYTES_MAX)
    return aod_fail(err, AOD_EINPUT, "a state of %zu bytes fits no module", state.len);
  int rc = aod__pool_take(remote->pool, remote->crew, &remote->binding, false, &remote->held,
                          &fresh, err);
  if (rc) return rc;
  if (bind_process(remote, &reply, how) != AOD__ANSWERED)
    return aod_fail(err, AOD_EUNAVAILABLE, "a worker died while it took a process up: %s", how);
  rc = result_of(remote, &reply, err);
  let_go(remote);
  return rc;
}

/* ---- image zero ---- */

static int prepare(aod__remote_t *remote, aod_error_t *err) {
  char how[100];
  bool fresh;
  int rc = aod__pool_take(remote->pool, remote->crew, &remote->binding, false, &remote->held,
                          &fresh, err);
  if (rc) return rc;
  aod__worker_request_t request = {.op = AOD__WORKER_PREPARE, .slot = remote->binding.slot};
  aod__worker_reply_t reply;
  if (ask(remote, &request, -1, EVALUATE_TIMEOUT_MS, &reply, how) != AOD__ANSWERED)
    return aod_fail(err, AOD_EUNAVAILABLE, "a worker died while it loaded the module: %s", how);
  rc = result_of(remote, &reply, err);
  if (rc) return rc;
  if (!take_changes(remote, &reply))
    return aod_fail(err, AOD_EUNAVAILABLE, "a worker answered nonsense");
  apply(remote);
  return AOD_OK;
}

int aod__remote_prepare(aod__pool_t *pool, aod__crew_t *crew, const aod_wasm_module_t *module,
                        aod_image_t *image, aod_buf_t *state, uint8_t fingerprint[32],
                        aod_error_t *err) {
  static const aod_instance_options_t none = {0};
  aod__remote_t remote;
  int rc = aod__remote_open(&remote, pool, crew, module, &none, NULL, AOD_EMPTY, err);
  if (rc == AOD_OK) rc = prepare(&remote, err);
  if (rc == AOD_OK) {
    aod_buf_append(state, aod_buf_slice(&remote.state));
    aod_pages_fingerprint(aod_committed_pages(&remote.committed), fingerprint);
    *image = aod_committed_freeze(&remote.committed);
  }
  aod__remote_close(&remote);
  return rc;
}

/* ---- a message ---- */

static void fail(aod_evaluation_t *evaluation, const char *reason) {
  evaluation->failed = true;
  aod_buf_text(&evaluation->text, reason);
}

static bool take_reply(aod__remote_t *remote, const aod__worker_reply_t *reply,
                       aod_evaluation_t *evaluation) {
  evaluation->failed = reply->failed != 0;
  evaluation->exit_status = reply->exit_status;
  evaluation->gas_used = reply->gas_used;
  aod_buf_append(&evaluation->text, aod__worker_text(remote->held, reply, 0));
  aod_buf_append(&evaluation->output, aod__worker_text(remote->held, reply, 1));
  return evaluation->failed || remote->is_view || take_changes(remote, reply);
}

/* The drive could not answer, so there is no result; the worker has undone what was done. */
static bool take_outage(aod__remote_t *remote, const aod__worker_reply_t *reply,
                        aod_error_t *outage) {
  if (reply->code == AOD_OK) return false;
  aod_slice_t reason = aod_slice_sub(aod__worker_text(remote->held, reply, 0), 0, 900);
  bool known = reply->code > AOD_ERROR_FIRST_ && reply->code < 0;
  aod_fail(outage, known ? reply->code : AOD_EUNAVAILABLE, "%.*s", AOD_ARG(reason));
  return true;
}

/* AOD__ANSWERED when the evaluation (or `outage`) is filled, else the worker is gone and `how`
 * tells why. */
static aod__answer_t attempt(aod__remote_t *remote, bool fresh, uint64_t compute_limit,
                             aod_slice_t msg, aod_slice_t env, aod_evaluation_t *evaluation,
                             aod_error_t *outage, char *how) {
  aod__answer_t answer = fresh ? bind_known(remote, how) : AOD__ANSWERED;
  if (answer != AOD__ANSWERED) return answer;
  aod__worker_request_t request = {.op = AOD__WORKER_EVALUATE,
                                   .slot = remote->binding.slot,
                                   .keep = remote->kept,
                                   .dry = remote->is_view,
                                   .compute_limit = compute_limit};
  aod__worker_reply_t reply;
  aod_assert(aod__worker_set_texts(remote->held, &request, msg, env));
  answer = ask(remote, &request, -1, EVALUATE_TIMEOUT_MS, &reply, how);
  if (answer != AOD__ANSWERED) return answer;
  remote->kept = false;
  if (take_outage(remote, &reply, outage)) return AOD__ANSWERED;
  if (take_reply(remote, &reply, evaluation)) return AOD__ANSWERED;
  aod__pool_discard(remote->pool, remote->held, how);
  remote->held = NULL;
  snprintf(how, 100, "it answered nonsense");
  aod_evaluation_free(evaluation);
  return AOD__DIED;
}

static void explain_death(aod__answer_t answer, const char *how, aod_evaluation_t *evaluation) {
  char reason[300];
  if (answer == AOD__TIMED_OUT)
    snprintf(reason, sizeof reason,
             "the message was stopped after %d s by the clock, which no counted limit did",
             EVALUATE_TIMEOUT_MS / 1000);
  else
    snprintf(reason, sizeof reason, "the message ended the worker that evaluated it, twice (%s)",
             how);
  evaluation->worker_died = true;
  fail(evaluation, reason);
}

int aod__remote_evaluate(aod__remote_t *remote, uint64_t compute_limit, aod_slice_t msg,
                         aod_slice_t env, aod_evaluation_t *evaluation, aod_error_t *err) {
  char how[100];
  aod__answer_t answer = AOD__DIED;
  aod_error_t outage = {0};
  *evaluation = (aod_evaluation_t){.exit_status = -1};
  if (msg.len + env.len > AOD__CHANNEL_REQUEST_BYTES) {
    fail(evaluation, "the message is too large");
    return AOD_OK;
  }
  for (int i = 0; i < ATTEMPTS && answer == AOD__DIED; i++) {
    bool fresh;
    int rc = aod__pool_take(remote->pool, remote->crew, &remote->binding, i > 0, &remote->held,
                            &fresh, err);
    if (rc) return rc;
    answer = attempt(remote, fresh, compute_limit, msg, env, evaluation, &outage, how);
  }
  if (answer == AOD__ANSWERED && outage.code) {
    let_go(remote);
    return aod_fail(err, outage.code, "%s", outage.message);
  }
  if (answer != AOD__ANSWERED) explain_death(answer, how, evaluation);
  return AOD_OK;
}

/* ---- deciding ---- */

void aod__remote_commit(aod__remote_t *remote) {
  aod_assert(remote->held && !remote->is_view);
  apply(remote);
  remote->kept = true;
  let_go(remote);
}

void aod__remote_rollback(aod__remote_t *remote) {
  if (!remote->held) return; /* no worker holds anything of it */
  aod__worker_tell(remote->held, AOD__WORKER_UNDO, remote->binding.slot);
  let_go(remote);
}
