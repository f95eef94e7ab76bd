#include "store/monitors.h"

#include <stdlib.h>

#include "store/outbox_internal.h"

const char aod__monitor_schema[] =
    "CREATE TABLE monitor (id INTEGER PRIMARY KEY AUTOINCREMENT, process BLOB NOT NULL UNIQUE,"
    " cursor TEXT NOT NULL);";

/* A change to one monitor must find it. */
static int run_on_one(sqlite3_stmt *statement, aod_error_t *err) {
  int code = aod_db_run(statement, err);
  if (code != AOD_OK || sqlite3_changes(sqlite3_db_handle(statement)) == 1) return code;
  return aod_fail(err, AOD_ENOTFOUND, "there is no such monitor");
}

int aod__monitor_move(aod_db_connection_t *connection, const aod_monitor_t *monitor,
                      aod_error_t *err) {
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "UPDATE monitor SET cursor = ? WHERE id = ?");
  aod_db_bind_text(statement, 1, monitor->cursor);
  aod_db_bind_int(statement, 2, monitor->id);
  return run_on_one(statement, err);
}

/* ---- adding and removing ---- */

typedef struct {
  aod_db_write_t write;
  aod_monitor_change_t *change;
} change_write_t;

static int change_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  aod_monitor_change_t *change = ((change_write_t *)write)->change;
  sqlite3_stmt *statement = aod_db_prepare(
      connection, change->remove ? "DELETE FROM monitor WHERE process = ?"
                                 : "INSERT INTO monitor (process, cursor) VALUES (?, '')");
  aod_db_bind(statement, 1, aod_slice(change->process, 32));
  int code = run_on_one(statement, err);
  if (code == AOD_OK) change->id = sqlite3_last_insert_rowid(sqlite3_db_handle(statement));
  return code;
}

static void change_done(aod_db_write_t *write) {
  change_write_t *change = (change_write_t *)write;
  change->change->done(change->change, write->code, &write->error);
  free(change);
}

void aod_monitors_submit(aod_outbox_t *outbox, aod_monitor_change_t *change) {
  change_write_t *write = aod_alloc(sizeof *write);
  write->write.run = change_run;
  write->write.done = change_done;
  write->change = change;
  aod_db_submit(outbox->db, &write->write);
}

/* ---- reading ---- */

int aod_monitors_load(aod_outbox_t *outbox, aod_arena_t *arena, aod_monitors_t *monitors,
                      aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(outbox->db);
  sqlite3_stmt *count = aod_db_prepare(connection, "SELECT count(*) FROM monitor");
  int row = aod_db_step(count, err);
  size_t cap = row == 1 ? (size_t)sqlite3_column_int64(count, 0) : 0;
  aod_db_reset(count);
  *monitors = (aod_monitors_t){.list = aod_arena_alloc(arena, (cap + 1) * sizeof *monitors->list)};
  sqlite3_stmt *all =
      aod_db_prepare(connection, "SELECT id, process, cursor FROM monitor ORDER BY id LIMIT ?");
  aod_db_bind_int(all, 1, (int64_t)cap);
  while (row >= 0 && (row = aod_db_step(all, err)) == 1) {
    aod_monitor_t *monitor = &monitors->list[monitors->count++];
    monitor->id = sqlite3_column_int64(all, 0);
    aod__copy_id(monitor->process, aod_db_column(all, 1));
    monitor->cursor = aod_arena_copy(arena, aod_db_column(all, 2));
  }
  aod_db_reset(all);
  aod_db_release(outbox->db, connection);
  return row < 0 ? row : AOD_OK;
}
