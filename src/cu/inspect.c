/* What is asked from the thread of a tool, which waits. */
#include <unistd.h>

#include "base/latch.h"
#include "cu/internal.h"

typedef struct {
  aod_state_call_t call;
  aod_latch_t latch;
} waiting_t;

static void state_done(aod_state_call_t *call, int code, const aod_error_t *err) {
  aod_latch_end(&((waiting_t *)call)->latch, code, err);
}

int aod_cu_look(aod_cu_t *cu, const uint8_t process[32], uint64_t nonce, aod_cu_memory_t *memory,
                aod_error_t *err) {
  waiting_t waiting = {.call = {.has_nonce = true, .nonce = nonce, .done = state_done},
                       .latch = AOD_LATCH(1)};
  memcpy(waiting.call.process, process, 32);
  aod__cu_state(cu, &waiting.call);
  int code = aod_latch_wait(&waiting.latch, err);
  *memory = (aod_cu_memory_t){.fd = waiting.call.fd,
                              .bytes = waiting.call.bytes,
                              .timestamp_ms = waiting.call.timestamp_ms,
                              .block_height = waiting.call.block_height};
  return code;
}

typedef struct {
  aod_checkpoint_call_t call;
  aod_latch_t latch;
} checkpointing_t;

static void checkpoint_done(aod_checkpoint_call_t *call, int code, const aod_error_t *err) {
  aod_latch_end(&((checkpointing_t *)call)->latch, code, err);
}

int aod_cu_checkpoint(aod_cu_t *cu, const uint8_t process[32], uint8_t id[32], aod_error_t *err) {
  checkpointing_t checkpointing = {.call = {.done = checkpoint_done}, .latch = AOD_LATCH(1)};
  memcpy(checkpointing.call.process, process, 32);
  aod__cu_checkpoint(cu, &checkpointing.call);
  int code = aod_latch_wait(&checkpointing.latch, err);
  memcpy(id, checkpointing.call.id, 32);
  return code;
}
