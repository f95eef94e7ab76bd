/* The scheduler over HTTP: shared/spec/units.md section 3. Business errors are always 400. */
#include <inttypes.h>
#include <stdlib.h>

#include "ao/address.h"
#include "ao/schedule_json.h"
#include "arweave/base64url.h"
#include "base/clock.h"
#include "su/internal.h"

enum { ITEM_BYTES_MAX = 10485760, PAGE_DEFAULT = 100, PAGE_MAX = 10000 };

static const char content_json[] = "application/json";

static void respond_failure(aod_request_t *request, int code, const aod_error_t *err) {
  bool business =
      code == AOD_EINPUT || code == AOD_ESIGNATURE || code == AOD_ENOTFOUND || code == AOD_EEXISTS;
  aod_respond_error(request, business ? 400 : aod_error_http_status(code), "%s", err->message);
}

/* ---- about the unit ---- */

static void get_root(aod_request_t *request, void *unit) {
  aod_su_t *su = unit;
  uint8_t address[32];
  char text[AOD_ID_CHARS + 1];
  aod_signer_address(su->signer, address);
  aod_id_encode(address, text);
  aod_buf_t json = {0};
  aod_buf_printf(&json, "{\"address\":\"%s\",\"timestamp\":\"%" PRId64 "\"}", text,
                 aod_clock_wall_ms());
  aod_respond_buf(request, 200, content_json, &json);
}

/* To a compute unit, which names its process, the time is a promise (aod_scheduler_t.now). */
static void get_timestamp(aod_request_t *request, void *unit) {
  const aod_gateway_t *gateway = ((aod_su_t *)unit)->gateway;
  aod_slice_t process;
  uint8_t id[32];
  int64_t now_ms;
  if (!aod_request_query(request, "process-id", &process) || !aod_id_decode(process, id) ||
      aod__su_now(unit, id, &now_ms, NULL) != AOD_OK)
    now_ms = aod_clock_wall_ms();
  aod_buf_t json = {0};
  aod_buf_printf(&json, "{\"block_height\":\"%012" PRIu64 "\",\"timestamp\":\"%" PRId64 "\"}",
                 gateway->height(gateway->context), now_ms);
  aod_respond_buf(request, 200, content_json, &json);
}

static void get_health(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond(request, 200, NULL, AOD_EMPTY);
}

#define METRIC(name) offsetof(aod_su_metrics_t, name)
static const aod_metric_t metrics_table[] = {
    {"ao_su_scheduled", AOD_METRIC_COUNTER, "Records appended to the schedule", METRIC(scheduled)},
    {"ao_su_refused", AOD_METRIC_COUNTER, "Posts refused", METRIC(refused)},
    {"ao_su_duplicates", AOD_METRIC_COUNTER, "Posts of what was scheduled before",
     METRIC(duplicates)},
    {"ao_su_published", AOD_METRIC_COUNTER, "Records uploaded to Arweave", METRIC(published)},
    {"ao_su_unpublished", AOD_METRIC_GAUGE, "Records not yet uploaded to Arweave",
     METRIC(unpublished)},
    {0},
};

static void get_metrics(aod_request_t *request, void *unit) {
  aod_su_t *su = unit;
  if (!su->metrics_enabled) {
    aod_respond(request, 400, "text/plain", AOD_TEXT("Metrics not enabled"));
    return;
  }
  aod_buf_t text = {0};
  aod_metrics_write(metrics_table, &su->metrics, &text);
  aod_respond_buf(request, 200, AOD_METRICS_CONTENT_TYPE, &text);
}

/* ---- posting ---- */

typedef struct {
  aod_post_t post;
  aod_request_t *request;
} posting_t;

static void posted(aod_post_t *post, int code, const aod_error_t *err) {
  posting_t *posting = (posting_t *)post;
  aod_request_t *request = posting->request;
  char id[AOD_ID_CHARS + 1];
  aod_id_encode(post->id, id);
  int64_t timestamp_ms = post->timestamp_ms;
  if (code == AOD_OK) {
    aod_buf_t json = {0};
    aod_buf_printf(&json, "{\"id\":\"%s\",\"timestamp\":%" PRId64 "}", id, timestamp_ms);
    aod_respond_buf(request, 200, content_json, &json);
  } else {
    respond_failure(request, code, err);
  }
}

