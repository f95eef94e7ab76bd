/* Where a process goes on: after a restart, a kill, in spite of damage, at an earlier message, and
 * after it had to leave memory. That it is the same process then, its answers tell (stream.h);
 * how far back it went, the first nonce that it reads from the schedule again. */
#include "support/stream.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "support/check.h"

enum { MESSAGES = 60 };

static char *dir;
static char results_path[300], snapshots_path[320];
static int database;
static uint64_t first_read; /* the lowest nonce since it was set to UINT64_MAX */
static const char *expected[MESSAGES + 1];
static const char *expected_dry[MESSAGES + 1];

static int range(void *context, const uint8_t process[32], uint64_t from_nonce, size_t limit,
                 aod_arena_t *arena, aod_scheduled_list_t *list, aod_error_t *err) {
  if (from_nonce < first_read) first_read = from_nonce;
  return stream_range(context, process, from_nonce, limit, arena, list, err);
}

static void restart(void) {
  if (stream_cu) stream_close_cu();
  stream_open_cu(results_path);
  first_read = UINT64_MAX;
}

static void start_new(void) {
  char name[20];
  snprintf(name, sizeof name, "cu-%d.db", database++);
  snprintf(results_path, sizeof results_path, "%s", test_path(dir, name));
  snprintf(snapshots_path, sizeof snapshots_path, "%s-snapshots", results_path);
  restart();
}

static const uint8_t *record_id(size_t nonce) {
  return stream.records[nonce].assignment.id;
}

/* ---- the world: a process with messages and crons, and what it answers without snapshots ---- */

static int open_world(void **state) {
  (void)state;
  dir = test_dir_make();
  stream_open_vm(test_path(dir, "cache"));
  stream_scheduler.range = range;
  stream_init(tags_of("Cron-Interval", "2-seconds", "Cron-Tag-Action", "Tick", NULL));
  stream_add_process();
  for (int i = 1; i <= MESSAGES; i++)
    stream_add_message(i % 7 == 3 ? "fail!" : "x", tags_of(NULL, NULL), STREAM_START_MS + 700 * i);
  stream_go_to(STREAM_START_MS + 700 * MESSAGES + 100);
  stream_keeping = (stream_keeping_t){0};
  start_new();
  for (size_t i = 0; i <= MESSAGES; i++) {
    assert_non_null(expected[i] = ask_result(record_id(i)));
    assert_non_null(expected_dry[i] = ask_dry(record_id(i)));
  }
  return 0;
}

static int close_world(void **state) {
  (void)state;
  if (stream_cu) stream_close_cu();
  stream_deinit();
  aod_vm_close(stream_vm);
  test_dir_remove(dir);
  return 0;
}

static void ask_from_to(size_t from, size_t to) {
  for (size_t i = from; i <= to; i++) {
    const char *got = ask_result(record_id(i));
    if (!got) fail_msg("nonce %zu: %s", i, stream_wait.error.message);
    assert_string_equal(got, expected[i]);
    stream_settle();
  }
}

static void check_dry(size_t nonce) {
  const char *got = ask_dry(record_id(nonce));
  if (!got) fail_msg("dry run at %zu: %s", nonce, stream_wait.error.message);
  assert_string_equal(got, expected_dry[nonce]);
}

/* ---- restarts ---- */

static void a_restart_goes_on_where_it_was(void **state) {
  (void)state;
  stream_keeping = (stream_keeping_t){.messages = 1};
  start_new();
  for (size_t i = 0; i <= MESSAGES; i++) {
    ask_from_to(i, i);
    restart();
    check_dry(i);
    assert_true(first_read == UINT64_MAX || first_read >= i);
    restart();
  }
}

static void only_the_tail_is_evaluated_again(void **state) {
  (void)state;
  stream_keeping = (stream_keeping_t){.messages = 10};
  start_new();
  ask_from_to(0, MESSAGES - 1);
  restart();
  ask_from_to(MESSAGES, MESSAGES);
  assert_in_range(first_read, MESSAGES - 10, MESSAGES - 1);
}

static void closing_takes_one(void **state) {
  (void)state;
  stream_keeping = (stream_keeping_t){.messages = 1000, .at_close = true};
  start_new();
  ask_from_to(0, MESSAGES - 1);
  restart();
  ask_from_to(MESSAGES, MESSAGES);
  assert_int_equal(first_read, MESSAGES);
}

/* Without the results it is not known what would be a duplicate. */
static void lost_results_are_evaluated_from_the_beginning(void **state) {
  (void)state;
  stream_keeping = (stream_keeping_t){.messages = 1};
  start_new();
  ask_from_to(0, 20);
  stream_close_cu();
  assert_int_equal(unlink(results_path), 0);
  restart();
  ask_from_to(0, MESSAGES);
  assert_int_equal(first_read, 0);
  restart();
  check_dry(MESSAGES);
  assert_true(first_read >= MESSAGES); /* there are snapshots again */
}

static void lost_snapshots_are_taken_again(void **state) {
  (void)state;
  stream_keeping = (stream_keeping_t){.messages = 1};
  start_new();
  ask_from_to(0, 20);
  stream_close_cu();
  assert_int_equal(unlink(snapshots_path), 0);
  restart();
  ask_from_to(21, 21);
  assert_int_equal(first_read, 0);
  restart();
  ask_from_to(22, MESSAGES);
  assert_int_equal(first_read, 22);
}

/* ---- damage ---- */

