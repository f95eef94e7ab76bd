/* The embedded engine: SQLite in WAL mode with synchronous=FULL, one writer thread a database.
 *
 * Writes are submitted, not executed: the writer takes all that are waiting, runs them in one
 * transaction, each so that it can be undone alone, commits once, and only then tells each
 * submitter. So whoever is told AOD_OK is on disk, and a hundred waiting writers cost one fsync.
 * Writes of one database run in the order submitted. A write that fails is undone alone, unless it
 * insists; when that one or the commit itself fails, all of its group fail.
 *
 * Reads run on the caller's thread, on a connection borrowed from a small set; they see committed
 * data only.
 *
 * This header is for the typed stores (schedule.h, results.h, outbox.h) and for the gateway's
 * index; units otherwise do not see SQL. */
#ifndef AOD_STORE_DB_H
#define AOD_STORE_DB_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef struct aod_db aod_db_t;
typedef struct aod_db_connection aod_db_connection_t; /* one thread at a time */

/* Open or create the file. `schema` is run when the file is new (user_version 0) and the version is
 * then set to `version` (> 0); a file of another version is refused with AOD_EUNSUPPORTED. */
int aod_db_open(aod_db_t **db, const char *path, const char *schema, int version, aod_error_t *err);
/* Finish what was submitted, then close. No connection may be borrowed any more. */
void aod_db_close(aod_db_t *db);

/* Does SQLite find the file whole: its pages, its indexes and what they say of the tables?
 * AOD_EIO naming the first thing that it does not. For files that nobody writes to meanwhile. */
int aod_db_check(const char *path, aod_error_t *err);

/* ---- writing ---- */

enum { AOD_DB_PATIENCE_MS = 10, AOD_DB_RETRY_MS = 1000 };

/* Embedded in what is written; alive until `done` has been called. */
typedef struct aod_db_write aod_db_write_t;
struct aod_db_write {
  /* In the writer's thread, inside a transaction. Not AOD_OK: this write's changes are undone. */
  int (*run)(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err);
  /* In the writer's thread, after the commit: must be quick. `code` and `error` tell the outcome.
   * May free the write. */
  void (*done)(aod_db_write_t *write);
  /* `run` changes one row with one statement, last: when that fails it has changed nothing, and the
   * write needs no savepoint, which takes a sixth of its time. */
  bool single;
  /* May wait AOD_DB_PATIENCE_MS for others to share its commit: where writes come so slowly that
   * each would have a commit of its own, and nobody would notice the wait. */
  bool patient;
  /* Must not be left out: while it cannot be written, nothing that was submitted behind it is. It
   * is tried again with the next write, or after AOD_DB_RETRY_MS, and `done` hears of a failure
   * only when the database closes. Not for aod_db_write. */
  bool insists;
  int code;
  aod_error_t error;
  aod_db_write_t *next;
};

void aod_db_submit(aod_db_t *db, aod_db_write_t *write); /* any thread; sets code and error */
/* Submit and wait for the outcome; `done` is not used. */
int aod_db_write(aod_db_t *db, aod_db_write_t *write, aod_error_t *err);
/* Wait until everything submitted so far is done, or was tried: then a failure. */
int aod_db_flush(aod_db_t *db);

/* ---- reading ---- */

/* Opens one more when all are in use; where that fails, waits for one. So nobody may hold two of
 * a database. */
aod_db_connection_t *aod_db_acquire(aod_db_t *db);
void aod_db_release(aod_db_t *db, aod_db_connection_t *connection);

/* ---- statements ---- */

/* The prepared statement of `sql`, reset and without bindings; kept for the connection's life,
 * found again by the address of `sql`, so pass literals. An SQL error in it is a bug: asserted. */
sqlite3_stmt *aod_db_prepare(aod_db_connection_t *connection, const char *sql);
/* The same for SQL composed at run time; sqlite3_finalize it. NULL with *err on failure. */
sqlite3_stmt *aod_db_prepare_once(aod_db_connection_t *connection, aod_slice_t sql,
                                  aod_error_t *err);
void aod_db_bind(sqlite3_stmt *statement, int index, aod_slice_t blob); /* not copied */
void aod_db_bind_text(sqlite3_stmt *statement, int index, aod_slice_t text);
void aod_db_bind_int(sqlite3_stmt *statement, int index, int64_t value);
aod_slice_t aod_db_column(sqlite3_stmt *statement, int index); /* until the next step */

/* Step to a row: 1 a row, 0 none left, negative AOD_EIO. The caller ends with aod_db_reset. */
int aod_db_step(sqlite3_stmt *statement, aod_error_t *err);
void aod_db_reset(sqlite3_stmt *statement); /* ends the read; column slices become invalid */
/* Run a statement that returns no rows, and reset it. AOD_EEXISTS when a uniqueness fails. */
int aod_db_run(sqlite3_stmt *statement, aod_error_t *err);

#endif
