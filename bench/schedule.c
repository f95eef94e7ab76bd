/* How many messages a second does a scheduler order? Signs the messages beforehand, posts them over
 * many connections, each with one request under way, and measures until the last answer. More
 * messages than a batch are signed batch by batch, while the clock stands.
 *
 *   bench_schedule HOST PORT SCHEDULER MODULE PROCESSES MESSAGES CONNECTIONS [RATE]
 *
 * RATE (a second): do not post faster; then the latencies say what clients see at that load. Prints
 * JSON. Every answer must be 200, else it stops with the first that is not. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "arweave/base64url.h"
#include "arweave/item.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"

enum { ANSWER_BYTES_MAX = 4096, BATCH = 50000 };

typedef struct {
  int fd;
  size_t request; /* under way */
  size_t sent, received;
  int64_t began_us;
  bool busy;
  char answer[ANSWER_BYTES_MAX];
} connection_t;

typedef struct {
  struct sockaddr_in address;
  const char *scheduler, *module;
  size_t process_count, connection_count;
  double rate;
  aod_signer_t *user;
  aod_arena_t arena;
  uint8_t (*processes)[32];
  connection_t *connections;
  int epoll;
  /* of a batch */
  aod_slice_t *requests; /* whole HTTP requests */
  size_t request_count, next, done;
  int64_t began_us;
  /* of all batches */
  int64_t *latencies_us;
  size_t latency_count;
  double seconds, own_seconds;
} load_t;

static _Noreturn void stop(const char *what) {
  fprintf(stderr, "bench_schedule: %s\n", what);
  exit(1);
}

/* ---- what is posted ---- */

