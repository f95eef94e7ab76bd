#include "store/db.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/latch.h"
#include "support/check.h"

static const char schema[] = "CREATE TABLE row (number INTEGER PRIMARY KEY, text TEXT)";

static char *dir;
static aod_db_t *db;
static aod_error_t err;

static void open_db(void) {
  check_ok(aod_db_open(&db, test_path(dir, "test.db"), schema, 1, &err), &err);
}

static int before_each(void **state) {
  (void)state;
  dir = test_dir_make();
  open_db();
  return 0;
}

static int after_each(void **state) {
  (void)state;
  aod_db_close(db);
  db = NULL;
  test_dir_remove(dir);
  return 0;
}

/* ---- writes that insert a number ---- */

typedef struct insert insert_t;
struct insert {
  aod_db_write_t write;
  int64_t number;
  _Atomic int fails_with;  /* after having inserted */
  const char *then;        /* SQL run after the insert */
  pthread_mutex_t *gate;   /* waited for while the transaction is open */
  int *order, *done_count; /* where `done` notes its turn */
  aod_latch_t *ended;
};

static int insert_number(aod_db_connection_t *connection, int64_t number, aod_error_t *why) {
  sqlite3_stmt *insert = aod_db_prepare(connection, "INSERT INTO row (number) VALUES (?)");
  aod_db_bind_int(insert, 1, number);
  return aod_db_run(insert, why);
}

static int run_insert(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *why) {
  insert_t *insert = (insert_t *)write;
  if (insert->gate) {
    pthread_mutex_lock(insert->gate);
    pthread_mutex_unlock(insert->gate);
  }
  int code = insert_number(connection, insert->number, why);
  if (code != AOD_OK) return code;
  if (insert->then) {
    sqlite3_stmt *then = aod_db_prepare_once(connection, aod_text(insert->then), why);
    code = aod_db_run(then, why);
    sqlite3_finalize(then);
    if (code != AOD_OK) return code;
  }
  return insert->fails_with ? aod_fail(why, insert->fails_with, "refused") : AOD_OK;
}

static void note_done(aod_db_write_t *write) {
  insert_t *insert = (insert_t *)write;
  if (insert->order) insert->order[(*insert->done_count)++] = (int)insert->number;
  if (insert->ended) aod_latch_end(insert->ended, write->code, &write->error);
}

static void submit(insert_t *insert, int64_t number) {
  insert->write.run = run_insert;
  insert->write.done = note_done;
  insert->number = number;
  aod_db_submit(db, &insert->write);
}

static int64_t query(const char *sql) {
  aod_db_connection_t *connection = aod_db_acquire(db);
  sqlite3_stmt *statement = aod_db_prepare(connection, sql);
  assert_int_equal(aod_db_step(statement, &err), 1);
  int64_t value = sqlite3_column_int64(statement, 0);
  aod_db_reset(statement);
  aod_db_release(db, connection);
  return value;
}

static int64_t count_rows(void) {
  return query("SELECT count(*) FROM row");
}

/* ---- groups ---- */

static int write_row(int64_t number) {
  insert_t insert = {.write = {.run = run_insert}, .number = number};
  return aod_db_write(db, &insert.write, &err);
}

static void writes_are_done_in_the_order_submitted(void **state) {
  (void)state;
  enum { WRITES = 3000 };
  static insert_t writes[WRITES];
  static int order[WRITES];
  int done_count = 0;
  for (int i = 0; i < WRITES; i++) {
    writes[i] = (insert_t){.order = order, .done_count = &done_count};
    submit(&writes[i], i);
  }
  aod_db_flush(db);
  assert_int_equal(done_count, WRITES);
  for (int i = 0; i < WRITES; i++) {
    assert_int_equal(writes[i].write.code, AOD_OK);
    assert_int_equal(order[i], i);
  }
  assert_int_equal(count_rows(), WRITES);
}

/* Hold the writer in a first write until all others are queued: they become one group. */
static void submit_as_group(insert_t *inserts, size_t count) {
  static insert_t first;
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&gate);
  first = (insert_t){.gate = &gate};
  submit(&first, -1);
  for (size_t i = 0; i < count; i++) submit(&inserts[i], (int64_t)i);
  pthread_mutex_unlock(&gate);
  aod_db_flush(db);
}

