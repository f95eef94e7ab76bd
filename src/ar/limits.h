/* What strangers may send, in one place; docs/limits.md explains them. Sizes in bytes. */
#ifndef AOD_AR_LIMITS_H
#define AOD_AR_LIMITS_H

#include "arweave/bundle.h"

enum {
  AOD__HELD_BYTES_MAX = 256 << 10,      /* longer data goes to a file, longer bodies stream */
  AOD__TRANSACTION_JSON_MAX = 16 << 20, /* body of POST /tx with a transaction */
  AOD__CHUNK_JSON_MAX = 750000,         /* body of POST /chunk, as nodes allow */
  AOD__GRAPHQL_JSON_MAX = 1 << 20,      /* body of POST /graphql */
  AOD__WALLET_JSON_MAX = 4096,          /* body of POST /wallet */
  AOD__BUNDLE_DEPTH_MAX = 16,           /* bundles inside of bundles */
  AOD__BUNDLE_ITEMS_MAX = 100000,       /* of one upload, all depths together */
  AOD__MINE_MAX = 10000,                /* blocks of one request */
  AOD__WAITING_MAX = 10000,             /* transactions whose data is not complete */
  AOD__ANCHOR_BLOCKS = 50,              /* newest blocks that a transaction may name, */
  AOD__ANCHOR_MS = 2 * 3600 * 1000,     /* or any that is not older than this */
};

#define AOD__ITEM_BYTES_MAX        ((uint64_t)4 << 30)  /* body of an item's upload */
#define AOD__TRANSACTION_BYTES_MAX ((uint64_t)16 << 30) /* data_size of a chunked transaction */

#endif
