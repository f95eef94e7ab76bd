/* Every SIMD operation against Node: test/vectors/wasm-simd holds a module with one function an
 * operation, inputs, and the 16 bytes that each function left for each input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "vm/core.h"

enum { INPUT_BYTES = 64, RESULT_BYTES = 16, MAX_INPUTS = 64, MAX_VECTORS = 1 << 22 };

typedef struct {
  aod_buf_t file, wasm;
  json_t *head;
  uint8_t inputs[MAX_INPUTS][INPUT_BYTES];
  size_t input_count;
} vectors_t;

static void from_hex(const char *hex, uint8_t *bytes, size_t len) {
  assert_int_equal(strlen(hex), 2 * len);
  for (size_t i = 0; i < len; i++) {
    unsigned value;
    assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
    bytes[i] = (uint8_t)value;
  }
}

static json_t *next_line(aod_slice_t *rest) {
  aod_slice_t line = aod_slice_cut(rest, '\n');
  return line.len ? json_loadb((const char *)line.ptr, line.len, 0, NULL) : NULL;
}

static void open_vectors(vectors_t *vectors, aod_slice_t *rest) {
  aod_error_t err;
  const char *path = AOD_SOURCE_DIR "/test/vectors/wasm-simd/node.jsonl";
  if (aod_file_read(path, MAX_VECTORS, &vectors->file, &err)) fail_msg("%s", err.message);
  *rest = aod_buf_slice(&vectors->file);
  vectors->head = next_line(rest);
  const char *module = json_string_value(json_object_get(vectors->head, "module"));
  aod_buf_reserve(&vectors->wasm, strlen(module) / 2);
  vectors->wasm.len = strlen(module) / 2;
  from_hex(module, vectors->wasm.ptr, vectors->wasm.len);
  json_t *inputs = json_object_get(vectors->head, "inputs"), *input;
  size_t i;
  json_array_foreach(inputs, i, input) {
    assert_true(vectors->input_count < MAX_INPUTS);
    from_hex(json_string_value(input), vectors->inputs[vectors->input_count++], INPUT_BYTES);
  }
}

static void close_vectors(vectors_t *vectors) {
  json_decref(vectors->head);
  aod_buf_free(&vectors->file);
  aod_buf_free(&vectors->wasm);
}

/* Returns how many results of the line differ. */
static int check_operation(const vectors_t *vectors, aod_core_t *core, uint32_t function,
                           json_t *line) {
  json_t *results = json_object_get(line, "results");
  assert_int_equal(json_array_size(results), vectors->input_count);
  int wrong = 0;
  for (size_t i = 0; i < vectors->input_count; i++) {
    uint8_t expected[RESULT_BYTES], *memory = core->wasm.memory;
    uint64_t slots[1];
    from_hex(json_string_value(json_array_get(results, i)), expected, RESULT_BYTES);
    memset(memory, 0, INPUT_BYTES + 2 * RESULT_BYTES);
    memcpy(memory, vectors->inputs[i], INPUT_BYTES);
    assert_int_equal(aod_core_call(core, function, slots), AOD_TRAP_NONE);
    wrong += memcmp(memory + INPUT_BYTES, expected, RESULT_BYTES) != 0;
  }
  if (wrong)
    fprintf(stderr, "%s: %d of %zu differ\n", json_string_value(json_object_get(line, "name")),
            wrong, vectors->input_count);
  return wrong;
}

static void run(aod_tier_t tier) {
  vectors_t vectors = {0};
  aod_slice_t rest;
  open_vectors(&vectors, &rest);
  char cache[] = "/tmp/aod-simd-XXXXXX";
  assert_non_null(mkdtemp(cache));
  aod_code_options_t options = {
      .cache_dir = cache, .compiler = getenv("AOD_SPEC_COMPILER"), .tier = tier};
  aod_code_t *code;
  aod_core_t *core;
  aod_error_t err;
  if (aod_code_load(aod_buf_slice(&vectors.wasm), "simd", &options, &code, &err))
    fail_msg("%s", err.message);
  if (aod_core_open(&core, code, NULL, NULL, &err)) fail_msg("%s", err.message);
  uint32_t function = 0;
  int wrong = 0;
  for (json_t *line; (line = next_line(&rest)); json_decref(line))
    wrong += check_operation(&vectors, core, function++, line);
  assert_int_equal(function, code->module.function_count);
  assert_int_equal(wrong, 0);
  aod_core_close(core);
  aod_code_close(code);
  aod_dir_remove(cache, NULL);
  close_vectors(&vectors);
}

static void first_tier(void **state) {
  (void)state;
  run(AOD_TIER_FIRST);
}

static void optimised_tier(void **state) {
  (void)state;
  run(AOD_TIER_OPTIMISED);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(first_tier),
                                     cmocka_unit_test(optimised_tier)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
