/* The outbox: everything a messenger has promised to carry on and has not finished. An entry is
 * there from before the promise until the entries that follow from it are there instead; a restart
 * takes up where the crash was. */
#ifndef AOD_STORE_OUTBOX_H
#define AOD_STORE_OUTBOX_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef struct aod_outbox aod_outbox_t;

typedef enum {
  AOD_OUTBOX_ITEM = 1,   /* deliver the signed item `raw` to `process`, then crank its result */
  AOD_OUTBOX_SPAWN = 2,  /* the same with a Process item; then tell `parent`, crank the boot */
  AOD_OUTBOX_ASSIGN = 3, /* assign transaction `id` to `process`, then crank the result */
  AOD_OUTBOX_CRANK = 4,  /* only crank the result of `id` in `process` */
  AOD_OUTBOX_INVALID = 5 /* cannot be delivered: `text` is the process's entry, `reason` says why */
} aod_outbox_kind_t;

typedef struct {
  int64_t seq; /* set by the store, ascending */
  aod_outbox_kind_t kind;
  uint8_t id[32];      /* item's, assigned transaction's, or message's */
  uint8_t process[32]; /* whom it concerns */
  uint8_t parent[32];  /* who emitted it; zero when it came from a client */
  bool has_origin;
  uint8_t origin[32]; /* the item that began the chain: Pushed-For of what follows */
  aod_slice_t raw;    /* ITEM, SPAWN: the signed item */
  aod_slice_t text;   /* SPAWN, INVALID: JSON of the outbox entry; ASSIGN: excluded fields */
  aod_slice_t reason; /* why the last attempt failed */
  int64_t attempts;
  bool parked; /* waits for somebody to push it again */
} aod_outbox_entry_t;

typedef struct {
  aod_outbox_entry_t *list;
  size_t count;
} aod_outbox_entries_t;

int aod_outbox_open(aod_outbox_t **outbox, const char *path, aod_error_t *err);
void aod_outbox_close(aod_outbox_t *outbox); /* finishes what was submitted */

/* In one transaction: remove the entry `remove` (0: none) and add `add`, whose seq is set. Kept
 * alive by the caller until `done`, called in the writer's thread; AOD_OK: on disk.
 *
 * An ITEM or SPAWN entry waits once. A new one whose id is waiting already is AOD_EEXISTS; one that
 * follows from `remove` is left out, its seq 0: a process may say the same twice, and wallets that
 * sign without chance give both the same id. */
typedef struct aod_outbox_change aod_outbox_change_t;
struct aod_outbox_change {
  int64_t remove;
  aod_outbox_entries_t add;
  void (*done)(aod_outbox_change_t *change, int code, const aod_error_t *err);
};
void aod_outbox_submit(aod_outbox_t *outbox, aod_outbox_change_t *change);

/* Remember a failed attempt; returns at once, not waited for. */
void aod_outbox_note(aod_outbox_t *outbox, int64_t seq, int64_t attempts, bool parked,
                     const char *reason);

/* Everything that waits, oldest first, in `arena`. */
int aod_outbox_load(aod_outbox_t *outbox, aod_arena_t *arena, aod_outbox_entries_t *entries,
                    aod_error_t *err);

#endif
