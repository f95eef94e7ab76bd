/* Results of evaluations. They can be rebuilt from the schedule, so writing them never holds
 * anybody up: `put` returns at once, and what a crash loses is evaluated again, with the same
 * outcome.
 *
 * The evaluations of a process stand in the order in which they were made, counted from 0: those of
 * its records and, between them, those of its cron messages. */
#ifndef AOD_STORE_RESULTS_H
#define AOD_STORE_RESULTS_H

#include "ao/cursor.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef struct aod_results aod_results_t;

/* One evaluation. `node` and `error` are JSON as in ao/result.h. */
typedef struct {
  uint8_t process[32];
  uint64_t position;    /* place among the evaluations of the process */
  uint64_t nonce;       /* the record's; of a cron message: of the record before it */
  aod_slice_t cron;     /* which cron, see aod_cron_id; empty: a record */
  int64_t timestamp_ms; /* the message's */
  int64_t due_ms;       /* when it came: its time, but never below that of the position before */
  uint64_t block_height;
  bool skipped; /* a duplicate: has a result for whoever asks, and is in no page */
  bool has_key; /* no later record with this key is evaluated */
  uint8_t key[32];
  aod_slice_t node, error;
  double gas_used;
} aod_evaluated_t;

typedef struct {
  aod_evaluated_t *list;
  size_t count;
} aod_evaluated_list_t;

int aod_results_open(aod_results_t **results, const char *path, aod_error_t *err);
void aod_results_close(aod_results_t *results); /* writes what was put */

/* Copies everything. A second put of the same (process, position) changes nothing. What cannot be
 * written, because the disk is full for instance, is tried again with the next put or flush. */
void aod_results_put(aod_results_t *results, const aod_evaluated_t *evaluated);
/* Forget the evaluations of a process from a position on, and the answers they were given; all of
 * them when they begin later. In order with puts, not waited for, and tried again until it is
 * written. */
void aod_results_truncate(aod_results_t *results, const uint8_t process[32], uint64_t position);
/* Is one still to be written? After a flush that failed: what can be read may have been truncated.
 */
bool aod_results_truncating(aod_results_t *results);
/* Wait until everything put so far can be read. False when some of it could not be written: a full
 * disk holds it up, or it is lost and will be evaluated again after a restart. */
bool aod_results_flush(aod_results_t *results);

/* Readers: any thread, results in `arena`. */

/* The evaluation of a record. AOD_ENOTFOUND. */
int aod_results_get(aod_results_t *results, const uint8_t process[32], uint64_t nonce,
                    aod_arena_t *arena, aod_evaluated_t *evaluated, aod_error_t *err);
/* The evaluation at a position; has_key and key are not read. AOD_ENOTFOUND. */
int aod_results_at(aod_results_t *results, const uint8_t process[32], uint64_t position,
                   aod_arena_t *arena, aod_evaluated_t *evaluated, aod_error_t *err);
/* The position after the last stored one, so that all below it, down to the origin, can be read;
 * the origin itself when none is stored or one is missing, which a full disk can bring about. */
int aod_results_next_position(aod_results_t *results, const uint8_t process[32], uint64_t *position,
                              aod_error_t *err);
/* Was a record with this key and a nonce below `nonce` evaluated? 1: yes, 0: no, negative AOD_E*.
 */
int aod_results_has_key(aod_results_t *results, const uint8_t process[32], const uint8_t key[32],
                        uint64_t nonce, aod_error_t *err);

/* ---- beside the results; written in order with them, not waited for ---- */

/* What a drive answered to the message that was evaluated at a position, by the hash of the
 * question, so that whoever evaluates it again answers the same. A second put changes nothing.
 * AOD_ENOTFOUND. */
void aod_results_put_answer(aod_results_t *results, const uint8_t process[32], uint64_t position,
                            const uint8_t question[32], bool yes);
int aod_results_get_answer(aod_results_t *results, const uint8_t process[32], uint64_t position,
                           const uint8_t question[32], bool *yes, aod_error_t *err);

/* Where the results of a process begin that was begun from a checkpoint. */
typedef struct {
  uint8_t checkpoint[32];
  uint64_t position; /* of the first evaluation after it */
  uint64_t nonce;    /* of the last record before */
} aod_origin_t;

void aod_results_put_origin(aod_results_t *results, const uint8_t process[32],
                            const aod_origin_t *origin);
/* AOD_ENOTFOUND: at 0, as usual. */
int aod_results_origin(aod_results_t *results, const uint8_t process[32], aod_origin_t *origin,
                       aod_error_t *err);
/* The key of a record before the origin, for aod_results_has_key. In the order of nonces. */
void aod_results_put_earlier_key(aod_results_t *results, const uint8_t process[32],
                                 const uint8_t key[32], uint64_t nonce);

/* A page of the evaluations without Error. */
typedef struct {
  bool cron_only, descending;
  const aod_cursor_t *from, *to; /* after `from`, up to and including `to`; NULL: no bound */
  size_t limit;
} aod_results_query_t;

int aod_results_page(aod_results_t *results, const uint8_t process[32],
                     const aod_results_query_t *query, aod_arena_t *arena,
                     aod_evaluated_list_t *list, aod_error_t *err);

#endif
