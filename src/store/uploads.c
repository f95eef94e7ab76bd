#include "store/uploads.h"

#include <stdio.h>
#include <stdlib.h>

#include "arweave/hash.h"
#include "arweave/scheme.h"
#include "store/db.h"

static const char schema[] =
    "CREATE TABLE upload ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, raw BLOB NOT NULL,"
    " added_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
    " refused INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '', carrier INTEGER);"
    "CREATE INDEX upload_due ON upload (due_ms, seq) WHERE carrier IS NULL;"
    "CREATE INDEX upload_carrier ON upload (carrier, seq) WHERE carrier IS NOT NULL;"
    "CREATE TABLE carrier ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL, raw BLOB NOT NULL,"
    " added_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
    " refused INTEGER NOT NULL DEFAULT 0, posted INTEGER NOT NULL DEFAULT 0,"
    " reason TEXT NOT NULL DEFAULT '');"
    "CREATE TABLE total (uploaded INTEGER NOT NULL, error_ms INTEGER NOT NULL, error TEXT NOT "
    "NULL);"
    "INSERT INTO total VALUES (0, 0, '')";

struct aod_uploads {
  aod_db_t *db;
};

int aod_uploads_open(aod_uploads_t **out, const char *path, aod_error_t *err) {
  aod_db_t *db;
  int code = aod_db_open(&db, path, schema, 1, err);
  if (code != AOD_OK) return code;
  *out = aod_alloc(sizeof **out);
  (*out)->db = db;
  return AOD_OK;
}

void aod_uploads_close(aod_uploads_t *uploads) {
  if (!uploads) return;
  aod_db_close(uploads->db);
  free(uploads);
}

/* ---- adding ---- */

/* Run a statement whose numbered parameters are integers. */
static int run_with(aod_db_connection_t *connection, const char *sql, int64_t a, int64_t b,
                    aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare(connection, sql);
  aod_db_bind_int(statement, 1, a);
  if (sqlite3_bind_parameter_count(statement) > 1) aod_db_bind_int(statement, 2, b);
  return aod_db_run(statement, err);
}

typedef struct {
  aod_db_write_t write;
  const aod_slice_t *raws;
  size_t count;
  int64_t now_ms;
} add_t;

static int item_id(aod_slice_t raw, uint8_t id[32], aod_error_t *err) {
  const aod_scheme_t *scheme = raw.len < 2 ? NULL : aod_scheme_find(aod_load_le16(raw.ptr));
  if (!scheme || raw.len < 2 + scheme->signature_len)
    return aod_fail(err, AOD_EINPUT, "what is to be uploaded is not a signed item");
  aod_sha256(aod_slice_sub(raw, 2, scheme->signature_len), id);
  return AOD_OK;
}

