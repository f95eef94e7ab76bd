/* The server on a real port: with curl as the client where a client is meant, and with a raw socket
 * where the bytes matter. */
#include "support/http_call.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lane.h"
#include "http/server.h"

enum { BODY_MAX = 1000, STREAM_MAX = 4 << 20, STREAM_ENOUGH = 2 << 20, WAITING_MAX = 1024 };

/* ---- the unit under the server ---- */

typedef struct {
  aod_server_t *server;
  int port;
  pthread_mutex_t lock;
  pthread_cond_t arrived;
  aod_request_t *waiting[WAITING_MAX]; /* kept by /wait until a test answers */
  int waiting_count;
  aod_pool_t *pool; /* answers /elsewhere */
  atomic_int streams_open;
} unit_t;

static void handle_echo(aod_request_t *request, void *unit) {
  (void)unit;
  aod_slice_t q = AOD_EMPTY;
  bool present = aod_request_query(request, "q", &q);
  aod_buf_t out = {0};
  aod_buf_printf(&out, "%.*s %.*s ?%.*s [%.*s] q=%s%.*s agent=%.*s body=%.*s",
                 AOD_ARG(request->method), AOD_ARG(request->path), AOD_ARG(request->query),
                 AOD_ARG(request->params[0]), present ? "" : "absent", AOD_ARG(q),
                 AOD_ARG(aod_request_header(request, "x-AGENT")), AOD_ARG(request->body));
  aod_respond_header(request, "X-Good", AOD_TEXT("yes"));
  aod_respond_header(request, "X-Bad", AOD_TEXT("a\r\nInjected: 1"));
  aod_respond_buf(request, 200, "text/plain", &out);
}

static void handle_wait(aod_request_t *request, void *context) {
  unit_t *unit = context;
  pthread_mutex_lock(&unit->lock);
  assert_true(unit->waiting_count < WAITING_MAX);
  unit->waiting[unit->waiting_count++] = request;
  pthread_cond_broadcast(&unit->arrived);
  pthread_mutex_unlock(&unit->lock);
}

typedef struct {
  aod_task_t task;
  aod_request_t *request;
} answer_task_t;

static void answer_param(aod_request_t *request) {
  aod_respond(request, 200, "text/plain", request->params[0]);
}

static void answer_task(aod_task_t *task) {
  answer_param(((answer_task_t *)task)->request);
}

static void handle_elsewhere(aod_request_t *request, void *context) {
  unit_t *unit = context;
  answer_task_t *task = aod_arena_alloc(&request->arena, sizeof *task);
  *task = (answer_task_t){.task.run = answer_task, .request = request};
  aod_pool_post(unit->pool, &task->task);
}

static void handle_thread(aod_request_t *request, void *unit) {
  (void)unit;
  aod_buf_t out = {0};
  aod_buf_printf(&out, "thread %lx.", (unsigned long)pthread_self());
  aod_respond_buf(request, 200, "text/plain", &out);
}

static void handle_empty(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond(request, 200, NULL, AOD_EMPTY);
}

static void handle_error(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond_error(request, 400, "bad \"%s\"\n", "thing");
}

/* ---- a sink that adds up what it is given ---- */

typedef struct {
  unit_t *unit;
  uint64_t sum, len;
  bool stops; /* after STREAM_ENOUGH bytes */
} stream_t;

static void *stream_open(aod_request_t *request, void *unit) {
  if (aod_request_header(request, "X-Hold").len) return NULL;
  stream_t *stream = aod_arena_alloc(&request->arena, sizeof *stream);
  stream->unit = unit;
  stream->stops = aod_request_header(request, "X-Stops").len > 0;
  atomic_fetch_add(&stream->unit->streams_open, 1);
  return stream;
}

static bool stream_write(void *context, aod_slice_t piece) {
  stream_t *stream = context;
  for (size_t i = 0; i < piece.len; i++) stream->sum += piece.ptr[i];
  stream->len += piece.len;
  return !stream->stops || stream->len < STREAM_ENOUGH;
}

static void stream_close(void *context) {
  atomic_fetch_sub(&((stream_t *)context)->unit->streams_open, 1);
}

static const aod_sink_t sink = {stream_open, stream_write, stream_close, STREAM_MAX};

