#include "ao/message.h"

#include "arweave/hash.h"
#include "support/items.h"

static aod_signer_t *user, *messenger, *scheduler;
static const char *user_address, *messenger_address;

static int open_wallets(void **state) {
  (void)state;
  user = wallet_quick();
  messenger = wallet_quick();
  scheduler = wallet_quick();
  return 0;
}

static int close_wallets(void **state) {
  (void)state;
  aod_signer_free(user);
  aod_signer_free(messenger);
  aod_signer_free(scheduler);
  return 0;
}

static int before_each(void **state) {
  (void)state;
  uint8_t address[32];
  aod_signer_address(user, address);
  user_address = id_text(address);
  aod_signer_address(messenger, address);
  messenger_address = id_text(address);
  return 0;
}

static int after_each(void **state) {
  (void)state;
  items_free();
  return 0;
}

#define ONES    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
#define CHAIN_0 "cs1uhCLEB_ttCYaQ8RMLfe1-wvf14dML2dUh8BU2N5M"
#define ANCHOR  "00000000000000000000000000000042"

/* The record of `item` in the process of 32 ones; NULL item: a pure assignment. */
static aod_scheduled_t schedule(const aod_item_t *item, bool is_process, const char *exclude) {
  aod_assignment_t assignment = {.nonce = is_process ? 0 : 1,
                                 .block_height = 1393008,
                                 .timestamp_ms = 1711676639000,
                                 .has_message = !is_process,
                                 .exclude = aod_text(exclude)};
  memset(assignment.process, 1, 32);
  aod_hash_chain_first(assignment.process, assignment.hash_chain);
  if (item) memcpy(assignment.message, item->id, 32);
  aod_item_fields_t fields = {0};
  aod_assignment_tags(&assignment, &items_arena, &fields.tags);
  aod_scheduled_t scheduled = {.assignment = item_make(scheduler, &fields), .has_item = item};
  if (item) scheduled.item = *item;
  return scheduled;
}

static const char *json_of(const aod_scheduled_t *scheduled, const aod_item_t *assigned) {
  aod_message_t message;
  aod_error_t err;
  check_ok(aod_message_from_scheduled(scheduled, assigned, &items_arena, &message, &err), &err);
  aod_buf_t json = {0};
  aod_message_write(&message, &json);
  aod_slice_t copy = aod_arena_copy(&items_arena, aod_buf_slice(&json));
  aod_buf_free(&json);
  return (const char *)copy.ptr;
}

static aod_item_t to_process(const aod_signer_t *signer, const char *anchor, aod_slice_t data,
                             aod_tags_t tags) {
  aod_item_fields_t fields = {
      .target = aod_slice(id_of(ONES), 32), .anchor = aod_text(anchor), .data = data, .tags = tags};
  return item_make(signer, &fields);
}

#define POSITION                                                                                   \
  "\"Epoch\":0,\"Nonce\":1,\"Timestamp\":1711676639000,\"Block-Height\":1393008,"                  \
  "\"Hash-Chain\":\"" CHAIN_0 "\",\"Cron\":false,\"Read-Only\":false}"

/* ---- scheduled messages: units.md 4.5 and 9.5 ---- */

static void a_users_message_has_the_reference_fields_in_their_order(void **state) {
  (void)state;
  aod_item_t item = to_process(user, ANCHOR, AOD_TEXT("1 + 1"),
                               tags_of("Action", "Eval", "Data-Protocol", "ao", NULL));
  aod_scheduled_t scheduled = schedule(&item, false, "");
  char *expected = aod_arena_printf(
      &items_arena,
      "{\"Id\":\"%s\",\"Signature\":\"%s\",\"Data\":\"1 + 1\",\"Owner\":\"%s\","
      "\"Target\":\"" ONES "\",\"Anchor\":\"" ANCHOR "\",\"From\":\"%s\","
      "\"Tags\":[{\"name\":\"Action\",\"value\":\"Eval\"},"
      "{\"name\":\"Data-Protocol\",\"value\":\"ao\"}]," POSITION,
      id_text(item.id), base64url_text(item.signature), user_address, user_address);
  assert_string_equal(json_of(&scheduled, NULL), expected);
}

