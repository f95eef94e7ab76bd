/* Accepts connections and deals them out to the server's threads, each to the one that has the
 * fewest.
 *
 * Threads that all wait at one listening socket take what comes unevenly: whoever is awake takes
 * everything, and clients that keep their connections then keep one thread busy and the others
 * idle. So one thread of its own accepts. When all have as many connections as they may, clients
 * wait in the socket's queue. */
#ifndef AOD_HTTP_ACCEPTOR_H
#define AOD_HTTP_ACCEPTOR_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>

enum { AOD__WORKERS_MAX = 64 };

typedef struct aod__acceptor aod__acceptor_t;

/* A thread that serves connections. */
typedef struct {
  aod__acceptor_t *acceptor;
  struct MHD_Daemon *daemon;
  unsigned connections; /* guarded by the acceptor's lock */
} aod__worker_t;

struct aod__acceptor {
  int listen_fd; /* owned; closed by stop */
  aod__worker_t workers[AOD__WORKERS_MAX];
  unsigned worker_count, connections_max; /* of each worker */
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool stopping;
};

/* Start accepting; workers and limits are filled in. */
void aod__acceptor_start(aod__acceptor_t *acceptor);
/* Refuse clients from now on. Called once, before the workers are stopped. */
void aod__acceptor_stop(aod__acceptor_t *acceptor);
/* Once the workers are stopped too. */
void aod__acceptor_deinit(aod__acceptor_t *acceptor);
/* A connection of this worker has ended. Any thread. */
void aod__acceptor_ended(aod__worker_t *worker);

#endif
