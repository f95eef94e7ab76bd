/* The HTTP server: libmicrohttpd with a few epoll threads, and requests that may wait.
 *
 * Problem: a handler may answer at once, from another thread before it returns, or much later, and
 * a waiting request must hold no thread. A connection is therefore suspended only after its handler
 * returned without an answer, and only on libmicrohttpd's own thread; request.h has the states that
 * make a late answer and the suspension meet exactly once.
 *
 * Closing: libmicrohttpd must not be stopped while a connection is suspended or while another
 * thread is inside MHD_resume_connection. `suspended` counts both; close abandons what waits, then
 * waits for the count to become zero.
 *
 * Each thread is a daemon of its own, to which the acceptor deals connections.
 *
 * Bodies are kept up to the route's limit only. What a client sends beyond it is read and thrown
 * away, up to a point, because a client that is cut off while it writes often never sees the 413.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lane.h"
#include "base/log.h"
#include "http/acceptor.h"
#include "http/request.h"
#include "http/router.h"

enum {
  BODY_IGNORED_MAX = 1 << 20,  /* what a route without a body lets pass */
  BODY_DISCARD_MAX = 16 << 20, /* beyond the limit, before the connection is cut */
  BODY_RESERVE_MAX = 1 << 20,  /* memory on the word of Content-Length alone */
  CONNECTIONS_MAX = 4096,
  IDLE_TIMEOUT_S = 60,
  BACKLOG = 1024,
  CLOSE_SEND_MS = 500 /* for the 503s to reach their clients */
};

struct aod_server {
  aod_server_options_t options;
  aod__acceptor_t acceptor;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  aod__request_t *requests; /* begun and not completed */
  int suspended;            /* suspended connections whose resumption is not finished */
  atomic_bool draining, closing;
};

/* ---- listening ---- */

static int listen_on(const struct addrinfo *address, int *listen_fd) {
  int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
    int failed = errno;
    close(fd);
    return failed;
  }
  *listen_fd = fd;
  return 0;
}

static int bound_port(int fd) {
  struct sockaddr_storage address;
  socklen_t len = sizeof address;
  aod_assert(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
  return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                             : ((struct sockaddr_in *)&address)->sin_port);
}

int aod_server_listen(const char *host, int *port, int *listen_fd, aod_error_t *err) {
  char service[16];
  snprintf(service, sizeof service, "%d", *port);
  struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
  int unknown = getaddrinfo(host, service, &hints, &found);
  if (unknown)
    return aod_fail(err, AOD_EUSAGE, "cannot listen on %s:%d: %s", host, *port,
                    gai_strerror(unknown));
  int failed = EADDRNOTAVAIL;
  for (struct addrinfo *a = found; a && failed; a = a->ai_next) failed = listen_on(a, listen_fd);
  freeaddrinfo(found);
  if (failed == EADDRINUSE)
    return aod_fail(err, AOD_EUNAVAILABLE, "cannot listen on %s:%d: the port is in use", host,
                    *port);
  if (failed)
    return aod_fail(err, AOD_EUNAVAILABLE, "cannot listen on %s:%d: %s", host, *port,
                    strerror(failed));
  *port = bound_port(*listen_fd);
  return AOD_OK;
}

/* ---- the server's own answers, given like those of any route ---- */

static void answer_not_found(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond_error(request, 404, "no such path: %.*s", AOD_ARG(request->path));
}

static void answer_wrong_method(aod_request_t *request, void *unit) {
  (void)unit;
  aod_buf_t allowed = {0};
  aod__route_methods(aod__request_of(request)->server->options.routes, request->path, &allowed);
  aod_respond_header(request, "Allow", aod_buf_slice(&allowed));
  aod_buf_free(&allowed);
  aod_respond_error(request, 405, "this path does not serve %.*s", AOD_ARG(request->method));
}

static void answer_too_large(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond_error(request, 413, "the body is larger than %llu bytes",
                    (unsigned long long)aod__request_of(request)->body_max);
}

static void answer_options(aod_request_t *request, void *unit) {
  (void)unit;
  aod_slice_t wanted = aod_request_header(request, "Access-Control-Request-Headers");
  aod_respond_header(request, "Access-Control-Allow-Methods",
                     AOD_TEXT("GET,HEAD,PUT,PATCH,POST,DELETE"));
  if (wanted.len) aod_respond_header(request, "Access-Control-Allow-Headers", wanted);
  aod_respond_header(request, "Vary", AOD_TEXT("Access-Control-Request-Headers"));
  aod_respond(request, 204, NULL, AOD_EMPTY);
}

