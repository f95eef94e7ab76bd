/* Checkpoints of a unit on a schedule in memory: what the next unit evaluates, what it counts as a
 * duplicate, and when one is made. From outside, test/wire/checkpoint.test.mjs tells the rest. */
#include "support/compute.h"

static char own_address[44];
static const char *trusted[] = {own_address};
static aod_cu_options_t options;
static int database;

static void reopen(void) {
  aod_error_t err;
  aod_cu_close(cu);
  check_ok(aod_cu_open(&cu, &options, &err), &err);
}

/* A unit that knows nothing. */
static void begin_anew(void) {
  char name[20];
  snprintf(name, sizeof name, "cu-%d.db", ++database);
  options.results_path = test_path(compute_dir, name);
  reopen();
}

static int before_each(void **state) {
  (void)state;
  schedule_count = 0;
  compute_gateway.away = false;
  options = (aod_cu_options_t){.vm = compute_vm,
                               .scheduler = &schedule_table,
                               .gateway = &compute_gateway.table,
                               .signer = compute_signer,
                               .trusted = {trusted, 1}};
  aod_signer_address(compute_signer, options.address);
  snprintf(own_address, sizeof own_address, "%s", id_text(options.address));
  begin_anew();
  return 0;
}

static int open_world(void **state) {
  (void)state;
  compute_setup();
  return 0;
}

static int close_world(void **state) {
  (void)state;
  compute_teardown();
  return 0;
}

static void check_output(const uint8_t *process, const uint8_t *message, const char *output) {
  check_contains(ask(process, message), output);
}

static void make(const uint8_t *process) {
  uint8_t id[32];
  aod_error_t err;
  check_ok(aod_cu_checkpoint(cu, process, id, &err), &err);
  assert_memory_equal(id, item_parse(compute_gateway.raws[compute_gateway.count - 1]).id, 32);
}

static void a_new_unit_goes_on_where_it_was(void **state) {
  (void)state;
  const uint8_t *process = process_add(compute_module_id, tags_of(NULL, NULL));
  const uint8_t *third = NULL;
  for (int i = 0; i < 3; i++) third = message_add(process, "c");
  check_output(process, third, "0004"); /* the process item counts, too */
  make(process);
  const uint8_t *failing = message_add(process, "t"), *next = message_add(process, "c");
  begin_anew();
  check_output(process, next, "0005");
  check_contains(ask(process, failing), "unreachable");
  check_output(process, third, "0004"); /* evaluated from the beginning, on a copy */
  reopen();
  check_output(process, message_add(process, "c"), "0006");
}

enum { EARLIER = 50 };

/* A process that goes on behind so many messages, each of which is an assignment, so that the unit
 * asks the gateway once for each that it evaluates. */
static const uint8_t *process_with_earlier(const uint8_t *messages[EARLIER]) {
  const uint8_t *process = process_add(compute_module_id, tags_of(NULL, NULL));
  for (int i = 0; i < EARLIER; i++) {
    const uint8_t *assigned = id_of(compute_publish(tags_of("A", "1", NULL), AOD_TEXT("c")));
    messages[i] = assignment_add(process, assigned, "")->assignment_id;
  }
  check_output(process, messages[EARLIER - 1], "0051");
  make(process);
  begin_anew();
  check_output(process, message_add(process, "c"), "0052");
  compute_gateway.finds = 0;
  return process;
}

/* And once for the module, each time that the process is loaded. */
static void check_evaluations(size_t most) {
  if (compute_gateway.finds > most) fail_msg("%zu > %zu", compute_gateway.finds, most);
}

static void earlier_results_in_order_cost_one_evaluation_each(void **state) {
  (void)state;
  const uint8_t *messages[EARLIER];
  const uint8_t *process = process_with_earlier(messages);
  for (int i = 0; i < EARLIER; i++) assert_string_equal(ask(process, messages[i]), counted(i + 2));
  check_evaluations(EARLIER + 1);
  assert_string_equal(ask(process, messages[0]), counted(2)); /* it is stored by now */
  check_evaluations(EARLIER + 1);
}

