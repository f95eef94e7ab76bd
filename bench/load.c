/* How many GETs a second does a server answer? Keeps connections open, each with one request under
 * way, asks for the paths in turn and measures for some seconds after a warm-up.
 *
 *   bench_load HOST PORT CONNECTIONS SECONDS < PATHS (one a line)
 *
 * Prints JSON. Every answer must be 200 with a Content-Length, else it stops with what came. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"

enum { CONNECTIONS_MAX = 1024, ANSWER_BYTES_MAX = 1 << 16, WARM_UP_US = 500000 };

typedef struct {
  int fd;
  int64_t began_us;
  size_t len; /* of the answer so far */
  char answer[ANSWER_BYTES_MAX + 1];
} connection_t;

typedef struct {
  char **requests;
  size_t request_count, next;
  int64_t measure_from_us, until_us;
  uint32_t *latencies_us;
  size_t latency_count, latency_cap;
} load_t;

static _Noreturn void stop(const char *why, const char *detail) {
  fprintf(stderr, "bench_load: %s: %s\n", why, detail);
  exit(1);
}

static void read_paths(load_t *load, const char *host) {
  char *line = NULL;
  size_t cap = 0;
  ssize_t len;
  while ((len = getline(&line, &cap, stdin)) > 0) {
    line[strcspn(line, "\n")] = 0;
    aod_buf_t request = {0};
    aod_buf_printf(&request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", line, host);
    load->requests = aod_realloc(load->requests, (load->request_count + 1) * sizeof(char *));
    load->requests[load->request_count++] = aod_slice_strdup(aod_buf_slice(&request));
    aod_buf_free(&request);
  }
  free(line);
  if (load->request_count == 0) stop("no paths", "stdin is empty");
}

static void send_next(load_t *load, connection_t *connection) {
  const char *request = load->requests[load->next++ % load->request_count];
  size_t len = strlen(request);
  connection->len = 0;
  connection->began_us = aod_clock_monotonic_us();
  if (send(connection->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
    stop("cannot send", strerror(errno));
}

/* Has the whole answer arrived? */
static bool is_complete(connection_t *connection) {
  connection->answer[connection->len] = 0;
  const char *body = strstr(connection->answer, "\r\n\r\n");
  if (!body) return false;
  if (strncmp(connection->answer, "HTTP/1.1 200", 12) != 0) stop("no 200", connection->answer);
  const char *length = strcasestr(connection->answer, "\r\nContent-Length:");
  if (!length || length > body) stop("no Content-Length", connection->answer);
  size_t wanted = (size_t)(body + 4 - connection->answer) + strtoul(length + 17, NULL, 10);
  if (wanted > ANSWER_BYTES_MAX) stop("too long an answer", connection->answer);
  return connection->len >= wanted;
}

static void note_latency(load_t *load, int64_t began_us, int64_t now_us) {
  if (now_us < load->measure_from_us || now_us > load->until_us) return;
  if (load->latency_count == load->latency_cap) {
    load->latency_cap = load->latency_cap ? 2 * load->latency_cap : 1 << 16;
    load->latencies_us =
        aod_realloc(load->latencies_us, load->latency_cap * sizeof *load->latencies_us);
  }
  load->latencies_us[load->latency_count++] = (uint32_t)(now_us - began_us);
}

static void receive(load_t *load, connection_t *connection) {
  ssize_t got = recv(connection->fd, connection->answer + connection->len,
                     ANSWER_BYTES_MAX - connection->len, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) stop("the server closed a connection", got ? strerror(errno) : "end of file");
  connection->len += (size_t)got;
  if (!is_complete(connection)) return;
  note_latency(load, connection->began_us, aod_clock_monotonic_us());
  send_next(load, connection);
}

static int connect_to(const char *host, const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
      connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
    stop("cannot connect", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static void report(load_t *load, double seconds) {
  size_t count = load->latency_count;
  if (count == 0) stop("no answers", "nothing to tell");
  qsort(load->latencies_us, count, sizeof *load->latencies_us, compare);
  printf("{\"per_second\":%.1f,\"p50_us\":%u,\"p99_us\":%u,\"worst_us\":%u}\n",
         (double)count / seconds, load->latencies_us[count / 2],
         load->latencies_us[count * 99 / 100], load->latencies_us[count - 1]);
}

int main(int argc, char **argv) {
  if (argc != 5) stop("usage", "bench_load HOST PORT CONNECTIONS SECONDS < PATHS");
  int count = atoi(argv[3]);
  double seconds = atof(argv[4]);
  if (count < 1 || count > CONNECTIONS_MAX || seconds <= 0) stop("usage", "numbers");
  load_t load = {0};
  read_paths(&load, argv[1]);
  connection_t *connections = aod_alloc((size_t)count * sizeof *connections);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < count; i++) {
    connections[i].fd = connect_to(argv[1], argv[2]);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event);
  }
  load.measure_from_us = aod_clock_monotonic_us() + WARM_UP_US;
  load.until_us = load.measure_from_us + (int64_t)(seconds * 1e6);
  for (int i = 0; i < count; i++) send_next(&load, &connections[i]);
  while (aod_clock_monotonic_us() < load.until_us) {
    struct epoll_event events[64];
    int ready = epoll_wait(epoll, events, 64, 1000);
    for (int i = 0; i < ready; i++) receive(&load, events[i].data.ptr);
  }
  report(&load, seconds);
  return 0;
}
