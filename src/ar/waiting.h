/* Data that comes in chunks, and the transactions that wait for it. Internal to ar.
 *
 * A data root with a size names its data. Chunks are written into one file a root, wherever they
 * belong; when the last one is there, the transactions that wait for the root become items. More
 * transactions with the same root share the file. */
#ifndef AOD_AR_WAITING_H
#define AOD_AR_WAITING_H

#include "ar/index.h"
#include "arweave/merkle.h"

/* The name of a root's file. */
const char *aod__root_file(aod_slice_t root, uint64_t size, aod_arena_t *arena);

/* ---- transactions ---- */

typedef struct {
  aod_transaction_t transaction; /* without data */
  uint64_t received;             /* bytes of its data that are there */
} aod__waiting_t;

/* A transaction that waits; everything lives in the arena. AOD_ENOTFOUND. */
int aod__waiting_find(aod_ar_t *ar, const uint8_t id[AOD_ID_BYTES], aod_arena_t *arena,
                      aod__waiting_t *waiting, aod_error_t *err);
/* The ids (32 bytes each) of those that wait, appended in the order they came. */
int aod__waiting_list(aod_ar_t *ar, aod_buf_t *ids, aod_error_t *err);

/* In the writer's thread: let a transaction wait, or put it into the index when its data is there
 * already. *known: it was waiting. AOD_EUNAVAILABLE when too many wait. */
int aod__waiting_put(aod_ar_t *ar, aod_db_connection_t *connection,
                     const aod_transaction_t *transaction, const uint8_t address[AOD_ID_BYTES],
                     bool *known, aod_error_t *err);

/* ---- chunks ---- */

/* Is the root waited for, or does a transaction have it? AOD_ENOTFOUND. *complete: nothing is
 * missing any more. */
int aod__root_find(aod_ar_t *ar, aod_slice_t root, uint64_t size, bool *complete, aod_error_t *err);

/* A chunk whose bytes are in the root's file. */
typedef struct {
  aod_db_write_t write; /* first; `run` is set by aod__chunk_put_init */
  aod_ar_t *ar;
  aod_slice_t root, path;
  uint64_t size;
  aod_chunk_t chunk;
  bool completed; /* afterwards: transactions became items through it */
} aod__chunk_put_t;

void aod__chunk_put_init(aod__chunk_put_t *put, aod_ar_t *ar);

/* The chunk of a root's data that has the byte at `offset`, and its proof, appended.
 * AOD_ENOTFOUND when it did not come as a chunk. */
int aod__chunk_find(aod_ar_t *ar, aod_slice_t root, uint64_t size, uint64_t offset,
                    aod_chunk_t *chunk, aod_buf_t *path, aod_error_t *err);

#endif
