#include "ao/assignment.h"
#include "store/schedule.h"
#include "su/su.h"
#include "support/gateway.h"
#include "support/posts.h"

static aod_signer_t *user, *messenger, *unit;
static gateway_t gateway;
static char *dir;
static aod_su_t *su;
static const aod_scheduler_t *scheduler;
static aod_error_t err;

static int open_wallets(void **state) {
  (void)state;
  user = wallet_quick();
  messenger = wallet_quick();
  unit = wallet_quick();
  return 0;
}

static int close_wallets(void **state) {
  (void)state;
  aod_signer_free(user);
  aod_signer_free(messenger);
  aod_signer_free(unit);
  return 0;
}

static void open_su(const aod_signer_t *signer) {
  aod_su_options_t options = {
      .schedule_path = test_path(dir, "su.db"), .signer = signer, .gateway = &gateway.table};
  check_ok(aod_su_open(&su, &options, &err), &err);
  scheduler = aod_su_scheduler(su);
}

static int before_each(void **state) {
  (void)state;
  gateway_init(&gateway);
  dir = test_dir_make();
  open_su(unit);
  return 0;
}

static int after_each(void **state) {
  (void)state;
  aod_su_close(su);
  gateway_deinit(&gateway);
  test_dir_remove(dir);
  items_free();
  return 0;
}

static const uint8_t *spawn(void) {
  posting_t posting;
  aod_item_t item = item_parse(process_item(user, "MODULE", "lua"));
  check_ok(post_raw(scheduler, item.raw, &posting), &posting.error);
  check_id(posting.post.id, item.id);
  return (const uint8_t *)aod_arena_copy(&items_arena, aod_slice(item.id, 32)).ptr;
}

static void send(const uint8_t *process, const char *data) {
  posting_t posting;
  check_ok(post_raw(scheduler, message_item(user, process, data), &posting), &posting.error);
}

static aod_scheduled_list_t read_all(const uint8_t *process) {
  aod_scheduled_list_t list;
  check_ok(scheduler->range(scheduler->context, process, 0, 1000, &items_arena, &list, &err), &err);
  return list;
}

/* Every record follows from the one before: nonce, hash chain, time; and is signed as it should. */
static void check_chain(const uint8_t *process, size_t count) {
  aod_scheduled_list_t list = read_all(process);
  assert_int_equal(list.count, count);
  uint8_t chain[32];
  int64_t last_ms = 0;
  for (size_t i = 0; i < count; i++) {
    const aod_item_t *item = &list.list[i].assignment;
    aod_assignment_t assignment;
    check_ok(aod_assignment_parse(item, &assignment, &err), &err);
    check_ok(aod_item_verify(item, &err), &err);
    check_id(assignment.process, process);
    assert_int_equal(assignment.epoch, 0);
    assert_int_equal(assignment.nonce, i);
    assert_int_equal(assignment.block_height, 1393008);
    assert_true(assignment.timestamp_ms > last_ms);
    last_ms = assignment.timestamp_ms;
    if (i == 0)
      aod_hash_chain_first(process, chain);
    else
      aod_hash_chain_next(list.list[i - 1].assignment.id, chain, chain);
    check_id(assignment.hash_chain, chain);
    assert_int_equal(item->target.len, 0);
    assert_int_equal(item->data.len, 0);
    assert_int_equal(item->anchor.len, 32);
    assert_int_equal(assignment.has_message, i > 0);
    if (i > 0 && list.list[i].has_item) check_id(assignment.message, list.list[i].item.id);
  }
}

/* ---- one after the other ---- */

static void a_process_is_its_own_first_record(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  check_chain(process, 1);
  aod_scheduled_t found;
  check_ok(scheduler->find(scheduler->context, process, process, &items_arena, &found, &err), &err);
  check_id(found.item.id, process);
  aod_scheduled_t by_assignment;
  check_ok(scheduler->find(scheduler->context, process, found.assignment.id, &items_arena,
                           &by_assignment, &err),
           &err);
  check_id(by_assignment.item.id, process);
}

static void messages_follow_their_process(void **state) {
  (void)state;
  const uint8_t *first = spawn(), *second = spawn();
  for (int i = 0; i < 5; i++) send(first, "x"), send(second, "y");
  check_chain(first, 6);
  check_chain(second, 6);
}

