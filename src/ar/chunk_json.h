/* The body of POST /chunk (arweave.md 4.4). Pure. Internal to ar. */
#ifndef AOD_AR_CHUNK_JSON_H
#define AOD_AR_CHUNK_JSON_H

#include "arweave/item.h"
#include "arweave/merkle.h"

typedef struct {
  aod_slice_t data_root; /* 32 bytes */
  uint64_t data_size, offset;
  aod_slice_t path, bytes;
} aod__chunk_t;

/* Everything lives in the arena. AOD_EINPUT, the message being the word that nodes answer with
 * ("invalid_json", "chunk_too_big"): clients decide by it whether to try again. */
int aod__chunk_parse(aod_slice_t json, aod_arena_t *arena, aod__chunk_t *chunk, aod_error_t *err);

/* Is it a chunk of the data that it says? *place: where. AOD_EINPUT with the node's word. */
int aod__chunk_check(const aod__chunk_t *chunk, aod_chunk_t *place, aod_error_t *err);

#endif
