/* The outbox of uploads: nothing is lost, nothing is there twice, and what waits can be told. */
#include "store/uploads.h"

#include "support/items.h"

static char *dir;
static aod_uploads_t *uploads;
static aod_arena_t arena;
static aod_signer_t *signer;

static void open_again(void) {
  aod_error_t err;
  aod_uploads_close(uploads);
  check_ok(aod_uploads_open(&uploads, test_path(dir, "uploads.db"), &err), &err);
}

static int setup(void **state) {
  (void)state;
  dir = test_dir_make();
  signer = wallet_quick();
  uploads = NULL;
  open_again();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  aod_uploads_close(uploads);
  aod_signer_free(signer);
  aod_arena_free(&arena);
  items_free();
  test_dir_remove(dir);
  return 0;
}

static aod_slice_t new_item(const char *data) {
  return item_sign(signer, &(aod_item_fields_t){.anchor = anchor_new(), .data = aod_text(data)});
}

static void add(aod_slice_t raw, int64_t now_ms) {
  aod_error_t err;
  check_ok(aod_uploads_add(uploads, &raw, 1, now_ms, &err), &err);
}

static aod_upload_list_t due(int64_t now_ms) {
  aod_upload_list_t list;
  aod_error_t err;
  check_ok(aod_uploads_due(uploads, now_ms, 100, UINT64_MAX, &arena, &list, &err), &err);
  return list;
}

static aod_upload_list_t due_carriers(int64_t now_ms) {
  aod_upload_list_t list;
  aod_error_t err;
  check_ok(aod_uploads_due_carriers(uploads, now_ms, 100, &arena, &list, &err), &err);
  return list;
}

static aod_uploads_status_t status_now(void) {
  aod_uploads_status_t status;
  aod_error_t err;
  check_ok(aod_uploads_status(uploads, &status, &err), &err);
  return status;
}

static int64_t next_ms(void) {
  int64_t ms;
  aod_error_t err;
  check_ok(aod_uploads_next_ms(uploads, &ms, &err), &err);
  return ms;
}

static void settle(aod_upload_outcome_t outcome, int64_t now_ms) {
  aod_error_t err;
  check_ok(aod_uploads_settle(uploads, &outcome, 1, now_ms, &err), &err);
}

static void settle_carrier(aod_upload_outcome_t outcome, int64_t now_ms) {
  aod_error_t err;
  check_ok(aod_uploads_settle_carrier(uploads, &outcome, now_ms, &err), &err);
}

/* ---- items ---- */

static void what_is_added_waits_across_restarts(void **state) {
  (void)state;
  aod_slice_t first = new_item("first"), second = new_item("second");
  assert_int_equal(next_ms(), INT64_MAX);
  add(first, 1000);
  add(second, 2000);
  open_again();
  assert_int_equal(next_ms(), 1000);
  aod_upload_list_t list = due(1999);
  assert_int_equal(list.count, 1);
  check_bytes(list.list[0].raw, first);
  check_id(list.list[0].id, item_parse(first).id);
  assert_int_equal(due(2000).count, 2);
  aod_uploads_status_t status = status_now();
  assert_int_equal(status.waiting, 2);
  assert_int_equal(status.bytes, first.len + second.len);
  assert_int_equal(status.oldest_ms, 1000);
}

static void nothing_waits_twice(void **state) {
  (void)state;
  aod_slice_t raws[] = {new_item("a"), AOD_EMPTY, AOD_EMPTY};
  aod_error_t err;
  raws[1] = raws[0], raws[2] = new_item("b");
  check_ok(aod_uploads_add(uploads, raws, 3, 5, &err), &err);
  add(raws[0], 9);
  aod_upload_list_t list = due(9);
  assert_int_equal(list.count, 2);
  assert_int_equal(list.list[0].added_ms, 5);
}

static void what_is_no_item_is_refused_whole(void **state) {
  (void)state;
  aod_slice_t raws[] = {new_item("a"), AOD_TEXT("\x01")};
  aod_error_t err;
  check_fails(aod_uploads_add(uploads, raws, 2, 5, &err), AOD_EINPUT, &err, "not a signed item");
  assert_int_equal(status_now().waiting, 0);
}

