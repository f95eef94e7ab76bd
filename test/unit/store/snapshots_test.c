/* Snapshots against a model that keeps whole memories: whatever was put, thinned out, forgotten,
 * cut off by a kill or damaged, each snapshot that is listed reads as the model has it, or not at
 * all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "store/snapshots.h"

enum { PAGES = 40, POSITIONS = 600 };

static char dir[] = "/tmp/aod-snapshots-test-XXXXXX";
static char path[64];
static aod_snapshots_t *snapshots;
static const uint8_t process[32] = {1, 2, 3}, other[32] = {9};

/* By position: the first byte of each page, which fills it. */
static uint8_t model[POSITIONS + 1][PAGES];

static int open_dir(void **state) {
  (void)state;
  if (!mkdtemp(dir)) return -1;
  return 0;
}

static int close_dir(void **state) {
  (void)state;
  return aod_dir_remove(dir, NULL);
}

static void reopen(void) {
  aod_error_t err;
  aod_snapshots_close(snapshots);
  if (aod_snapshots_open(&snapshots, path, &err) != AOD_OK) fail_msg("%s", err.message);
}

static int open_new(void **state) {
  (void)state;
  static int count;
  snprintf(path, sizeof path, "%s/%d.db", dir, count++);
  reopen();
  return 0;
}

static int close_it(void **state) {
  (void)state;
  aod_snapshots_close(snapshots);
  snapshots = NULL;
  return 0;
}

static aod_snapshot_t manifest(const uint8_t id[32], uint64_t position) {
  aod_snapshot_t snapshot = {.position = position,
                             .nonce = position + 1,
                             .timestamp_ms = (int64_t)position * 1000,
                             .block_height = position / 2,
                             .memory_bytes = PAGES * AOD_SNAPSHOT_PAGE_BYTES,
                             .progress = AOD_TEXT("progress"),
                             .state = AOD_TEXT("state")};
  memcpy(snapshot.process, id, 32);
  memset(snapshot.fingerprint, 7, 32);
  return snapshot;
}

static void add(aod_snapshot_draft_t *draft, uint64_t page, uint8_t value) {
  uint8_t bytes[AOD_SNAPSHOT_PAGE_BYTES];
  memset(bytes, value, sizeof bytes);
  aod_snapshot_draft_add(draft, page, bytes);
}

static void put(const uint8_t id[32], uint64_t before, uint64_t position) {
  aod_snapshot_t snapshot = manifest(id, position);
  aod_snapshot_draft_t *draft = aod_snapshots_draft(snapshots, &snapshot, before);
  for (uint64_t page = 0; page < PAGES; page++)
    if (model[position][page] != model[before][page]) add(draft, page, model[position][page]);
  aod_snapshot_draft_put(draft);
}

/* What a process does between two snapshots: some pages change, some become zero. */
static void change(uint64_t before, uint64_t position, unsigned *seed) {
  memcpy(model[position], model[before], PAGES);
  for (int i = rand_r(seed) % 8; i >= 0; i--)
    model[position][rand_r(seed) % PAGES] = (uint8_t)(rand_r(seed) % 4);
}

static aod_snapshot_list_t list(const uint8_t id[32], uint64_t position, aod_arena_t *arena) {
  aod_error_t err;
  aod_snapshot_list_t found;
  aod_snapshots_flush(snapshots);
  if (aod_snapshots_list(snapshots, id, position, arena, &found, &err) != AOD_OK)
    fail_msg("%s", err.message);
  return found;
}

/* AOD_OK, and all of it is right; or why it cannot be read. */
static int check(const aod_snapshot_t *snapshot) {
  aod_snapshot_pages_t pages;
  uint8_t values[PAGES] = {0}, bytes[AOD_SNAPSHOT_PAGE_BYTES];
  int code = aod_snapshots_pages(snapshots, snapshot, &pages, NULL);
  if (code != AOD_OK) return code;
  for (size_t i = 0; i < pages.count && code == AOD_OK; i++) {
    assert_true(pages.numbers[i] < PAGES);
    assert_true(i == 0 || pages.numbers[i] > pages.numbers[i - 1]);
    code = aod_snapshot_page_read(&pages, i, bytes, NULL);
    if (code != AOD_OK) break;
    values[pages.numbers[i]] = bytes[0];
    for (size_t k = 1; k < sizeof bytes; k++) assert_int_equal(bytes[k], bytes[0]);
  }
  aod_snapshot_pages_close(&pages);
  if (code == AOD_OK) assert_memory_equal(values, model[snapshot->position], PAGES);
  return code;
}

