#include "store/outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/outbox_internal.h"

/* `entry_lane` serves a lane in order of due time and age, `entry_due` finds the lanes that have
 * work; parked entries are in neither. */
static const char schema[] =
    "CREATE TABLE entry ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, id BLOB NOT NULL,"
    " process BLOB NOT NULL, parent BLOB NOT NULL, lane BLOB NOT NULL, origin BLOB,"
    " base_layer INTEGER NOT NULL, raw BLOB NOT NULL, text BLOB NOT NULL, reason TEXT NOT NULL,"
    " attempts INTEGER NOT NULL, due_ms INTEGER NOT NULL, parked INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX entry_item ON entry (id) WHERE kind IN (1, 2);"
    "CREATE INDEX entry_lane ON entry (lane, due_ms, seq) WHERE parked = 0;"
    "CREATE INDEX entry_due ON entry (due_ms, lane) WHERE parked = 0;";

#define COLUMNS                                                                                    \
  "kind, id, process, parent, lane, origin, base_layer, raw, text, reason, attempts, due_ms, "     \
  "parked"

int aod_outbox_open(aod_outbox_t **out, const char *path, aod_error_t *err) {
  aod_db_t *db;
  aod_buf_t all = {0};
  aod_buf_printf(&all, "%s%s%s", schema, aod__monitor_schema, aod__trace_schema);
  aod_buf_terminate(&all);
  int code = aod_db_open(&db, path, (const char *)all.ptr, 3, err);
  aod_buf_free(&all);
  if (code != AOD_OK) return code;
  *out = aod_alloc(sizeof **out);
  (*out)->db = db;
  return AOD_OK;
}

void aod_outbox_close(aod_outbox_t *outbox) {
  if (!outbox) return;
  aod_db_close(outbox->db);
  free(outbox);
}

/* ---- writing entries ---- */

static void bind_entry(sqlite3_stmt *statement, const aod_outbox_entry_t *entry) {
  aod_db_bind_int(statement, 1, entry->kind);
  aod_db_bind(statement, 2, aod_slice(entry->id, 32));
  aod_db_bind(statement, 3, aod_slice(entry->process, 32));
  aod_db_bind(statement, 4, aod_slice(entry->parent, 32));
  aod_db_bind(statement, 5, aod_slice(entry->lane, 32));
  if (entry->has_origin) aod_db_bind(statement, 6, aod_slice(entry->origin, 32));
  aod_db_bind_int(statement, 7, entry->base_layer);
  aod_db_bind(statement, 8, entry->raw);
  aod_db_bind(statement, 9, entry->text);
  aod_db_bind_text(statement, 10, entry->reason);
  aod_db_bind_int(statement, 11, entry->attempts);
  aod_db_bind_int(statement, 12, entry->due_ms);
  aod_db_bind_int(statement, 13, entry->parked);
}

static int add_entry(aod_db_connection_t *connection, aod_outbox_entry_t *entry, aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "INSERT INTO entry (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  bind_entry(statement, entry);
  int code = aod_db_run(statement, err);
  if (code == AOD_OK) entry->seq = sqlite3_last_insert_rowid(sqlite3_db_handle(statement));
  return code;
}

/* Run a statement that must hit one row. */
static int run_on_one(sqlite3_stmt *statement, int64_t seq, aod_error_t *err) {
  int code = aod_db_run(statement, err);
  if (code != AOD_OK || sqlite3_changes(sqlite3_db_handle(statement)) == 1) return code;
  return aod_fail(err, AOD_ENOTFOUND, "there is no outbox entry %lld", (long long)seq);
}

static int remove_entry(aod_db_connection_t *connection, int64_t seq, aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare(connection, "DELETE FROM entry WHERE seq = ?");
  aod_db_bind_int(statement, 1, seq);
  return run_on_one(statement, seq, err);
}

/* ---- changes ---- */

typedef struct {
  aod_db_write_t write;
  aod_outbox_change_t *change;
} change_write_t;

static int change_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  aod_outbox_change_t *change = ((change_write_t *)write)->change;
  int code = change->remove ? remove_entry(connection, change->remove, err) : AOD_OK;
  for (size_t i = 0; i < change->add.count && code == AOD_OK; i++) {
    change->add.list[i].seq = 0;
    code = add_entry(connection, &change->add.list[i], err);
    if (code == AOD_EEXISTS && change->remove) code = AOD_OK;
  }
  if (code == AOD_OK && change->monitor) code = aod__monitor_move(connection, change->monitor, err);
  return code == AOD_OK ? aod__trace_add(connection, &change->traces, err) : code;
}

static void change_done(aod_db_write_t *write) {
  change_write_t *change = (change_write_t *)write;
  change->change->done(change->change, write->code, &write->error);
  free(change);
}

