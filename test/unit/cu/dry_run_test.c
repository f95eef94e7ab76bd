/* Dry runs whose readers come late: the process has gone on, or has left memory. */
#include "base/latch.h"
#include "support/stream.h"

static char *dir;

static int open_unit(void **state) {
  (void)state;
  dir = test_dir_make();
  stream_open_vm(test_path(dir, "cache"));
  stream_init(tags_of(NULL, NULL));
  stream_add_process();
  for (int i = 1; i <= 4; i++)
    stream_add_message("x", tags_of(NULL, NULL), STREAM_START_MS + 1000 * i);
  stream_go_to(STREAM_START_MS + 10000);
  stream_open_cu(test_path(dir, "cu.db"));
  return 0;
}

static int close_unit(void **state) {
  (void)state;
  stream_close_cu();
  stream_deinit();
  aod_vm_close(stream_vm);
  test_dir_remove(dir);
  return 0;
}

static const uint8_t *record_id(size_t nonce) {
  return stream.records[nonce].assignment.id;
}

/* ---- readers that are held up ---- */

typedef struct {
  aod_task_t task;
  aod_latch_t go;
} holder_t;

static void hold(aod_task_t *task) {
  aod_latch_wait(&((holder_t *)task)->go, NULL);
}

static holder_t *hold_readers(void) {
  holder_t *holders = aod_alloc(stream_cu->readers_max * sizeof *holders);
  for (uint32_t i = 0; i < stream_cu->readers_max; i++) {
    holders[i] = (holder_t){.task.run = hold, .go = AOD_LATCH(1)};
    aod_pool_post(stream_cu->read_pool, &holders[i].task);
  }
  return holders;
}

static void let_readers_go(holder_t *holders) {
  for (uint32_t i = 0; i < stream_cu->readers_max; i++) aod_latch_end(&holders[i].go, AOD_OK, NULL);
}

typedef struct {
  aod_dry_run_t run;
  aod_latch_t latch;
  json_t *body;
} asked_t;

static void answered(aod_dry_run_t *run, int code, const aod_error_t *err) {
  aod_latch_end(&((asked_t *)run)->latch, code, err);
}

static void ask(asked_t *asked, const uint8_t *after) {
  static const char body[] = "{\"Owner\":\"x\",\"Tags\":[],\"Timestamp\":1,\"Block-Height\":2}";
  aod_error_t err;
  *asked =
      (asked_t){.run = {.done = answered, .has_message = after != NULL}, .latch = AOD_LATCH(1)};
  check_ok(aod_json_parse(aod_text(body), &asked->body, &err), &err);
  memcpy(asked->run.process, stream.process.id, 32);
  if (after) memcpy(asked->run.message, after, 32);
  asked->run.body = asked->body;
  aod__cu_dry_run(stream_cu, &asked->run);
}

static const char *await(asked_t *asked) {
  aod_error_t err;
  check_ok(aod_latch_wait(&asked->latch, &err), &err);
  json_decref(asked->body);
  return stream_text(&asked->run.answer);
}

/* ---- tests ---- */

static void one_after_a_message_sees_the_process_there(void **state) {
  (void)state;
  asked_t after_first, now;
  holder_t *holders = hold_readers();
  ask(&after_first, record_id(1));
  ask(&now, NULL); /* takes the process on, in the same lane */
  const char *last = ask_result(record_id(4));
  let_readers_go(holders);
  const char *late = await(&after_first), *newest = await(&now);
  assert_non_null(last);
  assert_string_equal(late, ask_dry(record_id(1))); /* on a copy */
  assert_string_not_equal(late, newest);
  assert_string_equal(newest, ask_dry(NULL));
  free(holders);
}

#define DRY_RUN_TEST(name) cmocka_unit_test_setup_teardown(name, open_unit, close_unit)

int main(void) {
  const struct CMUnitTest tests[] = {
      DRY_RUN_TEST(one_after_a_message_sees_the_process_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
