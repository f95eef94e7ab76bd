#include "ao/assignment.h"

#include "support/items.h"

static aod_signer_t *alice, *bob;

static int open_wallets(void **state) {
  (void)state;
  alice = wallet_quick();
  bob = wallet_quick();
  return 0;
}

static int close_wallets(void **state) {
  (void)state;
  aod_signer_free(alice);
  aod_signer_free(bob);
  return 0;
}

static int after_each(void **state) {
  (void)state;
  items_free();
  return 0;
}

/* ---- ids of 32 equal bytes and their texts ---- */

#define ONES   "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
#define THREES "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM"
/* SHA-256 of 32 ones; SHA-256 of 32 twos and that */
#define CHAIN_0 "cs1uhCLEB_ttCYaQ8RMLfe1-wvf14dML2dUh8BU2N5M"
#define CHAIN_1 "2S886r9o0sw8pru-nXvedHsMRi0-97MNtxuaSD_TVeI"

static void fill(uint8_t id[32], int byte) {
  memset(id, byte, 32);
}

static aod_assignment_t of_process(void) {
  aod_assignment_t assignment = {.block_height = 1393008, .timestamp_ms = 1711676638000};
  fill(assignment.process, 1);
  aod_hash_chain_first(assignment.process, assignment.hash_chain);
  return assignment;
}

static aod_assignment_t of_message(void) {
  aod_assignment_t assignment = of_process();
  uint8_t previous[32], first[32];
  fill(previous, 2);
  memcpy(first, assignment.hash_chain, 32);
  aod_hash_chain_next(previous, first, assignment.hash_chain);
  assignment.nonce = 1;
  assignment.timestamp_ms += 1000;
  assignment.has_message = true;
  fill(assignment.message, 3);
  return assignment;
}

static aod_slice_t text_of(const aod_assignment_t *assignment) {
  aod_tags_t tags;
  aod_assignment_tags(assignment, &items_arena, &tags);
  return tags_text(&tags);
}

/* ---- writing: units.md 1.5, 9.1 and 9.2 ---- */

static void tags_stand_in_their_order(void **state) {
  (void)state;
  aod_assignment_t process = of_process(), message = of_message();
  check_text(text_of(&process), "Process=" ONES " Epoch=0 Nonce=0 Hash-Chain=" CHAIN_0
                                " Block-Height=000001393008 Timestamp=1711676638000"
                                " Data-Protocol=ao Type=Assignment Variant=ao.TN.1");
  check_text(text_of(&message),
             "Process=" ONES " Epoch=0 Nonce=1 Hash-Chain=" CHAIN_1
             " Block-Height=000001393008 Timestamp=1711676639000"
             " Data-Protocol=ao Type=Assignment Variant=ao.TN.1 Message=" THREES);
}

static void excluded_fields_get_a_tag_each(void **state) {
  (void)state;
  static const struct {
    const char *exclude, *end;
  } cases[] = {{"", "Message=" THREES},
               {"Data", "Message=" THREES " Exclude=Data"},
               {"Data,Tags", " Exclude=Data Exclude=Tags"},
               {"Data,,Tags,", " Exclude=Data Exclude= Exclude=Tags Exclude="}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    aod_assignment_t assignment = of_message();
    assignment.exclude = aod_text(cases[i].exclude);
    aod_slice_t text = text_of(&assignment);
    if (!aod_slice_ends(text, cases[i].end)) check_text(text, cases[i].end);
  }
}

/* ---- reading ---- */

static int parse(aod_tags_t tags, aod_assignment_t *assignment, aod_error_t *err) {
  aod_item_t item = {.tags = tags};
  return aod_assignment_parse(&item, assignment, err);
}

static void what_is_written_reads_back(void **state) {
  (void)state;
  aod_assignment_t written[] = {of_process(), of_message()}, read;
  for (size_t i = 0; i < COUNT_OF(written); i++) {
    aod_tags_t tags;
    aod_error_t err;
    aod_assignment_tags(&written[i], &items_arena, &tags);
    check_ok(parse(tags, &read, &err), &err);
    check_text(text_of(&read), (const char *)text_of(&written[i]).ptr);
  }
}