static void a_pushed_message_is_from_the_process_and_forwarded_by_the_messenger(void **state) {
  (void)state;
  aod_item_t item = to_process(messenger, "", AOD_TEXT(" "),
                               tags_of("From-Process", "P", "From", "spoof", "Owner", "spoof",
                                       "From-Process", "second", NULL));
  aod_scheduled_t scheduled = schedule(&item, false, "");
  char *expected = aod_arena_printf(
      &items_arena,
      "\"Owner\":\"%s\",\"Target\":\"" ONES "\",\"Anchor\":null,\"From\":\"P\","
      "\"Forwarded-By\":\"%s\",\"Tags\":[{\"name\":\"From-Process\",\"value\":\"P\"},"
      "{\"name\":\"From-Process\",\"value\":\"second\"}]," POSITION,
      messenger_address, messenger_address);
  check_contains(json_of(&scheduled, NULL), expected);
}

static void an_empty_from_process_tag_leaves_the_owner_as_sender(void **state) {
  (void)state;
  aod_item_t item = to_process(user, "", AOD_TEXT("x"), tags_of("From-Process", "", NULL));
  aod_scheduled_t scheduled = schedule(&item, false, "");
  check_contains(json_of(&scheduled, NULL),
                 aod_arena_printf(&items_arena, "\"From\":\"%s\",\"Forwarded-By\":\"%s\"",
                                  user_address, user_address));
}

static void data_of_a_message_is_text_even_when_it_is_not(void **state) {
  (void)state;
  aod_item_t binary = to_process(user, "", AOD_TEXT("a\xff\0b"), (aod_tags_t){0});
  aod_item_t empty = to_process(user, "", AOD_EMPTY, (aod_tags_t){0});
  aod_scheduled_t first = schedule(&binary, false, ""), second = schedule(&empty, false, "");
  check_contains(json_of(&first, NULL), "\"Data\":\"a\xef\xbf\xbd\\u0000b\",");
  check_contains(json_of(&second, NULL), "\"Data\":\"\",");
}

static void data_of_a_process_is_null_when_it_is_no_text(void **state) {
  (void)state;
  aod_item_t binary = to_process(user, "", AOD_TEXT("\xff"), (aod_tags_t){0});
  aod_item_t text = to_process(user, "", AOD_TEXT("lua"), (aod_tags_t){0});
  aod_scheduled_t first = schedule(&binary, true, ""), second = schedule(&text, true, "");
  check_contains(json_of(&first, NULL), "\"Data\":null,");
  check_contains(json_of(&second, NULL), "\"Data\":\"lua\",");
}

static void an_anchor_that_is_no_text_is_null(void **state) {
  (void)state;
  aod_item_t item = to_process(user,
                               "\xff\xfe\xfd\xfc"
                               "0000000000000000000000000000",
                               AOD_TEXT("x"), (aod_tags_t){0});
  aod_scheduled_t scheduled = schedule(&item, false, "");
  check_contains(json_of(&scheduled, NULL), "\"Anchor\":null,");
}

static void a_malformed_assignment_is_refused(void **state) {
  (void)state;
  aod_item_t item = to_process(user, "", AOD_TEXT("x"), (aod_tags_t){0});
  aod_scheduled_t scheduled = {.assignment = item, .has_item = true, .item = item};
  aod_message_t message;
  aod_error_t err;
  check_fails(aod_message_from_scheduled(&scheduled, NULL, &items_arena, &message, &err),
              AOD_EINPUT, &err, "Process");
}

/* ---- pure assignments ---- */

static void an_assigned_transaction_keeps_its_own_target(void **state) {
  (void)state;
  aod_item_t assigned =
      to_process(user, ANCHOR, AOD_TEXT("news"), tags_of("From-Process", "P", NULL));
  aod_scheduled_t scheduled = schedule(NULL, false, "");
  const char *json = json_of(&scheduled, &assigned);
  check_contains(json, aod_arena_printf(&items_arena, "{\"Id\":\"%s\",", id_text(assigned.id)));
  check_contains(json, "\"Data\":\"news\",");
  check_contains(json,
                 "\"Target\":\"" ONES "\",\"Anchor\":\"" ANCHOR "\",\"From\":\"P\",\"Tags\":[");
  aod_item_fields_t fields = {.data = AOD_TEXT("x")};
  assigned = item_make(user, &fields);
  check_contains(json_of(&scheduled, &assigned), "\"Target\":\"\",\"Anchor\":null,");
}