/* The query of an assignment. AOD_ENOTFOUND (no message) when the post is no assignment. */
static int read_assignment(aod_request_t *request, aod_post_t *post, aod_error_t *err) {
  aod_slice_t process, assign, ignored;
  bool has_process = aod_request_query(request, "process-id", &process);
  bool has_assign = aod_request_query(request, "assign", &assign);
  if (!has_process && !has_assign) return AOD_ENOTFOUND;
  if (!has_process || !has_assign)
    return aod_fail(err, AOD_EINPUT, "If sending assign or process-id, you must send both.");
  if (!aod_id_decode(assign, post->assign))
    return aod_fail(err, AOD_EINPUT, "assign param must be 43 characters: a base64url id");
  if (!aod_id_decode(process, post->process))
    return aod_fail(err, AOD_EINPUT, "process-id is no 43-character id");
  post->base_layer = aod_request_query(request, "base-layer", &ignored);
  aod_request_query(request, "exclude", &post->exclude);
  return AOD_OK;
}

static void post_root(aod_request_t *request, void *unit) {
  posting_t *posting = aod_arena_alloc(&request->arena, sizeof *posting);
  posting->request = request;
  posting->post.done = posted;
  aod_error_t err;
  int code = read_assignment(request, &posting->post, &err);
  if (code == AOD_ENOTFOUND && request->body.len == 0)
    code = aod_fail(&err, AOD_EINPUT, "the body is empty; post a signed data item");
  else if (code == AOD_ENOTFOUND)
    posting->post.raw = request->body;
  if (code == AOD_OK || posting->post.raw.len)
    aod__su_post(unit, &posting->post);
  else
    respond_failure(request, code, &err);
}

/* ---- reading one ---- */

static bool decode_param(aod_request_t *request, uint8_t id[32]) {
  if (aod_id_decode(request->params[0], id)) return true;
  aod_respond_error(request, 400, "Message or Process not found");
  return false;
}

static void respond_node(aod_request_t *request, const aod_record_t *record) {
  aod_scheduled_t scheduled;
  aod_slice_t ignored;
  aod_error_t err;
  int code = aod__su_parse_record(record, &request->arena, &scheduled, &err);
  if (code != AOD_OK) {
    respond_failure(request, code, &err);
    return;
  }
  bool show_anchor = aod_request_query(request, "show-anchor", &ignored);
  aod_buf_t json = {0};
  aod_schedule_node_write(&scheduled, show_anchor, &json);
  aod_respond_buf(request, 200, content_json, &json);
}

static void get_process(aod_request_t *request, void *unit) {
  aod_su_t *su = unit;
  uint8_t id[32];
  aod_record_t record;
  aod_scheduled_t scheduled;
  aod_buf_t json = {0};
  aod_error_t err;
  if (!decode_param(request, id)) return;
  int code = aod_schedule_at(su->schedule, id, 0, &request->arena, &record, &err);
  if (code == AOD_OK) code = aod__su_parse_record(&record, &request->arena, &scheduled, &err);
  if (code == AOD_OK) code = aod_schedule_process_write(&scheduled, &json, &err);
  if (code == AOD_OK)
    aod_respond_buf(request, 200, content_json, &json);
  else if (code == AOD_ENOTFOUND)
    aod_respond_error(request, 400, "NotFound(\"Process not found\")");
  else
    respond_failure(request, code, &err);
}

static void get_latest(aod_request_t *request, void *unit) {
  aod_su_t *su = unit;
  uint8_t id[32];
  aod_record_t record;
  aod_error_t err;
  if (!decode_param(request, id)) return;
  if (aod_schedule_last(su->schedule, id, &request->arena, &record, &err) == AOD_OK)
    respond_node(request, &record);
  else
    aod_respond_error(request, 400, "Latest message not available");
}

/* ---- pages ---- */

typedef struct {
  aod_range_key_t key;
  int64_t from, to;  /* both inclusive */
  bool with_process; /* the process record comes whatever `to` says; else never */
  size_t limit;
} page_t;

/* An integer of the query; absent leaves *value. */
static int query_int(aod_request_t *request, const char *name, int64_t *value, bool *present,
                     aod_error_t *err) {
  aod_slice_t text;
  *present = aod_request_query(request, name, &text);
  if (!*present) return AOD_OK;
  uint64_t magnitude;
  bool negative = aod_slice_starts(text, "-");
  if (!aod_slice_to_u64(aod_slice_sub(text, negative, text.len), &magnitude) ||
      magnitude > INT64_MAX)
    return aod_fail(err, AOD_EINPUT, "IntError(\"%s is no integer: %.*s\")", name,
                    AOD_ARG(aod_slice_sub(text, 0, 50)));
  *value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
  return AOD_OK;
}

