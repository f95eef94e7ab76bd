#include <stdlib.h>

#include "base/log.h"
#include "store/results_internal.h"

enum { LATE_MS = 3600000, HELD_BYTES_MAX = 64 << 20 };

/* listed: it appears in pages. */
static const char schema[] =
    "CREATE TABLE result ("
    " process BLOB NOT NULL, position INTEGER NOT NULL, nonce INTEGER NOT NULL,"
    " cron BLOB NOT NULL, timestamp_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,"
    " block_height INTEGER NOT NULL, listed INTEGER NOT NULL, key BLOB,"
    " node BLOB NOT NULL, error BLOB NOT NULL, gas_used REAL NOT NULL);"
    "CREATE UNIQUE INDEX result_position ON result (process, position);"
    "CREATE UNIQUE INDEX result_nonce ON result (process, nonce) WHERE cron = x'';"
    "CREATE INDEX result_cron ON result (process, timestamp_ms) WHERE cron <> x'';"
    "CREATE INDEX result_due ON result (process, due_ms, position) WHERE listed = 1;"
    "CREATE INDEX result_key ON result (process, key) WHERE key IS NOT NULL";

#define COLUMNS                                                                                    \
  "process, position, nonce, cron, timestamp_ms, due_ms, block_height, node, error, gas_used"

int aod_results_open(aod_results_t **out, const char *path, aod_error_t *err) {
  aod_db_t *db;
  aod_buf_t all = {0};
  aod_buf_printf(&all, "%s;%s", schema, aod__results_notes_schema);
  aod_buf_terminate(&all);
  int code = aod_db_open(&db, path, (const char *)all.ptr, 3, err);
  aod_buf_free(&all);
  if (code != AOD_OK) return code;
  *out = aod_alloc(sizeof **out);
  (*out)->db = db;
  pthread_mutex_init(&(*out)->lock, NULL);
  return AOD_OK;
}

/* ---- writing ---- */

typedef struct aod__results_put put_t;
struct aod__results_put {
  aod_db_write_t write;
  aod_results_t *results;
  uint64_t truncations; /* of before it */
  bool failed;          /* once */
  size_t size;
  put_t *next;
  aod_evaluated_t evaluated;
  uint8_t bytes[]; /* node, error, cron */
};

static int put_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const aod_evaluated_t *evaluated = &((put_t *)write)->evaluated;
  bool listed = evaluated->error.len == 0 && !evaluated->skipped;
  sqlite3_stmt *insert =
      aod_db_prepare(connection, "INSERT OR IGNORE INTO result (" COLUMNS
                                 ", listed, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  aod_db_bind(insert, 1, aod_slice(evaluated->process, 32));
  aod_db_bind_int(insert, 2, (int64_t)evaluated->position);
  aod_db_bind_int(insert, 3, (int64_t)evaluated->nonce);
  aod_db_bind(insert, 4, evaluated->cron);
  aod_db_bind_int(insert, 5, evaluated->timestamp_ms);
  aod_db_bind_int(insert, 6, evaluated->due_ms);
  aod_db_bind_int(insert, 7, (int64_t)evaluated->block_height);
  aod_db_bind(insert, 8, evaluated->node);
  aod_db_bind(insert, 9, evaluated->error);
  sqlite3_bind_double(insert, 10, evaluated->gas_used);
  aod_db_bind_int(insert, 11, listed);
  if (evaluated->has_key) aod_db_bind(insert, 12, aod_slice(evaluated->key, 32));
  return aod_db_run(insert, err);
}

/* A disk that is full is given room again, and pages are to have no gap then: what could not be
 * written is held, unless it is too much or may have been truncated meanwhile. */
static bool hold(put_t *put) {
  aod_results_t *results = put->results;
  pthread_mutex_lock(&results->lock);
  bool holds =
      results->held_bytes + put->size <= HELD_BYTES_MAX && put->truncations == results->truncations;
  if (!put->failed) results->unwritten++;
  put->failed = true;
  if (holds) {
    put->next = results->held;
    results->held = put;
    results->held_bytes += put->size;
  }
  pthread_mutex_unlock(&results->lock);
  return holds;
}

