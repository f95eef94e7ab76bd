/* What the messenger's files share. */
#ifndef AOD_MU_INTERNAL_H
#define AOD_MU_INTERNAL_H

#include <pthread.h>

#include "base/lane.h"
#include "base/metrics.h"
#include "mu/mu.h"
#include "store/outbox.h"

typedef struct aod_delivery aod_delivery_t;
typedef struct aod_mu_queue aod_mu_queue_t;
typedef struct aod_mu_lane aod_mu_lane_t;
typedef struct aod_mu_monitors aod_mu_monitors_t;

/* What GET /metrics tells; the rows are in routes.c. */
typedef struct {
  atomic_ullong accepted, refused, pushed, uploaded, cranked, retried, parked, invalid, loaded,
      spilled, held;
} aod_mu_metrics_t;

struct aod_mu {
  aod_outbox_t *outbox;
  const aod_signer_t *signer;
  uint8_t address[32]; /* the signer's */
  const aod_scheduler_t *scheduler;
  const aod_computer_t *computer;
  const aod_gateway_t *gateway;
  aod_pool_t *pool; /* signs and parses: as wide as the machine */
  aod_mu_queue_t *queue;
  aod_mu_monitors_t *monitors;
  bool push_enabled, metrics_enabled;
  aod_mu_metrics_t metrics;
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
  aod_outbox_return_t returned;
  aod_delivery_t **children; /* change.add as deliveries, in the same order */
  struct aod_mu_plan *plan;  /* follow.c's: children to be made */
  /* the queue's own */
  aod_mu_lane_t *lane; /* whose place it holds; NULL: none */
  bool loaded;         /* taken from the store, where it is not marked as held */
  size_t bytes;
  aod_delivery_t *next; /* among those that are stranded */
  bool stranded;        /* it was once, and the log says why */
  bool refused;         /* the client heard so: the entry only has to be removed */
  /* A client waits for the answer: called once, when the item is scheduled or refused. */
  void (*answer)(aod_delivery_t *delivery, int code, const aod_error_t *err);
  void *client;
  uint8_t wallet[32]; /* of a client's item */
};

/* delivery.c */
aod_delivery_t *aod__delivery_new(aod_mu_t *mu, aod_outbox_kind_t kind);
void aod__delivery_free(aod_delivery_t *delivery);
void aod__delivery_end(aod_delivery_t *delivery); /* leave the queue, free */
/* Store the entry, then deliver it. For entries of clients. */
void aod__delivery_accept(aod_delivery_t *delivery);
/* Run `step` in the pool, unless the unit is stopping: then the delivery ends here, and its entry
 * waits for the next start. */
void aod__delivery_run(aod_delivery_t *delivery, void (*step)(aod_delivery_t *));
/* The first step by the entry's kind. The delivery has a place in the queue. */
void aod__delivery_start(aod_delivery_t *delivery);
/* One that was stranded: give the entry back as it is now, or remove it if it was refused. */
void aod__delivery_leave_again(aod_delivery_t *delivery);
bool aod__is_nobody(const uint8_t id[32]);

/* follow.c: make delivery->change.add and ->children. First plan them, then sign a few at a time,
 * so that a result with thousands of entries takes turns with others. */
/* What follows from the result of `message` in `process`; entries that cannot be sent become
 * AOD_OUTBOX_INVALID children. `only`: the Messages entry of that number and nothing else
 * (AOD_EINPUT when there is none); -1: everything. */
int aod__follow_result(aod_delivery_t *delivery, const uint8_t message[32], aod_slice_t body,
                       int64_t only, aod_error_t *err);
/* What follows a spawn that is scheduled: the boot's crank, word to the parent, the assignment of
 * the process to its target. */
int aod__follow_spawn(aod_delivery_t *delivery, aod_error_t *err);
/* What follows a message to a wallet: assignments, if the message asks for them. */
void aod__follow_upload(aod_delivery_t *delivery);
/* Make some of the children that are planned; true when there are more to make. */
bool aod__follow_more(aod_delivery_t *delivery);
void aod__follow_drop(aod_delivery_t *delivery); /* plan and children */
/* The chain's first item: inherited, or the client's own item. Assignments begin no chain. */
bool aod__chain_origin(const aod_outbox_entry_t *entry, uint8_t origin[32]);
/* Remember that a client's item or assignment is scheduled. */
void aod__trace_accepted(aod_delivery_t *delivery);

/* queue.c: which entries are in memory, and whose turn it is. */
int aod__queue_open(aod_mu_t *mu, aod_error_t *err); /* begins to load what waits */
/* Take a place in the entry's lane. False when there is none: the entry is to wait in the store. A
 * delivery that a client waits for (`must`) gets one in any case. */
bool aod__queue_enter(aod_delivery_t *delivery, bool must);
/* The delivery goes on as work of lane `id`. False when that one has no place: the entry is to be
 * given back, as an entry of that lane. */
bool aod__queue_move(aod_delivery_t *delivery, const uint8_t id[32]);
void aod__queue_leave(aod_delivery_t *delivery);
/* The store has an entry of that lane that is due then. */
void aod__queue_notice(aod_mu_t *mu, const uint8_t lane[32], int64_t due_ms);
/* An entry could not be given back or removed: the queue tries again in a while. False when it is
 * stopping. */
bool aod__queue_strand(aod_delivery_t *delivery, const aod_error_t *why);
bool aod__queue_stopping(aod_mu_t *mu);
void aod__queue_drain(aod_mu_t *mu, int64_t grace_ms);
void aod__queue_stop(aod_mu_t *mu); /* returns when no delivery is left */
void aod__queue_close(aod_mu_t *mu);

/* monitor.c: what cron messages lead to becomes outbox entries */
int aod__monitors_open(aod_mu_t *mu, aod_error_t *err); /* goes on with what the store has */
void aod__monitors_stop(aod_mu_t *mu); /* returns when none is looking; may be called again */
void aod__monitors_close(aod_mu_t *mu);
void aod__mu_post_monitor(aod_request_t *request, void *unit); /* POST, DELETE /monitor/:id */
void aod__mu_delete_monitor(aod_request_t *request, void *unit);

/* push.c: POST /push/:id/:number */
void aod__mu_post_push(aod_request_t *request, void *unit);
/* traces.c: GET /?debug */
void aod__mu_get_traces(aod_request_t *request, aod_mu_t *mu);

#endif
