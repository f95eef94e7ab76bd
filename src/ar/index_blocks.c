/* The chain of blocks.
 *
 * Heights grow with posting order: a block takes in everything that is pending, and what is pending
 * is always newer than everything in a block. So sorting by height is sorting by seq. */
#include "ar/index.h"

#include "ar/limits.h"
#include "arweave/hash.h"

static void copy_hash(uint8_t hash[AOD__HASH_BYTES], aod_slice_t bytes) {
  aod_assert(bytes.len == AOD__HASH_BYTES);
  memcpy(hash, bytes.ptr, bytes.len);
}

void aod__index_read_block(sqlite3_stmt *statement, int column, aod_ar_block_t *block) {
  block->height = sqlite3_column_int64(statement, column);
  block->time_ms = sqlite3_column_int64(statement, column + 1);
  copy_hash(block->hash, aod_db_column(statement, column + 2));
  copy_hash(block->previous, aod_db_column(statement, column + 3));
}

/* Step a statement that gives one block at most, and reset it. */
static int one_block(sqlite3_stmt *statement, aod_ar_block_t *block, aod_error_t *err) {
  int found = aod_db_step(statement, err);
  if (found > 0) aod__index_read_block(statement, 0, block);
  aod_db_reset(statement);
  if (found == 0) return aod_fail(err, AOD_ENOTFOUND, "block not found");
  return found < 0 ? found : AOD_OK;
}

static const char newest_block[] =
    "SELECT height,time_ms,hash,previous FROM blocks ORDER BY height DESC LIMIT 1";
static const char block_by_hash[] = "SELECT height,time_ms,hash,previous FROM blocks WHERE hash=?";

/* ---- making blocks ---- */

/* Append an empty block. Its time never runs backwards. */
static int append_empty(aod_ar_t *ar, aod_db_connection_t *connection, aod_slice_t id,
                        int64_t *height, aod_error_t *err) {
  aod_ar_block_t last = {.height = -1}, block = {0};
  int code = one_block(aod_db_prepare(connection, newest_block), &last, err);
  if (code != AOD_OK && code != AOD_ENOTFOUND) return code;
  block.height = last.height + 1;
  block.time_ms = aod__ar_now_ms(ar);
  if (block.time_ms < last.time_ms) block.time_ms = last.time_ms;
  aod_deep_hash_t hash;
  aod_deep_hash_begin(&hash, 4);
  aod_deep_hash_add(&hash, aod_slice(last.hash, sizeof last.hash));
  aod_deep_hash_add(&hash, aod_slice(&block.height, sizeof block.height));
  aod_deep_hash_add(&hash, aod_slice(&block.time_ms, sizeof block.time_ms));
  aod_deep_hash_add(&hash, id);
  sqlite3_stmt *insert = aod_db_prepare(
      connection, "INSERT INTO blocks (height,time_ms,hash,previous) VALUES (?,?,?,?)");
  aod_db_bind_int(insert, 1, block.height);
  aod_db_bind_int(insert, 2, block.time_ms);
  aod_db_bind(insert, 3, aod_slice(hash.state, sizeof hash.state));
  aod_db_bind(insert, 4, aod_slice(last.hash, sizeof last.hash));
  *height = block.height;
  return aod_db_run(insert, err);
}

static int take_pending(aod_db_connection_t *connection, int64_t height, aod_error_t *err) {
  sqlite3_stmt *update =
      aod_db_prepare(connection, "UPDATE items SET height=? WHERE height IS NULL");
  aod_db_bind_int(update, 1, height);
  return aod_db_run(update, err);
}

int aod__index_append_block(aod_ar_t *ar, aod_db_connection_t *connection, aod_slice_t id,
                            int64_t *height, aod_error_t *err) {
  int code = append_empty(ar, connection, id, height, err);
  return code == AOD_OK ? take_pending(connection, *height, err) : code;
}

typedef struct {
  aod_db_write_t write; /* first */
  aod_ar_t *ar;
  int count;
} mining_t;

static int run_mining(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  mining_t *mining = (mining_t *)write;
  int code = AOD_OK;
  int64_t height = 0;
  for (int i = 0; i < mining->count && code == AOD_OK; i++)
    code = append_empty(mining->ar, connection, AOD_EMPTY, &height, err);
  if (code == AOD_OK && mining->count) code = take_pending(connection, height, err);
  return code;
}

int aod__index_mine(aod_ar_t *ar, int count, aod_error_t *err) {
  mining_t mining = {.write.run = run_mining, .ar = ar, .count = count};
  return aod_db_write(ar->db, &mining.write, err);
}

/* ---- reading blocks ---- */

int aod__index_newest_block(aod_ar_t *ar, aod_ar_block_t *block, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  int code = one_block(aod_db_prepare(connection, newest_block), block, err);
  aod_db_release(ar->db, connection);
  return code;
}

int aod__index_block_at(aod_ar_t *ar, int64_t height, aod_ar_block_t *block, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select =
      aod_db_prepare(connection, "SELECT height,time_ms,hash,previous FROM blocks WHERE height=?");
  aod_db_bind_int(select, 1, height);
  int code = one_block(select, block, err);
  aod_db_release(ar->db, connection);
  return code;
}

int aod__index_block_by_hash(aod_ar_t *ar, const uint8_t hash[48], aod_ar_block_t *block,
                             aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(connection, block_by_hash);
  aod_db_bind(select, 1, aod_slice(hash, AOD__HASH_BYTES));
  int code = one_block(select, block, err);
  aod_db_release(ar->db, connection);
  return code;
}

int aod__index_block_txs(aod_ar_t *ar, int64_t height, aod_buf_t *ids, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(
      connection, "SELECT id FROM items WHERE height=? AND base_layer=1 ORDER BY seq");
  aod_db_bind_int(select, 1, height);
  int row;
  while ((row = aod_db_step(select, err)) > 0) aod_buf_append(ids, aod_db_column(select, 0));
  aod_db_reset(select);
  aod_db_release(ar->db, connection);
  return row;
}

/* The main network allows its newest 50 blocks, which took it about two hours. Here a block may
 * take a millisecond, so the time counts as well. */
int aod__index_check_anchor(aod_ar_t *ar, aod_db_connection_t *connection, aod_slice_t anchor,
                            aod_error_t *err) {
  aod_ar_block_t block, newest;
  sqlite3_stmt *select = aod_db_prepare(connection, block_by_hash);
  aod_db_bind(select, 1, anchor);
  int code = one_block(select, &block, err);
  if (code == AOD_OK) code = one_block(aod_db_prepare(connection, newest_block), &newest, err);
  if (code == AOD_ENOTFOUND) return aod_fail(err, AOD_EINPUT, "Invalid anchor (last_tx).");
  if (code != AOD_OK || newest.height - block.height < AOD__ANCHOR_BLOCKS ||
      aod__ar_now_ms(ar) - block.time_ms < AOD__ANCHOR_MS)
    return code;
  return aod_fail(err, AOD_EINPUT, "Invalid anchor (last_tx): the block is too old.");
}
