/* The outbox: everything a messenger has promised to carry on and has not finished. An entry is
 * there from before the promise until the entries that follow from it are there instead; a restart
 * takes up where the crash was.
 *
 * Entries belong to lanes: the work of one process. Whoever works on the outbox takes from each
 * lane in turn, so that it need not hold all entries and no lane holds up the others. */
#ifndef AOD_STORE_OUTBOX_H
#define AOD_STORE_OUTBOX_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/monitors.h"
#include "store/trace.h"

typedef enum {
  AOD_OUTBOX_ITEM = 1,   /* deliver the signed item `raw` to `process`, then crank its result */
  AOD_OUTBOX_SPAWN = 2,  /* the same with a Process item; then tell `parent`, crank the boot */
  AOD_OUTBOX_ASSIGN = 3, /* assign transaction `id` to `process`, then crank the result */
  AOD_OUTBOX_CRANK = 4,  /* only crank the result of `id` in `process` */
  AOD_OUTBOX_INVALID =
      5,                /* cannot be delivered: `text` is the process's entry, `reason` says why */
  AOD_OUTBOX_RESULT = 6 /* carry on what is in the result `text` of a cron message of `process` */
} aod_outbox_kind_t;

/* When an entry may be taken: at once, at a time (milliseconds since the epoch), or not at all,
 * because whoever stored it works on it. */
#define AOD_OUTBOX_NOW  INT64_C(0)
#define AOD_OUTBOX_HELD INT64_MAX

typedef struct {
  int64_t seq; /* set by the store, ascending */
  aod_outbox_kind_t kind;
  uint8_t id[32];      /* item's, assigned transaction's, or message's */
  uint8_t process[32]; /* whom it concerns */
  uint8_t parent[32];  /* who emitted it; zero when it came from a client */
  uint8_t lane[32];
  bool has_origin;
  uint8_t origin[32]; /* the item that began the chain: Pushed-For of what follows */
  bool base_layer;    /* ASSIGN: a transaction of the base layer */
  aod_slice_t raw;    /* ITEM, SPAWN: the signed item */
  /* SPAWN, INVALID: JSON of the outbox entry; ASSIGN: excluded fields, separated by commas; ITEM
   * and CRANK: ids of processes that the message is assigned to as well, separated by commas */
  aod_slice_t text;
  aod_slice_t reason; /* why the last attempt failed */
  int64_t attempts;   /* begun and not known to have succeeded */
  int64_t due_ms;
  bool parked; /* waits for somebody to push it again */
} aod_outbox_entry_t;

typedef struct {
  aod_outbox_entry_t *list;
  size_t count;
} aod_outbox_entries_t;

int aod_outbox_open(aod_outbox_t **outbox, const char *path, aod_error_t *err);
void aod_outbox_close(aod_outbox_t *outbox); /* finishes what was submitted */

/* ---- for the messenger that owns the outbox ---- */

/* Begin: what the last run held may be taken again, and counts as tried. */
int aod_outbox_resume(aod_outbox_t *outbox, size_t *waiting, size_t *parked, aod_error_t *err);

/* In one transaction: remove the entry `remove` (0: none), add `add`, whose seq is set, and the
 * traces, move a monitor. Kept alive by the caller until `done`, called in the writer's thread;
 * AOD_OK: on disk. AOD_ENOTFOUND: the entry to remove is gone, so somebody else has done this, or
 * the monitor is; nothing was changed.
 *
 * An ITEM or SPAWN entry waits once. A new one whose id is waiting already is AOD_EEXISTS; one that
 * follows from `remove` is left out, its seq 0: a process may say the same twice, and wallets that
 * sign without chance give both the same id. */
typedef struct aod_outbox_change aod_outbox_change_t;
struct aod_outbox_change {
  int64_t remove;
  aod_outbox_entries_t add;
  aod_traces_t traces;
  const aod_monitor_t *monitor; /* NULL, or: this one has come to its cursor */
  void (*done)(aod_outbox_change_t *change, int code, const aod_error_t *err);
};
void aod_outbox_submit(aod_outbox_t *outbox, aod_outbox_change_t *change);

/* Put an entry back as it is now, for a later attempt, parked, or as a CRANK, which lets go of
 * `raw`. The entry is kept alive by the caller until `done`, called in the writer's thread. */
typedef struct aod_outbox_return aod_outbox_return_t;
struct aod_outbox_return {
  const aod_outbox_entry_t *entry;
  void (*done)(aod_outbox_return_t *returned, int code, const aod_error_t *err);
};
void aod_outbox_give_back(aod_outbox_t *outbox, aod_outbox_return_t *returned);

/* Read up to `limit` entries of a lane that are due, oldest first, leaving out those whose seq is
 * in `without` (ascending); ends early when they have `bytes_max` bytes. In `arena`. */
typedef struct {
  uint8_t lane[32];
  int64_t now_ms;
  const int64_t *without;
  size_t without_count;
  size_t limit, bytes_max;
} aod_outbox_take_t;
int aod_outbox_take(aod_outbox_t *outbox, const aod_outbox_take_t *take, aod_arena_t *arena,
                    aod_outbox_entries_t *entries, aod_error_t *err);

/* Call `visit` for each lane with an entry that became due after `after_ms`, until `until_ms`. */
int aod_outbox_due_lanes(aod_outbox_t *outbox, int64_t after_ms, int64_t until_ms,
                         void (*visit)(void *context, const uint8_t lane[32]), void *context,
                         aod_error_t *err);
/* When the first entry after `now_ms` becomes due; AOD_OUTBOX_HELD: none does. */
int aod_outbox_next_due(aod_outbox_t *outbox, int64_t now_ms, int64_t *due_ms, aod_error_t *err);

/* ---- for whoever looks into it ---- */

/* Entries after `after` (a seq), oldest first, in `arena`. */
int aod_outbox_list(aod_outbox_t *outbox, int64_t after, size_t limit, aod_arena_t *arena,
                    aod_outbox_entries_t *entries, aod_error_t *err);
/* AOD_ENOTFOUND. */
int aod_outbox_get(aod_outbox_t *outbox, int64_t seq, aod_arena_t *arena, aod_outbox_entry_t *entry,
                   aod_error_t *err);
/* Let an entry that is parked or waits be taken from `due_ms` on. AOD_ENOTFOUND; AOD_EINPUT when it
 * is INVALID. Also while a messenger works on the outbox: it looks once a second. */
int aod_outbox_push(aod_outbox_t *outbox, int64_t seq, int64_t due_ms, aod_error_t *err);

#endif