static void limits_of_a_batch(void **state) {
  (void)state;
  aod_upload_list_t list;
  aod_error_t err;
  for (int i = 0; i < 5; i++) add(new_item("0123456789"), i);
  size_t len = due(0).list[0].len;
  check_ok(aod_uploads_due(uploads, 9, 3, UINT64_MAX, &arena, &list, &err), &err);
  assert_int_equal(list.count, 3);
  check_ok(aod_uploads_due(uploads, 9, 100, 2 * len + 1, &arena, &list, &err), &err);
  assert_int_equal(list.count, 2);
  check_ok(aod_uploads_due(uploads, 9, 100, 1, &arena, &list, &err), &err);
  assert_int_equal(list.count, 1); /* one is always taken, or it would wait for ever */
}

static void done_and_later(void **state) {
  (void)state;
  add(new_item("done"), 1);
  add(new_item("later"), 2);
  add(new_item("refused"), 3);
  aod_upload_list_t list = due(10);
  settle((aod_upload_outcome_t){.seq = list.list[0].seq, .what = AOD_UPLOAD_DONE}, 10);
  settle(
      (aod_upload_outcome_t){
          .seq = list.list[1].seq, .what = AOD_UPLOAD_LATER, .due_ms = 500, .reason = "away"},
      11);
  settle((aod_upload_outcome_t){.seq = list.list[2].seq,
                                .what = AOD_UPLOAD_LATER,
                                .refused = true,
                                .due_ms = 600,
                                .reason = "no money"},
         12);
  open_again();
  assert_int_equal(due(499).count, 0);
  assert_int_equal(next_ms(), 500);
  list = due(600);
  assert_int_equal(list.count, 2);
  assert_int_equal(list.list[0].attempts, 1);
  check_text(list.list[0].reason, "away");
  assert_true(list.list[1].refused);
  aod_uploads_status_t status = status_now();
  assert_int_equal(status.uploaded, 1);
  assert_int_equal(status.error_ms, 12);
  assert_string_equal(status.error, "no money");
}

static void retry_is_for_what_was_not_refused(void **state) {
  (void)state;
  aod_error_t err;
  add(new_item("later"), 1);
  add(new_item("refused"), 2);
  aod_upload_list_t list = due(10);
  for (size_t i = 0; i < 2; i++)
    settle(
        (aod_upload_outcome_t){
            .seq = list.list[i].seq, .what = AOD_UPLOAD_LATER, .refused = i == 1, .due_ms = 1000},
        10);
  check_ok(aod_uploads_retry(uploads, &err), &err);
  list = due(11);
  assert_int_equal(list.count, 1);
  assert_false(list.list[0].refused);
}

/* ---- carriers ---- */

static const uint8_t carrier_id[32] = {1, 2, 3};

/* Put all that is due into a carrier; its seq. */
static int64_t carry(int64_t now_ms) {
  aod_upload_list_t items = due(now_ms);
  aod_error_t err;
  check_ok(aod_uploads_carry(uploads, &items, carrier_id, AOD_TEXT("{json}"), now_ms, &err), &err);
  aod_upload_list_t carriers = due_carriers(now_ms);
  return carriers.list[carriers.count - 1].seq;
}

static void carried_items_keep_their_order(void **state) {
  (void)state;
  aod_upload_list_t list;
  aod_error_t err;
  aod_slice_t raws[] = {new_item("a"), new_item("b"), new_item("c")};
  for (int i = 0; i < 3; i++) add(raws[i], 3 - i); /* due in the other order */
  int64_t carrier = carry(10);
  add(new_item("new"), 11);
  open_again();
  assert_int_equal(due(20).count, 1);
  check_text(due_carriers(20).list[0].raw, "{json}");
  check_id(due_carriers(20).list[0].id, carrier_id);
  check_ok(aod_uploads_carried(uploads, carrier, &arena, &list, &err), &err);
  assert_int_equal(list.count, 3);
  for (int i = 0; i < 3; i++) check_bytes(list.list[i].raw, raws[i]);
  assert_int_equal(status_now().carriers, 1);
  assert_int_equal(status_now().waiting, 4);
}

