#include "store/outbox.h"

#include "base/latch.h"
#include "support/check.h"

static char *dir;
static aod_outbox_t *outbox;
static aod_arena_t arena;
static aod_error_t err;

static void open_outbox(void) {
  check_ok(aod_outbox_open(&outbox, test_path(dir, "mu.db"), &err), &err);
}

static void reopen(void) {
  aod_outbox_close(outbox);
  open_outbox();
}

static int before_each(void **state) {
  (void)state;
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

/* ---- entries: ids are 32 times one letter ---- */

static aod_outbox_entry_t make_entry(aod_outbox_kind_t kind, char id) {
  aod_outbox_entry_t entry = {.kind = kind, .raw = AOD_TEXT("raw"), .text = AOD_TEXT("text")};
  memset(entry.id, id, 32);
  memset(entry.process, 'p', 32);
  return entry;
}

typedef struct {
  aod_outbox_change_t change;
  aod_latch_t latch;
} changing_t;

static void changed(aod_outbox_change_t *change, int code, const aod_error_t *why) {
  aod_latch_end(&((changing_t *)change)->latch, code, why);
}

static int run_change(changing_t *changing) {
  aod_outbox_submit(outbox, &changing->change);
  return aod_latch_wait(&changing->latch, &err);
}

static int change(int64_t remove, aod_outbox_entry_t *add, size_t count) {
  changing_t changing = {
      .change = {.remove = remove, .add = {.list = add, .count = count}, .done = changed},
      .latch = AOD_LATCH(1)};
  return run_change(&changing);
}

static aod_outbox_entries_t load(void) {
  aod_outbox_entries_t entries;
  check_ok(aod_outbox_list(outbox, 0, 1000, &arena, &entries, &err), &err);
  return entries;
}

/* The first letters of all ids, oldest first. */
static void check_waiting(const char *letters) {
  aod_outbox_entries_t entries = load();
  aod_buf_t text = {0};
  for (size_t i = 0; i < entries.count; i++) aod_buf_byte(&text, entries.list[i].id[0]);
  check_text(aod_buf_slice(&text), letters);
  aod_buf_free(&text);
}

/* ---- changes ---- */

static void an_entry_reads_back_whole(void **state) {
  (void)state;
  aod_outbox_entry_t entry = make_entry(AOD_OUTBOX_SPAWN, 'a');
  memset(entry.parent, 'q', 32);
  memset(entry.origin, 'o', 32);
  entry.has_origin = true;
  entry.raw = AOD_TEXT("r\0w");
  entry.reason = AOD_TEXT("because");
  entry.parked = true;
  check_ok(change(0, &entry, 1), &err);
  reopen();
  aod_outbox_entries_t entries = load();
  assert_int_equal(entries.count, 1);
  const aod_outbox_entry_t *read = &entries.list[0];
  assert_int_equal(read->seq, entry.seq);
  assert_int_equal(read->kind, AOD_OUTBOX_SPAWN);
  check_id(read->id, entry.id);
  check_id(read->process, entry.process);
  check_id(read->parent, entry.parent);
  assert_true(read->has_origin && read->parked);
  check_id(read->origin, entry.origin);
  check_bytes(read->raw, entry.raw);
  check_text(read->text, "text");
  check_text(read->reason, "because");
}

static void what_follows_takes_the_place_of_what_is_done(void **state) {
  (void)state;
  aod_outbox_entry_t first = make_entry(AOD_OUTBOX_ITEM, 'a');
  check_ok(change(0, &first, 1), &err);
  aod_outbox_entry_t next[] = {make_entry(AOD_OUTBOX_ITEM, 'b'), make_entry(AOD_OUTBOX_CRANK, 'c')};
  check_ok(change(first.seq, next, 2), &err);
  assert_true(next[0].seq > first.seq && next[1].seq > next[0].seq);
  check_waiting("bc");
  check_ok(change(next[0].seq, NULL, 0), &err);
  check_waiting("c");
}

static void an_item_waits_once(void **state) {
  (void)state;
  aod_outbox_entry_t item = make_entry(AOD_OUTBOX_ITEM, 'a'), again = item;
  aod_outbox_entry_t spawn = make_entry(AOD_OUTBOX_SPAWN, 'a');
  aod_outbox_entry_t assigned = make_entry(AOD_OUTBOX_ASSIGN, 'a');
  check_ok(change(0, &item, 1), &err);
  check_fails(change(0, &again, 1), AOD_EEXISTS, &err, "entry.id");
  check_fails(change(0, &spawn, 1), AOD_EEXISTS, &err, "entry.id");
  check_ok(change(0, &assigned, 1), &err); /* the same transaction may go to many processes */
  check_ok(change(0, &assigned, 1), &err);
  check_waiting("aaa");
}

static void a_change_is_made_whole_or_not_at_all(void **state) {
  (void)state;
  aod_outbox_entry_t same[] = {make_entry(AOD_OUTBOX_ITEM, 'a'), make_entry(AOD_OUTBOX_ITEM, 'a')};
  check_fails(change(0, same, 2), AOD_EEXISTS, &err, "entry.id");
  check_waiting("");
}

static void what_waits_already_is_left_out_of_what_follows(void **state) {
  (void)state;
  aod_outbox_entry_t first = make_entry(AOD_OUTBOX_ITEM, 'a');
  check_ok(change(0, &first, 1), &err);
  aod_outbox_entry_t next[] = {make_entry(AOD_OUTBOX_ITEM, 'b'), make_entry(AOD_OUTBOX_ITEM, 'b'),
                               make_entry(AOD_OUTBOX_ITEM, 'c')};
  next[1].seq = 5; /* of an earlier attempt */
  check_ok(change(first.seq, next, 3), &err);
  assert_true(next[0].seq > 0 && next[1].seq == 0 && next[2].seq > 0);
  check_waiting("bc");
}

static void a_number_is_never_given_twice(void **state) {
  (void)state;
  aod_outbox_entry_t first = make_entry(AOD_OUTBOX_ITEM, 'a');
  check_ok(change(0, &first, 1), &err);
  check_ok(change(first.seq, NULL, 0), &err);
  reopen();
  aod_outbox_entry_t second = make_entry(AOD_OUTBOX_ITEM, 'b');
  check_ok(change(0, &second, 1), &err);
  assert_true(second.seq > first.seq);
}

/* ---- lanes ---- */

/* Store an item of a lane; ids and lanes are 32 times one letter. */
static aod_outbox_entry_t add(char id, char lane, int64_t due_ms) {
  aod_outbox_entry_t entry = make_entry(AOD_OUTBOX_ITEM, id);
  memset(entry.lane, lane, 32);
  entry.due_ms = due_ms;
  check_ok(change(0, &entry, 1), &err);
  return entry;
}

/* The letters of what a lane has to offer. */
static void check_taken(char lane, int64_t now_ms, const int64_t *without, size_t without_count,
                        size_t limit, const char *letters) {
  aod_outbox_take_t take = {.now_ms = now_ms,
                            .without = without,
                            .without_count = without_count,
                            .limit = limit,
                            .bytes_max = SIZE_MAX};
  memset(take.lane, lane, 32);
  aod_outbox_entries_t entries;
  check_ok(aod_outbox_take(outbox, &take, &arena, &entries, &err), &err);
  char got[32] = "";
  for (size_t i = 0; i < entries.count; i++) got[i] = (char)entries.list[i].id[0];
  assert_string_equal(got, letters);
}

static void a_lane_offers_what_is_due_oldest_first(void **state) {
  (void)state;
  aod_outbox_entry_t a = add('a', 'x', 0), b = add('b', 'y', 0), c = add('c', 'x', 0);
  add('d', 'x', 100), add('e', 'x', AOD_OUTBOX_HELD), add('f', 'x', 0);
  check_taken('x', 50, NULL, 0, 10, "acf");
  check_taken('x', 100, NULL, 0, 10, "acfd");
  check_taken('x', 100, NULL, 0, 2, "ac");
  check_taken('x', 50, (int64_t[]){a.seq, c.seq}, 2, 1, "f");
  check_taken('y', 50, (int64_t[]){b.seq}, 1, 1, "");
  check_taken('z', 50, NULL, 0, 10, "");
}

static void a_lane_offers_no_more_bytes_than_wanted(void **state) {
  (void)state;
  add('a', 'x', 0), add('b', 'x', 0), add('c', 'x', 0);
  aod_outbox_take_t take = {.limit = 10, .bytes_max = 8}; /* "raw" and "text" are 7 */
  memset(take.lane, 'x', 32);
  aod_outbox_entries_t entries;
  check_ok(aod_outbox_take(outbox, &take, &arena, &entries, &err), &err);
  assert_int_equal(entries.count, 2);
}

static void collect_lane(void *context, const uint8_t lane[32]) {
  char *letters = context;
  letters[strlen(letters)] = (char)lane[0];
}

static void check_due(int64_t after_ms, int64_t until_ms, const char *lanes, int64_t next_ms) {
  char got[32] = "";
  int64_t due_ms;
  check_ok(aod_outbox_due_lanes(outbox, after_ms, until_ms, collect_lane, got, &err), &err);
  assert_string_equal(got, lanes);
  check_ok(aod_outbox_next_due(outbox, until_ms, &due_ms, &err), &err);
  assert_int_equal(due_ms, next_ms);
}

static void lanes_are_found_when_they_become_due(void **state) {
  (void)state;
  add('a', 'x', 0), add('b', 'x', 0), add('c', 'y', 50), add('d', 'z', 70);
  add('e', 'w', AOD_OUTBOX_HELD);
  check_due(-1, 10, "x", 50);
  check_due(10, 49, "", 50);
  check_due(10, 60, "y", 70);
  check_due(60, 100, "z", AOD_OUTBOX_HELD);
}

/* ---- giving back, pushing, resuming ---- */

typedef struct {
  aod_outbox_return_t returned;
  aod_latch_t latch;
} returning_t;

static void returned(aod_outbox_return_t *back, int code, const aod_error_t *why) {
  aod_latch_end(&((returning_t *)back)->latch, code, why);
}

static int give_back(const aod_outbox_entry_t *entry) {
  returning_t returning = {.returned = {.entry = entry, .done = returned}, .latch = AOD_LATCH(1)};
  aod_outbox_give_back(outbox, &returning.returned);
  return aod_latch_wait(&returning.latch, &err);
}

static void what_is_given_back_waits_as_it_then_is(void **state) {
  (void)state;
  aod_outbox_entry_t entry = add('a', 'x', AOD_OUTBOX_HELD);
  entry.attempts = 3;
  entry.due_ms = 70;
  entry.reason = AOD_TEXT("the scheduler is away");
  check_ok(give_back(&entry), &err);
  reopen();
  aod_outbox_entries_t entries = load();
  assert_int_equal(entries.list[0].attempts, 3);
  assert_int_equal(entries.list[0].due_ms, 70);
  assert_false(entries.list[0].parked);
  check_text(entries.list[0].reason, "the scheduler is away");
  check_text(entries.list[0].raw, "raw");
  entry.kind = AOD_OUTBOX_CRANK;
  memset(entry.lane, 'y', 32);
  check_ok(give_back(&entry), &err);
  entries = load();
  assert_int_equal(entries.list[0].kind, AOD_OUTBOX_CRANK);
  assert_int_equal(entries.list[0].raw.len, 0);
  check_taken('y', 70, NULL, 0, 10, "a");
  check_ok(change(entry.seq, NULL, 0), &err);
  check_fails(give_back(&entry), AOD_ENOTFOUND, &err, "no outbox entry");
}

static void what_is_gone_cannot_be_replaced(void **state) {
  (void)state;
  aod_outbox_entry_t entry = add('a', 'x', 0), next = make_entry(AOD_OUTBOX_ITEM, 'b');
  check_ok(change(entry.seq, NULL, 0), &err);
  check_fails(change(entry.seq, &next, 1), AOD_ENOTFOUND, &err, "no outbox entry");
  check_waiting("");
}

static void what_is_parked_waits_for_a_push(void **state) {
  (void)state;
  aod_outbox_entry_t entry = add('a', 'x', AOD_OUTBOX_HELD);
  entry.parked = true;
  entry.due_ms = AOD_OUTBOX_NOW;
  check_ok(give_back(&entry), &err);
  check_taken('x', 1000, NULL, 0, 10, "");
  check_due(-1, 1000, "", AOD_OUTBOX_HELD);
  check_ok(aod_outbox_push(outbox, entry.seq, 500, &err), &err);
  check_due(-1, 400, "", 500);
  check_taken('x', 500, NULL, 0, 10, "a");
  check_fails(aod_outbox_push(outbox, entry.seq + 1, 500, &err), AOD_ENOTFOUND, &err, "no outbox");
  aod_outbox_entry_t invalid = make_entry(AOD_OUTBOX_INVALID, 'i');
  check_ok(change(0, &invalid, 1), &err);
  check_fails(aod_outbox_push(outbox, invalid.seq, 500, &err), AOD_EINPUT, &err, "emit it anew");
}

static void what_is_worked_on_needs_no_push(void **state) {
  (void)state;
  aod_outbox_entry_t entry = add('a', 'x', AOD_OUTBOX_HELD);
  check_ok(aod_outbox_push(outbox, entry.seq, 500, &err), &err);
  check_taken('x', 1000, NULL, 0, 10, "");
}

static void a_new_run_finds_what_the_last_one_held(void **state) {
  (void)state;
  add('a', 'x', AOD_OUTBOX_HELD), add('b', 'x', 5000);
  aod_outbox_entry_t entry = add('c', 'x', 0);
  entry.parked = true;
  check_ok(give_back(&entry), &err);
  reopen();
  size_t waiting, parked;
  check_ok(aod_outbox_resume(outbox, &waiting, &parked, &err), &err);
  assert_int_equal(waiting, 2);
  assert_int_equal(parked, 1);
  check_taken('x', 0, NULL, 0, 10, "ab");
  assert_int_equal(load().list[0].attempts, 1);
}

/* ---- traces ---- */

static aod_trace_t make_trace(char message, char process, char cause) {
  aod_trace_t trace = {.kind = AOD_TRACE_MESSAGE, .has_cause = cause != 0, .timestamp_ms = 7};
  memset(trace.message, message, 32);
  memset(trace.process, process, 32);
  memset(trace.cause, cause, 32);
  return trace;
}

static void check_traces(aod_trace_query_t query, const char *letters) {
  aod_traces_t traces;
  char got[32] = "";
  query.limit = 10;
  check_ok(aod_trace_find(outbox, &query, &arena, &traces, &err), &err);
  for (size_t i = 0; i < traces.count; i++) got[i] = (char)traces.list[i].message[0];
  assert_string_equal(got, letters);
}

static void traces_are_found_by_process_message_and_cause(void **state) {
  (void)state;
  aod_trace_t rows[] = {make_trace('a', 'p', 0), make_trace('b', 'q', 'a'),
                        make_trace('c', 'p', 'a')};
  changing_t changing = {.change = {.traces = {rows, COUNT_OF(rows)}, .done = changed},
                         .latch = AOD_LATCH(1)};
  check_ok(run_change(&changing), &err);
  uint8_t a[32], p[32], q[32];
  memset(a, 'a', 32), memset(p, 'p', 32), memset(q, 'q', 32);
  check_traces((aod_trace_query_t){0}, "cba");
  check_traces((aod_trace_query_t){.process = p}, "ca");
  check_traces((aod_trace_query_t){.message = a}, "a");
  check_traces((aod_trace_query_t){.cause = a}, "cb");
  check_traces((aod_trace_query_t){.cause = a, .process = q}, "b");
  check_traces((aod_trace_query_t){.process = p, .kind = AOD_TRACE_SPAWN}, "");
  check_traces((aod_trace_query_t){.wallet = a}, "");
  check_traces((aod_trace_query_t){.offset = 1}, "ba");
}

#define OUTBOX_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      OUTBOX_TEST(an_entry_reads_back_whole),
      OUTBOX_TEST(what_follows_takes_the_place_of_what_is_done),
      OUTBOX_TEST(an_item_waits_once),
      OUTBOX_TEST(a_change_is_made_whole_or_not_at_all),
      OUTBOX_TEST(what_waits_already_is_left_out_of_what_follows),
      OUTBOX_TEST(a_number_is_never_given_twice),
      OUTBOX_TEST(a_lane_offers_what_is_due_oldest_first),
      OUTBOX_TEST(a_lane_offers_no_more_bytes_than_wanted),
      OUTBOX_TEST(lanes_are_found_when_they_become_due),
      OUTBOX_TEST(what_is_given_back_waits_as_it_then_is),
      OUTBOX_TEST(what_is_gone_cannot_be_replaced),
      OUTBOX_TEST(what_is_parked_waits_for_a_push),
      OUTBOX_TEST(what_is_worked_on_needs_no_push),
      OUTBOX_TEST(a_new_run_finds_what_the_last_one_held),
      OUTBOX_TEST(traces_are_found_by_process_message_and_cause),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