static void a_patient_write_waits_for_others_but_not_for_ever(void **state) {
  (void)state;
  aod_latch_t ended = AOD_LATCH(1);
  insert_t alone = {.write.patient = true, .ended = &ended};
  int64_t began_us = aod_clock_monotonic_us();
  submit(&alone, 0);
  check_ok(aod_latch_wait(&ended, &err), &err);
  assert_true(aod_clock_monotonic_us() - began_us >= AOD_DB_PATIENCE_MS * 1000);
  assert_int_equal(count_rows(), 1);
}

static void a_write_in_a_hurry_takes_the_patient_ones_along(void **state) {
  (void)state;
  enum { ROUNDS = 100 };
  int64_t least_us = INT64_MAX;
  for (int round = 0; round < ROUNDS; round++) {
    insert_t patient[2] = {{.write.patient = true}, {.write.patient = true}}, hurried = {0};
    int order[3], done_count = 0;
    patient[0].order = patient[1].order = hurried.order = order;
    patient[0].done_count = patient[1].done_count = hurried.done_count = &done_count;
    int64_t began_us = aod_clock_monotonic_us();
    submit(&patient[0], 3 * round);
    submit(&hurried, 3 * round + 1);
    submit(&patient[1], 3 * round + 2);
    aod_db_flush(db);
    int64_t took_us = aod_clock_monotonic_us() - began_us;
    if (took_us < least_us) least_us = took_us;
    assert_int_equal(done_count, 3);
    for (int i = 0; i < 3; i++) assert_int_equal(order[i], 3 * round + i);
  }
  assert_int_equal(count_rows(), 3 * ROUNDS);
  assert_true(least_us < AOD_DB_PATIENCE_MS * 1000);
}

static void a_failing_write_is_undone_alone(void **state) {
  (void)state;
  insert_t group[] = {{.number = 0}, {.fails_with = AOD_EINPUT}, {.number = 0}};
  submit_as_group(group, 3);
  assert_int_equal(group[0].write.code, AOD_OK);
  check_fails(group[1].write.code, AOD_EINPUT, &group[1].write.error, "refused");
  assert_int_equal(group[2].write.code, AOD_OK);
  assert_int_equal(query("SELECT count(*) FROM row WHERE number = 1"), 0);
  assert_int_equal(query("SELECT count(*) FROM row WHERE number IN (0, 2)"), 2);
}

static void behind_a_write_that_insists_nothing_is_written(void **state) {
  (void)state;
  int order[2], done_count = 0;
  insert_t first = {.write.insists = true, .fails_with = AOD_EIO, .order = order}, second = {0};
  first.done_count = second.done_count = &done_count;
  submit(&first, 1);
  check_fails(write_row(2), AOD_EIO, &err, "refused");
  assert_int_equal(aod_db_flush(db), AOD_EIO);
  assert_int_equal(done_count, 0);
  assert_int_equal(count_rows(), 0);
  first.fails_with = AOD_OK;
  second.order = order;
  submit(&second, 2);
  check_ok(aod_db_flush(db), NULL);
  assert_int_equal(done_count, 2);
  assert_int_equal(order[0], 1);
  assert_int_equal(order[1], 2);
  assert_int_equal(count_rows(), 2);
}

static void a_write_that_insists_is_tried_again_by_itself(void **state) {
  (void)state;
  aod_latch_t ended = AOD_LATCH(1);
  insert_t insert = {.write.insists = true, .fails_with = AOD_EIO, .ended = &ended};
  submit(&insert, 1);
  assert_int_equal(aod_db_flush(db), AOD_EIO);
  insert.fails_with = AOD_OK;
  check_ok(aod_latch_wait(&ended, &err), &err);
  assert_int_equal(count_rows(), 1);
}