static void handle_stream(aod_request_t *request, void *unit) {
  (void)unit;
  stream_t *stream = request->stream;
  aod_buf_t out = {0};
  if (!stream)
    aod_buf_printf(&out, "held %zu", request->body.len);
  else
    aod_buf_printf(&out, "%llu %llu %zu", (unsigned long long)stream->len,
                   (unsigned long long)stream->sum, request->body.len);
  aod_respond_buf(request, stream && stream->stops ? 400 : 200, "text/plain", &out);
}

static const aod_route_t routes[] = {
    {"GET", "/echo/:x", handle_echo, 0},
    {"POST", "/echo/:x", handle_echo, BODY_MAX},
    {"GET", "/wait/:n", handle_wait, 0},
    {"POST", "/wait/:n", handle_wait, BODY_MAX},
    {"GET", "/elsewhere/:n", handle_elsewhere, 0},
    {"GET", "/thread", handle_thread, 0},
    {"GET", "/empty", handle_empty, 0},
    {"POST", "/stream", handle_stream, BODY_MAX, &sink},
    {"GET", "/error", handle_error, 0},
    {0},
};

static int open_unit(void **state) {
  unit_t *unit = aod_alloc(sizeof *unit);
  pthread_mutex_init(&unit->lock, NULL);
  pthread_cond_init(&unit->arrived, NULL);
  unit->pool = aod_pool_open("answers", 4);
  aod_server_options_t options = {.name = "test", .threads = 2, .routes = routes, .unit = unit};
  aod_error_t err;
  assert_int_equal(aod_server_listen("127.0.0.1", &unit->port, &options.listen_fd, &err), 0);
  assert_int_equal(aod_server_open(&unit->server, &options, &err), 0);
  *state = unit;
  return 0;
}

static int close_unit(void **state) {
  unit_t *unit = *state;
  aod_server_close(unit->server);
  aod_pool_close(unit->pool);
  pthread_cond_destroy(&unit->arrived);
  pthread_mutex_destroy(&unit->lock);
  free(unit);
  return 0;
}

static void await_waiting(unit_t *unit, int count) {
  pthread_mutex_lock(&unit->lock);
  while (unit->waiting_count < count) pthread_cond_wait(&unit->arrived, &unit->lock);
  pthread_mutex_unlock(&unit->lock);
}

/* of the unit that cmocka hands a test */
#define PORT (((unit_t *)*state)->port)

/* ---- raw sockets ---- */

static int raw_connect(unit_t *unit) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)unit->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