static void excluded_fields_are_left_out(void **state) {
  (void)state;
  aod_item_t assigned = to_process(user, ANCHOR, AOD_TEXT("news"), tags_of("a", "b", NULL));
  aod_scheduled_t one = schedule(NULL, false, "Data");
  const char *json = json_of(&one, &assigned);
  assert_null(strstr(json, "\"Data\""));
  check_contains(json, "\"Signature\"");
  aod_scheduled_t more = schedule(NULL, false, "Data,Tags,Signature,Anchor");
  json = json_of(&more, &assigned);
  static const char *const gone[] = {"\"Data\"", "\"Signature\"", "\"Anchor\"", "\"a\""};
  for (size_t i = 0; i < COUNT_OF(gone); i++) assert_null(strstr(json, gone[i]));
  check_contains(json, "\"Tags\":[],");
}

/* ---- dry runs: units.md 4.11 ---- */

static int dry_run(const char *body, aod_message_t *message, aod_error_t *err) {
  json_t *json;
  check_ok(aod_json_parse(aod_text(body), &json, err), err);
  int code =
      aod_message_from_dry_run(json, AOD_TEXT("P"), 1711676639000, 7, &items_arena, message, err);
  json_decref(json);
  return code;
}

static aod_slice_t dry_text(const char *body) {
  aod_message_t message;
  aod_error_t err;
  check_ok(dry_run(body, &message, &err), &err);
  aod_buf_t json = {0};
  aod_message_write(&message, &json);
  aod_slice_t copy = aod_arena_copy(&items_arena, aod_buf_slice(&json));
  aod_buf_free(&json);
  return copy;
}

static void aoconnects_dry_run_becomes_a_read_only_message(void **state) {
  (void)state;
  check_text(dry_text("{\"Id\":\"1234\",\"Target\":\"T\",\"Owner\":\"1234\",\"Anchor\":\"0\","
                      "\"Data\":\"1234\",\"Tags\":[{\"name\":\"Action\",\"value\":\"Info\"},"
                      "{\"name\":\"Owner\",\"value\":\"x\"}],\"Extra\":{}}"),
             "{\"Id\":\"1234\",\"Data\":\"1234\",\"Owner\":\"1234\",\"Target\":\"T\","
             "\"Anchor\":\"0\",\"From\":\"1234\","
             "\"Tags\":[{\"name\":\"Action\",\"value\":\"Info\"}],"
             "\"Timestamp\":1711676639000,\"Block-Height\":7,\"Cron\":false,\"Read-Only\":true}");
}

static void a_dry_run_needs_little(void **state) {
  (void)state;
  check_text(dry_text("{\"Owner\":\"U\",\"Tags\":[]}"),
             "{\"Owner\":\"U\",\"Target\":\"P\",\"From\":\"U\",\"Tags\":[],"
             "\"Timestamp\":1711676639000,\"Block-Height\":7,\"Cron\":false,\"Read-Only\":true}");
}

static void a_dry_run_may_set_its_time(void **state) {
  (void)state;
  check_text(dry_text("{\"Owner\":\"U\",\"Tags\":[{\"name\":\"From-Process\",\"value\":\"F\"}],"
                      "\"Forwarded-By\":\"M\",\"Timestamp\":\"5\",\"Block-Height\":6,"
                      "\"Epoch\":0,\"Nonce\":\"3\"}"),
             "{\"Owner\":\"U\",\"Target\":\"P\",\"From\":\"F\",\"Forwarded-By\":\"M\","
             "\"Tags\":[{\"name\":\"From-Process\",\"value\":\"F\"}],\"Epoch\":0,\"Nonce\":3,"
             "\"Timestamp\":5,\"Block-Height\":6,\"Cron\":false,\"Read-Only\":true}");
}

