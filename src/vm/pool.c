/* Choosing, starting and ending workers. */
#include "vm/pool.h"

#include "base/clock.h"
#include "base/lane.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  WORKERS_MAX = 64, /* of all modules */
  SPREAD_MIN = 3,   /* of one module: dry runs hold one more than cores */
  SPREAD_MAX = 32,
  PATIENCE_US = 2000,       /* a message is mostly done sooner, and moving a process costs more */
  READY_TIMEOUT_MS = 60000, /* loading the largest module */
};

/* ---- life of the pool ---- */

void aod__pool_init(aod__pool_t *pool) {
  uint32_t cores = aod_cores();
  *pool = (aod__pool_t){.spread = cores < 2                ? SPREAD_MIN
                                  : cores > SPREAD_MAX / 2 ? SPREAD_MAX
                                                           : 2 * cores};
  pthread_mutex_init(&pool->lock, NULL);
  aod_clock_cond_init(&pool->changed);
}

void aod__pool_deinit(aod__pool_t *pool) {
  aod_assert(!pool->workers);
  pthread_cond_destroy(&pool->changed);
  pthread_mutex_destroy(&pool->lock);
}

/* ---- one worker ---- */

static void release(aod__worker_t *worker) {
  if (worker->channel) munmap(worker->channel, worker->crew->channel_bytes);
  if (worker->socket >= 0) close(worker->socket);
  free(worker);
}

