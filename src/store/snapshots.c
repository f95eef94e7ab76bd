#include "store/snapshots.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "arweave/hash.h"
#include "base/log.h"
#include "store/db.h"

/* Pages that wait in memory for the writer: beyond this the drafter waits for the disk. */
enum { DRAFT_PAGES_MAX = 4096 };

static const char schema[] =
    "CREATE TABLE process (owner INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE);"
    "CREATE TABLE snapshot ("
    " owner INTEGER NOT NULL, position INTEGER NOT NULL, nonce INTEGER NOT NULL,"
    " timestamp_ms INTEGER NOT NULL, block_height INTEGER NOT NULL, memory_bytes INTEGER NOT NULL,"
    " fingerprint BLOB NOT NULL, progress BLOB NOT NULL, state BLOB NOT NULL,"
    " sum BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (owner, position));"
    "CREATE TABLE page ("
    " owner INTEGER NOT NULL, number INTEGER NOT NULL, position INTEGER NOT NULL,"
    " hash BLOB NOT NULL, bytes BLOB NOT NULL);"
    "CREATE UNIQUE INDEX page_number ON page (owner, number, position);"
    "CREATE INDEX page_position ON page (owner, position);";

struct aod_snapshots {
  aod_db_t *db;
  _Atomic size_t waiting;
};

int aod_snapshots_open(aod_snapshots_t **out, const char *path, aod_error_t *err) {
  aod_db_t *db;
  int code = aod_db_open(&db, path, schema, 1, err);
  if (code != AOD_OK) return code;
  *out = aod_alloc(sizeof **out);
  (*out)->db = db;
  return AOD_OK;
}

void aod_snapshots_close(aod_snapshots_t *snapshots) {
  if (!snapshots) return;
  aod_db_close(snapshots->db);
  free(snapshots);
}

void aod_snapshots_flush(aod_snapshots_t *snapshots) {
  aod_db_flush(snapshots->db);
}

/* ---- hashes ---- */

static void hash_page(uint64_t number, aod_slice_t bytes, uint8_t hash[32]) {
  uint8_t encoded[8];
  aod_store_le64(encoded, number);
  aod_slice_t parts[] = {aod_slice(encoded, sizeof encoded), bytes};
  aod_sha256_parts(parts, 2, hash);
}

static void hash_manifest(const aod_snapshot_t *snapshot, const uint8_t sum[32], uint8_t hash[32]) {
  const uint64_t fields[] = {
      snapshot->position,     snapshot->nonce,        (uint64_t)snapshot->timestamp_ms,
      snapshot->block_height, snapshot->memory_bytes, snapshot->progress.len};
  uint8_t numbers[sizeof fields];
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    aod_store_le64(numbers + 8 * i, fields[i]);
  aod_slice_t parts[] = {aod_slice(snapshot->process, 32),
                         aod_slice(numbers, sizeof numbers),
                         aod_slice(snapshot->fingerprint, 32),
                         aod_slice(sum, 32),
                         snapshot->progress,
                         snapshot->state};
  aod_sha256_parts(parts, sizeof parts / sizeof *parts, hash);
}

/* The sum of a snapshot is that of the hashes of all its pages: thinning does not change it, and it
 * tells when one of them is missing. */
static void add_to_sum(uint8_t sum[32], aod_slice_t hash) {
  for (size_t i = 0; i < 32 && i < hash.len; i++) sum[i] ^= hash.ptr[i];
}

/* ---- drafts ---- */

typedef struct {
  uint64_t number;
  bool is_zero;
  uint8_t bytes[AOD_SNAPSHOT_PAGE_BYTES];
} page_t;

struct aod_snapshot_draft {
  aod_db_write_t write;
  aod_snapshots_t *snapshots;
  aod_snapshot_t snapshot;
  aod_arena_t arena; /* what snapshot points to */
  uint64_t before;
  bool begun; /* some pages are in the store already, which is not complete without a manifest */
  int code;   /* why it cannot be completed */
  aod_error_t error;
  uint8_t sum[32]; /* of the hashes that it adds and takes away */
  page_t *pages;
  size_t count, cap;
};

aod_snapshot_draft_t *aod_snapshots_draft(aod_snapshots_t *snapshots,
                                          const aod_snapshot_t *snapshot, uint64_t before) {
  aod_assert(snapshot->position > before);
  aod_snapshot_draft_t *draft = aod_alloc(sizeof *draft);
  draft->snapshots = snapshots;
  draft->snapshot = *snapshot;
  draft->snapshot.progress = aod_arena_copy(&draft->arena, snapshot->progress);
  draft->snapshot.state = aod_arena_copy(&draft->arena, snapshot->state);
  draft->before = before;
  return draft;
}

