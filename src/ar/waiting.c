#include "ar/waiting.h"

#include "ar/limits.h"
#include "arweave/base64url.h"

/* ---- roots ---- */

typedef struct {
  int64_t number;
  uint64_t received;
} root_t;

const char *aod__root_file(aod_slice_t root, uint64_t size, aod_arena_t *arena) {
  char text[AOD_ID_CHARS + 1];
  aod_assert(root.len == AOD_ID_BYTES);
  aod_id_encode(root.ptr, text);
  return aod_arena_printf(arena, "%s.%llu", text, (unsigned long long)size);
}

static int find_root(aod_db_connection_t *connection, aod_slice_t root, uint64_t size,
                     root_t *found_root, aod_error_t *err) {
  sqlite3_stmt *select =
      aod_db_prepare(connection, "SELECT number,received FROM roots WHERE root=? AND size=?");
  aod_db_bind(select, 1, root);
  aod_db_bind_int(select, 2, (int64_t)size);
  int found = aod_db_step(select, err);
  if (found > 0)
    *found_root =
        (root_t){sqlite3_column_int64(select, 0), (uint64_t)sqlite3_column_int64(select, 1)};
  aod_db_reset(select);
  if (found == 0) return aod_fail(err, AOD_ENOTFOUND, "data_root_not_found");
  return found < 0 ? found : AOD_OK;
}

static int make_root(aod_db_connection_t *connection, aod_slice_t root, uint64_t size, root_t *made,
                     aod_error_t *err) {
  sqlite3_stmt *insert =
      aod_db_prepare(connection, "INSERT OR IGNORE INTO roots (root,size,received) VALUES (?,?,0)");
  aod_db_bind(insert, 1, root);
  aod_db_bind_int(insert, 2, (int64_t)size);
  int code = aod_db_run(insert, err);
  return code == AOD_OK ? find_root(connection, root, size, made, err) : code;
}

/* A transaction that had its data inside: there is nothing to wait for. */
static int find_inline(aod_db_connection_t *connection, aod_slice_t root, uint64_t size,
                       aod_error_t *err) {
  sqlite3_stmt *select = aod_db_prepare(
      connection, "SELECT 1 FROM transactions t JOIN items i ON i.seq=t.seq"
                  " WHERE t.data_root=? AND t.data_root<>x'' AND i.data_len=? LIMIT 1");
  aod_db_bind(select, 1, root);
  aod_db_bind_int(select, 2, (int64_t)size);
  int found = aod_db_step(select, err);
  aod_db_reset(select);
  if (found == 0) return aod_fail(err, AOD_ENOTFOUND, "data_root_not_found");
  return found < 0 ? found : AOD_OK;
}

int aod__root_find(aod_ar_t *ar, aod_slice_t root, uint64_t size, bool *complete,
                   aod_error_t *err) {
  root_t found;
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  int code = find_root(connection, root, size, &found, err);
  *complete = code == AOD_OK && found.received == size;
  if (code == AOD_ENOTFOUND) {
    code = find_inline(connection, root, size, err);
    *complete = code == AOD_OK;
  }
  aod_db_release(ar->db, connection);
  return code;
}

/* ---- transactions that wait ---- */

int aod__waiting_find(aod_ar_t *ar, const uint8_t id[AOD_ID_BYTES], aod_arena_t *arena,
                      aod__waiting_t *waiting, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(
      connection, "SELECT w.json,r.received FROM waiting w JOIN roots r ON r.number=w.root"
                  " WHERE w.id=?");
  aod_db_bind(select, 1, aod_slice(id, AOD_ID_BYTES));
  int found = aod_db_step(select, err);
  int code = found < 0 ? found : AOD_OK;
  if (found > 0) {
    waiting->received = (uint64_t)sqlite3_column_int64(select, 1);
    code = aod_transaction_parse(aod_db_column(select, 0), arena, &waiting->transaction, err);
  }
  aod_db_reset(select);
  aod_db_release(ar->db, connection);
  return found == 0 ? aod_fail(err, AOD_ENOTFOUND, "not found") : code;
}