static void note_written(aod_results_t *results) {
  pthread_mutex_lock(&results->lock);
  results->unwritten--;
  pthread_mutex_unlock(&results->lock);
}

static void put_done(aod_db_write_t *write) {
  put_t *put = (put_t *)write;
  if (write->code != AOD_OK) {
    if (hold(put)) return;
    aod_log(AOD_LOG_WARN, "cu", "a result was not stored and will be evaluated again: %s",
            write->error.message);
  } else if (put->failed) {
    note_written(put->results);
  }
  free(put);
}

/* With the lock held throughout, so that no truncation comes between. */
static void submit_held(aod_results_t *results) {
  pthread_mutex_lock(&results->lock);
  for (put_t *put = results->held, *next; put; put = next) {
    next = put->next;
    aod_db_submit(results->db, &put->write);
  }
  results->held = NULL;
  results->held_bytes = 0;
  pthread_mutex_unlock(&results->lock);
}

static void free_held(aod_results_t *results) {
  for (put_t *put = results->held, *next; put; put = next) {
    next = put->next;
    free(put);
  }
}

/* What is held of a process from a position on, and may not be held any more. */
static void truncate_held(aod_results_t *results, const uint8_t process[32], uint64_t position) {
  pthread_mutex_lock(&results->lock);
  results->truncations++;
  results->truncating++;
  for (put_t **link = &results->held, *put; (put = *link);) {
    bool goes =
        memcmp(put->evaluated.process, process, 32) == 0 && put->evaluated.position >= position;
    put->truncations = results->truncations;
    if (!goes) {
      link = &put->next;
      continue;
    }
    *link = put->next;
    results->held_bytes -= put->size;
    results->unwritten--;
    free(put);
  }
  pthread_mutex_unlock(&results->lock);
}

void aod_results_close(aod_results_t *results) {
  if (!results) return;
  submit_held(results);
  aod_db_close(results->db);
  free_held(results);
  pthread_mutex_destroy(&results->lock);
  free(results);
}

static uint64_t truncations(aod_results_t *results) {
  pthread_mutex_lock(&results->lock);
  uint64_t count = results->truncations;
  pthread_mutex_unlock(&results->lock);
  return count;
}

static aod_slice_t append_bytes(uint8_t **at, aod_slice_t bytes) {
  if (bytes.len) memcpy(*at, bytes.ptr, bytes.len);
  aod_slice_t copy = aod_slice(*at, bytes.len);
  *at += bytes.len;
  return copy;
}

void aod_results_put(aod_results_t *results, const aod_evaluated_t *evaluated) {
  submit_held(results);
  size_t size = sizeof(put_t) + evaluated->node.len + evaluated->error.len + evaluated->cron.len;
  put_t *put = aod_alloc(size);
  put->results = results;
  put->size = size;
  put->truncations = truncations(results);
  put->write.run = put_run;
  put->write.done = put_done;
  put->evaluated = *evaluated;
  uint8_t *at = put->bytes;
  put->evaluated.node = append_bytes(&at, evaluated->node);
  put->evaluated.error = append_bytes(&at, evaluated->error);
  put->evaluated.cron = append_bytes(&at, evaluated->cron);
  aod_db_submit(results->db, &put->write);
}

typedef struct {
  aod_db_write_t write;
  aod_results_t *results;
  uint8_t process[32];
  uint64_t position;
} truncation_t;

