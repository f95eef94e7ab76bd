#include "ao/push.h"

#include "support/items.h"

#define ONES   "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
#define TWOS   "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"
#define THREES "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM"
#define ANCHOR "00000000000000000000000000000042"

static aod_push_origin_t origin;
static aod_item_fields_t fields;
static aod_error_t err;
static json_t *entry;

static int before_each(void **state) {
  (void)state;
  origin = (aod_push_origin_t){.process = AOD_TEXT(ONES),
                               .module = AOD_TEXT("MODULE"),
                               .scheduler = AOD_TEXT("SCHEDULER"),
                               .pushed_for = AOD_TEXT("ORIGIN")};
  return 0;
}

static int after_each(void **state) {
  (void)state;
  json_decref(entry);
  entry = NULL;
  items_free();
  return 0;
}

static const json_t *parse(const char *text) {
  json_decref(entry);
  check_ok(aod_json_parse(aod_text(text), &entry, &err), &err);
  return entry;
}

#define TAG(name, value) "{\"name\":\"" name "\",\"value\":\"" value "\"}"

/* ---- messages: units.md 2.5.1 ---- */

static void a_message_gets_the_protocols_tags_after_its_own(void **state) {
  (void)state;
  const json_t *message = parse(
      "{\"Target\":\"" TWOS "\",\"Anchor\":\"" ANCHOR
      "\",\"Data\":\"d\",\"Cast\":1,\"Tags\":[" TAG("Data-Protocol", "x") "," TAG("Action", "Ping") "," TAG(
          "Variant",
          "x") "," TAG("Type",
                       "x") "," TAG("Reference",
                                    "1") "," TAG("From-Process",
                                                 "spoof") "," TAG("From-Module",
                                                                  "spoof") "," TAG("Assignments",
                                                                                   "x") "," TAG("Ac"
                                                                                                "ti"
                                                                                                "o"
                                                                                                "n",
                                                                                                "Ag"
                                                                                                "ai"
                                                                                                "n") "]}");
  check_ok(aod_push_message(message, &origin, &items_arena, &fields, &err), &err);
  check_text(tags_text(&fields.tags),
             "Action=Ping Reference=1 Action=Again Data-Protocol=ao Type=Message Variant=ao.TN.1"
             " From-Process=" ONES " From-Module=MODULE Pushed-For=ORIGIN");
  check_bytes(fields.target, aod_slice(id_of(TWOS), 32));
  check_text(fields.anchor, ANCHOR);
  check_text(fields.data, "d");
}

static void a_chain_without_beginning_has_no_pushed_for(void **state) {
  (void)state;
  origin.pushed_for = AOD_EMPTY;
  origin.module = AOD_EMPTY;
  const json_t *message = parse("{\"Target\":\"" TWOS "\",\"Tags\":[]}");
  check_ok(aod_push_message(message, &origin, &items_arena, &fields, &err), &err);
  check_text(tags_text(&fields.tags), "Data-Protocol=ao Type=Message Variant=ao.TN.1"
                                      " From-Process=" ONES " From-Module=");
}

static void missing_data_becomes_a_space(void **state) {
  (void)state;
  static const char *const data[] = {"", ",\"Data\":\"\"", ",\"Data\":5", ",\"Data\":null"};
  for (size_t i = 0; i < COUNT_OF(data); i++) {
    const json_t *message =
        parse(aod_arena_printf(&items_arena, "{\"Target\":\"" TWOS "\",\"Tags\":[]%s}", data[i]));
    check_ok(aod_push_message(message, &origin, &items_arena, &fields, &err), &err);
    check_text(fields.data, " ");
    assert_int_equal(fields.anchor.len, 0);
  }
}

