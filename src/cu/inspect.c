/* Looking at a process from the thread of a tool, which waits. */
#include <unistd.h>

#include "cu/internal.h"

typedef struct {
  aod_state_call_t call;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool finished;
  int code;
  aod_error_t error;
} waiting_t;

static void state_done(aod_state_call_t *call, int code, const aod_error_t *err) {
  waiting_t *waiting = (waiting_t *)call;
  pthread_mutex_lock(&waiting->lock);
  waiting->code = code;
  if (code != AOD_OK) waiting->error = *err;
  waiting->finished = true;
  pthread_cond_signal(&waiting->wake);
  pthread_mutex_unlock(&waiting->lock);
}

int aod_cu_look(aod_cu_t *cu, const uint8_t process[32], uint64_t nonce, aod_cu_memory_t *memory,
                aod_error_t *err) {
  waiting_t waiting = {.call = {.has_nonce = true, .nonce = nonce, .done = state_done},
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .wake = PTHREAD_COND_INITIALIZER};
  memcpy(waiting.call.process, process, 32);
  aod__cu_state(cu, &waiting.call);
  pthread_mutex_lock(&waiting.lock);
  while (!waiting.finished) pthread_cond_wait(&waiting.wake, &waiting.lock);
  pthread_mutex_unlock(&waiting.lock);
  if (waiting.code != AOD_OK) *err = waiting.error;
  *memory = (aod_cu_memory_t){.fd = waiting.call.fd,
                              .bytes = waiting.call.bytes,
                              .timestamp_ms = waiting.call.timestamp_ms,
                              .block_height = waiting.call.block_height};
  return waiting.code;
}