static void a_carrier_that_is_done_takes_its_items_along(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) add(new_item("x"), 1);
  int64_t carrier = carry(1);
  settle_carrier((aod_upload_outcome_t){.seq = carrier, .what = AOD_UPLOAD_POSTED, .due_ms = 100},
                 2);
  assert_int_equal(due_carriers(99).count, 0);
  assert_true(due_carriers(100).list[0].posted);
  assert_int_equal(status_now().waiting, 3); /* no block has it yet */
  settle_carrier((aod_upload_outcome_t){.seq = carrier, .what = AOD_UPLOAD_DONE}, 100);
  assert_int_equal(status_now().waiting, 0);
  assert_int_equal(status_now().carriers, 0);
  assert_int_equal(status_now().uploaded, 3);
  assert_int_equal(next_ms(), INT64_MAX);
}

static void a_carrier_that_is_undone_sets_its_items_free(void **state) {
  (void)state;
  add(new_item("x"), 1);
  int64_t carrier = carry(1);
  settle_carrier((aod_upload_outcome_t){.seq = carrier,
                                        .what = AOD_UPLOAD_UNDONE,
                                        .refused = true,
                                        .due_ms = 50,
                                        .reason = "too old"},
                 2);
  assert_int_equal(due_carriers(1000).count, 0);
  assert_int_equal(due(49).count, 0);
  assert_int_equal(due(50).count, 1);
  check_text(due(50).list[0].reason, "too old");
  carry(50);
  assert_int_equal(due_carriers(50).list[0].attempts, 1); /* no newcomer */
}

static void a_carrier_that_was_forgotten_is_posted_again(void **state) {
  (void)state;
  add(new_item("x"), 1);
  int64_t carrier = carry(1);
  for (int look = 1; look < 4; look++) {
    settle_carrier((aod_upload_outcome_t){.seq = carrier, .what = AOD_UPLOAD_POSTED, .due_ms = 2},
                   2);
    assert_int_equal(due_carriers(2).list[0].attempts, look);
  }
  settle_carrier(
      (aod_upload_outcome_t){
          .seq = carrier, .what = AOD_UPLOAD_LATER, .due_ms = 3, .reason = "away"},
      2);
  aod_upload_t again = due_carriers(3).list[0];
  assert_false(again.posted);
  assert_int_equal(again.attempts, 1);
}

static void a_clock_that_was_put_back_holds_up_nothing(void **state) {
  (void)state;
  aod_error_t err;
  add(new_item("carried"), 3600000);
  carry(3600000);
  add(new_item("new"), 3600000);
  add(new_item("soon"), 10);
  settle((aod_upload_outcome_t){.seq = due(10).list[0].seq,
                                .what = AOD_UPLOAD_LATER,
                                .refused = true,
                                .due_ms = 1050,
                                .reason = "no"},
         20);
  open_again();
  check_ok(aod_uploads_resume(uploads, 1000, 100, &err), &err);
  aod_upload_list_t list = due(1000);
  assert_int_equal(list.count, 1);
  assert_int_equal(list.list[0].added_ms, 1000);
  assert_int_equal(due_carriers(1000).count, 1);
  assert_int_equal(due(1050).count, 2); /* a pause that was short stays */
}

static void lists_tell_without_the_bytes(void **state) {
  (void)state;
  aod_upload_list_t list;
  aod_error_t err;
  add(new_item("x"), 1);
  carry(1);
  add(new_item("y"), 2);
  check_ok(aod_uploads_list(uploads, false, 10, &arena, &list, &err), &err);
  assert_int_equal(list.count, 2);
  assert_int_equal(list.list[0].raw.len, 0);
  assert_true(list.list[0].len > 100);
  assert_true(list.list[0].carrier && !list.list[1].carrier);
  check_ok(aod_uploads_list(uploads, true, 10, &arena, &list, &err), &err);
  assert_int_equal(list.count, 1);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
  const struct CMUnitTest tests[] = {
      CASE(what_is_added_waits_across_restarts),
      CASE(nothing_waits_twice),
      CASE(what_is_no_item_is_refused_whole),
      CASE(limits_of_a_batch),
      CASE(done_and_later),
      CASE(retry_is_for_what_was_not_refused),
      CASE(carried_items_keep_their_order),
      CASE(a_carrier_that_is_done_takes_its_items_along),
      CASE(a_carrier_that_is_undone_sets_its_items_free),
      CASE(a_carrier_that_was_forgotten_is_posted_again),
      CASE(a_clock_that_was_put_back_holds_up_nothing),
      CASE(lists_tell_without_the_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
