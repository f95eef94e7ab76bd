/* The client against a real server, and against a socket that answers what no server should. */
#include "support/check.h"
#include "support/serve.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/client.h"

enum { LARGE_BYTES = 200000, CALLS = 40 };

/* ---- a server ---- */

typedef struct {
  aod_server_t *server;
  int port;
  pthread_mutex_t lock;
  pthread_cond_t arrived;
  aod_request_t *waiting;
} unit_t;

static void handle_echo(aod_request_t *request, void *unit) {
  (void)unit;
  aod_buf_t out = {0};
  aod_buf_printf(&out, "%.*s %.*s type=%.*s agent=%.*s body=%.*s", AOD_ARG(request->method),
                 AOD_ARG(request->path), AOD_ARG(aod_request_header(request, "Content-Type")),
                 AOD_ARG(aod_request_header(request, "User-Agent")), AOD_ARG(request->body));
  aod_respond_buf(request, 200, "text/plain", &out);
}

static void handle_wait(aod_request_t *request, void *context) {
  unit_t *unit = context;
  pthread_mutex_lock(&unit->lock);
  unit->waiting = request;
  pthread_cond_signal(&unit->arrived);
  pthread_mutex_unlock(&unit->lock);
}

static void handle_large(aod_request_t *request, void *unit) {
  (void)unit;
  aod_buf_t out = {0};
  for (int i = 0; i < LARGE_BYTES; i++) aod_buf_byte(&out, (uint8_t)i);
  aod_respond_buf(request, 200, "application/octet-stream", &out);
}

static void handle_redirect(aod_request_t *request, void *unit) {
  (void)unit;
  aod_slice_t to = AOD_EMPTY;
  aod_request_query(request, "to", &to);
  aod_respond_header(request, "Location", to);
  aod_respond(request, 302, "text/plain", AOD_TEXT("elsewhere"));
}

static void handle_loop(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond_header(request, "Location", AOD_TEXT("/loop"));
  aod_respond(request, 302, NULL, AOD_EMPTY);
}

static void handle_busy(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond_header(request, "Retry-After", AOD_TEXT("7"));
  aod_respond(request, 503, "text/plain", AOD_TEXT("busy"));
}

static const aod_route_t routes[] = {
    {"GET", "/echo", handle_echo, 0},
    {"POST", "/echo", handle_echo, 1 << 20},
    {"GET", "/wait", handle_wait, 0},
    {"GET", "/large", handle_large, 0},
    {"GET", "/redirect", handle_redirect, 0},
    {"POST", "/redirect", handle_redirect, 1 << 20},
    {"GET", "/busy", handle_busy, 0},
    {"GET", "/loop", handle_loop, 0},
    {NULL, NULL, NULL, 0},
};

static unit_t unit = {.lock = PTHREAD_MUTEX_INITIALIZER, .arrived = PTHREAD_COND_INITIALIZER};
static aod_client_t *client;

static int setup(void **state) {
  (void)state;
  aod_error_t err;
  aod_server_options_t options = {.name = "test", .threads = 1, .routes = routes, .unit = &unit};
  unit.port = 0;
  unit.server = serve(options, &unit.port);
  check_ok(aod_client_open(&client, &err), &err);
  return 0;
}

/* The request that waits, if any, is answered by the server's end. */
static int teardown(void **state) {
  (void)state;
  aod_client_close(client);
  pthread_mutex_lock(&unit.lock);
  if (unit.waiting) aod_respond(unit.waiting, 200, NULL, AOD_EMPTY);
  unit.waiting = NULL;
  pthread_mutex_unlock(&unit.lock);
  aod_server_close(unit.server);
  return 0;
}

static void await_arrival(void) {
  pthread_mutex_lock(&unit.lock);
  while (!unit.waiting) pthread_cond_wait(&unit.arrived, &unit.lock);
  pthread_mutex_unlock(&unit.lock);
}

static const char *url_of(const char *path) {
  static char url[1000];
  snprintf(url, sizeof url, "http://127.0.0.1:%d%s", unit.port, path);
  return url;
}

static void check_answer(aod_call_t *call, int status, const char *body) {
  aod_error_t err;
  check_ok(aod_client_perform(client, call, &err), &err);
  assert_int_equal(call->status, status);
  check_text(aod_buf_slice(&call->answer), body);
  aod_buf_free(&call->answer);
}

static void check_failure(aod_call_t *call, int code, const char *reason) {
  aod_error_t err;
  check_fails(aod_client_perform(client, call, &err), code, &err, reason);
  aod_buf_free(&call->answer);
}

