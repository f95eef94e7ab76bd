/* A data folder without its node: the compute unit on its schedule, gateway and modules, for tools
 * that look at processes or evaluate them once more. Nobody else may work on the folder meanwhile.
 *
 * One thread. */
#ifndef AOD_NODE_OFFLINE_H
#define AOD_NODE_OFFLINE_H

#include "cu/cu.h"
#include "node/gateway.h"
#include "node/home.h"
#include "store/results.h"
#include "store/schedule.h"

typedef struct {
  aod_arena_t arena; /* of paths */
  aod_home_t home;
  aod_schedule_t *schedule;
  aod_results_t *results; /* as the node left them; NULL unless the unit has others */
  aod_direct_t direct;
  aod_gateway_t gateway;
  aod_scheduler_t scheduler;
  aod_vm_t *vm;
  aod_cu_t *cu;
  char *scratch; /* a folder of our own; NULL: there is none */
  /* What the schedule shows: records up to last_nonce, time up to now_ms. */
  uint64_t last_nonce;
  int64_t now_ms;
} aod_offline_t;

#define AOD_OFFLINE_NONE ((aod_offline_t){.home = AOD_HOME_NONE})

/* process_bytes: as the node has it, else results differ; 0: the default.
 * anew: the unit begins with nothing, in a folder that close removes; else it goes on with the
 * folder's own results and snapshots. `signer` signs checkpoints, NULL: none are made; it must
 * outlive the folder. Close it also after a failure. AOD_EUNAVAILABLE while a node
 * runs, AOD_ENOTFOUND when it is no data folder, AOD_EUNSUPPORTED when it lacks a unit. */
int aod_offline_open(aod_offline_t *offline, const char *dir, uint64_t process_bytes, bool anew,
                     const aod_signer_t *signer, aod_error_t *err);
void aod_offline_close(aod_offline_t *offline);

/* Show the schedule of a process up to a nonce (NULL: all of it) and its time. AOD_ENOTFOUND. */
int aod_offline_show(aod_offline_t *offline, const uint8_t process[32], const uint64_t *nonce,
                     aod_error_t *err);

#endif
