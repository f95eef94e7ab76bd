#include "ao/module.h"

#include "support/items.h"

static int after_each(void **state) {
  (void)state;
  items_free();
  return 0;
}

/* H45 */
static void sizes_are_read_as_the_reference_reads_them(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t bytes;
  } cases[] = {{"1-gb", 1u << 30},
               {"500-mb", 500u << 20},
               {"7-b", 7},
               {"12", 12},
               {"12b", 12},
               {"1gb", 1u << 30},
               {"1 GB", 1u << 30},
               {"2-Kb", 2048},
               {"1.5-kb", 1536},
               {"1-tb", 1ull << 40},
               {"3-xx", 3},
               {"1e3-mb", 1},
               {"0x10-mb", 0},
               {"0-gb", 0},
               {"-gb", 0},
               {"gb", 0},
               {"", 0},
               {"--5-mb", 0},
               {"999999999999999-gb", 0}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    uint64_t bytes = 0;
    bool good = aod_module_parse_size(aod_text(cases[i].text), &bytes);
    if (bytes != cases[i].bytes || good != (cases[i].bytes > 0))
      fail_msg("%s gives %d %llu", cases[i].text, good, (unsigned long long)bytes);
  }
}

static void formats_are_those_of_the_network(void **state) {
  (void)state;
  assert_true(aod_module_format_known(AOD_TEXT("wasm64-unknown-emscripten-draft_2024_02_15")));
  assert_true(aod_module_format_known(AOD_TEXT(" wasm32-unknown-emscripten4\n")));
  assert_false(aod_module_format_known(AOD_TEXT("wasm32-unknown-emscripten5")));
  assert_false(aod_module_format_known(AOD_TEXT("WASM32-unknown-emscripten")));
  assert_false(aod_module_format_known(AOD_EMPTY));
}

/* ---- terms ---- */

static aod_module_terms_t terms;
static aod_error_t err;

static aod_tags_t good_tags(void) {
  return tags_of("Module-Format", " wasm32-unknown-emscripten4 ", "Input-Encoding", "JSON-1",
                 "Output-Encoding", "JSON-1", "Memory-Limit", "500-mb", "Compute-Limit",
                 "9000000000000", NULL);
}

static int check(const aod_tags_t *module, aod_tags_t process) {
  return aod_module_check(module, AOD_TEXT("MOD"), &process, AOD_TEXT("PROC"), &terms, &err);
}

static void terms_come_from_the_module(void **state) {
  (void)state;
  aod_tags_t module = good_tags();
  check_ok(check(&module, (aod_tags_t){0}), &err);
  check_text(terms.format, "wasm32-unknown-emscripten4");
  assert_int_equal(terms.memory_limit_bytes, 500u << 20);
  assert_int_equal(terms.compute_limit, 9000000000000);
}

static void the_process_overrides_limits(void **state) {
  (void)state;
  aod_tags_t module = good_tags();
  check_ok(check(&module, tags_of("Memory-Limit", "1-gb", "Compute-Limit", " 5 ", NULL)), &err);
  assert_int_equal(terms.memory_limit_bytes, 1u << 30);
  assert_int_equal(terms.compute_limit, 5);
}

/* The good tags with one replaced, or without it. */
static aod_tags_t with(const char *name, const char *value) {
  aod_tags_t all = good_tags(), tags = {.list = all.list};
  for (size_t i = 0; i < all.count; i++)
    if (!aod_slice_is(all.list[i].name, name)) tags.list[tags.count++] = all.list[i];
  if (value) tags.list[tags.count++] = (aod_tag_t){aod_text(name), aod_text(value)};
  return tags;
}

static void a_drive_comes_with_the_format_or_the_tag(void **state) {
  (void)state;
  aod_tags_t plain = good_tags(), extended = with("Extension", "WeaveDrive");
  aod_tags_t always = with("Module-Format", "wasm64-unknown-emscripten-draft_2024_02_15");
  aod_tags_t metered = with("Module-Format", "wasm64-unknown-emscripten-draft_2024_10_16-metering");
  const struct {
    const aod_tags_t *tags;
    bool extended, needs_drive;
  } cases[] = {{&plain, false, false},
               {&extended, true, false},
               {&always, false, true},
               {&metered, false, false}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    check_ok(check(cases[i].tags, (aod_tags_t){0}), &err);
    assert_int_equal(terms.extended, cases[i].extended);
    assert_int_equal(terms.needs_drive, cases[i].needs_drive);
  }
}

static void what_does_not_run_here_is_refused_with_the_references_texts(void **state) {
  (void)state;
  static const struct {
    const char *name, *value;
    int code;
    const char *says;
  } cases[] = {
      {"Input-Encoding", NULL, AOD_EUNSUPPORTED,
       "Input-Encoding for module \"MOD\" is not supported"},
      {"Output-Encoding", NULL, AOD_EUNSUPPORTED,
       "Output-Encoding for module \"MOD\" is not supported"},
      {"Module-Format", NULL, AOD_EUNSUPPORTED,
       "Module-Format for module \"MOD\" is not supported"},
      {"Module-Format", "wasm128", AOD_EUNSUPPORTED, "Module-Format for module \"MOD\""},
      {"Memory-Limit", NULL, AOD_ELIMIT,
       "Memory-Limit for process \"PROC\" exceeds supported limit"},
      {"Memory-Limit", "lots", AOD_ELIMIT, "Memory-Limit for process \"PROC\""},
      {"Memory-Limit", "1025-mb", AOD_ELIMIT, "Memory-Limit for process \"PROC\""},
      {"Compute-Limit", NULL, AOD_ELIMIT,
       "Compute-Limit for process \"PROC\" exceeds supported limit"},
      {"Compute-Limit", "0", AOD_ELIMIT, "Compute-Limit for process \"PROC\""},
      {"Compute-Limit", "-1", AOD_ELIMIT, "Compute-Limit for process \"PROC\""},
      {"Compute-Limit", "9000000000001", AOD_ELIMIT, "Compute-Limit for process \"PROC\""},
      {"Extension", "Teleport", AOD_EUNSUPPORTED,
       "Module Extensions for module \"MOD\" are not supported"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    aod_tags_t module = with(cases[i].name, cases[i].value);
    check_fails(check(&module, (aod_tags_t){0}), cases[i].code, &err, cases[i].says);
  }
  assert_int_equal(aod_error_http_status(AOD_EUNSUPPORTED), 422);
  assert_int_equal(aod_error_http_status(AOD_ELIMIT), 413);
}

static void encodings_are_looked_at_before_the_format(void **state) {
  (void)state;
  aod_tags_t module = {0};
  check_fails(check(&module, (aod_tags_t){0}), AOD_EUNSUPPORTED, &err, "Input-Encoding");
}

static void weavedrive_is_a_known_extension(void **state) {
  (void)state;
  aod_tags_t module = with("Extension", "WeaveDrive");
  check_ok(check(&module, (aod_tags_t){0}), &err);
}

#define MODULE_TEST(f) cmocka_unit_test_teardown(f, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      MODULE_TEST(sizes_are_read_as_the_reference_reads_them),
      MODULE_TEST(formats_are_those_of_the_network),
      MODULE_TEST(terms_come_from_the_module),
      MODULE_TEST(the_process_overrides_limits),
      MODULE_TEST(a_drive_comes_with_the_format_or_the_tag),
      MODULE_TEST(what_does_not_run_here_is_refused_with_the_references_texts),
      MODULE_TEST(encodings_are_looked_at_before_the_format),
      MODULE_TEST(weavedrive_is_a_known_extension),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
