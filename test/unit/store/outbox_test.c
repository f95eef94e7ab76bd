#include "store/outbox.h"

#include <pthread.h>

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
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool finished;
  int code;
} changing_t;

static void changed(aod_outbox_change_t *change, int code, const aod_error_t *why) {
  changing_t *changing = (changing_t *)change;
  pthread_mutex_lock(&changing->lock);
  changing->finished = true;
  changing->code = code;
  if (code != AOD_OK) err = *why;
  pthread_cond_signal(&changing->wake);
  pthread_mutex_unlock(&changing->lock);
}

static int change(int64_t remove, aod_outbox_entry_t *add, size_t count) {
  changing_t changing = {
      .change = {.remove = remove, .add = {.list = add, .count = count}, .done = changed},
      .lock = PTHREAD_MUTEX_INITIALIZER,
      .wake = PTHREAD_COND_INITIALIZER};
  aod_outbox_submit(outbox, &changing.change);
  pthread_mutex_lock(&changing.lock);
  while (!changing.finished) pthread_cond_wait(&changing.wake, &changing.lock);
  pthread_mutex_unlock(&changing.lock);
  return changing.code;
}

static aod_outbox_entries_t load(void) {
  aod_outbox_entries_t entries;
  check_ok(aod_outbox_load(outbox, &arena, &entries, &err), &err);
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

static void a_failed_attempt_is_remembered(void **state) {
  (void)state;
  aod_outbox_entry_t entry = make_entry(AOD_OUTBOX_ITEM, 'a');
  check_ok(change(0, &entry, 1), &err);
  aod_outbox_note(outbox, entry.seq, 3, true, "the scheduler said no");
  aod_outbox_note(outbox, entry.seq + 100, 1, true, "gone meanwhile");
  reopen();
  aod_outbox_entries_t entries = load();
  assert_int_equal(entries.list[0].attempts, 3);
  assert_true(entries.list[0].parked);
  check_text(entries.list[0].reason, "the scheduler said no");
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
      OUTBOX_TEST(a_failed_attempt_is_remembered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
