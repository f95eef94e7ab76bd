#include "store/monitors.h"

#include "base/latch.h"
#include "store/outbox.h"
#include "support/check.h"

static char *dir;
static aod_outbox_t *outbox;
static aod_arena_t arena;
static aod_error_t err;
static uint8_t P[32], Q[32];

static void open_outbox(void) {
  check_ok(aod_outbox_open(&outbox, test_path(dir, "mu.db"), &err), &err);
}

static int before_each(void **state) {
  (void)state;
  memset(P, 'P', 32);
  memset(Q, 'Q', 32);
  dir = test_dir_make();
  open_outbox();
  return 0;
}

static int after_each(void **state) {
  (void)state;
  aod_outbox_close(outbox);
  aod_arena_free(&arena);
  test_dir_remove(dir);
  return 0;
}

/* ---- changes, waited for ---- */

typedef struct {
  aod_monitor_change_t monitor;
  aod_outbox_change_t entries;
  aod_latch_t latch;
} waiting_t;

static void monitor_done(aod_monitor_change_t *change, int code, const aod_error_t *why) {
  aod_latch_end(&((waiting_t *)change)->latch, code, why);
}

static void entries_done(aod_outbox_change_t *change, int code, const aod_error_t *why) {
  waiting_t *waiting = (waiting_t *)((char *)change - offsetof(waiting_t, entries));
  aod_latch_end(&waiting->latch, code, why);
}

static int change(const uint8_t process[32], bool remove, int64_t *id) {
  waiting_t waiting = {.latch = AOD_LATCH(1)};
  waiting.monitor = (aod_monitor_change_t){.remove = remove, .done = monitor_done};
  memcpy(waiting.monitor.process, process, 32);
  aod_monitors_submit(outbox, &waiting.monitor);
  int code = aod_latch_wait(&waiting.latch, &err);
  if (id) *id = waiting.monitor.id;
  return code;
}

/* Move a monitor, together with an entry of its own. */
static int move(int64_t id, const char *cursor) {
  waiting_t waiting = {.latch = AOD_LATCH(1)};
  aod_monitor_t monitor = {.id = id, .cursor = aod_text(cursor)};
  aod_outbox_entry_t entry = {.kind = AOD_OUTBOX_RESULT, .text = aod_text(cursor)};
  waiting.entries =
      (aod_outbox_change_t){.add = {&entry, 1}, .monitor = &monitor, .done = entries_done};
  aod_outbox_submit(outbox, &waiting.entries);
  return aod_latch_wait(&waiting.latch, &err);
}

static aod_monitors_t load(void) {
  aod_monitors_t monitors;
  check_ok(aod_monitors_load(outbox, &arena, &monitors, &err), &err);
  return monitors;
}

static size_t count_entries(void) {
  aod_outbox_entries_t entries;
  check_ok(aod_outbox_list(outbox, 0, 100, &arena, &entries, &err), &err);
  return entries.count;
}

/* ---- tests ---- */

static void a_process_has_one_monitor(void **state) {
  (void)state;
  assert_int_equal(load().count, 0);
  assert_int_equal(change(P, false, NULL), AOD_OK);
  assert_int_equal(change(P, false, NULL), AOD_EEXISTS);
  assert_int_equal(change(Q, false, NULL), AOD_OK);
  assert_int_equal(change(P, true, NULL), AOD_OK);
  assert_int_equal(change(P, true, NULL), AOD_ENOTFOUND);
  aod_monitors_t monitors = load();
  assert_int_equal(monitors.count, 1);
  check_id(monitors.list[0].process, Q);
  check_text(monitors.list[0].cursor, "");
}

static void cursor_and_entries_are_stored_together(void **state) {
  (void)state;
  int64_t id;
  assert_int_equal(change(P, false, &id), AOD_OK);
  assert_int_equal(move(id, "one"), AOD_OK);
  aod_outbox_close(outbox);
  open_outbox();
  aod_monitors_t monitors = load();
  assert_int_equal(monitors.count, 1);
  assert_int_equal(monitors.list[0].id, id);
  check_text(monitors.list[0].cursor, "one");
  assert_int_equal(count_entries(), 1);
}

static void what_a_removed_monitor_saw_is_not_stored(void **state) {
  (void)state;
  int64_t first, second;
  assert_int_equal(change(P, false, &first), AOD_OK);
  assert_int_equal(change(P, true, NULL), AOD_OK);
  assert_int_equal(move(first, "gone"), AOD_ENOTFOUND);
  assert_int_equal(change(P, false, &second), AOD_OK);
  assert_int_equal(move(first, "gone"), AOD_ENOTFOUND); /* nor is it the new one's */
  assert_int_equal(count_entries(), 0);
  check_text(load().list[0].cursor, "");
}

#define MONITORS_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      MONITORS_TEST(a_process_has_one_monitor),
      MONITORS_TEST(cursor_and_entries_are_stored_together),
      MONITORS_TEST(what_a_removed_monitor_saw_is_not_stored),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
