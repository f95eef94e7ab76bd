#include "store/results.h"

#include <stdlib.h>

#include "base/log.h"
#include "store/db.h"

static const char schema[] =
    "CREATE TABLE result ("
    " process BLOB NOT NULL, nonce INTEGER NOT NULL, timestamp_ms INTEGER NOT NULL,"
    " node BLOB NOT NULL, error BLOB NOT NULL, gas_used REAL NOT NULL);"
    "CREATE UNIQUE INDEX result_nonce ON result (process, nonce);"
    "CREATE INDEX result_time ON result (process, timestamp_ms) WHERE length(error) = 0";

#define COLUMNS "process, nonce, timestamp_ms, node, error, gas_used"

struct aod_results {
  aod_db_t *db;
};

int aod_results_open(aod_results_t **out, const char *path, aod_error_t *err) {
  aod_db_t *db;
  int code = aod_db_open(&db, path, schema, 1, err);
  if (code != AOD_OK) return code;
  *out = aod_alloc(sizeof **out);
  (*out)->db = db;
  return AOD_OK;
}

void aod_results_close(aod_results_t *results) {
  if (!results) return;
  aod_db_close(results->db);
  free(results);
}

/* ---- writing ---- */

typedef struct {
  aod_db_write_t write;
  aod_evaluated_t evaluated;
  uint8_t bytes[]; /* node, then error */
} put_t;

static int put_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const aod_evaluated_t *evaluated = &((put_t *)write)->evaluated;
  sqlite3_stmt *insert = aod_db_prepare(connection, "INSERT OR IGNORE INTO result (" COLUMNS
                                                    ") VALUES (?, ?, ?, ?, ?, ?)");
  aod_db_bind(insert, 1, aod_slice(evaluated->process, 32));
  aod_db_bind_int(insert, 2, (int64_t)evaluated->nonce);
  aod_db_bind_int(insert, 3, evaluated->timestamp_ms);
  aod_db_bind(insert, 4, evaluated->node);
  aod_db_bind(insert, 5, evaluated->error);
  sqlite3_bind_double(insert, 6, evaluated->gas_used);
  return aod_db_run(insert, err);
}

static void put_done(aod_db_write_t *write) {
  if (write->code != AOD_OK)
    aod_log(AOD_LOG_WARN, "cu", "a result was not stored and will be evaluated again: %s",
            write->error.message);
  free(write);
}

void aod_results_put(aod_results_t *results, const aod_evaluated_t *evaluated) {
  size_t node_len = evaluated->node.len, error_len = evaluated->error.len;
  put_t *put = aod_alloc(sizeof *put + node_len + error_len);
  put->write.run = put_run;
  put->write.done = put_done;
  put->evaluated = *evaluated;
  memcpy(put->bytes, evaluated->node.ptr, node_len);
  if (error_len) memcpy(put->bytes + node_len, evaluated->error.ptr, error_len);
  put->evaluated.node = aod_slice(put->bytes, node_len);
  put->evaluated.error = aod_slice(put->bytes + node_len, error_len);
  aod_db_submit(results->db, &put->write);
}

void aod_results_flush(aod_results_t *results) {
  aod_db_flush(results->db);
}

/* ---- reading ---- */

static void read_evaluated(sqlite3_stmt *row, aod_arena_t *arena, aod_evaluated_t *evaluated) {
  aod_slice_t process = aod_db_column(row, 0);
  aod_assert(process.len == 32);
  memcpy(evaluated->process, process.ptr, 32);
  evaluated->nonce = (uint64_t)sqlite3_column_int64(row, 1);
  evaluated->timestamp_ms = sqlite3_column_int64(row, 2);
  evaluated->node = aod_arena_copy(arena, aod_db_column(row, 3));
  evaluated->error = aod_arena_copy(arena, aod_db_column(row, 4));
  evaluated->gas_used = sqlite3_column_double(row, 5);
}

int aod_results_get(aod_results_t *results, const uint8_t process[32], uint64_t nonce,
                    aod_arena_t *arena, aod_evaluated_t *evaluated, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(results->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT " COLUMNS " FROM result WHERE process = ? AND nonce = ?");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind_int(statement, 2, (int64_t)nonce);
  int row = aod_db_step(statement, err);
  if (row == 1) read_evaluated(statement, arena, evaluated);
  aod_db_reset(statement);
  aod_db_release(results->db, connection);
  if (row < 0) return row;
  return row ? AOD_OK : aod_fail(err, AOD_ENOTFOUND, "no result is stored");
}

int aod_results_next_nonce(aod_results_t *results, const uint8_t process[32], uint64_t *nonce,
                           aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(results->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT count(*), max(nonce) FROM result WHERE process = ?");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  int row = aod_db_step(statement, err);
  int64_t count = row == 1 ? sqlite3_column_int64(statement, 0) : 0;
  bool complete = count > 0 && sqlite3_column_int64(statement, 1) == count - 1;
  *nonce = complete ? (uint64_t)count : 0;
  aod_db_reset(statement);
  aod_db_release(results->db, connection);
  return row < 0 ? row : AOD_OK;
}

int aod_results_page(aod_results_t *results, const uint8_t process[32], int64_t after_ms,
                     int64_t to_ms, bool descending, size_t limit, aod_arena_t *arena,
                     aod_evaluated_list_t *list, aod_error_t *err) {
#define PAGE                                                                                       \
  "SELECT " COLUMNS " FROM result WHERE process = ? AND length(error) = 0"                         \
  " AND timestamp_ms > ? AND timestamp_ms <= ? ORDER BY timestamp_ms "
  static const char ascending_sql[] = PAGE "ASC LIMIT ?", descending_sql[] = PAGE "DESC LIMIT ?";
#undef PAGE
  aod_db_connection_t *connection = aod_db_acquire(results->db);
  sqlite3_stmt *statement = aod_db_prepare(connection, descending ? descending_sql : ascending_sql);
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind_int(statement, 2, after_ms);
  aod_db_bind_int(statement, 3, to_ms);
  aod_db_bind_int(statement, 4, (int64_t)limit);
  *list = (aod_evaluated_list_t){.list = aod_arena_alloc(arena, (limit + 1) * sizeof *list->list)};
  int row;
  while ((row = aod_db_step(statement, err)) == 1)
    read_evaluated(statement, arena, &list->list[list->count++]);
  aod_db_reset(statement);
  aod_db_release(results->db, connection);
  return row < 0 ? row : AOD_OK;
}
