/* What is derived from a public key, remembered by the thread: the owners that a node sees repeat,
 * and hashing one anew costs a third of all hashing that a short item needs. */
#ifndef AOD_ARWEAVE_OWNER_H
#define AOD_ARWEAVE_OWNER_H

#include "base/bytes.h"

enum { AOD__OWNER_CACHE = 16, AOD__OWNER_BYTES_MAX = 512 };

typedef struct {
  uint8_t key[AOD__OWNER_BYTES_MAX];
  size_t key_len;          /* 0: the slot is free */
  uint64_t used_at;        /* value of owner_uses at the last use */
  uint8_t address[32];     /* SHA-256 */
  uint8_t blob_digest[48]; /* the deep hash of the key as a blob */
} aod__owner_t;

/* Good until the thread's next call. */
const aod__owner_t *aod__owner(aod_slice_t key);

#endif
