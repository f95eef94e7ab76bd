/* The pipeline as its users see it: what is compiled, what comes from the cache, what happens to a
 * cache that was damaged, and what folding leaves of a module. */
#include "support/wasm.h"
#include "vm/cache.h"
#include "vm/compile.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

static const char module_text[] = "(module (memory (export \"memory\") 1 2)"
                                  " (func (export \"seven\") (result i32) (i32.const 7)))";

typedef struct {
  char first[40], second[40];
  int begun, done;
  aod_code_options_t options;
  aod_buf_t wasm;
} fixture_t;

static void count_compile(void *context, const aod_compile_event_t *event) {
  fixture_t *fixture = context;
  assert_string_equal(event->name, "seven");
  assert_true(event->ms >= 0);
  fixture->begun += !event->done;
  fixture->done += event->done;
}

static int setup(void **state) {
  fixture_t *fixture = aod_alloc(sizeof *fixture);
  strcpy(fixture->first, "/tmp/aod-code-XXXXXX");
  strcpy(fixture->second, "/tmp/aod-code-XXXXXX");
  if (!mkdtemp(fixture->first) || !mkdtemp(fixture->second)) return -1;
  fixture->wasm = wasm_assemble(module_text);
  fixture->options = (aod_code_options_t){.cache_dir = fixture->first,
                                          .tier = AOD_TIER_FIRST,
                                          .on_compile = count_compile,
                                          .context = fixture};
  *state = fixture;
  return 0;
}

static int teardown(void **state) {
  fixture_t *fixture = *state;
  aod_dir_remove(fixture->first, NULL);
  aod_dir_remove(fixture->second, NULL);
  aod_buf_free(&fixture->wasm);
  free(fixture);
  return 0;
}

/* Load, call the function, close. Returns the code of loading. */
static int load(fixture_t *fixture, aod_error_t *err) {
  aod_code_t *code;
  int rc = aod_code_load(aod_buf_slice(&fixture->wasm), "seven", &fixture->options, &code, err);
  if (rc) return rc;
  aod_core_t *core;
  uint64_t slots[1];
  assert_int_equal(aod_core_open(&core, code, NULL, NULL, err), 0);
  assert_int_equal(aod_core_call(core, 0, slots), AOD_TRAP_NONE);
  assert_int_equal(slots[0], 7);
  aod_core_close(core);
  aod_code_close(code);
  return 0;
}

/* The names in the directory; at most one, which is written to `path`. */
static int entries(const char *directory, char path[400]) {
  DIR *folder = opendir(directory);
  int count = 0;
  assert_non_null(folder);
  for (struct dirent *file; (file = readdir(folder));) {
    if (file->d_name[0] == '.') continue;
    snprintf(path, 400, "%s/%s", directory, file->d_name);
    count++;
  }
  closedir(folder);
  return count;
}

static void test_compiled_once(void **state) {
  fixture_t *fixture = *state;
  aod_error_t err;
  char path[400];
  for (int i = 0; i < 3; i++) assert_int_equal(load(fixture, &err), 0);
  assert_int_equal(fixture->begun, 1);
  assert_int_equal(fixture->done, 1);
  assert_int_equal(entries(fixture->first, path), 1); /* nothing temporary is left */
  fixture->options.tier = AOD_TIER_OPTIMISED;
  assert_int_equal(load(fixture, &err), 0);
  assert_int_equal(fixture->begun, 2);
}

static void test_relative_directory(void **state) {
  fixture_t *fixture = *state;
  aod_error_t err;
  char before[400], path[400];
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(fixture->first), 0);
  fixture->options.cache_dir = "made/on/the/way";
  int rc = load(fixture, &err);
  assert_int_equal(entries("made/on/the/way", path), 1);
  assert_int_equal(chdir(before), 0);
  assert_int_equal(rc, 0);
}

/* Change the one entry: cut it, or flip the byte at the given share of its length. */
static void damage(fixture_t *fixture, bool cut, int percent) {
  char path[400];
  struct stat status;
  assert_int_equal(entries(fixture->first, path), 1);
  assert_int_equal(stat(path, &status), 0);
  long at = (long)((status.st_size - 1) * percent / 100);
  if (cut) {
    assert_int_equal(truncate(path, at), 0);
    return;
  }
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  fseek(file, at, SEEK_SET);
  int byte = fgetc(file);
  fseek(file, at, SEEK_SET);
  fputc(byte ^ 0x40, file);
  assert_int_equal(fclose(file), 0);
}

static void test_damaged_entry_is_rebuilt(void **state) {
  fixture_t *fixture = *state;
  aod_error_t err;
  assert_int_equal(load(fixture, &err), 0);
  int compiled = 1;
  for (int percent = 0; percent <= 100; percent += 20)
    for (int cut = 0; cut <= 1; cut++) {
      damage(fixture, cut, percent);
      assert_int_equal(load(fixture, &err), 0);
      assert_int_equal(fixture->begun, ++compiled);
    }
}

/* ---- the other tier ---- */

