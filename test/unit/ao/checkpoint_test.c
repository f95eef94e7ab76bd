#include "ao/checkpoint.h"

#include "support/items.h"

static aod_arena_t arena;
static aod_error_t err;

static aod_checkpoint_t example(void) {
  aod_checkpoint_t checkpoint = {.nonce = 41,
                                 .timestamp_ms = 1711676639123,
                                 .block_height = 1393008,
                                 .cron = AOD_TEXT("0-5-minutes"),
                                 .gzip = true,
                                 .has_assignment = true,
                                 .has_hash_chain = true};
  memset(checkpoint.process, 1, 32);
  memset(checkpoint.module, 2, 32);
  memset(checkpoint.sha256, 0xab, 32);
  memset(checkpoint.assignment, 3, 32);
  memset(checkpoint.hash_chain, 4, 32);
  return checkpoint;
}

static void tags_stand_in_the_networks_order(void **state) {
  (void)state;
  static const char *const names[] = {"Data-Protocol", "Variant",          "Type",
                                      "Module",        "Process",          "Nonce",
                                      "Timestamp",     "Block-Height",     "Content-Type",
                                      "SHA-256",       "Content-Encoding", "Unit-Identifier",
                                      "Ordinate",      "Assignment",       "Hash-Chain",
                                      "Cron-Interval"};
  aod_checkpoint_t checkpoint = example();
  aod_tags_t tags;
  aod_checkpoint_tags(&checkpoint, "UNIT", &arena, &tags);
  assert_int_equal(tags.count, COUNT_OF(names));
  for (size_t i = 0; i < tags.count; i++) check_text(tags.list[i].name, names[i]);
  check_text(tags.list[5].value, "41");
  check_text(tags.list[9].value,
             "abababababababababababababababababababababababababababababababab");
  checkpoint.cron = AOD_EMPTY;
  aod_checkpoint_tags(&checkpoint, "UNIT", &arena, &tags);
  assert_int_equal(tags.count, COUNT_OF(names) - 1);
}

static void tags_read_back(void **state) {
  (void)state;
  aod_checkpoint_t checkpoint = example(), read;
  aod_tags_t tags;
  aod_checkpoint_tags(&checkpoint, "UNIT", &arena, &tags);
  check_ok(aod_checkpoint_parse(&tags, &read, &err), &err);
  check_id(read.process, checkpoint.process);
  check_id(read.module, checkpoint.module);
  check_id(read.sha256, checkpoint.sha256);
  check_id(read.assignment, checkpoint.assignment);
  check_id(read.hash_chain, checkpoint.hash_chain);
  assert_int_equal(read.nonce, 41);
  assert_int_equal(read.timestamp_ms, 1711676639123);
  assert_int_equal(read.block_height, 1393008);
  check_text(read.cron, "0-5-minutes");
  assert_true(read.gzip && read.has_assignment && read.has_hash_chain);
}

/* The tags of the example without one, or with another value. */
static int parse_with(const char *name, const char *value, aod_checkpoint_t *read) {
  aod_checkpoint_t checkpoint = example();
  aod_tags_t tags, kept;
  aod_checkpoint_tags(&checkpoint, "UNIT", &arena, &tags);
  kept = (aod_tags_t){.list = tags.list};
  for (size_t i = 0; i < tags.count; i++) {
    bool other = aod_slice_is(tags.list[i].name, name);
    if (other && !value) continue;
    kept.list[kept.count] = tags.list[i];
    if (other) kept.list[kept.count].value = aod_text(value);
    kept.count++;
  }
  return aod_checkpoint_parse(&kept, read, &err);
}

static void what_must_be_there_must_be_right(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"Data-Protocol", NULL},
      {"Type", "Message"},
      {"Process", NULL},
      {"Process", "short"},
      {"Module", NULL},
      {"Nonce", NULL},
      {"Nonce", "-1"},
      {"Timestamp", "1.5"},
      {"Timestamp", "18446744073709551615"},
      {"Block-Height", ""},
      {"SHA-256", NULL},
      {"SHA-256", "abc"},
      {"SHA-256", "xbababababababababababababababababababababababababababababababab"}};
  aod_checkpoint_t read;
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    assert_int_equal(parse_with(cases[i][0], cases[i][1], &read), AOD_EINPUT);
    check_contains(err.message, cases[i][0]);
  }
  assert_int_equal(parse_with("Content-Encoding", "br", &read), AOD_EUNSUPPORTED);
}

static void the_rest_may_be_missing(void **state) {
  (void)state;
  aod_checkpoint_t read;
  check_ok(parse_with("Assignment", NULL, &read), &err);
  assert_false(read.has_assignment);
  check_ok(parse_with("Hash-Chain", "short", &read), &err);
  assert_false(read.has_hash_chain);
  check_ok(parse_with("Content-Encoding", NULL, &read), &err);
  assert_false(read.gzip);
  check_ok(parse_with("Content-Encoding", "identity", &read), &err);
  assert_false(read.gzip);
  check_ok(parse_with("Unit-Identifier", NULL, &read), &err);
  check_ok(parse_with("Cron-Interval", NULL, &read), &err);
  assert_int_equal(read.cron.len, 0);
}

static void the_later_one_has_the_higher_nonce_or_time(void **state) {
  (void)state;
  aod_checkpoint_t a = example(), b = example();
  assert_false(aod_checkpoint_is_earlier(&a, &b));
  b.timestamp_ms++;
  assert_true(aod_checkpoint_is_earlier(&a, &b));
  a.nonce++;
  assert_false(aod_checkpoint_is_earlier(&a, &b));
  assert_true(aod_checkpoint_is_earlier(&b, &a));
}

static int release(void **state) {
  (void)state;
  aod_arena_free(&arena);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(tags_stand_in_the_networks_order),           TEST(tags_read_back),
      TEST(what_must_be_there_must_be_right),           TEST(the_rest_may_be_missing),
      TEST(the_later_one_has_the_higher_nonce_or_time),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
