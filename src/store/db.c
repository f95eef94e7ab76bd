#include "store/db.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/latch.h"
#include "base/log.h"
#include "store/wal.h"

enum { STATEMENTS_MAX = 64, GROUP_MAX = 1000, BUSY_TIMEOUT_MS = 10000 };
enum { SHRINK_WAIT_MS = 200, SHRINK_PAUSE_MS = 1000 };

/* Ids are random, so inserts touch pages all over the indexes: the writer keeps them at hand, and
 * writes the log back into the file rarely, so that a page that changed often is written once. */
#define WRITER_PRAGMAS "PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=8000;"

struct aod_db_connection {
  sqlite3 *sqlite;
  aod_db_connection_t *next; /* in the set of free readers */
  int statement_count;
  struct {
    const char *sql;
    sqlite3_stmt *statement;
  } statements[STATEMENTS_MAX];
};

struct aod_db {
  char *path;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  aod_db_write_t *first, *last; /* waiting, in order */
  bool hurried;                 /* one of them is not patient */
  struct timespec due;          /* else: when the first has waited long enough */
  aod_db_connection_t *readers; /* free */
  pthread_cond_t freed;         /* there is one more of them */
  bool scarce;                  /* once no more could be opened, and the log tells */
  bool closing;
  aod_db_connection_t *writer;
  /* the writer's own */
  bool troubled;     /* the last group failed */
  int64_t shrunk_us; /* when the log was cut for want of room */
  pthread_t thread;
};

/* ---- connections ---- */

/* The system's error behind one of SQLite's; 0: there is none. */
static int system_number(sqlite3 *sqlite) {
  switch (sqlite3_errcode(sqlite)) {
  case SQLITE_FULL:
    return ENOSPC;
  case SQLITE_READONLY:
    return EROFS;
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN: {
    int number = aod__wal_system_errno(sqlite);
    return number ? number : sqlite3_system_errno(sqlite);
  }
  default:
    return 0;
  }
}

/* Whoever reads it wants to know whose disk it is: "su: database /data/su.db: …" */
static int sqlite_fail_at(aod_error_t *err, sqlite3 *sqlite, const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  int code = sqlite3_extended_errcode(sqlite), unit_len = (int)strcspn(name, ".");
  bool unique = code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY;
  int number = system_number(sqlite);
  if (number && number != ENOENT)
    return aod_fail_system(err, number, "%.*s: database %s", unit_len, name, path);
  return aod_fail(err, unique ? AOD_EEXISTS : AOD_EIO, "%.*s: database %s: %s", unit_len, name,
                  path, sqlite3_errmsg(sqlite));
}

static int sqlite_fail(aod_error_t *err, sqlite3 *sqlite) {
  const char *path = sqlite3_db_filename(sqlite, "main");
  return sqlite_fail_at(err, sqlite, path ? path : "");
}

static int execute(sqlite3 *sqlite, const char *sql, aod_error_t *err) {
  if (sqlite3_exec(sqlite, sql, NULL, NULL, NULL) == SQLITE_OK) return AOD_OK;
  return sqlite_fail(err, sqlite);
}

static void connection_close(aod_db_connection_t *connection) {
  if (!connection) return;
  for (int i = 0; i < connection->statement_count; i++)
    sqlite3_finalize(connection->statements[i].statement);
  sqlite3_close(connection->sqlite);
  free(connection);
}