static aod_code_t *load_first_tier(fixture_t *fixture) {
  aod_code_t *code;
  fixture->options.elsewhere = true;
  assert_int_equal(
      aod_code_load(aod_buf_slice(&fixture->wasm), "seven", &fixture->options, &code, NULL), 0);
  fixture->options.tier = AOD_TIER_OPTIMISED;
  return code;
}

/* An entry for the other tier as a program would leave it that folds otherwise. */
static void store_folded_otherwise(const fixture_t *fixture, const aod_code_t *code) {
  aod__entry_t entry;
  aod_buf_t compiler = {0}, other = wasm_assemble("(module)");
  char built[60];
  snprintf(built, sizeof built, "%s/built", fixture->second);
  assert_int_equal(aod__compiler_find(NULL, &compiler, NULL), 0);
  aod__entry_name(&entry, code->wasm_sha256, &fixture->options, (const char *)compiler.ptr);
  assert_int_equal(aod_file_write(built, AOD_TEXT("object"), 0600, NULL), 0);
  assert_int_equal(aod__entry_store(&entry, fixture->first, built, aod_buf_slice(&other), NULL), 0);
  aod_buf_free(&compiler);
  aod_buf_free(&other);
}

static void test_other_tier_is_of_the_same_folded_module(void **state) {
  fixture_t *fixture = *state;
  aod_code_t *first = load_first_tier(fixture), *other;
  aod_error_t err;
  store_folded_otherwise(fixture, first);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(aod_code_load_tier(first, "seven", &fixture->options, &other, &err), 0);
    assert_int_equal(fixture->done, 2); /* made anew, and then found */
    assert_true(aod_slice_equal(aod_buf_slice(&other->bytes), aod_buf_slice(&first->bytes)));
    aod_code_close(other);
  }
  aod_code_close(first);
}

static void test_other_tier_where_files_cannot_be_locked(void **state) {
  fixture_t *fixture = *state;
  aod_code_t *first = load_first_tier(fixture), *other;
  aod_error_t err;
  assert_int_equal(aod_code_load_tier(first, "seven", &fixture->options, &other, &err), 0);
  aod_code_close(other);
  aod_code_t unlocked = *first;
  unlocked.fd = open(fixture->first, O_PATH | O_CLOEXEC);
  assert_true(unlocked.fd >= 0);
  fixture->options.background = true;
  fixture->options.stop = eventfd(1, EFD_CLOEXEC);
  int rc = aod_code_load_tier(&unlocked, "seven", &fixture->options, &other, &err);
  assert_int_equal(rc, 0);
  aod_code_close(other);
  aod_code_close(first);
  close(unlocked.fd);
  close(fixture->options.stop);
}

/* ---- two caches ---- */

static void test_shared_cache(void **state) {
  fixture_t *fixture = *state;
  aod_error_t err;
  char path[400];
  fixture->options.compiler = "cc"; /* another compiler's work will do */
  assert_int_equal(load(fixture, &err), 0);
  fixture->options.compiler = NULL;
  fixture->options.shared_cache_dir = fixture->first;
  fixture->options.cache_dir = fixture->second;
  assert_int_equal(load(fixture, &err), 0);
  assert_int_equal(fixture->begun, 1);
  assert_int_equal(entries(fixture->second, path), 0);

  damage(fixture, true, 50); /* a broken shared entry is as good as none */
  assert_int_equal(load(fixture, &err), 0);
  assert_int_equal(fixture->begun, 2);
  assert_int_equal(entries(fixture->second, path), 1);
}

static void test_compiler_that_fails(void **state) {
  fixture_t *fixture = *state;
  aod_error_t err = {0};
  char path[400];
  fixture->options.compiler = "/bin/false";
  assert_int_equal(load(fixture, &err), AOD_ECOMPILE);
  assert_non_null(strstr(err.message, "/bin/false"));
  assert_int_equal(entries(fixture->first, path), 0);
  fixture->options.compiler = "no-such-compiler";
  assert_int_equal(load(fixture, &err), AOD_ECOMPILE);
  assert_non_null(strstr(err.message, "no-such-compiler"));
}

static void test_cache_that_cannot_be_written(void **state) {
  fixture_t *fixture = *state;
  aod_error_t err = {0};
  fixture->options.cache_dir = "/dev/null/cache";
  assert_int_equal(load(fixture, &err), AOD_EIO);
}

static void *load_in_thread(void *context) {
  fixture_t *fixture = context;
  aod_code_options_t options = fixture->options;
  options.on_compile = NULL;
  aod_code_t *code = NULL;
  aod_code_load(aod_buf_slice(&fixture->wasm), "seven", &options, &code, NULL);
  return code;
}

static void test_at_the_same_time(void **state) {
  fixture_t *fixture = *state;
  pthread_t threads[3];
  char path[400];
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, load_in_thread, fixture), 0);
  for (int i = 0; i < 3; i++) {
    void *code;
    pthread_join(threads[i], &code);
    assert_non_null(code);
    aod_code_close(code);
  }
  assert_int_equal(entries(fixture->first, path), 1);
}

/* ---- folding ---- */

