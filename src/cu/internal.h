/* What the compute unit's files share. */
#ifndef AOD_CU_INTERNAL_H
#define AOD_CU_INTERNAL_H

#include <pthread.h>

#include "ao/message.h"
#include "ao/result.h"
#include "base/idmap.h"
#include "base/lane.h"
#include "cu/cu.h"
#include "store/results.h"

struct aod_cu {
  aod_results_t *results;
  uint8_t address[32];
  aod_vm_t *vm;
  const aod_scheduler_t *scheduler;
  const aod_gateway_t *gateway;
  aod_computer_t interface;
  aod_pool_t *pool;      /* the evaluation slots: as many as cores */
  pthread_mutex_t lock;  /* guards processes */
  aod_idmap_t processes; /* id to aod_process_t: those asked about since the start */
};

/* A process in memory. All but id and lane belong to the lane. */
typedef struct {
  aod_cu_t *cu;
  uint8_t id[32];
  aod_lane_t lane;
  aod_module_t *module; /* NULL until loaded */
  aod_instance_t *instance;
  aod_buf_t env;         /* the JSON that every evaluation gets */
  uint64_t next_nonce;   /* the first record not evaluated yet */
  uint64_t stored_nonce; /* results below this one are in the store */
  int64_t timestamp_ms;  /* of the last record evaluated */
  uint64_t block_height;
} aod_process_t;

/* process.c */
/* The process of an id, made when new. Any thread. */
aod_process_t *aod__process_get(aod_cu_t *cu, const uint8_t id[32]);
void aod__process_free_all(aod_cu_t *cu);
/* In the lane: make module and instance ready. AOD_ENOTFOUND, AOD_EUNSUPPORTED, AOD_ELIMIT … with
 * the reference's texts. */
int aod__process_load(aod_process_t *process, aod_error_t *err);
/* In the lane, loaded: evaluate the next records, up to and including `target`, for one turn.
 * 1: more to do, 0: done or nothing left. */
int aod__process_advance(aod_process_t *process, uint64_t target, aod_error_t *err);
/* In the lane, loaded: evaluate a message on the present state and undo it. */
int aod__process_dry_run(aod_process_t *process, const json_t *body, aod_arena_t *arena,
                         aod_result_t *result, aod_error_t *err);

/* requests.c */
void aod__cu_result(void *cu, aod_result_call_t *call);
/* The body's owner keeps it alive until done. */
typedef struct aod_dry_run aod_dry_run_t;
struct aod_dry_run {
  uint8_t process[32];
  const json_t *body;
  void (*done)(aod_dry_run_t *run, int code, const aod_error_t *err);
  aod_buf_t answer; /* out: the JSON of the result */
};
void aod__cu_dry_run(aod_cu_t *cu, aod_dry_run_t *run);

#endif