/* ---- writing; in the writer's thread ---- */

static int find_owner(aod_db_connection_t *connection, const uint8_t process[32], int64_t *owner,
                      aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare(connection, "SELECT owner FROM process WHERE id = ?");
  aod_db_bind(statement, 1, aod_slice(process, 32));
  int row = aod_db_step(statement, err);
  if (row == 1) *owner = sqlite3_column_int64(statement, 0);
  aod_db_reset(statement);
  if (row < 0) return row;
  return row ? AOD_OK : aod_fail(err, AOD_ENOTFOUND, "the process has no snapshot");
}

static int make_owner(aod_db_connection_t *connection, const uint8_t process[32], int64_t *owner,
                      aod_error_t *err) {
  int code = find_owner(connection, process, owner, err);
  if (code != AOD_ENOTFOUND) return code;
  sqlite3_stmt *insert = aod_db_prepare(connection, "INSERT INTO process (id) VALUES (?)");
  aod_db_bind(insert, 1, aod_slice(process, 32));
  code = aod_db_run(insert, err);
  return code == AOD_OK ? find_owner(connection, process, owner, err) : code;
}

/* A number by owner and position; *number stays when there is none. */
static int select_number(aod_db_connection_t *connection, const char *sql, int64_t owner,
                         uint64_t position, int64_t *number, aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare(connection, sql);
  aod_db_bind_int(statement, 1, owner);
  aod_db_bind_int(statement, 2, (int64_t)position);
  int row = aod_db_step(statement, err);
  if (row == 1) *number = sqlite3_column_int64(statement, 0);
  aod_db_reset(statement);
  return row < 0 ? row : AOD_OK;
}

static int run_for(aod_db_connection_t *connection, const char *sql, int64_t owner, uint64_t first,
                   uint64_t second, aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare(connection, sql);
  aod_db_bind_int(statement, 1, owner);
  aod_db_bind_int(statement, 2, (int64_t)first);
  if (sqlite3_bind_parameter_count(statement) > 2) aod_db_bind_int(statement, 3, (int64_t)second);
  return aod_db_run(statement, err);
}

static int check_before(aod_db_connection_t *connection, int64_t owner, uint64_t before,
                        aod_error_t *err) {
  int64_t newest = 0;
  int code = select_number(connection,
                           "SELECT position FROM snapshot WHERE owner = ? AND position > ?"
                           " ORDER BY position DESC LIMIT 1",
                           owner, 0, &newest, err);
  if (code != AOD_OK || (uint64_t)newest == before) return code;
  return aod_fail(err, AOD_EEXISTS, "it follows the snapshot at %llu, but the newest is at %lld",
                  (unsigned long long)before, (long long)newest);
}

/* Take the version of a page that is replaced out of the sum. */
static int subtract_page(aod_db_connection_t *connection, aod_snapshot_draft_t *draft,
                         int64_t owner, uint64_t number, aod_error_t *err) {
  sqlite3_stmt *select =
      aod_db_prepare(connection, "SELECT hash FROM page WHERE owner = ? AND number = ?"
                                 " AND position <= ? ORDER BY position DESC LIMIT 1");
  aod_db_bind_int(select, 1, owner);
  aod_db_bind_int(select, 2, (int64_t)number);
  aod_db_bind_int(select, 3, (int64_t)draft->before);
  int row = aod_db_step(select, err);
  if (row == 1) add_to_sum(draft->sum, aod_db_column(select, 0));
  aod_db_reset(select);
  return row < 0 ? row : AOD_OK;
}

static int insert_page(aod_db_connection_t *connection, aod_snapshot_draft_t *draft, int64_t owner,
                       const page_t *page, aod_error_t *err) {
  aod_slice_t bytes = aod_slice(page->bytes, page->is_zero ? 0 : sizeof page->bytes);
  uint8_t hash[32];
  int code = subtract_page(connection, draft, owner, page->number, err);
  if (code != AOD_OK) return code;
  hash_page(page->number, bytes, hash);
  add_to_sum(draft->sum, aod_slice(hash, 32));
  sqlite3_stmt *insert = aod_db_prepare(
      connection, "INSERT INTO page (owner, number, position, hash, bytes) VALUES (?, ?, ?, ?, ?)");
  aod_db_bind_int(insert, 1, owner);
  aod_db_bind_int(insert, 2, (int64_t)page->number);
  aod_db_bind_int(insert, 3, (int64_t)draft->snapshot.position);
  aod_db_bind(insert, 4, aod_slice(hash, 32));
  aod_db_bind(insert, 5, bytes);
  return aod_db_run(insert, err);
}

