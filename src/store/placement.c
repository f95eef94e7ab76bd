#include "store/placement.h"

#include <stdlib.h>

#include "store/db.h"

static const char schema[] =
    "CREATE TABLE placement (process BLOB PRIMARY KEY, url TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX placement_url ON placement (url)";

struct aod_placement {
  aod_db_t *db;
};

int aod_placement_open(aod_placement_t **out, const char *path, aod_error_t *err) {
  aod_db_t *db;
  int code = aod_db_open(&db, path, schema, 1, err);
  if (code != AOD_OK) return code;
  *out = aod_alloc(sizeof **out);
  (*out)->db = db;
  return AOD_OK;
}

void aod_placement_close(aod_placement_t *placement) {
  if (!placement) return;
  aod_db_close(placement->db);
  free(placement);
}

int aod_placement_find(aod_placement_t *placement, const uint8_t process[32], aod_arena_t *arena,
                       aod_slice_t *url, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(placement->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT url FROM placement WHERE process = ?");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  int row = aod_db_step(statement, err);
  if (row == 1) *url = aod_arena_copy(arena, aod_db_column(statement, 0));
  aod_db_reset(statement);
  aod_db_release(placement->db, connection);
  if (row < 0) return row;
  return row ? AOD_OK : aod_fail(err, AOD_ENOTFOUND, "NotFound(\"Process not found\")");
}

typedef struct {
  aod_db_write_t write;
  const uint8_t *process;
  aod_slice_t url;
} put_t;

static int put_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const put_t *put = (const put_t *)write;
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "INSERT OR IGNORE INTO placement VALUES (?, ?)");
  aod_db_bind(statement, 1, aod_slice(put->process, 32));
  aod_db_bind_text(statement, 2, put->url);
  return aod_db_run(statement, err);
}

int aod_placement_put(aod_placement_t *placement, const uint8_t process[32], aod_slice_t url,
                      aod_error_t *err) {
  put_t put = {.write = {.run = put_run}, .process = process, .url = url};
  return aod_db_write(placement->db, &put.write, err);
}

int aod_placement_count(aod_placement_t *placement, aod_slice_t url, uint64_t *count,
                        aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(placement->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT count(*) FROM placement WHERE url = ?");
  aod_db_bind_text(statement, 1, url);
  int row = aod_db_step(statement, err);
  *count = row == 1 ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
  aod_db_reset(statement);
  aod_db_release(placement->db, connection);
  return row < 0 ? row : AOD_OK;
}
