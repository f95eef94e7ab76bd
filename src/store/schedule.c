/* The schedule in SQLite: one table, a row a record, blobs inline. Pages of a process are index
 * ranges over (process, nonce), so they cost the same at its end as at its start. Times grow with
 * the nonces: a bound in time is searched by halving, at twenty rows in a million, which spares
 * every append an index of its own. */
#include "store/schedule.h"

#include <stdlib.h>

#include "store/db.h"

enum { LIST_BYTES_MAX = 64 << 20 };

static const char schema[] =
    "CREATE TABLE record ("
    " seq INTEGER PRIMARY KEY,"
    " process BLOB NOT NULL, nonce INTEGER NOT NULL, timestamp_ms INTEGER NOT NULL,"
    " block_height INTEGER NOT NULL, assignment_id BLOB NOT NULL, message_id BLOB NOT NULL,"
    " hash_chain BLOB NOT NULL, dedupe BLOB, assignment BLOB NOT NULL, item BLOB);"
    "CREATE UNIQUE INDEX record_nonce ON record (process, nonce);"
    "CREATE UNIQUE INDEX record_assignment ON record (assignment_id);"
    "CREATE UNIQUE INDEX record_message ON record (message_id) WHERE item IS NOT NULL;"
    "CREATE UNIQUE INDEX record_dedupe ON record (process, dedupe) WHERE dedupe IS NOT NULL;"
    "CREATE TABLE publisher (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);"
    "INSERT INTO publisher VALUES (1, 0)";

#define COLUMNS                                                                                    \
  "seq, process, nonce, timestamp_ms, block_height, assignment_id, message_id, hash_chain, "       \
  "dedupe, assignment, item"

static const char last_nonce[] =
    "SELECT nonce FROM record WHERE process = ? ORDER BY nonce DESC LIMIT 1";

struct aod_schedule {
  aod_db_t *db;
};

int aod_schedule_open(aod_schedule_t **out, const char *path, aod_error_t *err) {
  aod_db_t *db;
  int code = aod_db_open(&db, path, schema, 1, err);
  if (code != AOD_OK) return code;
  *out = aod_alloc(sizeof **out);
  (*out)->db = db;
  return AOD_OK;
}

void aod_schedule_close(aod_schedule_t *schedule) {
  if (!schedule) return;
  aod_db_close(schedule->db);
  free(schedule);
}

/* ---- append ---- */

typedef struct {
  aod_db_write_t write;
  aod_append_t *append;
} append_write_t;

static int check_next_nonce(aod_db_connection_t *connection, const aod_record_t *record,
                            aod_error_t *err) {
  sqlite3_stmt *last = aod_db_prepare(connection, last_nonce);
  aod_db_bind(last, 1, aod_slice(record->process, 32));
  int row = aod_db_step(last, err);
  uint64_t next = row == 1 ? (uint64_t)sqlite3_column_int64(last, 0) + 1 : 0;
  aod_db_reset(last);
  if (row < 0) return row;
  if (record->nonce == next) return AOD_OK;
  return aod_fail(err, AOD_EUNAVAILABLE,
                  "the schedule could not be written, try again: nonce %llu is not the next one, "
                  "%llu is",
                  (unsigned long long)record->nonce, (unsigned long long)next);
}

static int append_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  aod_record_t *record = &((append_write_t *)write)->append->record;
  int code = check_next_nonce(connection, record, err);
  if (code != AOD_OK) return code;
  sqlite3_stmt *insert = aod_db_prepare(
      connection, "INSERT INTO record (process, nonce, timestamp_ms, block_height, assignment_id,"
                  " message_id, hash_chain, dedupe, assignment, item)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  aod_db_bind(insert, 1, aod_slice(record->process, 32));
  aod_db_bind_int(insert, 2, (int64_t)record->nonce);
  aod_db_bind_int(insert, 3, record->timestamp_ms);
  aod_db_bind_int(insert, 4, (int64_t)record->block_height);
  aod_db_bind(insert, 5, aod_slice(record->assignment_id, 32));
  aod_db_bind(insert, 6, aod_slice(record->message_id, 32));
  aod_db_bind(insert, 7, aod_slice(record->hash_chain, 32));
  if (record->has_dedupe) aod_db_bind(insert, 8, aod_slice(record->dedupe, AOD_DEDUPE_BYTES));
  aod_db_bind(insert, 9, record->assignment);
  if (record->item.len) aod_db_bind(insert, 10, record->item);
  code = aod_db_run(insert, err);
  if (code == AOD_OK) record->seq = (uint64_t)sqlite3_last_insert_rowid(sqlite3_db_handle(insert));
  return code;
}

static void append_done(aod_db_write_t *write) {
  append_write_t *append = (append_write_t *)write;
  append->append->done(append->append, write->code, &write->error);
  free(append);
}

void aod_schedule_append(aod_schedule_t *schedule, aod_append_t *append) {
  append_write_t *write = aod_alloc(sizeof *write);
  write->write.run = append_run;
  write->write.done = append_done;
  write->write.single = true;
  write->write.patient = append->patient;
  write->append = append;
  aod_db_submit(schedule->db, &write->write);
}