/* The pages that are in memory. The first of them remove what a draft left that was not finished.
 */
static int insert_pages(aod_db_connection_t *connection, aod_snapshot_draft_t *draft, int64_t owner,
                        aod_error_t *err) {
  int code = AOD_OK;
  if (!draft->begun) {
    code = check_before(connection, owner, draft->before, err);
    if (code == AOD_OK)
      code = run_for(connection, "DELETE FROM page WHERE owner = ? AND position > ?", owner,
                     draft->before, 0, err);
  }
  for (size_t i = 0; i < draft->count && code == AOD_OK; i++)
    code = insert_page(connection, draft, owner, &draft->pages[i], err);
  return code;
}

/* Add the sum of the snapshot before. */
static int complete_sum(aod_db_connection_t *connection, aod_snapshot_draft_t *draft, int64_t owner,
                        aod_error_t *err) {
  sqlite3_stmt *select =
      aod_db_prepare(connection, "SELECT sum FROM snapshot WHERE owner = ? AND position = ?");
  aod_db_bind_int(select, 1, owner);
  aod_db_bind_int(select, 2, (int64_t)draft->before);
  int row = aod_db_step(select, err);
  if (row == 1) add_to_sum(draft->sum, aod_db_column(select, 0));
  aod_db_reset(select);
  return row < 0 ? row : AOD_OK;
}

static int insert_manifest(aod_db_connection_t *connection, aod_snapshot_draft_t *draft,
                           int64_t owner, aod_error_t *err) {
  const aod_snapshot_t *snapshot = &draft->snapshot;
  uint8_t hash[32];
  int code = complete_sum(connection, draft, owner, err);
  if (code != AOD_OK) return code;
  hash_manifest(snapshot, draft->sum, hash);
  sqlite3_stmt *insert = aod_db_prepare(
      connection, "INSERT INTO snapshot (owner, position, nonce, timestamp_ms, block_height,"
                  " memory_bytes, fingerprint, progress, state, sum, hash)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const int64_t numbers[] = {owner,
                             (int64_t)snapshot->position,
                             (int64_t)snapshot->nonce,
                             snapshot->timestamp_ms,
                             (int64_t)snapshot->block_height,
                             (int64_t)snapshot->memory_bytes};
  for (int i = 0; i < 6; i++) aod_db_bind_int(insert, i + 1, numbers[i]);
  aod_db_bind(insert, 7, aod_slice(snapshot->fingerprint, 32));
  aod_db_bind(insert, 8, snapshot->progress);
  aod_db_bind(insert, 9, snapshot->state);
  aod_db_bind(insert, 10, aod_slice(draft->sum, 32));
  aod_db_bind(insert, 11, aod_slice(hash, 32));
  return aod_db_run(insert, err);
}

/* ---- thinning ---- */

/* Take out the snapshot at `position`: its pages become those of the next one, at `next`, where
 * that has none of its own. */
static int remove_one(aod_db_connection_t *connection, int64_t owner, uint64_t position,
                      uint64_t next, aod_error_t *err) {
  static const char move[] =
      "UPDATE OR IGNORE page SET position = ?3 WHERE owner = ?1 AND position = ?2";
  int code = run_for(connection, move, owner, position, next, err);
  if (code == AOD_OK)
    code = run_for(connection, "DELETE FROM page WHERE owner = ? AND position = ?", owner, position,
                   0, err);
  if (code == AOD_OK)
    code = run_for(connection, "DELETE FROM snapshot WHERE owner = ? AND position = ?", owner,
                   position, 0, err);
  return code;
}

/* Remove one that is not needed. It is not when the gap that it leaves is no larger than the
 * distance from there to the newest: so their number grows with the logarithm of the positions, and
 * an older state is never further from a snapshot than from the newest. One a put is enough. */
