#include "http/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

enum { SHORTAGE_MS = 50 }; /* descriptors or memory are short: the next try */

/* The worker with the fewest connections, of those with as few the one after `previous`. */
static aod__worker_t *least_busy(aod__acceptor_t *acceptor, unsigned previous) {
  aod__worker_t *best = NULL;
  for (unsigned i = 1; i <= acceptor->worker_count; i++) {
    aod__worker_t *worker = &acceptor->workers[(previous + i) % acceptor->worker_count];
    if (!best || worker->connections < best->connections) best = worker;
  }
  return best;
}

/* Wait until a worker may have one more connection, and count it. NULL: stop. */
static aod__worker_t *take_place(aod__acceptor_t *acceptor, unsigned previous) {
  aod__worker_t *worker = NULL;
  pthread_mutex_lock(&acceptor->lock);
  while (!acceptor->stopping) {
    worker = least_busy(acceptor, previous);
    if (worker->connections < acceptor->connections_max) break;
    pthread_cond_wait(&acceptor->changed, &acceptor->lock);
  }
  if (acceptor->stopping)
    worker = NULL;
  else
    worker->connections++;
  pthread_mutex_unlock(&acceptor->lock);
  return worker;
}

void aod__acceptor_ended(aod__worker_t *worker) {
  aod__acceptor_t *acceptor = worker->acceptor;
  pthread_mutex_lock(&acceptor->lock);
  worker->connections--;
  pthread_cond_signal(&acceptor->changed);
  pthread_mutex_unlock(&acceptor->lock);
}

static void wait_out_shortage(aod__acceptor_t *acceptor) {
  struct timespec until = aod_clock_monotonic_in(SHORTAGE_MS);
  pthread_mutex_lock(&acceptor->lock);
  while (!acceptor->stopping)
    if (pthread_cond_timedwait(&acceptor->changed, &acceptor->lock, &until) == ETIMEDOUT) break;
  pthread_mutex_unlock(&acceptor->lock);
}

/* Accept one connection for the worker. libmicrohttpd closes what it cannot take. */
static void accept_one(aod__acceptor_t *acceptor, aod__worker_t *worker) {
  struct sockaddr_storage address;
  socklen_t len = sizeof address;
  int fd =
      accept4(acceptor->listen_fd, (struct sockaddr *)&address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0 &&
      MHD_add_connection(worker->daemon, fd, (struct sockaddr *)&address, len) == MHD_YES)
    return;
  bool short_of_something =
      fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);
  aod__acceptor_ended(worker);
  if (short_of_something) wait_out_shortage(acceptor);
}

static void *accept_all(void *argument) {
  aod__acceptor_t *acceptor = argument;
  aod__worker_t *worker = acceptor->workers;
  while ((worker = take_place(acceptor, (unsigned)(worker - acceptor->workers))))
    accept_one(acceptor, worker);
  return NULL;
}

void aod__acceptor_start(aod__acceptor_t *acceptor) {
  aod_clock_cond_init(&acceptor->changed);
  pthread_mutex_init(&acceptor->lock, NULL);
  for (unsigned i = 0; i < acceptor->worker_count; i++) acceptor->workers[i].acceptor = acceptor;
  fcntl(acceptor->listen_fd, F_SETFL, 0); /* accept waits */
  aod_assert(pthread_create(&acceptor->thread, NULL, accept_all, acceptor) == 0);
  pthread_setname_np(acceptor->thread, "http-accept");
}

void aod__acceptor_stop(aod__acceptor_t *acceptor) {
  pthread_mutex_lock(&acceptor->lock);
  acceptor->stopping = true;
  pthread_cond_signal(&acceptor->changed);
  pthread_mutex_unlock(&acceptor->lock);
  shutdown(acceptor->listen_fd, SHUT_RD); /* ends the accept that waits */
  pthread_join(acceptor->thread, NULL);
  close(acceptor->listen_fd);
}

void aod__acceptor_deinit(aod__acceptor_t *acceptor) {
  pthread_cond_destroy(&acceptor->changed);
  pthread_mutex_destroy(&acceptor->lock);
}
