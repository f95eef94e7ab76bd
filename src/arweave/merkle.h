/* Merkle trees over a transaction's data (arweave.md 4): data roots and proofs of chunks. */
#ifndef AOD_ARWEAVE_MERKLE_H
#define AOD_ARWEAVE_MERKLE_H

#include "base/bytes.h"
#include "base/error.h"

enum {
  AOD_CHUNK_BYTES_MAX = 256 * 1024,
  AOD_CHUNK_BYTES_MIN = 32 * 1024,
  AOD_DATA_PATH_BYTES_MAX = 256 * 1024, /* what nodes accept */
};

/* How data is cut. arweave-js and therefore everybody: the last two chunks are evened out when the
 * last one would be short. Nodes, for data that comes inside a transaction: plain. */
typedef enum { AOD_SPLIT_EVEN, AOD_SPLIT_PLAIN } aod_split_t;

typedef struct aod_merkle aod_merkle_t;

typedef struct {
  uint64_t start, end; /* bytes [start, end) of the data */
  uint8_t data_hash[32];
} aod_chunk_t;

/* A tree over `size` bytes that are fed in any pieces, in order. 40 bytes of memory a chunk, twice
 * that when finished. */
aod_merkle_t *aod_merkle_new(uint64_t size, aod_split_t split);
void aod_merkle_free(aod_merkle_t *tree);
/* AOD_EINPUT when more than `size` bytes come. */
int aod_merkle_feed(aod_merkle_t *tree, aod_slice_t piece, aod_error_t *err);
/* Build the tree. AOD_EINPUT when bytes are missing or there are none at all: no data, no root. */
int aod_merkle_finish(aod_merkle_t *tree, aod_error_t *err);

/* After finish. Chunks are those to upload: the empty leaf behind data that fills its last chunk
 * is part of the tree only. */
const uint8_t *aod_merkle_root(const aod_merkle_t *tree); /* 32 bytes */
size_t aod_merkle_chunk_count(const aod_merkle_t *tree);
aod_chunk_t aod_merkle_chunk(const aod_merkle_t *tree, size_t index);
/* Append the proof of a chunk. */
void aod_merkle_path(const aod_merkle_t *tree, size_t index, aod_buf_t *path);

/* The root of data in memory, which is not empty. */
void aod_merkle_data_root(aod_slice_t data, aod_split_t split, uint8_t root[32]);

/* Which chunk of `size` bytes with this root lies at `offset`? An offset beyond the end means the
 * last byte. AOD_EINPUT when the path does not prove it. */
int aod_merkle_path_verify(const uint8_t root[32], uint64_t offset, uint64_t size, aod_slice_t path,
                           aod_chunk_t *chunk, aod_error_t *err);
/* The same, and that `bytes` are that chunk. */
int aod_chunk_verify(const uint8_t root[32], uint64_t offset, uint64_t size, aod_slice_t path,
                     aod_slice_t bytes, aod_chunk_t *chunk, aod_error_t *err);

#endif