static size_t check_all(uint64_t position) {
  aod_arena_t arena = {0};
  aod_snapshot_list_t found = list(process, position, &arena);
  for (size_t i = 0; i < found.count; i++) {
    const aod_snapshot_t *got = &found.list[i];
    aod_snapshot_t expected = manifest(process, got->position);
    assert_true(i == 0 || got->position < got[-1].position);
    assert_true(got->position <= position);
    assert_int_equal(got->nonce, expected.nonce);
    assert_int_equal(got->timestamp_ms, expected.timestamp_ms);
    assert_int_equal(got->block_height, expected.block_height);
    assert_int_equal(got->memory_bytes, expected.memory_bytes);
    assert_memory_equal(got->fingerprint, expected.fingerprint, 32);
    assert_true(aod_slice_equal(got->progress, expected.progress));
    assert_true(aod_slice_equal(got->state, expected.state));
    assert_int_equal(check(got), AOD_OK);
  }
  aod_arena_free(&arena);
  return found.count;
}

static uint64_t newest(uint64_t position) {
  aod_arena_t arena = {0};
  aod_snapshot_list_t found = list(process, position, &arena);
  uint64_t at = found.count ? found.list[0].position : 0;
  aod_arena_free(&arena);
  return at;
}

/* ---- tests ---- */

static void each_reads_as_it_was(void **state) {
  (void)state;
  unsigned seed = 1;
  uint64_t at = 0;
  assert_int_equal(check_all(UINT64_MAX), 0);
  for (uint64_t next = 1; next < POSITIONS; next += 1 + (uint64_t)(rand_r(&seed) % 5)) {
    change(at, next, &seed);
    put(process, at, next);
    at = next;
    if (rand_r(&seed) % 10 == 0) check_all(UINT64_MAX);
    if (rand_r(&seed) % 30 == 0) reopen();
    if (rand_r(&seed) % 20 == 0) {
      aod_snapshots_truncate(snapshots, process, at - (uint64_t)(rand_r(&seed) % 20) % at);
      at = newest(UINT64_MAX);
    }
  }
  assert_int_equal(newest(UINT64_MAX), at);
}

static void older_ones_thin_out(void **state) {
  (void)state;
  unsigned seed = 2;
  for (uint64_t at = 1; at < POSITIONS; at++) {
    change(at - 1, at, &seed);
    put(process, at - 1, at);
  }
  assert_in_range(check_all(UINT64_MAX), 6, 20);
  for (uint64_t at = 1; at < POSITIONS; at++) {
    uint64_t from = newest(at), distance = POSITIONS - 1 - at;
    assert_true(at - from <= distance + 2);
  }
}

static void one_must_follow_the_newest(void **state) {
  (void)state;
  unsigned seed = 3;
  for (uint64_t at = 1; at <= 4; at++) change(at - 1, at, &seed);
  put(process, 0, 1);
  put(process, 0, 2); /* one is missing between */
  assert_int_equal(newest(UINT64_MAX), 1);
  put(process, 1, 2);
  put(process, 1, 3);
  assert_int_equal(check_all(UINT64_MAX), 2);
  put(other, 0, 4); /* another process has its own line */
  assert_int_equal(check_all(UINT64_MAX), 2);
  assert_int_equal(aod_snapshots_waiting(snapshots), 0);
}

/* More pages than are kept in memory: some are in the store before the manifest is. */
static void a_large_one_is_written_in_parts(void **state) {
  (void)state;
  enum { MANY = 3 * 4096 + 7 };
  aod_snapshot_t snapshot = manifest(process, 1);
  aod_snapshot_draft_t *draft = aod_snapshots_draft(snapshots, &snapshot, 0);
  for (uint64_t page = 0; page < MANY; page++) add(draft, page, (uint8_t)(1 + page % 200));
  assert_int_equal(newest(UINT64_MAX), 0);
  aod_snapshot_draft_put(draft);
  assert_int_equal(newest(UINT64_MAX), 1);
  aod_snapshot_pages_t pages;
  uint8_t bytes[AOD_SNAPSHOT_PAGE_BYTES];
  assert_int_equal(aod_snapshots_pages(snapshots, &snapshot, &pages, NULL), AOD_OK);
  assert_int_equal(pages.count, MANY);
  for (size_t i = 0; i < MANY; i++) {
    assert_int_equal(aod_snapshot_page_read(&pages, i, bytes, NULL), AOD_OK);
    assert_int_equal(bytes[77], 1 + i % 200);
  }
  aod_snapshot_pages_close(&pages);
}

/* ---- damage ---- */