static void the_tags_stand_in_the_protocols_order(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  send(process, "x");
  aod_scheduled_list_t list = read_all(process);
  static const char *const names[] = {"Process",      "Epoch",     "Nonce",         "Hash-Chain",
                                      "Block-Height", "Timestamp", "Data-Protocol", "Type",
                                      "Variant",      "Message"};
  const aod_tags_t *tags = &list.list[1].assignment.tags;
  assert_int_equal(tags->count, COUNT_OF(names));
  for (size_t i = 0; i < COUNT_OF(names); i++) check_text(tags->list[i].name, names[i]);
}

static void a_range_begins_where_it_is_told(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  for (int i = 0; i < 5; i++) send(process, "x");
  aod_scheduled_list_t list;
  aod_assignment_t assignment;
  check_ok(scheduler->range(scheduler->context, process, 3, 2, &items_arena, &list, &err), &err);
  assert_int_equal(list.count, 2);
  check_ok(aod_assignment_parse(&list.list[0].assignment, &assignment, &err), &err);
  assert_int_equal(assignment.nonce, 3);
  check_ok(scheduler->range(scheduler->context, process, 6, 2, &items_arena, &list, &err), &err);
  assert_int_equal(list.count, 0);
}

static void an_rsa_wallet_signs_as_the_reference_does(void **state) {
  (void)state;
  aod_signer_t *rsa = wallet_open(-1);
  aod_su_close(su);
  open_su(rsa);
  const uint8_t *process = spawn();
  for (int i = 0; i < 10; i++) send(process, "x");
  check_chain(process, 11);
  assert_int_equal(read_all(process).list[0].assignment.signature_type, 1);
  aod_su_close(su);
  aod_signer_free(rsa);
  open_su(unit);
}

/* ---- at once ---- */

enum { POSTERS = 4, EACH = 25, POSTS = POSTERS * EACH };
static posting_t postings[POSTS];

/* As many postings as there are places, each with a message of its own. */
static void make_messages(const uint8_t *process) {
  for (int i = 0; i < POSTS; i++) {
    char data[20];
    snprintf(data, sizeof data, "%d", i);
    postings[i] = (posting_t){.post = {.raw = message_item(user, process, data)}};
  }
}

static void *submit_some(void *argument) {
  posting_t *first = argument;
  for (int i = 0; i < EACH; i++) posting_submit(&first[i], scheduler);
  return NULL;
}

static void submit_from_many_threads(void) {
  pthread_t threads[POSTERS];
  for (int i = 0; i < POSTERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, submit_some, &postings[i * EACH]), 0);
  for (int i = 0; i < POSTERS; i++) pthread_join(threads[i], NULL);
}

static void a_hundred_posts_at_once_get_places_without_gap(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  make_messages(process);
  submit_from_many_threads();
  for (int i = 0; i < POSTS; i++) check_ok(posting_wait(&postings[i]), &postings[i].error);
  check_chain(process, POSTS + 1);
}

/* Told a time, then shown so many records: whatever is not among them must come later. */
typedef struct {
  int64_t now_ms;
  size_t seen;
} told_t;

static void the_time_that_is_told_is_kept_by_every_later_record(void **state) {
  (void)state;
  enum { QUESTIONS = 2000 };
  static told_t told[QUESTIONS];
  const uint8_t *process = spawn();
  aod_scheduled_list_t list;
  make_messages(process);
  pthread_t threads[POSTERS];
  for (int i = 0; i < POSTERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, submit_some, &postings[i * EACH]), 0);
  size_t count = 0, seen = 0;
  while (seen < POSTS + 1 && count < QUESTIONS) {
    aod_arena_t arena = {0};
    check_ok(scheduler->now(scheduler->context, process, &told[count].now_ms, &err), &err);
    check_ok(scheduler->range(scheduler->context, process, 0, 1000, &arena, &list, &err), &err);
    aod_arena_free(&arena);
    told[count++].seen = seen = list.count;
  }
  for (int i = 0; i < POSTERS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < POSTS; i++) check_ok(posting_wait(&postings[i]), &postings[i].error);
  check_ok(scheduler->range(scheduler->context, process, 0, 1000, &items_arena, &list, &err), &err);
  assert_int_equal(list.count, POSTS + 1);
  for (size_t i = 0; i < count; i++)
    for (size_t nonce = told[i].seen; nonce < list.count; nonce++) {
      aod_assignment_t assignment;
      check_ok(aod_assignment_parse(&list.list[nonce].assignment, &assignment, &err), &err);
      assert_true(assignment.timestamp_ms >= told[i].now_ms);
    }
}

