/* The gateway's index: tables, opening, and looking up by key. Storing is in index_put.c, queries
 * are in index_query.c, blocks in index_blocks.c.
 *
 * Posting order is the primary order of everything: `seq` grows with every upload and block heights
 * grow with it (index_blocks.c), so sorting by height is sorting by seq and a cursor is a seq.
 * Public keys are stored once per owner, because a scheduler's key of 512 bytes signs a million
 * records. Tags are kept twice: as the item carries them, and as rows that answer "which items have
 * this tag" in posting order straight from the primary key.
 *
 * What is in `items` has its data. A transaction that waits for chunks is in `waiting` only
 * (waiting.h). */
#include "ar/index.h"

#include <fcntl.h>
#include <unistd.h>

#include "ar/files.h"
#include "base/clock.h"

enum { SCHEMA_VERSION = 2 };

static const char schema[] =
    "CREATE TABLE blocks (height INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL,"
    " hash BLOB NOT NULL UNIQUE, previous BLOB NOT NULL);"
    "CREATE TABLE owners (number INTEGER PRIMARY KEY, address BLOB NOT NULL UNIQUE,"
    " key BLOB NOT NULL);"
    /* height NULL: pending. unpack: 0 no bundle, 1 to be unpacked, 2 unpacked. */
    "CREATE TABLE items (seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, height INTEGER,"
    " base_layer INTEGER NOT NULL, owner INTEGER NOT NULL, signature_type INTEGER NOT NULL,"
    " signature BLOB NOT NULL, target BLOB NOT NULL, anchor BLOB NOT NULL,"
    " tag_count INTEGER NOT NULL, tags BLOB NOT NULL, parent INTEGER, unpack INTEGER NOT NULL,"
    " data_offset INTEGER NOT NULL, data_len INTEGER NOT NULL, data_file TEXT, data BLOB);"
    "CREATE INDEX items_height ON items (height);"
    "CREATE INDEX items_owner ON items (owner);"
    "CREATE INDEX items_target ON items (target) WHERE target<>x'';"
    "CREATE INDEX items_parent ON items (parent) WHERE parent IS NOT NULL;"
    "CREATE INDEX items_unpack ON items (seq) WHERE unpack=1;"
    "CREATE TABLE tags (name BLOB NOT NULL, value BLOB NOT NULL, seq INTEGER NOT NULL,"
    " PRIMARY KEY (name, value, seq)) WITHOUT ROWID;"
    /* What only transactions have. weave_end: place of their last byte, counted from 1. */
    "CREATE TABLE transactions (seq INTEGER PRIMARY KEY, format INTEGER NOT NULL,"
    " quantity TEXT NOT NULL, reward TEXT NOT NULL, denomination TEXT NOT NULL,"
    " data_root BLOB NOT NULL, weave_end INTEGER);"
    "CREATE UNIQUE INDEX transactions_weave ON transactions (weave_end)"
    " WHERE weave_end IS NOT NULL;"
    "CREATE INDEX transactions_root ON transactions (data_root) WHERE data_root<>x'';"
    /* Data that comes in chunks, and the transactions that wait for it. */
    "CREATE TABLE roots (number INTEGER PRIMARY KEY, root BLOB NOT NULL, size INTEGER NOT NULL,"
    " received INTEGER NOT NULL, UNIQUE (root, size));"
    "CREATE TABLE chunks (root INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,"
    " path BLOB NOT NULL, PRIMARY KEY (root, start)) WITHOUT ROWID;"
    "CREATE TABLE waiting (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    " root INTEGER NOT NULL, json BLOB NOT NULL);"
    "CREATE INDEX waiting_root ON waiting (root);"
    /* balance: decimal, in winston. last_tx: empty, or the wallet's newest transaction. */
    "CREATE TABLE wallets (address BLOB PRIMARY KEY, balance TEXT NOT NULL,"
    " last_tx BLOB NOT NULL) WITHOUT ROWID";

int64_t aod__ar_now_ms(aod_ar_t *ar) {
  return ar->options.now_ms ? ar->options.now_ms(ar->options.clock) : aod_clock_wall_ms();
}

/* ---- reading ---- */

static void copy_key(uint8_t key[AOD_ID_BYTES], aod_slice_t bytes) {
  aod_assert(bytes.len == AOD_ID_BYTES);
  memcpy(key, bytes.ptr, bytes.len);
}

/* The columns of SELECT_ITEM. */
enum {
  SEQ,
  ID,
  BASE_LAYER,
  SIGNATURE_TYPE,
  SIGNATURE,
  OWNER_ADDRESS,
  OWNER_KEY,
  TARGET,
  ANCHOR,
  TAG_COUNT,
  TAGS,
  DATA_OFFSET,
  DATA_LEN,
  DATA_FILE,
  UNPACK,
  PARENT_ID,
  FORMAT,
  QUANTITY,
  REWARD,
  DENOMINATION,
  DATA_ROOT,
  WEAVE_END,
  BLOCK
};