static void numbers_that_are_none_keep_the_present_time(void **state) {
  (void)state;
  static const char *const numbers[] = {"-1",      "1e300", "\"-1\"", "\"18446744073709551615\"",
                                        "\"1.5\"", "true",  "{}",     "\"\""};
  for (size_t i = 0; i < COUNT_OF(numbers); i++) {
    aod_message_t message;
    aod_error_t err;
    const char *body = aod_arena_printf(
        &items_arena, "{\"Owner\":\"U\",\"Tags\":[],\"Timestamp\":%s,\"Block-Height\":%s}",
        numbers[i], numbers[i]);
    check_ok(dry_run(body, &message, &err), &err);
    assert_int_equal(message.timestamp_ms, 1711676639000);
    assert_int_equal(message.block_height, 7);
  }
}

static void what_a_dry_run_lacks_is_named(void **state) {
  (void)state;
  static const struct {
    const char *body, *says;
  } cases[] = {
      {"{\"Tags\":[]}", "'Owner'"},
      {"{\"Owner\":\"\",\"Tags\":[]}", "'Owner'"},
      {"{\"Owner\":1,\"Tags\":[]}", "'Owner'"},
      {"{\"Owner\":\"U\"}", "'Tags'"},
      {"{\"Owner\":\"U\",\"Tags\":{}}", "'Tags'"},
      {"{\"Owner\":\"U\",\"Tags\":[1]}", "'Tags': element 0"},
      {"{\"Owner\":\"U\",\"Tags\":[{\"name\":\"a\",\"value\":\"b\"},{\"name\":\"a\"}]}",
       "'Tags': element 1"},
      {"{\"Owner\":\"U\",\"Tags\":[{\"name\":\"a\",\"value\":5}]}", "'Tags': element 0"},
      {"[]", "'body'"},
      {"null", "'body'"},
      {"\"text\"", "'body'"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    aod_message_t message;
    aod_error_t err;
    check_fails(dry_run(cases[i].body, &message, &err), AOD_EINPUT, &err, cases[i].says);
  }
}

/* ---- texts that real modules were called with (test/vectors/eval) ---- */

static aod_slice_t member(const json_t *object, const char *name) {
  return aod_json_get_string(object, name);
}

static aod_message_t message_of(const json_t *msg) {
  aod_message_t message = {.id = member(msg, "Id"),
                           .signature = member(msg, "Signature"),
                           .data = member(msg, "Data"),
                           .owner = member(msg, "Owner"),
                           .target = member(msg, "Target"),
                           .anchor = member(msg, "Anchor"),
                           .from = member(msg, "From"),
                           .forwarded_by = member(msg, "Forwarded-By"),
                           .has_position = json_object_get(msg, "Nonce"),
                           .hash_chain = member(msg, "Hash-Chain"),
                           .cron = json_is_true(json_object_get(msg, "Cron")),
                           .read_only = json_is_true(json_object_get(msg, "Read-Only"))};
  message.epoch = (uint64_t)json_number_value(json_object_get(msg, "Epoch"));
  message.nonce = (uint64_t)json_number_value(json_object_get(msg, "Nonce"));
  message.timestamp_ms = (int64_t)json_number_value(json_object_get(msg, "Timestamp"));
  message.block_height = (uint64_t)json_number_value(json_object_get(msg, "Block-Height"));
  aod_error_t err;
  check_ok(aod_tags_from_json(json_object_get(msg, "Tags"), &items_arena, &message.tags, &err),
           &err);
  return message;
}

static aod_identity_t identity_of(const json_t *object) {
  aod_identity_t identity = {.id = member(object, "Id"), .owner = member(object, "Owner")};
  aod_error_t err;
  check_ok(aod_tags_from_json(json_object_get(object, "Tags"), &items_arena, &identity.tags, &err),
           &err);
  return identity;
}

static void check_digest(const json_t *line, const char *name, const aod_buf_t *text) {
  uint8_t digest[32];
  char hex[65];
  aod_sha256(aod_buf_slice(text), digest);
  for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
  check_text(member(json_object_get(line, "input"), name), hex);
}

static void check_line(const json_t *line) {
  const json_t *env = json_object_get(line, "env");
  aod_message_t message = message_of(json_object_get(line, "msg"));
  aod_identity_t process = identity_of(json_object_get(env, "Process"));
  aod_identity_t module = identity_of(json_object_get(env, "Module"));
  aod_buf_t text = {0};
  aod_message_write(&message, &text);
  check_digest(line, "msg_sha256", &text);
  aod_buf_clear(&text);
  aod_env_write(&process, &module, &text);
  check_digest(line, "env_sha256", &text);
  aod_buf_free(&text);
}

static void recorded_inputs_are_written_to_the_byte(void **state) {
  (void)state;
  static const char *const files[] = {"process",  "aos",         "aos2_0_1",
                                      "aos2_0_3", "aos2_0_4_32", "aos2_0_6"};
  size_t lines = 0;
  for (size_t i = 0; i < COUNT_OF(files); i++) {
    aod_buf_t file = {0};
    aod_error_t err;
    const char *path =
        aod_arena_printf(&items_arena, "%s/test/vectors/eval/%s.jsonl", AOD_SOURCE_DIR, files[i]);
    check_ok(aod_file_read(path, 64 << 20, &file, &err), &err);
    for (aod_slice_t rest = aod_buf_slice(&file); rest.ptr;) {
      aod_slice_t text = aod_slice_cut(&rest, '\n');
      json_t *line;
      if (text.len == 0) continue;
      check_ok(aod_json_parse(text, &line, &err), &err);
      check_line(line);
      json_decref(line);
      lines++;
    }
    aod_buf_free(&file);
  }
  assert_true(lines > 200);
}

/* ---- who a process is ---- */

static void an_identity_names_item_and_signer(void **state) {
  (void)state;
  aod_item_t item = to_process(user, "", AOD_TEXT("x"), tags_of("Module", "m", NULL));
  aod_identity_t identity;
  aod_identity_from_item(&item, &items_arena, &identity);
  check_text(identity.id, id_text(item.id));
  check_text(identity.owner, user_address);
  check_text(tags_text(&identity.tags), "Module=m");
}

static void an_ethereum_signer_has_its_checksummed_address(void **state) {
  (void)state;
  aod_signer_t *ethereum;
  aod_error_t err;
  check_ok(aod_signer_generate("secp256k1", &ethereum, &err), &err);
  aod_item_t item = to_process(ethereum, "", AOD_TEXT("x"), (aod_tags_t){0});
  aod_identity_t identity;
  aod_identity_from_item(&item, &items_arena, &identity);
  assert_int_equal(identity.owner.len, 42);
  assert_true(aod_slice_starts(identity.owner, "0x"));
  aod_signer_free(ethereum);
}

#define MESSAGE_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      MESSAGE_TEST(a_users_message_has_the_reference_fields_in_their_order),
      MESSAGE_TEST(a_pushed_message_is_from_the_process_and_forwarded_by_the_messenger),
      MESSAGE_TEST(an_empty_from_process_tag_leaves_the_owner_as_sender),
      MESSAGE_TEST(data_of_a_message_is_text_even_when_it_is_not),
      MESSAGE_TEST(data_of_a_process_is_null_when_it_is_no_text),
      MESSAGE_TEST(an_anchor_that_is_no_text_is_null),
      MESSAGE_TEST(a_malformed_assignment_is_refused),
      MESSAGE_TEST(an_assigned_transaction_keeps_its_own_target),
      MESSAGE_TEST(excluded_fields_are_left_out),
      MESSAGE_TEST(aoconnects_dry_run_becomes_a_read_only_message),
      MESSAGE_TEST(a_dry_run_needs_little),
      MESSAGE_TEST(a_dry_run_may_set_its_time),
      MESSAGE_TEST(numbers_that_are_none_keep_the_present_time),
      MESSAGE_TEST(what_a_dry_run_lacks_is_named),
      MESSAGE_TEST(recorded_inputs_are_written_to_the_byte),
      MESSAGE_TEST(an_identity_names_item_and_signer),
      MESSAGE_TEST(an_ethereum_signer_has_its_checksummed_address),
  };
  return cmocka_run_group_tests(tests, open_wallets, close_wallets);
}
