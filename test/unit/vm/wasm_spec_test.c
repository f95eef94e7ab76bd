/* The WebAssembly core test suite through the whole pipeline: every module is decoded, translated,
 * compiled and run as native code.
 *
 * The suite is not part of the repository. It is looked for in $AOD_SHARED, else beside the
 * checkout, and the test is skipped where it is not. AOD_SPEC_TIER=optimised compiles at the other
 * tier, AOD_SPEC_COMPILER names another compiler, AOD_SPEC_ONLY runs one script,
 * AOD_SPEC_CACHE keeps the compiled modules in that directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "vm/core.h"
#include "vm/trap.h"
#include "vm/validate.h"

enum { MAX_CORES = 200, MAX_SLOTS = 64, MAX_BYTES = 1 << 22, PATH_BYTES = 4096 };

typedef struct {
  char name[64], registered[64];
  aod_code_t *code;
  aod_core_t *core;
} loaded_t;

typedef struct {
  char folder[PATH_BYTES / 2];
  char cache[PATH_BYTES / 2];
  const char *script;
  loaded_t loaded[MAX_CORES];
  int count, current; /* current is -1 after a module that is not supported */
  aod_core_t *spectest;
  int line;
} script_t;

typedef struct {
  int passed, failed, skipped;
} tally_t;

static tally_t kinds[16], *kind; /* by kind_names; the one of the command that runs */
static const char *const kind_names[] = {"module",
                                         "action",
                                         "register",
                                         "assert_return",
                                         "assert_trap",
                                         "assert_invalid",
                                         "assert_malformed",
                                         "assert_exhaustion",
                                         "assert_uninstantiable"};
enum { KIND_COUNT = sizeof kind_names / sizeof kind_names[0] };

static bool fails(const script_t *script, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fails(const script_t *script, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "%s:%d: ", script->script, script->line);
  vfprintf(stderr, format, args);
  fprintf(stderr, "\n");
  va_end(args);
  return false;
}