static void expect_not_beyond(const uint8_t *process, size_t count) {
  int64_t now_ms;
  aod_scheduled_list_t list;
  aod_assignment_t last;
  check_ok(scheduler->now(scheduler->context, process, &now_ms, &err), &err);
  check_ok(scheduler->range(scheduler->context, process, 0, 1000, &items_arena, &list, &err), &err);
  assert_int_equal(list.count, count);
  check_ok(aod_assignment_parse(&list.list[count - 1].assignment, &last, &err), &err);
  assert_true(last.timestamp_ms <= now_ms);
}

/* Even where more were posted than milliseconds passed. */
static void what_was_acknowledged_is_not_beyond_the_time_that_is_told(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  make_messages(process);
  submit_from_many_threads();
  for (int i = 0; i < POSTS; i++) check_ok(posting_wait(&postings[i]), &postings[i].error);
  expect_not_beyond(process, POSTS + 1);
  aod_su_close(su);
  open_su(unit);
  expect_not_beyond(process, POSTS + 1);
}

static void the_time_of_nobodys_schedule_is_not_told(void **state) {
  (void)state;
  uint8_t nobody[32] = {7};
  int64_t now_ms;
  check_fails(scheduler->now(scheduler->context, nobody, &now_ms, &err), AOD_ENOTFOUND, &err,
              "Process not found");
}

static void the_same_item_many_times_at_once_is_taken_once(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  aod_item_t item = item_parse(message_item(user, process, "once"));
  for (int i = 0; i < POSTS; i++) postings[i] = (posting_t){.post = {.raw = item.raw}};
  submit_from_many_threads();
  int taken = 0;
  for (int i = 0; i < POSTS; i++) {
    int code = posting_wait(&postings[i]);
    taken += code == AOD_OK;
    if (code != AOD_OK)
      check_fails(code, AOD_EEXISTS, &postings[i].error, "MessageExists(\"Message already exists");
    check_id(postings[i].post.id, item.id);
  }
  assert_int_equal(taken, 1);
  check_chain(process, 2);
}

static void a_message_may_come_right_behind_its_process(void **state) {
  (void)state;
  aod_item_t process = item_parse(process_item(user, "MODULE", "lua"));
  posting_t first = {.post = {.raw = process.raw}};
  posting_t second = {.post = {.raw = message_item(user, process.id, "x")}};
  posting_submit(&first, scheduler);
  posting_submit(&second, scheduler);
  check_ok(posting_wait(&first), &first.error);
  check_ok(posting_wait(&second), &second.error);
  check_chain(process.id, 2);
}

/* ---- refusals ---- */

static void check_refused(aod_slice_t raw, int code, const char *says) {
  posting_t posting;
  check_fails(post_raw(scheduler, raw, &posting), code, &posting.error, says);
}

static aod_slice_t with_tags(const uint8_t *target, aod_tags_t tags) {
  aod_item_fields_t fields = {.tags = tags, .data = AOD_TEXT("x")};
  if (target) fields.target = aod_slice(target, 32);
  return item_sign(user, &fields);
}

static void items_that_break_the_protocol_are_refused(void **state) {
  (void)state;
  const uint8_t *p = spawn();
  check_refused(with_tags(p, tags_of("Data-Protocol", "ao", NULL)), AOD_EINPUT,
                "Type tag not present");
  check_refused(with_tags(p, tags_of("Data-Protocol", "ao", "Type", "Module", NULL)), AOD_EINPUT,
                "Unsupported Type tag value");
  check_refused(with_tags(p, tags_of("Type", "Other", "Type", "Message", NULL)), AOD_EINPUT,
                "Unsupported Type tag value");
  check_refused(with_tags(p, tags_of("Type", "Message", NULL)), AOD_EINPUT,
                "Data-Protocol tag not present");
  check_refused(
      with_tags(p, tags_of("Data-Protocol", "ao", "Type", "Message", "a+link", "b", NULL)),
      AOD_EINPUT, "Tag a+link cannot contain +link");
  check_refused(
      with_tags(p, tags_of("Data-Protocol", "ao", "Type", "Message", "a", "b+link", NULL)),
      AOD_EINPUT, "Tag a cannot contain +link");
  check_refused(with_tags(NULL, tags_of("Data-Protocol", "ao", "Type", "Message", NULL)),
                AOD_EINPUT, "Length mismatch 32");
  check_refused(
      with_tags(NULL, tags_of("Data-Protocol", "ao", "Type", "Process", "Module", "M", NULL)),
      AOD_EINPUT, "Required Module and Scheduler tags");
  check_chain(p, 1);
}

