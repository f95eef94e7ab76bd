#include "store/schedule.h"

#include "support/check.h"

static char *dir;
static aod_schedule_t *schedule;
static aod_arena_t arena;
static aod_error_t err;

static void open_schedule(void) {
  check_ok(aod_schedule_open(&schedule, test_path(dir, "su.db"), &err), &err);
}

static int before_each(void **state) {
  (void)state;
  dir = test_dir_make();
  open_schedule();
  return 0;
}

static int after_each(void **state) {
  (void)state;
  aod_schedule_close(schedule);
  aod_arena_free(&arena);
  test_dir_remove(dir);
  return 0;
}

/* ---- records: process 'P' is 32 times that letter, other ids carry process and nonce ---- */

static void make_id(uint8_t id[32], char kind, char process, uint64_t nonce) {
  memset(id, process, 32);
  id[0] = (uint8_t)kind;
  id[1] = (uint8_t)nonce;
  id[2] = (uint8_t)(nonce >> 8);
}

static const uint8_t *process_id(char process) {
  static uint8_t ids[256][32];
  memset(ids[(uint8_t)process], process, 32);
  return ids[(uint8_t)process];
}

static aod_record_t make_record(char process, uint64_t nonce) {
  aod_record_t record = {.nonce = nonce,
                         .timestamp_ms = 1000 + 10 * (int64_t)nonce,
                         .block_height = 5,
                         .assignment = AOD_TEXT("assignment"),
                         .item = AOD_TEXT("item")};
  memcpy(record.process, process_id(process), 32);
  make_id(record.message_id, 'm', process, nonce);
  make_id(record.assignment_id, 'a', process, nonce);
  make_id(record.hash_chain, 'h', process, nonce);
  return record;
}

typedef struct {
  aod_append_t append;
  int code;
  aod_error_t error;
} appending_t;

static void appended(aod_append_t *append, int code, const aod_error_t *why) {
  appending_t *appending = (appending_t *)append;
  appending->code = code;
  if (code != AOD_OK) appending->error = *why;
}

static int append(const aod_record_t *record) {
  appending_t appending = {.append = {.record = *record, .done = appended}, .code = 1};
  aod_schedule_append(schedule, &appending.append);
  aod_schedule_flush(schedule);
  if (appending.code != AOD_OK) err = appending.error;
  return appending.code;
}

static void fill(char process, uint64_t count) {
  for (uint64_t nonce = 0; nonce < count; nonce++) {
    aod_record_t record = make_record(process, nonce);
    check_ok(append(&record), &err);
  }
}

/* ---- appending ---- */

static void a_record_reads_back_whole(void **state) {
  (void)state;
  fill('P', 1);
  aod_record_t written = make_record('P', 1), read;
  written.has_dedupe = true;
  memset(written.dedupe, 9, sizeof written.dedupe);
  written.item = AOD_TEXT("a\0b");
  check_ok(append(&written), &err);
  check_ok(aod_schedule_at(schedule, process_id('P'), 1, &arena, &read, &err), &err);
  check_id(read.process, written.process);
  check_id(read.message_id, written.message_id);
  check_id(read.assignment_id, written.assignment_id);
  check_id(read.hash_chain, written.hash_chain);
  assert_int_equal(read.nonce, 1);
  assert_int_equal(read.timestamp_ms, written.timestamp_ms);
  assert_int_equal(read.block_height, 5);
  assert_int_equal(read.seq, 2);
  assert_true(read.has_dedupe);
  assert_memory_equal(read.dedupe, written.dedupe, sizeof read.dedupe);
  check_text(read.assignment, "assignment");
  check_bytes(read.item, written.item);
}

static void only_the_next_nonce_is_taken(void **state) {
  (void)state;
  static const uint64_t wrong_first[] = {1, 5}, wrong_later[] = {0, 1, 3, 1000000};
  for (size_t i = 0; i < COUNT_OF(wrong_first); i++) {
    aod_record_t record = make_record('P', wrong_first[i]);
    check_fails(append(&record), AOD_EUNAVAILABLE, &err, "0 is");
  }
  fill('P', 2);
  for (size_t i = 0; i < COUNT_OF(wrong_later); i++) {
    aod_record_t record = make_record('P', wrong_later[i]);
    record.message_id[5] = record.assignment_id[5] = (uint8_t)i;
    check_fails(append(&record), AOD_EUNAVAILABLE, &err, "2 is");
  }
  fill('Q', 1); /* other processes count for themselves */
}

static void what_was_once_scheduled_is_refused(void **state) {
  (void)state;
  fill('P', 2);
  fill('Q', 1);
  aod_record_t same_item = make_record('Q', 1), same_assignment = make_record('Q', 1);
  make_id(same_item.message_id, 'm', 'P', 1);
  check_fails(append(&same_item), AOD_EEXISTS, &err, "message_id");
  make_id(same_assignment.assignment_id, 'a', 'P', 1);
  check_fails(append(&same_assignment), AOD_EEXISTS, &err, "assignment_id");
}