static int add_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const add_t *add = (const add_t *)write;
  for (size_t i = 0; i < add->count; i++) {
    uint8_t id[32];
    int code = item_id(add->raws[i], id, err);
    if (code != AOD_OK) return code;
    sqlite3_stmt *statement = aod_db_prepare(
        connection, "INSERT INTO upload (id, raw, added_ms, due_ms) VALUES (?1, ?2, ?3, ?3)"
                    " ON CONFLICT (id) DO NOTHING");
    aod_db_bind(statement, 1, aod_slice(id, sizeof id));
    aod_db_bind(statement, 2, add->raws[i]);
    aod_db_bind_int(statement, 3, add->now_ms);
    code = aod_db_run(statement, err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

int aod_uploads_add(aod_uploads_t *uploads, const aod_slice_t *raws, size_t count, int64_t now_ms,
                    aod_error_t *err) {
  add_t add = {.write.run = add_run, .raws = raws, .count = count, .now_ms = now_ms};
  return aod_db_write(uploads->db, &add.write, err);
}

typedef struct {
  aod_db_write_t write;
  const aod_upload_list_t *items;
  const uint8_t *id;
  aod_slice_t json;
  int64_t now_ms;
} carry_t;

static int carry_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const carry_t *carry = (const carry_t *)write;
  sqlite3_stmt *insert = aod_db_prepare(
      connection, "INSERT INTO carrier (id, raw, added_ms, due_ms) VALUES (?1, ?2, ?3, ?3)");
  aod_db_bind(insert, 1, aod_slice(carry->id, 32));
  aod_db_bind(insert, 2, carry->json);
  aod_db_bind_int(insert, 3, carry->now_ms);
  int code = aod_db_run(insert, err);
  int64_t seq = sqlite3_last_insert_rowid(sqlite3_db_handle(insert));
  for (size_t i = 0; i < carry->items->count && code == AOD_OK; i++) {
    sqlite3_stmt *update =
        aod_db_prepare(connection, "UPDATE upload SET carrier = ?1 WHERE seq = ?2");
    aod_db_bind_int(update, 1, seq);
    aod_db_bind_int(update, 2, carry->items->list[i].seq);
    code = aod_db_run(update, err);
  }
  /* A carrier whose items were refused before is no newcomer. */
  return code == AOD_OK ? run_with(connection,
                                   "UPDATE carrier SET attempts = (SELECT max(attempts) FROM upload"
                                   " WHERE carrier = ?1) WHERE seq = ?1",
                                   seq, 0, err)
                        : code;
}

int aod_uploads_carry(aod_uploads_t *uploads, const aod_upload_list_t *items, const uint8_t id[32],
                      aod_slice_t json, int64_t now_ms, aod_error_t *err) {
  carry_t carry = {
      .write.run = carry_run, .items = items, .id = id, .json = json, .now_ms = now_ms};
  return aod_db_write(uploads->db, &carry.write, err);
}

/* ---- settling ---- */

typedef struct {
  aod_db_write_t write;
  const aod_upload_outcome_t *outcomes;
  size_t count;
  int64_t now_ms;
} settle_t;

static int note_error(aod_db_connection_t *connection, const char *reason, int64_t now_ms,
                      aod_error_t *err) {
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "UPDATE total SET error_ms = ?1, error = ?2");
  aod_db_bind_int(statement, 1, now_ms);
  aod_db_bind_text(statement, 2, aod_text(reason));
  return aod_db_run(statement, err);
}

static int put_off(aod_db_connection_t *connection, const char *sql,
                   const aod_upload_outcome_t *outcome, int64_t now_ms, aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare(connection, sql);
  aod_db_bind_int(statement, 1, outcome->seq);
  aod_db_bind_int(statement, 2, outcome->due_ms);
  aod_db_bind_int(statement, 3, outcome->refused);
  aod_db_bind_text(statement, 4, aod_text(outcome->reason));
  int code = aod_db_run(statement, err);
  return code == AOD_OK ? note_error(connection, outcome->reason, now_ms, err) : code;
}

static int settle_item(aod_db_connection_t *connection, const aod_upload_outcome_t *outcome,
                       int64_t now_ms, aod_error_t *err) {
  if (outcome->what != AOD_UPLOAD_DONE)
    return put_off(connection,
                   "UPDATE upload SET attempts = attempts + 1, due_ms = ?2, refused = ?3,"
                   " reason = ?4 WHERE seq = ?1",
                   outcome, now_ms, err);
  int code = run_with(connection, "DELETE FROM upload WHERE seq = ?1", outcome->seq, 0, err);
  if (code != AOD_OK) return code;
  return run_with(connection, "UPDATE total SET uploaded = uploaded + ?1", 1, 0, err);
}

static int settle_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const settle_t *settle = (const settle_t *)write;
  int code = AOD_OK;
  for (size_t i = 0; i < settle->count && code == AOD_OK; i++)
    code = settle_item(connection, &settle->outcomes[i], settle->now_ms, err);
  return code;
}

int aod_uploads_settle(aod_uploads_t *uploads, const aod_upload_outcome_t *outcomes, size_t count,
                       int64_t now_ms, aod_error_t *err) {
  settle_t settle = {
      .write.run = settle_run, .outcomes = outcomes, .count = count, .now_ms = now_ms};
  return aod_db_write(uploads->db, &settle.write, err);
}