static const aod_route_t not_found = {.handle = answer_not_found};
static const aod_route_t wrong_method = {.handle = answer_wrong_method};
static const aod_route_t too_large = {.handle = answer_too_large};
static const aod_route_t any_options = {.handle = answer_options};

/* ---- requests ---- */

/* Called with the request line, before libmicrohttpd decodes and cuts it. */
static void *request_new(void *cls, const char *uri, struct MHD_Connection *connection) {
  aod__request_t *request = aod_alloc(sizeof *request);
  request->server = cls;
  request->connection = connection;
  atomic_store(&request->references, 1);
  aod_slice_t target = aod_arena_copy(&request->public.arena, aod_text(uri));
  aod__target_split(target, &request->public.path, &request->public.query);
  return request;
}

void aod__request_release(aod__request_t *request) {
  if (atomic_fetch_sub(&request->references, 1) > 1) return;
  if (request->response)
    MHD_destroy_response(request->response); /* nobody was left to send it to */
  if (request->public.stream) request->sink->close(request->public.stream);
  aod_buf_free(&request->body);
  aod_arena_free(&request->public.arena);
  free(request);
}

void aod__request_resume(aod__request_t *request) {
  aod_server_t *server = request->server;
  MHD_resume_connection(request->connection);
  pthread_mutex_lock(&server->lock);
  server->suspended--;
  pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->lock);
}

static void request_link(aod__request_t *request) {
  aod_server_t *server = request->server;
  pthread_mutex_lock(&server->lock);
  request->next = server->requests;
  if (request->next) request->next->previous = request;
  server->requests = request;
  pthread_mutex_unlock(&server->lock);
}

static void request_unlink(aod__request_t *request) {
  aod_server_t *server = request->server;
  pthread_mutex_lock(&server->lock);
  if (request->next) request->next->previous = request->previous;
  if (request->previous)
    request->previous->next = request->next;
  else
    server->requests = request->next;
  if (!server->requests) pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->lock);
}

/* The answer is sent, or the connection is gone. */
static void request_completed(void *cls, struct MHD_Connection *connection, void **context,
                              enum MHD_RequestTerminationCode why) {
  (void)cls, (void)connection, (void)why;
  aod__request_t *request = *context;
  if (!request) return;
  *context = NULL;
  if (request->begun) request_unlink(request);
  aod__request_release(request);
}

/* ---- answering ---- */

static enum MHD_Result send_answer(aod__request_t *request) {
  aod_server_t *server = request->server;
  bool abandoned = atomic_load(&request->state) == AOD__ABANDONED;
  struct MHD_Response *response = abandoned ? aod__response_closing() : request->response;
  int status = abandoned ? 503 : request->status;
  if (!abandoned) request->response = NULL;
  if (atomic_load(&server->draining)) MHD_add_response_header(response, "Connection", "close");
  enum MHD_Result queued = MHD_queue_response(request->connection, (unsigned)status, response);
  MHD_destroy_response(response);
  return queued;
}

static void abandon(aod__request_t *request) {
  if (aod__request_move(request, AOD__SUSPENDED, AOD__ABANDONED)) aod__request_resume(request);
}

/* Count a connection that is about to be suspended; not any more once the server closes. */
static bool may_suspend(aod_server_t *server) {
  pthread_mutex_lock(&server->lock);
  bool may = !atomic_load(&server->closing);
  if (may) server->suspended++;
  pthread_mutex_unlock(&server->lock);
  return may;
}

/* The handler has returned: send its answer or suspend until there is one. */
static enum MHD_Result settle(aod__request_t *request) {
  aod_server_t *server = request->server;
  if (atomic_load(&request->state) == AOD__ANSWERED) return send_answer(request);
  if (!may_suspend(server)) {
    aod__request_move(request, AOD__HANDLING, AOD__ABANDONED); /* or it was answered just now */
    return send_answer(request);
  }
  MHD_suspend_connection(request->connection);
  if (!aod__request_move(request, AOD__HANDLING, AOD__SUSPENDED))
    aod__request_resume(request); /* answered between the two lines: nobody else wakes it */
  else if (atomic_load(&server->closing))
    abandon(request); /* close looked at it too early */
  return MHD_YES;
}

static enum MHD_Result dispatch(aod__request_t *request) {
  request->public.body = aod_buf_slice(&request->body);
  atomic_fetch_add(&request->references, 1); /* the handler's, until aod_respond */
  atomic_store(&request->state, AOD__HANDLING);
  request->route->handle(&request->public, request->server->options.unit);
  return settle(request);
}