static void a_pure_assignment_may_name_what_is_scheduled(void **state) {
  (void)state;
  fill('P', 2);
  fill('Q', 1);
  for (uint64_t nonce = 1; nonce < 3; nonce++) {
    aod_record_t record = make_record('Q', nonce);
    make_id(record.message_id, 'm', 'P', 1);
    record.item = AOD_EMPTY;
    check_ok(append(&record), &err);
  }
}

static void a_dedupe_hash_counts_within_its_process(void **state) {
  (void)state;
  fill('P', 1);
  fill('Q', 1);
  aod_record_t first = make_record('P', 1), again = make_record('P', 2),
               other = make_record('Q', 1);
  first.has_dedupe = again.has_dedupe = other.has_dedupe = true;
  check_ok(append(&first), &err);
  check_fails(append(&again), AOD_EEXISTS, &err, "dedupe");
  check_ok(append(&other), &err);
  aod_record_t read;
  check_ok(aod_schedule_find_dedupe(schedule, process_id('Q'), other.dedupe, &arena, &read, &err),
           &err);
  check_id(read.message_id, other.message_id);
}

static void appends_of_one_process_may_be_submitted_at_once(void **state) {
  (void)state;
  enum { RECORDS = 500 };
  static appending_t appendings[RECORDS];
  for (uint64_t nonce = 0; nonce < RECORDS; nonce++) {
    appendings[nonce] =
        (appending_t){.append = {.record = make_record('P', nonce), .done = appended}, .code = 1};
    aod_schedule_append(schedule, &appendings[nonce].append);
  }
  aod_schedule_flush(schedule);
  for (uint64_t nonce = 0; nonce < RECORDS; nonce++) {
    assert_int_equal(appendings[nonce].code, AOD_OK);
    assert_int_equal(appendings[nonce].append.record.seq, nonce + 1);
  }
}

static void after_a_failed_append_its_followers_fail_too(void **state) {
  (void)state;
  fill('P', 1);
  aod_record_t bad = make_record('P', 1), next = make_record('P', 2);
  make_id(bad.message_id, 'm', 'P', 0);
  appending_t first = {.append = {.record = bad, .done = appended}},
              second = {.append = {.record = next, .done = appended}};
  aod_schedule_append(schedule, &first.append);
  aod_schedule_append(schedule, &second.append);
  aod_schedule_flush(schedule);
  assert_int_equal(first.code, AOD_EEXISTS);
  assert_int_equal(second.code, AOD_EUNAVAILABLE);
}

/* ---- reading ---- */

static void the_newest_record_is_the_last(void **state) {
  (void)state;
  aod_record_t read;
  check_fails(aod_schedule_last(schedule, process_id('P'), &arena, &read, &err), AOD_ENOTFOUND,
              &err, "Message or Process not found");
  fill('Q', 9);
  fill('P', 3);
  check_ok(aod_schedule_last(schedule, process_id('P'), &arena, &read, &err), &err);
  assert_int_equal(read.nonce, 2);
  check_fails(aod_schedule_at(schedule, process_id('P'), 3, &arena, &read, &err), AOD_ENOTFOUND,
              &err, "not found");
}

static void a_record_is_found_by_item_and_by_assignment(void **state) {
  (void)state;
  fill('P', 2);
  aod_record_t pure = make_record('P', 2), read;
  pure.item = AOD_EMPTY;
  check_ok(append(&pure), &err);
  uint8_t id[32];
  make_id(id, 'm', 'P', 1);
  check_ok(aod_schedule_find(schedule, id, &arena, &read, &err), &err);
  assert_int_equal(read.nonce, 1);
  make_id(id, 'a', 'P', 1);
  check_ok(aod_schedule_find(schedule, id, &arena, &read, &err), &err);
  assert_int_equal(read.nonce, 1);
  make_id(id, 'a', 'P', 2);
  check_ok(aod_schedule_find(schedule, id, &arena, &read, &err), &err);
  assert_int_equal(read.nonce, 2);
  assert_int_equal(read.item.len, 0);
  make_id(id, 'm', 'P', 2); /* an assigned transaction is not itself scheduled */
  check_fails(aod_schedule_find(schedule, id, &arena, &read, &err), AOD_ENOTFOUND, &err, "");
}

static void check_range(aod_range_key_t key, int64_t from, int64_t to, size_t limit,
                        const char *nonces) {
  aod_records_t records;
  aod_buf_t text = {0};
  check_ok(
      aod_schedule_range(schedule, process_id('P'), key, from, to, limit, &arena, &records, &err),
      &err);
  for (size_t i = 0; i < records.count; i++)
    aod_buf_printf(&text, "%llu ", (unsigned long long)records.list[i].nonce);
  check_text(aod_buf_slice(&text), nonces);
  aod_buf_free(&text);
}