static int finish_carrier(aod_db_connection_t *connection, int64_t seq, aod_error_t *err) {
  int code = run_with(connection,
                      "UPDATE total SET uploaded = uploaded +"
                      " (SELECT count(*) FROM upload WHERE carrier = ?1)",
                      seq, 0, err);
  if (code == AOD_OK)
    code = run_with(connection, "DELETE FROM upload WHERE carrier = ?1", seq, 0, err);
  if (code == AOD_OK)
    code = run_with(connection, "DELETE FROM carrier WHERE seq = ?1", seq, 0, err);
  return code;
}

static int undo_carrier(aod_db_connection_t *connection, const aod_upload_outcome_t *outcome,
                        int64_t now_ms, aod_error_t *err) {
  int code = put_off(connection,
                     "UPDATE upload SET carrier = NULL, attempts = attempts + 1, due_ms = ?2,"
                     " refused = ?3, reason = ?4 WHERE carrier = ?1",
                     outcome, now_ms, err);
  if (code != AOD_OK) return code;
  return run_with(connection, "DELETE FROM carrier WHERE seq = ?1", outcome->seq, 0, err);
}

static int settle_carrier_run(aod_db_write_t *write, aod_db_connection_t *connection,
                              aod_error_t *err) {
  const settle_t *settle = (const settle_t *)write;
  const aod_upload_outcome_t *outcome = settle->outcomes;
  switch (outcome->what) {
  case AOD_UPLOAD_DONE:
    return finish_carrier(connection, outcome->seq, err);
  case AOD_UPLOAD_POSTED:
    return run_with(connection,
                    "UPDATE carrier SET attempts = iif(posted, attempts + 1, 1), posted = 1,"
                    " refused = 0, due_ms = ?2, reason = '' WHERE seq = ?1",
                    outcome->seq, outcome->due_ms, err);
  case AOD_UPLOAD_UNDONE:
    return undo_carrier(connection, outcome, settle->now_ms, err);
  case AOD_UPLOAD_LATER:
    break;
  }
  return put_off(
      connection,
      "UPDATE carrier SET attempts = iif(posted, 1, attempts + 1), posted = 0, due_ms = ?2,"
      " refused = ?3, reason = ?4 WHERE seq = ?1",
      outcome, settle->now_ms, err);
}

int aod_uploads_settle_carrier(aod_uploads_t *uploads, const aod_upload_outcome_t *outcome,
                               int64_t now_ms, aod_error_t *err) {
  settle_t settle = {.write.run = settle_carrier_run, .outcomes = outcome, .now_ms = now_ms};
  return aod_db_write(uploads->db, &settle.write, err);
}

typedef struct {
  aod_db_write_t write; /* first */
  int64_t now_ms, most_ms;
} resume_write_t;

#define RESUME                                                                                     \
  " SET added_ms = min(added_ms, ?1), due_ms = iif(due_ms > ?1 + ?2, ?1, due_ms)"                  \
  " WHERE added_ms > ?1 OR due_ms > ?1 + ?2"

static int resume_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const resume_write_t *resume = (const resume_write_t *)write;
  int64_t now_ms = resume->now_ms, most_ms = resume->most_ms;
  int code = run_with(connection, "UPDATE upload" RESUME, now_ms, most_ms, err);
  return code == AOD_OK ? run_with(connection, "UPDATE carrier" RESUME, now_ms, most_ms, err)
                        : code;
}

int aod_uploads_resume(aod_uploads_t *uploads, int64_t now_ms, int64_t most_ms, aod_error_t *err) {
  resume_write_t resume = {.write = {.run = resume_run}, .now_ms = now_ms, .most_ms = most_ms};
  return aod_db_write(uploads->db, &resume.write, err);
}