/* ---- receiving ---- */

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len) {
  (void)kind;
  aod__request_t *request = cls;
  aod_arena_t *arena = &request->public.arena;
  aod__header_t *header = aod_arena_alloc(arena, sizeof *header);
  header->name = (const char *)aod_arena_copy(arena, aod_slice(name, name_len)).ptr;
  header->value = aod_arena_copy(arena, aod_slice(value, value ? value_len : 0));
  header->next = request->headers_in;
  request->headers_in = header;
  return MHD_YES;
}

static const aod_route_t *choose_route(aod__request_t *request) {
  aod_request_t *r = &request->public;
  if (aod_slice_is(r->method, "OPTIONS")) return &any_options;
  bool path_known;
  const aod_route_t *route = aod__route_find(request->server->options.routes, r->method, r->path,
                                             &r->arena, r->params, &path_known);
  return route ? route : path_known ? &wrong_method : &not_found;
}

/* The announced body is larger than allowed: answer now when the client waits for our word, or
 * when it is too much to read and throw away. */
static bool refuse_early(aod__request_t *request, uint64_t announced) {
  return announced > request->body_max && (announced - request->body_max > BODY_DISCARD_MAX ||
                                           aod_request_header(&request->public, "Expect").len);
}

/* How much of a body to take, and where to: a sink that takes it may allow more than the route. An
 * announced length that is too much for both opens no sink. */
static void choose_sink(aod__request_t *request, uint64_t announced) {
  const aod_route_t *route = request->route;
  const aod_sink_t *sink = route->sink;
  request->body_max = route->body_max ? route->body_max : BODY_IGNORED_MAX;
  if (!sink) return;
  if (announced <= sink->body_max)
    request->public.stream = sink->open(&request->public, request->server->options.unit);
  request->sink = sink;
  if (request->public.stream || announced > sink->body_max) request->body_max = sink->body_max;
}

/* The head is complete. */
static enum MHD_Result request_begin(aod__request_t *request, const char *method) {
  request->begun = true;
  request_link(request);
  request->public.method = aod_arena_copy(&request->public.arena, aod_text(method));
  MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, copy_header, request);
  request->route = choose_route(request);
  uint64_t announced = 0;
  aod_slice_to_u64(aod_request_header(&request->public, "Content-Length"), &announced);
  choose_sink(request, announced);
  if (refuse_early(request, announced)) {
    request->route = &too_large;
    return dispatch(request);
  }
  if (request->route->body_max && !request->public.stream && announced <= request->body_max)
    aod_buf_reserve(&request->body, announced < BODY_RESERVE_MAX ? announced : BODY_RESERVE_MAX);
  return MHD_YES;
}

/* Throw away what comes after the limit, or after the sink was full. MHD_NO cuts the connection. */
static enum MHD_Result request_discard(aod__request_t *request, size_t len) {
  request->body_discarded += len;
  return request->body_discarded > BODY_DISCARD_MAX ? MHD_NO : MHD_YES;
}

/* A piece of the body. */
static enum MHD_Result request_receive(aod__request_t *request, aod_slice_t piece) {
  request->body_received += piece.len;
  if (request->sink_full) return request_discard(request, piece.len);
  if (request->body_received > request->body_max) {
    request->route = &too_large;
    aod_buf_free(&request->body);
    return request_discard(request, piece.len);
  }
  if (request->public.stream)
    request->sink_full = !request->sink->write(request->public.stream, piece);
  else if (request->route->body_max)
    aod_buf_append(&request->body, piece);
  return MHD_YES;
}

/* libmicrohttpd calls this once for the head, for every piece of the body, at its end, and again
 * after a resumption. */
static enum MHD_Result request_step(void *cls, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *data_len, void **context) {
  (void)cls, (void)connection, (void)url, (void)version;
  aod__request_t *request = *context;
  if (!request->begun) return request_begin(request, method);
  if (*data_len) {
    aod_slice_t piece = aod_slice(data, *data_len);
    *data_len = 0;
    return request_receive(request, piece);
  }
  if (atomic_load(&request->state) == AOD__RECEIVING) return dispatch(request);
  return send_answer(request);
}

/* ---- lifecycle ---- */

static void log_line(void *cls, const char *format, va_list args) {
  aod_server_t *server = cls;
  char text[500];
  vsnprintf(text, sizeof text, format, args);
  text[strcspn(text, "\n")] = 0;
  aod_log(AOD_LOG_DEBUG, server->options.name, "%s", text);
}

static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text) {
  (void)cls, (void)connection;
  return strlen(text); /* the router decodes, segment by segment */
}

/* A quarter of the descriptors that the process may open, so that several servers, the database
 * and outgoing calls have theirs. */
