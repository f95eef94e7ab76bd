/* Talking to a worker that one holds. What comes back may come from code that strangers wrote. */
#include "vm/pool.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define TRIM_BYTES ((uint64_t)4 << 20) /* what may stay in each part of the region */

/* ---- requests ---- */

static bool send_request(int socket, const aod__worker_request_t *request, int fd, int flags) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof fd)];
  } control = {.bytes = {0}};
  struct iovec part = {(void *)request, sizeof *request};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL | flags) == (ssize_t)sizeof *request;
}

/* Never waits: a worker that does not read is about to be found out. */
void aod__worker_tell(aod__worker_t *worker, aod__worker_op_t op, uint32_t slot) {
  aod__worker_request_t request = {.op = op, .slot = slot};
  if (!send_request(worker->socket, &request, -1, MSG_DONTWAIT))
    shutdown(worker->socket, SHUT_RDWR);
}

bool aod__worker_set_texts(aod__worker_t *worker, aod__worker_request_t *request, aod_slice_t first,
                           aod_slice_t second) {
  if (first.len > AOD__CHANNEL_REQUEST_BYTES || second.len > AOD__CHANNEL_REQUEST_BYTES - first.len)
    return false;
  if (first.len) memcpy(worker->channel, first.ptr, first.len);
  if (second.len) memcpy(worker->channel + first.len, second.ptr, second.len);
  request->texts[0] = first.len;
  request->texts[1] = second.len;
  worker->request_bytes = first.len + second.len;
  return true;
}

bool aod__worker_answer(aod__worker_t *worker, int code, uint64_t number, aod_slice_t text) {
  aod__worker_request_t request = {.op = AOD__WORKER_ANSWER, .code = code, .number = number};
  if (text.len > AOD__CHANNEL_REPLY_BYTES) return false;
  if (text.len) memcpy(worker->channel + AOD__CHANNEL_REPLY_AT, text.ptr, text.len);
  request.texts[0] = text.len;
  return send_request(worker->socket, &request, -1, 0);
}

/* ---- replies ---- */

static bool texts_fit(const aod__worker_reply_t *reply) {
  uint64_t room = AOD__CHANNEL_REPLY_BYTES;
  for (int i = 0; i < 3; i++) {
    if (reply->texts[i] > room) return false;
    room -= reply->texts[i];
  }
  return reply->range_count <= AOD__CHANNEL_RANGES;
}

aod__answer_t aod__worker_await(aod__worker_t *worker, int64_t timeout_ms,
                                aod__worker_reply_t *reply) {
  int64_t deadline_ms = aod_clock_monotonic_us() / 1000 + timeout_ms;
  struct pollfd ready = {.fd = worker->socket, .events = POLLIN};
  for (;;) {
    int64_t left_ms = deadline_ms - aod_clock_monotonic_us() / 1000;
    int found = poll(&ready, 1, left_ms > 0 ? (int)left_ms : 0);
    if (found == 0) return AOD__TIMED_OUT;
    if (found > 0) break;
    if (errno != EINTR) return AOD__DIED;
  }
  bool whole = recv(worker->socket, reply, sizeof *reply, MSG_DONTWAIT) == (ssize_t)sizeof *reply;
  if (!whole || !texts_fit(reply)) return AOD__DIED;
  worker->reply_bytes = reply->texts[0] + reply->texts[1] + reply->texts[2];
  return AOD__ANSWERED;
}

aod__answer_t aod__worker_ask(aod__worker_t *worker, const aod__worker_request_t *request, int fd,
                              int64_t timeout_ms, aod__worker_reply_t *reply) {
  if (!send_request(worker->socket, request, fd, 0)) return AOD__DIED;
  return aod__worker_await(worker, timeout_ms, reply);
}

aod_slice_t aod__worker_text(const aod__worker_t *worker, const aod__worker_reply_t *reply,
                             int index) {
  uint64_t at = AOD__CHANNEL_REPLY_AT;
  for (int i = 0; i < index; i++) at += reply->texts[i];
  return aod_slice(worker->channel + at, reply->texts[index]);
}

/* ---- tidying ---- */

static void trim(uint8_t *from, uint64_t used) {
  if (used > TRIM_BYTES)
    madvise(from, (used + AOD_PAGE_BYTES - 1) & ~(AOD_PAGE_BYTES - 1), MADV_REMOVE);
}

void aod__worker_trim(aod__worker_t *worker, uint64_t staged_bytes) {
  trim(worker->channel, worker->request_bytes);
  trim(worker->channel + AOD__CHANNEL_REPLY_AT, worker->reply_bytes);
  trim(worker->channel + AOD__CHANNEL_CARDS_AT, staged_bytes);
}
