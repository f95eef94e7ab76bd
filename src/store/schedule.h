/* The schedule: for each process its assignments and messages in one order. This is the log that
 * everything else can be rebuilt from.
 *
 * Invariants, kept by the database itself: nonces of a process run from 0 without gap; an item is
 * scheduled at most once in the whole store; an assignment id occurs once; a de-duplication hash
 * occurs once in a process. Appends of one process must be submitted in nonce order, and their
 * timestamps must increase. */
#ifndef AOD_STORE_SCHEDULE_H
#define AOD_STORE_SCHEDULE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef struct aod_schedule aod_schedule_t;

enum { AOD_DEDUPE_BYTES = 48 };

/* One assignment with its item. Ids are 32 raw bytes. */
typedef struct {
  uint64_t seq; /* position among all records of the store, from 1; set by append */
  uint8_t process[32];
  uint64_t nonce;
  int64_t timestamp_ms;
  uint64_t block_height;
  uint8_t assignment_id[32];
  uint8_t message_id[32]; /* the item's id, or the id of the transaction that is assigned */
  uint8_t hash_chain[32];
  bool has_dedupe;
  uint8_t dedupe[AOD_DEDUPE_BYTES];
  aod_slice_t assignment; /* the signed data item */
  aod_slice_t item;       /* the message or process item as posted; empty: pure assignment */
} aod_record_t;

/* A list ends at its limit, or earlier when it has 64 MiB: then `cut` says that there is more. */
typedef struct {
  aod_record_t *list;
  size_t count;
  bool cut;
} aod_records_t;

int aod_schedule_open(aod_schedule_t **schedule, const char *path, aod_error_t *err);
void aod_schedule_close(aod_schedule_t *schedule);

/* Append `record` (alive until done, slices included). `done` is called in the writer's thread:
 * AOD_OK means on disk. AOD_EEXISTS: one of the uniqueness rules; AOD_EUNAVAILABLE: not the next
 * nonce (an earlier append of the process failed). */
typedef struct aod_append aod_append_t;
struct aod_append {
  aod_record_t record;
  bool patient; /* may wait a few ms for others to share its commit (db.h) */
  void (*done)(aod_append_t *append, int code, const aod_error_t *err);
};
void aod_schedule_append(aod_schedule_t *schedule, aod_append_t *append);
/* Wait until every append submitted so far is done. */
void aod_schedule_flush(aod_schedule_t *schedule);

/* Readers: any thread; committed records only; what they return lives in `arena`. Ids are 32
 * bytes. AOD_ENOTFOUND (with a message) when there is no such record. */
int aod_schedule_last(aod_schedule_t *schedule, const uint8_t *process, aod_arena_t *arena,
                      aod_record_t *record, aod_error_t *err);
int aod_schedule_at(aod_schedule_t *schedule, const uint8_t *process, uint64_t nonce,
                    aod_arena_t *arena, aod_record_t *record, aod_error_t *err);
/* By item id or by assignment id. */
int aod_schedule_find(aod_schedule_t *schedule, const uint8_t *id, aod_arena_t *arena,
                      aod_record_t *record, aod_error_t *err);
/* By item id alone, which is half the work. */
int aod_schedule_find_item(aod_schedule_t *schedule, const uint8_t *id, aod_arena_t *arena,
                           aod_record_t *record, aod_error_t *err);
/* By de-duplication hash within a process. */
int aod_schedule_find_dedupe(aod_schedule_t *schedule, const uint8_t *process,
                             const uint8_t dedupe[AOD_DEDUPE_BYTES], aod_arena_t *arena,
                             aod_record_t *record, aod_error_t *err);

/* A range of one process in ascending order, both bounds inclusive, at most `limit` records. */
typedef enum { AOD_BY_NONCE, AOD_BY_TIMESTAMP } aod_range_key_t;
int aod_schedule_range(aod_schedule_t *schedule, const uint8_t *process, aod_range_key_t key,
                       int64_t from, int64_t to, size_t limit, aod_arena_t *arena,
                       aod_records_t *records, aod_error_t *err);

/* Records of all processes with seq > `after`, ascending: for the publisher, which keeps its place
 * in the store too. */
int aod_schedule_after(aod_schedule_t *schedule, uint64_t after, size_t limit, aod_arena_t *arena,
                       aod_records_t *records, aod_error_t *err);
int aod_schedule_published(aod_schedule_t *schedule, uint64_t *seq, aod_error_t *err);
/* The seq of the last record, 0 when there is none. */
int aod_schedule_newest(aod_schedule_t *schedule, uint64_t *seq, aod_error_t *err);
int aod_schedule_set_published(aod_schedule_t *schedule, uint64_t seq, aod_error_t *err);

#endif