static void a_write_that_insists_does_not_hold_up_the_end(void **state) {
  (void)state;
  aod_latch_t ended = AOD_LATCH(1);
  insert_t insert = {.write.insists = true, .fails_with = AOD_EIO, .ended = &ended};
  submit(&insert, 1);
  aod_db_close(db);
  check_fails(aod_latch_wait(&ended, &err), AOD_EIO, &err, "refused");
  open_db();
}

static void a_broken_uniqueness_is_told_apart(void **state) {
  (void)state;
  insert_t first = {0}, second = {0};
  submit(&first, 7);
  submit(&second, 7);
  aod_db_flush(db);
  assert_int_equal(first.write.code, AOD_OK);
  check_fails(second.write.code, AOD_EEXISTS, &second.write.error, "UNIQUE");
}

static void a_single_write_that_fails_undoes_itself(void **state) {
  (void)state;
  static insert_t taken = {0};
  submit(&taken, 1);
  insert_t group[3] = {0};
  for (int i = 0; i < 3; i++) group[i].write.single = true;
  submit_as_group(group, 3);
  assert_int_equal(group[0].write.code, AOD_OK);
  check_fails(group[1].write.code, AOD_EEXISTS, &group[1].write.error, "UNIQUE");
  assert_int_equal(group[2].write.code, AOD_OK);
  assert_int_equal(query("SELECT count(*) FROM row WHERE number >= 0"), 3);
}

static void what_a_failed_group_reports_is_what_the_file_holds(void **state) {
  (void)state;
  /* as SQLite itself does when the disk is full: the whole transaction is gone */
  insert_t group[] = {{.number = 0}, {.then = "ROLLBACK"}, {.number = 0}, {.number = 0}};
  submit_as_group(group, 4);
  for (int i = 0; i < 4; i++) {
    assert_int_not_equal(group[i].write.code, AOD_OK);
    assert_true(strlen(group[i].write.error.message) > 0);
  }
  assert_int_equal(query("SELECT count(*) FROM row WHERE number >= 0"), 0);
  insert_t next = {0};
  submit(&next, 100);
  aod_db_flush(db);
  assert_int_equal(next.write.code, AOD_OK);
}

static void waiting_for_a_write_gives_its_outcome(void **state) {
  (void)state;
  insert_t good = {.write = {.run = run_insert}, .number = 1};
  insert_t bad = {.write = {.run = run_insert}, .number = 2, .fails_with = AOD_EINPUT};
  check_ok(aod_db_write(db, &good.write, &err), &err);
  check_fails(aod_db_write(db, &bad.write, &err), AOD_EINPUT, &err, "refused");
  assert_int_equal(aod_db_write(db, &bad.write, NULL), AOD_EINPUT);
  assert_int_equal(count_rows(), 1);
}

/* ---- readers ---- */

static void readers_see_only_what_is_committed(void **state) {
  (void)state;
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  insert_t inserted = {0}, held = {.gate = &gate};
  pthread_mutex_lock(&gate);
  submit(&inserted, 1);
  submit(&held, 2);
  assert_true(count_rows() <= 1);
  assert_int_equal(query("SELECT count(*) FROM row WHERE number = 2"), 0);
  pthread_mutex_unlock(&gate);
  aod_db_flush(db);
  assert_int_equal(count_rows(), 2);
}

static void a_statement_is_prepared_once_and_reset(void **state) {
  (void)state;
  static const char sql[] = "SELECT ?1";
  aod_db_connection_t *connection = aod_db_acquire(db);
  sqlite3_stmt *statement = aod_db_prepare(connection, sql);
  aod_db_bind(statement, 1, AOD_TEXT("a\0b"));
  assert_int_equal(aod_db_step(statement, &err), 1);
  check_bytes(aod_db_column(statement, 0), AOD_TEXT("a\0b"));
  assert_ptr_equal(aod_db_prepare(connection, sql), statement);
  assert_int_equal(aod_db_step(statement, &err), 1);
  assert_int_equal(sqlite3_column_type(statement, 0), SQLITE_NULL); /* bindings are gone */
  aod_db_reset(statement);
  aod_db_release(db, connection);
}

static void *count_in_thread(void *count) {
  *(int64_t *)count = count_rows();
  return NULL;
}