void aod_outbox_submit(aod_outbox_t *outbox, aod_outbox_change_t *change) {
  change_write_t *write = aod_alloc(sizeof *write);
  write->write.run = change_run;
  write->write.done = change_done;
  write->change = change;
  aod_db_submit(outbox->db, &write->write);
}

/* ---- giving back ---- */

typedef struct {
  aod_db_write_t write;
  aod_outbox_return_t *returned;
} return_write_t;

static int return_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const aod_outbox_entry_t *entry = ((return_write_t *)write)->returned->entry;
  sqlite3_stmt *statement = aod_db_prepare(
      connection,
      "UPDATE entry SET kind = ?1, id = ?2, process = ?3, parent = ?4, lane = ?5, origin = ?6,"
      " base_layer = ?7, raw = CASE ?1 WHEN 4 THEN x'' ELSE raw END, text = ?9, reason = ?10,"
      " attempts = ?11, due_ms = ?12, parked = ?13 WHERE seq = ?14");
  bind_entry(statement, entry);
  aod_db_bind_int(statement, 14, entry->seq);
  return run_on_one(statement, entry->seq, err);
}

static void return_done(aod_db_write_t *write) {
  return_write_t *returned = (return_write_t *)write;
  returned->returned->done(returned->returned, write->code, &write->error);
  free(returned);
}

void aod_outbox_give_back(aod_outbox_t *outbox, aod_outbox_return_t *returned) {
  return_write_t *write = aod_alloc(sizeof *write);
  write->write.run = return_run;
  write->write.done = return_done;
  write->returned = returned;
  aod_db_submit(outbox->db, &write->write);
}

/* ---- resuming ---- */

static int resume_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  (void)write;
  return aod_db_run(aod_db_prepare(connection, "UPDATE entry SET due_ms = 0,"
                                               " attempts = attempts + 1 WHERE parked = 0"),
                    err);
}

int aod_outbox_resume(aod_outbox_t *outbox, size_t *waiting, size_t *parked, aod_error_t *err) {
  aod_db_write_t write = {.run = resume_run};
  int code = aod_db_write(outbox->db, &write, err);
  if (code != AOD_OK) return code;
  aod_db_connection_t *connection = aod_db_acquire(outbox->db);
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "SELECT count(*) FILTER (WHERE parked = 0), count(*) FILTER (WHERE parked = 1)"
                  " FROM entry");
  int row = aod_db_step(statement, err);
  *waiting = row == 1 ? (size_t)sqlite3_column_int64(statement, 0) : 0;
  *parked = row == 1 ? (size_t)sqlite3_column_int64(statement, 1) : 0;
  aod_db_reset(statement);
  aod_db_release(outbox->db, connection);
  return row < 0 ? row : AOD_OK;
}

/* ---- reading entries ---- */

static void read_entry(sqlite3_stmt *row, aod_arena_t *arena, aod_outbox_entry_t *entry) {
  *entry = (aod_outbox_entry_t){.seq = sqlite3_column_int64(row, 0),
                                .kind = (aod_outbox_kind_t)sqlite3_column_int(row, 1),
                                .base_layer = sqlite3_column_int(row, 7) != 0,
                                .attempts = sqlite3_column_int64(row, 11),
                                .due_ms = sqlite3_column_int64(row, 12),
                                .parked = sqlite3_column_int(row, 13) != 0};
  aod__copy_id(entry->id, aod_db_column(row, 2));
  aod__copy_id(entry->process, aod_db_column(row, 3));
  aod__copy_id(entry->parent, aod_db_column(row, 4));
  aod__copy_id(entry->lane, aod_db_column(row, 5));
  aod_slice_t origin = aod_db_column(row, 6);
  entry->has_origin = origin.len > 0;
  if (entry->has_origin) aod__copy_id(entry->origin, origin);
  entry->raw = aod_arena_copy(arena, aod_db_column(row, 8));
  entry->text = aod_arena_copy(arena, aod_db_column(row, 9));
  entry->reason = aod_arena_copy(arena, aod_db_column(row, 10));
}

static int compare_seqs(const void *a, const void *b) {
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return left < right ? -1 : left > right;
}

static bool is_left_out(const aod_outbox_take_t *take, int64_t seq) {
  return take->without_count &&
         bsearch(&seq, take->without, take->without_count, sizeof seq, compare_seqs) != NULL;
}