static void raw_send(int fd, aod_slice_t bytes) {
  assert_int_equal(send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
}

/* Read until what came holds `wanted`, the peer closes, or nothing comes for `patience_ms`. */
static bool raw_expect(int fd, aod_buf_t *got, const char *wanted, int patience_ms) {
  for (;;) {
    aod_buf_terminate(got);
    if (wanted && memmem(got->ptr, got->len, wanted, strlen(wanted))) return true;
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    if (poll(&waiting, 1, patience_ms) <= 0) return false;
    char piece[4096];
    ssize_t len = recv(fd, piece, sizeof piece, 0);
    if (len <= 0) return false;
    aod_buf_append(got, aod_slice(piece, (size_t)len));
  }
}

static int count_of(const aod_buf_t *text, const char *word) {
  int count = 0;
  for (const char *at = (char *)text->ptr; (at = strstr(at, word)); at += strlen(word)) count++;
  return count;
}

/* ---- plain requests ---- */

static void answers_with_what_it_was_asked(void **state) {
  call_t call = {0};
  call_prepare(&call, PORT, "//echo/a%20b/?q=1%2B2+3&r");
  call_header(&call, "X-Agent: me");
  call_run(&call);
  assert_int_equal(call.status, 200);
  assert_string_equal((char *)call.body.ptr,
                      "GET //echo/a%20b/ ?q=1%2B2+3&r [a b] q=1+2 3 agent=me body=");
  assert_true(call_has_header(&call, "Access-Control-Allow-Origin: *"));
  assert_true(call_has_header(&call, "Content-Type: text/plain"));
  assert_true(call_has_header(&call, "X-Good: yes"));
  assert_false(call_has_header(&call, "X-Bad"));
  assert_false(call_has_header(&call, "Injected"));
  call_free(&call);
}

static void reads_bodies_up_to_the_limit(void **state) {
  call_t call = {0};
  char body[BODY_MAX + 1];
  memset(body, 'x', sizeof body);
  call_post(&call, PORT, "/echo/1", "text/plain", aod_slice(body, BODY_MAX));
  assert_int_equal(call.status, 200);
  assert_int_equal(strspn(strstr((char *)call.body.ptr, "body=") + 5, "x"), BODY_MAX);
  call_post(&call, PORT, "/echo/1", "text/plain", aod_slice(body, BODY_MAX + 1));
  assert_int_equal(call.status, 413);
  assert_string_equal((char *)call.body.ptr, "{\"error\":\"the body is larger than 1000 bytes\"}");
  assert_true(call_has_header(&call, "application/json"));
  call_free(&call);
}

static void refuses_large_bodies(void **state) {
  enum { LARGE = 3 << 20 };
  char *body = calloc(1, LARGE);
  call_t call = {0};
  call_post(&call, PORT, "/echo/1", "text/plain", aod_slice(body, LARGE)); /* curl sends Expect */
  assert_int_equal(call.status, 413);
  for (int chunked = 0; chunked < 2; chunked++) {
    call_prepare(&call, PORT, "/echo/1");
    call_header(&call, "Expect:");
    if (chunked) call_header(&call, "Transfer-Encoding: chunked");
    call_body(&call, aod_slice(body, LARGE));
    call_run(&call);
    assert_int_equal(call.status, 413);
  }
  call_post(&call, PORT, "/nowhere", "text/plain", aod_slice(body, 100000)); /* read and ignored */
  assert_int_equal(call.status, 404);
  call_free(&call);
  free(body);
}

static void answers_head_options_and_unknown(void **state) {
  call_t call = {0};
  call_get(&call, PORT, "/nowhere/at/all");
  assert_int_equal(call.status, 404);
  assert_string_equal((char *)call.body.ptr, "{\"error\":\"no such path: /nowhere/at/all\"}");
  assert_true(call_has_header(&call, "Access-Control-Allow-Origin: *"));
  call_prepare(&call, PORT, "/echo/1");
  curl_easy_setopt(call.curl, CURLOPT_CUSTOMREQUEST, "DELETE");
  call_run(&call);
  assert_int_equal(call.status, 405);
  assert_true(call_has_header(&call, "Allow: GET, HEAD, POST"));

  call_head(&call, PORT, "/echo/1");
  assert_int_equal(call.status, 200);
  assert_int_equal(call.body.len, 0);
  assert_true(call_has_header(&call, "Content-Length: 40"));

  call_prepare(&call, PORT, "/anything");
  curl_easy_setopt(call.curl, CURLOPT_CUSTOMREQUEST, "OPTIONS");
  call_header(&call, "Access-Control-Request-Headers: a, b");
  call_run(&call);
  assert_int_equal(call.status, 204);
  assert_true(
      call_has_header(&call, "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE"));
  assert_true(call_has_header(&call, "Access-Control-Allow-Headers: a, b"));
  call_free(&call);
}

static void answers_empty_and_errors(void **state) {
  call_t call = {0};
  call_get(&call, PORT, "/empty");
  assert_int_equal(call.status, 200);
  assert_int_equal(call.body.len, 0);
  call_get(&call, PORT, "/error");
  assert_int_equal(call.status, 400);
  assert_string_equal((char *)call.body.ptr, "{\"error\":\"bad \\\"thing\\\"\\n\"}");
  call_free(&call);
}

/* ---- waiting requests ---- */

typedef struct {
  unit_t *unit;
  int from, step, count;
} answerer_t;

static void *answer_some(void *context) {
  answerer_t *a = context;
  for (int i = a->from; i < a->count; i += a->step) answer_param(a->unit->waiting[i]);
  return NULL;
}

static void multi_run(CURLM *multi, unit_t *unit, int stop_at) {
  for (int running = 1; running;) {
    assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
    pthread_mutex_lock(&unit->lock);
    int waiting = unit->waiting_count;
    pthread_mutex_unlock(&unit->lock);
    if (stop_at && waiting == stop_at) return;
    if (running) curl_multi_poll(multi, NULL, 0, 10, NULL);
  }
}

static void two_hundred_wait_and_are_answered_by_others(void **state) {
  enum { COUNT = 200, THREADS = 4 };
  unit_t *unit = *state;
  call_t calls[COUNT] = {0};
  CURLM *multi = curl_multi_init();
  for (int i = 0; i < COUNT; i++) {
    char path[40];
    snprintf(path, sizeof path, "/wait/n%d", i);
    call_prepare(&calls[i], unit->port, path);
    curl_multi_add_handle(multi, calls[i].curl);
  }
  multi_run(multi, unit, COUNT); /* all of them wait, on two threads */
  pthread_t threads[THREADS];
  answerer_t answerers[THREADS];
  for (int t = 0; t < THREADS; t++) {
    answerers[t] = (answerer_t){unit, t, THREADS, COUNT};
    pthread_create(&threads[t], NULL, answer_some, &answerers[t]);
  }
  multi_run(multi, unit, 0);
  for (int t = 0; t < THREADS; t++) pthread_join(threads[t], NULL);
  for (int i = 0; i < COUNT; i++) {
    char body[20];
    snprintf(body, sizeof body, "n%d", i);
    curl_multi_remove_handle(multi, calls[i].curl);
    assert_true(aod_slice_is(aod_buf_slice(&calls[i].body), body));
    call_free(&calls[i]);
  }
  curl_multi_cleanup(multi);
}

/* Another thread answers while the handler is about to return: both orders happen. */
static void answer_races_with_the_return(void **state) {
  call_t call = {0};
  for (int i = 0; i < 2000; i++) {
    char path[40];
    snprintf(path, sizeof path, "/elsewhere/%d", i);
    call_get(&call, PORT, path);
    assert_int_equal(call.status, 200);
    assert_string_equal((char *)call.body.ptr, path + strlen("/elsewhere/"));
  }
  call_free(&call);
}

static void client_leaves_while_waiting(void **state) {
  unit_t *unit = *state;
  int fd = raw_connect(unit);
  raw_send(fd, AOD_TEXT("GET /wait/1 HTTP/1.1\r\nHost: x\r\n\r\n"));
  await_waiting(unit, 1);
  close(fd);
  answer_param(unit->waiting[0]);
  call_t call = {0};
  call_get(&call, unit->port, "/empty");
  assert_int_equal(call.status, 200);
  call_free(&call);
}

/* ---- connections ---- */

static void pipelined_requests_in_order(void **state) {
  unit_t *unit = *state;
  int fd = raw_connect(unit);
  raw_send(fd, AOD_TEXT("GET /elsewhere/first HTTP/1.1\r\nHost: x\r\n\r\n"
                        "POST /echo/second HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                        "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
                        "GET /elsewhere/fourth HTTP/1.1\r\nHost: x\r\n\r\n"));
  aod_buf_t got = {0};
  assert_true(raw_expect(fd, &got, "fourth", 10000));
  char *text = (char *)got.ptr;
  assert_true(strstr(text, "first") < strstr(text, "body=abc"));
  assert_true(strstr(text, "body=abc") < strstr(text, "404"));
  assert_true(strstr(text, "404") < strstr(text, "fourth"));
  assert_int_equal(count_of(&got, "HTTP/1.1 "), 4);
  aod_buf_free(&got);
  close(fd);
}

/* Connections that are kept open are answered by both threads alike. */
static void connections_are_dealt_out_evenly(void **state) {
  unit_t *unit = *state;
  enum { CONNECTIONS = 16 };
  int fds[CONNECTIONS], first = 0;
  char name[40] = "";
  for (int i = 0; i < CONNECTIONS; i++) {
    fds[i] = raw_connect(unit);
    raw_send(fds[i], AOD_TEXT("GET /thread HTTP/1.1\r\nHost: x\r\n\r\n"));
    aod_buf_t got = {0};
    assert_true(raw_expect(fds[i], &got, "thread ", 10000));
    const char *text = strstr((char *)got.ptr, "thread ");
    if (i == 0) snprintf(name, sizeof name, "%s", text);
    first += strcmp(text, name) == 0;
    aod_buf_free(&got);
  }
  assert_int_equal(first, CONNECTIONS / 2);
  for (int i = 0; i < CONNECTIONS; i++) close(fds[i]);
}

/* With so few descriptors a server serves sixteen connections. */
static void clients_beyond_the_limit_wait_for_a_place(void **state) {
  (void)state;
  enum { PLACES = 16, CLIENTS = 20 };
  struct rlimit few = {.rlim_cur = 63}, usual;
  void *inner;
  int fds[CLIENTS];
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
  few.rlim_max = usual.rlim_max;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  open_unit(&inner);
  setrlimit(RLIMIT_NOFILE, &usual);
  for (int i = 0; i < CLIENTS; i++) {
    fds[i] = raw_connect(inner);
    raw_send(fds[i], AOD_TEXT("GET /empty HTTP/1.1\r\nHost: x\r\n\r\n"));
    aod_buf_t got = {0};
    assert_int_equal(raw_expect(fds[i], &got, "200 OK", i < PLACES ? 10000 : 50), i < PLACES);
    aod_buf_free(&got);
  }
  for (int i = 0; i < PLACES; i++) close(fds[i]);
  for (int i = PLACES; i < CLIENTS; i++) {
    aod_buf_t got = {0};
    assert_true(raw_expect(fds[i], &got, "200 OK", 10000));
    aod_buf_free(&got);
    close(fds[i]);
  }
  close_unit(&inner);
}

static void keep_alive_has_no_delays(void **state) {
  call_t call = {0};
  long connections = 0;
  int64_t start = aod_clock_monotonic_us();
  for (int i = 0; i < 300; i++) {
    long opened;
    call_post(&call, PORT, "/echo/1", "text/plain", AOD_TEXT("body"));
    curl_easy_getinfo(call.curl, CURLINFO_NUM_CONNECTS, &opened);
    connections += opened;
  }
  assert_int_equal(connections, 1);
  assert_true(aod_clock_monotonic_us() - start < 300 * 20000); /* a delayed ACK costs 40 ms */
  call_free(&call);
}

static void garbage_does_no_harm(void **state) {
  static const aod_slice_t garbage[] = {
      AOD_TEXT("\r\n\r\n\r\n"),
      AOD_TEXT("\0\0\0\0\xff\xfe\r\n\r\n"),
      AOD_TEXT("GET\r\n\r\n"),
      AOD_TEXT("GET /echo/%00%ff%zz?%%%=&&=%0 HTTP/1.1\r\nHost: x\r\n\r\n"),
      AOD_TEXT("GET  HTTP/1.1\r\n\r\n"),
      AOD_TEXT("GET /echo/1 HTTP/9.9\r\n\r\n"),
      AOD_TEXT("POST /echo/1 HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nabc"),
      AOD_TEXT("POST /echo/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"),
      AOD_TEXT("POST /echo/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nshort"),
      AOD_TEXT("POST /echo/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
      AOD_TEXT("GET /echo/1 HTTP/1.1\r\nbroken header\r\n: x\r\n\r\n"),
      AOD_TEXT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), /* a TLS hello */
  };
  unit_t *unit = *state;
  for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
    int fd = raw_connect(unit);
    raw_send(fd, garbage[i]);
    shutdown(fd, SHUT_WR);
    aod_buf_t got = {0};
    raw_expect(fd, &got, NULL, 50); /* some get an answer, some a closed connection */
    aod_buf_free(&got);
    close(fd);
  }
  int fd = raw_connect(unit);
  for (int i = 0; i < 40; i++) { /* a head that never ends: cut off at the limit */
    char line[1024];
    memset(line, 'a', sizeof line);
    if (send(fd, line, sizeof line, MSG_NOSIGNAL) < 0) break;
  }
  close(fd);
  call_t call = {0};
  call_get(&call, unit->port, "/empty");
  assert_int_equal(call.status, 200);
  call_free(&call);
}

