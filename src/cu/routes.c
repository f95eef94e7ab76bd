/* The compute unit over HTTP: shared/spec/units.md section 4. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "ao/address.h"
#include "ao/cursor.h"
#include "arweave/base64url.h"
#include "base/clock.h"
#include "cu/internal.h"

enum { DRY_RUN_BYTES_MAX = 10485760, RESULTS_DEFAULT = 25, CRON_DEFAULT = 500, PAGE_MAX = 1000 };

static const char content_json[] = "application/json; charset=utf-8";

static void respond_failure(aod_request_t *request, int code, const aod_error_t *err) {
  aod_respond_error(request, aod_error_http_status(code), "%s", err->message);
}

static void get_root(aod_request_t *request, void *unit) {
  char address[AOD_ID_CHARS + 1];
  aod_id_encode(((aod_cu_t *)unit)->address, address);
  aod_buf_t json = {0};
  aod_buf_printf(&json, "{\"address\":\"%s\",\"timestamp\":%" PRId64 "}", address,
                 aod_clock_wall_ms());
  aod_respond_buf(request, 200, content_json, &json);
}

/* The required process-id of the query; answers 400 itself when it is missing or malformed. */
static bool take_process_id(aod_request_t *request, uint8_t id[32]) {
  aod_slice_t text = AOD_EMPTY;
  if (!aod_request_query(request, "process-id", &text))
    aod_respond_error(request, 400, "'process-id': is required");
  else if (!aod_id_decode(text, id))
    aod_respond_error(request, 400, "'process-id': \"%.*s\" is no 43-character id",
                      AOD_ARG(aod_slice_sub(text, 0, 100)));
  else
    return true;
  return false;
}

/* ---- requests that wait ---- */

/* Up to what is evaluated is the query's `to`. */
static void begin_waiting(aod_cu_t *cu, aod__waiting_t *waiting, aod_request_t *request,
                          const uint8_t process[32]) {
  aod_slice_t to = AOD_EMPTY;
  aod_request_query(request, "to", &to);
  aod__busy_begin(&cu->busy, waiting, request, process, to);
}

/* Takes the body. */
static void end_waiting(aod_cu_t *cu, aod__waiting_t *waiting, aod_buf_t *body, int code,
                        const aod_error_t *err) {
  aod_request_t *request = waiting->request;
  if (!aod__busy_end(&cu->busy, waiting))
    aod_buf_free(body);
  else if (code == AOD_OK)
    aod_respond_buf(request, 200, content_json, body);
  else
    respond_failure(request, code, err);
}

/* ---- /result ---- */

typedef struct {
  aod_result_call_t call;
  aod_cu_t *cu;
  aod__waiting_t waiting;
} result_request_t;

static void result_done(aod_result_call_t *call, int code, const aod_error_t *err) {
  result_request_t *result = (result_request_t *)call;
  aod_buf_t body = call->body;
  end_waiting(result->cu, &result->waiting, &body, code, err);
}

/* A decimal slot number stands for the message with that nonce. */
static int slot_to_message(aod_cu_t *cu, aod_request_t *request, const uint8_t process[32],
                           uint8_t message[32], aod_error_t *err) {
  uint64_t nonce;
  aod_scheduled_list_t list;
  if (!aod_slice_to_u64(request->params[0], &nonce) || nonce > INT64_MAX)
    return aod_fail(err, AOD_EINPUT, "\"%.*s\" is neither a message id nor a slot number",
                    AOD_ARG(aod_slice_sub(request->params[0], 0, 100)));
  int code =
      cu->scheduler->range(cu->scheduler->context, process, nonce, 1, &request->arena, &list, err);
  if (code != AOD_OK) return code;
  if (list.count == 0)
    return aod_fail(err, AOD_ENOTFOUND, "process %.*s has no slot %" PRIu64,
                    AOD_ARG(aod_ao_id(&request->arena, process)), nonce);
  memcpy(message, list.list[0].assignment.id, 32);
  return AOD_OK;
}

static void get_result(aod_request_t *request, void *unit) {
  result_request_t *result = aod_arena_alloc(&request->arena, sizeof *result);
  result->cu = unit;
  result->call.done = result_done;
  if (!take_process_id(request, result->call.process)) return;
  aod_error_t err;
  int code = AOD_OK;
  if (!aod_id_decode(request->params[0], result->call.message))
    code = slot_to_message(unit, request, result->call.process, result->call.message, &err);
  if (code != AOD_OK) {
    respond_failure(request, code, &err);
    return;
  }
  aod__busy_begin(&result->cu->busy, &result->waiting, request, result->call.process,
                  request->params[0]);
  aod__cu_result(unit, &result->call);
}