int aod_outbox_take(aod_outbox_t *outbox, const aod_outbox_take_t *take, aod_arena_t *arena,
                    aod_outbox_entries_t *entries, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(outbox->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT seq, " COLUMNS " FROM entry WHERE lane = ? AND parked = 0"
                                 " AND due_ms <= ? ORDER BY due_ms, seq");
  aod_db_bind(statement, 1, aod_slice(take->lane, 32));
  aod_db_bind_int(statement, 2, take->now_ms);
  *entries =
      (aod_outbox_entries_t){.list = aod_arena_alloc(arena, take->limit * sizeof *entries->list)};
  size_t bytes = 0;
  int row = 1;
  while (entries->count < take->limit && bytes < take->bytes_max &&
         (row = aod_db_step(statement, err)) == 1) {
    if (is_left_out(take, sqlite3_column_int64(statement, 0))) continue;
    aod_outbox_entry_t *entry = &entries->list[entries->count++];
    read_entry(statement, arena, entry);
    bytes += entry->raw.len + entry->text.len;
  }
  aod_db_reset(statement);
  aod_db_release(outbox->db, connection);
  return row < 0 ? row : AOD_OK;
}

int aod_outbox_due_lanes(aod_outbox_t *outbox, int64_t after_ms, int64_t until_ms,
                         void (*visit)(void *context, const uint8_t lane[32]), void *context,
                         aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(outbox->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT DISTINCT lane FROM entry INDEXED BY entry_due"
                                 " WHERE parked = 0 AND due_ms > ? AND due_ms <= ?");
  aod_db_bind_int(statement, 1, after_ms);
  aod_db_bind_int(statement, 2, until_ms);
  int row;
  while ((row = aod_db_step(statement, err)) == 1) {
    uint8_t lane[32];
    aod__copy_id(lane, aod_db_column(statement, 0));
    visit(context, lane);
  }
  aod_db_reset(statement);
  aod_db_release(outbox->db, connection);
  return row < 0 ? row : AOD_OK;
}

int aod_outbox_next_due(aod_outbox_t *outbox, int64_t now_ms, int64_t *due_ms, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(outbox->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT due_ms FROM entry INDEXED BY entry_due"
                                 " WHERE parked = 0 AND due_ms > ? ORDER BY due_ms LIMIT 1");
  aod_db_bind_int(statement, 1, now_ms);
  int row = aod_db_step(statement, err);
  *due_ms = row == 1 ? sqlite3_column_int64(statement, 0) : AOD_OUTBOX_HELD;
  aod_db_reset(statement);
  aod_db_release(outbox->db, connection);
  return row < 0 ? row : AOD_OK;
}

/* ---- looking ---- */

int aod_outbox_list(aod_outbox_t *outbox, int64_t after, size_t limit, aod_arena_t *arena,
                    aod_outbox_entries_t *entries, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(outbox->db);
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "SELECT seq, " COLUMNS " FROM entry WHERE seq > ? ORDER BY seq LIMIT ?");
  aod_db_bind_int(statement, 1, after);
  aod_db_bind_int(statement, 2, (int64_t)limit);
  *entries =
      (aod_outbox_entries_t){.list = aod_arena_alloc(arena, (limit + 1) * sizeof *entries->list)};
  int row;
  while ((row = aod_db_step(statement, err)) == 1)
    read_entry(statement, arena, &entries->list[entries->count++]);
  aod_db_reset(statement);
  aod_db_release(outbox->db, connection);
  return row < 0 ? row : AOD_OK;
}

int aod_outbox_get(aod_outbox_t *outbox, int64_t seq, aod_arena_t *arena, aod_outbox_entry_t *entry,
                   aod_error_t *err) {
  aod_outbox_entries_t entries;
  int code = aod_outbox_list(outbox, seq - 1, 1, arena, &entries, err);
  if (code != AOD_OK) return code;
  if (entries.count == 0 || entries.list[0].seq != seq)
    return aod_fail(err, AOD_ENOTFOUND, "there is no outbox entry %lld", (long long)seq);
  *entry = entries.list[0];
  return AOD_OK;
}

typedef struct {
  aod_db_write_t write;
  int64_t seq, due_ms;
} push_write_t;

static int push_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const push_write_t *push = (const push_write_t *)write;
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "UPDATE entry SET parked = 0, due_ms = ? WHERE seq = ? AND due_ms <> ?");
  aod_db_bind_int(statement, 1, push->due_ms);
  aod_db_bind_int(statement, 2, push->seq);
  aod_db_bind_int(statement, 3, AOD_OUTBOX_HELD);
  return aod_db_run(statement, err); /* one that is worked on needs no push */
}

int aod_outbox_push(aod_outbox_t *outbox, int64_t seq, int64_t due_ms, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_outbox_entry_t entry;
  int code = aod_outbox_get(outbox, seq, &arena, &entry, err);
  aod_arena_free(&arena);
  if (code == AOD_OK && entry.kind == AOD_OUTBOX_INVALID)
    code = aod_fail(err, AOD_EINPUT,
                    "entry %lld is nothing that can be sent: the process has to emit it anew",
                    (long long)seq);
  if (code != AOD_OK) return code;
  push_write_t push = {.write = {.run = push_run}, .seq = seq, .due_ms = due_ms};
  return aod_db_write(outbox->db, &push.write, err);
}
