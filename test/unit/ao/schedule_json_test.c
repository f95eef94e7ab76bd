#include "ao/schedule_json.h"

#include "ao/assignment.h"
#include "support/items.h"

#define ONES    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
#define CHAIN_0 "cs1uhCLEB_ttCYaQ8RMLfe1-wvf14dML2dUh8BU2N5M"
#define ANCHOR  "00000000000000000000000000000042"

static aod_signer_t *user, *scheduler;

static int open_wallets(void **state) {
  (void)state;
  user = wallet_quick();
  scheduler = wallet_quick();
  return 0;
}

static int close_wallets(void **state) {
  (void)state;
  aod_signer_free(user);
  aod_signer_free(scheduler);
  return 0;
}

static int after_each(void **state) {
  (void)state;
  items_free();
  return 0;
}

static aod_scheduled_t schedule(const aod_item_t *item, bool is_process, const char *anchor) {
  aod_assignment_t assignment = {
      .block_height = 1393008, .timestamp_ms = 1711676638471, .has_message = !is_process};
  memset(assignment.process, 1, 32);
  aod_hash_chain_first(assignment.process, assignment.hash_chain);
  if (item) memcpy(assignment.message, item->id, 32);
  aod_item_fields_t fields = {.anchor = aod_text(anchor)};
  aod_assignment_tags(&assignment, &items_arena, &fields.tags);
  aod_scheduled_t scheduled = {.assignment = item_make(scheduler, &fields), .has_item = item};
  if (item) scheduled.item = *item;
  return scheduled;
}

static aod_slice_t node_of(const aod_scheduled_t *scheduled, bool show_anchor) {
  aod_buf_t json = {0};
  aod_schedule_node_write(scheduled, show_anchor, &json);
  aod_slice_t copy = aod_arena_copy(&items_arena, aod_buf_slice(&json));
  aod_buf_free(&json);
  return copy;
}

/* {"address":…,"key":…} of a signer */
static const char *owner_json(const aod_signer_t *signer) {
  uint8_t address[32];
  aod_signer_address(signer, address);
  return aod_arena_printf(&items_arena, "{\"address\":\"%s\",\"key\":\"%s\"}", id_text(address),
                          base64url_text(aod_signer_owner(signer)));
}

static const char *assignment_json(const aod_item_t *assignment, const char *anchor,
                                   const char *more_tags) {
  return aod_arena_printf(
      &items_arena,
      "{\"id\":\"%s\",\"owner\":%s,\"tags\":[{\"name\":\"Process\",\"value\":\"" ONES "\"},"
      "{\"name\":\"Epoch\",\"value\":\"0\"},{\"name\":\"Nonce\",\"value\":\"0\"},"
      "{\"name\":\"Hash-Chain\",\"value\":\"" CHAIN_0 "\"},"
      "{\"name\":\"Block-Height\",\"value\":\"000001393008\"},"
      "{\"name\":\"Timestamp\",\"value\":\"1711676638471\"},"
      "{\"name\":\"Data-Protocol\",\"value\":\"ao\"},{\"name\":\"Type\",\"value\":\"Assignment\"},"
      "{\"name\":\"Variant\",\"value\":\"ao.TN.1\"}%s],"
      "\"signature\":\"%s\",\"anchor\":%s,\"target\":\"\"}",
      id_text(assignment->id), owner_json(scheduler), more_tags,
      base64url_text(assignment->signature), anchor);
}

static const char *message_tag(const aod_item_t *item) {
  return aod_arena_printf(&items_arena, ",{\"name\":\"Message\",\"value\":\"%s\"}",
                          id_text(item->id));
}

/* ---- nodes: units.md 3.6 ---- */

static void a_message_node_has_the_references_shape(void **state) {
  (void)state;
  aod_item_fields_t fields = {.target = aod_slice(id_of(ONES), 32),
                              .anchor = AOD_TEXT(ANCHOR),
                              .data = AOD_TEXT("1 + 1"),
                              .tags = tags_of("Action", "Eval", NULL)};
  aod_item_t item = item_make(user, &fields);
  aod_scheduled_t scheduled = schedule(&item, false, "");
  check_text(
      node_of(&scheduled, false),
      aod_arena_printf(&items_arena,
                       "{\"message\":{\"id\":\"%s\",\"owner\":%s,\"data\":\"1 + 1\","
                       "\"tags\":[{\"name\":\"Action\",\"value\":\"Eval\"}],\"signature\":\"%s\","
                       "\"anchor\":\"" ANCHOR "\",\"target\":\"" ONES "\"},\"assignment\":%s}",
                       id_text(item.id), owner_json(user), base64url_text(item.signature),
                       assignment_json(&scheduled.assignment, "null", message_tag(&item))));
}

