/* What strangers may ask of a gateway, in one table. docs/limits.md tells its readers the same, and
 * a house test compares the two. Those of the formats themselves stand in src/arweave. */
#ifndef AOD_AR_LIMITS_H
#define AOD_AR_LIMITS_H

#include <stdint.h>

enum {
  /* bodies and data, in bytes */
  AOD__HELD_BYTES_MAX = 256 << 10,      /* longer data goes to a file, longer items stream */
  AOD__TRANSACTION_JSON_MAX = 16 << 20, /* POST /tx with a transaction */
  AOD__CHUNK_JSON_MAX = 750000,         /* POST /chunk */
  AOD__GRAPHQL_JSON_MAX = 1 << 20,      /* POST /graphql */
  AOD__WALLET_JSON_MAX = 4096,          /* POST /wallet */
  AOD__MANIFEST_BYTES_MAX = 16 << 20,   /* a longer path manifest is served as it is */
  AOD__FIELD_BYTES_MAX = 12000000,      /* data as text, GET /tx/:id/data */

  /* bundles */
  AOD__BUNDLE_DEPTH_MAX = 16,     /* bundles inside of bundles */
  AOD__BUNDLE_ITEMS_MAX = 100000, /* of one upload, all depths together */

  /* the chain */
  AOD__WAITING_MAX = 10000,         /* transactions whose data is not complete */
  AOD__MINE_MAX = 10000,            /* blocks of one request */
  AOD__ANCHOR_BLOCKS = 50,          /* newest blocks that a transaction may name, */
  AOD__ANCHOR_MS = 2 * 3600 * 1000, /* or any that is not older than this */
  AOD__WINSTON_DIGITS_MAX = 30,     /* of an amount */

  /* tags as response headers, in bytes */
  AOD__TAG_HEADERS_MAX = 8192,    /* names and values together; further tags are left out */
  AOD__TAG_HEADER_NAME_MAX = 100, /* a tag with a longer name is left out */

  /* GraphQL */
  AOD__GRAPHQL_TOKENS_MAX = 10000,   /* of a query */
  AOD__GRAPHQL_DEPTH_MAX = 32,       /* of selections and of values */
  AOD__GRAPHQL_FIELDS_MAX = 1000,    /* of a plan, after fragments were put in */
  AOD__GRAPHQL_ROOTS_MAX = 20,       /* queries at once: each may read a page */
  AOD__GRAPHQL_LIST_MAX = 1000,      /* entries of a filter */
  AOD__GRAPHQL_FIRST_DEFAULT = 10,   /* entries of a page */
  AOD__GRAPHQL_FIRST_MAX = 1000,     /* entries of a page; more are not an error, but not given */
  AOD__GRAPHQL_EXAMINED_MAX = 200000 /* items that one query may look at */
};

#define AOD__ITEM_BYTES_MAX        ((uint64_t)4 << 30)  /* of an uploaded item */
#define AOD__TRANSACTION_BYTES_MAX ((uint64_t)16 << 30) /* of a transaction's data, in chunks */

#endif
