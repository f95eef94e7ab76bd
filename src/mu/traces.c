/* GET /?debug: where messages went. Without message, assign or spawn the newest steps to and in a
 * process; with one of them that step, what led to it and what it led to. Source: units.md 2.9. */
#include "ao/address.h"
#include "arweave/base64url.h"
#include "base/json.h"
#include "mu/internal.h"

enum {
  PAGE_DEFAULT = 10,
  PAGE_MAX = 1000,
  ANCESTORS_MAX = 100,
  DESCENDANTS_MAX = 2000,
  BRANCHES = 200
};

typedef enum { ROOT, ANCESTOR, DESCENDANT } relation_t;
static const char *const relation_names[] = {"root", "ancestor", "descendant"};

typedef struct {
  relation_t relation;
  aod_trace_t trace;
} node_t;

typedef struct {
  node_t *list;
  size_t count, cap;
} nodes_t;

static void add(nodes_t *nodes, relation_t relation, const aod_trace_t *trace) {
  if (nodes->count < nodes->cap) nodes->list[nodes->count++] = (node_t){relation, *trace};
}

/* ---- the question ---- */

typedef struct {
  uint8_t process[32], id[32], wallet[32];
  aod_trace_query_t query; /* points to these */
  size_t page, page_size;
} question_t;

static int read_id(aod_request_t *request, const char *name, uint8_t id[32], const uint8_t **field,
                   aod_error_t *err) {
  aod_slice_t text;
  if (!aod_request_query(request, name, &text)) return AOD_OK;
  if (!aod_id_decode(text, id))
    return aod_fail(err, AOD_EINPUT, "'%s': is no 43-character id", name);
  *field = id;
  return AOD_OK;
}