static void a_process_without_target_has_null_there(void **state) {
  (void)state;
  aod_item_fields_t fields = {.data = AOD_TEXT("lua")};
  aod_item_t item = item_make(user, &fields);
  aod_scheduled_t process = schedule(&item, true, ""), message = schedule(&item, false, "");
  check_contains((const char *)node_of(&process, false).ptr,
                 "\"data\":\"lua\",\"tags\":[],\"signature\":");
  check_contains((const char *)node_of(&process, false).ptr, "\"anchor\":null,\"target\":null}");
  check_contains((const char *)node_of(&message, false).ptr, "\"anchor\":null,\"target\":\"\"}");
}

static void binary_data_is_damaged_in_messages_and_null_in_processes(void **state) {
  (void)state;
  aod_item_fields_t fields = {.data = AOD_TEXT("a\xff\0z")};
  aod_item_t item = item_make(user, &fields);
  aod_scheduled_t process = schedule(&item, true, ""), message = schedule(&item, false, "");
  check_contains((const char *)node_of(&process, false).ptr, "\"data\":null,");
  check_contains((const char *)node_of(&message, false).ptr, "\"data\":\"a\xef\xbf\xbd\\u0000z\",");
}

static void a_pure_assignment_has_no_message(void **state) {
  (void)state;
  aod_scheduled_t scheduled = schedule(NULL, true, "");
  check_text(node_of(&scheduled, false),
             aod_arena_printf(&items_arena, "{\"message\":null,\"assignment\":%s}",
                              assignment_json(&scheduled.assignment, "null", "")));
}

static void the_assignments_anchor_is_shown_on_demand(void **state) {
  (void)state;
  static const char binary[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                               "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
  aod_scheduled_t scheduled = schedule(NULL, true, binary);
  check_text(node_of(&scheduled, false),
             aod_arena_printf(&items_arena, "{\"message\":null,\"assignment\":%s}",
                              assignment_json(&scheduled.assignment, "null", "")));
  const char *anchor = "\"__________________________________________8\"";
  check_text(node_of(&scheduled, true),
             aod_arena_printf(&items_arena, "{\"message\":null,\"assignment\":%s}",
                              assignment_json(&scheduled.assignment, anchor, "")));
}

/* What another scheduler tells, told again. */
static void check_read_back(const aod_scheduled_t *scheduled) {
  aod_slice_t node = node_of(scheduled, false);
  json_t *json;
  aod_scheduled_t read;
  aod_error_t err;
  check_ok(aod_json_parse(node, &json, &err), &err);
  check_ok(aod_schedule_node_read(json, &items_arena, &read, &err), &err);
  json_decref(json);
  check_text(node_of(&read, false), (const char *)node.ptr);
}

static void a_node_that_is_read_says_the_same_again(void **state) {
  (void)state;
  aod_item_fields_t fields = {.target = aod_slice(id_of(ONES), 32),
                              .anchor = AOD_TEXT(ANCHOR),
                              .data = AOD_TEXT("1 + 1"),
                              .tags = tags_of("Action", "Eval", NULL)};
  aod_item_t text = item_make(user, &fields);
  fields = (aod_item_fields_t){.data = AOD_TEXT("a\xff")};
  aod_item_t binary = item_make(user, &fields);
  aod_scheduled_t cases[] = {schedule(&text, false, ""), schedule(&text, true, ANCHOR),
                             schedule(&binary, true, ""), schedule(NULL, false, "")};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_read_back(&cases[i]);
}

static void a_node_that_lacks_something_is_refused(void **state) {
  (void)state;
  static const char *const nodes[] = {
      "{}",
      "[]",
      "null",
      "{\"message\":null,\"assignment\":{}}",
      "{\"message\":null,\"assignment\":{\"id\":\"" ONES "\",\"owner\":{\"address\":\"x\"}}}",
      "{\"message\":null,\"assignment\":{\"id\":\"" ONES "\",\"owner\":{\"address\":\"" ONES
      "\",\"key\":\"=!\"},\"tags\":[]}}"};
  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
    json_t *json;
    aod_scheduled_t read;
    aod_error_t err;
    check_ok(aod_json_parse(aod_text(nodes[i]), &json, &err), &err);
    check_fails(aod_schedule_node_read(json, &items_arena, &read, &err), AOD_EINPUT, &err, "");
    json_decref(json);
  }
}

