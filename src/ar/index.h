/* The gateway's index: items, their tags, wallets and the chain of blocks in SQLite. Internal to
 * ar. */
#ifndef AOD_AR_INDEX_H
#define AOD_AR_INDEX_H

#include "ar/ar.h"
#include "arweave/transaction.h"
#include "base/lane.h"
#include "store/db.h"

struct aod_ar {
  aod_ar_options_t options;
  aod_db_t *db;
  char *files_dir;      /* files.h */
  aod_pool_t *unpacker; /* unpack.h: one thread */
  aod_pool_t *finisher; /* what must wait for a disk before it can be answered */
  struct aod__miner *miner;
};

int64_t aod__ar_now_ms(aod_ar_t *ar);

int aod__index_open(aod_ar_t *ar, aod_error_t *err);
void aod__index_close(aod_ar_t *ar);
/* Forget everything and begin a new chain. The data's files stay. */
int aod__index_reset(aod_ar_t *ar, aod_error_t *err);

/* ---- blocks (index_blocks.c) ---- */

enum { AOD__HASH_BYTES = 48 };

/* A row as `SELECT height,time_ms,hash,previous` gives it, from `column` on. */
void aod__index_read_block(sqlite3_stmt *statement, int column, aod_ar_block_t *block);

int aod__index_newest_block(aod_ar_t *ar, aod_ar_block_t *block, aod_error_t *err);
int aod__index_block_at(aod_ar_t *ar, int64_t height, aod_ar_block_t *block, aod_error_t *err);
int aod__index_block_by_hash(aod_ar_t *ar, const uint8_t hash[48], aod_ar_block_t *block,
                             aod_error_t *err);
/* Ids (32 bytes each) of the base-layer transactions of a block, appended. */
int aod__index_block_txs(aod_ar_t *ar, int64_t height, aod_buf_t *ids, aod_error_t *err);

/* Append blocks. The last one takes in what is pending. */
int aod__index_mine(aod_ar_t *ar, int count, aod_error_t *err);

/* In the writer's thread: append a block that takes in what is pending; `id` goes into its hash. */
int aod__index_append_block(aod_ar_t *ar, aod_db_connection_t *connection, aod_slice_t id,
                            int64_t *height, aod_error_t *err);
/* Where a transaction may be anchored: AOD_EINPUT when the block is too old or none. */
int aod__index_check_anchor(aod_ar_t *ar, aod_db_connection_t *connection, aod_slice_t anchor,
                            aod_error_t *err);

/* ---- storing (index_put.c) ---- */

/* What becomes a row. Slices are the caller's until the write is done. */
typedef struct {
  const uint8_t *id, *owner_address;
  bool base_layer;
  int signature_type;
  aod_slice_t signature, owner, target, anchor;
  aod_slice_t tag_bytes; /* Avro */
  aod_tags_t tags;       /* the same, decoded */
  aod_slice_t data;
  const char *data_file; /* NULL: `data` is stored; absolute, or a name in the data folder */
  uint64_t data_offset, data_len;
  bool unpack;                          /* the data is a bundle whose items are to be found */
  const uint8_t *parent;                /* id of the bundle it came in; NULL: of none */
  const aod_transaction_t *transaction; /* amounts and root; NULL: there are none */
} aod__index_row_t;

typedef struct {
  aod_db_write_t write; /* first; `run` is set by aod__index_put_init */
  aod_ar_t *ar;
  aod__index_row_t row;
  bool known; /* afterwards: it was there before */
} aod__index_put_t;

/* Ready for aod_db_submit or aod_db_write on ar->db. */
void aod__index_put_init(aod__index_put_t *put, aod_ar_t *ar);
void aod__index_row_of_item(aod__index_row_t *row, const aod_item_t *item);
/* The transaction's tags are encoded into the arena. */
void aod__index_row_of_transaction(aod__index_row_t *row, const aod_transaction_t *transaction,
                                   const uint8_t address[AOD_ID_BYTES], aod_arena_t *arena);

/* In the writer's thread: 1 when the id is there, 0 when not. */
int aod__index_exists(aod_db_connection_t *connection, const uint8_t id[AOD_ID_BYTES],
                      aod_error_t *err);
/* In the writer's thread: store a row, or notice that its id is there (*known). An item of a bundle
 * stands in its bundle's block, a transaction is pending, anything else makes a block. */
int aod__index_insert(aod_ar_t *ar, aod_db_connection_t *connection, const aod__index_row_t *row,
                      bool *known, aod_error_t *err);

/* Forget a transaction that is pending or waits. AOD_ENOTFOUND when there is no such transaction,
 * AOD_EINPUT when it cannot be undone: it moved tokens, or items came out of it. */
int aod__index_take_back(aod_ar_t *ar, const uint8_t id[AOD_ID_BYTES], aod_error_t *err);

/* ---- reading (index.c) ---- */

/* The item at a place in posting order. AOD_ENOTFOUND when it was taken back. */
int aod__index_item_at(aod_db_connection_t *connection, int64_t seq, aod_arena_t *arena,
                       aod_ar_item_t *item, aod_error_t *err);

/* Bytes [from, from+len) of an item's data, appended. */
int aod__index_data(aod_ar_t *ar, const aod_ar_item_t *item, uint64_t from, uint64_t len,
                    aod_buf_t *data, aod_error_t *err);

/* Ids (32 bytes each) of the base-layer transactions that no block has yet, appended. */
int aod__index_pending(aod_ar_t *ar, aod_buf_t *ids, aod_error_t *err);
/* The transaction whose data has the byte at this place of the weave. AOD_ENOTFOUND. */
int aod__index_at_weave(aod_ar_t *ar, uint64_t offset, aod_arena_t *arena, aod_ar_item_t *item,
                        aod_error_t *err);

/* ---- querying (index_query.c) ---- */

typedef struct {
  bool given;              /* false: no condition; an empty list matches nothing */
  const aod_slice_t *list; /* 32 bytes each */
  size_t count;
} aod__key_filter_t;

/* Fuzzy: words of letters and digits, whatever their case. One of the values must have all its
 * words, or any of them, in the tag's value. */
typedef enum {
  AOD__TAG_EQ,
  AOD__TAG_NEQ,
  AOD__TAG_WILDCARD,
  AOD__TAG_FUZZY_AND,
  AOD__TAG_FUZZY_OR
} aod__tag_op_t;

typedef struct {
  aod_slice_t name; /* empty: any */
  aod__tag_op_t op;
  bool any_value; /* the tag must be there, whatever its value */
  const aod_slice_t *values;
  size_t value_count;
} aod__tag_filter_t;

typedef struct {
  aod__key_filter_t ids, owners, recipients, bundles;
  const aod__tag_filter_t *tags;
  size_t tag_count;
  int64_t height_min, height_max; /* inclusive */
  bool oldest_first;
  bool has_after;
  int64_t after; /* sequence of the last item seen (for blocks: height), below INT64_MAX */
  size_t limit;
} aod__index_query_t;

/* The page of items that satisfy all conditions, in the arena. *more: there are further ones. */
int aod__index_query(aod_ar_t *ar, const aod__index_query_t *query, aod_arena_t *arena,
                     aod_ar_item_t **items, size_t *count, bool *more, aod_error_t *err);
/* The same for blocks; of the conditions only ids (hashes of 48 bytes) and heights count. Waits for
 * what is being written, so that every block whose time has passed is there. */
int aod__index_query_blocks(aod_ar_t *ar, const aod__index_query_t *query, aod_arena_t *arena,
                            aod_ar_block_t **blocks, size_t *count, bool *more, aod_error_t *err);

#endif
