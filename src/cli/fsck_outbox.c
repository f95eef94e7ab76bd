/* The outbox, entry by entry: what is to be delivered is signed and whole, what is to be cranked is
 * scheduled. */
#include <stdio.h>

#include "ao/address.h"
#include "base/json.h"
#include "cli/fsck.h"

typedef struct {
  aod_fsck_t *fsck;
  aod_schedule_t *schedule;
  char where[60];
  aod_arena_t arena;
} walk_t;

#define FIND(walk, ...) aod_fsck_find((walk)->fsck, "mu.db", (walk)->where, __VA_ARGS__)

static void check_item(walk_t *walk, const aod_outbox_entry_t *entry) {
  aod_item_t item;
  aod_error_t err;
  int code = aod_item_parse(entry->raw, &walk->arena, &item, &err);
  if (code == AOD_OK && memcmp(item.id, entry->id, 32) != 0)
    code = aod_fail(&err, AOD_EINPUT, "its id differs from the index");
  if (code == AOD_OK && !walk->fsck->quick) code = aod_item_verify(&item, &err);
  if (code != AOD_OK) {
    FIND(walk, "its item: %s", err.message);
    return;
  }
  bool is_spawn = entry->kind == AOD_OUTBOX_SPAWN;
  bool belongs = is_spawn
                     ? memcmp(item.id, entry->process, 32) == 0
                     : item.target.len == 32 && memcmp(item.target.ptr, entry->process, 32) == 0;
  if (!belongs) FIND(walk, "its item belongs to another process");
}

static void check_text(walk_t *walk, const aod_outbox_entry_t *entry) {
  json_t *json = NULL;
  aod_error_t err;
  if (aod_json_parse(entry->text, &json, &err) != AOD_OK)
    FIND(walk, "what the process emitted: %s", err.message);
  json_decref(json);
}

static void check_cranked(walk_t *walk, const aod_outbox_entry_t *entry) {
  aod_record_t record;
  aod_error_t err;
  if (!walk->schedule) return;
  int code = aod_schedule_find(walk->schedule, entry->id, &walk->arena, &record, &err);
  if (code != AOD_OK)
    FIND(walk, "message %.*s: %s", AOD_ARG(aod_ao_id(&walk->arena, entry->id)), err.message);
  else if (memcmp(record.process, entry->process, 32) != 0)
    FIND(walk, "its message belongs to another process");
}

static void check_entry(walk_t *walk, const aod_outbox_entry_t *entry) {
  snprintf(walk->where, sizeof walk->where, "entry %lld", (long long)entry->seq);
  bool from_process = memcmp(entry->parent, (const uint8_t[32]){0}, 32) != 0;
  switch (entry->kind) {
  case AOD_OUTBOX_SPAWN:
    if (from_process) check_text(walk, entry);
    check_item(walk, entry);
    break;
  case AOD_OUTBOX_ITEM:
    check_item(walk, entry);
    break;
  case AOD_OUTBOX_CRANK:
    check_cranked(walk, entry);
    break;
  case AOD_OUTBOX_INVALID:
  case AOD_OUTBOX_RESULT:
    check_text(walk, entry);
    break;
  case AOD_OUTBOX_ASSIGN:
    break;
  default:
    FIND(walk, "its kind %d is unknown", (int)entry->kind);
  }
  walk->fsck->entries++;
  walk->fsck->parked += entry->parked;
}

int aod_fsck_outbox(aod_fsck_t *fsck, aod_outbox_t *outbox, aod_schedule_t *schedule,
                    aod_error_t *err) {
  enum { BATCH = 100 };
  walk_t walk = {.fsck = fsck, .schedule = schedule};
  int64_t after = 0;
  for (;;) {
    aod_outbox_entries_t entries;
    int code = aod_outbox_list(outbox, after, BATCH, &walk.arena, &entries, err);
    for (size_t i = 0; code == AOD_OK && i < entries.count; i++) {
      check_entry(&walk, &entries.list[i]);
      after = entries.list[i].seq;
    }
    bool done = code != AOD_OK || entries.count == 0;
    aod_arena_free(&walk.arena);
    if (done) return code;
  }
}