static unsigned connection_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / 4 > CONNECTIONS_MAX)
    return CONNECTIONS_MAX;
  return limit.rlim_cur < 64 ? 16 : (unsigned)(limit.rlim_cur / 4);
}

static void connection_changed(void *cls, struct MHD_Connection *connection, void **context,
                               enum MHD_ConnectionNotificationCode what) {
  (void)connection, (void)context;
  if (what == MHD_CONNECTION_NOTIFY_CLOSED) aod__acceptor_ended(cls);
}

/* libmicrohttpd counts a connection for a moment longer than we do. */
static bool start_worker(aod_server_t *server, aod__worker_t *worker) {
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                   MHD_USE_NO_LISTEN_SOCKET;
  worker->daemon = MHD_start_daemon(
      flags, 0, NULL, NULL, request_step, server, MHD_OPTION_EXTERNAL_LOGGER, log_line, server,
      MHD_OPTION_CONNECTION_LIMIT, server->acceptor.connections_max + 1,
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_URI_LOG_CALLBACK,
      request_new, server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, server,
      MHD_OPTION_NOTIFY_COMPLETED, request_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
      connection_changed, worker, MHD_OPTION_END);
  return worker->daemon != NULL;
}

static void stop_workers(aod__acceptor_t *acceptor) {
  for (unsigned i = 0; i < acceptor->worker_count; i++)
    if (acceptor->workers[i].daemon) MHD_stop_daemon(acceptor->workers[i].daemon);
}

static bool start_workers(aod_server_t *server) {
  aod__acceptor_t *acceptor = &server->acceptor;
  long wanted = server->options.threads;
  if (wanted <= 0) wanted = aod_cores();
  acceptor->worker_count = wanted < AOD__WORKERS_MAX ? (unsigned)wanted : AOD__WORKERS_MAX;
  unsigned share = connection_limit() / acceptor->worker_count;
  acceptor->connections_max = share > 0 ? share : 1;
  for (unsigned i = 0; i < acceptor->worker_count; i++)
    if (!start_worker(server, &acceptor->workers[i])) return false;
  return true;
}

static void init_waiting(aod_server_t *server) {
  pthread_mutex_init(&server->lock, NULL);
  aod_clock_cond_init(&server->changed);
}

static void server_free(aod_server_t *server) {
  pthread_cond_destroy(&server->changed);
  pthread_mutex_destroy(&server->lock);
  free(server);
}

int aod_server_open(aod_server_t **result, const aod_server_options_t *options, aod_error_t *err) {
  aod_server_t *server = aod_alloc(sizeof *server);
  server->options = *options;
  server->acceptor.listen_fd = options->listen_fd;
  init_waiting(server);
  if (!start_workers(server)) {
    stop_workers(&server->acceptor);
    server_free(server);
    return aod_fail(err, AOD_EIO, "cannot start the HTTP server of %s", options->name);
  }
  aod__acceptor_start(&server->acceptor);
  *result = server;
  return AOD_OK;
}

static void stop_accepting(aod_server_t *server) {
  if (!atomic_exchange(&server->draining, true)) aod__acceptor_stop(&server->acceptor);
}

void aod_server_drain(aod_server_t *server, int64_t grace_ms) {
  stop_accepting(server);
  struct timespec until = aod_clock_monotonic_in(grace_ms);
  pthread_mutex_lock(&server->lock);
  while (server->requests)
    if (pthread_cond_timedwait(&server->changed, &server->lock, &until)) break;
  pthread_mutex_unlock(&server->lock);
}

/* Abandon what waits, and wait until nobody touches a connection from outside any more. */
static void abandon_all(aod_server_t *server) {
  pthread_mutex_lock(&server->lock);
  atomic_store(&server->closing, true);
  while (server->suspended > 0) {
    aod__request_t *request = server->requests;
    while (request && !aod__request_move(request, AOD__SUSPENDED, AOD__ABANDONED))
      request = request->next;
    if (request) {
      pthread_mutex_unlock(&server->lock);
      aod__request_resume(request); /* suspended until here, so it still exists */
      pthread_mutex_lock(&server->lock);
    } else {
      pthread_cond_wait(&server->changed, &server->lock);
    }
  }
  pthread_mutex_unlock(&server->lock);
}

void aod_server_close(aod_server_t *server) {
  if (!server) return;
  stop_accepting(server);
  abandon_all(server);
  aod_server_drain(server, CLOSE_SEND_MS);
  stop_workers(&server->acceptor);
  aod__acceptor_deinit(&server->acceptor);
  aod_assert(!server->requests && server->suspended == 0);
  server_free(server);
}