/* Of a size that neither side can change: a shorter file would make the other one's access fail. */
static int make_channel(uint64_t bytes) {
  int fd = memfd_create("aod-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  if (ftruncate(fd, (off_t)bytes) == 0 &&
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    return fd;
  close(fd);
  return -1;
}

static bool map_channel(aod__worker_t *worker, int fd) {
  void *at = mmap(NULL, worker->crew->channel_bytes, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_NORESERVE, fd, 0);
  worker->channel = at == MAP_FAILED ? NULL : at;
  return worker->channel != NULL;
}

static int start(aod__worker_t *worker, aod_error_t *err) {
  int sockets[2] = {-1, -1}, channel = make_channel(worker->crew->channel_bytes);
  int rc = AOD_EUNAVAILABLE;
  if (channel >= 0 && map_channel(worker, channel) &&
      socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0) {
    aod__worker_start_t request = {.socket = sockets[1],
                                   .code_fd = worker->code->fd,
                                   .channel_fd = channel,
                                   .channel_bytes = worker->crew->channel_bytes,
                                   .format = worker->crew->format->name};
    worker->socket = sockets[0];
    rc = aod__worker_start(&request, &worker->id, err);
  } else {
    aod_fail(err, rc, "no worker could be started: %s", strerror(errno));
  }
  if (sockets[1] >= 0) close(sockets[1]);
  if (channel >= 0) close(channel);
  return rc;
}

static int await_ready(aod__worker_t *worker, aod_error_t *err) {
  aod__worker_reply_t reply;
  if (aod__worker_await(worker, READY_TIMEOUT_MS, &reply) != AOD__ANSWERED)
    return aod_fail(err, AOD_EUNAVAILABLE, "a worker died before it was ready");
  if (reply.code == AOD_OK) return AOD_OK;
  return aod_fail(err, AOD_EUNAVAILABLE, "a worker cannot be used: %.*s",
                  AOD_ARG(aod_slice_sub(aod__worker_text(worker, &reply, 0), 0, 500)));
}

static int make_worker(aod__crew_t *crew, const aod_code_t *code, aod__worker_t **worker_out,
                       aod_error_t *err) {
  aod__worker_t *worker = aod_alloc(sizeof *worker);
  *worker = (aod__worker_t){.crew = crew, .code = code, .busy = true, .socket = -1};
  int rc = start(worker, err);
  if (rc == AOD_OK) rc = await_ready(worker, err);
  if (rc == AOD_OK) {
    *worker_out = worker;
    return AOD_OK;
  }
  if (worker->id.pid > 0) aod__worker_end(worker->id);
  release(worker);
  return rc;
}

static void end(aod__worker_t *worker) {
  aod__worker_end(worker->id);
  release(worker);
}

/* ---- the list; the lock is held ---- */

/* The counts are the caller's. */
static void list(aod__pool_t *pool, aod__worker_t *worker) {
  worker->next = pool->workers;
  pool->workers = worker;
}

static void unlist(aod__pool_t *pool, aod__worker_t *worker) {
  aod__worker_t **link = &pool->workers;
  while (*link != worker) link = &(*link)->next;
  *link = worker->next;
  pool->count--;
  worker->crew->worker_count--;
  for (uint32_t i = 0; i < AOD__CHANNEL_SLOTS; i++)
    if (worker->bound[i]) worker->bound[i]->worker = NULL;
}

static void unbind_process(aod__binding_t *binding) {
  aod__worker_t *worker = binding->worker;
  aod__worker_tell(worker, AOD__WORKER_UNBIND, binding->slot);
  worker->bound[binding->slot] = NULL;
  worker->bound_count--;
  binding->worker = NULL;
}

static void bind_process(aod__worker_t *worker, aod__binding_t *binding) {
  uint32_t slot = 0;
  for (uint32_t i = 0; i < AOD__CHANNEL_SLOTS; i++) {
    if (!worker->bound[i]) {
      slot = i;
      break;
    }
    if (worker->bound[i]->used < worker->bound[slot]->used) slot = i;
  }
  if (worker->bound[slot]) unbind_process(worker->bound[slot]);
  worker->bound[slot] = binding;
  worker->bound_count++;
  binding->worker = worker;
  binding->slot = slot;
}

static aod__worker_t *find_idle(aod__pool_t *pool, const aod__crew_t *crew) {
  aod__worker_t *best = NULL;
  for (aod__worker_t *worker = pool->workers; worker; worker = worker->next)
    if (!worker->busy && worker->crew == crew && (!best || worker->bound_count < best->bound_count))
      best = worker;
  return best;
}

/* Make room for one more: the idle worker that was used least recently goes. */
static bool make_room(aod__pool_t *pool) {
  if (pool->count < WORKERS_MAX) return true;
  aod__worker_t *oldest = NULL;
  for (aod__worker_t *worker = pool->workers; worker; worker = worker->next)
    if (!worker->busy && (!oldest || worker->used < oldest->used)) oldest = worker;
  if (!oldest) return false;
  unlist(pool, oldest);
  end(oldest);
  return true;
}

/* Starting takes a while: the lock is released meanwhile, and the place taken before. */
static int hire(aod__pool_t *pool, aod__crew_t *crew, aod__worker_t **worker, aod_error_t *err) {
  const aod_code_t *code = crew->code;
  pool->count++;
  crew->worker_count++;
  pthread_mutex_unlock(&pool->lock);
  int rc = make_worker(crew, code, worker, err);
  pthread_mutex_lock(&pool->lock);
  if (rc == AOD_OK) {
    list(pool, *worker);
    return AOD_OK;
  }
  pool->count--;
  crew->worker_count--;
  pthread_cond_broadcast(&pool->changed);
  return rc;
}

/* ---- choosing; the lock is held ---- */

static struct timespec patience(void) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += PATIENCE_US * 1000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  return until;
}

/* Wait a little for the worker that the process is bound to. True: it is still bound there, and the
 * worker is idle. */
static bool await_own(aod__pool_t *pool, const aod__binding_t *binding) {
  struct timespec until = patience();
  while (binding->worker && binding->worker->busy)
    if (pthread_cond_timedwait(&pool->changed, &pool->lock, &until) == ETIMEDOUT) break;
  return binding->worker && !binding->worker->busy;
}

/* An idle worker, or a new one while the module has fewer than its share, else wait. */
static int choose(aod__pool_t *pool, aod__crew_t *crew, bool another, aod__worker_t **worker,
                  aod_error_t *err) {
  for (;;) {
    aod__worker_t *idle = another ? NULL : find_idle(pool, crew);
    bool more = another || crew->worker_count < pool->spread;
    if (idle && (idle->bound_count == 0 || !more)) {
      *worker = idle;
      return AOD_OK;
    }
    if (more && make_room(pool)) return hire(pool, crew, worker, err);
    pthread_cond_wait(&pool->changed, &pool->lock);
  }
}

