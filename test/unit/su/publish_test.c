#include "ao/assignment.h"
#include "arweave/bundle.h"
#include "su/su.h"
#include "support/gateway.h"
#include "support/posts.h"

static aod_signer_t *user, *unit;
static gateway_t gateway;
static char *dir;
static aod_su_t *su;
static const aod_scheduler_t *scheduler;

static bool bundles;

static void open_su(void) {
  aod_error_t err;
  aod_su_options_t options = {.schedule_path = test_path(dir, "su.db"),
                              .signer = unit,
                              .gateway = &gateway.table,
                              .bundles = bundles};
  check_ok(aod_su_open(&su, &options, &err), &err);
  scheduler = aod_su_scheduler(su);
}

static int before_each(void **state) {
  (void)state;
  user = wallet_quick();
  unit = wallet_quick();
  gateway_init(&gateway);
  dir = test_dir_make();
  bundles = false;
  open_su();
  return 0;
}

static int after_each(void **state) {
  (void)state;
  aod_su_close(su);
  gateway_deinit(&gateway);
  test_dir_remove(dir);
  items_free();
  aod_signer_free(user);
  aod_signer_free(unit);
  return 0;
}

static const uint8_t *post(aod_slice_t raw) {
  posting_t posting;
  check_ok(post_raw(scheduler, raw, &posting), &posting.error);
  return (const uint8_t *)aod_arena_copy(&items_arena, aod_slice(posting.post.id, 32)).ptr;
}

/* What is published: each record's item, then its assignment, in the order of the schedule. */
static void check_published(const uint8_t *process, size_t records) {
  aod_scheduled_list_t list;
  aod_error_t err;
  check_ok(scheduler->range(scheduler->context, process, 0, 1000, &items_arena, &list, &err), &err);
  assert_int_equal(list.count, records);
  assert_int_equal(gateway.count, 2 * records);
  for (size_t i = 0; i < records; i++) {
    check_bytes(gateway.raws[2 * i], list.list[i].item.raw);
    check_bytes(gateway.raws[2 * i + 1], list.list[i].assignment.raw);
  }
}

static void every_record_is_published_in_order(void **state) {
  (void)state;
  enum { MESSAGES = 250 }; /* more than a batch */
  const uint8_t *process = post(process_item(user, "MODULE", "lua"));
  static posting_t postings[MESSAGES];
  for (int i = 0; i < MESSAGES; i++) {
    postings[i] = (posting_t){.post = {.raw = message_item(user, process, "x")}};
    posting_submit(&postings[i], scheduler);
  }
  for (int i = 0; i < MESSAGES; i++) check_ok(posting_wait(&postings[i]), &postings[i].error);
  gateway_wait(&gateway, 2 * (MESSAGES + 1));
  check_published(process, MESSAGES + 1);
}

static void a_gateway_that_is_away_delays_nobody_and_gets_everything_later(void **state) {
  (void)state;
  gateway_fail_next(&gateway, 2);
  const uint8_t *process = post(process_item(user, "MODULE", "lua"));
  post(message_item(user, process, "x"));
  post(message_item(user, process, "y"));
  gateway_wait(&gateway, 6);
  assert_int_equal(gateway.failures_seen, 2);
  check_published(process, 3);
}

static void closing_publishes_what_it_can(void **state) {
  (void)state;
  const uint8_t *process = post(process_item(user, "MODULE", "lua"));
  post(message_item(user, process, "x"));
  aod_su_close(su);
  assert_int_equal(gateway.count, 4);
  open_su();
  check_published(process, 2);
}

static void after_a_restart_one_can_wait_for_what_was_acknowledged_before(void **state) {
  (void)state;
  const uint8_t *process = post(process_item(user, "MODULE", "lua"));
  gateway_wait(&gateway, 2);
  gateway_fail_next(&gateway, 1000);
  post(message_item(user, process, "x"));
  aod_su_close(su);
  gateway_fail_next(&gateway, 1);
  open_su();
  aod_su_await_published(su, 30000);
  check_published(process, 2);
}

static void a_restart_publishes_the_rest_once(void **state) {
  (void)state;
  const uint8_t *process = post(process_item(user, "MODULE", "lua"));
  gateway_wait(&gateway, 2);
  gateway_fail_next(&gateway, 1000);
  post(message_item(user, process, "x"));
  aod_su_close(su);
  assert_int_equal(gateway.count, 2);
  gateway_fail_next(&gateway, 0);
  open_su();
  gateway_wait(&gateway, 4);
  aod_su_close(su);
  open_su();
  check_published(process, 2);
}

/* The items of the bundle that upload number `index` is. */
static size_t unpack(size_t index, aod_slice_t raws[3]) {
  aod_item_t item = item_parse(gateway.raws[index]);
  aod_error_t err;
  aod_bundle_t bundle;
  aod_bundle_cursor_t cursor = {0};
  aod_bundle_entry_t entry;
  size_t count = 0;
  check_ok(aod_item_verify(&item, &err), &err);
  assert_true(aod_tags_has(&item.tags, "Bundle-Format", "binary"));
  assert_true(aod_tags_has(&item.tags, "Bundle-Version", "2.0.0"));
  assert_int_equal(item.anchor.len, 32);
  assert_int_equal(item.target.len, 0);
  check_ok(aod_bundle_parse(item.data, &bundle, &err), &err);
  while (count < 3 && aod_bundle_next(&bundle, &cursor, &entry)) raws[count++] = entry.raw;
  return count;
}

static void a_record_is_published_as_a_bundle_where_that_is_wanted(void **state) {
  (void)state;
  aod_error_t err;
  aod_scheduled_list_t list;
  aod_slice_t raws[3];
  posting_t posting;
  aod_su_close(su);
  bundles = true;
  open_su();
  const uint8_t *process = post(process_item(user, "MODULE", "lua"));
  const uint8_t *message = post(message_item(user, process, "x"));
  const uint8_t *other = post(process_item(user, "MODULE", "lua"));
  check_ok(post_assignment(scheduler, other, message, "", &posting), &posting.error);
  gateway_wait(&gateway, 4);
  check_ok(scheduler->range(scheduler->context, process, 0, 10, &items_arena, &list, &err), &err);
  for (size_t i = 0; i < list.count; i++) {
    assert_int_equal(unpack(i, raws), 2);
    check_bytes(raws[0], list.list[i].assignment.raw);
    check_bytes(raws[1], list.list[i].item.raw);
  }
  assert_int_equal(unpack(3, raws), 1);
}

#define SU_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      SU_TEST(every_record_is_published_in_order),
      SU_TEST(a_gateway_that_is_away_delays_nobody_and_gets_everything_later),
      SU_TEST(closing_publishes_what_it_can),
      SU_TEST(after_a_restart_one_can_wait_for_what_was_acknowledged_before),
      SU_TEST(a_restart_publishes_the_rest_once),
      SU_TEST(a_record_is_published_as_a_bundle_where_that_is_wanted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
