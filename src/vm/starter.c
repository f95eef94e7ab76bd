/* The starter of workers, and how the rest of the program talks to it.
 *
 * The starter is this very program, executed once more under another name, with nothing but a
 * socket: no environment, no file, and addresses of its own, so that a worker knows nothing of what
 * the program knows. Executing, unlike forking, may be done when there are threads; so when the
 * starter dies, the next worker that is wanted gets a new one.
 *
 * Requests are packets on a socket pair; one is under way at a time. A worker is a child of the
 * starter and stays a zombie until it is asked for, so its number means it and nobody else. When
 * the program ends, however it ends, its end of the socket closes and the starter goes, and with it
 * (parent death signal) all workers.
 *
 * Signals of the terminal are for the program, which first lets its workers finish what was
 * accepted. */
#include "vm/worker.h"

#include "base/log.h"
#include "vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STARTER_NAME "aod-starter" /* 15 characters at most */

enum { DESCRIPTORS = 3, FORMAT_CHARS = 80, STARTER_SOCKET = 3 };

typedef struct {
  uint64_t number; /* comes back with the answer */
  pid_t end;       /* kill and reap this worker; 0: start one */
  uint64_t channel_bytes;
  char format[FORMAT_CHARS];
} request_t;

typedef struct {
  uint64_t number;
  int value; /* the worker's process, or minus an errno; or how it ended */
} answer_t;

static struct {
  pthread_mutex_t lock; /* guards the rest, and holds while a question is answered */
  int socket;           /* 0: there is none */
  pid_t pid, owner;     /* of the starter; of the program that it belongs to */
  uint32_t count;       /* starters so far: this one's number */
  uint32_t questions;
} starter = {.lock = PTHREAD_MUTEX_INITIALIZER};

typedef union {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
} control_t;

/* ---- the starter's side ---- */

static bool receive(int socket, request_t *request, int fds[DESCRIPTORS]) {
  control_t control;
  struct iovec part = {request, sizeof *request};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof *request) return false;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header) memcpy(fds, CMSG_DATA(header), DESCRIPTORS * sizeof *fds);
  return header != NULL || request->end != 0;
}

/* When memory runs out, a worker is the one to go: it loses nothing. */
static void volunteer_for_oom(void) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t written = write(fd, "800", 3);
  (void)written; /* not permitted: then not */
  close(fd);
}

static pid_t fork_worker(int socket, const request_t *request, const int fds[DESCRIPTORS]) {
  pid_t parent = getpid(), pid = fork();
  if (pid) return pid > 0 ? pid : -errno;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  prctl(PR_SET_NAME, "aod-worker");
  close(socket);
  volunteer_for_oom();
  aod__worker_run(fds[0], fds[1], fds[2], request->channel_bytes, request->format);
}

static int end_worker(pid_t pid) {
  int status = -1;
  kill(pid, SIGKILL);
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return status;
}

static _Noreturn void serve(int socket) {
  request_t request;
  int fds[DESCRIPTORS];
  while (receive(socket, &request, fds)) {
    answer_t answer = {.number = request.number};
    answer.value = request.end ? end_worker(request.end) : fork_worker(socket, &request, fds);
    for (int i = 0; !request.end && i < DESCRIPTORS; i++) close(fds[i]);
    if (send(socket, &answer, sizeof answer, MSG_NOSIGNAL) != (ssize_t)sizeof answer) break;
  }
  _exit(0);
}

/* Runs in every program of this library before main, which has no part in it. */
__attribute__((constructor)) static void become_starter(void) {
  if (strcmp(program_invocation_name, STARTER_NAME) != 0) return;
  prctl(PR_SET_NAME, STARTER_NAME);
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  fcntl(STARTER_SOCKET, F_SETFD, FD_CLOEXEC);
  serve(STARTER_SOCKET);
}

/* ---- executing it; the lock is held ---- */