/* Without its statistics, which would take a lock that all threads share for every allocation. */
static void configure_sqlite(void) {
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int connection_open(const char *path, aod_db_connection_t **out, aod_error_t *err) {
  static pthread_once_t configured = PTHREAD_ONCE_INIT;
  pthread_once(&configured, configure_sqlite);
  aod_db_connection_t *connection = aod_alloc(sizeof *connection);
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  int code = AOD_OK;
  if (sqlite3_open_v2(path, &connection->sqlite, flags, aod__wal_vfs()) != SQLITE_OK)
    code = sqlite_fail_at(err, connection->sqlite, path);
  if (code == AOD_OK) {
    aod__wal_attach(connection->sqlite);
    sqlite3_busy_timeout(connection->sqlite, BUSY_TIMEOUT_MS);
  }
  if (code == AOD_OK)
    code = execute(connection->sqlite,
                   "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                   "PRAGMA temp_store=MEMORY;",
                   err);
  if (code != AOD_OK) {
    connection_close(connection);
    return code;
  }
  *out = connection;
  return AOD_OK;
}

/* A free one, or NULL. Called with the lock held. */
static aod_db_connection_t *take_reader(aod_db_t *db) {
  aod_db_connection_t *connection = db->readers;
  if (connection) db->readers = connection->next;
  return connection;
}

/* When the program is out of descriptors or memory, what there is has to do. */
static aod_db_connection_t *await_reader(aod_db_t *db, const aod_error_t *why) {
  aod_db_connection_t *connection;
  pthread_mutex_lock(&db->lock);
  if (!db->scarce) aod_log(AOD_LOG_WARN, "store", "reading waits for its turn: %s", why->message);
  db->scarce = true;
  while (!(connection = take_reader(db))) pthread_cond_wait(&db->freed, &db->lock);
  pthread_mutex_unlock(&db->lock);
  return connection;
}

aod_db_connection_t *aod_db_acquire(aod_db_t *db) {
  pthread_mutex_lock(&db->lock);
  aod_db_connection_t *connection = take_reader(db);
  pthread_mutex_unlock(&db->lock);
  if (connection) return connection;
  aod_error_t err;
  if (connection_open(db->path, &connection, &err) == AOD_OK) return connection;
  return await_reader(db, &err);
}

void aod_db_release(aod_db_t *db, aod_db_connection_t *connection) {
  pthread_mutex_lock(&db->lock);
  connection->next = db->readers;
  db->readers = connection;
  pthread_cond_signal(&db->freed);
  pthread_mutex_unlock(&db->lock);
}

/* ---- writer ---- */

static void run_one(aod_db_connection_t *connection, aod_db_write_t *write) {
  aod_error_t *err = &write->error;
  if (write->single) {
    write->code = write->run(write, connection, err);
    return;
  }
  write->code = aod_db_run(aod_db_prepare(connection, "SAVEPOINT one"), err);
  if (write->code != AOD_OK) return;
  write->code = write->run(write, connection, err);
  bool kept = write->code == AOD_OK;
  if (!kept) aod_db_run(aod_db_prepare(connection, "ROLLBACK TO one"), NULL);
  int ended = aod_db_run(aod_db_prepare(connection, "RELEASE one"), kept ? err : NULL);
  if (kept) write->code = ended;
}

/* SQLite ends a transaction by itself when the disk is full, for instance: then the group failed as
 * a whole, for the reason of the write at which that happened. A further savepoint would begin a
 * new transaction, and its release commit it. The group also fails with a write that insists. */
static int run_all(aod_db_connection_t *connection, aod_db_write_t *group, aod_error_t *why) {
  for (aod_db_write_t *write = group; write; write = write->next) {
    run_one(connection, write);
    bool ended = sqlite3_get_autocommit(connection->sqlite);
    if (!ended && (write->code == AOD_OK || !write->insists)) continue;
    if (write->code == AOD_OK) return aod_fail(why, AOD_EIO, "a write ended the transaction");
    *why = write->error;
    return write->code;
  }
  return AOD_OK;
}

/* A disk that is full fails every group; the log tells that it began and that it ended. */
static void log_trouble(aod_db_t *db, bool troubled, const aod_error_t *why) {
  if (troubled && !db->troubled) aod_log(AOD_LOG_ERROR, "store", "%s", why->message);
  if (!troubled && db->troubled)
    aod_log(AOD_LOG_INFO, "store", "database %s can be written again", db->path);
  db->troubled = troubled;
}

/* The log may take most of the room that is missing: write it back and cut it off, unless readers
 * need it. While there is no room for that either, not with every group. */
static void shrink_log(aod_db_t *db, bool at_once) {
  sqlite3 *sqlite = db->writer->sqlite;
  int64_t now_us = aod_clock_monotonic_us();
  if (!at_once && now_us - db->shrunk_us < SHRINK_PAUSE_MS * INT64_C(1000)) return;
  sqlite3_busy_timeout(sqlite, SHRINK_WAIT_MS);
  sqlite3_wal_checkpoint_v2(sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  sqlite3_busy_timeout(sqlite, BUSY_TIMEOUT_MS);
  db->shrunk_us = now_us;
}

static bool is_closing(aod_db_t *db) {
  pthread_mutex_lock(&db->lock);
  bool closing = db->closing;
  pthread_mutex_unlock(&db->lock);
  return closing;
}

/* To the front of the queue, where they wait like patient ones, but longer. */
static void put_back(aod_db_t *db, aod_db_write_t *first, aod_db_write_t *last) {
  pthread_mutex_lock(&db->lock);
  last->next = db->first;
  db->first = first;
  if (!db->last) db->last = last;
  db->due = aod_clock_monotonic_in(AOD_DB_RETRY_MS);
  pthread_mutex_unlock(&db->lock);
}

/* Those that insist are tried again, unless the database closes. */
static void end_group(aod_db_t *db, aod_db_write_t *group, int code, const aod_error_t *why) {
  aod_db_write_t *first = NULL, *last = NULL;
  bool again = code != AOD_OK && !is_closing(db);
  for (aod_db_write_t *write = group, *next; write; write = next) {
    next = write->next;
    if (again && write->insists) {
      *(last ? &last->next : &first) = write;
      last = write;
      continue;
    }
    if (code != AOD_OK && write->code == AOD_OK) {
      write->code = code;
      write->error = *why;
    }
    write->done(write);
  }
  if (first) put_back(db, first, last);
}

static void run_group(aod_db_t *db, aod_db_write_t *group) {
  aod_db_connection_t *connection = db->writer;
  aod_error_t why;
  int64_t changes = sqlite3_total_changes64(connection->sqlite);
  int code = execute(connection->sqlite, "BEGIN IMMEDIATE", &why);
  if (code == AOD_OK) {
    code = run_all(connection, group, &why);
    if (code == AOD_OK) code = execute(connection->sqlite, "COMMIT", &why);
    if (code != AOD_OK) execute(connection->sqlite, "ROLLBACK", NULL);
  }
  bool changed = sqlite3_total_changes64(connection->sqlite) != changes;
  bool recovered = db->troubled && code == AOD_OK && changed; /* a flush may write nothing */
  if (code != AOD_OK || recovered) log_trouble(db, !recovered, &why);
  end_group(db, group, code, &why);
  if (recovered || code != AOD_OK) shrink_log(db, recovered);
}

/* Cut the first GROUP_MAX waiting writes off the queue. Called with the lock held. */
static aod_db_write_t *take_group(aod_db_t *db) {
  aod_db_write_t *group = db->first, *end = group;
  for (int i = 1; i < GROUP_MAX && end->next; i++) end = end->next;
  db->first = end->next;
  if (!db->first) db->last = NULL;
  db->hurried = db->first != NULL;
  end->next = NULL;
  return group;
}

/* Wait for writes that are due; false: the database closes and there are none. With the lock. */
static bool wait_for_group(aod_db_t *db) {
  while (!db->hurried && !db->closing) {
    if (!db->first)
      pthread_cond_wait(&db->wake, &db->lock);
    else if (pthread_cond_timedwait(&db->wake, &db->lock, &db->due) == ETIMEDOUT)
      break;
  }
  return db->first != NULL;
}

static void *write_groups(void *argument) {
  aod_db_t *db = argument;
  pthread_mutex_lock(&db->lock);
  while (wait_for_group(db)) {
    aod_db_write_t *group = take_group(db);
    pthread_mutex_unlock(&db->lock);
    run_group(db, group);
    pthread_mutex_lock(&db->lock);
  }
  pthread_mutex_unlock(&db->lock);
  return NULL;
}

void aod_db_submit(aod_db_t *db, aod_db_write_t *write) {
  write->next = NULL;
  write->code = AOD_OK;
  pthread_mutex_lock(&db->lock);
  bool first = !db->first;
  if (first)
    db->first = write;
  else
    db->last->next = write;
  db->last = write;
  if (!write->patient)
    db->hurried = true;
  else if (first)
    db->due = aod_clock_monotonic_in(AOD_DB_PATIENCE_MS);
  if (first || db->hurried) pthread_cond_signal(&db->wake);
  pthread_mutex_unlock(&db->lock);
}

/* ---- waiting for one write ---- */

typedef struct {
  aod_db_write_t outer;
  aod_db_write_t *inner;
  aod_latch_t latch;
} waiting_t;

static int waiting_run(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  waiting_t *waiting = (waiting_t *)write;
  return waiting->inner->run(waiting->inner, connection, err);
}

static void waiting_done(aod_db_write_t *write) {
  aod_latch_end(&((waiting_t *)write)->latch, write->code, &write->error);
}

int aod_db_write(aod_db_t *db, aod_db_write_t *write, aod_error_t *err) {
  waiting_t waiting = {
      .outer = {.run = waiting_run, .done = waiting_done}, .inner = write, .latch = AOD_LATCH(1)};
  aod_db_submit(db, &waiting.outer);
  return aod_latch_wait(&waiting.latch, err);
}

static int run_nothing(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  (void)write, (void)connection, (void)err;
  return AOD_OK;
}

int aod_db_flush(aod_db_t *db) {
  aod_db_write_t last = {.run = run_nothing};
  return aod_db_write(db, &last, NULL);
}

/* ---- opening ---- */

static int read_version(sqlite3 *sqlite, int *version, aod_error_t *err) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(sqlite, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK)
    return sqlite_fail(err, sqlite);
  int row = sqlite3_step(statement);
  *version = row == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;
  sqlite3_finalize(statement);
  return row == SQLITE_ROW ? AOD_OK : sqlite_fail(err, sqlite);
}

static int prepare_schema(aod_db_t *db, const char *schema, int version, aod_error_t *err) {
  sqlite3 *sqlite = db->writer->sqlite;
  int found;
  int code = read_version(sqlite, &found, err);
  if (code != AOD_OK || found == version) return code;
  if (found != 0)
    return aod_fail(
        err, AOD_EUNSUPPORTED,
        "database %s has format %d, this aod reads format %d; use the aod that wrote it", db->path,
        found, version);
  aod_buf_t sql = {0};
  aod_buf_printf(&sql, "BEGIN; %s; PRAGMA user_version=%d; COMMIT;", schema, version);
  aod_buf_terminate(&sql);
  code = execute(sqlite, (const char *)sql.ptr, err);
  aod_buf_free(&sql);
  return code;
}

/* "su.db-writer" */
static void name_thread(const aod_db_t *db) {
  const char *slash = strrchr(db->path, '/');
  char name[16];
  snprintf(name, sizeof name, "%.7s-writer", slash ? slash + 1 : db->path);
  pthread_setname_np(db->thread, name);
}

int aod_db_open(aod_db_t **out, const char *path, const char *schema, int version,
                aod_error_t *err) {
  aod_db_t *db = aod_alloc(sizeof *db);
  db->path = aod_strdup(path);
  pthread_mutex_init(&db->lock, NULL);
  aod_clock_cond_init(&db->wake);
  pthread_cond_init(&db->freed, NULL);
  int code = connection_open(path, &db->writer, err);
  if (code == AOD_OK) code = execute(db->writer->sqlite, WRITER_PRAGMAS, err);
  if (code == AOD_OK) code = prepare_schema(db, schema, version, err);
  if (code == AOD_OK) code = connection_open(path, &db->readers, err);
  if (code != AOD_OK) {
    connection_close(db->writer);
    free(db->path);
    free(db);
    return code;
  }
  aod_assert(pthread_create(&db->thread, NULL, write_groups, db) == 0);
  name_thread(db);
  *out = db;
  return AOD_OK;
}

void aod_db_close(aod_db_t *db) {
  if (!db) return;
  pthread_mutex_lock(&db->lock);
  db->closing = true;
  pthread_cond_signal(&db->wake);
  pthread_mutex_unlock(&db->lock);
  pthread_join(db->thread, NULL);
  for (aod_db_connection_t *reader = db->readers, *next; reader; reader = next) {
    next = reader->next;
    connection_close(reader);
  }
  connection_close(db->writer);
  pthread_cond_destroy(&db->freed);
  pthread_cond_destroy(&db->wake);
  pthread_mutex_destroy(&db->lock);
  free(db->path);
  free(db);
}

/* ---- checking ---- */

int aod_db_check(const char *path, aod_error_t *err) {
  sqlite3 *sqlite = NULL;
  sqlite3_stmt *statement = NULL;
  int code = AOD_OK;
  if (sqlite3_open_v2(path, &sqlite, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(sqlite, "PRAGMA integrity_check(1)", -1, &statement, NULL) != SQLITE_OK ||
      sqlite3_step(statement) != SQLITE_ROW)
    code = aod_fail(err, AOD_EIO, "database %s: %s", path, sqlite3_errmsg(sqlite));
  const char *verdict = code == AOD_OK ? (const char *)sqlite3_column_text(statement, 0) : NULL;
  if (verdict && strcmp(verdict, "ok") != 0)
    code = aod_fail(err, AOD_EIO, "database %s: %s", path, verdict);
  sqlite3_finalize(statement);
  sqlite3_close(sqlite);
  return code;
}

/* ---- statements ---- */

sqlite3_stmt *aod_db_prepare(aod_db_connection_t *connection, const char *sql) {
  for (int i = 0; i < connection->statement_count; i++) {
    if (connection->statements[i].sql != sql) continue;
    sqlite3_stmt *statement = connection->statements[i].statement;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return statement;
  }
  aod_assert(connection->statement_count < STATEMENTS_MAX);
  sqlite3_stmt *statement = NULL;
  int code =
      sqlite3_prepare_v3(connection->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
  if (code != SQLITE_OK)
    aod_log(AOD_LOG_ERROR, "store", "%s in: %s", sqlite3_errmsg(connection->sqlite), sql);
  aod_assert(code == SQLITE_OK);
  int slot = connection->statement_count++;
  connection->statements[slot].sql = sql;
  connection->statements[slot].statement = statement;
  return statement;
}

sqlite3_stmt *aod_db_prepare_once(aod_db_connection_t *connection, aod_slice_t sql,
                                  aod_error_t *err) {
  sqlite3_stmt *statement = NULL;
  int code =
      sqlite3_prepare_v2(connection->sqlite, (const char *)sql.ptr, (int)sql.len, &statement, NULL);
  if (code == SQLITE_OK) return statement;
  sqlite_fail(err, connection->sqlite);
  return NULL;
}

void aod_db_bind(sqlite3_stmt *statement, int index, aod_slice_t blob) {
  const void *bytes = blob.len ? blob.ptr : (const uint8_t *)"";
  aod_assert(sqlite3_bind_blob64(statement, index, bytes, blob.len, SQLITE_STATIC) == SQLITE_OK);
}

void aod_db_bind_text(sqlite3_stmt *statement, int index, aod_slice_t text) {
  const char *bytes = text.len ? (const char *)text.ptr : "";
  aod_assert(sqlite3_bind_text64(statement, index, bytes, text.len, SQLITE_STATIC, SQLITE_UTF8) ==
             SQLITE_OK);
}

void aod_db_bind_int(sqlite3_stmt *statement, int index, int64_t value) {
  aod_assert(sqlite3_bind_int64(statement, index, value) == SQLITE_OK);
}

aod_slice_t aod_db_column(sqlite3_stmt *statement, int index) {
  const void *bytes = sqlite3_column_blob(statement, index);
  return aod_slice(bytes, (size_t)sqlite3_column_bytes(statement, index));
}

int aod_db_step(sqlite3_stmt *statement, aod_error_t *err) {
  int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return 1;
  if (code == SQLITE_DONE) return 0;
  return sqlite_fail(err, sqlite3_db_handle(statement));
}

void aod_db_reset(sqlite3_stmt *statement) {
  sqlite3_reset(statement);
}

int aod_db_run(sqlite3_stmt *statement, aod_error_t *err) {
  int code = aod_db_step(statement, err);
  sqlite3_reset(statement);
  return code < 0 ? code : AOD_OK;
}
