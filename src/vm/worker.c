/* The worker's side of the channel.
 *
 * It loads, gives up its rights, and from then on answers requests. What it holds of a process is a
 * private mapping of the committed image, in which messages work, and a second view of it, from
 * which a failed message is undone. A kept message changes the image only after the node has taken
 * the staged changes; the node says so with the next request, when they surely are in the file. */
#include "vm/worker.h"

#include "arweave/hash.h"
#include "base/json.h"

#include "vm/channel.h"
#include "vm/confine.h"
#include "vm/guest.h"
#include "vm/trap.h"
#include "vm/worker_drive.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  int socket;
  uint8_t *channel;
  uint64_t channel_bytes;
  aod_program_t program;
  aod__worker_drive_t drive;
  aod_guest_t *guests[AOD__CHANNEL_SLOTS];
} worker_t;

/* ---- talking ---- */

/* A packet and, when one came with it, a descriptor (else -1). False when the node is gone. */
static bool receive(int socket, aod__worker_request_t *request, int *fd) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {request, sizeof *request};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  *fd = -1;
  if (recvmsg(socket, &message, 0) != (ssize_t)sizeof *request) return false;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_type == SCM_RIGHTS) memcpy(fd, CMSG_DATA(header), sizeof *fd);
  return true;
}

static void reply_with(worker_t *worker, const aod__worker_reply_t *reply) {
  if (send(worker->socket, reply, sizeof *reply, MSG_NOSIGNAL) != (ssize_t)sizeof *reply) _exit(1);
}

static aod_slice_t request_text(const worker_t *worker, const aod__worker_request_t *request,
                                int index) {
  return aod_slice(worker->channel + (index ? request->texts[0] : 0), request->texts[index]);
}

/* Texts of a reply stand one behind the other. */
static void add_text(worker_t *worker, aod__worker_reply_t *reply, int index, aod_slice_t text) {
  uint64_t at = AOD__CHANNEL_REPLY_AT;
  for (int i = 0; i < index; i++) at += reply->texts[i];
  aod_assert(text.len <= AOD__CHANNEL_RANGES_AT - at);
  if (text.len) memcpy(worker->channel + at, text.ptr, text.len);
  reply->texts[index] = text.len;
}

static void explain(worker_t *worker, aod__worker_reply_t *reply, int code,
                    const aod_error_t *error) {
  reply->code = code;
  if (code) add_text(worker, reply, 0, aod_text(error->message));
}

/* ---- changes ---- */

static void stage(worker_t *worker, aod_guest_t *guest, bool with_state,
                  aod__worker_reply_t *reply) {
  aod_staging_t staging = aod__channel_staging(worker->channel, worker->channel_bytes);
  aod_assert(aod_memory_stage(&guest->core->memory, &staging));
  reply->memory_bytes = guest->core->memory.bytes;
  reply->range_count = staging.range_count;
  if (!with_state) return;
  aod_buf_t state = {0};
  aod_guest_state_write(guest, &state);
  add_text(worker, reply, 2, aod_buf_slice(&state));
  aod_buf_free(&state);
}

/* ---- requests ---- */

static void drop(worker_t *worker, uint32_t slot) {
  if (!worker->guests[slot]) return;
  aod_guest_close(worker->guests[slot]);
  free(worker->guests[slot]);
  worker->guests[slot] = NULL;
}

static int open_guest(worker_t *worker, const aod__worker_request_t *request,
                      const aod_image_t *image, aod_error_t *err) {
  drop(worker, request->slot);
  aod_instance_options_t options = {.memory_cap_bytes = request->memory_cap_bytes,
                                    .drive = request->has_drive ? &worker->drive.table : NULL};
  aod_guest_t *guest = aod_alloc(sizeof *guest);
  int code = aod_guest_open(guest, &worker->program, image, &options, err);
  if (code == AOD_OK)
    worker->guests[request->slot] = guest;
  else
    free(guest);
  return code;
}

static void do_prepare(worker_t *worker, const aod__worker_request_t *request, int fd,
                       aod__worker_reply_t *reply) {
  (void)fd;
  aod_error_t error;
  int code = open_guest(worker, request, NULL, &error);
  if (code == AOD_OK) code = aod_guest_prepare(worker->guests[request->slot], &error);
  if (code == AOD_OK) stage(worker, worker->guests[request->slot], true, reply);
  explain(worker, reply, code, &error);
  drop(worker, request->slot);
}

static void do_bind(worker_t *worker, const aod__worker_request_t *request, int fd,
                    aod__worker_reply_t *reply) {
  aod_error_t error;
  aod_slice_t state = request_text(worker, request, 0), present = request_text(worker, request, 1);
  aod_image_t image = {.fd = fd,
                       .bytes = request->memory_bytes,
                       .file_bytes = request->file_bytes,
                       .present = (uint8_t *)present.ptr};
  int code = open_guest(worker, request, &image, &error);
  if (code == AOD_OK) code = aod_guest_state_read(worker->guests[request->slot], state, &error);
  if (code) drop(worker, request->slot);
  explain(worker, reply, code, &error);
}

