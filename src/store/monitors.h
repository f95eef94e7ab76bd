/* Monitors: the processes whose cron messages a messenger carries on, and how far it has come with
 * each. They live beside the outbox, so that what a cron message led to and the word that it was
 * seen are stored together. */
#ifndef AOD_STORE_MONITORS_H
#define AOD_STORE_MONITORS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/trace.h"

typedef struct {
  int64_t id; /* never given twice */
  uint8_t process[32];
  aod_slice_t cursor; /* of the last result seen; empty: none yet */
} aod_monitor_t;

typedef struct {
  aod_monitor_t *list;
  size_t count;
} aod_monitors_t;

/* Add a monitor (AOD_EEXISTS) or take one away (AOD_ENOTFOUND). Kept alive by the caller until
 * `done`, called in the writer's thread; AOD_OK: on disk. */
typedef struct aod_monitor_change aod_monitor_change_t;
struct aod_monitor_change {
  uint8_t process[32];
  bool remove;
  void (*done)(aod_monitor_change_t *change, int code, const aod_error_t *err);
  int64_t id; /* out: of the added one */
};
void aod_monitors_submit(aod_outbox_t *outbox, aod_monitor_change_t *change);

/* All of them, in `arena`. */
int aod_monitors_load(aod_outbox_t *outbox, aod_arena_t *arena, aod_monitors_t *monitors,
                      aod_error_t *err);

#endif