static void a_reader_that_cannot_be_opened_is_waited_for(void **state) {
  (void)state;
  enum { READERS = 3 };
  struct rlimit limit, none;
  pthread_t threads[READERS];
  int64_t counts[READERS];
  check_ok(write_row(1), &err);
  aod_db_connection_t *connection = aod_db_acquire(db);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  for (int i = 0; i < READERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, count_in_thread, &counts[i]), 0);
  aod_db_release(db, connection);
  for (int i = 0; i < READERS; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(counts[i], 1);
  }
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void composed_sql_may_be_wrong(void **state) {
  (void)state;
  aod_db_connection_t *connection = aod_db_acquire(db);
  assert_null(aod_db_prepare_once(connection, AOD_TEXT("SELECT nonsense"), &err));
  check_contains(err.message, "nonsense");
  aod_db_release(db, connection);
}

/* ---- many threads ---- */

enum { THREADS = 6, EACH = 200 };

static void *write_and_read(void *argument) {
  int64_t first = (int64_t)(intptr_t)argument * EACH;
  for (int i = 0; i < EACH; i++) {
    insert_t insert = {.write = {.run = run_insert}, .number = first + i};
    if (aod_db_write(db, &insert.write, NULL) != AOD_OK) return "a write failed";
    aod_db_connection_t *connection = aod_db_acquire(db);
    sqlite3_stmt *find = aod_db_prepare(connection, "SELECT 1 FROM row WHERE number = ?");
    aod_db_bind_int(find, 1, first + i);
    int row = aod_db_step(find, NULL);
    aod_db_reset(find);
    aod_db_release(db, connection);
    if (row != 1) return "what was written is not there";
  }
  return NULL;
}

static void whoever_is_told_ok_reads_it_back(void **state) {
  (void)state;
  pthread_t threads[THREADS];
  for (intptr_t i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, write_and_read, (void *)i), 0);
  for (int i = 0; i < THREADS; i++) {
    void *complaint;
    pthread_join(threads[i], &complaint);
    if (complaint) fail_msg("%s", (char *)complaint);
  }
  assert_int_equal(count_rows(), THREADS * EACH);
}

/* ---- opening ---- */

/* ---- no room ---- */

static void limit_files(rlim_t bytes) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_log_that_takes_all_room_gives_it_back(void **state) {
  (void)state;
  signal(SIGXFSZ, SIG_IGN);
  limit_files(200000); /* the rows take a tenth of it, their log reaches it soon */
  int64_t written = 0;
  int code;
  while ((code = write_row(written)) == AOD_OK && written < 1000) written++;
  assert_true(code == AOD_EDISK || code == AOD_EIO); /* a disk that is full, or as good as */
  assert_true(written > 10);
  check_ok(write_row(written), &err);
  limit_files(RLIM_INFINITY);
  assert_int_equal(count_rows(), written + 1);
}

static void closing_finishes_what_was_submitted(void **state) {
  (void)state;
  static insert_t writes[100];
  for (int i = 0; i < 100; i++) {
    writes[i] = (insert_t){.write.patient = i >= 50};
    submit(&writes[i], i);
  }
  aod_db_close(db);
  open_db();
  assert_int_equal(count_rows(), 100);
}

static void a_file_of_another_version_is_refused(void **state) {
  (void)state;
  aod_db_t *other = NULL;
  check_fails(aod_db_open(&other, test_path(dir, "test.db"), schema, 2, &err), AOD_EUNSUPPORTED,
              &err, "has format 1, this aod reads format 2");
  check_contains(err.message, "test.db");
  assert_null(other);
}

static void a_file_that_is_no_database_is_refused(void **state) {
  (void)state;
  aod_db_t *other = NULL;
  aod_buf_t noise = {0};
  for (int i = 0; i < 5000; i++) aod_buf_byte(&noise, (uint8_t)(i * 31));
  check_ok(aod_file_write(test_path(dir, "noise"), aod_buf_slice(&noise), 0644, &err), &err);
  aod_buf_free(&noise);
  check_fails(aod_db_open(&other, test_path(dir, "noise"), schema, 1, &err), AOD_EIO, &err,
              "not a database");
  check_fails(aod_db_open(&other, test_path(dir, "absent/x"), schema, 1, &err), AOD_EIO, &err,
              "absent/x");
}