static int read_bounds(aod_request_t *request, page_t *page, const char *from_name,
                       const char *to_name, bool *bounded, aod_error_t *err) {
  bool has_from, has_to;
  int64_t after = -1;
  page->to = INT64_MAX;
  int code = query_int(request, from_name, &after, &has_from, err);
  if (code == AOD_OK) code = query_int(request, to_name, &page->to, &has_to, err);
  if (code != AOD_OK) return code;
  page->from = after < 0 ? 0 : after == INT64_MAX ? after : after + 1;
  page->with_process = !has_from || (page->key == AOD_BY_NONCE && after == -1);
  *bounded = has_from || has_to;
  return AOD_OK;
}

static int read_page(aod_request_t *request, page_t *page, aod_error_t *err) {
  bool by_nonce, by_time, has_limit;
  int64_t limit = PAGE_DEFAULT;
  int code = query_int(request, "limit", &limit, &has_limit, err);
  if (code != AOD_OK) return code;
  page->limit = limit < 1 ? PAGE_DEFAULT : limit > PAGE_MAX ? PAGE_MAX : (size_t)limit;
  page->key = AOD_BY_NONCE;
  code = read_bounds(request, page, "from-nonce", "to-nonce", &by_nonce, err);
  if (code != AOD_OK || by_nonce) return code;
  page->key = AOD_BY_TIMESTAMP;
  return read_bounds(request, page, "from", "to", &by_time, err);
}

static int write_edges(aod_request_t *request, const page_t *page, const aod_records_t *records,
                       aod_buf_t *json, aod_error_t *err) {
  bool more = records->cut || records->count > page->limit;
  size_t count = records->count > page->limit ? page->limit : records->count;
  aod_buf_printf(json, "{\"page_info\":{\"has_next_page\":%s},\"edges\":[",
                 more ? "true" : "false");
  for (size_t i = 0; i < count; i++) {
    const aod_record_t *record = &records->list[i];
    aod_scheduled_t scheduled;
    int code = aod__su_parse_record(record, &request->arena, &scheduled, err);
    if (code != AOD_OK) return code;
    aod_json_separate(json);
    aod_buf_text(json, "{\"node\":");
    aod_schedule_node_write(&scheduled, false, json);
    aod_buf_printf(json, ",\"cursor\":\"%" PRId64 "\"}",
                   page->key == AOD_BY_NONCE ? (int64_t)record->nonce : record->timestamp_ms);
  }
  aod_buf_text(json, "]}");
  return AOD_OK;
}

/* Without a lower bound the process itself comes first, whatever the upper one; with one it does
 * not come at all. */
static void place_process(page_t *page, const aod_record_t *process) {
  int64_t at = page->key == AOD_BY_NONCE ? 0 : process->timestamp_ms;
  if (page->with_process && page->to < at) page->to = at;
  if (!page->with_process && page->from <= at) page->from = at + 1;
}

static void respond_page(aod_request_t *request, aod_su_t *su, const aod_record_t *process) {
  page_t page = {0};
  aod_records_t records;
  aod_buf_t json = {0};
  aod_error_t err;
  int code = read_page(request, &page, &err);
  if (code == AOD_OK) place_process(&page, process);
  if (code == AOD_OK)
    code = aod_schedule_range(su->schedule, process->process, page.key, page.from, page.to,
                              page.limit + 1, &request->arena, &records, &err);
  if (code == AOD_OK) code = write_edges(request, &page, &records, &json, &err);
  if (code == AOD_OK) {
    aod_respond_buf(request, 200, content_json, &json);
    return;
  }
  aod_buf_free(&json);
  respond_failure(request, code, &err);
}

/* A message by its id or its assignment's, or the schedule of a process. */
static void get_id(aod_request_t *request, void *unit) {
  aod_su_t *su = unit;
  uint8_t id[32];
  aod_record_t record;
  aod_error_t err;
  if (!decode_param(request, id)) return;
  int code = aod_schedule_find(su->schedule, id, &request->arena, &record, &err);
  if (code != AOD_OK)
    respond_failure(request, code, &err);
  else if (memcmp(record.process, id, 32) == 0)
    respond_page(request, su, &record);
  else
    respond_node(request, &record);
}

const aod_route_t aod_su_routes[] = {
    {"GET", "/", get_root, 0},
    {"POST", "/", post_root, ITEM_BYTES_MAX},
    {"GET", "/timestamp", get_timestamp, 0},
    {"GET", "/health", get_health, 0},
    {"GET", "/metrics", get_metrics, 0},
    {"GET", "/processes/:id", get_process, 0},
    {"GET", "/:id/latest", get_latest, 0},
    {"GET", "/:id", get_id, 0},
    {NULL, NULL, NULL, 0},
};
