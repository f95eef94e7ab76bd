/* Metering: the recorded constants of wasm-host.md E.2, every index that must move, what is
 * refused, and the totals that a message is told. */
#include "support/wasm.h"

#include <stdio.h>

#include "vm/meter.h"
#include "vm/validate.h"
#include "vm/vm.h"

#define FORMAT_4M  "wasm32-unknown-emscripten-metering"
#define FORMAT_64M "wasm64-unknown-emscripten-draft_2024_10_16-metering"

/* ---- the transform ---- */

typedef struct {
  aod_buf_t plain, bytes;
  aod_wasm_module_t module; /* of bytes */
} metered_t;

static int meter(const char *text, aod_wasm_valtype_t gas_type, metered_t *metered,
                 aod_error_t *err) {
  aod_wasm_module_t plain;
  *metered = (metered_t){.plain = wasm_assemble(text)};
  assert_int_equal(aod_wasm_decode(aod_buf_slice(&metered->plain), &plain, NULL), AOD_OK);
  assert_int_equal(aod_wasm_validate(&plain, NULL), AOD_OK);
  int rc = aod__meter(&plain, gas_type, &metered->bytes, err);
  aod_wasm_module_free(&plain);
  return rc;
}

static metered_t meter_well(const char *text, aod_wasm_valtype_t gas_type) {
  metered_t metered;
  aod_error_t err;
  if (meter(text, gas_type, &metered, &err)) fail_msg("%s", err.message);
  if (aod_wasm_decode(aod_buf_slice(&metered.bytes), &metered.module, &err))
    fail_msg("%s", err.message);
  if (aod_wasm_validate(&metered.module, &err)) fail_msg("%s", err.message);
  return metered;
}

static void metered_free(metered_t *metered) {
  aod_wasm_module_free(&metered->module);
  aod_buf_free(&metered->bytes);
  aod_buf_free(&metered->plain);
}

typedef struct {
  uint32_t gas, count;
  uint64_t last, prices[16];
} prices_t;

static int collect_price(void *context, aod__checker_t *checker) {
  prices_t *prices = context;
  const aod__instruction_t *instruction = &checker->instruction;
  if (instruction->opcode == OP_CALL && instruction->index[0] == prices->gas)
    prices->prices[prices->count++] = prices->last;
  prices->last = instruction->bits[0];
  return 0;
}

static void expect_prices(const metered_t *metered, uint32_t function, const uint64_t *expected,
                          uint32_t count) {
  prices_t prices = {.gas = metered->module.imported_functions - 1};
  aod__checker_t checker = {0};
  assert_int_equal(aod__walk(&checker, &metered->module, function, collect_price, &prices, NULL),
                   0);
  aod__checker_free(&checker);
  assert_int_equal(prices.count, count);
  for (uint32_t i = 0; i < count; i++) assert_int_equal(prices.prices[i], expected[i]);
}

/* H50 */
static void test_recorded_body(void **state) {
  (void)state;
  static const uint64_t expected[] = {423, 92, 181, 36452};
  metered_t metered =
      meter_well("(module (func $f) (func $body (param i64) (result i64) (local i32)"
                 "  (local.set 1 (i32.const 1))"
                 "  (block $out (br_if $out (local.get 1)) (loop (call $f)))"
                 "  (drop (f64.sqrt (f64.convert_i64_s (i64.div_s (local.get 0) (i64.const 3)))))"
                 "  (i64.extend32_s (local.get 0))))",
                 AOD_WASM_I64);
  expect_prices(&metered, 2, expected, 4);
  metered_free(&metered);
}

static const char indices[] =
    "(module (import \"env\" \"abort\" (func $abort))"
    "  (import \"env\" \"g\" (global $g i32))"
    "  (memory 1) (table $t 3 3 funcref) (elem (i32.const 1) $abort $second)"
    "  (export \"memory\" (memory 0)) (export \"second\" (func $second))"
    "  (export \"abort\" (func $abort)) (start $first)"
    "  (func $first (call $abort) (call $second)) (func $second (nop)))";

static void test_indices(void **state) {
  (void)state;
  metered_t metered = meter_well(indices, AOD_WASM_I32);
  const aod_wasm_module_t *module = &metered.module;
  const aod_wasm_import_entry_t *last = &module->imports[module->import_count - 1];
  assert_true(aod_slice_is(last->module, "metering") && aod_slice_is(last->field, "usegas"));
  assert_int_equal(module->imported_functions, 2);
  const aod_wasm_type_t *type = aod_wasm_function_type(module, 1);
  assert_int_equal(type->param_count, 1);
  assert_int_equal(type->params[0], AOD_WASM_I32);
  assert_int_equal(type->result_count, 0);
  assert_int_equal(module->start, 2);
  assert_int_equal(aod_wasm_export_find(module, "second", AOD_WASM_FUNCTION)->index, 3);
  assert_int_equal(aod_wasm_export_find(module, "abort", AOD_WASM_FUNCTION)->index, 0);
  assert_int_equal(aod_wasm_export_find(module, "memory", AOD_WASM_MEMORY)->index, 0);
  assert_int_equal(module->elements[0].count, 2);
  assert_int_equal(module->elements[0].items[0].ops[0].index, 0);
  assert_int_equal(module->elements[0].items[1].ops[0].index, 3);
  static const uint64_t calls[] = {2 * 90 + 91}, nop[] = {1 + 91};
  expect_prices(&metered, 2, calls, 1);
  expect_prices(&metered, 3, nop, 1);
  metered_free(&metered);
}

static void test_without_imports_and_types(void **state) {
  (void)state;
  metered_t metered = meter_well("(module (memory 1))", AOD_WASM_I64);
  assert_int_equal(metered.module.imported_functions, 1);
  metered_free(&metered);
}