/* ---- /processes: units.md 3.7 ---- */

static void a_process_tells_its_block_as_text_and_its_time_as_number(void **state) {
  (void)state;
  aod_item_fields_t fields = {.data = AOD_TEXT("lua"), .tags = tags_of("Module", "M", NULL)};
  aod_item_t item = item_make(user, &fields);
  aod_scheduled_t scheduled = schedule(&item, true, "");
  aod_buf_t json = {0};
  aod_error_t err;
  check_ok(aod_schedule_process_write(&scheduled, &json, &err), &err);
  check_text(aod_buf_slice(&json),
             aod_arena_printf(&items_arena,
                              "{\"process_id\":\"%s\",\"block\":\"000001393008\",\"owner\":%s,"
                              "\"tags\":[{\"name\":\"Module\",\"value\":\"M\"}],"
                              "\"timestamp\":1711676638471,\"data\":\"lua\",\"anchor\":null,"
                              "\"signature\":\"%s\",\"target\":null}",
                              id_text(item.id), owner_json(user), base64url_text(item.signature)));
  aod_buf_free(&json);
}

static void check_tag(const aod_tags_t *tags, const char *name, const char *value) {
  aod_slice_t found;
  assert_true(aod_tags_find(tags, name, &found));
  check_text(found, value);
}

/* U47: of a process that is not in its own schedule nothing else is told. */
static void a_process_that_is_read_has_its_item_and_its_moment(void **state) {
  (void)state;
  aod_item_fields_t fields = {.data = AOD_TEXT("lua"), .tags = tags_of("Module", "M", NULL)};
  aod_item_t item = item_make(user, &fields);
  aod_scheduled_t scheduled = schedule(&item, true, ""), read;
  aod_buf_t text = {0};
  json_t *json;
  aod_error_t err;
  check_ok(aod_schedule_process_write(&scheduled, &text, &err), &err);
  check_ok(aod_json_parse(aod_buf_slice(&text), &json, &err), &err);
  check_ok(aod_schedule_process_read(json, &items_arena, &read, &err), &err);
  assert_true(read.has_item);
  assert_memory_equal(read.item.id, item.id, 32);
  assert_memory_equal(read.item.address, item.address, 32);
  check_text(read.item.data, "lua");
  check_tag(&read.item.tags, "Module", "M");
  assert_int_equal(read.assignment.tags.count, 3);
  check_tag(&read.assignment.tags, "Process", id_text(item.id));
  check_tag(&read.assignment.tags, "Block-Height", "000001393008");
  check_tag(&read.assignment.tags, "Timestamp", "1711676638471");
  json_object_set_new(json, "timestamp", json_string("now"));
  check_fails(aod_schedule_process_read(json, &items_arena, &read, &err), AOD_EINPUT, &err,
              "timestamp");
  json_object_del(json, "process_id");
  check_fails(aod_schedule_process_read(json, &items_arena, &read, &err), AOD_EINPUT, &err,
              "process_id");
  json_decref(json);
  aod_buf_free(&text);
}

static void a_malformed_assignment_is_refused(void **state) {
  (void)state;
  aod_item_fields_t fields = {.data = AOD_TEXT("x")};
  aod_item_t item = item_make(user, &fields);
  aod_scheduled_t scheduled = {.assignment = item, .has_item = true, .item = item};
  aod_buf_t json = {0};
  aod_error_t err;
  check_fails(aod_schedule_process_write(&scheduled, &json, &err), AOD_EINPUT, &err, "Process");
  assert_int_equal(json.len, 0);
}

#define AO_TEST(f) cmocka_unit_test_teardown(f, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      AO_TEST(a_message_node_has_the_references_shape),
      AO_TEST(a_process_without_target_has_null_there),
      AO_TEST(binary_data_is_damaged_in_messages_and_null_in_processes),
      AO_TEST(a_pure_assignment_has_no_message),
      AO_TEST(the_assignments_anchor_is_shown_on_demand),
      AO_TEST(a_node_that_is_read_says_the_same_again),
      AO_TEST(a_node_that_lacks_something_is_refused),
      AO_TEST(a_process_tells_its_block_as_text_and_its_time_as_number),
      AO_TEST(a_process_that_is_read_has_its_item_and_its_moment),
      AO_TEST(a_malformed_assignment_is_refused),
  };
  return cmocka_run_group_tests(tests, open_wallets, close_wallets);
}
