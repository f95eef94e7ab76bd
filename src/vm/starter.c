/* The starter of workers, and how the rest of the program talks to it.
 *
 * Requests are packets on a socket pair; one is under way at a time. A worker is a child of the
 * starter and stays a zombie until it is asked for, so its number means it and nobody else. When
 * the program ends, however it ends, its end of the socket closes and the starter goes, and with it
 * (parent death signal) all workers.
 *
 * What the program was started with may be secret: the environment is wiped. Signals of the
 * terminal are for the program, which first lets its workers finish what was accepted. */
#include "vm/worker.h"

#include "vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DESCRIPTORS = 3, FORMAT_CHARS = 80 };

typedef struct {
  uint64_t number; /* comes back with the answer */
  pid_t end;       /* kill and reap this worker; 0: start one */
  uint64_t channel_bytes;
  char format[FORMAT_CHARS];
} request_t;

typedef struct {
  uint64_t number;
  int value; /* the worker's process, or how it ended */
} answer_t;

static struct {
  pthread_mutex_t lock;
  int socket; /* 0: not started */
  pid_t pid, owner;
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
  if (pid) return pid;
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

static void wipe_environment(void) {
  extern char **environ;
  for (char **entry = environ; entry && *entry; entry++) explicit_bzero(*entry, strlen(*entry));
  environ = NULL;
}

static _Noreturn void become_starter(int socket, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  prctl(PR_SET_NAME, "aod-starter");
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  wipe_environment();
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) {
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    close(null);
  }
  serve(socket);
}

/* ---- the program's side ---- */

int aod_workers_start(aod_error_t *err) {
  int sockets[2];
  if (aod__workers_started()) return AOD_OK;
  if (starter.socket) close(starter.socket); /* a fork's parent goes on with its own */
  starter.socket = 0;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
    return aod_fail(err, AOD_EUNAVAILABLE, "no socket for workers: %s", strerror(errno));
  pid_t parent = starter.owner = getpid();
  fflush(NULL);
  starter.pid = fork();
  if (starter.pid == 0) {
    close(sockets[0]);
    become_starter(sockets[1], parent);
  }
  close(sockets[1]);
  if (starter.pid < 0) {
    close(sockets[0]);
    return aod_fail(err, AOD_EUNAVAILABLE, "no process for workers: %s", strerror(errno));
  }
  starter.socket = sockets[0];
  return AOD_OK;
}

void aod_workers_stop(void) {
  if (!aod__workers_started()) return;
  close(starter.socket);
  while (waitpid(starter.pid, NULL, 0) < 0 && errno == EINTR) {}
  starter.socket = 0;
}

bool aod__workers_started(void) {
  return starter.socket != 0 && starter.owner == getpid();
}

/* An answer to somebody else's question is one that a fork of this program did not live to read. */
static bool await_answer(uint64_t number, int *value) {
  answer_t answer;
  do {
    if (recv(starter.socket, &answer, sizeof answer, 0) != (ssize_t)sizeof answer) return false;
  } while (answer.number != number);
  *value = answer.value;
  return true;
}

static bool exchange(request_t *request, struct msghdr *message, int *value) {
  pthread_mutex_lock(&starter.lock);
  request->number = (uint64_t)getpid() << 32 | ++starter.questions;
  bool good = sendmsg(starter.socket, message, MSG_NOSIGNAL) == (ssize_t)sizeof *request &&
              await_answer(request->number, value);
  pthread_mutex_unlock(&starter.lock);
  return good;
}

pid_t aod__worker_start(const aod__worker_start_t *start, aod_error_t *err) {
  const int fds[DESCRIPTORS] = {start->socket, start->code_fd, start->channel_fd};
  request_t request = {.channel_bytes = start->channel_bytes};
  snprintf(request.format, sizeof request.format, "%s", start->format);
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
  int pid = -1;
  if (exchange(&request, &message, &pid) && pid > 0) return pid;
  return aod_fail(err, AOD_EUNAVAILABLE, "no worker could be started");
}

int aod__worker_end(pid_t pid) {
  request_t request = {.end = pid};
  struct iovec part = {&request, sizeof request};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  int status = -1;
  return exchange(&request, &message, &status) ? status : -1;
}