static void expect_refused(const char *text, const char *reason) {
  metered_t metered;
  aod_error_t err;
  assert_int_equal(meter(text, AOD_WASM_I64, &metered, &err), AOD_EUNSUPPORTED);
  if (!strstr(err.message, reason)) fail_msg("%s instead of %s", err.message, reason);
  aod_buf_free(&metered.bytes);
  aod_buf_free(&metered.plain);
}

static void test_refused(void **state) {
  (void)state;
  expect_refused("(module (import \"metering\" \"usegas\" (func (param i64))))",
                 "importing metering function is not allowed");
  expect_refused("(module (func (drop (i8x16.splat (i32.const 1)))))", "i8x16.splat");
  expect_refused("(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0)"
                 " (i32.const 0))))",
                 "memory.fill");
}

/* ---- messages ---- */

/* The smallest module that the reference runs. A message that begins with l never ends. P stands
 * for the type of pointers. */
static const char smallest[] =
    "(module (memory 2 16) (export \"memory\" (memory 0))"
    "(table $table 1 1 funcref) (export \"__indirect_function_table\" (table $table))"
    "(global $sp (mut P) (P.const 65536))"
    "(data (P.const 1024) \"{}\")"
    "(func (export \"__wasm_call_ctors\")) (func (export \"emscripten_stack_init\"))"
    "(func (export \"emscripten_stack_get_end\") (result P) (P.const 4096))"
    "(func (export \"emscripten_stack_get_current\") (result P) (global.get $sp))"
    "(func (export \"_emscripten_stack_restore\") (param P) (global.set $sp (local.get 0)))"
    "(func (export \"_emscripten_stack_alloc\") (param P) (result P)"
    "  (global.set $sp (P.and (P.sub (global.get $sp) (local.get 0)) (P.const -16)))"
    "  (global.get $sp))";
static const char plain_handle[] =
    "(func (export \"handle\") (param P P) (result P) (P.const 1024)))";
static const char endless_handle[] = "(func (export \"handle\") (param P P) (result P)"
                                     "  (loop $again (br $again)) (P.const 1024)))";

static aod_vm_t *vm;

static aod_buf_t with_pointers(const char *text, bool wide) {
  aod_buf_t out = {0};
  for (; *text; text++) {
    bool pointer = *text == 'P' && (text[1] == '.' || text[1] == ')' || text[1] == ' ');
    if (wide && strncmp(text, "(memory 2", 9) == 0) aod_buf_text(&out, "(memory i64 2"), text += 9;
    if (pointer)
      aod_buf_text(&out, wide ? "i64" : "i32");
    else
      aod_buf_byte(&out, (uint8_t)*text);
  }
  return out;
}

static aod_buf_t assemble(const char *handle, bool wide) {
  aod_buf_t start = with_pointers(smallest, wide), end = with_pointers(handle, wide);
  aod_buf_append(&start, aod_buf_slice(&end));
  aod_buf_terminate(&start);
  aod_buf_t wasm = wasm_assemble((const char *)start.ptr);
  aod_buf_free(&start);
  aod_buf_free(&end);
  return wasm;
}

static aod_module_t *load(const char *handle, bool wide) {
  aod_buf_t wasm = assemble(handle, wide);
  aod_module_t *module;
  aod_error_t err;
  if (aod_module_load(vm, aod_buf_slice(&wasm), aod_text(wide ? FORMAT_64M : FORMAT_4M), "test",
                      &module, &err))
    fail_msg("%s", err.message);
  aod_buf_free(&wasm);
  return module;
}

/* The gas of one message, or -1 when it runs out. */
static double gas_of(aod_module_t *module, uint64_t limit) {
  aod_instance_options_t options = {.compute_limit = limit};
  aod_instance_t *instance;
  aod_evaluation_t evaluation;
  assert_int_equal(aod_instance_open(module, &options, &instance, NULL), AOD_OK);
  assert_int_equal(
      aod_instance_evaluate(instance, AOD_TEXT("{}"), AOD_TEXT("{}"), &evaluation, NULL), AOD_OK);
  if (evaluation.failed) assert_true(aod_slice_is(aod_buf_slice(&evaluation.text), "out of gas!"));
  double gas = evaluation.failed ? -1 : evaluation.gas_used;
  aod_evaluation_free(&evaluation);
  aod_instance_rollback(instance);
  aod_instance_close(instance);
  return gas;
}

/* H53 */
static void test_message(void **state) {
  (void)state;
  for (int wide = 0; wide < 2; wide++) {
    aod_module_t *module = load(plain_handle, wide);
    assert_true(gas_of(module, 9000000000000) == 1958);
    assert_true(gas_of(module, 0) == 1958);
    assert_true(gas_of(module, 1958) == 1958); /* the limit itself may be used */
    assert_true(gas_of(module, 1957) == -1);
    aod_module_release(module);
  }
}

static void test_endless(void **state) {
  (void)state;
  aod_module_t *module = load(endless_handle, true);
  assert_true(gas_of(module, 100000000) == -1);
  aod_module_release(module);
}

/* ---- the machine ---- */

static char cache[] = "/tmp/aod-meter-XXXXXX";

static int open_vm(void **state) {
  (void)state;
  aod_vm_options_t options = {.cache_dir = mkdtemp(cache)};
  return aod_vm_open(&vm, &options, NULL);
}

static int close_vm(void **state) {
  (void)state;
  aod_vm_close(vm);
  return aod_dir_remove(cache, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_recorded_body),
      cmocka_unit_test(test_indices),
      cmocka_unit_test(test_without_imports_and_types),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_message),
      cmocka_unit_test(test_endless),
  };
  return cmocka_run_group_tests(tests, open_vm, close_vm);
}