#define SELECT_ITEM                                                                                \
  "SELECT i.seq,i.id,i.base_layer,i.signature_type,i.signature,o.address,o.key,i.target,"          \
  "i.anchor,i.tag_count,i.tags,i.data_offset,i.data_len,i.data_file,i.unpack,"                     \
  "(SELECT p.id FROM items p WHERE p.seq=i.parent),"                                               \
  "t.format,t.quantity,t.reward,t.denomination,t.data_root,t.weave_end,"                           \
  "b.height,b.time_ms,b.hash,b.previous"                                                           \
  " FROM items i JOIN owners o ON o.number=i.owner LEFT JOIN blocks b ON b.height=i.height"        \
  " LEFT JOIN transactions t ON t.seq=i.seq AND i.base_layer=1 "

static aod_slice_t copy_column(sqlite3_stmt *statement, int column, aod_arena_t *arena) {
  return aod_arena_copy(arena, aod_db_column(statement, column));
}

static void read_transaction(sqlite3_stmt *statement, aod_arena_t *arena, aod_ar_item_t *item) {
  item->format = sqlite3_column_int(statement, FORMAT);
  item->quantity = copy_column(statement, QUANTITY, arena);
  item->reward = copy_column(statement, REWARD, arena);
  item->denomination = copy_column(statement, DENOMINATION, arena);
  item->data_root = copy_column(statement, DATA_ROOT, arena);
  item->weave_end = (uint64_t)sqlite3_column_int64(statement, WEAVE_END);
}

static bool has_column(sqlite3_stmt *statement, int column) {
  return sqlite3_column_type(statement, column) != SQLITE_NULL;
}

/* A row of SELECT_ITEM. */
static void read_item(sqlite3_stmt *statement, aod_arena_t *arena, aod_ar_item_t *item) {
  *item = (aod_ar_item_t){
      .sequence = sqlite3_column_int64(statement, SEQ),
      .base_layer = sqlite3_column_int(statement, BASE_LAYER) != 0,
      .signature_type = sqlite3_column_int(statement, SIGNATURE_TYPE),
      .signature = copy_column(statement, SIGNATURE, arena),
      .owner = copy_column(statement, OWNER_KEY, arena),
      .target = copy_column(statement, TARGET, arena),
      .anchor = copy_column(statement, ANCHOR, arena),
      .data_offset = (uint64_t)sqlite3_column_int64(statement, DATA_OFFSET),
      .data_len = (uint64_t)sqlite3_column_int64(statement, DATA_LEN),
      .is_bundle = sqlite3_column_int(statement, UNPACK) != 0,
      .pending = !has_column(statement, BLOCK),
      .bundled = has_column(statement, PARENT_ID),
  };
  copy_key(item->id, aod_db_column(statement, ID));
  copy_key(item->owner_address, aod_db_column(statement, OWNER_ADDRESS));
  aod_slice_t tags = copy_column(statement, TAGS, arena);
  uint64_t tag_count = (uint64_t)sqlite3_column_int64(statement, TAG_COUNT);
  size_t tags_max = tag_count > AOD_TAGS_MAX ? AOD_TRANSACTION_TAGS_MAX : AOD_TAGS_MAX;
  aod_assert(!aod_tags_decode_many(tags, tag_count, tags_max, arena, &item->tags, NULL));
  if (has_column(statement, DATA_FILE))
    item->data_file = (char *)copy_column(statement, DATA_FILE, arena).ptr;
  if (item->bundled) copy_key(item->parent, aod_db_column(statement, PARENT_ID));
  if (has_column(statement, FORMAT)) read_transaction(statement, arena, item);
  if (!item->pending) aod__index_read_block(statement, BLOCK, &item->block);
}

/* Step a statement that selects one item at most, and reset it. */
static int one_item(sqlite3_stmt *select, aod_arena_t *arena, aod_ar_item_t *item,
                    aod_error_t *err) {
  int found = aod_db_step(select, err);
  if (found > 0) read_item(select, arena, item);
  aod_db_reset(select);
  if (found == 0) return aod_fail(err, AOD_ENOTFOUND, "not found");
  return found < 0 ? found : AOD_OK;
}

int aod__index_item_at(aod_db_connection_t *connection, int64_t seq, aod_arena_t *arena,
                       aod_ar_item_t *item, aod_error_t *err) {
  sqlite3_stmt *select = aod_db_prepare(connection, SELECT_ITEM "WHERE i.seq=?");
  aod_db_bind_int(select, 1, seq);
  return one_item(select, arena, item, err);
}

