/* Each kind of damage is found, and named with its file and its record. */
#include "cli/fsck.h"

#include <sqlite3.h>

#include "ao/address.h"
#include "mu/mu.h"
#include "su/su.h"
#include "support/gateway.h"
#include "support/posts.h"

enum { MESSAGES = 4 };

static aod_signer_t *user, *unit;
static gateway_t gateway;
static char *dir;
static const char *process;
static aod_error_t err;

/* A process with four messages; the third was pushed. */
static int make_folder(void **state) {
  (void)state;
  posting_t posting;
  aod_su_t *su;
  user = wallet_quick();
  unit = wallet_quick();
  gateway_init(&gateway);
  dir = test_dir_make();
  aod_su_options_t options = {
      .schedule_path = test_path(dir, "su.db"), .signer = unit, .gateway = &gateway.table};
  check_ok(aod_su_open(&su, &options, &err), &err);
  const aod_scheduler_t *scheduler = aod_su_scheduler(su);
  aod_item_t item = item_parse(process_item(user, "MODULE", "lua"));
  check_ok(post_raw(scheduler, item.raw, &posting), &posting.error);
  process = id_text(item.id);
  for (int i = 0; i < MESSAGES; i++) {
    aod_item_fields_t fields = {.target = aod_slice(item.id, 32),
                                .data = AOD_TEXT("x"),
                                .anchor = anchor_new(),
                                .tags = tags_of("Data-Protocol", "ao", "Type", "Message",
                                                i == 2 ? "From-Process" : "A", process, NULL)};
    check_ok(post_raw(scheduler, item_sign(user, &fields), &posting), &posting.error);
  }
  aod_su_close(su);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  gateway_deinit(&gateway);
  test_dir_remove(dir);
  items_free();
  aod_signer_free(user);
  aod_signer_free(unit);
  return 0;
}

