/* The gateway's index: tables, storing, and looking up by key. Queries are in index_query.c.
 *
 * Posting order is the primary order of everything: `seq` grows with every upload and block heights
 * grow with it, so sorting by height is sorting by seq and a cursor is a seq. Public keys are
 * stored once per owner, because a scheduler's key of 512 bytes signs a million records. Tags are
 * kept twice: as the item carries them, and as rows that answer "which items have this tag" in
 * posting order straight from the primary key. */
#include "ar/index.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "arweave/hash.h"
#include "base/clock.h"

enum { SCHEMA_VERSION = 1 };

static const char schema[] =
    "CREATE TABLE blocks (height INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL,"
    " hash BLOB NOT NULL UNIQUE, previous BLOB NOT NULL);"
    "CREATE TABLE owners (number INTEGER PRIMARY KEY, address BLOB NOT NULL UNIQUE, key BLOB NOT "
    "NULL);"
    "CREATE TABLE items (seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    " height INTEGER NOT NULL, base_layer INTEGER NOT NULL, owner INTEGER NOT NULL,"
    " signature_type INTEGER NOT NULL, signature BLOB NOT NULL, target BLOB NOT NULL,"
    " anchor BLOB NOT NULL, tag_count INTEGER NOT NULL, tags BLOB NOT NULL,"
    " data_len INTEGER NOT NULL, data_file TEXT, data BLOB);"
    "CREATE INDEX items_height ON items (height);"
    "CREATE INDEX items_owner ON items (owner);"
    "CREATE INDEX items_target ON items (target) WHERE target<>x'';"
    "CREATE TABLE tags (name BLOB NOT NULL, value BLOB NOT NULL, seq INTEGER NOT NULL,"
    " PRIMARY KEY (name, value, seq)) WITHOUT ROWID";

int64_t aod__ar_now_ms(aod_ar_t *ar) {
  return ar->options.now_ms ? ar->options.now_ms(ar->options.clock) : aod_clock_wall_ms();
}

/* ---- blocks ---- */