/* As Asyncify leaves a function: a call may be unwinding, and a rewind jumps over what was done. */
static const char asyncify_text[] =
    "(module"
    " (import \"env\" \"b\" (func $b)) (import \"env\" \"a\" (func $a (param i32) (result i32)))"
    " (memory (export \"memory\") 1 1) (table (export \"table\") 1 1 funcref) (elem (i32.const 0) "
    "$run)"
    " (global $state (mut i32) (i32.const 0)) (global $data (mut i32) (i32.const 0))"
    " (func $run (export \"run\") (result i32) (local i32)"
    "  (if (i32.eq (global.get $state) (i32.const 2))"
    "   (then (i32.store (global.get $data) (i32.sub (i32.load (global.get $data)) (i32.const 4)))"
    "         (local.set 0 (i32.load (i32.load (global.get $data))))))"
    "  (if (i32.or (i32.eqz (global.get $state)) (i32.eqz (local.get 0)))"
    "   (then (local.set 0 (call $a (i32.const 3)))"
    "    (if (i32.eq (global.get $state) (i32.const 1)) (then (return (i32.const 0))))))"
    "  (local.get 0))"
    " (func (export \"asyncify_start_unwind\") (param i32)"
    "  (global.set $state (i32.const 1)) (global.set $data (local.get 0)))"
    " (func (export \"asyncify_get_state\") (result i32) (global.get $state))"
    " (func (export \"malloc\") (param i32) (result i32) (call $b) (local.get 0)))";

static bool has_export(const aod_wasm_module_t *module, const char *name, aod_wasm_kind_t kind) {
  return aod_wasm_export_find(module, name, kind);
}

static void test_asyncify_is_folded(void **state) {
  fixture_t *fixture = *state;
  aod_error_t err;
  aod_code_t *code;
  fixture->options.on_compile = NULL;
  aod_buf_t wasm = wasm_assemble(asyncify_text);
  if (aod_code_load(aod_buf_slice(&wasm), "async", &fixture->options, &code, &err))
    fail_msg("%s", err.message);
  const aod_wasm_module_t *module = &code->module;
  assert_true(code->bytes.len < wasm.len * 3 / 4);
  assert_false(has_export(module, "asyncify_start_unwind", AOD_WASM_FUNCTION));
  assert_false(has_export(module, "asyncify_get_state", AOD_WASM_FUNCTION));
  assert_true(has_export(module, "run", AOD_WASM_FUNCTION));
  assert_true(has_export(module, "malloc", AOD_WASM_FUNCTION));
  assert_true(has_export(module, "memory", AOD_WASM_MEMORY));
  assert_true(has_export(module, "table", AOD_WASM_TABLE));
  assert_int_equal(module->import_count, 2);
  assert_true(aod_slice_is(module->imports[0].field, "b"));
  assert_true(aod_slice_is(module->imports[1].field, "a"));
  assert_int_equal(module->global_count, 0);
  aod_code_close(code);
  aod_buf_free(&wasm);
}

/* Without these exports a module stays as it is, byte for byte. */
static void test_others_are_not_touched(void **state) {
  fixture_t *fixture = *state;
  aod_error_t err;
  aod_code_t *code;
  assert_int_equal(
      aod_code_load(aod_buf_slice(&fixture->wasm), "seven", &fixture->options, &code, &err), 0);
  assert_true(aod_slice_equal(aod_buf_slice(&code->bytes), aod_buf_slice(&fixture->wasm)));
  aod_code_close(code);
}

/* Where folding would compute with NaNs, whose bits it knows otherwise, the module runs as it is.
 */
static void test_folding_makes_no_nan(void **state) {
  (void)state;
  wasm_t wasm = wasm_open("(module (export \"asyncify_get_state\" (func $nan))"
                          " (func $nan (export \"nan\") (result i32)"
                          "  (i32.reinterpret_f32 (f32.div (f32.const 0) (f32.const 0))))"
                          " (func (export \"same\") (param i32) (result i32)"
                          "  (i32.reinterpret_f32 (f32.mul (f32.const 1)"
                          "   (f32.reinterpret_i32 (local.get 0))))))",
                          AOD_TIER_FIRST, NULL);
  uint64_t result;
  assert_int_equal(wasm_call(&wasm, "nan", 0, 0, &result), AOD_TRAP_NONE);
  assert_int_equal(result, 0xffc00000);
  assert_int_equal(wasm_call(&wasm, "same", 0x7fa00001, 0, &result), AOD_TRAP_NONE);
  assert_int_equal(result, 0xffc00000);
  wasm_close(&wasm);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_compiled_once),
      TEST(test_damaged_entry_is_rebuilt),
      TEST(test_other_tier_is_of_the_same_folded_module),
      TEST(test_other_tier_where_files_cannot_be_locked),
      TEST(test_shared_cache),
      TEST(test_relative_directory),
      TEST(test_compiler_that_fails),
      TEST(test_at_the_same_time),
      TEST(test_cache_that_cannot_be_written),
      TEST(test_asyncify_is_folded),
      TEST(test_others_are_not_touched),
      cmocka_unit_test(test_folding_makes_no_nan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