static void change(const char *file, const char *sql) {
  sqlite3 *sqlite;
  assert_int_equal(sqlite3_open(test_path(dir, file), &sqlite), SQLITE_OK);
  if (sqlite3_exec(sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(sqlite));
  sqlite3_close(sqlite);
}

static aod_fsck_t check_schedule(bool quick) {
  aod_fsck_t fsck = {.quick = quick};
  aod_schedule_t *schedule;
  check_ok(aod_schedule_open(&schedule, test_path(dir, "su.db"), &err), &err);
  check_ok(aod_fsck_schedule(&fsck, schedule, NULL, &err), &err);
  aod_schedule_close(schedule);
  aod_buf_free(&fsck.findings);
  return fsck;
}

static void a_whole_schedule_is_whole(void **state) {
  (void)state;
  aod_fsck_t fsck = check_schedule(false);
  if (fsck.finding_count) fail_msg("%s", fsck.first.message);
  assert_int_equal(fsck.records, MESSAGES + 1);
  assert_int_equal(fsck.processes, 1);
}

static void damage_to_the_schedule_is_found(void **state) {
  (void)state;
  static const struct {
    const char *sql, *where, *what;
  } cases[] = {
      {"DELETE FROM record WHERE nonce = 2", "nonce 3", "its nonce should be 2"},
      {"UPDATE record SET nonce = 9 WHERE nonce = 4", "nonce 9", "its nonce should be 4"},
      {"UPDATE record SET timestamp_ms = 1 WHERE nonce = 2", "nonce 2", "is not after"},
      {"UPDATE record SET hash_chain = zeroblob(32) WHERE nonce = 1", "nonce 1", "hash chain"},
      {"UPDATE record SET block_height = 5 WHERE nonce = 1", "nonce 1", "Block-Height differs"},
      {"UPDATE record SET assignment = (SELECT assignment FROM record WHERE nonce = 1)"
       " WHERE nonce = 3",
       "nonce 3", "its assignment: its id differs"},
      {"UPDATE record SET item = (SELECT item FROM record WHERE nonce = 1) WHERE nonce = 3",
       "nonce 3", "its message: its id differs"},
      {"UPDATE record SET item = substr(item, 1, length(item) - 1) || 'y' WHERE nonce = 3",
       "nonce 3", "its message: "},
      {"UPDATE record SET item = NULL WHERE nonce = 0", "nonce 0", "no process item"},
      {"UPDATE record SET dedupe = zeroblob(48) WHERE nonce = 3", "nonce 3", "duplicates"},
      {"UPDATE publisher SET seq = 1000", "the publisher", "it stands at record 1000"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    remove_folder(NULL);
    make_folder(NULL);
    change("su.db", cases[i].sql);
    aod_fsck_t fsck = check_schedule(false);
    if (!fsck.finding_count) fail_msg("not found: %s", cases[i].sql);
    check_contains(fsck.first.message, "su.db");
    check_contains(fsck.first.message, cases[i].where);
    check_contains(fsck.first.message, cases[i].what);
    if (i < 10) check_contains(fsck.first.message, process);
  }
}

static void signatures_may_be_left_out(void **state) {
  (void)state;
  change("su.db",
         "UPDATE record SET item = substr(item, 1, length(item) - 1) || 'y' WHERE nonce = 1");
  assert_int_equal(check_schedule(true).finding_count, 0);
  assert_int_equal(check_schedule(false).finding_count, 1);
}

/* ---- the outbox ---- */

static aod_fsck_t check_outbox(void) {
  aod_fsck_t fsck = {0};
  aod_schedule_t *schedule;
  aod_outbox_t *outbox;
  check_ok(aod_schedule_open(&schedule, test_path(dir, "su.db"), &err), &err);
  check_ok(aod_outbox_open(&outbox, test_path(dir, "mu.db"), &err), &err);
  check_ok(aod_fsck_outbox(&fsck, outbox, schedule, &err), &err);
  aod_outbox_close(outbox);
  aod_schedule_close(schedule);
  aod_buf_free(&fsck.findings);
  return fsck;
}

#define ENTRY(kind, id, process, raw, text)                                                        \
  "DELETE FROM entry; ATTACH '%s/su.db' AS su; INSERT INTO entry SELECT NULL, " kind ", " id       \
  ", " process ", zeroblob(32), zeroblob(32), NULL, 0, " raw ", " text                             \
  ", '', 0, 0, 0 FROM su.record WHERE nonce = 1"

static void damage_to_the_outbox_is_found(void **state) {
  (void)state;
  static const struct {
    const char *sql, *what; /* NULL: nothing is wrong */
  } cases[] = {
      {ENTRY("1", "message_id", "process", "item", "''"), NULL},
      {ENTRY("4", "message_id", "process", "''", "''"), NULL},
      {ENTRY("3", "message_id", "process", "''", "''"), NULL},
      {ENTRY("5", "message_id", "process", "''", "'{}'"), NULL},
      {ENTRY("6", "message_id", "process", "''", "'{}'"), NULL},
      {ENTRY("1", "zeroblob(32)", "process", "item", "''"), "its id differs"},
      {ENTRY("1", "message_id", "zeroblob(32)", "item", "''"), "another process"},
      {ENTRY("1", "message_id", "process", "substr(item, 1, length(item) - 1) || 'y'", "''"),
       "its item"},
      {ENTRY("1", "message_id", "process", "'x'", "''"), "its item"},
      {ENTRY("4", "zeroblob(32)", "process", "''", "''"), "not found"},
      {ENTRY("4", "message_id", "zeroblob(32)", "''", "''"), "another process"},
      {ENTRY("5", "message_id", "process", "''", "'{'"), "what the process emitted"},
      {ENTRY("9", "message_id", "process", "''", "''"), "its kind 9 is unknown"},
  };
  aod_outbox_t *outbox;
  check_ok(aod_outbox_open(&outbox, test_path(dir, "mu.db"), &err), &err);
  aod_outbox_close(outbox);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    char sql[1000];
    snprintf(sql, sizeof sql, cases[i].sql, dir);
    change("mu.db", sql);
    aod_fsck_t fsck = check_outbox();
    assert_int_equal(fsck.entries, 1);
    if (!cases[i].what) {
      if (fsck.finding_count) fail_msg("case %zu: %s", i, fsck.first.message);
      continue;
    }
    if (!fsck.finding_count) fail_msg("not found: %s", cases[i].sql);
    check_contains(fsck.first.message, "mu.db: entry ");
    check_contains(fsck.first.message, cases[i].what);
  }
}

#define FSCK_TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void) {
  const struct CMUnitTest tests[] = {
      FSCK_TEST(a_whole_schedule_is_whole),
      FSCK_TEST(damage_to_the_schedule_is_found),
      FSCK_TEST(signatures_may_be_left_out),
      FSCK_TEST(damage_to_the_outbox_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
