/* The scheduler's pages over HTTP: units.md 3.6. What clients do with them is tested on the wire.
 */
#include "support/gateway.h"
#include "support/http_call.h"
#include "support/posts.h"
#include "support/serve.h"

#include "ao/assignment.h"
#include "base/json.h"
#include "su/su.h"

enum { MESSAGES = 5 };

static aod_signer_t *user, *unit;
static gateway_t gateway;
static char *dir;
static aod_su_t *su;
static aod_server_t *server;
static int port;
static call_t call;
static const char *process;
static int64_t times[MESSAGES + 1];

/* A process with five messages, the same for all tests: they only read. */
static int open_all(void **state) {
  (void)state;
  aod_error_t err;
  user = wallet_quick();
  unit = wallet_quick();
  gateway_init(&gateway);
  dir = test_dir_make();
  aod_su_options_t options = {
      .schedule_path = test_path(dir, "su.db"), .signer = unit, .gateway = &gateway.table};
  check_ok(aod_su_open(&su, &options, &err), &err);
  aod_server_options_t server_options = {.name = "su", .routes = aod_su_routes, .unit = su};
  server = serve(server_options, &port);
  const aod_scheduler_t *scheduler = aod_su_scheduler(su);
  posting_t posting;
  check_ok(post_raw(scheduler, process_item(user, "MODULE", "lua"), &posting), &posting.error);
  uint8_t id[32];
  memcpy(id, posting.post.id, 32);
  process = id_text(id);
  for (int i = 0; i < MESSAGES; i++)
    check_ok(post_raw(scheduler, message_item(user, id, "x"), &posting), &posting.error);
  aod_scheduled_list_t list;
  check_ok(scheduler->range(scheduler->context, id, 0, 10, &items_arena, &list, &err), &err);
  for (size_t i = 0; i <= MESSAGES; i++) {
    aod_assignment_t assignment;
    check_ok(aod_assignment_parse(&list.list[i].assignment, &assignment, &err), &err);
    times[i] = assignment.timestamp_ms;
  }
  return 0;
}

static int close_all(void **state) {
  (void)state;
  call_free(&call);
  aod_server_close(server);
  aod_su_close(su);
  gateway_deinit(&gateway);
  test_dir_remove(dir);
  items_free();
  aod_signer_free(user);
  aod_signer_free(unit);
  return 0;
}

static json_t *get_page(const char *query) {
  json_t *page;
  aod_error_t err;
  call_get(&call, port, aod_arena_printf(&items_arena, "/%s?%s", process, query));
  assert_int_equal(call.status, 200);
  check_ok(aod_json_parse(aod_buf_slice(&call.body), &page, &err), &err);
  return page;
}

static const char *nonce_of(const json_t *edge) {
  const json_t *tags =
      json_object_get(json_object_get(json_object_get(edge, "node"), "assignment"), "tags");
  size_t i;
  json_t *tag;
  json_array_foreach((json_t *)tags, i, tag) {
    if (aod_slice_is(aod_json_get_string(tag, "name"), "Nonce"))
      return json_string_value(json_object_get(tag, "value"));
  }
  return "none";
}

/* The nonces on a page, with a "+" when there is more. */
static void check_page(const char *query, const char *expected) {
  json_t *page = get_page(query), *edge;
  aod_buf_t text = {0};
  size_t i;
  json_array_foreach(json_object_get(page, "edges"), i, edge)
      aod_buf_printf(&text, "%s ", nonce_of(edge));
  if (json_is_true(json_object_get(json_object_get(page, "page_info"), "has_next_page")))
    aod_buf_text(&text, "+");
  check_text(aod_buf_slice(&text), expected);
  aod_buf_free(&text);
  json_decref(page);
}

static const char *bounds(const char *format, int64_t a, int64_t b) {
  char *query = aod_arena_alloc(&items_arena, 200);
  snprintf(query, 200, format, (long long)a, (long long)b);
  return query;
}

static void a_page_begins_with_the_process(void **state) {
  (void)state;
  check_page("", "0 1 2 3 4 5 ");
  check_page("limit=3", "0 1 2 +");
  check_page("limit=6", "0 1 2 3 4 5 ");
  check_page("limit=1", "0 +");
}