/* ---- lifecycle ---- */

static void names_the_port_in_use(void **state) {
  unit_t *unit = *state;
  int port = unit->port, fd = -1;
  aod_error_t err;
  assert_int_equal(aod_server_listen("127.0.0.1", &port, &fd, &err), AOD_EUNAVAILABLE);
  char expected[100];
  snprintf(expected, sizeof expected, "cannot listen on 127.0.0.1:%d: the port is in use", port);
  assert_string_equal(err.message, expected);
  port = 0;
  assert_int_equal(aod_server_listen("no.such.host.invalid", &port, &fd, &err), AOD_EUSAGE);
}

static void *drain(void *server) {
  aod_server_drain(server, 20000);
  return NULL;
}

static void drain_waits_for_answers_and_refuses_clients(void **state) {
  unit_t *unit = *state;
  int fd = raw_connect(unit);
  raw_send(fd, AOD_TEXT("GET /wait/1 HTTP/1.1\r\nHost: x\r\n\r\n"));
  await_waiting(unit, 1);
  pthread_t thread;
  pthread_create(&thread, NULL, drain, unit->server);
  bool refused = false;
  while (!refused) {
    call_t call = {0};
    call_prepare(&call, unit->port, "/empty");
    refused = curl_easy_perform(call.curl) == CURLE_COULDNT_CONNECT;
    call_free(&call);
  }
  answer_param(unit->waiting[0]);
  pthread_join(thread, NULL);
  aod_buf_t got = {0};
  assert_false(raw_expect(fd, &got, NULL, 10000)); /* answered, then closed although kept alive */
  assert_non_null(strstr((char *)got.ptr, "HTTP/1.1 200"));
  assert_non_null(strstr((char *)got.ptr, "Connection: close"));
  aod_buf_free(&got);
  close(fd);
}