void aod__index_read_block(sqlite3_stmt *statement, int column, aod_ar_block_t *block) {
  block->height = sqlite3_column_int64(statement, column);
  block->time_ms = sqlite3_column_int64(statement, column + 1);
  aod_slice_t hash = aod_db_column(statement, column + 2);
  aod_assert(hash.len == sizeof block->hash);
  memcpy(block->hash, hash.ptr, hash.len);
  aod_slice_t previous = aod_db_column(statement, column + 3);
  aod_assert(previous.len == sizeof block->previous);
  memcpy(block->previous, previous.ptr, previous.len);
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

/* Append a block that holds `id`. Its time never runs backwards. */
static int append_block(aod_ar_t *ar, aod_db_connection_t *connection, aod_slice_t id,
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
  sqlite3_stmt *select =
      aod_db_prepare(connection, "SELECT height,time_ms,hash,previous FROM blocks WHERE hash=?");
  aod_db_bind(select, 1, aod_slice(hash, 48));
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

/* ---- storing ---- */

/* The owner's row, made when missing; a key that was not known yet is filled in. */
static int put_owner(aod_db_connection_t *connection, const aod__index_row_t *row, int64_t *owner,
                     aod_error_t *err) {
  aod_slice_t address = aod_slice(row->owner_address, AOD_ID_BYTES);
  sqlite3_stmt *insert = aod_db_prepare(
      connection, "INSERT INTO owners (address,key) VALUES (?,?) ON CONFLICT (address)"
                  " DO UPDATE SET key=excluded.key WHERE owners.key=x''");
  aod_db_bind(insert, 1, address);
  aod_db_bind(insert, 2, row->owner);
  int code = aod_db_run(insert, err);
  if (code != AOD_OK) return code;
  sqlite3_stmt *select = aod_db_prepare(connection, "SELECT number FROM owners WHERE address=?");
  aod_db_bind(select, 1, address);
  int found = aod_db_step(select, err);
  if (found > 0) *owner = sqlite3_column_int64(select, 0);
  aod_db_reset(select);
  aod_assert(found != 0);
  return found < 0 ? found : AOD_OK;
}

static int put_tags(aod_db_connection_t *connection, const aod_tags_t *tags, int64_t seq,
                    aod_error_t *err) {
  for (size_t i = 0; i < tags->count; i++) {
    sqlite3_stmt *insert =
        aod_db_prepare(connection, "INSERT OR IGNORE INTO tags (name,value,seq) VALUES (?,?,?)");
    aod_db_bind(insert, 1, tags->list[i].name);
    aod_db_bind(insert, 2, tags->list[i].value);
    aod_db_bind_int(insert, 3, seq);
    int code = aod_db_run(insert, err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

static int put_row(aod_db_connection_t *connection, const aod__index_row_t *row, int64_t height,
                   int64_t owner, int64_t *seq, aod_error_t *err) {
  sqlite3_stmt *insert = aod_db_prepare(
      connection, "INSERT INTO items (id,height,base_layer,owner,signature_type,signature,target,"
                  "anchor,tag_count,tags,data_len,data_file,data)"
                  " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING seq");
  aod_db_bind(insert, 1, aod_slice(row->id, AOD_ID_BYTES));
  aod_db_bind_int(insert, 2, height);
  aod_db_bind_int(insert, 3, row->base_layer);
  aod_db_bind_int(insert, 4, owner);
  aod_db_bind_int(insert, 5, row->signature_type);
  aod_db_bind(insert, 6, row->signature);
  aod_db_bind(insert, 7, row->target);
  aod_db_bind(insert, 8, row->anchor);
  aod_db_bind_int(insert, 9, (int64_t)row->tags.count);
  aod_db_bind(insert, 10, row->tag_bytes);
  aod_db_bind_int(insert, 11, (int64_t)row->data_len);
  if (row->data_file)
    aod_db_bind_text(insert, 12, aod_text(row->data_file));
  else
    aod_db_bind(insert, 13, row->data);
  int inserted = aod_db_step(insert, err);
  if (inserted > 0) *seq = sqlite3_column_int64(insert, 0);
  aod_db_reset(insert);
  aod_assert(inserted != 0);
  return inserted < 0 ? inserted : AOD_OK;
}

/* 1 when the id is there (a data file's path is then taken over), 0 when not. */
static int put_again(aod_db_connection_t *connection, const aod__index_row_t *row,
                     aod_error_t *err) {
  sqlite3_stmt *select = aod_db_prepare(connection, "SELECT seq FROM items WHERE id=?");
  aod_db_bind(select, 1, aod_slice(row->id, AOD_ID_BYTES));
  int found = aod_db_step(select, err);
  aod_db_reset(select);
  if (found <= 0 || !row->data_file) return found;
  sqlite3_stmt *update = aod_db_prepare(
      connection, "UPDATE items SET data_file=?,data_len=? WHERE id=? AND data_file IS NOT NULL");
  aod_db_bind_text(update, 1, aod_text(row->data_file));
  aod_db_bind_int(update, 2, (int64_t)row->data_len);
  aod_db_bind(update, 3, aod_slice(row->id, AOD_ID_BYTES));
  int code = aod_db_run(update, err);
  return code == AOD_OK ? 1 : code;
}

static int run_put(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  aod__index_put_t *put = (aod__index_put_t *)write;
  const aod__index_row_t *row = &put->row;
  int64_t height, owner, seq;
  int code = put_again(connection, row, err);
  if (code != 0) return code > 0 ? AOD_OK : code;
  code = append_block(put->ar, connection, aod_slice(row->id, AOD_ID_BYTES), &height, err);
  if (code == AOD_OK) code = put_owner(connection, row, &owner, err);
  if (code == AOD_OK) code = put_row(connection, row, height, owner, &seq, err);
  if (code == AOD_OK) code = put_tags(connection, &row->tags, seq, err);
  return code;
}

void aod__index_put_init(aod__index_put_t *put, aod_ar_t *ar) {
  put->write.run = run_put;
  put->ar = ar;
}

void aod__index_row_of_item(aod__index_row_t *row, const aod_item_t *item) {
  *row = (aod__index_row_t){
      .id = item->id,
      .owner_address = item->address,
      .signature_type = item->signature_type,
      .signature = item->signature,
      .owner = item->owner,
      .target = item->target,
      .anchor = item->anchor,
      .tag_bytes = item->tag_bytes,
      .tags = item->tags,
      .data = item->data,
      .data_len = item->data.len,
  };
}

typedef struct {
  aod_db_write_t write; /* first */
  aod_ar_t *ar;
  int count;
} mining_t;

static int run_mining(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  mining_t *mining = (mining_t *)write;
  int code = AOD_OK;
  int64_t height;
  for (int i = 0; i < mining->count && code == AOD_OK; i++)
    code = append_block(mining->ar, connection, AOD_EMPTY, &height, err);
  return code;
}

int aod__index_mine(aod_ar_t *ar, int count, aod_error_t *err) {
  mining_t mining = {.write.run = run_mining, .ar = ar, .count = count};
  return aod_db_write(ar->db, &mining.write, err);
}

/* ---- reading ---- */

static void copy_key(uint8_t key[AOD_ID_BYTES], aod_slice_t bytes) {
  aod_assert(bytes.len == AOD_ID_BYTES);
  memcpy(key, bytes.ptr, bytes.len);
}

/* A row of SELECT_ITEM. */
static void read_item(sqlite3_stmt *statement, aod_arena_t *arena, aod_ar_item_t *item) {
  aod_slice_t copies[12] = {0};
  for (int column = 4; column <= 10; column++)
    if (column != 5 && column != 9)
      copies[column] = aod_arena_copy(arena, aod_db_column(statement, column));
  *item = (aod_ar_item_t){
      .sequence = sqlite3_column_int64(statement, 0),
      .base_layer = sqlite3_column_int(statement, 2) != 0,
      .signature_type = sqlite3_column_int(statement, 3),
      .signature = copies[4],
      .owner = copies[6],
      .target = copies[7],
      .anchor = copies[8],
      .data_len = (uint64_t)sqlite3_column_int64(statement, 11),
  };
  copy_key(item->id, aod_db_column(statement, 1));
  copy_key(item->owner_address, aod_db_column(statement, 5));
  uint64_t tag_count = (uint64_t)sqlite3_column_int64(statement, 9);
  aod_assert(aod_tags_decode(copies[10], tag_count, arena, &item->tags, NULL) == AOD_OK);
  if (sqlite3_column_type(statement, 12) != SQLITE_NULL)
    item->data_file = (char *)aod_arena_copy(arena, aod_db_column(statement, 12)).ptr;
  aod__index_read_block(statement, 13, &item->block);
}

#define SELECT_ITEM                                                                                \
  "SELECT i.seq,i.id,i.base_layer,i.signature_type,i.signature,o.address,o.key,i.target,"          \
  "i.anchor,i.tag_count,i.tags,i.data_len,i.data_file,b.height,b.time_ms,b.hash,b.previous"        \
  " FROM items i JOIN owners o ON o.number=i.owner JOIN blocks b ON b.height=i.height "

/* Step a statement that selects one item at most: 1, 0 or an error. */
static int one_item(sqlite3_stmt *select, aod_arena_t *arena, aod_ar_item_t *item,
                    aod_error_t *err) {
  int found = aod_db_step(select, err);
  if (found > 0) read_item(select, arena, item);
  aod_db_reset(select);
  return found;
}

int aod__index_item_at(aod_db_connection_t *connection, int64_t seq, aod_arena_t *arena,
                       aod_ar_item_t *item, aod_error_t *err) {
  sqlite3_stmt *select = aod_db_prepare(connection, SELECT_ITEM "WHERE i.seq=?");
  aod_db_bind_int(select, 1, seq);
  int found = one_item(select, arena, item, err);
  aod_assert(found != 0); /* nothing is ever deleted */
  return found < 0 ? found : AOD_OK;
}

int aod_ar_find(aod_ar_t *ar, const uint8_t id[AOD_ID_BYTES], aod_arena_t *arena,
                aod_ar_item_t *item, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(connection, SELECT_ITEM "WHERE i.id=?");
  aod_db_bind(select, 1, aod_slice(id, AOD_ID_BYTES));
  int found = one_item(select, arena, item, err);
  aod_db_release(ar->db, connection);
  if (found == 0) return aod_fail(err, AOD_ENOTFOUND, "not found");
  return found < 0 ? found : AOD_OK;
}

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
  if (item->data_file) return read_file(item->data_file, from, len, data, err);
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(connection, "SELECT data FROM items WHERE seq=?");
  aod_db_bind_int(select, 1, item->sequence);
  int found = aod_db_step(select, err);
  if (found > 0) aod_buf_append(data, aod_slice_sub(aod_db_column(select, 0), from, len));
  aod_db_reset(select);
  aod_db_release(ar->db, connection);
  aod_assert(found != 0); /* nothing is ever deleted */
  return found < 0 ? found : AOD_OK;
}

/* ---- opening ---- */

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
}