/* ---- /results and /cron ---- */

static int read_limit(aod_request_t *request, size_t normal, size_t *limit, aod_error_t *err) {
  aod_slice_t text;
  uint64_t number = normal;
  if (aod_request_query(request, "limit", &text) && text.len &&
      (!aod_slice_to_u64(text, &number) || number == 0))
    return aod_fail(err, AOD_EINPUT, "'limit': must be a positive number");
  *limit = number > PAGE_MAX ? PAGE_MAX : (size_t)number;
  return AOD_OK;
}

/* A bound of the query; *cursor stays NULL when it is not there. */
static int read_cursor(aod_request_t *request, const char *name, const aod_cursor_t **cursor,
                       aod_error_t *err) {
  aod_slice_t text;
  if (!aod_request_query(request, name, &text) || text.len == 0) return AOD_OK;
  aod_cursor_t *parsed = aod_arena_alloc(&request->arena, sizeof *parsed);
  if (!aod_cursor_parse(text, &request->arena, parsed))
    return aod_fail(err, AOD_EINPUT, "'%s': must be a cursor or a timestamp in milliseconds", name);
  *cursor = parsed;
  return AOD_OK;
}

/* The sort inside a cursor wins over the query's. */
static int read_sort(aod_request_t *request, aod_results_query_t *query, aod_error_t *err) {
  aod_slice_t text;
  if (aod_request_query(request, "sort", &text) && text.len) {
    query->descending = aod_slice_is(text, "DESC");
    if (!query->descending && !aod_slice_is(text, "ASC"))
      return aod_fail(err, AOD_EINPUT, "'sort': must be ASC or DESC");
  }
  if (query->from && query->from->has_sort)
    query->descending = query->from->descending;
  else if (query->to && query->to->has_sort)
    query->descending = query->to->descending;
  return AOD_OK;
}

static int read_page(aod_request_t *request, aod_results_query_t *query, aod_error_t *err) {
  *query = (aod_results_query_t){0};
  int code = read_limit(request, RESULTS_DEFAULT, &query->limit, err);
  if (code == AOD_OK) code = read_cursor(request, "from", &query->from, err);
  if (code == AOD_OK) code = read_cursor(request, "to", &query->to, err);
  return code == AOD_OK ? read_sort(request, query, err) : code;
}

static void get_results(aod_request_t *request, void *unit) {
  static const uint8_t nobody[32]; /* an id that is none has no results either */
  aod_results_query_t query;
  uint8_t process[32];
  aod_buf_t json = {0};
  aod_error_t err;
  if (!aod_id_decode(request->params[0], process)) memcpy(process, nobody, 32);
  int code = read_page(request, &query, &err);
  if (code == AOD_OK) code = aod__cu_check_access(unit, process, &err);
  if (code == AOD_OK) code = aod__cu_page(unit, process, &query, &json, &err);
  if (code == AOD_OK)
    aod_respond_buf(request, 200, content_json, &json);
  else
    respond_failure(request, code, &err);
}

typedef struct {
  aod_page_call_t call;
  aod_cu_t *cu;
  aod__waiting_t waiting;
} cron_request_t;

static void cron_done(aod_page_call_t *call, int code, const aod_error_t *err) {
  cron_request_t *cron = (cron_request_t *)call;
  aod_buf_t body = call->body;
  end_waiting(cron->cu, &cron->waiting, &body, code, err);
}

/* The process id in the path; answers 400 itself when it is none. */
static bool take_path_id(aod_request_t *request, uint8_t id[32]) {
  if (aod_id_decode(request->params[0], id)) return true;
  aod_respond_error(request, 400, "\"%.*s\" is no 43-character id",
                    AOD_ARG(aod_slice_sub(request->params[0], 0, 100)));
  return false;
}

static void get_cron(aod_request_t *request, void *unit) {
  cron_request_t *cron = aod_arena_alloc(&request->arena, sizeof *cron);
  cron->cu = unit;
  cron->call.done = cron_done;
  if (!take_path_id(request, cron->call.process)) return;
  const aod_cursor_t *to = NULL;
  aod_error_t err;
  aod_request_query(request, "from", &cron->call.from);
  int code = read_limit(request, CRON_DEFAULT, &cron->call.limit, &err);
  if (code == AOD_OK) code = read_cursor(request, "to", &to, &err);
  if (code != AOD_OK) {
    respond_failure(request, code, &err);
    return;
  }
  begin_waiting(cron->cu, &cron->waiting, request, cron->call.process);
  aod__cu_cron_page_to(unit, &cron->call, to);
}