static int thin(aod_db_connection_t *connection, int64_t owner, aod_error_t *err) {
  sqlite3_stmt *select = aod_db_prepare(
      connection, "SELECT position FROM snapshot WHERE owner = ? ORDER BY position DESC");
  uint64_t newest = 0, next = 0, candidate = 0;
  bool found = false;
  int row;
  aod_db_bind_int(select, 1, owner);
  while ((row = aod_db_step(select, err)) == 1) {
    uint64_t at = (uint64_t)sqlite3_column_int64(select, 0);
    if (!newest) newest = at;
    found = next && next - at <= newest - next;
    if (found) break;
    next = candidate;
    candidate = at;
  }
  aod_db_reset(select);
  if (row < 0) return row;
  return found ? remove_one(connection, owner, candidate, next, err) : AOD_OK;
}

/* ---- putting ---- */

static int part_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  aod_snapshot_draft_t *draft = (aod_snapshot_draft_t *)write;
  int64_t owner;
  int code = make_owner(connection, draft->snapshot.process, &owner, err);
  return code == AOD_OK ? insert_pages(connection, draft, owner, err) : code;
}

static int put_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  aod_snapshot_draft_t *draft = (aod_snapshot_draft_t *)write;
  int64_t owner;
  int code = make_owner(connection, draft->snapshot.process, &owner, err);
  if (code == AOD_OK) code = insert_pages(connection, draft, owner, err);
  if (code == AOD_OK) code = insert_manifest(connection, draft, owner, err);
  if (code == AOD_OK) code = thin(connection, owner, err);
  return code;
}

static void free_draft(aod_snapshot_draft_t *draft) {
  aod_arena_free(&draft->arena);
  free(draft->pages);
  free(draft);
}

static void warn(const aod_error_t *error) {
  aod_log(AOD_LOG_WARN, "cu", "a snapshot was not stored, a restart takes longer: %s",
          error->message);
}

static void put_done(aod_db_write_t *write) {
  aod_snapshot_draft_t *draft = (aod_snapshot_draft_t *)write;
  if (write->code != AOD_OK) warn(&write->error);
  atomic_fetch_sub(&draft->snapshots->waiting, 1);
  free_draft(draft);
}

static void put_part(aod_snapshot_draft_t *draft) {
  draft->write.run = part_run;
  draft->code = aod_db_write(draft->snapshots->db, &draft->write, &draft->error);
  draft->begun = true;
  draft->count = 0;
}

void aod_snapshot_draft_add(aod_snapshot_draft_t *draft, uint64_t number,
                            const uint8_t bytes[AOD_SNAPSHOT_PAGE_BYTES]) {
  if (draft->count == DRAFT_PAGES_MAX) put_part(draft);
  if (draft->code != AOD_OK) return;
  if (draft->count == draft->cap) {
    draft->cap = draft->cap ? 2 * draft->cap : 64;
    draft->pages = aod_realloc(draft->pages, draft->cap * sizeof *draft->pages);
  }
  page_t *page = &draft->pages[draft->count++];
  page->number = number;
  page->is_zero = aod_slice_is_zero(aod_slice(bytes, AOD_SNAPSHOT_PAGE_BYTES));
  if (!page->is_zero) memcpy(page->bytes, bytes, AOD_SNAPSHOT_PAGE_BYTES);
}

void aod_snapshot_draft_put(aod_snapshot_draft_t *draft) {
  if (draft->code != AOD_OK) {
    warn(&draft->error);
    free_draft(draft);
    return;
  }
  draft->write = (aod_db_write_t){.run = put_run, .done = put_done};
  atomic_fetch_add(&draft->snapshots->waiting, 1);
  aod_db_submit(draft->snapshots->db, &draft->write);
}

size_t aod_snapshots_waiting(aod_snapshots_t *snapshots) {
  return atomic_load(&snapshots->waiting);
}

/* ---- forgetting ---- */

typedef struct {
  aod_db_write_t write;
  uint8_t process[32];
  uint64_t position;
} truncation_t;

static int truncate_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const truncation_t *truncation = (truncation_t *)write;
  int64_t owner;
  int code = find_owner(connection, truncation->process, &owner, err);
  if (code == AOD_ENOTFOUND) return AOD_OK;
  if (code == AOD_OK)
    code = run_for(connection, "DELETE FROM snapshot WHERE owner = ? AND position >= ?", owner,
                   truncation->position, 0, err);
  if (code == AOD_OK)
    code = run_for(connection, "DELETE FROM page WHERE owner = ? AND position >= ?", owner,
                   truncation->position, 0, err);
  return code;
}

static void truncate_done(aod_db_write_t *write) {
  if (write->code != AOD_OK)
    aod_log(AOD_LOG_ERROR, "cu", "outdated snapshots are still there: %s", write->error.message);
  free(write);
}

