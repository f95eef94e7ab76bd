/* Scripts of messages on real modules, with what the reference loader gave: inputs, results and
 * memory images must agree to the byte (test/vectors/eval, wasm-host.md).
 *
 * The modules are not part of the repository. They are looked for in $AOD_MODULES, else in
 * <build>/modules; files whose module is missing are skipped, with a count at the end. Compiled
 * code is kept in <build>/modules-cache, so that only the first run takes minutes.
 *
 * However the code was made, and whatever becomes of a process between two messages, the bytes are
 * the same (H58): $AOD_MATRIX says which ways are tried besides the usual one ("some": those that
 * take seconds, "all"). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "ao/result.h"
#include "arweave/hash.h"
#include "base/file.h"
#include "base/json.h"
#include "support/drive.h"
#include "support/suitcase.h"
#include "vm/process.h"

#define PROBLEMS_SHOWN 5
#define UPGRADE_AFTER  7 /* messages, of 15 and more */

typedef struct {
  const char *vectors, *module;
  const char *skip; /* why it cannot run yet */
  bool slow;        /* minutes to compile: only when $AOD_SLOW_TESTS is set */
  bool drive;       /* WeaveDrive was attached */
} script_t;

static const script_t scripts[] = {
    {"process", "process", NULL},
    {"aos", "aos", NULL},
    {"aos2_0_1", "aos2_0_1", NULL},
    {"aos2_0_3", "aos2_0_3", NULL},
    {"aos2_0_6", "aos2_0_6", NULL},
    {"aos2_0_4_32", "aos2_0_4_32", NULL},
    {"sqlite", "sqlite", NULL, true},
    {"llama", "llama", NULL, true},
    {"aos2_0_6.metered", "aos2_0_6", NULL},
    {"aos2_0_4_32.metered", "aos2_0_4_32", NULL},
    {"aos2_0_6.weavedrive", "aos2_0_6", NULL, .drive = true},
    {"aos2_0_4_32.weavedrive", "aos2_0_4_32", NULL, .drive = true},
    {"loader_fixture_emscripten", "loader_fixture_emscripten", "the module is in no package"},
    {"loader_fixture_emscripten2_aos", "loader_fixture_aos", "the module is in no package"},
};
#define SCRIPT_COUNT (sizeof scripts / sizeof scripts[0])

/* How code is made and where it runs, which must not show (H58). */
typedef struct {
  const char *name; /* empty: the usual way, which is always tried */
  aod_tier_t tier;
  const char *compiler;
  bool here;    /* not in workers */
  bool move;    /* after each message the process is packed and goes on in another instance */
  bool upgrade; /* in the middle of the script the optimised code takes over */
  bool some;    /* tried with AOD_MATRIX=some, on the scripts in some_scripts */
} way_t;

static const way_t ways[] = {
    {"", AOD_TIER_OPTIMISED, NULL},
    {"moved", AOD_TIER_OPTIMISED, NULL, .move = true, .some = true},
    {"here", AOD_TIER_OPTIMISED, NULL, .here = true, .some = true},
    {"first tier, moved", AOD_TIER_FIRST, NULL, .move = true, .some = true},
    {"first tier", AOD_TIER_FIRST, NULL},
    {"first tier, then optimised", AOD_TIER_FIRST, NULL, .upgrade = true, .some = true},
    {"gcc, first tier", AOD_TIER_FIRST, "gcc", .here = true, .some = true},
    {"gcc", AOD_TIER_OPTIMISED, "gcc"},
    {"gcc, moved", AOD_TIER_OPTIMISED, "gcc", .move = true},
};
#define WAY_COUNT (sizeof ways / sizeof ways[0])

/* One of 64 bits, a metered one of 32, and one that opens no files. */
static const char *const some_scripts[] = {"aos2_0_6", "aos2_0_4_32.metered", "process"};

typedef struct {
  char name[64];
  const script_t *script;
  const way_t *way;
} case_t;

static aod_vm_t *vms[WAY_COUNT]; /* opened when they are needed */
static int skipped;

/* ---- one script ---- */

typedef struct {
  const script_t *script;
  aod_vm_t *vm;
  aod_module_t *module;
  aod_instance_t *instance;
  suitcase_t *suitcase; /* NULL: it stays where it is */
  bool upgrade;
  test_drive_t gateway;
  aod_drive_t drive;
  int line, problems, images;
} run_t;

