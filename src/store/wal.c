#include "store/wal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

/* SQLite's unix layer takes less than 128 KiB at once. */
enum { GATHER_BYTES_MAX = 120 << 10 };

typedef struct {
  sqlite3_file base;
  sqlite3_file *real; /* behind it in memory */
  bool gathers;
  uint8_t *bytes;   /* gathered, not yet written; NULL until the first write */
  sqlite3_int64 at; /* where they belong */
  int len;
  int number; /* the system's error of the last write or sync */
} log_t;

static log_t *log_of(sqlite3_file *file) {
  return (log_t *)file;
}

static int noted(log_t *log, int code) {
  log->number = code == SQLITE_OK ? 0 : errno;
  return code;
}

static int write_through(log_t *log, const void *bytes, int len, sqlite3_int64 at) {
  return noted(log, log->real->pMethods->xWrite(log->real, bytes, len, at));
}

/* Write what is gathered. It is forgotten also when that fails: SQLite gives up the commit, and
 * writes the log again from its last commit on. */
static int flush(log_t *log) {
  int len = log->len;
  log->len = 0;
  return len ? write_through(log, log->bytes, len, log->at) : SQLITE_OK;
}

static int log_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at) {
  log_t *log = log_of(file);
  if (log->len && (at != log->at + log->len || log->len + len > GATHER_BYTES_MAX)) {
    int code = flush(log);
    if (code != SQLITE_OK) return code;
  }
  if (!log->gathers || len > GATHER_BYTES_MAX) return write_through(log, bytes, len, at);
  if (!log->bytes) log->bytes = aod_alloc(GATHER_BYTES_MAX);
  if (log->len == 0) log->at = at;
  memcpy(log->bytes + log->len, bytes, (size_t)len);
  log->len += len;
  return SQLITE_OK;
}

static int log_sync(sqlite3_file *file, int flags) {
  log_t *log = log_of(file);
  int code = flush(log);
  return code ? code : noted(log, log->real->pMethods->xSync(log->real, flags));
}

/* What is still gathered was not committed. */
static int log_close(sqlite3_file *file) {
  log_t *log = log_of(file);
  free(log->bytes);
  return log->real->pMethods->xClose(log->real);
}

/* ---- everything else sees the file as if nothing were held back ---- */

#define AFTER_FLUSH(name, parameters, ...)                                                         \
  static int log_##name parameters {                                                               \
    log_t *log = log_of(file);                                                                     \
    int code = flush(log);                                                                         \
    return code ? code : log->real->pMethods->x##name(log->real, __VA_ARGS__);                     \
  }
AFTER_FLUSH(Read, (sqlite3_file * file, void *to, int len, sqlite3_int64 at), to, len, at)
AFTER_FLUSH(Truncate, (sqlite3_file * file, sqlite3_int64 size), size)
AFTER_FLUSH(FileSize, (sqlite3_file * file, sqlite3_int64 *size), size)
AFTER_FLUSH(Lock, (sqlite3_file * file, int level), level)
AFTER_FLUSH(Unlock, (sqlite3_file * file, int level), level)
AFTER_FLUSH(CheckReservedLock, (sqlite3_file * file, int *out), out)

/* Flushes nothing: SQLite ignores what comes of hints, and with it the failure would be lost. */
static int log_file_control(sqlite3_file *file, int op, void *argument) {
  return log_of(file)->real->pMethods->xFileControl(log_of(file)->real, op, argument);
}

static int log_sector_size(sqlite3_file *file) {
  return log_of(file)->real->pMethods->xSectorSize(log_of(file)->real);
}

static int log_characteristics(sqlite3_file *file) {
  return log_of(file)->real->pMethods->xDeviceCharacteristics(log_of(file)->real);
}

/* Version 1: no shared memory and no mapping, which belong to the database file. */
static const sqlite3_io_methods log_methods = {.iVersion = 1,
                                               .xClose = log_close,
                                               .xRead = log_Read,
                                               .xWrite = log_write,
                                               .xTruncate = log_Truncate,
                                               .xSync = log_sync,
                                               .xFileSize = log_FileSize,
                                               .xLock = log_Lock,
                                               .xUnlock = log_Unlock,
                                               .xCheckReservedLock = log_CheckReservedLock,
                                               .xFileControl = log_file_control,
                                               .xSectorSize = log_sector_size,
                                               .xDeviceCharacteristics = log_characteristics};

/* ---- the layer ---- */

/* Other files than the log are the system's own. Where writes may damage their neighbours, SQLite
 * syncs a commit before its last write: there nothing is gathered. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags) {
  sqlite3_vfs *system = vfs->pAppData;
  if (!(flags & SQLITE_OPEN_WAL)) return system->xOpen(system, name, file, flags, out_flags);
  log_t *log = log_of(file);
  *log = (log_t){.real = (sqlite3_file *)(log + 1)};
  int code = system->xOpen(system, name, log->real, flags, out_flags);
  if (code != SQLITE_OK) return code;
  int characteristics = log->real->pMethods->xDeviceCharacteristics(log->real);
  log->gathers = characteristics & SQLITE_IOCAP_POWERSAFE_OVERWRITE;
  log->base.pMethods = &log_methods;
  return SQLITE_OK;
}

static sqlite3_vfs layer;

static void install(void) {
  sqlite3_vfs *system = sqlite3_vfs_find(NULL);
  layer = *system;
  layer.zName = "aod-wal";
  layer.szOsFile += (int)sizeof(log_t);
  layer.pAppData = system;
  layer.xOpen = open_file;
  aod_assert(sqlite3_vfs_register(&layer, 0) == SQLITE_OK);
}

const char *aod__wal_vfs(void) {
  static pthread_once_t installed = PTHREAD_ONCE_INIT;
  pthread_once(&installed, install);
  return layer.zName;
}

/* ---- connections ---- */

/* NULL while it has none. */
static log_t *log_under(sqlite3 *connection) {
  sqlite3_file *file = NULL;
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
  return file && file->pMethods == &log_methods ? log_of(file) : NULL;
}

/* A transaction was undone. */
static void forget(void *connection) {
  log_t *log = log_under(connection);
  if (log) log->len = 0;
}

void aod__wal_attach(sqlite3 *connection) {
  sqlite3_rollback_hook(connection, forget, connection);
}

int aod__wal_system_errno(sqlite3 *connection) {
  log_t *log = log_under(connection);
  return log ? log->number : 0;
}
