#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/options.h"
#include "support/check.h"

typedef struct {
  const char *config, *data;
  bool fast;
  int64_t port;
  aod_option_list_t modules;
} target_t;

static const aod_option_t table[] = {
    {"--config", AOD_OPTION_TEXT, offsetof(target_t, config), "FILE", "the file", 0, 0},
    {"--data", AOD_OPTION_TEXT, offsetof(target_t, data), "DIR", "where", 0, 0},
    {"--fast", AOD_OPTION_FLAG, offsetof(target_t, fast), NULL, "be fast", 0, 0},
    {"--port-base", AOD_OPTION_INT, offsetof(target_t, port), "N", "ports", 1, 65535},
    {"--module", AOD_OPTION_LIST, offsetof(target_t, modules), "FILE", "modules", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

static char path[64];
static target_t target;
static aod_arena_t arena;
static aod_error_t err;

static int before_each(void **state) {
  (void)state;
  target = (target_t){.port = 4000};
  err = (aod_error_t){0};
  snprintf(path, sizeof path, "/tmp/aod-config-XXXXXX");
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  close(fd);
  unsetenv("AOD_PORT_BASE");
  unsetenv("AOD_MODULE");
  unsetenv("AOD_FAST");
  return 0;
}

static int after_each(void **state) {
  (void)state;
  unlink(path);
  aod_arena_free(&arena);
  return 0;
}

/* Load with this file and these flags after --config. */
static int load(const char *text, int argc, char **flags) {
  check_ok(aod_file_write(path, aod_text(text), 0600, &err), &err);
  char *argv[10] = {"--config", path};
  for (int i = 0; i < argc; i++) argv[2 + i] = flags[i];
  return aod_options_load(table, 2 + argc, argv, &target, NULL, &arena, &err);
}

static void a_file_gives_every_kind_of_value(void **state) {
  (void)state;
  check_ok(load("# a comment\n\n data = /var/lib/aod \nfast=true\nport-base = 5000\n"
                "module = a.wasm\nmodule = b.wasm",
                0, NULL),
           &err);
  assert_string_equal(target.data, "/var/lib/aod");
  assert_true(target.fast);
  assert_int_equal(target.port, 5000);
  assert_int_equal(target.modules.count, 2);
  assert_string_equal(target.modules.values[1], "b.wasm");
}

static void flags_win_over_the_environment_and_that_over_the_file(void **state) {
  (void)state;
  setenv("AOD_PORT_BASE", "6000", 1);
  setenv("AOD_MODULE", "env1.wasm, env2.wasm", 1);
  setenv("AOD_FAST", "false", 1);
  check_ok(load("port-base = 5000\nmodule = file.wasm\nfast = true\n", 2,
                (char *[]){"--module", "flag.wasm"}),
           &err);
  assert_int_equal(target.port, 6000);
  assert_int_equal(target.modules.count, 1);
  assert_string_equal(target.modules.values[0], "flag.wasm");
  assert_false(target.fast);
}

static void a_list_of_the_environment_is_cut_at_commas(void **state) {
  (void)state;
  setenv("AOD_MODULE", "env1.wasm, env2.wasm", 1);
  check_ok(load("", 0, NULL), &err);
  assert_int_equal(target.modules.count, 2);
  assert_string_equal(target.modules.values[1], "env2.wasm");
}

static void what_does_not_fit_is_named_with_its_place(void **state) {
  (void)state;
  static const struct {
    const char *text, *complaint;
  } cases[] = {
      {"data = x\nno-such-key = 1\n", ":2: unknown key \"no-such-key\""},
      {"just words\n", ":1: not of the form: key = value"},
      {"port-base = many\n", ":1: --port-base needs a number from 1 to 65535, not \"many\""},
      {"port-base = 1\nport-base = 2\n", ":2: port-base is given twice"},
      {"fast = yes\n", ":1: fast is true or false"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    check_fails(load(cases[i].text, 0, NULL), AOD_EUSAGE, &err, cases[i].complaint);
  setenv("AOD_PORT_BASE", "0", 1);
  check_fails(load("", 0, NULL), AOD_EUSAGE, &err, "environment variable AOD_PORT_BASE: ");
}

static void a_missing_file_is_an_error(void **state) {
  (void)state;
  char *argv[] = {"--config=/nowhere/aod.conf"};
  check_fails(aod_options_load(table, 1, argv, &target, NULL, &arena, &err), AOD_ENOTFOUND, &err,
              "/nowhere/aod.conf");
}

static void the_sample_is_a_valid_file_that_changes_nothing(void **state) {
  (void)state;
  aod_buf_t text = {0};
  aod_options_sample(table, &text);
  aod_buf_terminate(&text);
  check_ok(load((const char *)text.ptr, 0, NULL), &err);
  assert_int_equal(target.port, 4000);
  check_contains((const char *)text.ptr, "# environment: AOD_PORT_BASE\n#port-base = N\n");
  aod_buf_free(&text);
}

#define CONFIG_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONFIG_TEST(a_file_gives_every_kind_of_value),
      CONFIG_TEST(flags_win_over_the_environment_and_that_over_the_file),
      CONFIG_TEST(a_list_of_the_environment_is_cut_at_commas),
      CONFIG_TEST(what_does_not_fit_is_named_with_its_place),
      CONFIG_TEST(a_missing_file_is_an_error),
      CONFIG_TEST(the_sample_is_a_valid_file_that_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