static void drain_gives_up_after_its_grace(void **state) {
  unit_t *unit = *state;
  int fd = raw_connect(unit);
  raw_send(fd, AOD_TEXT("GET /wait/1 HTTP/1.1\r\nHost: x\r\n\r\n"));
  await_waiting(unit, 1);
  int64_t start = aod_clock_monotonic_us();
  aod_server_drain(unit->server, 50);
  assert_true(aod_clock_monotonic_us() - start >= 50000);
  answer_param(unit->waiting[0]);
  close(fd);
}

static void close_answers_503_and_late_answers_are_harmless(void **state) {
  unit_t *unit = *state;
  int fd = raw_connect(unit);
  raw_send(fd, AOD_TEXT("POST /wait/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"));
  await_waiting(unit, 1);
  aod_server_close(unit->server);
  unit->server = NULL;
  aod_buf_t got = {0};
  raw_expect(fd, &got, NULL, 10000);
  assert_non_null(strstr((char *)got.ptr, "HTTP/1.1 503"));
  assert_non_null(strstr((char *)got.ptr, "{\"error\":\"shutting down\"}"));
  aod_request_t *request = unit->waiting[0];
  assert_true(aod_slice_is(request->body, "body"));
  assert_true(aod_slice_is(aod_request_header(request, "host"), "x"));
  answer_param(request);
  aod_buf_free(&got);
  close(fd);
}

