/* What stands beside results: what a drive answered, and where the results of a process begin that
 * was begun from a checkpoint. All of it is written in order with the results. */
#include <stdlib.h>

#include "base/log.h"
#include "store/results_internal.h"

const char aod__results_notes_schema[] =
    "CREATE TABLE answer (process BLOB NOT NULL, position INTEGER NOT NULL,"
    " question BLOB NOT NULL, yes INTEGER NOT NULL, PRIMARY KEY (process, position, question))"
    " WITHOUT ROWID;"
    "CREATE TABLE origin (process BLOB PRIMARY KEY, checkpoint BLOB NOT NULL,"
    " position INTEGER NOT NULL, nonce INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE earlier_key (process BLOB NOT NULL, key BLOB NOT NULL, nonce INTEGER NOT NULL,"
    " PRIMARY KEY (process, key)) WITHOUT ROWID";

/* ---- writing ---- */

/* A row of one of the tables: process, 32 bytes, numbers. */
typedef struct {
  aod_db_write_t write;
  aod_results_t *results;
  const char *sql;
  uint8_t process[32], bytes[32];
  int64_t numbers[2];
  int number_count;
} note_t;

static int note_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const note_t *note = (note_t *)write;
  sqlite3_stmt *insert = aod_db_prepare(connection, note->sql);
  aod_db_bind(insert, 1, aod_slice(note->process, 32));
  aod_db_bind(insert, 2, aod_slice(note->bytes, 32));
  for (int i = 0; i < note->number_count; i++) aod_db_bind_int(insert, 3 + i, note->numbers[i]);
  return aod_db_run(insert, err);
}

static void count_lost(aod_results_t *results) {
  pthread_mutex_lock(&results->lock);
  results->unwritten++;
  pthread_mutex_unlock(&results->lock);
}

static void note_done(aod_db_write_t *write) {
  if (write->code != AOD_OK) {
    count_lost(((note_t *)write)->results);
    aod_log(AOD_LOG_WARN, "cu", "a note beside the results was not stored: %s",
            write->error.message);
  }
  free(write);
}

static void submit(aod_results_t *results, const char *sql, const uint8_t process[32],
                   const uint8_t bytes[32], int64_t first, int64_t second, int count) {
  note_t *note = aod_alloc(sizeof *note);
  *note = (note_t){.write = {.run = note_run, .done = note_done},
                   .results = results,
                   .sql = sql,
                   .numbers = {first, second},
                   .number_count = count};
  memcpy(note->process, process, 32);
  memcpy(note->bytes, bytes, 32);
  aod_db_submit(results->db, &note->write);
}

void aod_results_put_answer(aod_results_t *results, const uint8_t process[32], uint64_t position,
                            const uint8_t question[32], bool yes) {
  submit(results,
         "INSERT OR IGNORE INTO answer (process, question, position, yes) VALUES (?, ?, ?, ?)",
         process, question, (int64_t)position, yes, 2);
}

void aod_results_put_origin(aod_results_t *results, const uint8_t process[32],
                            const aod_origin_t *origin) {
  submit(results,
         "INSERT OR REPLACE INTO origin (process, checkpoint, position, nonce) VALUES (?, ?, ?, ?)",
         process, origin->checkpoint, (int64_t)origin->position, (int64_t)origin->nonce, 2);
}

void aod_results_put_earlier_key(aod_results_t *results, const uint8_t process[32],
                                 const uint8_t key[32], uint64_t nonce) {
  submit(results, "INSERT OR IGNORE INTO earlier_key (process, key, nonce) VALUES (?, ?, ?)",
         process, key, (int64_t)nonce, 0, 1);
}

static int forget(aod_db_connection_t *connection, const char *sql, const uint8_t process[32],
                  uint64_t position, aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare(connection, sql);
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind_int(statement, 2, (int64_t)position);
  return aod_db_run(statement, err);
}

int aod__results_forget_notes(aod_db_connection_t *connection, const uint8_t process[32],
                              uint64_t position, aod_error_t *err) {
  int code = forget(connection, "DELETE FROM answer WHERE process = ? AND position >= ?", process,
                    position, err);
  if (code != AOD_OK) return code;
  return forget(connection, "DELETE FROM origin WHERE process = ? AND position >= ?", process,
                position, err);
}

/* ---- reading ---- */

int aod_results_get_answer(aod_results_t *results, const uint8_t process[32], uint64_t position,
                           const uint8_t question[32], bool *yes, aod_error_t *err) {
  aod_db_flush(results->db);
  aod_db_connection_t *connection = aod_db_acquire(results->db);
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "SELECT yes FROM answer WHERE process = ? AND position = ? AND question = ?");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind_int(statement, 2, (int64_t)position);
  aod_db_bind(statement, 3, aod_slice(question, 32));
  int row = aod_db_step(statement, err);
  if (row == 1) *yes = sqlite3_column_int64(statement, 0) != 0;
  aod_db_reset(statement);
  aod_db_release(results->db, connection);
  if (row < 0) return row;
  return row ? AOD_OK : aod_fail(err, AOD_ENOTFOUND, "no answer is stored");
}

int aod_results_origin(aod_results_t *results, const uint8_t process[32], aod_origin_t *origin,
                       aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(results->db);
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "SELECT checkpoint, position, nonce FROM origin WHERE process = ?");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  int row = aod_db_step(statement, err);
  if (row == 1) {
    aod_slice_t checkpoint = aod_db_column(statement, 0);
    aod_assert(checkpoint.len == 32);
    memcpy(origin->checkpoint, checkpoint.ptr, 32);
    origin->position = (uint64_t)sqlite3_column_int64(statement, 1);
    origin->nonce = (uint64_t)sqlite3_column_int64(statement, 2);
  }
  aod_db_reset(statement);
  aod_db_release(results->db, connection);
  if (row < 0) return row;
  return row ? AOD_OK : aod_fail(err, AOD_ENOTFOUND, "it was begun from its beginning");
}
