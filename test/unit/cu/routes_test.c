/* Results in pages and dry runs over HTTP: units.md 4.3, 4.4 and 4.11. */
#include "support/compute.h"
#include "support/http_call.h"
#include "support/serve.h"

#include "base/json.h"

enum { MESSAGES = 6, FAILED = 3 };

static aod_server_t *server;
static int port;
static call_t call;
static const uint8_t *process;
static const char *process_text;

/* A process with six messages of which the third failed, all evaluated. */
static int before_each(void **state) {
  (void)state;
  compute_setup();
  aod_server_options_t options = {.name = "cu", .routes = aod_cu_routes, .unit = cu};
  port = 0;
  server = serve(options, &port);
  process = process_add(compute_module_id, (aod_tags_t){0});
  process_text = id_text(process);
  const uint8_t *last = process;
  for (int i = 1; i <= MESSAGES; i++) last = message_add(process, i == FAILED ? "t" : "c");
  ask(process, last);
  return 0;
}

static int after_each(void **state) {
  (void)state;
  call_free(&call);
  aod_server_close(server);
  compute_teardown();
  return 0;
}

static const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *text(const char *format, ...) {
  va_list args;
  char *out = aod_arena_alloc(&items_arena, 4096);
  va_start(args, format);
  vsnprintf(out, 4096, format, args);
  va_end(args);
  return out;
}

static json_t *get(const char *path, int status) {
  json_t *answer;
  aod_error_t err;
  call_get(&call, port, path);
  assert_int_equal(call.status, status);
  check_ok(aod_json_parse(aod_buf_slice(&call.body), &answer, &err), &err);
  return answer;
}

/* ---- pages ---- */

/* The cursor of the message with this nonce, as the unit gives it with this sort. */
static const char *cursor(int nonce, const char *sort) {
  const char *json = text("{\"timestamp\":%lld,\"ordinate\":\"%d\",\"cron\":null,\"sort\":\"%s\"}",
                          1711676639000 + 10ll * nonce, nonce, sort);
  char *encoded = aod_arena_alloc(&items_arena, 4096), *at;
  aod_buf_t base64 = {0};
  aod_base64url_encode(aod_text(json), &base64);
  snprintf(encoded, 4096, "%.*s", AOD_ARG(aod_buf_slice(&base64)));
  for (at = encoded; *at; at++) assert_true(*at != '-' && *at != '_'); /* the same in both */
  while (strlen(encoded) % 4) strcat(encoded, "=");
  aod_buf_free(&base64);
  return encoded;
}

/* The outputs on a page, with a "+" when there is more. */
static void check_page(const char *query, const char *expected) {
  json_t *page = get(text("/results/%s?%s", process_text, query), 200), *edge;
  aod_buf_t seen = {0};
  size_t i;
  json_array_foreach(json_object_get(page, "edges"), i, edge) aod_buf_printf(
      &seen, "%s ",
      json_string_value(json_object_get(json_object_get(edge, "node"), "Output")) + 3);
  if (json_is_true(json_object_get(json_object_get(page, "pageInfo"), "hasNextPage")))
    aod_buf_text(&seen, "+");
  check_text(aod_buf_slice(&seen), expected);
  aod_buf_free(&seen);
  json_decref(page);
}

static void results_come_in_order_without_failed_ones(void **state) {
  (void)state;
  check_page("", "1 2 3 4 5 6 ");
  check_page("sort=ASC", "1 2 3 4 5 6 ");
  check_page("sort=DESC", "6 5 4 3 2 1 ");
  check_page("sort=DESC&limit=1", "6 +");
  check_page("limit=6", "1 2 3 4 5 6 ");
  check_page("limit=5", "1 2 3 4 5 +");
  check_page("limit=100000", "1 2 3 4 5 6 ");
}

static void from_is_exclusive_and_to_inclusive_both_ways(void **state) {
  (void)state;
  check_page(text("from=%s", cursor(1, "ASC")), "3 4 5 6 ");
  check_page(text("from=%s&to=%s", cursor(1, "ASC"), cursor(4, "ASC")), "3 4 ");
  check_page(text("from=%s&sort=DESC", cursor(4, "DESC")), "6 5 ");
  check_page(text("to=%s&sort=DESC&limit=2", cursor(4, "DESC")), "4 3 +");
  check_page("from=1711676639010&to=1711676639040", "3 4 ");
  check_page("from=&to=&limit=&sort=", "1 2 3 4 5 6 ");
}

static void the_sort_of_a_cursor_wins(void **state) {
  (void)state;
  check_page(text("sort=ASC&from=%s", cursor(4, "DESC")), "6 5 ");
  check_page(text("sort=DESC&to=%s", cursor(2, "ASC")), "1 2 3 ");
  check_page(text("from=%s&to=%s", cursor(0, "ASC"), cursor(2, "DESC")), "2 3 ");
}

static void following_cursors_visits_every_result_once(void **state) {
  (void)state;
  aod_buf_t seen = {0};
  const char *query = "limit=2";
  for (bool more = true; more;) {
    json_t *page = get(text("/results/%s?%s", process_text, query), 200), *edge;
    size_t i;
    const char *next = "";
    json_array_foreach(json_object_get(page, "edges"), i, edge) {
      aod_buf_text(&seen,
                   json_string_value(json_object_get(json_object_get(edge, "node"), "Output")) + 3);
      next = json_string_value(json_object_get(edge, "cursor"));
    }
    more = json_is_true(json_object_get(json_object_get(page, "pageInfo"), "hasNextPage"));
    query = text("limit=2&from=%s", next);
    json_decref(page);
  }
  check_text(aod_buf_slice(&seen), "123456");
  aod_buf_free(&seen);
}