static aod_slice_t make_request(load_t *load, aod_slice_t raw) {
  aod_buf_t request = {0};
  aod_buf_printf(&request,
                 "POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/octet-stream\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 raw.len);
  aod_buf_append(&request, raw);
  aod_slice_t copy = aod_arena_copy(&load->arena, aod_buf_slice(&request));
  aod_buf_free(&request);
  return copy;
}

static aod_slice_t sign_request(load_t *load, const aod_item_fields_t *fields, uint8_t id[32]) {
  aod_buf_t raw = {0};
  aod_error_t err;
  if (aod_item_sign(fields, load->user, &raw, id, &err) != AOD_OK) stop(err.message);
  aod_slice_t request = make_request(load, aod_buf_slice(&raw));
  aod_buf_free(&raw);
  return request;
}

#define TAG(name, value)                                                                           \
  { AOD_TEXT(name), aod_text(value) }

static aod_slice_t make_process(load_t *load, size_t number) {
  char label[32];
  snprintf(label, sizeof label, "process %zu", number);
  aod_tag_t tags[] = {TAG("Data-Protocol", "ao"), TAG("Variant", "ao.TN.1"), TAG("Type", "Process"),
                      TAG("Module", load->module), TAG("Scheduler", load->scheduler)};
  aod_item_fields_t fields = {.tags = {tags, sizeof tags / sizeof *tags}, .data = aod_text(label)};
  return sign_request(load, &fields, load->processes[number]);
}

static aod_slice_t make_message(load_t *load, size_t number) {
  char label[100];
  snprintf(label, sizeof label, "Count = (Count or 0) + 1 -- message %zu", number);
  aod_tag_t tags[] = {TAG("Action", "Eval"), TAG("Data-Protocol", "ao"), TAG("Variant", "ao.TN.1"),
                      TAG("Type", "Message")};
  aod_item_fields_t fields = {.target =
                                  aod_slice(load->processes[number % load->process_count], 32),
                              .tags = {tags, sizeof tags / sizeof *tags},
                              .data = aod_text(label)};
  return sign_request(load, &fields, NULL);
}

/* ---- connections ---- */

static void connect_one(load_t *load, connection_t *connection) {
  int yes = 1;
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(connection->fd, (struct sockaddr *)&load->address, sizeof load->address) != 0)
    stop(strerror(errno));
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  fcntl(connection->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

/* Requests are smaller than a socket's buffer, which is empty between two of them. */
static void post_next(load_t *load, connection_t *connection) {
  connection->busy = load->next < load->request_count;
  if (!connection->busy) return;
  connection->request = load->next++;
  connection->received = 0;
  connection->began_us = aod_clock_monotonic_us();
  aod_slice_t request = load->requests[connection->request];
  if (write(connection->fd, request.ptr, request.len) != (ssize_t)request.len)
    stop("a request did not fit the socket's buffer");
}

static bool is_complete(const connection_t *connection) {
  const char *body = strstr(connection->answer, "\r\n\r\n"), *len;
  if (!body || !(len = strcasestr(connection->answer, "content-length:"))) return false;
  size_t head = (size_t)(body + 4 - connection->answer);
  return connection->received >= head + strtoul(len + 15, NULL, 10);
}

static void read_answer(load_t *load, connection_t *connection) {
  ssize_t count = read(connection->fd, connection->answer + connection->received,
                       ANSWER_BYTES_MAX - 1 - connection->received);
  if (count <= 0) stop("the scheduler closed a connection");
  connection->received += (size_t)count;
  connection->answer[connection->received] = 0;
  if (!is_complete(connection)) return;
  if (strncmp(connection->answer, "HTTP/1.1 200", 12) != 0) stop(connection->answer);
  load->latencies_us[load->latency_count++] = aod_clock_monotonic_us() - connection->began_us;
  load->done++;
  connection->busy = false;
}

/* ---- the run ---- */

/* How many may be posted by now. */
static size_t allowed(const load_t *load) {
  if (load->rate <= 0) return load->request_count;
  double elapsed_s = (double)(aod_clock_monotonic_us() - load->began_us) / 1e6;
  return 1 + (size_t)(elapsed_s * load->rate);
}

static void post_allowed(load_t *load) {
  size_t until = allowed(load);
  for (size_t i = 0; i < load->connection_count && load->next < until; i++)
    if (!load->connections[i].busy) post_next(load, &load->connections[i]);
}

/* Of this program, in seconds. */
static double processor_time(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Post the batch and wait for its answers. */
static void run(load_t *load) {
  struct epoll_event events[256];
  double own_seconds = processor_time();
  load->next = load->done = 0;
  load->began_us = aod_clock_monotonic_us();
  while (load->done < load->request_count) {
    post_allowed(load);
    int count = epoll_wait(load->epoll, events, 256, load->rate > 0 ? 1 : 1000);
    for (int i = 0; i < count; i++) read_answer(load, events[i].data.ptr);
  }
  load->seconds += (double)(aod_clock_monotonic_us() - load->began_us) / 1e6;
  load->own_seconds += processor_time() - own_seconds;
}

static int compare(const void *a, const void *b) {
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return left < right ? -1 : left > right;
}

static double quantile_ms(const load_t *load, double q) {
  return (double)load->latencies_us[(size_t)((double)(load->latency_count - 1) * q)] / 1000;
}

static void post_processes(load_t *load) {
  for (size_t i = 0; i < load->process_count; i++) load->requests[i] = make_process(load, i);
  load->request_count = load->process_count;
  run(load);
  load->latency_count = 0;
  load->seconds = load->own_seconds = 0;
}

static void post_messages(load_t *load, size_t count) {
  for (size_t posted = 0; posted < count; posted += load->request_count) {
    aod_arena_free(&load->arena);
    load->request_count = count - posted < BATCH ? count - posted : BATCH;
    for (size_t i = 0; i < load->request_count; i++)
      load->requests[i] = make_message(load, posted + i);
    run(load);
  }
}

static void report(load_t *load) {
  size_t count = load->latency_count;
  char process[AOD_ID_CHARS + 1];
  aod_id_encode(load->processes[0], process);
  qsort(load->latencies_us, count, sizeof *load->latencies_us, compare);
  printf("{\"messages\":%zu,\"seconds\":%.3f,\"rate\":%.1f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
         "\"own_us\":%.1f,\"process\":\"%s\"}\n",
         count, load->seconds, (double)count / load->seconds, quantile_ms(load, 0.5),
         quantile_ms(load, 0.99), load->own_seconds * 1e6 / (double)count, process);
}

int main(int argc, char **argv) {
  if (argc < 8) stop("usage: HOST PORT SCHEDULER MODULE PROCESSES MESSAGES CONNECTIONS [RATE]");
  load_t load = {.address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))},
                 .scheduler = argv[3],
                 .module = argv[4],
                 .process_count = strtoul(argv[5], NULL, 10),
                 .connection_count = strtoul(argv[7], NULL, 10),
                 .epoll = epoll_create1(EPOLL_CLOEXEC)};
  size_t message_count = strtoul(argv[6], NULL, 10);
  inet_pton(AF_INET, argv[1], &load.address.sin_addr);
  aod_error_t err;
  if (aod_signer_generate("ed25519", &load.user, &err) != AOD_OK) stop(err.message);
  size_t most = load.process_count > BATCH ? load.process_count : BATCH;
  load.processes = aod_alloc(load.process_count * 32);
  load.requests = aod_alloc(most * sizeof *load.requests);
  load.latencies_us = aod_alloc((load.process_count + message_count) * sizeof *load.latencies_us);
  load.connections = aod_alloc(load.connection_count * sizeof *load.connections);
  for (size_t i = 0; i < load.connection_count; i++) connect_one(&load, &load.connections[i]);
  post_processes(&load);
  load.rate = argc > 8 ? atof(argv[8]) : 0;
  post_messages(&load, message_count);
  report(&load);
  return 0;
}
