/* Results of evaluations. They can be rebuilt from the schedule, so writing them never holds
 * anybody up: `put` returns at once, and what a crash loses is evaluated again, with the same
 * outcome. */
#ifndef AOD_STORE_RESULTS_H
#define AOD_STORE_RESULTS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef struct aod_results aod_results_t;

/* One evaluation. `node` and `error` are JSON as in ao/result.h. */
typedef struct {
  uint8_t process[32];
  uint64_t nonce;
  int64_t timestamp_ms;
  aod_slice_t node, error;
  double gas_used;
} aod_evaluated_t;

typedef struct {
  aod_evaluated_t *list;
  size_t count;
} aod_evaluated_list_t;

int aod_results_open(aod_results_t **results, const char *path, aod_error_t *err);
void aod_results_close(aod_results_t *results); /* writes what was put */

/* Copies everything. A second put of the same (process, nonce) changes nothing. */
void aod_results_put(aod_results_t *results, const aod_evaluated_t *evaluated);
/* Wait until everything put so far can be read. */
void aod_results_flush(aod_results_t *results);

/* Readers: any thread, results in `arena`. */
int aod_results_get(aod_results_t *results, const uint8_t process[32], uint64_t nonce,
                    aod_arena_t *arena, aod_evaluated_t *evaluated, aod_error_t *err);
/* The nonce after the highest stored one, so that all below it can be read; 0 when none is stored
 * or one is missing, which a full disk can bring about. */
int aod_results_next_nonce(aod_results_t *results, const uint8_t process[32], uint64_t *nonce,
                           aod_error_t *err);
/* Evaluations without Error with after < timestamp <= to, ordered by time, at most `limit`. */
int aod_results_page(aod_results_t *results, const uint8_t process[32], int64_t after_ms,
                     int64_t to_ms, bool descending, size_t limit, aod_arena_t *arena,
                     aod_evaluated_list_t *list, aod_error_t *err);

#endif