/* Requests wait, are answered and are abandoned all at once. */
static void close_races_with_answers(void **state) {
  enum { COUNT = 50, ROUNDS = 20 };
  for (int round = 0; round < ROUNDS; round++) {
    void *inner;
    open_unit(&inner);
    unit_t *unit = inner;
    int fds[COUNT];
    for (int i = 0; i < COUNT; i++) {
      fds[i] = raw_connect(unit);
      raw_send(fds[i], AOD_TEXT("GET /wait/1 HTTP/1.1\r\nHost: x\r\n\r\n"));
    }
    await_waiting(unit, COUNT);
    pthread_t thread;
    answerer_t answerer = {unit, 0, 1, COUNT};
    pthread_create(&thread, NULL, answer_some, &answerer);
    aod_server_close(unit->server);
    unit->server = NULL;
    pthread_join(thread, NULL);
    for (int i = 0; i < COUNT; i++) close(fds[i]);
    close_unit(&inner);
  }
  (void)state;
}

/* ---- bodies that go to a sink ---- */

static void post_stream(call_t *call, unit_t *unit, const char *header, size_t len) {
  aod_buf_t body = {0};
  aod_buf_reserve(&body, len);
  if (len > 0) memset(body.ptr, 1, len);
  body.len = len;
  call_prepare(call, unit->port, "/stream");
  if (header) call_header(call, header);
  call_body(call, aod_buf_slice(&body));
  call_run(call);
  aod_buf_free(&body);
}

