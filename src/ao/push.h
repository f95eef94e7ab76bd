/* What a messenger makes of a process's outbox: the fields of the items it signs. Source of tags
 * and their order: shared/spec/units.md 2.5. */
#ifndef AOD_AO_PUSH_H
#define AOD_AO_PUSH_H

#include "arweave/item.h"
#include "base/arena.h"
#include "base/json.h"

/* Where an outbox entry comes from. */
typedef struct {
  aod_slice_t process;    /* id text of the emitting process */
  aod_slice_t module;     /* id text of its module, may be empty */
  aod_slice_t scheduler;  /* address text of its scheduler: for spawns without a Scheduler tag */
  aod_slice_t pushed_for; /* id text of the item that began the chain; empty: none */
} aod_push_origin_t;

/* A Messages entry as item fields; target is set. AOD_EINPUT naming what is wrong with the entry.
 */
int aod_push_message(const json_t *entry, const aod_push_origin_t *origin, aod_arena_t *arena,
                     aod_item_fields_t *fields, aod_error_t *err);

/* A Spawns entry as fields of a Process item. */
int aod_push_spawn(const json_t *entry, const aod_push_origin_t *origin, aod_arena_t *arena,
                   aod_item_fields_t *fields, aod_error_t *err);

/* The message that tells the parent that `child` (id text) now exists. */
int aod_push_spawned(const json_t *entry, const aod_push_origin_t *origin, aod_slice_t child,
                     aod_arena_t *arena, aod_item_fields_t *fields, aod_error_t *err);

/* An Assignments entry. */
typedef struct {
  uint8_t message[32]; /* the transaction */
  uint8_t (*processes)[32];
  size_t count;        /* of processes */
  bool base_layer;     /* BaseLayer is true */
  aod_slice_t exclude; /* the names in Exclude, separated by commas */
} aod_push_assignment_t;
int aod_push_assignment(const json_t *entry, aod_arena_t *arena, aod_push_assignment_t *assignment,
                        aod_error_t *err);

/* The processes that a Messages entry is to be assigned to as well: its tag Assignments, an array
 * of ids, or the same as JSON text, or ids separated by commas. As ids separated by commas, without
 * what is no id; empty without such a tag. */
aod_slice_t aod_push_copies(const json_t *entry, aod_arena_t *arena);

#endif
