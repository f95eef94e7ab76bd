/* The schedule, record by record in the order of the store: every process's nonces without gap, its
 * times and its hash chain; each assignment signed and saying what the columns say; each item
 * signed and in the place where it belongs. */
#include <stdio.h>
#include <stdlib.h>

#include "ao/address.h"
#include "ao/assignment.h"
#include "base/json.h"
#include "cli/fsck.h"

static const char file[] = "su.db", results_file[] = "cu.db";

/* Where a process stands. */
typedef struct {
  uint64_t next_nonce;
  int64_t timestamp_ms;
  uint8_t assignment_id[32], hash_chain[32];
} process_t;

typedef struct {
  aod_fsck_t *fsck;
  aod_results_t *results;
  const aod_record_t *record;
  process_t *process;
  char where[120];
  aod_arena_t arena;
} walk_t;

#define FIND(walk, ...) aod_fsck_find((walk)->fsck, file, (walk)->where, __VA_ARGS__)

/* ---- the place ---- */

static void check_place(walk_t *walk) {
  const aod_record_t *record = walk->record;
  process_t *process = walk->process;
  uint8_t chain[32];
  if (record->nonce != process->next_nonce)
    FIND(walk, "its nonce should be %llu", (unsigned long long)process->next_nonce);
  if (process->next_nonce && record->timestamp_ms <= process->timestamp_ms)
    FIND(walk, "its time %lld is not after %lld, that of the record before",
         (long long)record->timestamp_ms, (long long)process->timestamp_ms);
  if (process->next_nonce == 0)
    aod_hash_chain_first(record->process, chain);
  else
    aod_hash_chain_next(process->assignment_id, process->hash_chain, chain);
  if (memcmp(chain, record->hash_chain, 32) != 0)
    FIND(walk, "its hash chain does not follow from the record before");
  process->next_nonce = record->nonce + 1;
  process->timestamp_ms = record->timestamp_ms;
  memcpy(process->assignment_id, record->assignment_id, 32);
  memcpy(process->hash_chain, record->hash_chain, 32);
}

/* ---- the assignment ---- */

static void check_tags(walk_t *walk, const aod_assignment_t *tags) {
  const aod_record_t *record = walk->record;
  const struct {
    const char *name;
    bool agrees;
  } checks[] = {
      {"Process", memcmp(tags->process, record->process, 32) == 0},
      {"Nonce", tags->nonce == record->nonce},
      {"Timestamp", tags->timestamp_ms == record->timestamp_ms},
      {"Block-Height", tags->block_height == record->block_height},
      {"Hash-Chain", memcmp(tags->hash_chain, record->hash_chain, 32) == 0},
      {"Message", tags->has_message ? memcmp(tags->message, record->message_id, 32) == 0
                                    : memcmp(record->process, record->message_id, 32) == 0},
  };
  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
    if (!checks[i].agrees) FIND(walk, "its assignment's %s differs from the index", checks[i].name);
}

static bool parse(walk_t *walk, const char *what, aod_slice_t raw, const uint8_t id[32],
                  aod_item_t *item) {
  aod_error_t err;
  int code = aod_item_parse(raw, &walk->arena, item, &err);
  if (code == AOD_OK && memcmp(item->id, id, 32) != 0)
    code = aod_fail(&err, AOD_EINPUT, "its id differs from the index");
  if (code == AOD_OK && !walk->fsck->quick) code = aod_item_verify(item, &err);
  if (code != AOD_OK) FIND(walk, "its %s: %s", what, err.message);
  return code == AOD_OK;
}

static void check_assignment(walk_t *walk) {
  const aod_record_t *record = walk->record;
  aod_item_t item;
  aod_assignment_t tags;
  aod_error_t err;
  if (!parse(walk, "assignment", record->assignment, record->assignment_id, &item)) return;
  if (aod_assignment_parse(&item, &tags, &err) == AOD_OK)
    check_tags(walk, &tags);
  else
    FIND(walk, "%s", err.message);
}

/* ---- the item ---- */