static int retry_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  (void)write;
  int code = aod_db_run(aod_db_prepare(connection, "UPDATE upload SET due_ms = added_ms"
                                                   " WHERE carrier IS NULL AND NOT refused"
                                                   " AND attempts > 0 AND due_ms > added_ms"),
                        err);
  if (code != AOD_OK) return code;
  return aod_db_run(aod_db_prepare(connection, "UPDATE carrier SET due_ms = added_ms"
                                               " WHERE NOT refused AND NOT posted"),
                    err);
}

int aod_uploads_retry(aod_uploads_t *uploads, aod_error_t *err) {
  aod_db_write_t write = {.run = retry_run};
  return aod_db_write(uploads->db, &write, err);
}

/* ---- reading ---- */

#define ITEM_COLUMNS                                                                               \
  "seq, id, length(raw), added_ms, due_ms, attempts, refused, 0, ifnull(carrier, 0), reason"
#define CARRIER_COLUMNS                                                                            \
  "seq, id, length(raw), added_ms, due_ms, attempts, refused, posted, 0, reason"

static void read_row(sqlite3_stmt *row, aod_arena_t *arena, aod_upload_t *upload) {
  *upload = (aod_upload_t){.seq = sqlite3_column_int64(row, 0),
                           .len = (size_t)sqlite3_column_int64(row, 2),
                           .added_ms = sqlite3_column_int64(row, 3),
                           .due_ms = sqlite3_column_int64(row, 4),
                           .attempts = sqlite3_column_int64(row, 5),
                           .refused = sqlite3_column_int(row, 6) != 0,
                           .posted = sqlite3_column_int(row, 7) != 0,
                           .carrier = sqlite3_column_int64(row, 8)};
  aod_slice_t id = aod_db_column(row, 1);
  aod_assert(id.len == sizeof upload->id);
  memcpy(upload->id, id.ptr, id.len);
  upload->reason = aod_arena_copy(arena, aod_db_column(row, 9));
  if (sqlite3_column_count(row) > 10) upload->raw = aod_arena_copy(arena, aod_db_column(row, 10));
}

/* Rows of a statement whose last parameter, a limit, is bound; resets it. */
static int read_rows(sqlite3_stmt *statement, size_t limit, uint64_t max_bytes, aod_arena_t *arena,
                     aod_upload_list_t *list, aod_error_t *err) {
  *list = (aod_upload_list_t){.list = aod_arena_alloc(arena, (limit + 1) * sizeof *list->list)};
  uint64_t bytes = 0;
  int row = 0;
  while (list->count < limit && (row = aod_db_step(statement, err)) == 1) {
    bytes += (uint64_t)sqlite3_column_int64(statement, 2);
    if (list->count && bytes > max_bytes) break;
    read_row(statement, arena, &list->list[list->count++]);
  }
  aod_db_reset(statement);
  return row < 0 ? row : AOD_OK;
}

static int read_list(aod_uploads_t *uploads, const char *sql, int64_t parameter, size_t limit,
                     uint64_t max_bytes, aod_arena_t *arena, aod_upload_list_t *list,
                     aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(uploads->db);
  sqlite3_stmt *statement = aod_db_prepare(connection, sql);
  aod_db_bind_int(statement, 1, parameter);
  aod_db_bind_int(statement, 2, (int64_t)limit);
  int code = read_rows(statement, limit, max_bytes, arena, list, err);
  aod_db_release(uploads->db, connection);
  return code;
}

int aod_uploads_due(aod_uploads_t *uploads, int64_t now_ms, size_t limit, uint64_t max_bytes,
                    aod_arena_t *arena, aod_upload_list_t *list, aod_error_t *err) {
  return read_list(uploads,
                   "SELECT " ITEM_COLUMNS ", raw FROM upload"
                   " WHERE carrier IS NULL AND due_ms <= ?1 ORDER BY due_ms, seq LIMIT ?2",
                   now_ms, limit, max_bytes, arena, list, err);
}