/* What begins at the position or later begins anew. */
static int truncate_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const truncation_t *truncation = (truncation_t *)write;
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "DELETE FROM result WHERE process = ?1 AND (position >= ?2 OR EXISTS"
                  " (SELECT 1 FROM origin WHERE process = ?1 AND position >= ?2))");
  aod_db_bind(statement, 1, aod_slice(truncation->process, 32));
  aod_db_bind_int(statement, 2, (int64_t)truncation->position);
  int code = aod_db_run(statement, err);
  if (code != AOD_OK) return code;
  return aod__results_forget_notes(connection, truncation->process, truncation->position, err);
}

static void truncate_done(aod_db_write_t *write) {
  aod_results_t *results = ((truncation_t *)write)->results;
  if (write->code != AOD_OK)
    aod_log(AOD_LOG_ERROR, "cu", "outdated results are still listed: %s", write->error.message);
  pthread_mutex_lock(&results->lock);
  results->truncating--;
  pthread_mutex_unlock(&results->lock);
  free(write);
}

void aod_results_truncate(aod_results_t *results, const uint8_t process[32], uint64_t position) {
  truncate_held(results, process, position);
  truncation_t *truncation = aod_alloc(sizeof *truncation);
  truncation->results = results;
  truncation->write.insists = true; /* or new results would be taken for second puts of old ones */
  truncation->write.run = truncate_run;
  truncation->write.done = truncate_done;
  truncation->position = position;
  memcpy(truncation->process, process, 32);
  aod_db_submit(results->db, &truncation->write);
}

bool aod_results_flush(aod_results_t *results) {
  submit_held(results);
  bool written = aod_db_flush(results->db) == AOD_OK;
  pthread_mutex_lock(&results->lock);
  bool all = written && results->unwritten == 0;
  pthread_mutex_unlock(&results->lock);
  return all;
}

bool aod_results_truncating(aod_results_t *results) {
  pthread_mutex_lock(&results->lock);
  bool any = results->truncating > 0;
  pthread_mutex_unlock(&results->lock);
  return any;
}

/* ---- reading ---- */

static void read_evaluated(sqlite3_stmt *row, aod_arena_t *arena, aod_evaluated_t *evaluated) {
  *evaluated = (aod_evaluated_t){.position = (uint64_t)sqlite3_column_int64(row, 1),
                                 .nonce = (uint64_t)sqlite3_column_int64(row, 2),
                                 .cron = aod_arena_copy(arena, aod_db_column(row, 3)),
                                 .timestamp_ms = sqlite3_column_int64(row, 4),
                                 .due_ms = sqlite3_column_int64(row, 5),
                                 .block_height = (uint64_t)sqlite3_column_int64(row, 6),
                                 .node = aod_arena_copy(arena, aod_db_column(row, 7)),
                                 .error = aod_arena_copy(arena, aod_db_column(row, 8)),
                                 .gas_used = sqlite3_column_double(row, 9)};
  aod_slice_t process = aod_db_column(row, 0);
  aod_assert(process.len == 32);
  memcpy(evaluated->process, process.ptr, 32);
}

int aod_results_get(aod_results_t *results, const uint8_t process[32], uint64_t nonce,
                    aod_arena_t *arena, aod_evaluated_t *evaluated, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(results->db);
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "SELECT " COLUMNS " FROM result WHERE process = ? AND nonce = ? AND cron = x''");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind_int(statement, 2, (int64_t)nonce);
  int row = aod_db_step(statement, err);
  if (row == 1) read_evaluated(statement, arena, evaluated);
  aod_db_reset(statement);
  aod_db_release(results->db, connection);
  if (row < 0) return row;
  return row ? AOD_OK : aod_fail(err, AOD_ENOTFOUND, "no result is stored");
}

int aod_results_at(aod_results_t *results, const uint8_t process[32], uint64_t position,
                   aod_arena_t *arena, aod_evaluated_t *evaluated, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(results->db);
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "SELECT " COLUMNS ", listed FROM result WHERE process = ? AND position = ?");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind_int(statement, 2, (int64_t)position);
  int row = aod_db_step(statement, err);
  if (row == 1) {
    read_evaluated(statement, arena, evaluated);
    evaluated->skipped = evaluated->error.len == 0 && !sqlite3_column_int64(statement, 10);
  }
  aod_db_reset(statement);
  aod_db_release(results->db, connection);
  if (row < 0) return row;
  return row ? AOD_OK : aod_fail(err, AOD_ENOTFOUND, "no result is stored");
}