static void an_unknown_process_has_no_results(void **state) {
  (void)state;
  call_get(&call, port, "/results/AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");
  assert_int_equal(call.status, 200);
  assert_string_equal((const char *)call.body.ptr,
                      "{\"pageInfo\":{\"hasNextPage\":false},\"edges\":[]}");
}

static void bad_queries_are_refused(void **state) {
  (void)state;
  static const char *const queries[] = {"sort=up", "limit=0", "limit=x",
                                        "from=x",  "to=-1",   "from=eyJ9"};
  for (size_t i = 0; i < COUNT_OF(queries); i++) {
    json_t *answer = get(text("/results/%s?%s", process_text, queries[i]), 400);
    assert_true(json_is_string(json_object_get(answer, "error")));
    json_decref(answer);
  }
}

/* ---- one result ---- */

static void a_result_is_asked_for_by_message_or_slot(void **state) {
  (void)state;
  call_get(&call, port,
           text("/result/%s?process-id=%s", id_text(schedule[2].item_id), process_text));
  assert_string_equal((const char *)call.body.ptr, counted(3));
  call_get(&call, port, text("/result/2?process-id=%s", process_text));
  assert_string_equal((const char *)call.body.ptr, counted(3));
  json_decref(get(text("/result/99?process-id=%s", process_text), 404));
  json_decref(get(text("/result/x?process-id=%s", process_text), 400));
  json_decref(get("/result/2", 400));
  json_decref(get("/result/2?process-id=x", 400));
}

/* ---- dry runs ---- */

static void dry_run(const char *id, const char *body, int status, const char *expected) {
  call_post(&call, port, text("/dry-run?process-id=%s", id), "application/json", aod_text(body));
  if (call.status != status) fail_msg("%ld: %s", call.status, (const char *)call.body.ptr);
  check_contains((const char *)call.body.ptr, expected);
}

static void a_dry_run_sees_the_newest_state_and_leaves_no_trace(void **state) {
  (void)state;
  static const char body[] = "{\"Owner\":\"U\",\"Tags\":[],\"Data\":\"c\"}";
  for (int i = 0; i < 3; i++) dry_run(process_text, body, 200, "\"Output\":\"0007\"");
  message_add(process, "c"); /* not asked for before */
  dry_run(process_text, body, 200, "\"Output\":\"0008\"");
  check_page("limit=100", "1 2 3 4 5 6 7 ");
  dry_run(process_text, "{\"Owner\":\"U\",\"Tags\":[],\"Data\":\"t\"}", 200,
          "\"Error\":\"unreachable\"");
  dry_run(process_text, body, 200, "\"Output\":\"0008\"");
}

static void a_dry_run_is_read_only_and_placed_after_the_last_message(void **state) {
  (void)state;
  dry_run(process_text, "{\"Owner\":\"U\",\"Tags\":[],\"Data\":\"m\"}", 200,
          text("\"Owner\":\"U\",\"Target\":\"%s\",\"From\":\"U\",\"Tags\":[],"
               "\"Timestamp\":1711676639060,\"Block-Height\":1393008,\"Cron\":false,"
               "\"Read-Only\":true}",
               process_text));
}

static void a_process_without_messages_can_be_tried(void **state) {
  (void)state;
  const uint8_t *fresh = process_add(compute_module_id, (aod_tags_t){0});
  dry_run(id_text(fresh), "{\"Owner\":\"U\",\"Tags\":[],\"Data\":\"c\"}", 200,
          "\"Output\":\"0002\"");
}

static void only_processes_can_be_tried(void **state) {
  (void)state;
  static const char body[] = "{\"Owner\":\"U\",\"Tags\":[]}";
  dry_run("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", body, 404, "was not found on gateway");
  dry_run(id_text(schedule[1].item_id), body, 400, "is not a process");
  dry_run(id_text(schedule[0].assignment_id), body, 400, "is not a process");
  /* nor is a message that carries a module's name, as word of a spawn does */
  aod_item_fields_t fields = {
      .target = aod_slice(process, 32),
      .tags = tags_of("Data-Protocol", "ao", "Type", "Message", "Module", compute_module_id, NULL)};
  aod_item_t item = item_make(compute_signer, &fields);
  schedule_add(process, schedule_next(process), item.raw, item.id, "");
  dry_run(id_text(item.id), body, 400, "is not a process");
}

static void what_a_dry_run_lacks_is_told(void **state) {
  (void)state;
  dry_run(process_text, "", 400, "'body'");
  dry_run(process_text, "{", 400, "'body'");
  dry_run(process_text, "{\"Tags\":[]}", 400, "'Owner'");
  dry_run(process_text, "{\"Owner\":\"U\"}", 400, "'Tags'");
  dry_run("x", "{\"Owner\":\"U\",\"Tags\":[]}", 400, "process-id");
}

#define CU_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      CU_TEST(results_come_in_order_without_failed_ones),
      CU_TEST(from_is_exclusive_and_to_inclusive_both_ways),
      CU_TEST(the_sort_of_a_cursor_wins),
      CU_TEST(following_cursors_visits_every_result_once),
      CU_TEST(an_unknown_process_has_no_results),
      CU_TEST(bad_queries_are_refused),
      CU_TEST(a_result_is_asked_for_by_message_or_slot),
      CU_TEST(a_dry_run_sees_the_newest_state_and_leaves_no_trace),
      CU_TEST(a_dry_run_is_read_only_and_placed_after_the_last_message),
      CU_TEST(a_process_without_messages_can_be_tried),
      CU_TEST(only_processes_can_be_tried),
      CU_TEST(what_a_dry_run_lacks_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
