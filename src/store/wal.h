/* A layer between SQLite and the system that writes the write-ahead log in large pieces.
 *
 * A commit appends the pages that it changed to the log, and SQLite hands each over in two writes:
 * ten writes for one scheduled message, which take as long as everything else that the database
 * does. They follow each other in the file, so they are gathered, and written when the log is
 * synced: with synchronous=FULL that is before anybody is told of the commit, and before another
 * connection may read its pages. A write that fails is therefore reported by the sync, which SQLite
 * treats alike. */
#ifndef AOD_STORE_WAL_H
#define AOD_STORE_WAL_H

#include <sqlite3.h>

/* For sqlite3_open_v2. The layer stands on what is SQLite's default when it is first asked for. */
const char *aod__wal_vfs(void);

/* To be called for each connection on it. What a transaction gathered before it was undone is
 * forgotten: another process may have committed in its place when it would be written. */
void aod__wal_attach(sqlite3 *connection);

/* The system's error for which the connection's log was not written or synced the last time; 0: it
 * was. SQLite keeps none when it is a commit that fails. */
int aod__wal_system_errno(sqlite3 *connection);

#endif