int aod_results_next_position(aod_results_t *results, const uint8_t process[32], uint64_t *position,
                              aod_error_t *err) {
#define ORIGIN "coalesce((SELECT position FROM origin WHERE process = ?1), 0)"
  aod_db_connection_t *connection = aod_db_acquire(results->db);
  sqlite3_stmt *statement =
      aod_db_prepare(connection, "SELECT " ORIGIN ", count(*), max(position) FROM result"
                                 " WHERE process = ?1 AND position >= " ORIGIN);
#undef ORIGIN
  aod_db_bind(statement, 1, aod_slice(process, 32));
  int row = aod_db_step(statement, err);
  int64_t origin = row == 1 ? sqlite3_column_int64(statement, 0) : 0;
  int64_t count = row == 1 ? sqlite3_column_int64(statement, 1) : 0;
  bool complete = count > 0 && sqlite3_column_int64(statement, 2) == origin + count - 1;
  *position = (uint64_t)(complete ? origin + count : origin);
  aod_db_reset(statement);
  aod_db_release(results->db, connection);
  return row < 0 ? row : AOD_OK;
}

int aod_results_has_key(aod_results_t *results, const uint8_t process[32], const uint8_t key[32],
                        uint64_t nonce, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(results->db);
  sqlite3_stmt *statement = aod_db_prepare(
      connection, "SELECT 1 FROM result WHERE process = ?1 AND key = ?2 AND nonce < ?3 UNION ALL"
                  " SELECT 1 FROM earlier_key WHERE process = ?1 AND key = ?2 AND nonce < ?3"
                  " LIMIT 1");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind(statement, 2, aod_slice(key, 32));
  aod_db_bind_int(statement, 3, (int64_t)nonce);
  int row = aod_db_step(statement, err);
  aod_db_reset(statement);
  aod_db_release(results->db, connection);
  return row;
}

/* ---- pages ---- */

/* A bound of a page. An evaluation that a cursor names is found by its position; a plain time, or a
 * cursor of what is not stored here, goes by time. */
typedef struct {
  int64_t position, due_ms, timestamp_ms;
} bound_t;

static sqlite3_stmt *find_cursor(aod_db_connection_t *connection, const uint8_t process[32],
                                 const aod_cursor_t *cursor) {
#define BY_NAME                                                                                    \
  "SELECT position, due_ms FROM result WHERE process = ?1 AND timestamp_ms = ?2 AND nonce = ?3 "   \
  "AND"
  static const char record_sql[] = BY_NAME " cron = x''";
  static const char cron_sql[] = BY_NAME " cron <> x'' AND cron = ?4 AND (?5 < 0 OR"
                                         " block_height = ?5) ORDER BY position DESC LIMIT 1";
#undef BY_NAME
  bool is_cron = cursor->cron.len > 0;
  sqlite3_stmt *statement = aod_db_prepare(connection, is_cron ? cron_sql : record_sql);
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind_int(statement, 2, cursor->timestamp_ms);
  aod_db_bind_int(statement, 3, (int64_t)cursor->ordinate);
  if (is_cron) aod_db_bind(statement, 4, cursor->cron);
  if (is_cron) aod_db_bind_int(statement, 5, cursor->has_block ? (int64_t)cursor->block : -1);
  return statement;
}

