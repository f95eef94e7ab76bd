/* What the messenger's files share. */
#ifndef AOD_MU_INTERNAL_H
#define AOD_MU_INTERNAL_H

#include <pthread.h>

#include "base/lane.h"
#include "mu/mu.h"
#include "store/outbox.h"

typedef struct aod_delivery aod_delivery_t;

struct aod_mu {
  aod_outbox_t *outbox;
  const aod_signer_t *signer;
  const aod_scheduler_t *scheduler;
  const aod_computer_t *computer;
  const aod_gateway_t *gateway;
  aod_pool_t *pool; /* signs and parses: as wide as the machine */
  pthread_mutex_t lock;
  pthread_cond_t changed; /* active, stopping or retries changed */
  size_t active;          /* deliveries with a step running or to run */
  bool stopping;
  aod_delivery_t *retries; /* waiting for their time, soonest first */
  pthread_t retry_thread;
};

/* One outbox entry on its way: see delivery.c. */
struct aod_delivery {
  aod_task_t task;
  aod_mu_t *mu;
  void (*step)(aod_delivery_t *delivery); /* what runs next */
  aod_outbox_entry_t entry;               /* seq 0: not stored yet */
  aod_arena_t arena;                      /* what the entry's slices and children live in */
  aod_post_t post;
  aod_result_call_t call;
  aod_outbox_change_t change;
  aod_delivery_t **children; /* change.add as deliveries, in the same order */
  int64_t due_us;            /* when to try again */
  aod_delivery_t *next;      /* in mu->retries */
  /* A client waits for the answer: called once, when the item is scheduled or refused. */
  void (*answer)(aod_delivery_t *delivery, int code, const aod_error_t *err);
  void *client;
};

/* delivery.c */
aod_delivery_t *aod__delivery_new(aod_mu_t *mu, aod_outbox_kind_t kind);
void aod__delivery_free(aod_delivery_t *delivery);
/* Store the entry, then deliver it. For entries of clients. */
void aod__delivery_accept(aod_delivery_t *delivery);
/* Run `step` in the pool, unless the unit is stopping: then the delivery ends here. The delivery
 * counts as active from now on if it did not before (`resumed`). */
void aod__delivery_run(aod_delivery_t *delivery, void (*step)(aod_delivery_t *), bool resumed);
void aod__delivery_start(aod_delivery_t *delivery); /* the first step by the entry's kind */

/* follow.c: fill delivery->children from the JSON of the result of `message` in `process`.
 * Entries that cannot be sent become AOD_OUTBOX_INVALID children. */
int aod__follow_result(aod_delivery_t *delivery, const uint8_t process[32], aod_slice_t body,
                       aod_error_t *err);
/* What follows a spawn that is scheduled: the boot's crank, word to the parent, the assignment of
 * the process to its target. */
int aod__follow_spawn(aod_delivery_t *delivery, aod_error_t *err);

/* retry.c */
void aod__retry_start(aod_mu_t *mu);
void aod__retry_later(aod_delivery_t *delivery, int64_t delay_ms); /* ends its activity for now */
void aod__retry_stop(aod_mu_t *mu); /* stopping is set; frees what waits */

#endif