static void many_may_ask_for_earlier_results_at_once(void **state) {
  (void)state;
  const uint8_t *messages[EARLIER];
  const uint8_t *process = process_with_earlier(messages);
  asking_t askings[EARLIER];
  for (int i = 0; i < EARLIER; i++)
    asking_submit(&askings[i], process, messages[(i * 17 + 30) % EARLIER]);
  for (int i = 0; i < EARLIER; i++) {
    check_ok(asking_wait(&askings[i]), &askings[i].error);
    check_text(aod_buf_slice(&askings[i].call.body), counted((i * 17 + 30) % EARLIER + 2));
    aod_buf_free(&askings[i].call.body);
  }
  check_evaluations(EARLIER + 1);
}

static void one_that_is_lost_behind_the_rerun_is_evaluated_too(void **state) {
  (void)state;
  const uint8_t *messages[EARLIER];
  const uint8_t *process = process_with_earlier(messages);
  check_output(process, messages[30], "0032");
  aod_results_t *results;
  aod_error_t err;
  check_ok(aod_results_open(&results, options.results_path, &err), &err);
  aod_results_truncate(results, process, 10);
  aod_results_close(results);
  check_output(process, messages[20], "0022");
  check_output(process, messages[31], "0033");
}

/* Together with another it does not fit, so each makes room for the other. */
static void the_rerun_leaves_memory_like_others(void **state) {
  (void)state;
  const uint8_t *messages[EARLIER];
  options.memory_bytes = 1;
  const uint8_t *process = process_with_earlier(messages);
  for (int i = 0; i < 3; i++)
    assert_string_equal(ask(process, messages[10 * i]), counted(10 * i + 2));
  check_output(process, message_add(process, "c"), "0053");
}

/* ---- crons ---- */

/* Its moment is the end of its second; its time is before those of the messages in that second. */
static int one_block(void *context, uint64_t from_height, size_t limit, aod_arena_t *arena,
                     aod_block_list_t *list, aod_error_t *err) {
  static aod_block_t block = {.height = 1393009, .timestamp_ms = SCHEDULE_BEGIN_MS + 100};
  (void)context, (void)limit, (void)arena, (void)err;
  *list = (aod_block_list_t){&block, from_height <= block.height};
  return AOD_OK;
}

typedef struct {
  aod_page_call_t call;
  aod_latch_t latch;
} paging_t;

static void paging_done(aod_page_call_t *call, int code, const aod_error_t *err) {
  aod_latch_end(&((paging_t *)call)->latch, code, err);
}

/* Evaluates up to now. */
static void check_cron(const uint8_t *process, const char *output) {
  aod_error_t err;
  paging_t paging = {.call = {.limit = 10, .done = paging_done}, .latch = AOD_LATCH(1)};
  memcpy(paging.call.process, process, 32);
  const aod_computer_t *computer = aod_cu_computer(cu);
  computer->cron(computer->context, &paging.call);
  check_ok(aod_latch_wait(&paging.latch, &err), &err);
  aod_buf_terminate(&paging.call.body);
  check_contains((const char *)paging.call.body.ptr, output);
  aod_buf_free(&paging.call.body);
}

static void a_cron_of_a_block_in_the_second_of_a_message_is_gone_on_from(void **state) {
  (void)state;
  const uint8_t *process = process_add(
      compute_module_id, tags_of("Cron-Interval", "1-blocks", "Cron-Tag-Action", "Block",
                                 "Cron-Interval", "1-hour", "Cron-Tag-Action", "Never", NULL));
  compute_gateway.table.blocks = one_block;
  for (int i = 0; i < EARLIER; i++)
    assignment_add(process, id_of(compute_publish(tags_of("A", "1", NULL), AOD_TEXT("c"))), "");
  check_cron(process, "0052");
  uint8_t made[32], named[32];
  aod_error_t err;
  check_ok(aod_cu_checkpoint(cu, process, made, &err), &err);
  begin_anew();
  compute_gateway.finds = 0;
  size_t items = compute_gateway.count;
  check_ok(aod_cu_checkpoint(cu, process, named, &err), &err);
  assert_memory_equal(named, made, 32);
  assert_int_equal(compute_gateway.count, items);
  check_evaluations(3);
}