/* Narrow a bound that excludes nothing, by position or by time. */
static int resolve(aod_db_connection_t *connection, const uint8_t process[32],
                   const aod_cursor_t *cursor, bound_t *bound, aod_error_t *err) {
  if (!cursor) return AOD_OK;
  int row = 0;
  if (cursor->has_ordinate) {
    sqlite3_stmt *statement = find_cursor(connection, process, cursor);
    row = aod_db_step(statement, err);
    if (row == 1) {
      bound->position = sqlite3_column_int64(statement, 0);
      bound->due_ms = sqlite3_column_int64(statement, 1);
    }
    aod_db_reset(statement);
  }
  if (row == 0) bound->timestamp_ms = cursor->timestamp_ms;
  return row < 0 ? row : AOD_OK;
}

/* Time bounds narrow the index too: what is due is never before its timestamp and, but for a block
 * that became known late, within a second after it. */
static int64_t first_due(const bound_t *from) {
  return from->timestamp_ms > from->due_ms ? from->timestamp_ms : from->due_ms;
}

static int64_t last_due(const bound_t *to) {
  return to->timestamp_ms < INT64_MAX - LATE_MS ? to->timestamp_ms + LATE_MS : to->due_ms;
}

static sqlite3_stmt *select_page(aod_db_connection_t *connection, const uint8_t process[32],
                                 const aod_results_query_t *query, const bound_t *from,
                                 const bound_t *to) {
#define PAGE                                                                                       \
  "SELECT " COLUMNS                                                                                \
  " FROM result WHERE process = ? AND listed = 1 AND due_ms >= ? AND due_ms <= ?"                  \
  " AND position > ? AND position <= ? AND timestamp_ms > ? AND timestamp_ms <= ?"
#define ASCENDING  " ORDER BY due_ms, position LIMIT ?"
#define DESCENDING " ORDER BY due_ms DESC, position DESC LIMIT ?"
  static const char *const sql[2][2] = {
      {PAGE ASCENDING, PAGE DESCENDING},
      {PAGE " AND cron <> x''" ASCENDING, PAGE " AND cron <> x''" DESCENDING}};
#undef PAGE
#undef ASCENDING
#undef DESCENDING
  sqlite3_stmt *statement = aod_db_prepare(connection, sql[query->cron_only][query->descending]);
  aod_db_bind(statement, 1, aod_slice(process, 32));
  aod_db_bind_int(statement, 2, first_due(from));
  aod_db_bind_int(statement, 3, last_due(to));
  aod_db_bind_int(statement, 4, from->position);
  aod_db_bind_int(statement, 5, to->position);
  aod_db_bind_int(statement, 6, from->timestamp_ms);
  aod_db_bind_int(statement, 7, to->timestamp_ms);
  aod_db_bind_int(statement, 8, (int64_t)query->limit);
  return statement;
}

static int read_page(aod_db_connection_t *connection, const uint8_t process[32],
                     const aod_results_query_t *query, aod_arena_t *arena,
                     aod_evaluated_list_t *list, aod_error_t *err) {
  bound_t from = {-1, INT64_MIN, INT64_MIN}, to = {INT64_MAX, INT64_MAX, INT64_MAX};
  int code = resolve(connection, process, query->from, &from, err);
  if (code == AOD_OK) code = resolve(connection, process, query->to, &to, err);
  if (code != AOD_OK) return code;
  sqlite3_stmt *statement = select_page(connection, process, query, &from, &to);
  int row;
  while ((row = aod_db_step(statement, err)) == 1)
    read_evaluated(statement, arena, &list->list[list->count++]);
  aod_db_reset(statement);
  return row < 0 ? row : AOD_OK;
}

int aod_results_page(aod_results_t *results, const uint8_t process[32],
                     const aod_results_query_t *query, aod_arena_t *arena,
                     aod_evaluated_list_t *list, aod_error_t *err) {
  *list = (aod_evaluated_list_t){
      .list = aod_arena_alloc(arena, (query->limit + 1) * sizeof *list->list)};
  aod_db_connection_t *connection = aod_db_acquire(results->db);
  int code = read_page(connection, process, query, arena, list, err);
  aod_db_release(results->db, connection);
  return code;
}
