/* A disk that dies at any write or sync of a scheduler's life: what was acknowledged is there
 * afterwards, in one chain without gap, and the scheduler goes on: on a new disk that has what the
 * old one had, or without a restart when it is well again. */
#include "support/fault_vfs.h"
#include "support/gateway.h"
#include "support/posts.h"

#include "ao/assignment.h"
#include "su/su.h"

enum { MESSAGES = 12, STEPS_MAX = 2000 };

static aod_signer_t *user, *unit;
static gateway_t gateway;
static char *dir;
static aod_su_t *su;
static aod_error_t err;

static int open_all(void **state) {
  (void)state;
  user = wallet_quick();
  unit = wallet_quick();
  fault_install();
  return 0;
}

static int close_all(void **state) {
  (void)state;
  aod_signer_free(user);
  aod_signer_free(unit);
  items_free();
  return 0;
}

static int open_su(void) {
  aod_su_options_t options = {
      .schedule_path = test_path(dir, "su.db"), .signer = unit, .gateway = &gateway.table};
  su = NULL;
  return aod_su_open(&su, &options, &err);
}

static posting_t postings[MESSAGES];

/* Post a process and messages to it until the disk dies; how many of the messages were
 * acknowledged, -1: not even the process. Others hear of the disk, or that one ahead of them
 * failed. */
static int post_until_failure(aod_slice_t process, const aod_slice_t *messages) {
  posting_t first;
  int acknowledged = 0;
  const aod_scheduler_t *scheduler = aod_su_scheduler(su);
  if (post_raw(scheduler, process, &first) != AOD_OK) return -1;
  for (int i = 0; i < MESSAGES; i++) {
    postings[i] = (posting_t){.post = {.raw = messages[i]}};
    posting_submit(&postings[i], scheduler);
    if (i % 3 == 2) posting_wait(&postings[i]); /* several in a group, and several groups */
  }
  int told = 0;
  for (int i = 0; i < MESSAGES; i++) {
    int code = posting_wait(&postings[i]);
    acknowledged += code == AOD_OK;
    told += code == AOD_EDISK && strstr(postings[i].error.message, "the disk is read-only");
    assert_true(code == AOD_OK || code == AOD_EDISK || code == AOD_EUNAVAILABLE);
  }
  assert_true(acknowledged == MESSAGES || told > 0);
  return acknowledged;
}

static bool is_scheduled(const aod_scheduler_t *scheduler, aod_slice_t raw) {
  aod_scheduled_t found;
  uint8_t anywhere[32] = {0};
  return scheduler->find(scheduler->context, anywhere, item_parse(raw).id, &items_arena, &found,
                         &err) == AOD_OK;
}

static size_t check_chain(const aod_scheduler_t *scheduler, const uint8_t *process) {
  aod_scheduled_list_t list;
  uint8_t chain[32];
  check_ok(scheduler->range(scheduler->context, process, 0, 100, &items_arena, &list, &err), &err);
  for (size_t i = 0; i < list.count; i++) {
    aod_assignment_t assignment;
    check_ok(aod_item_verify(&list.list[i].assignment, &err), &err);
    check_ok(aod_assignment_parse(&list.list[i].assignment, &assignment, &err), &err);
    assert_int_equal(assignment.nonce, i);
    if (i == 0)
      aod_hash_chain_first(process, chain);
    else
      aod_hash_chain_next(list.list[i - 1].assignment.id, chain, chain);
    check_id(assignment.hash_chain, chain);
  }
  return list.count;
}

typedef enum { NEW_DISK, WELL_AGAIN } after_t;

/* True when the disk lived to the end. */
static bool run_with_fault(fault_kind_t kind, int at, after_t after) {
  aod_slice_t messages[MESSAGES];
  aod_item_t process = item_parse(process_item(user, "MODULE", "lua"));
  for (int i = 0; i < MESSAGES; i++) messages[i] = message_item(user, process.id, "x");
  dir = test_dir_make();
  gateway_init(&gateway);
  fault_set(kind, at);
  int acknowledged = open_su() == AOD_OK ? post_until_failure(process.raw, messages) : -1;
  bool lived = atomic_load(&fault.steps) < at, restarts = !su || after == NEW_DISK;

  if (restarts) aod_su_close(su);
  fault_set(kind, 0);
  if (restarts) check_ok(open_su(), &err);
  const aod_scheduler_t *scheduler = aod_su_scheduler(su);
  if (acknowledged >= 0) assert_true(is_scheduled(scheduler, process.raw));
  for (int i = 0; acknowledged > 0 && i < MESSAGES; i++)
    if (postings[i].latch.code == AOD_OK) assert_true(is_scheduled(scheduler, messages[i]));
  size_t records = check_chain(scheduler, process.id);
  assert_true((int)records >= acknowledged + 1);
  posting_t posting; /* and it goes on */
  int code = post_raw(scheduler, process.raw, &posting);
  assert_true(code == AOD_OK || code == AOD_EEXISTS);
  aod_slice_t more = message_item(user, process.id, "more");
  check_ok(post_raw(scheduler, more, &posting), &posting.error);
  assert_int_equal(check_chain(scheduler, process.id), (records ? records : 1) + 1);
  aod_su_close(su);
  gateway_deinit(&gateway);
  test_dir_remove(dir);
  items_free();
  return lived;
}

static void nothing_acknowledged_is_lost(fault_kind_t kind, after_t after) {
  int at = 1;
  while (!run_with_fault(kind, at, after)) at += 1 + at / 40;
  assert_true(at > 20); /* there are that many steps */
  assert_true(at < STEPS_MAX);
}

static void a_disk_that_fails_loses_nothing_acknowledged(void **state) {
  (void)state;
  nothing_acknowledged_is_lost(FAULT_FAIL, NEW_DISK);
}

static void a_disk_that_is_well_again_needs_no_restart(void **state) {
  (void)state;
  nothing_acknowledged_is_lost(FAULT_FAIL, WELL_AGAIN);
}

static void a_disk_that_tears_loses_nothing_acknowledged(void **state) {
  (void)state;
  nothing_acknowledged_is_lost(FAULT_TEAR, NEW_DISK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_disk_that_fails_loses_nothing_acknowledged),
      TEST(a_disk_that_is_well_again_needs_no_restart),
      TEST(a_disk_that_tears_loses_nothing_acknowledged),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