static void problem(run_t *run, const json_t *line, const char *what, aod_slice_t got,
                    aod_slice_t expected) {
  if (++run->problems > PROBLEMS_SHOWN) return;
  size_t same = 0;
  while (same < got.len && same < expected.len && got.ptr[same] == expected.ptr[same]) same++;
  size_t from = same > 40 ? same - 40 : 0;
  const char *label = json_string_value(json_object_get(line, "label"));
  print_error("%s line %d (%s): %s differs at %zu\n     got ..%.*s\nexpected ..%.*s\n",
              run->script->vectors, run->line, label ? label : "", what, same,
              AOD_ARG(aod_slice_sub(got, from, 400)), AOD_ARG(aod_slice_sub(expected, from, 400)));
}

static void expect(run_t *run, const json_t *line, const char *what, aod_slice_t got,
                   aod_slice_t expected) {
  if (!aod_slice_equal(got, expected)) problem(run, line, what, got, expected);
}

static void hex(const uint8_t digest[32], char text[65]) {
  for (int i = 0; i < 32; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

static bool is_volatile(const json_t *line, const char *field) {
  json_t *name;
  size_t i;
  json_array_foreach(json_object_get(line, "volatile"), i, name) {
    if (strcmp(json_string_value(name), field) == 0) return true;
  }
  return false;
}

/* The JSON text of msg or env, checked against its recorded hash (H9). */
static void input(run_t *run, const json_t *line, const char *name, aod_buf_t *text) {
  uint8_t digest[32];
  char got[65], key[32];
  aod_json_value(text, json_object_get(line, name));
  aod_sha256(aod_buf_slice(text), digest);
  hex(digest, got);
  snprintf(key, sizeof key, "%s_sha256", name);
  expect(run, line, key, aod_text(got), aod_json_get_string(json_object_get(line, "input"), key));
}

/* ---- results ---- */

/* H14: writes the result and returns whether it has an Error, after which the state is undone. */
static bool result_of(const aod_evaluation_t *evaluation, aod_buf_t *out) {
  aod_slice_t text = aod_buf_slice(&evaluation->text);
  if (!evaluation->failed) return !aod_result_write_loader(text, evaluation->gas_used, out);
  aod_result_write_loader_failure(text, evaluation->exit_status, out);
  return true;
}

static json_t *without_volatile(const json_t *line, json_t *result) {
  if (is_volatile(line, "result.Output")) json_object_del(result, "Output");
  return result;
}

/* H50: gas depends on how WeaveDrive calls are answered; ours is the way that `alt.sync` has. */
static json_t *expected_result(const json_t *line) {
  const json_t *sync = json_object_get(json_object_get(line, "alt"), "sync");
  json_t *expected = json_deep_copy(json_object_get(line, "result"));
  json_t *gas = json_object_get(sync, "GasUsed");
  if (gas) json_object_set(expected, "GasUsed", gas);
  return expected;
}

static void compare_result(run_t *run, const json_t *line, aod_slice_t text) {
  json_t *got = NULL, *expected = expected_result(line);
  aod_buf_t got_text = {0}, expected_text = {0};
  assert_int_equal(aod_json_parse(text, &got, NULL), AOD_OK);
  json_object_del(expected,
                  "thrown"); /* what class the reference threw: not part of the protocol */
  aod_json_value(&got_text, without_volatile(line, got));
  aod_json_value(&expected_text, without_volatile(line, expected));
  expect(run, line, "result", aod_buf_slice(&got_text), aod_buf_slice(&expected_text));
  aod_buf_free(&got_text);
  aod_buf_free(&expected_text);
  json_decref(got);
  json_decref(expected);
}

/* ---- images ---- */

/* H22, H42 */
static void compare_image(run_t *run, const json_t *line) {
  const json_t *sync = json_object_get(json_object_get(line, "alt"), "sync");
  if (!sync || is_volatile(line, "memory")) return;
  uint8_t digest[32];
  char got[128], expected[128], digits[65];
  aod_instance_memory_sha256(run->instance, digest);
  hex(digest, digits);
  snprintf(got, sizeof got, "%llu bytes %s",
           (unsigned long long)aod_instance_memory_bytes(run->instance), digits);
  snprintf(expected, sizeof expected, "%.0f bytes %s",
           json_number_value(json_object_get(sync, "bytes")),
           json_string_value(json_object_get(sync, "sha256")));
  expect(run, line, "image", aod_text(got), aod_text(expected));
  run->images++;
}

/* ---- requests ---- */

static bool was_asked(json_t *requests, const json_t *recorded) {
  const char *method = json_string_value(json_object_get(recorded, "method"));
  const char *path = json_string_value(json_object_get(recorded, "path"));
  char start[200];
  snprintf(start, sizeof start, "%s %s", method, path);
  size_t i;
  json_t *request;
  json_array_foreach(requests, i, request) {
    if (aod_slice_starts(aod_json_slice(request), start)) return true;
  }
  return false;
}

/* H56, H57: everything recorded was asked for, and nothing by a message that asked for nothing. We
 * ask for more: every message begins without any file. */
static void compare_requests(run_t *run, const json_t *line) {
  size_t i;
  json_t *recorded, *requests = run->gateway.requests, *all = json_object_get(line, "http");
  if (!run->script->drive) return;
  json_array_foreach(all, i, recorded) {
    if (!was_asked(requests, recorded))
      problem(run, line, "request", AOD_EMPTY, aod_json_get_string(recorded, "path"));
  }
  if (json_array_size(requests) && !json_array_size(all))
    problem(run, line, "request", aod_json_slice(json_array_get(requests, 0)), AOD_EMPTY);
  json_array_clear(requests);
}

/* ---- running ---- */

static void run_line(run_t *run, const json_t *line) {
  aod_buf_t msg = {0}, env = {0}, text = {0};
  aod_evaluation_t evaluation;
  input(run, line, "msg", &msg);
  input(run, line, "env", &env);
  assert_int_equal(aod_instance_evaluate(run->instance, aod_buf_slice(&msg), aod_buf_slice(&env),
                                         &evaluation, NULL),
                   AOD_OK);
  if (result_of(&evaluation, &text))
    aod_instance_rollback(run->instance);
  else
    aod_instance_commit(run->instance);
  compare_result(run, line, aod_buf_slice(&text));
  compare_image(run, line);
  compare_requests(run, line);
  aod_evaluation_free(&evaluation);
  aod_buf_free(&msg);
  aod_buf_free(&env);
  aod_buf_free(&text);
}

static void open_instance(run_t *run, aod_slice_t wasm, const json_t *line) {
  aod_error_t error = {0};
  aod_slice_t format = aod_json_get_string(line, "format");
  if (aod_module_load(run->vm, wasm, format, run->script->module, &run->module, &error))
    fail_msg("%s", error.message);
  aod_instance_options_t options = {
      .compute_limit = (uint64_t)json_number_value(json_object_get(line, "compute_limit")),
      .drive = run->script->drive ? &run->drive : NULL};
  if (aod_instance_open(run->module, &options, &run->instance, &error))
    fail_msg("%s", error.message);
}

static void upgrade(run_t *run) {
  assert_int_equal(run->module->program.code->tier, AOD_TIER_FIRST);
  aod__upgrader_add(&run->vm->upgrader, run->module);
  aod_vm_await_compiled(run->vm);
  assert_non_null(run->module->optimised);
}

static void run_script(run_t *run, aod_slice_t wasm, aod_slice_t lines) {
  while (lines.ptr) {
    aod_slice_t text = aod_slice_cut(&lines, '\n');
    json_t *line = NULL;
    if (text.len == 0) continue;
    assert_int_equal(aod_json_parse(text, &line, NULL), AOD_OK);
    if (!run->instance) open_instance(run, wasm, line);
    run_line(run, line);
    if (run->upgrade && run->line == UPGRADE_AFTER) upgrade(run);
    if (run->suitcase)
      run->instance = suitcase_move(
          run->suitcase, run->module,
          (uint64_t)json_number_value(json_object_get(line, "compute_limit")), run->instance);
    json_decref(line);
    run->line++;
  }
  aod_instance_close(run->instance);
  aod_module_release(run->module);
  print_message("%s: %d lines, %d images\n", run->script->vectors, run->line, run->images);
}

static bool find_module(const char *name, aod_buf_t *wasm) {
  char path[4096];
  const char *folder = getenv("AOD_MODULES");
  snprintf(path, sizeof path, "%s/%s.wasm", folder ? folder : AOD_BINARY_DIR "/modules", name);
  return aod_file_read(path, 64 << 20, wasm, NULL) == AOD_OK;
}

static void on_compile(void *context, const aod_compile_event_t *event) {
  (void)context;
  if (event->done) print_message("compiled %s in %lld ms\n", event->name, (long long)event->ms);
}

static aod_vm_t *vm_for(const way_t *way) {
  aod_vm_t **vm = &vms[way - ways];
  if (*vm) return *vm;
  aod_vm_options_t options = {.cache_dir = AOD_BINARY_DIR "/modules-cache",
                              .compiler = way->compiler,
                              .on_compile = on_compile,
                              .in_workers = !way->here};
  assert_int_equal(aod_vm_open(vm, &options, NULL), AOD_OK);
  (*vm)->code_options.tier = way->tier;
  return *vm;
}

static const char *reason_to_skip(const case_t *test, aod_buf_t *wasm) {
  const script_t *script = test->script;
  if (script->skip) return script->skip;
  if (script->slow && !getenv("AOD_SLOW_TESTS"))
    return "compiling its module takes minutes; set AOD_SLOW_TESTS to run it";
  return find_module(script->module, wasm) ? NULL : "its module is not there";
}

static void test_script(void **state) {
  const case_t *test = *state;
  const script_t *script = test->script;
  aod_buf_t wasm = {0}, lines = {0};
  char path[4096];
  const char *reason = reason_to_skip(test, &wasm);
  if (reason) {
    print_message("SKIPPED %s: %s\n", test->name, reason);
    skipped++;
    skip();
  }
  snprintf(path, sizeof path, "%s/test/vectors/eval/%s.jsonl", AOD_SOURCE_DIR, script->vectors);
  assert_int_equal(aod_file_read(path, 64 << 20, &lines, NULL), AOD_OK);
  run_t run = {.script = script, .vm = vm_for(test->way)};
  run.drive = test_drive_open(&run.gateway);
  run.upgrade = test->way->upgrade;
  if (test->way->move) run.suitcase = aod_alloc(sizeof *run.suitcase);
  run_script(&run, aod_buf_slice(&wasm), aod_buf_slice(&lines));
  if (run.suitcase) suitcase_free(run.suitcase);
  test_drive_close(&run.gateway);
  aod_buf_free(&wasm);
  aod_buf_free(&lines);
  if (run.problems) fail_msg("%s: %d differences", test->name, run.problems);
}

static int close_vms(void **state) {
  (void)state;
  for (size_t i = 0; i < WAY_COUNT; i++) aod_vm_close(vms[i]);
  if (skipped) print_message("SKIPPED %d scripts\n", skipped);
  return 0;
}

/* ---- which ---- */

static bool is_wanted(const script_t *script, const way_t *way) {
  const char *matrix = getenv("AOD_MATRIX");
  if (way == ways) return true;
  if (!matrix || (way->move && script->drive)) return false; /* what is packed has no drive */
  if (strcmp(matrix, "all") == 0) return true;
  for (size_t i = 0; i < sizeof some_scripts / sizeof some_scripts[0]; i++) {
    if (way->some && strcmp(script->vectors, some_scripts[i]) == 0) return true;
  }
  return false;
}

/* With an argument: only the tests whose name matches the pattern. */
int main(int argc, char **argv) {
  if (aod_workers_start(NULL)) return 1;
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  static case_t cases[SCRIPT_COUNT * WAY_COUNT];
  struct CMUnitTest tests[SCRIPT_COUNT * WAY_COUNT];
  size_t count = 0;
  for (size_t i = 0; i < SCRIPT_COUNT * WAY_COUNT; i++) {
    const script_t *script = &scripts[i % SCRIPT_COUNT];
    const way_t *way = &ways[i / SCRIPT_COUNT];
    if (!is_wanted(script, way)) continue;
    case_t *test = &cases[count];
    *test = (case_t){.script = script, .way = way};
    snprintf(test->name, sizeof test->name, "%s%s%s", script->vectors, *way->name ? ", " : "",
             way->name);
    tests[count++] =
        (struct CMUnitTest){.name = test->name, .test_func = test_script, .initial_state = test};
  }
  return _cmocka_run_group_tests("eval vectors", tests, count, NULL, close_vms);
}
