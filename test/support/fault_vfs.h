/* A layer under SQLite that fails, or tears, the k-th write or sync, and from then on all of them,
 * as a disk that dies or becomes read-only (EROFS) does. What SQLite had written before stays.
 * SQLite's own seam is used: a VFS that passes everything on to the system's. */
#ifndef AOD_TEST_SUPPORT_FAULT_VFS_H
#define AOD_TEST_SUPPORT_FAULT_VFS_H

#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "support/check.h"

typedef enum { FAULT_FAIL, FAULT_TEAR } fault_kind_t;

static struct {
  fault_kind_t kind;
  atomic_int steps; /* writes, syncs and truncations so far */
  atomic_int at;    /* which one fails; 0: none */
} fault;

typedef struct {
  sqlite3_file base;
  sqlite3_file *real; /* behind it in memory */
} fault_file_t;

#define FAULT_REAL(file) (((fault_file_t *)(file))->real)

static inline void fault_set(fault_kind_t kind, int at) {
  fault.kind = kind;
  atomic_store(&fault.steps, 0);
  atomic_store(&fault.at, at);
}

/* 0: go on, 1: this is the one, 2: the disk is dead already. */
static inline int fault_step(void) {
  int at = atomic_load(&fault.at), step = atomic_fetch_add(&fault.steps, 1) + 1;
  if (!at || step < at) return 0;
  errno = EROFS;
  return step == at ? 1 : 2;
}

static inline int fault_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at) {
  int verdict = fault_step();
  if (verdict == 1 && fault.kind == FAULT_TEAR)
    FAULT_REAL(file)->pMethods->xWrite(FAULT_REAL(file), bytes, len / 2, at);
  if (verdict) return SQLITE_IOERR_WRITE;
  return FAULT_REAL(file)->pMethods->xWrite(FAULT_REAL(file), bytes, len, at);
}

static inline int fault_truncate(sqlite3_file *file, sqlite3_int64 size) {
  if (fault_step()) return SQLITE_IOERR_TRUNCATE;
  return FAULT_REAL(file)->pMethods->xTruncate(FAULT_REAL(file), size);
}

static inline int fault_sync(sqlite3_file *file, int flags) {
  if (fault_step()) return SQLITE_IOERR_FSYNC;
  return FAULT_REAL(file)->pMethods->xSync(FAULT_REAL(file), flags);
}

/* ---- passed on ---- */

#define FAULT_PASS(name, parameters, ...)                                                          \
  static inline int fault_##name parameters {                                                      \
    return FAULT_REAL(file)->pMethods->x##name(FAULT_REAL(file), ##__VA_ARGS__);                   \
  }
FAULT_PASS(Read, (sqlite3_file * file, void *to, int len, sqlite3_int64 at), to, len, at)
FAULT_PASS(FileSize, (sqlite3_file * file, sqlite3_int64 *size), size)
FAULT_PASS(Lock, (sqlite3_file * file, int level), level)
FAULT_PASS(Unlock, (sqlite3_file * file, int level), level)
FAULT_PASS(CheckReservedLock, (sqlite3_file * file, int *out), out)
FAULT_PASS(FileControl, (sqlite3_file * file, int op, void *argument), op, argument)
FAULT_PASS(SectorSize, (sqlite3_file * file))
FAULT_PASS(DeviceCharacteristics, (sqlite3_file * file))
FAULT_PASS(ShmMap, (sqlite3_file * file, int page, int size, int extend, void volatile **out), page,
           size, extend, out)
FAULT_PASS(ShmLock, (sqlite3_file * file, int offset, int count, int flags), offset, count, flags)
FAULT_PASS(ShmUnmap, (sqlite3_file * file, int remove), remove)

static inline void fault_shm_barrier(sqlite3_file *file) {
  FAULT_REAL(file)->pMethods->xShmBarrier(FAULT_REAL(file));
}

static inline int fault_close(sqlite3_file *file) {
  return FAULT_REAL(file)->pMethods->xClose(FAULT_REAL(file));
}

static const sqlite3_io_methods fault_methods = {.iVersion = 2,
                                                 .xClose = fault_close,
                                                 .xRead = fault_Read,
                                                 .xWrite = fault_write,
                                                 .xTruncate = fault_truncate,
                                                 .xSync = fault_sync,
                                                 .xFileSize = fault_FileSize,
                                                 .xLock = fault_Lock,
                                                 .xUnlock = fault_Unlock,
                                                 .xCheckReservedLock = fault_CheckReservedLock,
                                                 .xFileControl = fault_FileControl,
                                                 .xSectorSize = fault_SectorSize,
                                                 .xDeviceCharacteristics =
                                                     fault_DeviceCharacteristics,
                                                 .xShmMap = fault_ShmMap,
                                                 .xShmLock = fault_ShmLock,
                                                 .xShmBarrier = fault_shm_barrier,
                                                 .xShmUnmap = fault_ShmUnmap};

static inline int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                             int *out_flags) {
  sqlite3_vfs *system = vfs->pAppData;
  FAULT_REAL(file) = (sqlite3_file *)((char *)file + sizeof(fault_file_t));
  int code = system->xOpen(system, name, FAULT_REAL(file), flags, out_flags);
  file->pMethods = code == SQLITE_OK ? &fault_methods : NULL;
  return code;
}

/* Every database that is opened from now on stands on this layer. */
static inline void fault_install(void) {
  static sqlite3_vfs vfs;
  sqlite3_vfs *system = sqlite3_vfs_find(NULL);
  vfs = *system;
  vfs.zName = "fault";
  vfs.szOsFile += (int)sizeof(fault_file_t);
  vfs.pAppData = system;
  vfs.xOpen = fault_open;
  assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

#endif