/* ---- a socket that reads one request a connection and answers with fixed bytes ---- */

typedef struct {
  int fd, port;
  const char *answer;
  bool keep; /* the connection, for further requests */
  atomic_int connections;
  pthread_t thread;
} socket_t;

/* Up to the end of a head without body; false when the other side is gone. */
static bool read_head(int fd) {
  char bytes[4096];
  size_t len = 0;
  while (len < sizeof bytes - 1) {
    ssize_t got = recv(fd, bytes + len, sizeof bytes - 1 - len, 0);
    if (got <= 0) return false;
    len += (size_t)got;
    bytes[len] = 0;
    if (strstr(bytes, "\r\n\r\n")) return true;
  }
  return false;
}

static void *socket_serve(void *context) {
  socket_t *server = context;
  for (;;) {
    int fd = accept(server->fd, NULL, NULL);
    if (fd < 0) return NULL;
    server->connections++;
    while (read_head(fd)) {
      send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL);
      if (!server->keep) break;
    }
    close(fd);
  }
}

static void socket_open(socket_t *server, const char *answer) {
  aod_error_t err;
  server->answer = answer;
  check_ok(aod_server_listen("127.0.0.1", &server->port, &server->fd, &err), &err);
  assert_int_equal(fcntl(server->fd, F_SETFL, 0), 0); /* it was made for epoll */
  assert_int_equal(pthread_create(&server->thread, NULL, socket_serve, server), 0);
}

static void socket_close(socket_t *server) {
  shutdown(server->fd, SHUT_RDWR);
  pthread_join(server->thread, NULL);
  close(server->fd);
}

static void check_socket_failure(const char *answer, int code, const char *reason) {
  socket_t server = {0};
  char url[100];
  socket_open(&server, answer);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
  aod_call_t call = {.url = url, .answer_max = 100};
  check_failure(&call, code, reason);
  socket_close(&server);
}

/* ---- tests ---- */

static void get_and_post(void **state) {
  (void)state;
  aod_call_t get = {.url = url_of("/echo")};
  check_answer(&get, 200, "GET /echo type= agent=aod/" AOD_VERSION " body=");
  aod_call_t post = {.url = url_of("/echo"),
                     .headers = {"Content-Type: application/octet-stream"},
                     .body = AOD_TEXT("bytes")};
  check_answer(&post, 200,
               "POST /echo type=application/octet-stream agent=aod/" AOD_VERSION " body=bytes");
  aod_call_t empty = {.url = url_of("/echo"), .headers = {"Content-Type: x/y"}, .has_body = true};
  check_answer(&empty, 200, "POST /echo type=x/y agent=aod/" AOD_VERSION " body=");
  aod_call_t head = {.method = "HEAD", .url = url_of("/large")};
  check_answer(&head, 200, "");
}

static void every_status_is_an_answer(void **state) {
  (void)state;
  aod_error_t err;
  aod_call_t missing = {.url = url_of("/nothing")};
  check_ok(aod_client_perform(client, &missing, &err), &err);
  assert_int_equal(missing.status, 404);
  aod_buf_free(&missing.answer);
  aod_call_t busy = {.url = url_of("/busy")};
  check_answer(&busy, 503, "busy");
  assert_int_equal(busy.retry_after_s, 7);
}

static void slow_answers_end_in_time(void **state) {
  (void)state;
  aod_call_t call = {.url = url_of("/wait"), .timeout_ms = 100};
  int64_t began_us = aod_clock_monotonic_us();
  check_failure(&call, AOD_EUNAVAILABLE, "timed out");
  assert_true(call.sent);
  assert_true(aod_clock_monotonic_us() - began_us < 20 * 1000000);
}

static void nobody_listens(void **state) {
  (void)state;
  aod_error_t err;
  int port = 0, fd;
  check_ok(aod_server_listen("127.0.0.1", &port, &fd, &err), &err);
  close(fd);
  char url[100];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
  aod_call_t call = {.url = url};
  check_failure(&call, AOD_EUNAVAILABLE, url);
  assert_false(call.sent);
}

static void wrong_urls(void **state) {
  (void)state;
  aod_call_t file = {.url = "file:///etc/passwd"}, none = {.url = "http://"};
  check_failure(&file, AOD_EINPUT, "file:///etc/passwd");
  check_failure(&none, AOD_EINPUT, "http://");
}

