#include "store/trace.h"

#include "store/outbox_internal.h"

const char aod__trace_schema[] =
    "CREATE TABLE trace ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, message BLOB NOT NULL,"
    " process BLOB NOT NULL, cause BLOB, wallet BLOB NOT NULL, timestamp_ms INTEGER NOT NULL);"
    "CREATE INDEX trace_message ON trace (message);"
    "CREATE INDEX trace_process ON trace (process);"
    "CREATE INDEX trace_cause ON trace (cause) WHERE cause IS NOT NULL";

static int add(aod_db_connection_t *connection, aod_trace_t *trace, aod_error_t *err) {
  sqlite3_stmt *insert = aod_db_prepare(
      connection, "INSERT INTO trace (kind, message, process, cause, wallet, timestamp_ms)"
                  " VALUES (?, ?, ?, ?, ?, ?)");
  aod_db_bind_int(insert, 1, trace->kind);
  aod_db_bind(insert, 2, aod_slice(trace->message, 32));
  aod_db_bind(insert, 3, aod_slice(trace->process, 32));
  if (trace->has_cause) aod_db_bind(insert, 4, aod_slice(trace->cause, 32));
  aod_db_bind(insert, 5, aod_slice(trace->wallet, 32));
  aod_db_bind_int(insert, 6, trace->timestamp_ms);
  int code = aod_db_run(insert, err);
  if (code == AOD_OK) trace->id = sqlite3_last_insert_rowid(sqlite3_db_handle(insert));
  return code;
}

static int forget(aod_db_connection_t *connection, int64_t newest, aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare(connection, "DELETE FROM trace WHERE id <= ?");
  aod_db_bind_int(statement, 1, newest - AOD_TRACES_MAX);
  return aod_db_run(statement, err);
}

int aod__trace_add(aod_db_connection_t *connection, aod_traces_t *traces, aod_error_t *err) {
  int code = AOD_OK;
  for (size_t i = 0; i < traces->count && code == AOD_OK; i++)
    code = add(connection, &traces->list[i], err);
  if (code == AOD_OK && traces->count)
    code = forget(connection, traces->list[traces->count - 1].id, err);
  return code;
}

static void read_trace(sqlite3_stmt *row, aod_trace_t *trace) {
  *trace = (aod_trace_t){.id = sqlite3_column_int64(row, 0),
                         .kind = (aod_trace_kind_t)sqlite3_column_int(row, 1),
                         .timestamp_ms = sqlite3_column_int64(row, 6)};
  aod__copy_id(trace->message, aod_db_column(row, 2));
  aod__copy_id(trace->process, aod_db_column(row, 3));
  aod_slice_t cause = aod_db_column(row, 4);
  trace->has_cause = cause.len > 0;
  if (trace->has_cause) aod__copy_id(trace->cause, cause);
  aod__copy_id(trace->wallet, aod_db_column(row, 5));
}

/* One statement for every question: a parameter that is not bound is NULL and fits all rows. SQLite
 * cannot choose an index by that, so what narrows most is said twice. */
static const char *statement_for(const aod_trace_query_t *query) {
#define FIND                                                                                       \
  "SELECT id, kind, message, process, cause, wallet, timestamp_ms FROM trace WHERE"                \
  " (?1 IS NULL OR process = ?1) AND (?2 IS NULL OR message = ?2) AND (?3 IS NULL OR cause = ?3)"  \
  " AND (?4 IS NULL OR wallet = ?4) AND (?5 IS NULL OR kind = ?5)"
#define NEWEST " ORDER BY id DESC LIMIT ?7 OFFSET ?6"
  static const char by_message[] = FIND " AND message = ?2" NEWEST;
  static const char by_cause[] = FIND " AND cause = ?3" NEWEST;
  static const char by_process[] = FIND " AND process = ?1" NEWEST;
  static const char all[] = FIND NEWEST;
#undef FIND
#undef NEWEST
  return query->message ? by_message : query->cause ? by_cause : query->process ? by_process : all;
}

int aod_trace_find(aod_outbox_t *outbox, const aod_trace_query_t *query, aod_arena_t *arena,
                   aod_traces_t *traces, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(outbox->db);
  sqlite3_stmt *statement = aod_db_prepare(connection, statement_for(query));
  const uint8_t *ids[] = {query->process, query->message, query->cause, query->wallet};
  for (int i = 0; i < 4; i++)
    if (ids[i]) aod_db_bind(statement, i + 1, aod_slice(ids[i], 32));
  if (query->kind) aod_db_bind_int(statement, 5, query->kind);
  aod_db_bind_int(statement, 6, (int64_t)query->offset);
  aod_db_bind_int(statement, 7, (int64_t)query->limit);
  *traces =
      (aod_traces_t){.list = aod_arena_alloc(arena, (query->limit + 1) * sizeof *traces->list)};
  int row;
  while ((row = aod_db_step(statement, err)) == 1)
    read_trace(statement, &traces->list[traces->count++]);
  aod_db_reset(statement);
  aod_db_release(outbox->db, connection);
  return row < 0 ? row : AOD_OK;
}