void aod_schedule_flush(aod_schedule_t *schedule) {
  aod_db_flush(schedule->db);
}

/* ---- reading ---- */

static void copy_id(uint8_t *to, aod_slice_t from) {
  aod_assert(from.len == 32);
  memcpy(to, from.ptr, 32);
}

static void read_record(sqlite3_stmt *row, aod_arena_t *arena, aod_record_t *record) {
  *record = (aod_record_t){.seq = (uint64_t)sqlite3_column_int64(row, 0),
                           .nonce = (uint64_t)sqlite3_column_int64(row, 2),
                           .timestamp_ms = sqlite3_column_int64(row, 3),
                           .block_height = (uint64_t)sqlite3_column_int64(row, 4)};
  copy_id(record->process, aod_db_column(row, 1));
  copy_id(record->assignment_id, aod_db_column(row, 5));
  copy_id(record->message_id, aod_db_column(row, 6));
  copy_id(record->hash_chain, aod_db_column(row, 7));
  aod_slice_t dedupe = aod_db_column(row, 8);
  record->has_dedupe = dedupe.len == AOD_DEDUPE_BYTES;
  if (record->has_dedupe) memcpy(record->dedupe, dedupe.ptr, AOD_DEDUPE_BYTES);
  record->assignment = aod_arena_copy(arena, aod_db_column(row, 9));
  aod_slice_t item = aod_db_column(row, 10);
  if (item.len) record->item = aod_arena_copy(arena, item);
}

/* Read the first row of a bound statement, reset it, give the connection back. */
static int read_one(aod_schedule_t *schedule, aod_db_connection_t *connection,
                    sqlite3_stmt *statement, aod_arena_t *arena, aod_record_t *record,
                    aod_error_t *err) {
  int row = aod_db_step(statement, err);
  if (row == 1) read_record(statement, arena, record);
  aod_db_reset(statement);
  aod_db_release(schedule->db, connection);
  if (row < 0) return row;
  return row == 1 ? AOD_OK : aod_fail(err, AOD_ENOTFOUND, "Message or Process not found");
}

/* Read all rows of a bound statement, reset it, give the connection back. */
static int read_all(aod_schedule_t *schedule, aod_db_connection_t *connection,
                    sqlite3_stmt *statement, aod_arena_t *arena, aod_records_t *records,
                    aod_error_t *err) {
  size_t cap = 0, bytes = 0;
  int row;
  *records = (aod_records_t){0};
  while (!records->cut && (row = aod_db_step(statement, err)) == 1) {
    if (records->count == cap) {
      cap = cap ? cap * 2 : 16;
      aod_record_t *grown = aod_arena_alloc(arena, cap * sizeof *grown);
      if (records->count) memcpy(grown, records->list, records->count * sizeof *grown);
      records->list = grown;
    }
    aod_record_t *record = &records->list[records->count++];
    read_record(statement, arena, record);
    bytes += record->item.len + record->assignment.len;
    records->cut = bytes >= LIST_BYTES_MAX;
  }
  aod_db_reset(statement);
  aod_db_release(schedule->db, connection);
  return row < 0 ? row : AOD_OK;
}

int aod_schedule_last(aod_schedule_t *schedule, const uint8_t *process, aod_arena_t *arena,
                      aod_record_t *record, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(schedule->db);
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "SELECT " COLUMNS " FROM record WHERE process = ? ORDER BY nonce DESC LIMIT 1");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  return read_one(schedule, connection, statement, arena, record, err);
}

int aod_schedule_at(aod_schedule_t *schedule, const uint8_t *process, uint64_t nonce,
                    aod_arena_t *arena, aod_record_t *record, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(schedule->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT " COLUMNS " FROM record WHERE process = ? AND nonce = ?");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind_int(statement, 2, (int64_t)nonce);
  return read_one(schedule, connection, statement, arena, record, err);
}

int aod_schedule_find(aod_schedule_t *schedule, const uint8_t *id, aod_arena_t *arena,
                      aod_record_t *record, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(schedule->db);
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "SELECT " COLUMNS " FROM record WHERE message_id = ?1 AND item IS NOT NULL"
                  " UNION ALL SELECT " COLUMNS " FROM record WHERE assignment_id = ?1 LIMIT 1");
  aod_db_bind(statement, 1, aod_slice(id, 32));
  return read_one(schedule, connection, statement, arena, record, err);
}

int aod_schedule_find_item(aod_schedule_t *schedule, const uint8_t *id, aod_arena_t *arena,
                           aod_record_t *record, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(schedule->db);
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "SELECT " COLUMNS " FROM record WHERE message_id = ? AND item IS NOT NULL");
  aod_db_bind(statement, 1, aod_slice(id, 32));
  return read_one(schedule, connection, statement, arena, record, err);
}