/* Of the environment it gets what the program may need to be loaded at all. */
static void pick_environment(char *picked[], size_t cap) {
  static const char *const wanted[] = {
      "LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "TSAN_OPTIONS=", "UBSAN_OPTIONS="};
  size_t count = 0;
  for (char **entry = environ; entry && *entry && count + 1 < cap; entry++)
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
      if (strncmp(*entry, wanted[i], strlen(wanted[i])) == 0) {
        picked[count++] = *entry;
        break;
      }
  picked[count] = NULL;
}

/* Signals that the starter will ignore are blocked until it does. */
static void prepare_signals(posix_spawnattr_t *attributes) {
  sigset_t blocked, all;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGHUP);
  sigfillset(&all);
  posix_spawnattr_setsigmask(attributes, &blocked);
  posix_spawnattr_setsigdefault(attributes, &all);
  posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/* Returns an errno. */
static int execute(int socket, pid_t *pid) {
  char *arguments[] = {STARTER_NAME, NULL}, *environment[8];
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  pick_environment(environment, sizeof environment / sizeof *environment);
  posix_spawnattr_init(&attributes);
  prepare_signals(&attributes);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, STARTER_SOCKET);
  posix_spawn_file_actions_addclosefrom_np(&actions, STARTER_SOCKET + 1);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  int error = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

static bool is_started(void) {
  return starter.socket != 0 && starter.owner == getpid();
}

static int start(aod_error_t *err) {
  int sockets[2];
  if (is_started()) return AOD_OK;
  if (starter.socket) close(starter.socket); /* a fork's parent goes on with its own */
  starter.socket = 0;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
    return aod_fail(err, AOD_EUNAVAILABLE, "no socket for workers: %s", strerror(errno));
  int error = execute(sockets[1], &starter.pid);
  close(sockets[1]);
  if (error) {
    close(sockets[0]);
    return aod_fail(err, AOD_EUNAVAILABLE, "no process for workers: %s", strerror(error));
  }
  starter.socket = sockets[0];
  starter.owner = getpid();
  starter.count++;
  return AOD_OK;
}

static void stop(void) {
  close(starter.socket);
  while (waitpid(starter.pid, NULL, 0) < 0 && errno == EINTR) {}
  starter.socket = 0;
}

int aod_workers_start(aod_error_t *err) {
  pthread_mutex_lock(&starter.lock);
  int rc = start(err);
  pthread_mutex_unlock(&starter.lock);
  return rc;
}

void aod_workers_stop(void) {
  pthread_mutex_lock(&starter.lock);
  if (is_started()) stop();
  pthread_mutex_unlock(&starter.lock);
}

/* ---- asking it ---- */

/* An answer to somebody else's question is one that a fork of this program did not live to read. */
static bool await_answer(uint64_t number, int *value) {
  answer_t answer;
  do {
    if (recv(starter.socket, &answer, sizeof answer, 0) != (ssize_t)sizeof answer) return false;
  } while (answer.number != number);
  *value = answer.value;
  return true;
}

/* False when there is no starter, or none any more. The lock is held. */
static bool exchange(request_t *request, struct msghdr *message, int *value) {
  if (!is_started()) return false;
  request->number = (uint64_t)getpid() << 32 | ++starter.questions;
  if (sendmsg(starter.socket, message, MSG_NOSIGNAL) == (ssize_t)sizeof *request &&
      await_answer(request->number, value))
    return true;
  aod_log(AOD_LOG_WARN, "vm", "the starter of workers, process %d, is gone", (int)starter.pid);
  kill(starter.pid, SIGKILL);
  stop();
  return false;
}

static int start_worker(request_t *request, struct msghdr *message, aod__worker_id_t *id,
                        aod_error_t *err) {
  int pid = 0;
  pthread_mutex_lock(&starter.lock);
  int rc = AOD_OK;
  if (!exchange(request, message, &pid)) {
    rc = start(err);
    if (rc == AOD_OK) exchange(request, message, &pid);
  }
  *id = (aod__worker_id_t){.pid = pid, .starter = starter.count};
  pthread_mutex_unlock(&starter.lock);
  if (rc == AOD_OK && pid <= 0)
    rc = aod_fail(err, AOD_EUNAVAILABLE, "no worker could be started: %s",
                  pid ? strerror(-pid) : "its starter died");
  return rc;
}

int aod__worker_start(const aod__worker_start_t *wanted, aod__worker_id_t *id, aod_error_t *err) {
  const int fds[DESCRIPTORS] = {wanted->socket, wanted->code_fd, wanted->channel_fd};
  request_t request = {.channel_bytes = wanted->channel_bytes};
  snprintf(request.format, sizeof request.format, "%s", wanted->format);
  control_t control = {.bytes = {0}};
  struct iovec part = {&request, sizeof request};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){
      .cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(header), fds, sizeof fds);
  return start_worker(&request, &message, id, err);
}

int aod__worker_end(aod__worker_id_t id) {
  request_t request = {.end = id.pid};
  struct iovec part = {&request, sizeof request};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  int status = -1;
  pthread_mutex_lock(&starter.lock);
  bool known = id.starter == starter.count && exchange(&request, &message, &status);
  pthread_mutex_unlock(&starter.lock);
  return known ? status : -1;
}