int aod_uploads_due_carriers(aod_uploads_t *uploads, int64_t now_ms, size_t limit,
                             aod_arena_t *arena, aod_upload_list_t *list, aod_error_t *err) {
  return read_list(uploads,
                   "SELECT " CARRIER_COLUMNS ", raw FROM carrier"
                   " WHERE due_ms <= ?1 ORDER BY due_ms, seq LIMIT ?2",
                   now_ms, limit, UINT64_MAX, arena, list, err);
}

static int count_carried(aod_uploads_t *uploads, int64_t carrier, size_t *count, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(uploads->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT count(*) FROM upload WHERE carrier = ?1");
  aod_db_bind_int(statement, 1, carrier);
  int row = aod_db_step(statement, err);
  *count = row == 1 ? (size_t)sqlite3_column_int64(statement, 0) : 0;
  aod_db_reset(statement);
  aod_db_release(uploads->db, connection);
  return row < 0 ? row : AOD_OK;
}

int aod_uploads_carried(aod_uploads_t *uploads, int64_t carrier, aod_arena_t *arena,
                        aod_upload_list_t *list, aod_error_t *err) {
  size_t count;
  int code = count_carried(uploads, carrier, &count, err);
  if (code != AOD_OK) return code;
  return read_list(uploads,
                   "SELECT " ITEM_COLUMNS ", raw FROM upload WHERE carrier = ?1"
                   " ORDER BY seq LIMIT ?2",
                   carrier, count, UINT64_MAX, arena, list, err);
}

int aod_uploads_list(aod_uploads_t *uploads, bool carriers, size_t limit, aod_arena_t *arena,
                     aod_upload_list_t *list, aod_error_t *err) {
  const char *sql =
      carriers ? "SELECT " CARRIER_COLUMNS " FROM carrier WHERE seq > ?1 ORDER BY seq LIMIT ?2"
               : "SELECT " ITEM_COLUMNS " FROM upload WHERE seq > ?1 ORDER BY seq LIMIT ?2";
  return read_list(uploads, sql, 0, limit, UINT64_MAX, arena, list, err);
}

int aod_uploads_next_ms(aod_uploads_t *uploads, int64_t *due_ms, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(uploads->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT min(due_ms) FROM (SELECT min(due_ms) AS due_ms FROM upload"
                                 " WHERE carrier IS NULL UNION SELECT min(due_ms) FROM carrier)");
  int row = aod_db_step(statement, err);
  bool any = row == 1 && sqlite3_column_type(statement, 0) != SQLITE_NULL;
  *due_ms = any ? sqlite3_column_int64(statement, 0) : INT64_MAX;
  aod_db_reset(statement);
  aod_db_release(uploads->db, connection);
  return row < 0 ? row : AOD_OK;
}

static void read_status(sqlite3_stmt *row, aod_uploads_status_t *status) {
  *status = (aod_uploads_status_t){.waiting = sqlite3_column_int64(row, 0),
                                   .bytes = sqlite3_column_int64(row, 1),
                                   .oldest_ms = sqlite3_column_int64(row, 2),
                                   .carriers = sqlite3_column_int64(row, 3),
                                   .uploaded = sqlite3_column_int64(row, 4),
                                   .error_ms = sqlite3_column_int64(row, 5)};
  snprintf(status->error, sizeof status->error, "%.*s", AOD_ARG(aod_db_column(row, 6)));
}

int aod_uploads_status(aod_uploads_t *uploads, aod_uploads_status_t *status, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(uploads->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT (SELECT count(*) FROM upload),"
                                 " (SELECT ifnull(sum(length(raw)), 0) FROM upload),"
                                 " (SELECT ifnull(min(added_ms), 0) FROM upload),"
                                 " (SELECT count(*) FROM carrier), uploaded, error_ms, error"
                                 " FROM total");
  int row = aod_db_step(statement, err);
  if (row == 1) read_status(statement, status);
  aod_db_reset(statement);
  aod_db_release(uploads->db, connection);
  return row < 0 ? row : AOD_OK;
}