static void expect_streams_closed(unit_t *unit) {
  for (int i = 0; i < 5000 && atomic_load(&unit->streams_open); i++) usleep(1000);
  assert_int_equal(atomic_load(&unit->streams_open), 0);
}

static void sinks_get_every_byte(void **state) {
  unit_t *unit = *state;
  call_t call = {0};
  post_stream(&call, unit, "Expect:", STREAM_MAX);
  assert_int_equal(call.status, 200);
  assert_string_equal((char *)call.body.ptr, "4194304 4194304 0");
  post_stream(&call, unit, "Transfer-Encoding: chunked", 3000000);
  assert_string_equal((char *)call.body.ptr, "3000000 3000000 0");
  post_stream(&call, unit, NULL, 0);
  assert_string_equal((char *)call.body.ptr, "0 0 0");
  expect_streams_closed(unit);
  call_free(&call);
}

static void sinks_may_leave_a_body_to_the_handler(void **state) {
  unit_t *unit = *state;
  call_t call = {0};
  post_stream(&call, unit, "X-Hold: 1", BODY_MAX);
  assert_string_equal((char *)call.body.ptr, "held 1000");
  post_stream(&call, unit, "X-Hold: 1", BODY_MAX + 1);
  assert_int_equal(call.status, 413);
  call_free(&call);
}

static void sinks_are_protected_from_too_much(void **state) {
  unit_t *unit = *state;
  call_t call = {0};
  post_stream(&call, unit, "Expect:", STREAM_MAX + 1); /* announced */
  assert_int_equal(call.status, 413);
  assert_non_null(strstr((char *)call.body.ptr, "4194304"));
  post_stream(&call, unit, "Transfer-Encoding: chunked", STREAM_MAX + 1); /* found out */
  assert_int_equal(call.status, 413);
  post_stream(&call, unit, "X-Stops: 1", STREAM_MAX); /* the sink knows better */
  assert_int_equal(call.status, 400);
  expect_streams_closed(unit);
  call_free(&call);
}

static void sinks_are_closed_when_the_client_leaves(void **state) {
  unit_t *unit = *state;
  int fd = raw_connect(unit);
  raw_send(fd, AOD_TEXT("POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"));
  for (int i = 0; i < 5000 && !atomic_load(&unit->streams_open); i++) usleep(1000);
  assert_int_equal(atomic_load(&unit->streams_open), 1);
  close(fd);
  expect_streams_closed(unit);
}

#define WITH_UNIT(test) cmocka_unit_test_setup_teardown(test, open_unit, close_unit)

int main(void) {
  curl_global_init(CURL_GLOBAL_ALL);
  const struct CMUnitTest tests[] = {
      WITH_UNIT(answers_with_what_it_was_asked),
      WITH_UNIT(reads_bodies_up_to_the_limit),
      WITH_UNIT(refuses_large_bodies),
      WITH_UNIT(answers_head_options_and_unknown),
      WITH_UNIT(answers_empty_and_errors),
      WITH_UNIT(two_hundred_wait_and_are_answered_by_others),
      WITH_UNIT(answer_races_with_the_return),
      WITH_UNIT(client_leaves_while_waiting),
      WITH_UNIT(pipelined_requests_in_order),
      WITH_UNIT(connections_are_dealt_out_evenly),
      WITH_UNIT(clients_beyond_the_limit_wait_for_a_place),
      WITH_UNIT(keep_alive_has_no_delays),
      WITH_UNIT(garbage_does_no_harm),
      WITH_UNIT(names_the_port_in_use),
      WITH_UNIT(drain_waits_for_answers_and_refuses_clients),
      WITH_UNIT(drain_gives_up_after_its_grace),
      WITH_UNIT(close_answers_503_and_late_answers_are_harmless),
      WITH_UNIT(sinks_get_every_byte),
      WITH_UNIT(sinks_may_leave_a_body_to_the_handler),
      WITH_UNIT(sinks_are_protected_from_too_much),
      WITH_UNIT(sinks_are_closed_when_the_client_leaves),
      cmocka_unit_test(close_races_with_answers),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  curl_global_cleanup();
  return failed;
}