static void a_missing_or_wrong_tag_is_named(void **state) {
  (void)state;
  static const char *const names[] = {"Process",      "Epoch",     "Nonce",  "Hash-Chain",
                                      "Block-Height", "Timestamp", "Message"};
  static const char *const values[] = {"", "-1", "x", "9223372036854775808", ONES "A", ONES " "};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    for (size_t k = 0; k < COUNT_OF(values); k++) {
      aod_assignment_t written = of_message(), read;
      aod_tags_t tags;
      aod_error_t err;
      aod_assignment_tags(&written, &items_arena, &tags);
      for (size_t t = 0; t < tags.count; t++)
        if (aod_slice_is(tags.list[t].name, names[i])) tags.list[t].value = aod_text(values[k]);
      check_fails(parse(tags, &read, &err), AOD_EINPUT, &err, names[i]);
    }
  }
}

static void an_item_that_is_no_assignment_is_refused(void **state) {
  (void)state;
  aod_assignment_t assignment;
  aod_error_t err;
  check_fails(parse((aod_tags_t){0}, &assignment, &err), AOD_EINPUT, &err, "Process");
}

/* ---- de-duplication: units.md 3.8 ---- */

static const char *dedupe(const aod_signer_t *signer, int target, const char *anchor,
                          const char *data, aod_tags_t tags) {
  uint8_t to[32], hash[48];
  fill(to, target);
  aod_item_fields_t fields = {.target = aod_slice(to, 32),
                              .anchor = aod_text(anchor),
                              .data = aod_text(data),
                              .tags = tags};
  aod_item_t item = item_make(signer, &fields);
  aod_dedupe_hash(&item, &items_arena, hash);
  return base64url_text(aod_slice(hash, 48));
}

#define ANCHOR "00000000000000000000000000000042"

static void the_hash_of_a_pushed_message_is_the_known_one(void **state) {
  (void)state;
  /* computed by another implementation of deep hash and Avro */
  assert_string_equal(
      dedupe(alice, 7, ANCHOR, "hello",
             tags_of("Action", "Ping", "Data-Protocol", "ao", "Type", "Message", "From-Process",
                     "x", "Pushed-For", "y", "a", "2", "a", "1", NULL)),
      "u99fcib4c1_4g1tav4C5NXr_6Py19ma0LPPPXwGkRgvFqLeR1zhKdcb3YHX-FA6P");
  assert_string_equal(dedupe(alice, 7, "", "", (aod_tags_t){0}),
                      "uwKvlXtdbCVljnNzKqORJa1iLvMYHO_sKtBYluB6dz3EqDMzG9sqUMN2W5iX9CYO");
}

static void signer_tag_order_and_origin_do_not_count(void **state) {
  (void)state;
  const char *hash = dedupe(alice, 7, ANCHOR, "hello", tags_of("a", "1", "b", "2", NULL));
  assert_string_equal(
      hash, dedupe(bob, 7, ANCHOR, "hello",
                   tags_of("Pushed-For", "x", "b", "2", "Pushed-For", "y", "a", "1", NULL)));
}

static void everything_else_counts(void **state) {
  (void)state;
  const char *hash = dedupe(alice, 7, ANCHOR, "hello", tags_of("a", "1", "b", "2", NULL));
  const char *others[] = {
      dedupe(alice, 8, ANCHOR, "hello", tags_of("a", "1", "b", "2", NULL)),
      dedupe(alice, 7, "", "hello", tags_of("a", "1", "b", "2", NULL)),
      dedupe(alice, 7, ANCHOR, "hello!", tags_of("a", "1", "b", "2", NULL)),
      dedupe(alice, 7, ANCHOR, "hello", tags_of("a", "2", "b", "1", NULL)),
      dedupe(alice, 7, ANCHOR, "hello", tags_of("a", "1", "b", "2", "b", "2", NULL)),
      dedupe(alice, 7, ANCHOR, "hello", tags_of("a", "1", "b", "2", "pushed-for", "x", NULL)),
      dedupe(alice, 7, ANCHOR, "hello", tags_of("a", "1", NULL))};
  for (size_t i = 0; i < COUNT_OF(others); i++) assert_string_not_equal(hash, others[i]);
}

#define AO_TEST(f) cmocka_unit_test_teardown(f, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      AO_TEST(tags_stand_in_their_order),
      AO_TEST(excluded_fields_get_a_tag_each),
      AO_TEST(what_is_written_reads_back),
      AO_TEST(a_missing_or_wrong_tag_is_named),
      AO_TEST(an_item_that_is_no_assignment_is_refused),
      AO_TEST(the_hash_of_a_pushed_message_is_the_known_one),
      AO_TEST(signer_tag_order_and_origin_do_not_count),
      AO_TEST(everything_else_counts),
  };
  return cmocka_run_group_tests(tests, open_wallets, close_wallets);
}