/* ---- /dry-run ---- */

typedef struct {
  aod_dry_run_t run;
  aod_cu_t *cu;
  aod__waiting_t waiting;
  json_t *body;
} dry_run_request_t;

static void dry_run_done(aod_dry_run_t *run, int code, const aod_error_t *err) {
  dry_run_request_t *dry = (dry_run_request_t *)run;
  aod_buf_t answer = run->answer;
  json_decref(dry->body);
  end_waiting(dry->cu, &dry->waiting, &answer, code, err);
}

/* The message of `to`, if there is one; answers 400 itself when it is no id. */
static bool take_message(aod_request_t *request, aod_dry_run_t *run) {
  aod_slice_t to;
  run->has_message = aod_request_query(request, "to", &to) && to.len;
  if (!run->has_message || aod_id_decode(to, run->message)) return true;
  aod_respond_error(request, 400, "'to': \"%.*s\" is no message id",
                    AOD_ARG(aod_slice_sub(to, 0, 100)));
  return false;
}

static void post_dry_run(aod_request_t *request, void *unit) {
  dry_run_request_t *dry = aod_arena_alloc(&request->arena, sizeof *dry);
  dry->cu = unit;
  dry->run.done = dry_run_done;
  aod_error_t err;
  if (!take_process_id(request, dry->run.process) || !take_message(request, &dry->run)) return;
  if (aod_json_parse(request->body, &dry->body, &err) != AOD_OK) {
    aod_respond_error(request, 400, "'body': %s", err.message);
    return;
  }
  dry->run.body = dry->body;
  begin_waiting(dry->cu, &dry->waiting, request, dry->run.process);
  aod__cu_dry_run(unit, &dry->run);
}

/* ---- /state ---- */

typedef struct {
  aod_state_call_t call;
  aod_cu_t *cu;
  aod__waiting_t waiting;
} state_request_t;

static void add_number(aod_request_t *request, const char *name, int64_t number) {
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, number);
  aod_respond_header(request, name, aod_text(text));
}

static void state_done(aod_state_call_t *call, int code, const aod_error_t *err) {
  state_request_t *state = (state_request_t *)call;
  aod_request_t *request = state->waiting.request;
  int fd = call->fd;
  if (!aod__busy_end(&state->cu->busy, &state->waiting)) {
    if (code == AOD_OK) close(fd);
    return;
  }
  if (code != AOD_OK) {
    respond_failure(request, code, err);
    return;
  }
  add_number(request, "Last-Timestamp", call->timestamp_ms);
  add_number(request, "Last-Ordinate", (int64_t)call->ordinate);
  add_number(request, "Last-Block-Height", (int64_t)call->block_height);
  aod_respond_file(request, 200, "application/octet-stream", fd, 0, call->bytes);
}

static void get_state(aod_request_t *request, void *unit) {
  state_request_t *state = aod_arena_alloc(&request->arena, sizeof *state);
  state->cu = unit;
  state->call.done = state_done;
  if (!take_path_id(request, state->call.process)) return;
  aod_slice_t to;
  uint64_t to_ms = 0;
  state->call.has_to = aod_request_query(request, "to", &to) && to.len;
  if (state->call.has_to && (!aod_slice_to_u64(to, &to_ms) || to_ms >= INT64_MAX)) {
    aod_respond_error(request, 400, "'to': must be a timestamp in milliseconds");
    return;
  }
  state->call.to_ms = (int64_t)to_ms;
  begin_waiting(state->cu, &state->waiting, request, state->call.process);
  aod__cu_state(unit, &state->call);
}

const aod_route_t aod_cu_routes[] = {
    {"GET", "/", get_root, 0},
    {"GET", "/result/:id", get_result, 0},
    {"POST", "/result/:id", get_result, 0}, /* as HyperBEAM asks; the body says nothing new */
    {"GET", "/results/:id", get_results, 0},
    {"GET", "/cron/:id", get_cron, 0},
    {"GET", "/state/:id", get_state, 0},
    {"POST", "/dry-run", post_dry_run, DRY_RUN_BYTES_MAX},
    {NULL, NULL, NULL, 0},
};