static const char *text_of(json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

/* ---- modules ---- */

static aod_code_options_t code_options(const char *cache) {
  const char *tier = getenv("AOD_SPEC_TIER");
  bool optimised = tier && !strcmp(tier, "optimised");
  return (aod_code_options_t){.cache_dir = cache,
                              .compiler = getenv("AOD_SPEC_COMPILER"),
                              .tier = optimised ? AOD_TIER_OPTIMISED : AOD_TIER_FIRST};
}

static int load_code(const char *folder, const char *cache, const char *file, aod_code_t **code,
                     aod_error_t *err) {
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  aod_buf_t wasm = {0};
  aod_code_options_t options = code_options(cache);
  int rc = aod_file_read(path, MAX_BYTES, &wasm, err);
  if (!rc) rc = aod_code_load(aod_buf_slice(&wasm), file, &options, code, err);
  aod_buf_free(&wasm);
  return rc;
}

static void print_nothing(aod_wasm_instance_t *instance, uint64_t *slots) {
  (void)instance, (void)slots;
}

/* The module that the suite's scripts import from: its memory, table and globals come from a module
 * written out here; its functions print, for which there is no need. */
static const uint8_t spectest_wasm[] = "\0asm\1\0\0\0"
                                       "\x04\x05\x01\x70\x01\x0a\x14" /* table 10..20 funcref */
                                       "\x05\x04\x01\x01\x01\x02"     /* memory 1..2 */
                                       "\x06\x21\x04"                 /* globals 666 */
                                       "\x7f\0\x41\x9a\x05\x0b"
                                       "\x7e\0\x42\x9a\x05\x0b"
                                       "\x7d\0\x43\x66\xa6\x26\x44\x0b"
                                       "\x7c\0\x44\xcd\xcc\xcc\xcc\xcc\xd4\x84\x40\x0b"
                                       "\x07\x46\x06" /* exports */
                                       "\x05table\1\0"
                                       "\x06memory\2\0"
                                       "\x0aglobal_i32\3\0"
                                       "\x0aglobal_i64\3\1"
                                       "\x0aglobal_f32\3\2"
                                       "\x0aglobal_f64\3\3";

static bool find_import(script_t *script, const aod_wasm_module_t *module,
                        const aod_wasm_import_entry_t *import, aod_extern_t *value) {
  char field[200];
  snprintf(field, sizeof field, "%.*s", AOD_ARG(import->field));
  if (aod_slice_is(import->module, "spectest")) {
    if (import->kind != AOD_WASM_FUNCTION)
      return aod_core_export(script->spectest, field, import->kind, value);
    *value = (aod_extern_t){.kind = AOD_WASM_FUNCTION,
                            .type = aod_wasm_function_type(module, import->index)->number,
                            .function = {.call = print_nothing}};
    return true;
  }
  for (int i = 0; i < script->count; i++)
    if (aod_slice_is(import->module, script->loaded[i].registered))
      return aod_core_export(script->loaded[i].core, field, import->kind, value);
  return false;
}

/* Open and link; the start function has not run yet. */
static bool open_module(script_t *script, const char *file, const char *name) {
  aod_error_t err;
  assert_true(script->count < MAX_CORES);
  loaded_t *loaded = &script->loaded[script->count];
  *loaded = (loaded_t){0};
  script->current = -1;
  int rc = load_code(script->folder, script->cache, file, &loaded->code, &err);
  if (rc == AOD_EUNSUPPORTED) {
    kind->skipped++;
    fails(script, "%s skipped: %s", file, err.message);
    return false;
  }
  if (rc) return fails(script, "%s: %s", file, err.message);
  const aod_wasm_module_t *module = &loaded->code->module;
  aod_extern_t *imports = aod_alloc((module->import_count + 1) * sizeof *imports);
  bool found = true;
  for (uint32_t i = 0; i < module->import_count && found; i++)
    found = find_import(script, module, &module->imports[i], &imports[i]);
  rc = found ? aod_core_open(&loaded->core, loaded->code, imports, NULL, &err)
             : aod_fail(&err, AOD_EUNSUPPORTED, "unknown import");
  free(imports);
  if (rc) {
    aod_code_close(loaded->code);
    return fails(script, "%s: %s", file, err.message);
  }
  snprintf(loaded->name, sizeof loaded->name, "%s", name);
  script->current = script->count++;
  return true;
}

/* ---- values ---- */

static uint32_t store_value(json_t *value, uint64_t *slots) {
  slots[0] = strtoull(text_of(value, "value"), NULL, 10);
  return 1;
}

static bool is_nan(uint64_t bits, bool single, bool canonical) {
  uint64_t exponent = single ? 0x7f800000 : 0x7ff0000000000000;
  uint64_t quiet = single ? 0x400000 : 0x8000000000000;
  uint64_t fraction = single ? 0x7fffff : 0xfffffffffffff;
  if ((bits & exponent) != exponent || !(bits & quiet)) return false;
  return !canonical || (bits & fraction) == quiet;
}

static bool matches(json_t *expected, uint64_t bits) {
  const char *value = text_of(expected, "value"), *type = text_of(expected, "type");
  bool single = !strcmp(type, "f32");
  if (!strcmp(type, "i32") || single) {
    if (bits >> 32) return false; /* slots are zero-extended */
  }
  if (!strcmp(value, "nan:canonical")) return is_nan(bits, single, true);
  if (!strcmp(value, "nan:arithmetic")) return is_nan(bits, single, false);
  return strtoull(value, NULL, 10) == bits;
}

/* ---- actions ---- */

static bool find_function(script_t *script, json_t *action, loaded_t **loaded, uint32_t *index) {
  const char *name = text_of(action, "module");
  int which = script->current;
  for (int i = 0; *name && i < script->count; i++)
    if (!strcmp(script->loaded[i].name, name)) which = i;
  if (which < 0) return false;
  *loaded = &script->loaded[which];
  const aod_wasm_export_t *export =
      aod_wasm_export_find(&(*loaded)->code->module, text_of(action, "field"), AOD_WASM_FUNCTION);
  if (!export) return fails(script, "no function %s", text_of(action, "field"));
  *index = export->index;
  return true;
}

/* Returns the trap, or -1 when there is nothing to call. */
static int invoke(script_t *script, json_t *action, uint64_t *slots) {
  loaded_t *loaded;
  uint32_t index = 0, count = 0;
  if (!find_function(script, action, &loaded, &index)) return -1;
  json_t *args = json_object_get(action, "args"), *value;
  size_t i;
  json_array_foreach(args, i, value) count += store_value(value, slots + count);
  loaded->core->wasm.fuel = INT64_MAX;
  return aod_core_call(loaded->core, index, slots);
}

static bool run_return(script_t *script, json_t *command) {
  uint64_t slots[MAX_SLOTS] = {0};
  json_t *action = json_object_get(command, "action"), *value;
  int trap = invoke(script, action, slots);
  if (trap) return fails(script, "%s: trap %d", text_of(action, "field"), trap);
  json_t *expected = json_object_get(command, "expected");
  size_t i;
  json_array_foreach(expected, i, value) {
    if (!matches(value, slots[i]))
      return fails(script, "%s: result %zu is %llu, expected %s", text_of(action, "field"), i,
                   (unsigned long long)slots[i], text_of(value, "value"));
  }
  return true;
}

static bool run_action(script_t *script, json_t *command) {
  uint64_t slots[MAX_SLOTS] = {0};
  int trap = invoke(script, json_object_get(command, "action"), slots);
  return trap ? fails(script, "trap %d", trap) : true;
}

/* The suite's words and the traps that they stand for here. */
static const struct {
  const char *text;
  int trap;
} trap_texts[] = {
    {"out of bounds memory access", AOD_TRAP_MEMORY},
    {"unreachable", AOD_TRAP_UNREACHABLE},
    {"integer divide by zero", AOD_TRAP_DIVIDE_ZERO},
    {"integer divide by zero", AOD_TRAP_REMAINDER_ZERO},
    {"integer overflow", AOD_TRAP_OVERFLOW},
    {"integer overflow", AOD_TRAP_CONVERSION},
    {"invalid conversion to integer", AOD_TRAP_CONVERSION},
    {"undefined element", AOD_TRAP_TABLE},
    {"out of bounds table access", AOD_TRAP_TABLE},
    {"uninitialized element", AOD_TRAP_SIGNATURE},
    {"uninitialized element", AOD_TRAP_TABLE}, /* old and new text for the same */
    {"indirect call type mismatch", AOD_TRAP_SIGNATURE},
    {"call stack exhausted", AOD_TRAP_STACK},
};

static bool trap_fits(const char *text, int trap) {
  for (size_t i = 0; i < sizeof trap_texts / sizeof trap_texts[0]; i++)
    if (trap_texts[i].trap == trap && aod_slice_starts(aod_text(text), trap_texts[i].text))
      return true;
  return false;
}

static bool run_trap(script_t *script, json_t *command) {
  uint64_t slots[MAX_SLOTS] = {0};
  json_t *action = json_object_get(command, "action");
  int trap = invoke(script, action, slots);
  if (trap_fits(text_of(command, "text"), trap)) return true;
  return fails(script, "%s: trap %d, expected \"%s\"", text_of(action, "field"), trap,
               text_of(command, "text"));
}

static bool run_module(script_t *script, json_t *command) {
  if (!open_module(script, text_of(command, "filename"), text_of(command, "name"))) return false;
  int trap = aod_core_start(script->loaded[script->current].core);
  return trap ? fails(script, "start: trap %d", trap) : true;
}

static bool run_uninstantiable(script_t *script, json_t *command) {
  int current = script->current;
  if (!open_module(script, text_of(command, "filename"), "")) return false;
  int trap = aod_core_start(script->loaded[script->current].core);
  script->current = current;
  if (trap_fits(text_of(command, "text"), trap)) return true;
  return fails(script, "start: trap %d, expected \"%s\"", trap, text_of(command, "text"));
}

static bool run_register(script_t *script, json_t *command) {
  const char *name = text_of(command, "name");
  int which = script->current;
  for (int i = 0; *name && i < script->count; i++)
    if (!strcmp(script->loaded[i].name, name)) which = i;
  if (which < 0) {
    kind->skipped++; /* the module before was */
    return false;
  }
  snprintf(script->loaded[which].registered, sizeof script->loaded[which].registered, "%s",
           text_of(command, "as"));
  return true;
}

static bool run_invalid(script_t *script, json_t *command) {
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/%s", script->folder, text_of(command, "filename"));
  aod_buf_t wasm = {0};
  aod_error_t err = {0};
  aod_wasm_module_t module;
  assert_int_equal(aod_file_read(path, MAX_BYTES, &wasm, &err), 0);
  int rc = aod_wasm_decode(aod_buf_slice(&wasm), &module, &err);
  if (!rc) {
    rc = aod_wasm_validate(&module, &err);
    aod_wasm_module_free(&module);
  }
  aod_buf_free(&wasm);
  if (rc == AOD_EINPUT) return true;
  return fails(script, "%s: %s, expected \"%s\"", text_of(command, "filename"),
               rc ? err.message : "accepted", text_of(command, "text"));
}

static bool run_command(script_t *script, json_t *command) {
  static bool (*const run[])(script_t *, json_t *) = {run_module,  run_action, run_register,
                                                      run_return,  run_trap,   run_invalid,
                                                      run_invalid, run_trap,   run_uninstantiable};
  const char *type = text_of(command, "type");
  int which = 0;
  while (which < KIND_COUNT && strcmp(kind_names[which], type)) which++;
  assert_true(which < KIND_COUNT);
  kind = &kinds[which];
  script->line = (int)json_integer_value(json_object_get(command, "line"));
  bool has_file = !strcmp(text_of(command, "module_type"), "binary") || which < 5 || which == 7;
  bool lost = script->current < 0 && json_object_get(command, "action") &&
              !*text_of(json_object_get(command, "action"), "module");
  if (!has_file || lost) {
    kind->skipped++;
    return true;
  }
  int skipped = kind->skipped;
  bool passed = run[which](script, command);
  kind->passed += passed;
  kind->failed += !passed && kind->skipped == skipped;
  return passed;
}

/* ---- scripts ---- */

static json_t *read_script(const char *suite, const char *name) {
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/%s/%s.json", suite, name, name);
  json_t *script = json_load_file(path, 0, NULL);
  assert_non_null(script);
  return script;
}

static void run_script(const char *suite, const char *cache, const char *name,
                       aod_core_t *spectest) {
  script_t *script = aod_alloc(sizeof *script);
  script->script = name;
  script->current = -1;
  script->spectest = spectest;
  snprintf(script->folder, sizeof script->folder, "%s/%s", suite, name);
  snprintf(script->cache, sizeof script->cache, "%s", cache);
  json_t *json = read_script(suite, name), *command;
  size_t i;
  json_array_foreach(json_object_get(json, "commands"), i, command) run_command(script, command);
  for (int k = script->count; k--;) {
    aod_core_close(script->loaded[k].core);
    aod_code_close(script->loaded[k].code);
  }
  json_decref(json);
  free(script);
}

/* Compile ahead on two threads what the scripts will run: `first`, and then every other. */
typedef struct {
  const char *suite, *cache;
  char (*names)[64];
  int count, first;
} ahead_t;

static void *compile_ahead(void *context) {
  const ahead_t *ahead = context;
  int turn = 0;
  for (int i = 0; i < ahead->count; i++) {
    json_t *json = read_script(ahead->suite, ahead->names[i]), *command;
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%s/%s", ahead->suite, ahead->names[i]);
    size_t k;
    json_array_foreach(json_object_get(json, "commands"), k, command) {
      const char *type = text_of(command, "type");
      aod_code_t *code;
      if (strcmp(type, "module") && strcmp(type, "assert_uninstantiable")) continue;
      if (turn++ % 2 != ahead->first) continue;
      if (!load_code(folder, ahead->cache, text_of(command, "filename"), &code, NULL))
        aod_code_close(code);
    }
    json_decref(json);
  }
  return NULL;
}

static int by_text(const void *a, const void *b) {
  return strcmp(a, b);
}

static int list_scripts(const char *suite, char (*names)[64], int max) {
  DIR *folder = opendir(suite);
  int count = 0;
  const char *only = getenv("AOD_SPEC_ONLY");
  assert_non_null(folder);
  for (struct dirent *file; (file = readdir(folder));) {
    if (file->d_name[0] == '.' || (only && strcmp(only, file->d_name))) continue;
    assert_true(count < max);
    snprintf(names[count++], sizeof names[0], "%.63s", file->d_name);
  }
  closedir(folder);
  qsort(names, (size_t)count, sizeof names[0], by_text);
  return count;
}

static bool unpack(const char *to) {
  const char *shared = getenv("AOD_SHARED");
  char archive[PATH_BYTES], command[3 * PATH_BYTES];
  snprintf(archive, sizeof archive, "%s/vectors/wasm-spec/wasm-spec-core.tar.zst",
           shared ? shared : AOD_SOURCE_DIR "/../shared");
  if (access(archive, R_OK)) return false;
  snprintf(command, sizeof command, "tar --zstd -xf '%s' -C '%s'", archive, to);
  return system(command) == 0;
}

static void report(void) {
  int failed = 0;
  for (int i = 0; i < KIND_COUNT; i++) {
    printf("%-22s %5d passed %5d failed %5d skipped\n", kind_names[i], kinds[i].passed,
           kinds[i].failed, kinds[i].skipped);
    failed += kinds[i].failed;
  }
  assert_int_equal(failed, 0);
}

static void run_suite(const char *temporary) {
  static char names[100][64];
  char suite[PATH_BYTES], cache[PATH_BYTES];
  snprintf(suite, sizeof suite, "%s/wasm-spec-core", temporary);
  const char *kept = getenv("AOD_SPEC_CACHE");
  snprintf(cache, sizeof cache, "%s%s", kept ? kept : temporary, kept ? "" : "/cache");
  int count = list_scripts(suite, names, 100);

  pthread_t thread;
  ahead_t mine = {suite, cache, names, count, 0}, other = {suite, cache, names, count, 1};
  assert_int_equal(pthread_create(&thread, NULL, compile_ahead, &other), 0);
  compile_ahead(&mine);
  pthread_join(thread, NULL);

  aod_code_t *code;
  aod_core_t *spectest;
  aod_error_t err;
  aod_code_options_t options = code_options(cache);
  aod_slice_t wasm = aod_slice(spectest_wasm, sizeof spectest_wasm - 1);
  int rc = aod_code_load(wasm, "spectest", &options, &code, &err);
  if (rc) fail_msg("%s", err.message);
  assert_int_equal(aod_core_open(&spectest, code, NULL, NULL, &err), 0);
  for (int i = 0; i < count; i++) run_script(suite, cache, names[i], spectest);
  aod_core_close(spectest);
  aod_code_close(code);
}

static void core_suite(void **state) {
  (void)state;
  char temporary[] = "/tmp/aod-wasm-spec-XXXXXX";
  assert_non_null(mkdtemp(temporary));
  bool there = unpack(temporary);
  if (there) run_suite(temporary);
  aod_dir_remove(temporary, NULL);
  if (!there) {
    printf("the WebAssembly test suite is not here: 0 of 27,900 commands run\n");
    skip();
  }
  report();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(core_suite)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