static void lower_case_names_of_the_two_tags_will_do(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  posting_t posting;
  check_ok(post_raw(scheduler,
                    with_tags(process, tags_of("data-protocol", "any", "type", "Message", NULL)),
                    &posting),
           &posting.error);
}

static void damaged_items_are_refused(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  aod_slice_t good = message_item(user, process, "hello");
  uint8_t *bytes = (uint8_t *)aod_arena_copy(&items_arena, good).ptr;
  bytes[good.len - 1] ^= 1;
  check_refused(aod_slice(bytes, good.len), AOD_ESIGNATURE, "no valid signed data item");
  check_refused(aod_slice_sub(good, 0, 100), AOD_EINPUT, "no valid signed data item");
  check_refused(AOD_TEXT("x"), AOD_EINPUT, "no valid signed data item");
  check_chain(process, 1);
}

static void messages_to_nobody_are_refused(void **state) {
  (void)state;
  uint8_t unknown[32] = {1, 2, 3};
  check_refused(message_item(user, unknown, "x"), AOD_ENOTFOUND, "Process not found");
  const uint8_t *process = spawn();
  aod_item_t message = item_parse(message_item(user, process, "x"));
  check_ok(post_raw(scheduler, message.raw, &(posting_t){0}), &err);
  check_refused(message_item(user, message.id, "x"), AOD_ENOTFOUND, "Process not found");
}

static void a_process_is_taken_once(void **state) {
  (void)state;
  aod_slice_t raw = process_item(user, "MODULE", "lua");
  posting_t posting;
  check_ok(post_raw(scheduler, raw, &posting), &posting.error);
  check_refused(raw, AOD_EEXISTS, "Message already exists");
}

/* ---- duplicates of pushed messages ---- */

static aod_slice_t pushed(const aod_signer_t *signer, const uint8_t *process, const char *origin,
                          bool from_process) {
  aod_item_fields_t fields = {
      .target = aod_slice(process, 32),
      .data = AOD_TEXT("same"),
      .tags = from_process ? tags_of("Data-Protocol", "ao", "Type", "Message", "From-Process", "P",
                                     "Pushed-For", origin, NULL)
                           : tags_of("Data-Protocol", "ao", "Type", "Message", NULL)};
  return item_sign(signer, &fields);
}

static void a_pushed_message_is_taken_from_one_messenger_only(void **state) {
  (void)state;
  const uint8_t *process = spawn(), *other = spawn();
  aod_item_t first = item_parse(pushed(messenger, process, "A", true));
  posting_t posting;
  check_ok(post_raw(scheduler, first.raw, &posting), &posting.error);
  check_fails(post_raw(scheduler, pushed(user, process, "B", true), &posting), AOD_EEXISTS,
              &posting.error, "MessageExists(\"Deep hash already exists");
  check_id(posting.post.id, first.id);
  check_ok(post_raw(scheduler, pushed(user, other, "A", true), &posting), &posting.error);
}

static void users_may_say_the_same_twice(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  posting_t posting;
  check_ok(post_raw(scheduler, pushed(user, process, "", false), &posting), &posting.error);
  check_ok(post_raw(scheduler, pushed(messenger, process, "", false), &posting), &posting.error);
  check_chain(process, 3);
}

/* ---- assignments ---- */

static void a_transaction_on_arweave_can_be_assigned(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  gateway_wait(&gateway, 2); /* the publisher's */
  aod_item_fields_t fields = {.data = AOD_TEXT("news"), .tags = tags_of("a", "b", NULL)};
  aod_item_t item = item_make(user, &fields);
  check_ok(gateway_upload(&gateway, &item.raw, 1, &err), &err);
  posting_t posting;
  check_ok(post_assignment(scheduler, process, item.id, "Data,Tags", &posting), &posting.error);
  aod_scheduled_t found;
  check_ok(
      scheduler->find(scheduler->context, process, posting.post.id, &items_arena, &found, &err),
      &err);
  assert_false(found.has_item);
  check_id(found.assignment.id, posting.post.id);
  assert_true(aod_tags_has(&found.assignment.tags, "Message", id_text(item.id)));
  assert_true(aod_tags_has(&found.assignment.tags, "Exclude", "Data"));
  assert_true(aod_tags_has(&found.assignment.tags, "Exclude", "Tags"));
  check_chain(process, 2);
}