static void from_is_exclusive_and_to_inclusive(void **state) {
  (void)state;
  check_page(bounds("from=%lld&to=%lld", times[1], times[4]), "2 3 4 ");
  check_page(bounds("from=%lld&limit=2", times[1], 0), "2 3 +");
  check_page(bounds("from=%lld", times[5], 0), "");
  check_page(bounds("to=%lld", times[2], 0), "0 1 2 ");
  check_page(bounds("to=%lld", times[0] - 1, 0), "0 "); /* `to` is not for the process */
}

static void with_from_the_process_is_left_out(void **state) {
  (void)state;
  check_page(bounds("from=%lld", times[0], 0), "1 2 3 4 5 ");
  check_page(bounds("from=%lld", times[0] - 1, 0), "1 2 3 4 5 ");
  check_page("from=0", "1 2 3 4 5 ");
  check_page("from=0&limit=2", "1 2 +");
  check_page("from=-1", "1 2 3 4 5 ");
}

static void nonces_go_before_times(void **state) {
  (void)state;
  check_page("from-nonce=-1", "0 1 2 3 4 5 ");
  check_page("from-nonce=0", "1 2 3 4 5 ");
  check_page("from-nonce=1&to-nonce=3", "2 3 ");
  check_page("to-nonce=2&from=99999999999999", "0 1 2 ");
  check_page("from-nonce=-7", "1 2 3 4 5 ");
  check_page("from-nonce=9223372036854775807", "");
}

static void cursors_lead_from_page_to_page(void **state) {
  (void)state;
  static const char *const keys[] = {"from", "from-nonce"};
  for (size_t k = 0; k < COUNT_OF(keys); k++) {
    const char *query = k ? "limit=2&from-nonce=-1" : "limit=2";
    aod_buf_t seen = {0};
    for (bool more = true; more;) {
      json_t *page = get_page(query), *edge;
      size_t i;
      const char *cursor = "";
      json_array_foreach(json_object_get(page, "edges"), i, edge) {
        aod_buf_printf(&seen, "%s ", nonce_of(edge));
        cursor = json_string_value(json_object_get(edge, "cursor"));
      }
      more = json_is_true(json_object_get(json_object_get(page, "page_info"), "has_next_page"));
      query = aod_arena_printf(&items_arena, "limit=2&%s=%s", keys[k], cursor);
      json_decref(page);
    }
    check_text(aod_buf_slice(&seen), "0 1 2 3 4 5 ");
    aod_buf_free(&seen);
  }
}

static void bounds_that_are_no_numbers_are_refused(void **state) {
  (void)state;
  static const char *const queries[] = {"from=x",
                                        "to=1.5",
                                        "limit=-",
                                        "from-nonce=",
                                        "from=1e3",
                                        "to-nonce=0x1",
                                        "from=9223372036854775808"};
  for (size_t i = 0; i < COUNT_OF(queries); i++) {
    call_get(&call, port, aod_arena_printf(&items_arena, "/%s?%s", process, queries[i]));
    assert_int_equal(call.status, 400);
    check_contains((const char *)call.body.ptr, "{\"error\":\"IntError(");
  }
}

static void unknown_ids_are_refused_as_the_reference_does(void **state) {
  (void)state;
  static const char unknown[] = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
  static const char *const paths[][2] = {
      {"/%s", "{\"error\":\"Message or Process not found\"}"},
      {"/processes/%s", "{\"error\":\"NotFound(\\\"Process not found\\\")\"}"},
      {"/%s/latest", "{\"error\":\"Latest message not available\"}"}};
  for (size_t i = 0; i < COUNT_OF(paths); i++) {
    char path[200];
    snprintf(path, sizeof path, paths[i][0], unknown);
    call_get(&call, port, path);
    assert_int_equal(call.status, 400);
    assert_string_equal((const char *)call.body.ptr, paths[i][1]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_page_begins_with_the_process),
      TEST(from_is_exclusive_and_to_inclusive),
      TEST(with_from_the_process_is_left_out),
      TEST(nonces_go_before_times),
      TEST(cursors_lead_from_page_to_page),
      TEST(bounds_that_are_no_numbers_are_refused),
      TEST(unknown_ids_are_refused_as_the_reference_does),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