int aod__waiting_list(aod_ar_t *ar, aod_buf_t *ids, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(connection, "SELECT id FROM waiting ORDER BY number");
  int row;
  while ((row = aod_db_step(select, err)) > 0) aod_buf_append(ids, aod_db_column(select, 0));
  aod_db_reset(select);
  aod_db_release(ar->db, connection);
  return row;
}

static int check_room(aod_db_connection_t *connection, aod_error_t *err) {
  sqlite3_stmt *select = aod_db_prepare(connection, "SELECT count(*) FROM waiting");
  int found = aod_db_step(select, err);
  int64_t count = found > 0 ? sqlite3_column_int64(select, 0) : 0;
  aod_db_reset(select);
  if (found < 0) return found;
  if (count < AOD__WAITING_MAX) return AOD_OK;
  return aod_fail(err, AOD_EUNAVAILABLE, "%d transactions wait for their data already",
                  AOD__WAITING_MAX);
}

static int put_waiting(aod_db_connection_t *connection, const aod_transaction_t *transaction,
                       int64_t root, bool *known, aod_error_t *err) {
  int found = aod__index_exists(connection, transaction->id, err);
  *known = found > 0; /* with its data inside */
  if (found != 0) return found < 0 ? found : AOD_OK;
  int code = check_room(connection, err);
  if (code != AOD_OK) return code;
  aod_buf_t json = {0};
  aod_transaction_write(transaction, false, &json);
  sqlite3_stmt *insert =
      aod_db_prepare(connection, "INSERT INTO waiting (id,root,json) VALUES (?,?,?)");
  aod_db_bind(insert, 1, aod_slice(transaction->id, AOD_ID_BYTES));
  aod_db_bind_int(insert, 2, root);
  aod_db_bind(insert, 3, aod_buf_slice(&json));
  code = aod_db_run(insert, err);
  aod_buf_free(&json);
  *known = code == AOD_EEXISTS;
  return *known ? AOD_OK : code;
}

/* The data is complete: the transaction becomes an item. */
static int put_complete(aod_ar_t *ar, aod_db_connection_t *connection,
                        const aod_transaction_t *transaction, const uint8_t address[AOD_ID_BYTES],
                        bool *known, aod_error_t *err) {
  aod_arena_t scratch = {0};
  aod__index_row_t row;
  aod__index_row_of_transaction(&row, transaction, address, &scratch);
  row.data_file = aod__root_file(transaction->data_root, transaction->data_size, &scratch);
  int code = aod__index_insert(ar, connection, &row, known, err);
  aod_arena_free(&scratch);
  return code;
}

int aod__waiting_put(aod_ar_t *ar, aod_db_connection_t *connection,
                     const aod_transaction_t *transaction, const uint8_t address[AOD_ID_BYTES],
                     bool *known, aod_error_t *err) {
  root_t root;
  int code = make_root(connection, transaction->data_root, transaction->data_size, &root, err);
  if (code != AOD_OK) return code;
  if (root.received == transaction->data_size)
    return put_complete(ar, connection, transaction, address, known, err);
  return put_waiting(connection, transaction, root.number, known, err);
}

/* ---- completing ---- */

static int complete_one(aod_ar_t *ar, aod_db_connection_t *connection, aod_slice_t json,
                        aod_error_t *err) {
  aod_arena_t scratch = {0};
  aod_transaction_t transaction;
  uint8_t address[AOD_ID_BYTES];
  bool known;
  int code = aod_transaction_parse(json, &scratch, &transaction, err);
  aod_assert(code == AOD_OK && aod_transaction_address(&transaction, address)); /* as accepted */
  code = put_complete(ar, connection, &transaction, address, &known, err);
  aod_arena_free(&scratch);
  return code;
}

