#include "base/options.h"

#include "support/check.h"

typedef struct {
  bool fast;
  const char *data;
  int64_t port, memory;
  aod_option_list_t modules;
} target_t;

static const aod_option_t table[] = {
    {"--fast", AOD_OPTION_FLAG, offsetof(target_t, fast), NULL, "", 0, 0},
    {"--data", AOD_OPTION_TEXT, offsetof(target_t, data), "DIR", "", 0, 0},
    {"--port", AOD_OPTION_INT, offsetof(target_t, port), "N", "", 1, 65535},
    {"--memory", AOD_OPTION_SIZE, offsetof(target_t, memory), "SIZE", "", 1024, INT64_MAX},
    {"--module", AOD_OPTION_LIST, offsetof(target_t, modules), "FILE", "", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

static target_t target;
static aod_option_list_t words;
static aod_error_t err;

static int before_each(void **state) {
  (void)state;
  target = (target_t){.port = 4000};
  words = (aod_option_list_t){0};
  err = (aod_error_t){0};
  return 0;
}

/* Parse the words of `line`. */
static int parse(const char *line) {
  static char copy[1000];
  char *argv[200];
  int argc = 0;
  snprintf(copy, sizeof copy, "%s", line);
  for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
  return aod_options_parse(table, argc, argv, &target, &words, &err);
}

static void every_kind_is_read(void **state) {
  (void)state;
  check_ok(parse("a --fast --data=x=y --port 80 --module m1 b --module=m2 -"), &err);
  assert_true(target.fast);
  assert_string_equal(target.data, "x=y");
  assert_int_equal(target.port, 80);
  assert_int_equal(target.modules.count, 2);
  assert_string_equal(target.modules.values[1], "m2");
  assert_int_equal(words.count, 3);
  assert_string_equal(words.values[2], "-");
}

static void sizes_have_units(void **state) {
  (void)state;
  static const struct {
    const char *line;
    int64_t bytes;
  } good[] = {{"--memory 1024", 1024},
              {"--memory 1K", 1024},
              {"--memory=512M", INT64_C(512) << 20},
              {"--memory 2G", INT64_C(2) << 30},
              {"--memory 8388607T", INT64_C(8388607) << 40}};
  static const char *const bad[] = {"--memory 1023", "--memory 0K",  "--memory M",
                                    "--memory 1m",   "--memory 1MB", "--memory 8388608T",
                                    "--memory -1K",  "--memory 1.5G"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    check_ok(parse(good[i].line), &err);
    assert_int_equal(target.memory, good[i].bytes);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    check_fails(parse(bad[i]), AOD_EUSAGE, &err, "--memory needs a size");
}

static void what_is_not_given_keeps_its_default(void **state) {
  (void)state;
  check_ok(parse(""), &err);
  assert_int_equal(target.port, 4000);
  assert_null(target.data);
}

static void two_dashes_end_the_options(void **state) {
  (void)state;
  check_ok(parse("-- --fast --nonsense --help"), &err);
  assert_false(target.fast);
  assert_int_equal(words.count, 3);
}

static void help_is_asked_for_anywhere(void **state) {
  (void)state;
  assert_int_equal(parse("--fast --help"), 1);
  assert_int_equal(parse("-h"), 1);
}

static void mistakes_are_named(void **state) {
  (void)state;
  static const struct {
    const char *line, *says;
  } cases[] = {
      {"--nonsense", "--nonsense"},
      {"-f", "-f"},
      {"--fast=yes", "--fast takes no value"},
      {"--fast=", "--fast takes no value"},
      {"--data", "--data needs a value: DIR"},
      {"--port 0", "from 1 to 65535"},
      {"--port 65536", "\"65536\""},
      {"--port 99999999999999999999", "--port needs a number"},
      {"--port -1", "\"-1\""},
      {"--port 80x", "\"80x\""},
      {"--port=", "--port needs a number"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    check_fails(parse(cases[i].line), AOD_EUSAGE, &err, cases[i].says);
}

static void an_id_is_a_word_whatever_it_begins_with(void **state) {
  (void)state;
  check_ok(parse("-uUm6qk31p3CEzZ6sF_ByNfOo4Q5VlSvP_AXC5rR_V8 --fast "
                 "--m6qk31p3CEzZ6sF_ByNfOo4Q5VlSvP_AXC5rR_V8A"),
           &err);
  assert_true(target.fast);
  assert_int_equal(words.count, 2);
}

static void words_are_errors_where_none_are_expected(void **state) {
  (void)state;
  char *argv[] = {"stray"};
  check_fails(aod_options_parse(table, 1, argv, &target, NULL, &err), AOD_EUSAGE, &err, "stray");
}

static void a_list_has_an_end(void **state) {
  (void)state;
  char *argv[2 * (AOD_OPTION_LIST_MAX + 1)];
  for (int i = 0; i <= AOD_OPTION_LIST_MAX; i++) argv[2 * i] = "--module", argv[2 * i + 1] = "m";
  assert_int_equal(aod_options_parse(table, 2 * AOD_OPTION_LIST_MAX, argv, &target, NULL, &err),
                   AOD_OK);
  target = (target_t){0};
  check_fails(aod_options_parse(table, COUNT_OF(argv), argv, &target, NULL, &err), AOD_EUSAGE, &err,
              "more than");
}

#define OPTIONS_TEST(f) cmocka_unit_test_setup(f, before_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      OPTIONS_TEST(every_kind_is_read),
      OPTIONS_TEST(sizes_have_units),
      OPTIONS_TEST(what_is_not_given_keeps_its_default),
      OPTIONS_TEST(two_dashes_end_the_options),
      OPTIONS_TEST(help_is_asked_for_anywhere),
      OPTIONS_TEST(an_id_is_a_word_whatever_it_begins_with),
      OPTIONS_TEST(mistakes_are_named),
      OPTIONS_TEST(words_are_errors_where_none_are_expected),
      OPTIONS_TEST(a_list_has_an_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
