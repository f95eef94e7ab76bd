/* Patience with requests, on a server of one's own whose evaluations end when the test says so. */
#include "cu/busy.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/lane.h"
#include "support/check.h"
#include "support/http_call.h"
#include "support/serve.h"

enum { PATIENCE_MS = 20, RACES = 300, RACE_US = 1000 };

typedef struct {
  aod_task_t task;
  aod__waiting_t waiting;
  uint8_t process[32];
} evaluation_t;

static aod__busy_t busy;
static aod_pool_t *pool;
static aod_server_t *server;
static int port;
static call_t call;
static evaluation_t *_Atomic held;
static atomic_int ended_late, spun_us;

static void end(evaluation_t *evaluation) {
  aod_request_t *request = evaluation->waiting.request;
  if (aod__busy_end(&busy, &evaluation->waiting))
    aod_respond(request, 200, "text/plain", AOD_TEXT("done"));
  else
    atomic_fetch_add(&ended_late, 1);
}

static evaluation_t *begin(aod_request_t *request) {
  evaluation_t *evaluation = aod_arena_alloc(&request->arena, sizeof *evaluation);
  aod_slice_t to = AOD_EMPTY;
  aod_request_query(request, "to", &to);
  aod__busy_begin(&busy, &evaluation->waiting, request, evaluation->process, to);
  return evaluation;
}

static void get_quick(aod_request_t *request, void *unit) {
  (void)unit;
  end(begin(request));
}

static void get_held(aod_request_t *request, void *unit) {
  (void)unit;
  atomic_store(&held, begin(request));
}

static void end_soon(aod_task_t *task) {
  int64_t until_us = aod_clock_monotonic_us() + atomic_load(&spun_us);
  while (aod_clock_monotonic_us() < until_us) {}
  end((evaluation_t *)task);
}

static void get_soon(aod_request_t *request, void *unit) {
  (void)unit;
  evaluation_t *evaluation = begin(request);
  evaluation->task.run = end_soon;
  aod_pool_post(pool, &evaluation->task);
}

static const aod_route_t routes[] = {
    {.method = "GET", .pattern = "/quick", .handle = get_quick},
    {.method = "GET", .pattern = "/held", .handle = get_held},
    {.method = "GET", .pattern = "/soon", .handle = get_soon},
    {0},
};

static void open_all(int64_t patience_ms) {
  port = 0;
  server = serve((aod_server_options_t){.name = "busy", .routes = routes}, &port);
  aod__busy_open(&busy, patience_ms);
  pool = aod_pool_open("evaluate", 1);
  atomic_store(&ended_late, 0);
}

static void close_all(void) {
  call_free(&call);
  aod_server_close(server);
  aod_pool_close(pool);
  aod__busy_close(&busy);
}

static void check_answer(const char *path, long status, const char *body) {
  call_get(&call, port, path);
  assert_int_equal(call.status, status);
  check_text(aod_buf_slice(&call.body), body);
}

#define IN_PROGRESS(to)                                                                            \
  "{\"message\":\"Evaluation of process \\\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\\\" to "   \
  "\\\"" to "\\\" is in progress.\"}"

/* U53 */
static void who_waits_too_long_is_told_so(void **state) {
  (void)state;
  open_all(PATIENCE_MS);
  check_answer("/held", 202, IN_PROGRESS("latest"));
  assert_true(call_has_header(&call, "Content-Type: application/json; charset=utf-8"));
  end(held); /* which is not answered again */
  check_answer("/held?to=some", 202, IN_PROGRESS("some"));
  end(held);
  check_answer("/quick", 200, "done");
  assert_int_equal(ended_late, 2);
  close_all();
}

/* U53 */
static void who_does_not_mind_waits(void **state) {
  (void)state;
  open_all(1);
  atomic_store(&spun_us, 20000);
  check_answer("/soon", 202, IN_PROGRESS("latest"));
  check_answer("/soon?no-busy=1", 200, "done");
  check_answer("/soon?no-busy", 200, "done");
  close_all();
  open_all(0);
  check_answer("/soon", 200, "done");
  close_all();
}

static void an_evaluation_that_ends_just_then_is_answered_once(void **state) {
  (void)state;
  int told = 0;
  open_all(RACE_US / 1000);
  for (int i = 0; i < RACES; i++) {
    atomic_store(&spun_us, RACE_US - 150 + i);
    call_get(&call, port, "/soon");
    assert_true(call.status == 200 || call.status == 202);
    told += call.status == 202;
  }
  aod_pool_close(pool);
  assert_int_equal(told, ended_late);
  pool = NULL;
  close_all();
}

static void a_server_that_stops_leaves_it_to_the_evaluation(void **state) {
  (void)state;
  open_all(3600000);
  atomic_store(&held, NULL);
  call_prepare(&call, port, "/held");
  curl_easy_setopt(call.curl, CURLOPT_TIMEOUT_MS, 50L);
  assert_int_equal(curl_easy_perform(call.curl), CURLE_OPERATION_TIMEDOUT);
  assert_non_null(held);
  aod_server_close(server);
  server = NULL;
  end(held);
  close_all();
  assert_int_equal(ended_late, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_waits_too_long_is_told_so),
      cmocka_unit_test(who_does_not_mind_waits),
      cmocka_unit_test(an_evaluation_that_ends_just_then_is_answered_once),
      cmocka_unit_test(a_server_that_stops_leaves_it_to_the_evaluation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