static void what_is_scheduled_here_can_be_assigned_elsewhere_once(void **state) {
  (void)state;
  const uint8_t *process = spawn(), *other = spawn();
  aod_item_t item = item_parse(message_item(user, process, "x"));
  posting_t posting, again;
  check_ok(post_raw(scheduler, item.raw, &posting), &posting.error);
  check_ok(post_assignment(scheduler, other, item.id, "", &posting), &posting.error);
  check_fails(post_assignment(scheduler, other, item.id, "", &again), AOD_EEXISTS, &again.error,
              "Deep hash already exists");
  check_id(again.post.id, posting.post.id);
  check_chain(other, 2);
}

static const uint8_t *spawn_with(const char *name, const char *value) {
  posting_t posting;
  aod_item_fields_t fields = {.data = AOD_TEXT("lua"),
                              .tags = tags_of("Data-Protocol", "ao", "Type", "Process", "Module",
                                              "M", "Scheduler", "S", name, value, NULL)};
  aod_slice_t raw = item_sign(user, &fields);
  if (post_raw(scheduler, raw, &posting) != AOD_OK) {
    err = posting.error;
    return NULL;
  }
  return (const uint8_t *)aod_arena_copy(&items_arena, aod_slice(posting.post.id, 32)).ptr;
}

static void a_base_layer_transaction_is_assigned_once_it_is_settled(void **state) {
  (void)state;
  const uint8_t *patient = spawn(), *hasty = spawn_with("Settlement-Depth", "3"),
                *odd = spawn_with("Settlement-Depth", "soon");
  uint8_t transaction[32] = {42};
  posting_t posting, again;
  check_fails(post_base_layer(scheduler, patient, transaction, &posting), AOD_ENOTFOUND,
              &posting.error, "Transaction not found");
  const struct {
    uint64_t confirmations;
    const uint8_t *process;
    bool taken;
  } cases[] = {{2, hasty, false},   {3, hasty, true}, {19, patient, false},
               {20, patient, true}, {19, odd, false}, {20, odd, true}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    gateway.confirmations = cases[i].confirmations;
    int code = post_base_layer(scheduler, cases[i].process, transaction, &posting);
    if (cases[i].taken)
      check_ok(code, &posting.error);
    else
      check_fails(code, AOD_EINPUT, &posting.error, "Not enough confirmations to assign");
  }
  check_chain(odd, 2);
  check_fails(post_base_layer(scheduler, odd, transaction, &again), AOD_EEXISTS, &again.error,
              "already exists");
  check_id(again.post.id, posting.post.id);
  check_fails(post_base_layer(scheduler, transaction, transaction, &posting), AOD_ENOTFOUND,
              &posting.error, "Process not found");
}

static void what_a_process_boots_from_must_exist(void **state) {
  (void)state;
  const uint8_t *known = spawn();
  gateway_wait(&gateway, 2); /* the publisher's */
  assert_non_null(spawn_with("On-Boot", "Data"));
  assert_non_null(spawn_with("On-Boot", id_text(known)));
  uint8_t unknown[32] = {9};
  assert_null(spawn_with("On-Boot", id_text(unknown)));
  check_contains(err.message, "Invalid tx id for On-Boot tag");
  assert_null(spawn_with("On-Boot", "data"));
}

static void assignments_of_or_to_nothing_are_refused(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  uint8_t unknown[32] = {9};
  posting_t posting;
  check_fails(post_assignment(scheduler, process, unknown, "", &posting), AOD_ENOTFOUND,
              &posting.error, "Transaction not found");
  check_fails(post_assignment(scheduler, unknown, process, "", &posting), AOD_ENOTFOUND,
              &posting.error, "Process not found");
}

static void a_place_that_cannot_be_signed_is_left_free(void **state) {
  (void)state;
  const uint8_t *process = spawn(), *other = spawn();
  char commas[1000];
  memset(commas, ',', sizeof commas - 1);
  commas[sizeof commas - 1] = 0;
  posting_t posting;
  check_fails(post_assignment(scheduler, process, other, commas, &posting), AOD_EINPUT,
              &posting.error, "tags");
  send(process, "x");
  check_chain(process, 2);
}

/* ---- restarts and failures ---- */

static void a_restart_goes_on_where_it_was(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  aod_slice_t once = message_item(user, process, "once");
  posting_t posting;
  check_ok(post_raw(scheduler, once, &posting), &posting.error);
  for (size_t i = 0; i < 3; i++) {
    aod_su_close(su);
    open_su(unit);
    check_refused(once, AOD_EEXISTS, "Message already exists");
    send(process, "x");
    check_chain(process, 3 + i);
  }
}

