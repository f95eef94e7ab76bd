/* The Arweave gateway and bundler: data items and transactions on a chain of their own.
 *
 * Uploads are kept in the embedded store with an index for GraphQL; data that is large is kept in
 * files beside it. Bundles are unpacked before their upload is acknowledged.
 *
 * A data item that is uploaded makes a block, appended in the same commit: height counts uploads,
 * never goes back, and what was acknowledged is at once found with its block. A transaction is
 * pending until the next block takes it in: that of the next item, one that /mine makes, or one
 * that makes itself when the transaction has waited `block_ms`. Posting order is block order.
 *
 * All functions may be called from any thread. */
#ifndef AOD_AR_AR_H
#define AOD_AR_AR_H

#include "ao/units.h"
#include "arweave/item.h"
#include "arweave/signer.h"
#include "base/arena.h"
#include "http/server.h"

typedef struct aod_ar aod_ar_t;

typedef struct {
  const char *path;               /* the database file; created when missing */
  const char *network;            /* what /info calls it, "aod.LN.1"; must outlive the unit */
  const aod_signer_t *signer;     /* signs upload receipts; must outlive the unit */
  int64_t (*now_ms)(void *clock); /* NULL: the wall clock */
  void *clock;
  int64_t block_ms; /* how long a transaction may be pending; 0: until somebody mines */
  /* Serve what only a chain for tests can bear: taking back a transaction (DELETE /tx/:id), setting
   * balances, and forgetting everything (/reset). */
  bool resettable;
  /* Called after /reset, to store again what belongs to the beginning of the chain. NULL: nothing.
   * Negative: the reset failed. */
  int (*refill)(void *neighbour, aod_error_t *err);
  /* Called before a query or a read is answered, so that what a neighbour has acknowledged and is
   * about to upload can be waited for. May block for a moment. NULL: nothing to wait for. */
  void (*settle)(void *neighbour);
  void *neighbour;
} aod_ar_options_t;

int aod_ar_open(aod_ar_t **ar, const aod_ar_options_t *options, aod_error_t *err);
/* Finishes what was submitted. No request may be in progress any more. NULL is fine. */
void aod_ar_close(aod_ar_t *ar);

/* ---- storing ---- */

/* Store a data item; on disk, and unpacked when it is a bundle, when it returns AOD_OK. Idempotent:
 * a known id changes nothing. The caller vouches for the signature (not for those inside of a
 * bundle). AOD_EINPUT when `raw` is no data item. */
int aod_ar_put_item(aod_ar_t *ar, aod_slice_t raw, aod_error_t *err);

/* The same without waiting: `done` is called once, in a thread of the unit's when the item is on
 * disk or failed (then `err` says why), or at once when it cannot be stored. It must be quick.
 * `raw` is copied. */
typedef void (*aod_ar_done_t)(void *context, int code, const aod_error_t *err);
void aod_ar_submit_item(aod_ar_t *ar, aod_slice_t raw, aod_ar_done_t done, void *context);

/* A base-layer transaction that is known without its signature, such as a module of the main
 * network under its own id. */
typedef struct {
  uint8_t id[AOD_ID_BYTES];
  uint8_t owner_address[AOD_ID_BYTES];
  aod_slice_t owner; /* public key; empty when unknown */
  aod_tags_t tags;
  const char *data_file; /* absolute path, read when asked for; NULL: `data` is stored */
  aod_slice_t data;
} aod_ar_known_t;

/* Idempotent by id, except that the data file's path is taken over anew. */
int aod_ar_put_known(aod_ar_t *ar, const aod_ar_known_t *known, aod_error_t *err);

/* ---- reading ---- */

typedef struct {
  int64_t height, time_ms;
  uint8_t hash[48], previous[48]; /* previous: zeros for the first block */
} aod_ar_block_t;

typedef struct {
  uint8_t id[AOD_ID_BYTES];
  bool base_layer; /* a transaction, not a data item */
  bool is_bundle;
  int signature_type;
  aod_slice_t signature; /* empty when unknown */
  uint8_t owner_address[AOD_ID_BYTES];
  aod_slice_t owner;  /* public key; empty when unknown */
  aod_slice_t target; /* 32 bytes or empty */
  aod_slice_t anchor; /* of an item 32 bytes or empty; of a transaction its last_tx */
  aod_tags_t tags;
  uint64_t data_len;
  bool pending; /* in no block yet: `block` is zeroed */
  aod_ar_block_t block;
  bool bundled; /* it came in a bundle: */
  uint8_t parent[AOD_ID_BYTES];
  int64_t sequence;     /* place in posting order */
  char *data_file;      /* NULL: the data is in the store */
  uint64_t data_offset; /* in the file */
  /* Of transactions that are known with their signature; else 0 and empty. */
  int format;
  aod_slice_t quantity, reward, denomination; /* decimal */
  aod_slice_t data_root;
  uint64_t weave_end; /* place of the data's last byte among all data, from 1; 0: no data */
} aod_ar_item_t;

/* Look an id up; everything in `item` lives in the arena. AOD_ENOTFOUND, also for a transaction
 * whose data is not complete. */
int aod_ar_find(aod_ar_t *ar, const uint8_t id[AOD_ID_BYTES], aod_arena_t *arena,
                aod_ar_item_t *item, aod_error_t *err);
/* Append the item's data. */
int aod_ar_data(aod_ar_t *ar, const aod_ar_item_t *item, aod_buf_t *data, aod_error_t *err);
/* Append `len` bytes of it from `from` on, all within. */
int aod_ar_data_range(aod_ar_t *ar, const aod_ar_item_t *item, uint64_t from, uint64_t len,
                      aod_buf_t *data, aod_error_t *err);
/* What fits the query, the newest first, in the arena. */
int aod_ar_search(aod_ar_t *ar, const aod_gateway_query_t *query, aod_arena_t *arena,
                  aod_found_list_t *list, aod_error_t *err);
/* Append the JSON of GET /tx/:id and GET /block/height/:height. AOD_ENOTFOUND, also for what is no
 * transaction of the base layer, and while it is in no block. */
int aod_ar_transaction_json(aod_ar_t *ar, const uint8_t id[AOD_ID_BYTES], aod_buf_t *json,
                            aod_error_t *err);
int aod_ar_block_json(aod_ar_t *ar, uint64_t height, aod_buf_t *json, aod_error_t *err);
int aod_ar_height(aod_ar_t *ar, int64_t *height, aod_error_t *err);
/* Blocks from a height on, ascending, at most `limit`; every block whose time has passed is there.
 */
int aod_ar_blocks(aod_ar_t *ar, int64_t from_height, size_t limit, aod_arena_t *arena,
                  aod_ar_block_t **blocks, size_t *count, aod_error_t *err);

/* First value of the tag Content-Type, whatever its case. */
bool aod_ar_content_type(const aod_tags_t *tags, aod_slice_t *type);

/* ---- HTTP: `unit` is the aod_ar_t ---- */

extern const aod_route_t aod_ar_gateway_routes[]; /* the bundler's uploads included */
extern const aod_route_t aod_ar_bundler_routes[];

#endif