static void redirects(void **state) {
  (void)state;
  aod_call_t stay = {.url = url_of("/redirect?to=/echo")};
  check_answer(&stay, 302, "elsewhere");
  aod_call_t follow = {.url = url_of("/redirect?to=/redirect%3Fto=/echo"), .redirects_max = 2};
  check_answer(&follow, 200, "GET /echo type= agent=aod/" AOD_VERSION " body=");
  aod_call_t post = {.url = url_of("/redirect?to=/echo"),
                     .headers = {"Content-Type: x/y"},
                     .body = AOD_TEXT("kept"),
                     .redirects_max = 2};
  check_answer(&post, 200, "POST /echo type=x/y agent=aod/" AOD_VERSION " body=kept");
  aod_call_t endless = {.url = url_of("/loop"), .redirects_max = 3};
  check_failure(&endless, AOD_EUNAVAILABLE, "redirect");
  aod_call_t file = {.url = url_of("/redirect?to=file:///etc/passwd"), .redirects_max = 3};
  check_failure(&file, AOD_EUNAVAILABLE, "file");
}

static void large_answers_are_cut_short(void **state) {
  (void)state;
  aod_error_t err;
  aod_call_t call = {.url = url_of("/large"), .answer_max = LARGE_BYTES - 1};
  check_failure(&call, AOD_ETOOLARGE, "199999");
  aod_call_t fits = {.url = url_of("/large"), .answer_max = LARGE_BYTES};
  check_ok(aod_client_perform(client, &fits, &err), &err);
  assert_int_equal(fits.answer.len, LARGE_BYTES);
  aod_buf_free(&fits.answer);
  check_socket_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n"
                       "40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n",
                       AOD_ETOOLARGE, "100");
}

static void broken_answers(void **state) {
  (void)state;
  check_socket_failure("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nonly this", AOD_EUNAVAILABLE,
                       "bytes remaining");
  check_socket_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
                       AOD_EUNAVAILABLE, "");
  check_socket_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                       AOD_EUNAVAILABLE, "");
  check_socket_failure("", AOD_EUNAVAILABLE, "Empty reply");
  check_socket_failure("SSH-2.0-OpenSSH\r\n", AOD_EUNAVAILABLE, "");
}

static void connections_are_kept(void **state) {
  (void)state;
  socket_t server = {.keep = true};
  char url[100];
  socket_open(&server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
  for (int i = 0; i < 5; i++) {
    aod_call_t call = {.url = url};
    check_answer(&call, 200, "hi");
  }
  assert_int_equal(server.connections, 1);
  aod_client_close(client); /* lets go of the connection that the socket waits on */
  client = NULL;
  socket_close(&server);
}

/* ---- many at once ---- */

typedef struct {
  aod_call_t call; /* first */
  atomic_int *left;
  int follow; /* calls that `done` still submits */
} counted_t;

static void counted_done(aod_call_t *call) {
  counted_t *counted = (counted_t *)call;
  aod_buf_free(&call->answer);
  if (call->code == AOD_OK && counted->follow-- > 0)
    aod_client_submit(client, call);
  else
    atomic_fetch_sub(counted->left, 1);
}

static void calls_run_side_by_side_and_may_follow_each_other(void **state) {
  (void)state;
  counted_t calls[CALLS];
  atomic_int left = CALLS;
  const char *url = url_of("/echo");
  for (int i = 0; i < CALLS; i++) {
    calls[i] = (counted_t){.call = {.url = url, .done = counted_done}, .left = &left, .follow = 2};
    aod_client_submit(client, &calls[i].call);
  }
  for (int i = 0; left > 0 && i < 30000; i++) poll(NULL, 0, 1);
  assert_int_equal(left, 0);
  for (int i = 0; i < CALLS; i++) assert_int_equal(calls[i].call.status, 200);
}

static void closing_ends_what_is_under_way(void **state) {
  (void)state;
  atomic_int left = 1;
  counted_t waiting = {.call = {.url = url_of("/wait"), .done = counted_done}, .left = &left};
  aod_client_submit(client, &waiting.call);
  await_arrival();
  aod_client_stop(client);
  assert_int_equal(left, 0);
  assert_int_equal(waiting.call.code, AOD_ECLOSED);
  aod_call_t late = {.url = url_of("/echo")};
  check_failure(&late, AOD_ECLOSED, "stopping");
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
  const struct CMUnitTest tests[] = {
      CASE(get_and_post),
      CASE(every_status_is_an_answer),
      CASE(slow_answers_end_in_time),
      CASE(nobody_listens),
      CASE(wrong_urls),
      CASE(redirects),
      CASE(large_answers_are_cut_short),
      CASE(broken_answers),
      CASE(connections_are_kept),
      CASE(calls_run_side_by_side_and_may_follow_each_other),
      CASE(closing_ends_what_is_under_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
