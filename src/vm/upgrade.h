/* From the first tier to the optimised one: modules that are in use already are compiled once more,
 * one at a time, with the least priority, and then their processes move to workers with the new
 * code, each between two of its messages.
 *
 * Both tiers are compiled from one folded module, which is all that results, budget, depth and the
 * numbers of functions in a process's state depend on. */
#ifndef AOD_VM_UPGRADE_H
#define AOD_VM_UPGRADE_H

#include "vm/vm.h"

#include <pthread.h>

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  aod_module_t *first; /* of those that wait, by their next_upgrade; each is referred to */
  uint32_t count;      /* with the one under way */
  bool running;        /* there is a thread */
  bool stopping;
  pthread_t thread;
  int stop; /* an event: readable once the compiler is to end */
} aod__upgrader_t;

int aod__upgrader_init(aod__upgrader_t *upgrader, aod_error_t *err);

/* Kills the compiler, and forgets what waits: it begins anew when the module is next loaded. */
void aod__upgrader_deinit(aod__upgrader_t *upgrader);

/* The module, which the caller refers to, is ready and runs its first tier. Without effect when
 * very many wait already. */
void aod__upgrader_add(aod__upgrader_t *upgrader, aod_module_t *module);

/* Return when nothing is under way and nothing waits. */
void aod__upgrader_wait(aod__upgrader_t *upgrader);

#endif