static void a_duplicate_of_an_earlier_message_is_one(void **state) {
  (void)state;
  const uint8_t *process = process_add(compute_module_id, tags_of(NULL, NULL));
  const uint8_t *assigned = id_of(compute_publish(tags_of("A", "1", NULL), AOD_TEXT("c")));
  assignment_add(process, assigned, "");
  check_output(process, message_add(process, "c"), "0003");
  make(process);
  for (int i = 0; i < 2; i++) {
    assignment_add(process, assigned, "");
    const uint8_t *next = message_add(process, "c");
    if (i == 0) begin_anew();
    check_output(process, next, i ? "0005" : "0004");
    reopen();
  }
}

static void without_an_answer_a_process_begins_at_its_beginning(void **state) {
  (void)state;
  const uint8_t *process = process_add(compute_module_id, tags_of(NULL, NULL));
  check_output(process, message_add(process, "c"), "0002");
  make(process);
  compute_gateway.away = true;
  begin_anew();
  check_output(process, message_add(process, "c"), "0003");
}

static void results_return_to_the_checkpoint_they_began_at(void **state) {
  (void)state;
  const uint8_t *process = process_add(compute_module_id, tags_of(NULL, NULL));
  check_output(process, message_add(process, "c"), "0002");
  make(process);
  begin_anew();
  check_output(process, message_add(process, "c"), "0003");
  options.trusted.count = 0; /* it is known by now */
  reopen();
  check_output(process, message_add(process, "c"), "0004");
  /* When it is gone, all begins anew. */
  size_t kept = compute_gateway.count;
  compute_gateway.raws[kept - 1] = compute_gateway.raws[0];
  reopen();
  check_output(process, message_add(process, "c"), "0005");
  reopen();
  check_output(process, message_add(process, "c"), "0006");
}

static void they_are_made_after_so_much_work(void **state) {
  (void)state;
  options.checkpoints = true;
  options.checkpoint_ms = 1;
  begin_anew();
  size_t before = compute_gateway.count;
  const uint8_t *process = process_add(compute_module_id, tags_of(NULL, NULL));
  for (int i = 0; i < 200; i++) ask(process, message_add(process, "c"));
  reopen();                                            /* what was asked has been finished */
  assert_int_equal(compute_gateway.count, before + 1); /* and no second one for half an hour */
}

static void none_is_made_without_a_wallet(void **state) {
  (void)state;
  uint8_t id[32];
  aod_error_t err;
  const uint8_t *process = process_add(compute_module_id, tags_of(NULL, NULL));
  message_add(process, "c");
  options.signer = NULL;
  reopen();
  check_fails(aod_cu_checkpoint(cu, process, id, &err), AOD_EUSAGE, &err, "no wallet");
}

#define CHECKPOINT_TEST(f) cmocka_unit_test_setup(f, before_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      CHECKPOINT_TEST(a_new_unit_goes_on_where_it_was),
      CHECKPOINT_TEST(earlier_results_in_order_cost_one_evaluation_each),
      CHECKPOINT_TEST(many_may_ask_for_earlier_results_at_once),
      CHECKPOINT_TEST(one_that_is_lost_behind_the_rerun_is_evaluated_too),
      CHECKPOINT_TEST(the_rerun_leaves_memory_like_others),
      CHECKPOINT_TEST(a_cron_of_a_block_in_the_second_of_a_message_is_gone_on_from),
      CHECKPOINT_TEST(a_duplicate_of_an_earlier_message_is_one),
      CHECKPOINT_TEST(without_an_answer_a_process_begins_at_its_beginning),
      CHECKPOINT_TEST(results_return_to_the_checkpoint_they_began_at),
      CHECKPOINT_TEST(they_are_made_after_so_much_work),
      CHECKPOINT_TEST(none_is_made_without_a_wallet),
  };
  return cmocka_run_group_tests(tests, open_world, close_world);
}