static void damage(const char *sql) {
  sqlite3 *sqlite;
  char *why = NULL;
  stream_close_cu();
  assert_int_equal(sqlite3_open(snapshots_path, &sqlite), SQLITE_OK);
  if (sqlite3_exec(sqlite, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s", why);
  assert_true(sqlite3_changes(sqlite) > 0);
  sqlite3_close(sqlite);
}

#define NEWEST "(SELECT max(position) FROM snapshot)"

static void a_broken_snapshot_leads_to_the_one_before(void **state) {
  (void)state;
  static const char *const all[] = {
      "UPDATE page SET bytes = zeroblob(4096) WHERE position = " NEWEST,
      "DELETE FROM page WHERE position = " NEWEST,
      "UPDATE snapshot SET progress = x'00' WHERE position = " NEWEST,
      "UPDATE snapshot SET state = zeroblob(8) WHERE position = " NEWEST,
      "UPDATE snapshot SET fingerprint = zeroblob(32) WHERE position = " NEWEST,
      "UPDATE snapshot SET memory_bytes = 1 WHERE position = " NEWEST,
  };
  for (size_t i = 0; i < COUNT_OF(all); i++) {
    stream_keeping = (stream_keeping_t){.messages = 1};
    start_new();
    ask_from_to(0, 30);
    damage(all[i]);
    restart();
    ask_from_to(31, 40);
    assert_in_range(first_read, 25, 30);
    restart();
    ask_from_to(41, MESSAGES);
    assert_int_equal(first_read, 41); /* it was good for later ones */
  }
}

static void when_all_are_broken_it_begins_anew(void **state) {
  (void)state;
  stream_keeping = (stream_keeping_t){.messages = 1};
  start_new();
  ask_from_to(0, 30);
  damage("UPDATE page SET hash = zeroblob(32)");
  restart();
  ask_from_to(31, MESSAGES);
  assert_int_equal(first_read, 0);
}

/* ---- earlier states ---- */

static void an_earlier_state_begins_at_a_snapshot(void **state) {
  (void)state;
  stream_keeping = (stream_keeping_t){.messages = 1};
  start_new();
  ask_from_to(0, MESSAGES);
  restart();
  for (size_t i = MESSAGES; i-- > 0;) {
    first_read = UINT64_MAX;
    check_dry(i);
    if (first_read != UINT64_MAX) assert_true(i + 1 - first_read <= (MESSAGES - i) + 8);
  }
  first_read = UINT64_MAX;
  check_dry(MESSAGES - 8);
  assert_true(first_read > MESSAGES / 2);
}

/* ---- leaving memory ---- */

/* The unit's threads look at the limits whenever they have done something. */
static void limit_memory(uint64_t bytes, uint64_t processes) {
  pthread_mutex_lock(&stream_cu->lock);
  stream_cu->memory_bytes = bytes;
  stream_cu->resident_max = processes;
  pthread_mutex_unlock(&stream_cu->lock);
}

static void a_process_leaves_memory_and_comes_back(void **state) {
  (void)state;
  stream_keeping = (stream_keeping_t){.messages = 1000, .memory_bytes = 100 << 20};
  start_new();
  ask_from_to(0, 10);
  stream_crowd_out(); /* which is not too much */
  aod_process_t *process = stream_process();
  assert_non_null(process->instance);
  assert_true(process->resident_bytes > 4096);
  assert_int_equal(stream_cu->resident_bytes, process->resident_bytes);
  limit_memory(process->resident_bytes + 1, stream_cu->resident_max);
  stream_crowd_out();
  assert_null(process->instance);
  assert_int_equal(stream_cu->resident_bytes, 0);
  first_read = UINT64_MAX;
  ask_from_to(11, 11);
  assert_int_equal(first_read, 11);
  check_dry(5);
  limit_memory(100 << 20, stream_cu->resident_max);
  stream_crowd_out();
  assert_non_null(process->instance);
  limit_memory(100 << 20, 1);
  stream_crowd_out();
  assert_null(process->instance);
  assert_int_equal(stream_cu->resident_count, 0);
  for (size_t i = 12; i <= MESSAGES; i++) {
    ask_from_to(i, i);
    stream_crowd_out();
    assert_null(process->instance);
  }
  check_dry(MESSAGES);
}

/* ---- kills ---- */

static void work_until_killed(size_t from) {
  stream_open_cu(results_path);
  for (size_t i = from; i <= MESSAGES; i++)
    if (!ask_result(record_id(i))) _exit(1);
  for (;;) pause();
}

/* Whatever was written when it was killed, results and states are the same. */
static void kills_change_nothing(void **state) {
  (void)state;
  stream_keeping = (stream_keeping_t){.messages = 1};
  for (int round = 0; round < 10; round++) {
    start_new();
    ask_from_to(0, 3);
    stream_close_cu();
    for (int kills = 0; kills < 3; kills++) {
      pid_t child = fork();
      if (child == 0) work_until_killed(4);
      usleep((useconds_t)(2000 + 2500 * (3 * round + kills)));
      kill(child, SIGKILL);
      waitpid(child, NULL, 0);
    }
    restart();
    ask_from_to(0, MESSAGES);
    check_dry(MESSAGES);
    check_dry(MESSAGES / 2);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_restart_goes_on_where_it_was),
      cmocka_unit_test(only_the_tail_is_evaluated_again),
      cmocka_unit_test(closing_takes_one),
      cmocka_unit_test(lost_results_are_evaluated_from_the_beginning),
      cmocka_unit_test(lost_snapshots_are_taken_again),
      cmocka_unit_test(a_broken_snapshot_leads_to_the_one_before),
      cmocka_unit_test(when_all_are_broken_it_begins_anew),
      cmocka_unit_test(an_earlier_state_begins_at_a_snapshot),
      cmocka_unit_test(a_process_leaves_memory_and_comes_back),
      cmocka_unit_test(kills_change_nothing),
  };
  return cmocka_run_group_tests(tests, open_world, close_world);
}