int aod_schedule_find_dedupe(aod_schedule_t *schedule, const uint8_t *process,
                             const uint8_t dedupe[AOD_DEDUPE_BYTES], aod_arena_t *arena,
                             aod_record_t *record, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(schedule->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT " COLUMNS " FROM record WHERE process = ? AND dedupe = ?");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind(statement, 2, aod_slice(dedupe, AOD_DEDUPE_BYTES));
  return read_one(schedule, connection, statement, arena, record, err);
}

/* ---- ranges ---- */

/* The number in the one row that a bound statement gives, which is reset: 1, 0 without a row. */
static int read_int(sqlite3_stmt *statement, int64_t *number, aod_error_t *err) {
  int row = aod_db_step(statement, err);
  if (row == 1) *number = sqlite3_column_int64(statement, 0);
  aod_db_reset(statement);
  return row;
}

/* How many records of a process come before `time_ms`: the nonce of the first that does not. */
static int count_before(aod_db_connection_t *connection, const uint8_t *process, int64_t time_ms,
                        int64_t *nonce, aod_error_t *err) {
  sqlite3_stmt *last = aod_db_prepare(connection, last_nonce);
  aod_db_bind(last, 1, aod_slice(process, 32));
  int64_t low = 0, high = -1, found_ms = 0;
  int row = read_int(last, &high, err);
  for (high++; low < high && row >= 0;) {
    int64_t middle = low + (high - low) / 2;
    sqlite3_stmt *time = aod_db_prepare(
        connection, "SELECT timestamp_ms FROM record WHERE process = ? AND nonce = ?");
    aod_db_bind(time, 1, aod_slice(process, 32));
    aod_db_bind_int(time, 2, middle);
    if ((row = read_int(time, &found_ms, err)) <= 0) break;
    if (found_ms < time_ms)
      low = middle + 1;
    else
      high = middle;
  }
  *nonce = low;
  return row < 0 ? row : AOD_OK;
}

/* Bounds in time as bounds in nonces, both inclusive. */
static int find_nonces(aod_db_connection_t *connection, const uint8_t *process, int64_t *from,
                       int64_t *to, aod_error_t *err) {
  int64_t behind = INT64_MAX;
  int code = count_before(connection, process, *from, from, err);
  if (code == AOD_OK && *to < INT64_MAX)
    code = count_before(connection, process, *to + 1, &behind, err);
  *to = behind - 1;
  return code;
}

int aod_schedule_range(aod_schedule_t *schedule, const uint8_t *process, aod_range_key_t key,
                       int64_t from, int64_t to, size_t limit, aod_arena_t *arena,
                       aod_records_t *records, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(schedule->db);
  int code = AOD_OK;
  *records = (aod_records_t){0};
  if (key == AOD_BY_TIMESTAMP) code = find_nonces(connection, process, &from, &to, err);
  if (code != AOD_OK) {
    aod_db_release(schedule->db, connection);
    return code;
  }
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT " COLUMNS " FROM record WHERE process = ?"
                                 " AND nonce BETWEEN ? AND ? ORDER BY nonce LIMIT ?");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind_int(statement, 2, from);
  aod_db_bind_int(statement, 3, to);
  aod_db_bind_int(statement, 4, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
  return read_all(schedule, connection, statement, arena, records, err);
}

/* ---- publisher ---- */

int aod_schedule_after(aod_schedule_t *schedule, uint64_t after, size_t limit, aod_arena_t *arena,
                       aod_records_t *records, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(schedule->db);
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "SELECT " COLUMNS " FROM record WHERE seq > ? ORDER BY seq LIMIT ?");
  aod_db_bind_int(statement, 1, (int64_t)after);
  aod_db_bind_int(statement, 2, (int64_t)limit);
  return read_all(schedule, connection, statement, arena, records, err);
}

/* The number in the one row that `sql` gives. */
static int read_number(aod_schedule_t *schedule, const char *sql, uint64_t *number,
                       aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(schedule->db);
  sqlite3_stmt *statement = aod_db_prepare(connection, sql);
  int row = aod_db_step(statement, err);
  if (row == 1) *number = (uint64_t)sqlite3_column_int64(statement, 0);
  aod_db_reset(statement);
  aod_db_release(schedule->db, connection);
  return row < 0 ? row : AOD_OK;
}

int aod_schedule_published(aod_schedule_t *schedule, uint64_t *seq, aod_error_t *err) {
  return read_number(schedule, "SELECT seq FROM publisher", seq, err);
}

int aod_schedule_newest(aod_schedule_t *schedule, uint64_t *seq, aod_error_t *err) {
  return read_number(schedule, "SELECT coalesce(max(seq), 0) FROM record", seq, err);
}

typedef struct {
  aod_db_write_t write;
  uint64_t seq;
} published_write_t;

static int published_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  sqlite3_stmt *update = aod_db_prepare(connection, "UPDATE publisher SET seq = ?");
  aod_db_bind_int(update, 1, (int64_t)((published_write_t *)write)->seq);
  return aod_db_run(update, err);
}

int aod_schedule_set_published(aod_schedule_t *schedule, uint64_t seq, aod_error_t *err) {
  published_write_t write = {.write = {.run = published_run}, .seq = seq};
  return aod_db_write(schedule->db, &write.write, err);
}