static void check_dedupe(walk_t *walk, const aod_item_t *item) {
  const aod_record_t *record = walk->record;
  uint8_t hash[AOD_DEDUPE_BYTES];
  aod_slice_t from;
  if (!aod_tags_find(&item->tags, "From-Process", &from) || record->nonce == 0) return;
  aod_dedupe_hash(item, &walk->arena, hash);
  if (!record->has_dedupe || memcmp(hash, record->dedupe, sizeof hash) != 0)
    FIND(walk, "its hash against duplicates is not that of the message");
}

static void check_item(walk_t *walk) {
  const aod_record_t *record = walk->record;
  aod_item_t item;
  if (record->item.len == 0) {
    if (record->nonce == 0) FIND(walk, "it has no process item");
    return;
  }
  if (!parse(walk, "message", record->item, record->message_id, &item)) return;
  bool belongs = record->nonce == 0
                     ? memcmp(item.id, record->process, 32) == 0
                     : item.target.len == 32 && memcmp(item.target.ptr, record->process, 32) == 0;
  if (!belongs) FIND(walk, "its message belongs to another process");
  check_dedupe(walk, &item);
}

/* ---- the result ---- */

static void check_result(walk_t *walk) {
  const aod_record_t *record = walk->record;
  aod_evaluated_t evaluated;
  aod_error_t err;
  json_t *node = NULL;
  int code = aod_results_get(walk->results, record->process, record->nonce, &walk->arena,
                             &evaluated, &err);
  if (code == AOD_ENOTFOUND) return; /* it will be evaluated when it is asked for */
  if (code == AOD_OK) {
    walk->fsck->results++;
    code = aod_json_parse(evaluated.node, &node, &err);
    json_decref(node);
  }
  if (code != AOD_OK)
    aod_fsck_find(walk->fsck, results_file, walk->where, "its result: %s", err.message);
  else if (evaluated.timestamp_ms != record->timestamp_ms)
    aod_fsck_find(walk->fsck, results_file, walk->where, "its result is of another message");
}

/* ---- all records ---- */

static void check_record(walk_t *walk, const aod_record_t *record) {
  walk->record = record;
  aod_slice_t id = aod_ao_id(&walk->arena, record->process);
  snprintf(walk->where, sizeof walk->where, "process %.*s nonce %llu", AOD_ARG(id),
           (unsigned long long)record->nonce);
  check_place(walk);
  check_assignment(walk);
  check_item(walk);
  if (walk->results) check_result(walk);
  walk->fsck->records++;
}

static process_t *process_of(walk_t *walk, aod_idmap_t *processes, const uint8_t id[32]) {
  process_t *process = aod_idmap_get(processes, id);
  if (process) return process;
  process = aod_alloc(sizeof *process);
  aod_idmap_put(processes, id, process);
  walk->fsck->processes++;
  return process;
}

/* One batch from `*seq` on; 1: there may be more. */
static int check_batch(walk_t *walk, aod_schedule_t *schedule, aod_idmap_t *processes,
                       uint64_t *seq, aod_error_t *err) {
  enum { BATCH = 500 };
  aod_records_t records;
  int code = aod_schedule_after(schedule, *seq, BATCH, &walk->arena, &records, err);
  for (size_t i = 0; code == AOD_OK && i < records.count; i++) {
    walk->process = process_of(walk, processes, records.list[i].process);
    check_record(walk, &records.list[i]);
    *seq = records.list[i].seq;
  }
  if (code == AOD_OK && records.count) code = 1;
  aod_arena_free(&walk->arena);
  return code;
}

static void free_process(void *process, void *context) {
  (void)context;
  free(process);
}

int aod_fsck_schedule(aod_fsck_t *fsck, aod_schedule_t *schedule, aod_results_t *results,
                      aod_error_t *err) {
  walk_t walk = {.fsck = fsck, .results = results};
  aod_idmap_t processes = {0};
  uint64_t seq = 0, published = 0;
  int code;
  while ((code = check_batch(&walk, schedule, &processes, &seq, err)) == 1)
    ;
  if (code == AOD_OK) code = aod_schedule_published(schedule, &published, err);
  if (code == AOD_OK && published > seq)
    aod_fsck_find(fsck, file, "the publisher", "it stands at record %llu, the last one is %llu",
                  (unsigned long long)published, (unsigned long long)seq);
  aod_idmap_each(&processes, free_process, NULL);
  aod_idmap_free(&processes);
  return code;
}
