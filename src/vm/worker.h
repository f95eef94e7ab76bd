/* A worker: the child process that evaluates the messages of one module's processes, and where
 * workers come from.
 *
 * A worker is forked by the **starter**, a child with one thread that knows nothing (starter.c). A
 * fork of the program itself could inherit locks that nobody unlocks, and everything that it knows.
 */
#ifndef AOD_VM_WORKER_H
#define AOD_VM_WORKER_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Be a worker on `socket` for the module whose cache entry `code_fd` is, run under the format of
 * that name, with the region (channel.h) that `channel_fd` holds. Says that it is ready, or why
 * not, with a reply of its own; then one reply a request. Ends with the connection. */
_Noreturn void aod__worker_run(int socket, int code_fd, int channel_fd, uint64_t channel_bytes,
                               const char *format);

typedef struct {
  int socket, code_fd, channel_fd; /* stay the caller's */
  uint64_t channel_bytes;
  const char *format;
} aod__worker_start_t;

typedef struct {
  pid_t pid;
  uint32_t starter; /* whose child it is: starters are counted */
} aod__worker_id_t;

/* Have a worker started, by a new starter where the last one has died. AOD_EUNAVAILABLE. May be
 * called from any thread. */
int aod__worker_start(const aod__worker_start_t *start, aod__worker_id_t *id, aod_error_t *err);

/* Kill the worker, if it still lives, and return how it ended, as waitpid tells it; -1 when that
 * cannot be known. Once for each worker: its number is not given to another process before. */
int aod__worker_end(aod__worker_id_t id);

#endif