static void a_wrong_schema_leaves_an_empty_file(void **state) {
  (void)state;
  aod_db_t *other = NULL;
  const char *wrong = "CREATE TABLE a (x); CREATE NONSENSE";
  check_fails(aod_db_open(&other, test_path(dir, "new.db"), wrong, 1, &err), AOD_EIO, &err,
              "NONSENSE");
  check_ok(aod_db_open(&other, test_path(dir, "new.db"), "CREATE TABLE a (x)", 1, &err), &err);
  aod_db_close(other);
}

/* ---- a writer that is killed ---- */

typedef struct {
  insert_t insert;
  int fd;
} acknowledged_t;

static bool write_number(int fd, int64_t number) {
  return write(fd, &number, sizeof number) == sizeof number;
}

static void acknowledge(aod_db_write_t *write) {
  acknowledged_t *acknowledged = (acknowledged_t *)write;
  int64_t number = write->code == AOD_OK ? acknowledged->insert.number : -1;
  if (write_number(acknowledged->fd, number)) free(acknowledged);
}

static _Noreturn void write_until_killed(int fd) {
  open_db();
  for (int64_t number = 0;; number++) {
    acknowledged_t *next = aod_alloc(sizeof *next);
    next->insert.write.run = run_insert;
    next->insert.write.done = acknowledge;
    next->insert.number = number;
    next->fd = fd;
    aod_db_submit(db, &next->insert.write);
    if (number % 10 == 9) aod_db_flush(db);
  }
}

static void what_was_acknowledged_survives_sigkill(void **state) {
  (void)state;
  aod_db_close(db);
  for (int round = 1; round <= 5; round++) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) write_until_killed(ends[1]);
    close(ends[1]);
    int64_t number = -1, last = -1;
    while (last < 40 * round && read(ends[0], &number, sizeof number) == sizeof number) {
      assert_int_equal(number, last + 1);
      last = number;
    }
    kill(child, SIGKILL);
    while (read(ends[0], &number, sizeof number) == sizeof number) last = number;
    waitpid(child, NULL, 0);
    close(ends[0]);
    open_db();
    assert_true(last >= 40 * round);
    assert_true(count_rows() > last);
    assert_int_equal(query("SELECT count(*) - 1 - max(number) FROM row"), 0);
    aod_db_close(db);
    aod_dir_remove(dir, NULL);
    aod_dir_create(dir, NULL);
  }
  open_db();
}

#define DB_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      DB_TEST(writes_are_done_in_the_order_submitted),
      DB_TEST(a_patient_write_waits_for_others_but_not_for_ever),
      DB_TEST(a_write_in_a_hurry_takes_the_patient_ones_along),
      DB_TEST(a_failing_write_is_undone_alone),
      DB_TEST(behind_a_write_that_insists_nothing_is_written),
      DB_TEST(a_write_that_insists_is_tried_again_by_itself),
      DB_TEST(a_write_that_insists_does_not_hold_up_the_end),
      DB_TEST(a_single_write_that_fails_undoes_itself),
      DB_TEST(a_broken_uniqueness_is_told_apart),
      DB_TEST(what_a_failed_group_reports_is_what_the_file_holds),
      DB_TEST(waiting_for_a_write_gives_its_outcome),
      DB_TEST(readers_see_only_what_is_committed),
      DB_TEST(a_statement_is_prepared_once_and_reset),
      DB_TEST(a_reader_that_cannot_be_opened_is_waited_for),
      DB_TEST(composed_sql_may_be_wrong),
      DB_TEST(whoever_is_told_ok_reads_it_back),
      DB_TEST(a_log_that_takes_all_room_gives_it_back),
      DB_TEST(closing_finishes_what_was_submitted),
      DB_TEST(a_file_of_another_version_is_refused),
      DB_TEST(a_file_that_is_no_database_is_refused),
      DB_TEST(a_wrong_schema_leaves_an_empty_file),
      DB_TEST(what_was_acknowledged_survives_sigkill),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