/* All that wait for the root, in the order they came. */
static int complete_root(aod_ar_t *ar, aod_db_connection_t *connection, int64_t root,
                         aod_error_t *err) {
  sqlite3_stmt *select =
      aod_db_prepare(connection, "SELECT json FROM waiting WHERE root=? ORDER BY number");
  aod_db_bind_int(select, 1, root);
  int found, code = AOD_OK;
  while (code == AOD_OK && (found = aod_db_step(select, err)) != 0)
    code = found < 0 ? found : complete_one(ar, connection, aod_db_column(select, 0), err);
  aod_db_reset(select);
  if (code != AOD_OK) return code;
  sqlite3_stmt *erase = aod_db_prepare(connection, "DELETE FROM waiting WHERE root=?");
  aod_db_bind_int(erase, 1, root);
  return aod_db_run(erase, err);
}

/* 1: the chunk is new, 0: it was there. */
static int add_chunk(aod_db_connection_t *connection, const aod__chunk_put_t *put, int64_t root,
                     aod_error_t *err) {
  sqlite3_stmt *insert =
      aod_db_prepare(connection, "INSERT INTO chunks (root,start,end,path) VALUES (?,?,?,?)");
  aod_db_bind_int(insert, 1, root);
  aod_db_bind_int(insert, 2, (int64_t)put->chunk.start);
  aod_db_bind_int(insert, 3, (int64_t)put->chunk.end);
  aod_db_bind(insert, 4, put->path);
  int code = aod_db_run(insert, err);
  if (code == AOD_EEXISTS) return 0;
  return code == AOD_OK ? 1 : code;
}

static int add_received(aod_db_connection_t *connection, int64_t root, uint64_t len,
                        aod_error_t *err) {
  sqlite3_stmt *update =
      aod_db_prepare(connection, "UPDATE roots SET received=received+? WHERE number=?");
  aod_db_bind_int(update, 1, (int64_t)len);
  aod_db_bind_int(update, 2, root);
  return aod_db_run(update, err);
}

static int run_chunk(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  aod__chunk_put_t *put = (aod__chunk_put_t *)write;
  uint64_t len = put->chunk.end - put->chunk.start;
  root_t root;
  int code = find_root(connection, put->root, put->size, &root, err);
  if (code != AOD_OK) return code;
  int added = add_chunk(connection, put, root.number, err);
  if (added <= 0) return added;
  code = add_received(connection, root.number, len, err);
  put->completed = code == AOD_OK && root.received + len == put->size;
  return put->completed ? complete_root(put->ar, connection, root.number, err) : code;
}

void aod__chunk_put_init(aod__chunk_put_t *put, aod_ar_t *ar) {
  put->write.run = run_chunk;
  put->ar = ar;
}

int aod__chunk_find(aod_ar_t *ar, aod_slice_t root, uint64_t size, uint64_t offset,
                    aod_chunk_t *chunk, aod_buf_t *path, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(
      connection, "SELECT start,end,path FROM chunks WHERE root=(SELECT number FROM roots WHERE"
                  " root=? AND size=?) AND start<=? ORDER BY start DESC LIMIT 1");
  aod_db_bind(select, 1, root);
  aod_db_bind_int(select, 2, (int64_t)size);
  aod_db_bind_int(select, 3, (int64_t)offset);
  int found = aod_db_step(select, err);
  if (found > 0 && offset >= (uint64_t)sqlite3_column_int64(select, 1)) found = 0;
  if (found > 0) {
    chunk->start = (uint64_t)sqlite3_column_int64(select, 0);
    chunk->end = (uint64_t)sqlite3_column_int64(select, 1);
    aod_buf_append(path, aod_db_column(select, 2));
  }
  aod_db_reset(select);
  aod_db_release(ar->db, connection);
  if (found == 0) return aod_fail(err, AOD_ENOTFOUND, "not found");
  return found < 0 ? found : AOD_OK;
}