static void ranges_have_inclusive_bounds_and_a_limit(void **state) {
  (void)state;
  fill('P', 5);
  fill('Q', 5);
  check_range(AOD_BY_NONCE, 0, INT64_MAX, SIZE_MAX, "0 1 2 3 4 ");
  check_range(AOD_BY_NONCE, 1, 3, 100, "1 2 3 ");
  check_range(AOD_BY_NONCE, 1, 3, 2, "1 2 ");
  check_range(AOD_BY_NONCE, 3, 1, 100, "");
  check_range(AOD_BY_NONCE, 5, INT64_MAX, 100, "");
  check_range(AOD_BY_NONCE, INT64_MIN, -1, 100, "");
  check_range(AOD_BY_NONCE, 0, INT64_MAX, 0, "");
  check_range(AOD_BY_TIMESTAMP, 1010, 1030, 100, "1 2 3 ");
  check_range(AOD_BY_TIMESTAMP, 1011, 1029, 100, "2 ");
  check_range(AOD_BY_TIMESTAMP, 0, INT64_MAX, 3, "0 1 2 ");
  check_range(AOD_BY_TIMESTAMP, 1040, 1040, 100, "4 ");
  check_range(AOD_BY_TIMESTAMP, 1041, INT64_MAX, 100, "");
  check_range(AOD_BY_TIMESTAMP, 0, 999, 100, "");
  check_range(AOD_BY_TIMESTAMP, INT64_MIN, 1000, 100, "0 ");
  check_range(AOD_BY_TIMESTAMP, 1030, 1010, 100, "");
}

static void long_ranges_grow(void **state) {
  (void)state;
  enum { RECORDS = 200 };
  fill('P', RECORDS);
  aod_records_t records;
  check_ok(aod_schedule_range(schedule, process_id('P'), AOD_BY_NONCE, 0, INT64_MAX, 1000, &arena,
                              &records, &err),
           &err);
  assert_int_equal(records.count, RECORDS);
  for (size_t i = 0; i < RECORDS; i++) assert_int_equal(records.list[i].nonce, i);
}

/* ---- the publisher's place ---- */

static void the_publisher_reads_all_processes_in_order_of_arrival(void **state) {
  (void)state;
  fill('P', 2);
  fill('Q', 2);
  aod_records_t records;
  check_ok(aod_schedule_after(schedule, 1, 2, &arena, &records, &err), &err);
  assert_int_equal(records.count, 2);
  assert_int_equal(records.list[0].seq, 2);
  check_id(records.list[1].process, process_id('Q'));
  check_ok(aod_schedule_after(schedule, 4, 2, &arena, &records, &err), &err);
  assert_int_equal(records.count, 0);
}

static void everything_is_there_after_reopening(void **state) {
  (void)state;
  uint64_t place = 99;
  check_ok(aod_schedule_newest(schedule, &place, &err), &err);
  assert_int_equal(place, 0);
  fill('P', 3);
  check_ok(aod_schedule_published(schedule, &place, &err), &err);
  assert_int_equal(place, 0);
  check_ok(aod_schedule_set_published(schedule, 2, &err), &err);
  aod_schedule_close(schedule);
  open_schedule();
  check_ok(aod_schedule_published(schedule, &place, &err), &err);
  assert_int_equal(place, 2);
  check_ok(aod_schedule_newest(schedule, &place, &err), &err);
  assert_int_equal(place, 3);
  check_range(AOD_BY_NONCE, 0, INT64_MAX, 100, "0 1 2 ");
}

#define SCHEDULE_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      SCHEDULE_TEST(a_record_reads_back_whole),
      SCHEDULE_TEST(only_the_next_nonce_is_taken),
      SCHEDULE_TEST(what_was_once_scheduled_is_refused),
      SCHEDULE_TEST(a_pure_assignment_may_name_what_is_scheduled),
      SCHEDULE_TEST(a_dedupe_hash_counts_within_its_process),
      SCHEDULE_TEST(appends_of_one_process_may_be_submitted_at_once),
      SCHEDULE_TEST(after_a_failed_append_its_followers_fail_too),
      SCHEDULE_TEST(the_newest_record_is_the_last),
      SCHEDULE_TEST(a_record_is_found_by_item_and_by_assignment),
      SCHEDULE_TEST(ranges_have_inclusive_bounds_and_a_limit),
      SCHEDULE_TEST(long_ranges_grow),
      SCHEDULE_TEST(the_publisher_reads_all_processes_in_order_of_arrival),
      SCHEDULE_TEST(everything_is_there_after_reopening),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
