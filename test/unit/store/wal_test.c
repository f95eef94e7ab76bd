/* Databases on the layer that gathers what is written to the log, seen through other connections
 * that stand on the system's own. */
#include "store/wal.h"

#include "support/fault_vfs.h"

enum { ROWS = 3000, ROW_BYTES = 500 }; /* 1.5 MB: a dozen times what is gathered at most */

static char *dir;
static sqlite3 *ours;

static void run(sqlite3 *sqlite, const char *sql) {
  char *message = NULL;
  if (sqlite3_exec(sqlite, sql, NULL, NULL, &message) != SQLITE_OK)
    fail_msg("%s: %s", sql, message);
}

static int64_t ask(sqlite3 *sqlite, const char *sql) {
  sqlite3_stmt *statement;
  assert_int_equal(sqlite3_prepare_v2(sqlite, sql, -1, &statement, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  int64_t number = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return number;
}

static sqlite3 *open_on(const char *vfs) {
  sqlite3 *sqlite;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  assert_int_equal(sqlite3_open_v2(test_path(dir, "test.db"), &sqlite, flags, vfs), SQLITE_OK);
  run(sqlite, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
  return sqlite;
}

static int before_each(void **state) {
  (void)state;
  dir = test_dir_make();
  ours = open_on(aod__wal_vfs());
  run(ours, "CREATE TABLE row (number INTEGER PRIMARY KEY, bytes BLOB)");
  return 0;
}

static int after_each(void **state) {
  (void)state;
  fault_set(FAULT_FAIL, 0);
  sqlite3_close(ours);
  test_dir_remove(dir);
  return 0;
}

static void insert_rows(void) {
  for (int i = 0; i < ROWS; i++) {
    char sql[100];
    snprintf(sql, sizeof sql, "INSERT INTO row (bytes) VALUES (randomblob(%d))", ROW_BYTES);
    run(ours, sql);
  }
}

static void others_see_a_commit_whole(void **state) {
  (void)state;
  sqlite3 *other = open_on(NULL);
  run(ours, "BEGIN");
  insert_rows();
  assert_int_equal(ask(other, "SELECT count(*) FROM row"), 0);
  run(ours, "COMMIT");
  assert_int_equal(ask(other, "SELECT count(*) FROM row"), ROWS);
  assert_int_equal(ask(other, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
  sqlite3_close(other);
}

/* With a cache of few pages SQLite writes to the log before the commit, and reads it back. */
static void what_is_not_committed_can_be_read_back_and_undone(void **state) {
  (void)state;
  run(ours, "PRAGMA cache_size=10; INSERT INTO row (bytes) VALUES (x'01'); BEGIN");
  insert_rows();
  assert_int_equal(ask(ours, "SELECT sum(length(bytes)) FROM row"), ROWS * ROW_BYTES + 1);
  run(ours, "UPDATE row SET bytes = randomblob(500) WHERE number % 7 = 0; ROLLBACK; BEGIN");
  assert_int_equal(ask(ours, "SELECT count(*) FROM row"), 1);
  insert_rows();
  run(ours, "COMMIT");
  sqlite3 *other = open_on(NULL);
  assert_int_equal(ask(other, "SELECT sum(length(bytes)) FROM row"), ROWS * ROW_BYTES + 1);
  assert_int_equal(ask(other, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
  sqlite3_close(other);
}

static void pages_are_written_in_large_pieces(void **state) {
  (void)state;
  fault_set(FAULT_FAIL, 0); /* count from here */
  run(ours, "PRAGMA wal_autocheckpoint=0; BEGIN");
  insert_rows();
  run(ours, "COMMIT");
  int pages = (int)ask(ours, "PRAGMA page_count");
  assert_in_range(pages, 300, 1000);
  assert_in_range(atomic_load(&fault.steps), 10, 40); /* not two a page */
}

static void a_write_that_fails_fails_the_commit(void **state) {
  (void)state;
  run(ours, "BEGIN");
  insert_rows();
  fault_set(FAULT_TEAR, 1);
  assert_int_equal(sqlite3_exec(ours, "COMMIT", NULL, NULL, NULL), SQLITE_IOERR);
  fault_set(FAULT_FAIL, 0);
  if (!sqlite3_get_autocommit(ours)) run(ours, "ROLLBACK");
  assert_int_equal(ask(ours, "SELECT count(*) FROM row"), 0);
  run(ours, "INSERT INTO row (bytes) VALUES (x'01')");
  sqlite3 *other = open_on(NULL);
  assert_int_equal(ask(other, "SELECT count(*) FROM row"), 1);
  sqlite3_close(other);
}

/* The writer's own connection may read, write or close after it has given up: what it had gathered
 * must not come down on what somebody else has committed there meanwhile. */
static void what_was_undone_does_not_overwrite_others(void **state) {
  (void)state;
  sqlite3 *other = open_on(NULL);
  aod__wal_attach(ours);
  run(ours, "INSERT INTO row (bytes) VALUES (x'01'); PRAGMA cache_size=10;"
            "PRAGMA wal_checkpoint(TRUNCATE); BEGIN");
  insert_rows();
  run(ours, "ROLLBACK");
  run(other, "WITH n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 4000)"
             " INSERT INTO row (bytes) SELECT randomblob(500) FROM n");
  run(ours, "PRAGMA cache_size=2");
  assert_int_equal(ask(ours, "SELECT sum(length(bytes)) FROM row"), 4000 * ROW_BYTES + 1);
  sqlite3 *third = open_on(NULL);
  run(third, "PRAGMA cache_size=2");
  assert_int_equal(ask(third, "SELECT sum(length(bytes)) FROM row"), 4000 * ROW_BYTES + 1);
  assert_int_equal(ask(third, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
  sqlite3_close(third);
  sqlite3_close(other);
}

static int install_faults(void **state) {
  (void)state;
  fault_install();
  return 0;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(others_see_a_commit_whole),
      CASE(what_is_not_committed_can_be_read_back_and_undone),
      CASE(pages_are_written_in_large_pieces),
      CASE(a_write_that_fails_fails_the_commit),
      CASE(what_was_undone_does_not_overwrite_others),
  };
  return cmocka_run_group_tests(tests, install_faults, NULL);
}