static void ignore(aod_append_t *append, int code, const aod_error_t *why) {
  (void)append, (void)code, (void)why;
}

/* Take the next place behind the scheduler's back. */
static void append_behind(const uint8_t *process) {
  aod_schedule_t *schedule;
  aod_record_t last;
  check_ok(aod_schedule_open(&schedule, test_path(dir, "su.db"), &err), &err);
  check_ok(aod_schedule_last(schedule, process, &items_arena, &last, &err), &err);
  aod_append_t append = {.record = last, .done = ignore};
  append.record.nonce++;
  append.record.item = AOD_EMPTY;
  append.record.assignment_id[0]++;
  aod_schedule_append(schedule, &append);
  aod_schedule_close(schedule);
}

static void after_a_failed_append_the_head_is_read_again(void **state) {
  (void)state;
  const uint8_t *process = spawn();
  append_behind(process);
  append_behind(process); /* two, so that counting on from the lost one is wrong as well */
  posting_t posting;
  check_fails(post_raw(scheduler, message_item(user, process, "lost"), &posting), AOD_EUNAVAILABLE,
              &posting.error, "could not be written, try again");
  check_ok(post_raw(scheduler, message_item(user, process, "kept"), &posting), &posting.error);
  aod_scheduled_list_t list = read_all(process);
  assert_int_equal(list.count, 4);
  check_text(list.list[3].item.data, "kept");
}

/* Close in the midst of many posts: all of them are answered, and in the schedule. */
static void close_with_many_under_way(void) {
  const uint8_t *process = spawn();
  make_messages(process);
  for (int i = 0; i < POSTS; i++) posting_submit(&postings[i], scheduler);
  aod_su_close(su);
  for (int i = 0; i < POSTS; i++) {
    assert_true(postings[i].latch.left == 0);
    assert_int_equal(postings[i].latch.code, AOD_OK);
  }
  open_su(unit);
  check_chain(process, POSTS + 1);
}

static void closing_answers_everybody(void **state) {
  (void)state;
  close_with_many_under_way();
}

/* Where signing is slow, commits of many posts wait for each other. */
static void closing_answers_everybody_who_waits_for_a_slow_wallet(void **state) {
  (void)state;
  aod_signer_t *rsa = wallet_open(-1);
  aod_su_close(su);
  open_su(rsa);
  close_with_many_under_way();
  aod_signer_free(rsa);
}

#define SU_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      SU_TEST(a_process_is_its_own_first_record),
      SU_TEST(messages_follow_their_process),
      SU_TEST(the_tags_stand_in_the_protocols_order),
      SU_TEST(a_range_begins_where_it_is_told),
      SU_TEST(an_rsa_wallet_signs_as_the_reference_does),
      SU_TEST(a_hundred_posts_at_once_get_places_without_gap),
      SU_TEST(the_same_item_many_times_at_once_is_taken_once),
      SU_TEST(a_message_may_come_right_behind_its_process),
      SU_TEST(items_that_break_the_protocol_are_refused),
      SU_TEST(lower_case_names_of_the_two_tags_will_do),
      SU_TEST(damaged_items_are_refused),
      SU_TEST(messages_to_nobody_are_refused),
      SU_TEST(a_process_is_taken_once),
      SU_TEST(a_pushed_message_is_taken_from_one_messenger_only),
      SU_TEST(users_may_say_the_same_twice),
      SU_TEST(a_transaction_on_arweave_can_be_assigned),
      SU_TEST(what_is_scheduled_here_can_be_assigned_elsewhere_once),
      SU_TEST(assignments_of_or_to_nothing_are_refused),
      SU_TEST(a_base_layer_transaction_is_assigned_once_it_is_settled),
      SU_TEST(what_a_process_boots_from_must_exist),
      SU_TEST(a_place_that_cannot_be_signed_is_left_free),
      SU_TEST(the_time_that_is_told_is_kept_by_every_later_record),
      SU_TEST(what_was_acknowledged_is_not_beyond_the_time_that_is_told),
      SU_TEST(the_time_of_nobodys_schedule_is_not_told),
      SU_TEST(a_restart_goes_on_where_it_was),
      SU_TEST(after_a_failed_append_the_head_is_read_again),
      SU_TEST(closing_answers_everybody),
      SU_TEST(closing_answers_everybody_who_waits_for_a_slow_wallet),
  };
  return cmocka_run_group_tests(tests, open_wallets, close_wallets);
}