static int take(aod__pool_t *pool, aod__crew_t *crew, aod__binding_t *binding, bool another,
                aod__worker_t **worker, bool *fresh, aod_error_t *err) {
  *fresh = another || !await_own(pool, binding);
  if (!*fresh) {
    *worker = binding->worker;
    return AOD_OK;
  }
  if (binding->worker) unbind_process(binding);
  int rc = choose(pool, crew, another, worker, err);
  if (rc == AOD_OK) bind_process(*worker, binding);
  return rc;
}

int aod__pool_take(aod__pool_t *pool, aod__crew_t *crew, aod__binding_t *binding, bool another,
                   aod__worker_t **worker, bool *fresh, aod_error_t *err) {
  pthread_mutex_lock(&pool->lock);
  int rc = take(pool, crew, binding, another, worker, fresh, err);
  if (rc == AOD_OK) {
    (*worker)->busy = true;
    (*worker)->used = binding->used = ++pool->takings;
  }
  pthread_mutex_unlock(&pool->lock);
  return rc;
}

void aod__pool_give(aod__pool_t *pool, aod__worker_t *worker) {
  pthread_mutex_lock(&pool->lock);
  bool outdated = worker->code != worker->crew->code;
  worker->busy = false;
  if (outdated) unlist(pool, worker);
  pthread_cond_broadcast(&pool->changed);
  pthread_mutex_unlock(&pool->lock);
  if (outdated) end(worker);
}

/* ---- other code ---- */

/* Take all idle workers of the crew out of the list; the lock is held. */
static aod__worker_t *take_idle(aod__pool_t *pool, const aod__crew_t *crew) {
  aod__worker_t *taken = NULL, *next;
  for (aod__worker_t *worker = pool->workers; worker; worker = next) {
    next = worker->next;
    if (worker->busy || worker->crew != crew) continue;
    unlist(pool, worker);
    worker->next = taken;
    taken = worker;
  }
  return taken;
}

int aod__pool_renew(aod__pool_t *pool, aod__crew_t *crew, const aod_code_t *code,
                    aod_error_t *err) {
  aod__worker_t *first, *old;
  int rc = make_worker(crew, code, &first, err);
  if (rc) return rc;
  pthread_mutex_lock(&pool->lock);
  crew->code = code;
  old = take_idle(pool, crew);
  list(pool, first);
  first->busy = false;
  pool->count++;
  crew->worker_count++;
  pthread_cond_broadcast(&pool->changed);
  pthread_mutex_unlock(&pool->lock);
  while (old) {
    aod__worker_t *next = old->next;
    end(old);
    old = next;
  }
  return AOD_OK;
}

/* ---- ending ---- */

static void describe_end(int status, char *how) {
  if (status == -1)
    snprintf(how, 100, "it is gone");
  else if (WIFSIGNALED(status))
    snprintf(how, 100, "signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
  else
    snprintf(how, 100, "exit status %d", WEXITSTATUS(status));
}

void aod__pool_discard(aod__pool_t *pool, aod__worker_t *worker, char *how) {
  pthread_mutex_lock(&pool->lock);
  unlist(pool, worker);
  pthread_cond_broadcast(&pool->changed);
  pthread_mutex_unlock(&pool->lock);
  describe_end(aod__worker_end(worker->id), how);
  aod_log(AOD_LOG_WARN, "vm", "worker %d died: %s", (int)worker->id.pid, how);
  release(worker);
}

void aod__pool_unbind(aod__pool_t *pool, aod__binding_t *binding) {
  pthread_mutex_lock(&pool->lock);
  if (binding->worker) unbind_process(binding);
  pthread_mutex_unlock(&pool->lock);
}

void aod__pool_dismiss(aod__pool_t *pool, aod__crew_t *crew) {
  pthread_mutex_lock(&pool->lock);
  aod__worker_t *worker = pool->workers, *next;
  for (; worker; worker = next) {
    next = worker->next;
    if (worker->crew != crew) continue;
    aod_assert(!worker->busy);
    unlist(pool, worker);
    end(worker);
  }
  pthread_mutex_unlock(&pool->lock);
}