static void damage(const char *sql) {
  sqlite3 *sqlite;
  aod_snapshots_close(snapshots);
  snapshots = NULL;
  assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
  assert_int_equal(sqlite3_exec(sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
  assert_true(sqlite3_changes(sqlite) > 0);
  sqlite3_close(sqlite);
  reopen();
}

static void damage_is_found(void **state) {
  (void)state;
  static const char *const all[] = {
      "UPDATE page SET bytes = substr(bytes, 1, 4095) || x'ee' WHERE number = 0 AND position = 2",
      "UPDATE page SET bytes = x'' WHERE number = 0 AND position = 2",
      "UPDATE page SET bytes = substr(bytes, 2) WHERE number = 0 AND position = 2",
      "UPDATE page SET hash = x'00' WHERE number = 0 AND position = 2",
      "UPDATE page SET number = 39 WHERE number = 0 AND position = 2",
      "DELETE FROM page WHERE number = 0 AND position >= 2",
      "UPDATE snapshot SET sum = x'00' WHERE position = 2",
      "UPDATE snapshot SET nonce = nonce + 1 WHERE position = 2",
      "UPDATE snapshot SET memory_bytes = 7 WHERE position = 2",
      "UPDATE snapshot SET progress = x'00' WHERE position = 2",
      "UPDATE snapshot SET state = x'00' WHERE position = 2",
      "UPDATE snapshot SET fingerprint = x'00' WHERE position = 2",
      "UPDATE snapshot SET hash = x'' WHERE position = 2",
  };
  memset(model, 0, sizeof model);
  for (uint64_t at = 1; at <= 2; at++)
    for (uint64_t page = 0; page < 5; page++) model[at][page] = (uint8_t)(at + page);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    aod_arena_t arena = {0};
    open_new(NULL);
    put(process, 0, 1);
    put(process, 1, 2);
    assert_int_equal(check_all(UINT64_MAX), 2);
    damage(all[i]);
    aod_snapshot_list_t found = list(process, UINT64_MAX, &arena);
    assert_int_equal(found.count, 2);
    if (check(&found.list[0]) != AOD_EIO) fail_msg("not found: %s", all[i]);
    assert_int_equal(check(&found.list[1]), AOD_OK);
    aod_snapshots_truncate(snapshots, process, 2);
    put(process, 1, 2); /* goes on from the good one */
    assert_int_equal(check_all(UINT64_MAX), 2);
    aod_arena_free(&arena);
  }
}

/* ---- kills ---- */

static void write_until_killed(uint64_t at) {
  aod_error_t err;
  unsigned seed = (unsigned)at;
  if (aod_snapshots_open(&snapshots, path, &err) != AOD_OK) _exit(1);
  for (; at + 1 < POSITIONS; at++) {
    aod_snapshot_t snapshot = manifest(process, at + 1);
    change(at, at + 1, &seed);
    aod_snapshot_draft_t *draft = aod_snapshots_draft(snapshots, &snapshot, at);
    for (uint64_t page = 0; page < PAGES; page++)
      if (model[at][page] != model[at + 1][page]) add(draft, page, model[at + 1][page]);
    /* Now and then more than fits into memory: a kill may leave parts. */
    for (int i = 0; at % 32 == 20 && i < 4200; i++) add(draft, 100 + (uint64_t)i, 0xee);
    aod_snapshot_draft_put(draft);
  }
  _exit(0);
}

static void kills_leave_whole_snapshots(void **state) {
  (void)state;
  memset(model, 0, sizeof model);
  uint64_t at = 0;
  for (int round = 0; round < 12 && at + 1 < POSITIONS; round++) {
    aod_snapshots_close(snapshots);
    snapshots = NULL;
    pid_t child = fork();
    if (child == 0) write_until_killed(at);
    usleep((useconds_t)(3000 + 9000 * round));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    reopen();
    uint64_t reached = newest(UINT64_MAX);
    assert_true(reached >= at);
    unsigned seed = (unsigned)at;
    for (; at < reached; at++) change(at, at + 1, &seed);
    aod_arena_t arena = {0};
    aod_snapshot_list_t found = list(process, UINT64_MAX, &arena);
    for (size_t i = 0; i < found.count; i++) {
      aod_snapshot_pages_t pages;
      uint8_t bytes[AOD_SNAPSHOT_PAGE_BYTES];
      assert_int_equal(aod_snapshots_pages(snapshots, &found.list[i], &pages, NULL), AOD_OK);
      for (size_t k = 0; k < pages.count; k++) {
        uint64_t number = pages.numbers[k];
        assert_int_equal(aod_snapshot_page_read(&pages, k, bytes, NULL), AOD_OK);
        assert_int_equal(bytes[5], number < PAGES ? model[found.list[i].position][number] : 0xee);
      }
      aod_snapshot_pages_close(&pages);
    }
    aod_arena_free(&arena);
  }
  assert_true(at > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_reads_as_it_was, open_new, close_it),
      cmocka_unit_test_setup_teardown(older_ones_thin_out, open_new, close_it),
      cmocka_unit_test_setup_teardown(one_must_follow_the_newest, open_new, close_it),
      cmocka_unit_test_setup_teardown(a_large_one_is_written_in_parts, open_new, close_it),
      cmocka_unit_test_teardown(damage_is_found, close_it),
      cmocka_unit_test_setup_teardown(kills_leave_whole_snapshots, open_new, close_it),
  };
  return cmocka_run_group_tests(tests, open_dir, close_dir);
}