static void what_is_wrong_with_a_message_is_named(void **state) {
  (void)state;
  static const struct {
    const char *entry, *says;
  } cases[] = {
      {"{\"Target\":\"" TWOS "\"}", "'Tags'"},
      {"{\"Target\":\"" TWOS "\",\"Tags\":{}}", "'Tags'"},
      {"{\"Target\":\"" TWOS "\",\"Tags\":[{\"name\":\"Quantity\",\"value\":5}]}", "element 0"},
      {"{\"Tags\":[]}", "Target"},
      {"{\"Target\":5,\"Tags\":[]}", "Target"},
      {"{\"Target\":\"0x0000000000000000000000000000000000000000\",\"Tags\":[]}", "0x0000"},
      {"{\"Target\":\"" TWOS "A\",\"Tags\":[]}", "Target"},
      {"{\"Target\":\"" TWOS "\",\"Anchor\":\"short\",\"Tags\":[]}", "Anchor of 5 bytes"},
      {"{\"Target\":\"" TWOS "\",\"Anchor\":\"" ANCHOR "0\",\"Tags\":[]}", "Anchor of 33 bytes"},
      {"null", "'Tags'"},
      {"[]", "'Tags'"},
      {"\"text\"", "'Tags'"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    check_fails(aod_push_message(parse(cases[i].entry), &origin, &items_arena, &fields, &err),
                AOD_EINPUT, &err, cases[i].says);
}

/* ---- spawns: units.md 2.5.2 ---- */

static const char spawn_text[] =
    "{\"Data\":\"code\",\"Anchor\":\"" ANCHOR
    "\",\"Tags\":[" TAG("Data-Protocol", "ao") "," TAG("Variant", "x") "," TAG(
        "Type", "Process") "," TAG("Module",
                                   "M") "," TAG("From-Module",
                                                "spoof") "," TAG("From-Process",
                                                                 "P0") "," TAG("Reference",
                                                                               "9") "]}";

static void a_spawn_becomes_a_process_of_the_parents_scheduler(void **state) {
  (void)state;
  check_ok(aod_push_spawn(parse(spawn_text), &origin, &items_arena, &fields, &err), &err);
  check_text(tags_text(&fields.tags),
             "Module=M From-Module=MODULE From-Process=P0 Reference=9 Data-Protocol=ao Type=Process"
             " Variant=ao.TN.1 From-Process=" ONES " Pushed-For=ORIGIN Scheduler=SCHEDULER");
  assert_int_equal(fields.target.len, 0);
  assert_int_equal(fields.anchor.len, 0);
  check_text(fields.data, "code");
}

static void a_spawn_may_choose_its_scheduler(void **state) {
  (void)state;
  const json_t *spawn = parse("{\"Tags\":[" TAG("Scheduler", "OTHER") "," TAG("Module", "M") "]}");
  check_ok(aod_push_spawn(spawn, &origin, &items_arena, &fields, &err), &err);
  check_text(tags_text(&fields.tags), "Scheduler=OTHER Module=M Data-Protocol=ao Type=Process"
                                      " Variant=ao.TN.1 From-Process=" ONES " Pushed-For=ORIGIN");
  check_text(fields.data, " ");
}

static void what_is_wrong_with_a_spawn_is_named(void **state) {
  (void)state;
  check_fails(aod_push_spawn(parse("{\"Tags\":[]}"), &origin, &items_arena, &fields, &err),
              AOD_EINPUT, &err, "Module");
  check_fails(aod_push_spawn(parse("{}"), &origin, &items_arena, &fields, &err), AOD_EINPUT, &err,
              "'Tags'");
}

static void the_parent_hears_of_its_child(void **state) {
  (void)state;
  check_ok(
      aod_push_spawned(parse(spawn_text), &origin, AOD_TEXT("CHILD"), &items_arena, &fields, &err),
      &err);
  check_text(tags_text(&fields.tags),
             "Module=M From-Module=spoof From-Process=P0 Reference=9 Data-Protocol=ao Type=Message"
             " Process=CHILD Action=Spawned Variant=ao.TN.1");
  check_bytes(fields.target, aod_slice(id_of(ONES), 32));
  check_text(fields.data, " ");
  assert_int_equal(fields.anchor.len, 0);
}

static void the_parent_hears_of_other_protocols_too(void **state) {
  (void)state;
  const json_t *spawn = parse("{\"Tags\":[" TAG("Data-Protocol", "ao") "," TAG(
      "Module", "M") "," TAG("Data-Protocol", "zone") "," TAG("Data-Protocol", "ao") "]}");
  check_ok(aod_push_spawned(spawn, &origin, AOD_TEXT("CHILD"), &items_arena, &fields, &err), &err);
  check_text(tags_text(&fields.tags), "Module=M Data-Protocol=zone Data-Protocol=ao Type=Message"
                                      " Process=CHILD Action=Spawned Variant=ao.TN.1");
}

/* ---- assignments: units.md 2.5.3 ---- */

static aod_push_assignment_t assigned;

static int assignment(const char *text) {
  return aod_push_assignment(parse(text), &items_arena, &assigned, &err);
}

static void an_assignment_names_a_message_and_processes(void **state) {
  (void)state;
  check_ok(assignment("{\"Message\":\"" ONES "\",\"Processes\":[\"" TWOS "\",\"" THREES "\"]}"),
           &err);
  check_id(assigned.message, id_of(ONES));
  assert_int_equal(assigned.count, 2);
  check_id(assigned.processes[0], id_of(TWOS));
  check_id(assigned.processes[1], id_of(THREES));
  assert_false(assigned.base_layer);
  assert_int_equal(assigned.exclude.len, 0);
}

static void an_assignment_may_exclude_fields_and_name_the_base_layer(void **state) {
  (void)state;
  check_ok(assignment("{\"Message\":\"" ONES "\",\"Processes\":[\"" TWOS
                      "\"],\"BaseLayer\":true,\"Exclude\":[\"Data\",5,\"Tags\"]}"),
           &err);
  assert_true(assigned.base_layer);
  check_text(assigned.exclude, "Data,Tags");
}

static void a_message_may_be_assigned_to_other_processes_too(void **state) {
  (void)state;
  static const struct {
    const char *value, *ids;
  } cases[] = {
      {"[\"" TWOS "\",\"" THREES "\"]", TWOS "," THREES},
      {"\"" TWOS ", " THREES "\"", TWOS "," THREES},
      {"\"[\\\"" TWOS "\\\"]\"", TWOS},
      {"[\"x\",5,\"" TWOS "\"]", TWOS},
      {"\"forged\"", ""},
      {"7", ""},
      {"{}", ""},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const json_t *message = parse(aod_arena_printf(
        &items_arena,
        "{\"Target\":\"" ONES "\",\"Tags\":[{\"name\":\"Assignments\",\"value\":%s}]}",
        cases[i].value));
    check_text(aod_push_copies(message, &items_arena), cases[i].ids);
    check_ok(aod_push_message(message, &origin, &items_arena, &fields, &err), &err);
    aod_slice_t value;
    assert_false(aod_tags_find(&fields.tags, "Assignments", &value));
  }
  check_text(aod_push_copies(parse("{\"Tags\":[]}"), &items_arena), "");
}

static void what_is_wrong_with_an_assignment_is_named(void **state) {
  (void)state;
  static const struct {
    const char *entry, *says;
  } cases[] = {
      {"{\"Processes\":[\"" TWOS "\"]}", "Message"},
      {"{\"Message\":\"x\",\"Processes\":[\"" TWOS "\"]}", "Message"},
      {"{\"Message\":\"" ONES "\"}", "Processes"},
      {"{\"Message\":\"" ONES "\",\"Processes\":[]}", "Processes"},
      {"{\"Message\":\"" ONES "\",\"Processes\":\"" TWOS "\"}", "Processes"},
      {"{\"Message\":\"" ONES "\",\"Processes\":[\"" TWOS "\",\"x\"]}", "process id"},
      {"{\"Message\":\"" ONES "\",\"Processes\":[5]}", "process id"},
      {"[]", "Message"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    check_fails(assignment(cases[i].entry), AOD_EINPUT, &err, cases[i].says);
}

#define PUSH_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      PUSH_TEST(a_message_gets_the_protocols_tags_after_its_own),
      PUSH_TEST(a_chain_without_beginning_has_no_pushed_for),
      PUSH_TEST(missing_data_becomes_a_space),
      PUSH_TEST(what_is_wrong_with_a_message_is_named),
      PUSH_TEST(a_spawn_becomes_a_process_of_the_parents_scheduler),
      PUSH_TEST(a_spawn_may_choose_its_scheduler),
      PUSH_TEST(what_is_wrong_with_a_spawn_is_named),
      PUSH_TEST(the_parent_hears_of_its_child),
      PUSH_TEST(the_parent_hears_of_other_protocols_too),
      PUSH_TEST(an_assignment_names_a_message_and_processes),
      PUSH_TEST(an_assignment_may_exclude_fields_and_name_the_base_layer),
      PUSH_TEST(a_message_may_be_assigned_to_other_processes_too),
      PUSH_TEST(what_is_wrong_with_an_assignment_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