void aod_snapshots_truncate(aod_snapshots_t *snapshots, const uint8_t process[32],
                            uint64_t position) {
  truncation_t *truncation = aod_alloc(sizeof *truncation);
  truncation->write.insists = true;
  truncation->write.run = truncate_run;
  truncation->write.done = truncate_done;
  truncation->position = position;
  memcpy(truncation->process, process, 32);
  aod_db_submit(snapshots->db, &truncation->write);
}

/* ---- reading ---- */

static void read_digest(sqlite3_stmt *row, int column, uint8_t digest[32]) {
  aod_slice_t bytes = aod_db_column(row, column);
  memset(digest, 0, 32);
  if (bytes.len == 32) memcpy(digest, bytes.ptr, 32);
}

static void read_manifest(sqlite3_stmt *row, const uint8_t process[32], aod_arena_t *arena,
                          aod_snapshot_t *snapshot) {
  *snapshot = (aod_snapshot_t){.position = (uint64_t)sqlite3_column_int64(row, 0),
                               .nonce = (uint64_t)sqlite3_column_int64(row, 1),
                               .timestamp_ms = sqlite3_column_int64(row, 2),
                               .block_height = (uint64_t)sqlite3_column_int64(row, 3),
                               .memory_bytes = (uint64_t)sqlite3_column_int64(row, 4),
                               .progress = aod_arena_copy(arena, aod_db_column(row, 6)),
                               .state = aod_arena_copy(arena, aod_db_column(row, 7))};
  memcpy(snapshot->process, process, 32);
  read_digest(row, 5, snapshot->fingerprint);
}

static int list_of(aod_db_connection_t *connection, const uint8_t process[32], uint64_t position,
                   aod_arena_t *arena, aod_snapshot_list_t *list, aod_error_t *err) {
  int64_t owner, count = 0;
  int code = find_owner(connection, process, &owner, err);
  if (code != AOD_OK) return code == AOD_ENOTFOUND ? AOD_OK : code;
  code =
      select_number(connection, "SELECT count(*) FROM snapshot WHERE owner = ? AND position <= ?",
                    owner, position, &count, err);
  if (code != AOD_OK) return code;
  list->list = aod_arena_alloc(arena, ((size_t)count + 1) * sizeof *list->list);
  sqlite3_stmt *select = aod_db_prepare(
      connection, "SELECT position, nonce, timestamp_ms, block_height, memory_bytes, fingerprint,"
                  " progress, state FROM snapshot WHERE owner = ? AND position <= ?"
                  " ORDER BY position DESC");
  aod_db_bind_int(select, 1, owner);
  aod_db_bind_int(select, 2, (int64_t)position);
  while (list->count < (size_t)count && (code = aod_db_step(select, err)) == 1)
    read_manifest(select, process, arena, &list->list[list->count++]);
  aod_db_reset(select);
  return code < 0 ? code : AOD_OK;
}

/* Several statements see one state of the database between these two. */
static int begin_reading(aod_db_connection_t *connection, aod_error_t *err) {
  return aod_db_run(aod_db_prepare(connection, "BEGIN"), err);
}
static void end_reading(aod_db_connection_t *connection) {
  aod_db_run(aod_db_prepare(connection, "COMMIT"), NULL);
}

int aod_snapshots_list(aod_snapshots_t *snapshots, const uint8_t process[32], uint64_t position,
                       aod_arena_t *arena, aod_snapshot_list_t *list, aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(snapshots->db);
  *list = (aod_snapshot_list_t){0};
  if (position > INT64_MAX) position = INT64_MAX;
  int code = begin_reading(connection, err);
  if (code == AOD_OK) {
    code = list_of(connection, process, position, arena, list, err);
    end_reading(connection);
  }
  aod_db_release(snapshots->db, connection);
  return code;
}

/* The sum that the manifest tells, when it is the one that was listed, and whole. */
static int check_manifest(const aod_snapshot_pages_t *pages, const aod_snapshot_t *snapshot,
                          uint8_t sum[32], aod_error_t *err) {
  uint8_t hash[32], expected[32];
  sqlite3_stmt *select = aod_db_prepare(
      pages->connection, "SELECT sum, hash FROM snapshot WHERE owner = ? AND position = ?");
  aod_db_bind_int(select, 1, pages->owner);
  aod_db_bind_int(select, 2, (int64_t)snapshot->position);
  int row = aod_db_step(select, err);
  if (row == 1) {
    read_digest(select, 0, sum);
    read_digest(select, 1, hash);
    hash_manifest(snapshot, sum, expected);
  }
  aod_db_reset(select);
  if (row < 0) return row;
  if (row == 0) return aod_fail(err, AOD_ENOTFOUND, "the snapshot is gone");
  if (memcmp(hash, expected, 32) == 0) return AOD_OK;
  return aod_fail(err, AOD_EIO, "its manifest does not have the hash that it had");
}