int aod_ar_find(aod_ar_t *ar, const uint8_t id[AOD_ID_BYTES], aod_arena_t *arena,
                aod_ar_item_t *item, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(connection, SELECT_ITEM "WHERE i.id=?");
  aod_db_bind(select, 1, aod_slice(id, AOD_ID_BYTES));
  int code = one_item(select, arena, item, err);
  aod_db_release(ar->db, connection);
  return code;
}

int aod__index_at_weave(aod_ar_t *ar, uint64_t offset, aod_arena_t *arena, aod_ar_item_t *item,
                        aod_error_t *err) {
  if (offset > INT64_MAX) return aod_fail(err, AOD_ENOTFOUND, "not found");
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(
      connection, SELECT_ITEM "WHERE i.seq=(SELECT seq FROM transactions WHERE weave_end>=?"
                              " ORDER BY weave_end LIMIT 1)");
  aod_db_bind_int(select, 1, (int64_t)offset);
  int code = one_item(select, arena, item, err);
  aod_db_release(ar->db, connection);
  if (code == AOD_OK && offset + item->data_len <= item->weave_end)
    return aod_fail(err, AOD_ENOTFOUND, "not found"); /* of data that is gone */
  return code;
}

int aod__index_pending(aod_ar_t *ar, aod_buf_t *ids, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(
      connection, "SELECT id FROM items WHERE height IS NULL AND base_layer=1 ORDER BY seq");
  int row;
  while ((row = aod_db_step(select, err)) > 0) aod_buf_append(ids, aod_db_column(select, 0));
  aod_db_reset(select);
  aod_db_release(ar->db, connection);
  return row;
}

/* ---- data ---- */

static int read_file(const char *path, uint64_t from, uint64_t len, aod_buf_t *data,
                     aod_error_t *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return aod_fail(err, AOD_EIO, "cannot open %s", path);
  aod_buf_reserve(data, len);
  uint64_t done = 0;
  while (done < len) {
    ssize_t got = pread(fd, data->ptr + data->len, len - done, (off_t)(from + done));
    if (got <= 0) break;
    data->len += (size_t)got;
    done += (uint64_t)got;
  }
  close(fd);
  return done == len ? AOD_OK : aod_fail(err, AOD_EIO, "%s became shorter", path);
}

int aod__index_data(aod_ar_t *ar, const aod_ar_item_t *item, uint64_t from, uint64_t len,
                    aod_buf_t *data, aod_error_t *err) {
  aod_assert(from <= item->data_len && len <= item->data_len - from);
  if (item->data_file) {
    aod_arena_t scratch = {0};
    const char *path = aod__files_path(ar, item->data_file, &scratch);
    int code = read_file(path, item->data_offset + from, len, data, err);
    aod_arena_free(&scratch);
    return code;
  }
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(connection, "SELECT data FROM items WHERE seq=? AND id=?");
  aod_db_bind_int(select, 1, item->sequence);
  aod_db_bind(select, 2, aod_slice(item->id, AOD_ID_BYTES));
  int found = aod_db_step(select, err);
  if (found > 0) aod_buf_append(data, aod_slice_sub(aod_db_column(select, 0), from, len));
  aod_db_reset(select);
  aod_db_release(ar->db, connection);
  if (found == 0) return aod_fail(err, AOD_ENOTFOUND, "not found");
  return found < 0 ? found : AOD_OK;
}

/* ---- opening, starting over ---- */

int aod__index_open(aod_ar_t *ar, aod_error_t *err) {
  int code = aod_db_open(&ar->db, ar->options.path, schema, SCHEMA_VERSION, err);
  if (code != AOD_OK) return code;
  aod_ar_block_t block;
  code = aod__index_newest_block(ar, &block, err);
  if (code == AOD_ENOTFOUND) code = aod__index_mine(ar, 1, err);
  if (code != AOD_OK) aod__index_close(ar);
  return code;
}

void aod__index_close(aod_ar_t *ar) {
  aod_db_close(ar->db);
  ar->db = NULL;
}

typedef struct {
  aod_db_write_t write; /* first */
  aod_ar_t *ar;
} reset_t;

static int run_reset(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  static const char *const statements[] = {
      "DELETE FROM blocks", "DELETE FROM items",   "DELETE FROM owners",
      "DELETE FROM tags",   "DELETE FROM roots",   "DELETE FROM transactions",
      "DELETE FROM chunks", "DELETE FROM waiting", "DELETE FROM wallets"};
  int code = AOD_OK;
  for (size_t i = 0; i < sizeof statements / sizeof *statements && code == AOD_OK; i++)
    code = aod_db_run(aod_db_prepare(connection, statements[i]), err);
  if (code != AOD_OK) return code;
  int64_t height;
  return aod__index_append_block(((reset_t *)write)->ar, connection, AOD_EMPTY, &height, err);
}

int aod__index_reset(aod_ar_t *ar, aod_error_t *err) {
  reset_t reset = {.write.run = run_reset, .ar = ar};
  return aod_db_write(ar->db, &reset.write, err);
}
