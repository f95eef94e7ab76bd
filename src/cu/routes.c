/* The compute unit over HTTP: shared/spec/units.md section 4. */
#include <inttypes.h>
#include <stdlib.h>

#include "ao/address.h"
#include "ao/cursor.h"
#include "arweave/base64url.h"
#include "base/clock.h"
#include "cu/internal.h"

enum { DRY_RUN_BYTES_MAX = 10485760, RESULTS_DEFAULT = 25, RESULTS_MAX = 1000 };

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

/* ---- /result ---- */

typedef struct {
  aod_result_call_t call;
  aod_request_t *request;
} result_request_t;

static void result_done(aod_result_call_t *call, int code, const aod_error_t *err) {
  aod_request_t *request = ((result_request_t *)call)->request;
  aod_buf_t body = call->body;
  if (code == AOD_OK)
    aod_respond_buf(request, 200, content_json, &body);
  else
    respond_failure(request, code, err);
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
  result->request = request;
  result->call.done = result_done;
  if (!take_process_id(request, result->call.process)) return;
  aod_error_t err;
  int code = AOD_OK;
  if (!aod_id_decode(request->params[0], result->call.message))
    code = slot_to_message(unit, request, result->call.process, result->call.message, &err);
  if (code == AOD_OK)
    aod__cu_result(unit, &result->call);
  else
    respond_failure(request, code, &err);
}

/* ---- /results ---- */

typedef struct {
  int64_t after_ms, to_ms;
  bool descending;
  size_t limit;
} page_t;

static int read_cursor(aod_request_t *request, const char *name, int64_t *bound_ms, bool *sorted,
                       page_t *page, aod_error_t *err) {
  aod_slice_t text;
  aod_cursor_t cursor;
  if (!aod_request_query(request, name, &text) || text.len == 0) return AOD_OK;
  if (!aod_cursor_parse(text, &request->arena, &cursor))
    return aod_fail(err, AOD_EINPUT, "'%s': must be a cursor or a timestamp in milliseconds", name);
  *bound_ms = cursor.timestamp_ms;
  if (cursor.has_sort && !*sorted) {
    *sorted = true; /* the sort inside a cursor wins over the query's */
    page->descending = cursor.descending;
  }
  return AOD_OK;
}

static int read_page(aod_request_t *request, page_t *page, aod_error_t *err) {
  aod_slice_t text;
  uint64_t limit = RESULTS_DEFAULT;
  bool sorted = false;
  *page = (page_t){.after_ms = -1, .to_ms = INT64_MAX};
  if (aod_request_query(request, "sort", &text)) {
    page->descending = aod_slice_is(text, "DESC");
    if (!page->descending && !aod_slice_is(text, "ASC") && text.len)
      return aod_fail(err, AOD_EINPUT, "'sort': must be ASC or DESC");
  }
  if (aod_request_query(request, "limit", &text) && text.len &&
      (!aod_slice_to_u64(text, &limit) || limit == 0))
    return aod_fail(err, AOD_EINPUT, "'limit': must be a positive number");
  page->limit = limit > RESULTS_MAX ? RESULTS_MAX : (size_t)limit;
  int code = read_cursor(request, "from", &page->after_ms, &sorted, page, err);
  return code == AOD_OK ? read_cursor(request, "to", &page->to_ms, &sorted, page, err) : code;
}

static void write_connection(const page_t *page, const aod_evaluated_list_t *list,
                             aod_buf_t *json) {
  bool more = list->count > page->limit;
  size_t count = more ? page->limit : list->count;
  aod_buf_printf(json, "{\"pageInfo\":{\"hasNextPage\":%s},\"edges\":[", more ? "true" : "false");
  for (size_t i = 0; i < count; i++) {
    const aod_evaluated_t *evaluated = &list->list[i];
    aod_cursor_t cursor = {.timestamp_ms = evaluated->timestamp_ms,
                           .ordinate = evaluated->nonce,
                           .descending = page->descending};
    aod_json_separate(json);
    aod_buf_text(json, "{\"node\":");
    aod_buf_append(json, evaluated->node);
    aod_buf_text(json, ",\"cursor\":\"");
    aod_cursor_write(&cursor, json);
    aod_buf_text(json, "\"}");
  }
  aod_buf_text(json, "]}");
}

static void get_results(aod_request_t *request, void *unit) {
  aod_cu_t *cu = unit;
  page_t page;
  aod_evaluated_list_t list = {0};
  uint8_t process[32];
  aod_error_t err;
  int code = read_page(request, &page, &err);
  if (code == AOD_OK && aod_id_decode(request->params[0], process)) {
    aod_results_flush(cu->results);
    code = aod_results_page(cu->results, process, page.after_ms, page.to_ms, page.descending,
                            page.limit + 1, &request->arena, &list, &err);
  }
  if (code != AOD_OK) {
    respond_failure(request, code, &err);
    return;
  }
  aod_buf_t json = {0};
  write_connection(&page, &list, &json);
  aod_respond_buf(request, 200, content_json, &json);
}

/* ---- /dry-run ---- */

typedef struct {
  aod_dry_run_t run;
  aod_request_t *request;
  json_t *body;
} dry_run_request_t;

static void dry_run_done(aod_dry_run_t *run, int code, const aod_error_t *err) {
  dry_run_request_t *dry = (dry_run_request_t *)run;
  aod_buf_t answer = run->answer;
  json_decref(dry->body);
  if (code == AOD_OK)
    aod_respond_buf(dry->request, 200, content_json, &answer);
  else
    respond_failure(dry->request, code, err);
}

static void post_dry_run(aod_request_t *request, void *unit) {
  dry_run_request_t *dry = aod_arena_alloc(&request->arena, sizeof *dry);
  dry->request = request;
  dry->run.done = dry_run_done;
  aod_slice_t to;
  aod_error_t err;
  if (!take_process_id(request, dry->run.process)) return;
  if (aod_request_query(request, "to", &to) && to.len) {
    aod_respond_error(request, 422,
                      "dry runs at an earlier message are not supported yet; leave "
                      "out 'to' for the newest state");
    return;
  }
  if (aod_json_parse(request->body, &dry->body, &err) != AOD_OK) {
    aod_respond_error(request, 400, "'body': %s", err.message);
    return;
  }
  dry->run.body = dry->body;
  aod__cu_dry_run(unit, &dry->run);
}

const aod_route_t aod_cu_routes[] = {
    {"GET", "/", get_root, 0},
    {"GET", "/result/:id", get_result, 0},
    {"GET", "/results/:id", get_results, 0},
    {"POST", "/dry-run", post_dry_run, DRY_RUN_BYTES_MAX},
    {NULL, NULL, NULL, 0},
};