static int read_subject(aod_request_t *request, question_t *question, aod_error_t *err) {
  static const struct {
    const char *name;
    aod_trace_kind_t kind;
  } subjects[] = {
      {"message", AOD_TRACE_MESSAGE}, {"assign", AOD_TRACE_ASSIGN}, {"spawn", AOD_TRACE_SPAWN}};
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
    aod_slice_t text;
    if (!aod_request_query(request, subjects[i].name, &text)) continue;
    if (question->query.message)
      return aod_fail(err, AOD_EUNSUPPORTED,
                      "Only one of message, assign, or spawn query parameters can be provided");
    question->query.kind = subjects[i].kind;
    int code = read_id(request, subjects[i].name, question->id, &question->query.message, err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

static size_t read_number(aod_request_t *request, const char *name, size_t fallback, size_t max) {
  aod_slice_t text;
  uint64_t number;
  if (!aod_request_query(request, name, &text) || !aod_slice_to_u64(text, &number) || number < 1)
    return fallback;
  return number > max ? max : (size_t)number;
}

static int read_question(aod_request_t *request, question_t *question, aod_error_t *err) {
  int code = read_id(request, "process", question->process, &question->query.process, err);
  if (code == AOD_OK && !question->query.process)
    code = aod_fail(err, AOD_EINPUT, "'process': Required.");
  if (code == AOD_OK)
    code = read_id(request, "wallet", question->wallet, &question->query.wallet, err);
  if (code == AOD_OK) code = read_subject(request, question, err);
  question->page = read_number(request, "page", 1, 1000000);
  question->page_size = read_number(request, "page-size", PAGE_DEFAULT, PAGE_MAX);
  return code;
}

/* ---- the answer ---- */

/* The steps that led to this one, nearest first. */
static int find_ancestors(aod_mu_t *mu, aod_trace_t trace, aod_arena_t *arena, nodes_t *nodes,
                          aod_error_t *err) {
  for (int i = 0; i < ANCESTORS_MAX && trace.has_cause; i++) {
    aod_traces_t found;
    uint8_t cause[32];
    memcpy(cause, trace.cause, 32);
    aod_trace_query_t query = {.message = cause, .limit = 1};
    int code = aod_trace_find(mu->outbox, &query, arena, &found, err);
    if (code != AOD_OK || found.count == 0) return code;
    trace = found.list[0];
    add(nodes, ANCESTOR, &trace);
  }
  return AOD_OK;
}

/* What followed, breadth first: the list of nodes is the queue, from `first` on. */
static int find_descendants(aod_mu_t *mu, size_t first, aod_arena_t *arena, nodes_t *nodes,
                            aod_error_t *err) {
  for (size_t i = first; i < nodes->count; i++) {
    if (nodes->list[i].relation == ANCESTOR) continue;
    aod_traces_t found;
    aod_trace_query_t query = {.cause = nodes->list[i].trace.message, .limit = BRANCHES};
    int code = aod_trace_find(mu->outbox, &query, arena, &found, err);
    if (code != AOD_OK) return code;
    for (size_t k = found.count; k > 0; k--) add(nodes, DESCENDANT, &found.list[k - 1]);
  }
  return AOD_OK;
}

static int find_nodes(aod_mu_t *mu, question_t *question, aod_arena_t *arena, nodes_t *nodes,
                      aod_error_t *err) {
  aod_traces_t roots;
  aod_trace_query_t *query = &question->query;
  query->offset = query->message ? 0 : (question->page - 1) * question->page_size;
  query->limit = query->message ? 1 : question->page_size + 1;
  int code = aod_trace_find(mu->outbox, query, arena, &roots, err);
  nodes->cap = query->message ? DESCENDANTS_MAX : query->limit;
  nodes->list = aod_arena_alloc(arena, nodes->cap * sizeof *nodes->list);
  for (size_t i = 0; code == AOD_OK && i < roots.count; i++) add(nodes, ROOT, &roots.list[i]);
  if (code != AOD_OK || !query->message || !roots.count) return code;
  code = find_ancestors(mu, roots.list[0], arena, nodes, err);
  return code == AOD_OK ? find_descendants(mu, 0, arena, nodes, err) : code;
}

static void write_node(const node_t *node, aod_arena_t *arena, aod_buf_t *json) {
  static const char *const kinds[] = {"", "MESSAGE", "SPAWN", "ASSIGN"};
  const aod_trace_t *trace = &node->trace;
  aod_slice_t id = aod_text(aod_arena_printf(arena, "%lld", (long long)trace->id));
  aod_json_separate(json);
  aod_buf_text(json, "{\"node\":{");
  aod_json_key_string(json, "relation", aod_text(relation_names[node->relation]));
  aod_json_key_string(json, "id", id);
  aod_json_key_string(json, "messageId", aod_ao_id(arena, trace->message));
  aod_json_key_string(json, "processId", aod_ao_id(arena, trace->process));
  if (aod__is_nobody(trace->wallet))
    aod_json_key_raw(json, "wallet", AOD_TEXT("null"));
  else
    aod_json_key_string(json, "wallet", aod_ao_id(arena, trace->wallet));
  aod_json_key_raw(json, "ip", AOD_TEXT("null")); /* not kept */
  if (trace->has_cause)
    aod_json_key_string(json, "parentId", aod_ao_id(arena, trace->cause));
  else
    aod_json_key_raw(json, "parentId", AOD_TEXT("null"));
  aod_json_key_int(json, "timestamp", trace->timestamp_ms);
  aod_json_key_string(json, "type", aod_text(kinds[trace->kind]));
  aod_buf_byte(json, '}');
  aod_json_key_string(json, "cursor", id);
  aod_buf_byte(json, '}');
}

void aod__mu_get_traces(aod_request_t *request, aod_mu_t *mu) {
  question_t question = {0};
  nodes_t nodes = {0};
  aod_error_t err;
  int code = read_question(request, &question, &err);
  if (code == AOD_OK) code = find_nodes(mu, &question, &request->arena, &nodes, &err);
  if (code != AOD_OK) {
    aod_respond_error(request, aod_error_http_status(code), "%s", err.message);
    return;
  }
  size_t from = question.query.message ? (question.page - 1) * question.page_size : 0;
  size_t to = from + question.page_size;
  aod_buf_t json = {0};
  aod_buf_printf(&json, "{\"pageInfo\":{\"hasNextPage\":%s},\"edges\":[",
                 nodes.count > to ? "true" : "false");
  for (size_t i = from; i < to && i < nodes.count; i++)
    write_node(&nodes.list[i], &request->arena, &json);
  aod_buf_text(&json, "]}");
  aod_respond_buf(request, 200, "application/json; charset=utf-8", &json);
}
