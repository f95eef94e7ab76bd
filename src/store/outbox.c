#include "store/outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/db.h"

static const char schema[] =
    "CREATE TABLE entry ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, id BLOB NOT NULL,"
    " process BLOB NOT NULL, parent BLOB NOT NULL, origin BLOB, raw BLOB NOT NULL,"
    " text BLOB NOT NULL, reason TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,"
    " parked INTEGER NOT NULL DEFAULT 0);"
    "CREATE UNIQUE INDEX entry_item ON entry (id) WHERE kind IN (1, 2)";

struct aod_outbox {
  aod_db_t *db;
};

int aod_outbox_open(aod_outbox_t **out, const char *path, aod_error_t *err) {
  aod_db_t *db;
  int code = aod_db_open(&db, path, schema, 1, err);
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

/* ---- changes ---- */

typedef struct {
  aod_db_write_t write;
  aod_outbox_change_t *change;
} change_write_t;

static int remove_entry(aod_db_connection_t *connection, int64_t seq, aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare(connection, "DELETE FROM entry WHERE seq = ?");
  aod_db_bind_int(statement, 1, seq);
  return aod_db_run(statement, err);
}

static int add_entry(aod_db_connection_t *connection, aod_outbox_entry_t *entry, aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "INSERT INTO entry (kind, id, process, parent, origin, raw, text, reason,"
                  " attempts, parked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  aod_db_bind_int(statement, 1, entry->kind);
  aod_db_bind(statement, 2, aod_slice(entry->id, 32));
  aod_db_bind(statement, 3, aod_slice(entry->process, 32));
  aod_db_bind(statement, 4, aod_slice(entry->parent, 32));
  if (entry->has_origin) aod_db_bind(statement, 5, aod_slice(entry->origin, 32));
  aod_db_bind(statement, 6, entry->raw);
  aod_db_bind(statement, 7, entry->text);
  aod_db_bind_text(statement, 8, entry->reason);
  aod_db_bind_int(statement, 9, entry->attempts);
  aod_db_bind_int(statement, 10, entry->parked);
  int code = aod_db_run(statement, err);
  if (code == AOD_OK) entry->seq = sqlite3_last_insert_rowid(sqlite3_db_handle(statement));
  return code;
}

static int change_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  aod_outbox_change_t *change = ((change_write_t *)write)->change;
  int code = change->remove ? remove_entry(connection, change->remove, err) : AOD_OK;
  for (size_t i = 0; i < change->add.count && code == AOD_OK; i++) {
    change->add.list[i].seq = 0;
    code = add_entry(connection, &change->add.list[i], err);
    if (code == AOD_EEXISTS && change->remove) code = AOD_OK;
  }
  return code;
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

/* ---- notes ---- */

typedef struct {
  aod_db_write_t write;
  int64_t seq, attempts;
  bool parked;
  char reason[sizeof((aod_error_t *)0)->message];
} note_t;

static int note_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const note_t *note = (const note_t *)write;
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "UPDATE entry SET attempts = ?, parked = ?, reason = ? WHERE seq = ?");
  aod_db_bind_int(statement, 1, note->attempts);
  aod_db_bind_int(statement, 2, note->parked);
  aod_db_bind_text(statement, 3, aod_text(note->reason));
  aod_db_bind_int(statement, 4, note->seq);
  return aod_db_run(statement, err);
}

static void note_done(aod_db_write_t *write) {
  if (write->code != AOD_OK) aod_log(AOD_LOG_WARN, "mu", "outbox: %s", write->error.message);
  free(write);
}

void aod_outbox_note(aod_outbox_t *outbox, int64_t seq, int64_t attempts, bool parked,
                     const char *reason) {
  note_t *note = aod_alloc(sizeof *note);
  note->write.run = note_run;
  note->write.done = note_done;
  note->seq = seq;
  note->attempts = attempts;
  note->parked = parked;
  snprintf(note->reason, sizeof note->reason, "%s", reason);
  aod_db_submit(outbox->db, &note->write);
}

/* ---- loading ---- */

static void copy_id(uint8_t *to, aod_slice_t from) {
  aod_assert(from.len == 32);
  memcpy(to, from.ptr, 32);
}

static void read_entry(sqlite3_stmt *row, aod_arena_t *arena, aod_outbox_entry_t *entry) {
  *entry = (aod_outbox_entry_t){.seq = sqlite3_column_int64(row, 0),
                                .kind = (aod_outbox_kind_t)sqlite3_column_int(row, 1),
                                .attempts = sqlite3_column_int64(row, 9),
                                .parked = sqlite3_column_int(row, 10) != 0};
  copy_id(entry->id, aod_db_column(row, 2));
  copy_id(entry->process, aod_db_column(row, 3));
  copy_id(entry->parent, aod_db_column(row, 4));
  aod_slice_t origin = aod_db_column(row, 5);
  entry->has_origin = origin.len > 0;
  if (entry->has_origin) copy_id(entry->origin, origin);
  entry->raw = aod_arena_copy(arena, aod_db_column(row, 6));
  entry->text = aod_arena_copy(arena, aod_db_column(row, 7));
  entry->reason = aod_arena_copy(arena, aod_db_column(row, 8));
}

int aod_outbox_load(aod_outbox_t *outbox, aod_arena_t *arena, aod_outbox_entries_t *entries,
                    aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(outbox->db);
  sqlite3_stmt *count = aod_db_prepare(connection, "SELECT count(*) FROM entry");
  int row = aod_db_step(count, err);
  size_t cap = row == 1 ? (size_t)sqlite3_column_int64(count, 0) : 0;
  aod_db_reset(count);
  *entries =
      (aod_outbox_entries_t){.list = aod_arena_alloc(arena, (cap + 1) * sizeof *entries->list)};
  sqlite3_stmt *all = aod_db_prepare(
      connection, "SELECT seq, kind, id, process, parent, origin, raw, text, reason, attempts,"
                  " parked FROM entry ORDER BY seq LIMIT ?");
  aod_db_bind_int(all, 1, (int64_t)cap);
  while (row >= 0 && (row = aod_db_step(all, err)) == 1)
    read_entry(all, arena, &entries->list[entries->count++]);
  aod_db_reset(all);
  aod_db_release(outbox->db, connection);
  return row < 0 ? row : AOD_OK;
}