static void do_evaluate(worker_t *worker, const aod__worker_request_t *request, int fd,
                        aod__worker_reply_t *reply) {
  (void)fd;
  aod_guest_t *guest = worker->guests[request->slot];
  aod_assert(guest);
  if (request->keep) aod_guest_settle(guest);
  aod_evaluation_t evaluation;
  aod_error_t error;
  int code = aod_guest_evaluate(guest, request->compute_limit, request_text(worker, request, 0),
                                request_text(worker, request, 1), &evaluation, &error);
  explain(worker, reply, code, &error);
  if (code) return;
  reply->failed = evaluation.failed;
  reply->exit_status = evaluation.exit_status;
  reply->gas_used = evaluation.gas_used;
  add_text(worker, reply, 0, aod_buf_slice(&evaluation.text));
  add_text(worker, reply, 1, aod_buf_slice(&evaluation.output));
  if (!evaluation.failed && !request->dry)
    stage(worker, guest, aod_guest_state_changed(guest), reply);
  aod_evaluation_free(&evaluation);
}

static void do_undo(worker_t *worker, const aod__worker_request_t *request, int fd,
                    aod__worker_reply_t *reply) {
  (void)fd, (void)reply;
  if (worker->guests[request->slot]) aod_guest_rollback(worker->guests[request->slot]);
}

static void do_unbind(worker_t *worker, const aod__worker_request_t *request, int fd,
                      aod__worker_reply_t *reply) {
  (void)fd, (void)reply;
  drop(worker, request->slot);
}

static const struct {
  void (*run)(worker_t *, const aod__worker_request_t *, int fd, aod__worker_reply_t *);
  bool replies;
} operations[AOD__WORKER_OPS] = {
    [AOD__WORKER_PREPARE] = {do_prepare, true},   [AOD__WORKER_BIND] = {do_bind, true},
    [AOD__WORKER_EVALUATE] = {do_evaluate, true}, [AOD__WORKER_UNDO] = {do_undo, false},
    [AOD__WORKER_UNBIND] = {do_unbind, false},
};

static _Noreturn void serve(worker_t *worker) {
  aod__worker_request_t request;
  int fd;
  while (receive(worker->socket, &request, &fd)) {
    aod__worker_reply_t reply = {.exit_status = -1};
    aod_assert(request.op < AOD__WORKER_OPS && request.slot < AOD__CHANNEL_SLOTS);
    aod_assert(operations[request.op].run);
    operations[request.op].run(worker, &request, fd, &reply);
    if (fd >= 0) close(fd); /* what is mapped stays */
    if (operations[request.op].replies) reply_with(worker, &reply);
  }
  _exit(0);
}

/* ---- beginning ---- */

static void nothing(void *unused) {
  (void)unused;
}

/* What happens once, on first use, and will not be possible later: the fault handler and the native
 * stack, and the libraries' own beginnings, which look for randomness and configuration. */
static void warm_up(void) {
  uint8_t digest[32];
  aod_enter(nothing, NULL);
  aod_sha256(AOD_EMPTY, digest);
  json_object_seed(1);
}

static int load(worker_t *worker, int code_fd, const char *format, aod_error_t *err) {
  const aod_format_t *known = aod_format_find(aod_text(format));
  if (!known) return aod_fail(err, AOD_EUNSUPPORTED, "Module-Format \"%s\"", format);
  aod_code_t *code;
  int rc = aod_code_open(code_fd, &code, err);
  if (rc == AOD_OK) rc = aod_program_open(&worker->program, code, known, err);
  if (rc == AOD_OK) warm_up();
  return rc;
}

void aod__worker_run(int socket, int code_fd, int channel_fd, uint64_t channel_bytes,
                     const char *format) {
  worker_t worker = {.socket = socket, .channel_bytes = channel_bytes};
  void *channel =
      mmap(NULL, channel_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, channel_fd, 0);
  if (channel == MAP_FAILED) _exit(1);
  worker.channel = channel;
  aod__worker_drive_init(&worker.drive, socket, channel);
  aod_error_t error;
  aod__worker_reply_t reply = {0};
  int code = load(&worker, code_fd, format, &error);
  if (code == AOD_OK && !aod__confine_worker(socket))
    code = aod_fail(&error, AOD_EUNSUPPORTED, "the system cannot confine a worker (seccomp)");
  explain(&worker, &reply, code, &error);
  reply_with(&worker, &reply);
  if (code) _exit(1);
  serve(&worker);
}