static void add_number(aod_snapshot_pages_t *pages, size_t *cap, uint64_t number,
                       uint64_t position) {
  if (pages->count == *cap) {
    *cap = *cap ? 2 * *cap : 1024;
    pages->numbers = aod_realloc(pages->numbers, *cap * sizeof *pages->numbers);
    pages->positions = aod_realloc(pages->positions, *cap * sizeof *pages->positions);
  }
  pages->numbers[pages->count] = number;
  pages->positions[pages->count++] = position;
}

/* SQLite takes `hash` from the row that has the greatest position. */
static int read_numbers(aod_snapshot_pages_t *pages, uint64_t position, uint8_t expected[32],
                        aod_error_t *err) {
  sqlite3_stmt *select = aod_db_prepare(
      pages->connection, "SELECT number, max(position), hash FROM page WHERE owner = ?"
                         " AND position <= ? GROUP BY number ORDER BY number");
  uint8_t sum[32] = {0};
  size_t cap = 0;
  int row;
  aod_db_bind_int(select, 1, pages->owner);
  aod_db_bind_int(select, 2, (int64_t)position);
  while ((row = aod_db_step(select, err)) == 1) {
    add_number(pages, &cap, (uint64_t)sqlite3_column_int64(select, 0),
               (uint64_t)sqlite3_column_int64(select, 1));
    add_to_sum(sum, aod_db_column(select, 2));
  }
  aod_db_reset(select);
  if (row < 0) return row;
  if (memcmp(sum, expected, 32) == 0) return AOD_OK;
  return aod_fail(err, AOD_EIO, "it does not have the pages that it had");
}

int aod_snapshots_pages(aod_snapshots_t *snapshots, const aod_snapshot_t *snapshot,
                        aod_snapshot_pages_t *pages, aod_error_t *err) {
  uint8_t sum[32];
  *pages =
      (aod_snapshot_pages_t){.snapshots = snapshots, .connection = aod_db_acquire(snapshots->db)};
  int code = begin_reading(pages->connection, err);
  if (code != AOD_OK) {
    aod_db_release(snapshots->db, pages->connection);
    return code;
  }
  code = find_owner(pages->connection, snapshot->process, &pages->owner, err);
  if (code == AOD_OK) code = check_manifest(pages, snapshot, sum, err);
  if (code == AOD_OK) code = read_numbers(pages, snapshot->position, sum, err);
  if (code != AOD_OK) aod_snapshot_pages_close(pages);
  return code;
}

int aod_snapshot_page_read(const aod_snapshot_pages_t *pages, size_t index,
                           uint8_t bytes[AOD_SNAPSHOT_PAGE_BYTES], aod_error_t *err) {
  uint64_t number = pages->numbers[index];
  uint8_t hash[32], expected[32];
  bool whole = false;
  sqlite3_stmt *select = aod_db_prepare(
      pages->connection,
      "SELECT hash, bytes FROM page WHERE owner = ? AND number = ? AND position = ?");
  aod_db_bind_int(select, 1, pages->owner);
  aod_db_bind_int(select, 2, (int64_t)number);
  aod_db_bind_int(select, 3, (int64_t)pages->positions[index]);
  int row = aod_db_step(select, err);
  if (row == 1) {
    aod_slice_t stored = aod_db_column(select, 1);
    read_digest(select, 0, hash);
    hash_page(number, stored, expected);
    whole = memcmp(hash, expected, 32) == 0 &&
            (stored.len == 0 || stored.len == AOD_SNAPSHOT_PAGE_BYTES);
    if (whole && stored.len) memcpy(bytes, stored.ptr, stored.len);
    if (whole && !stored.len) memset(bytes, 0, AOD_SNAPSHOT_PAGE_BYTES);
  }
  aod_db_reset(select);
  if (row < 0) return row;
  if (whole) return AOD_OK;
  return aod_fail(err, AOD_EIO, "its page %llu does not have the hash that it had",
                  (unsigned long long)number);
}

void aod_snapshot_pages_close(aod_snapshot_pages_t *pages) {
  end_reading(pages->connection);
  aod_db_release(pages->snapshots->db, pages->connection);
  free(pages->numbers);
  free(pages->positions);
}
