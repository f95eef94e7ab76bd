/* Loading and evaluating small modules written here: each format's preparation, what a message may
 * do, and that nothing of a message that failed remains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <binaryen-c.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/suitcase.h"
#include "vm/vm.h"

#define FORMAT_1  "wasm32-unknown-emscripten"
#define FORMAT_2  "wasm32-unknown-emscripten2"
#define FORMAT_3  "wasm32-unknown-emscripten3"
#define FORMAT_4  "wasm32-unknown-emscripten4"
#define FORMAT_64 "wasm64-unknown-emscripten-draft_2024_02_15"

#define STACK_TOP     65536
#define COMPUTE_LIMIT 100000000

/* ---- the module: a message's first byte says what to do ---- */

/* P stands for the pointer type. Counters live in memory at 2000 and in a global; replies are
 * digits at 2048; setThrew notes its call at 3000, main at 5000 to 5012, the constructors at 5016
 * to 5024. */
static const char body[] =
    "(memory $memory MEMORY 2 16) (export \"memory\" (memory $memory))"
    "(table $table 4 4 funcref) (elem (i32.const 1) $jumper $fine)"
    "(global $sp (mut P) (P.const 65536))"
    "(global $count (mut i32) (i32.const 0))"
    "(data (P.const 1024) \"hi\\n\")"
    "(data (P.const 5020) \"\\ff\\ff\\ff\\ff\")"
    "(func $none)"
    "(func $increment (param $at P)"
    "  (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1))))"
    "(func $ctors (call $increment (P.const 5016))"
    "  (drop (call $sizes (P.const 5020) (P.const 5032))))"
    "(func $get (result P) (global.get $sp))"
    "(func $set (param P) (global.set $sp (local.get 0)))"
    "(func $alloc (param P) (result P)"
    "  (global.set $sp (P.and (P.sub (global.get $sp) (local.get 0)) (P.const -16)))"
    "  (global.get $sp))"
    "(func $end (result P) (P.const 4096))"
    "(func $threw (param P i32) (P.store (P.const 3000) (local.get 0)))"
    "(func $main (param i32 P) (result i32)"
    "  (i32.store (P.const 5000) (local.get 0)) (P.store (P.const 5008) (local.get 1))"
    "  (call $increment (P.const 5004)) (i32.const 0))"
    "(func $jumper (param P P) (global.set $sp (P.const 40000)) (call $throw))"
    "(func $fine (param P P) (P.store (P.const 3000) (P.sub (local.get 0) (local.get 1))))"
    "(func $dyncall (param i32 P P)"
    "  (call_indirect (param P P) (local.get 1) (local.get 2) (local.get 0)))"
    "(func $recurse (param i32) (result i32)"
    "  (i32.add (i32.const 1) (call $recurse (i32.add (local.get 0) (i32.const 1)))))"
    "(func $digit (param $at P) (param $value i32)"
    "  (i32.store (local.get $at) (i32.add (local.get $value) (i32.const 48))))"
    "(func $count_up"
    "  (i32.store8 (P.const 2000) (i32.add (i32.load8_u (P.const 2000)) (i32.const 1)))"
    "  (global.set $count (i32.add (global.get $count) (i32.const 1))))"
    "(func $say"
    "  (P.store (P.const 6000) (P.const 1024)) (P.store (P.const POINTER) (P.const 3))"
    "  (drop (call $write (i32.const 1) (P.const 6000) (P.const 1) (P.const 6100))))"
    "(func $loop (loop $again (br $again)))"
    "(func $jumps (local $count i32) (loop $again"
    "  (call $invoke (P.const 1) (P.const 5) (P.const 2))"
    "  (br_if $again (i32.lt_s (local.tee $count (i32.add (local.get $count) (i32.const 1)))"
    "                          (i32.const 1000)))))"
    "(func $work (param $what i32)"
    "  (if (i32.eq (local.get $what) (i32.const 117)) (unreachable))" /* u */
    "  (if (i32.eq (local.get $what) (i32.const 111))"                /* o */
    "    (drop (i32.load (P.const 0x7fffffff))))"
    "  (if (i32.eq (local.get $what) (i32.const 119))" /* w */
    "    (i32.store (P.const 0x7fffffff) (i32.const 1)))"
    "  (if (i32.eq (local.get $what) (i32.const 100))" /* d */
    "    (drop (i32.div_s (i32.const 1) (i32.load (P.const 9000)))))"
    "  (if (i32.eq (local.get $what) (i32.const 101))" /* e */
    "    (drop (i32.rem_u (i32.const 1) (i32.load (P.const 9000)))))"
    "  (if (i32.eq (local.get $what) (i32.const 118))" /* v */
    "    (drop (i32.div_s (i32.const 0x80000000) (i32.sub (i32.load (P.const 9000)) (i32.const "
    "1)))))"
    "  (if (i32.eq (local.get $what) (i32.const 121))" /* y */
    "    (drop (i32.trunc_f64_s (f64.sub (f64.load (P.const 9000)) (f64.const 1e300)))))"
    "  (if (i32.eq (local.get $what) (i32.const 107)) (call $jumps))" /* k */
    "  (if (i32.eq (local.get $what) (i32.const 114))"                /* r */
    "    (drop (call $recurse (i32.const 0))))"
    "  (if (i32.eq (local.get $what) (i32.const 108)) (call $loop))"               /* l */
    "  (if (i32.eq (local.get $what) (i32.const 120)) (call $exit (i32.const 3)))" /* x */
    "  (if (i32.eq (local.get $what) (i32.const 97)) (call $abort))"               /* a */
    "  (if (i32.eq (local.get $what) (i32.const 110))"                             /* n */
    "    (call_indirect (i32.const 0)))"
    "  (if (i32.eq (local.get $what) (i32.const 109))" /* m */
    "    (call_indirect (i32.const 1)))"
    "  (if (i32.eq (local.get $what) (i32.const 105))" /* i */
    "    (call_indirect (i32.const 9)))"
    "  (if (i32.eq (local.get $what) (i32.const 116)) (call $throw))" /* t */
    "  (if (i32.eq (local.get $what) (i32.const 106))"                /* j */
    "    (call $invoke (P.const 1) (P.const 5) (P.const 2)))"
    "  (if (i32.eq (local.get $what) (i32.const 102))" /* f */
    "    (call $invoke (P.const 2) (P.const 5) (P.const 2)))"
    "  (if (i32.eq (local.get $what) (i32.const 103))" /* g */
    "    (drop (call $resize (P.const 200000))))"
    "  (if (i32.eq (local.get $what) (i32.const 112)) (call $say)))" /* p */
    "(func $handle (param $msg P) (param $env P) (result P)"
    "  (call $count_up)"
    "  (call $work (i32.load8_u (local.get $msg)))"
    "  (call $digit (P.const 2048) (i32.load8_u (P.const 2000)))"
    "  (call $digit (P.const 2049) (global.get $count))"
    "  (call $digit (P.const 2050) (i32.load (P.const 3000)))"
    "  (call $digit (P.const 2051) SIZE)"
    "  (call $digit (P.const 2052) (i32.sub (i32.trunc_f64_s (call $now)) (i32.const 10000)))"
    "  (i32.store8 (P.const 2053) (i32.const 0))"
    "  (P.const 2048)))";

static const char imports[] =
    "(module"
    "(import \"env\" \"exit\" (func $exit (param i32)))"
    "(import \"env\" \"_emscripten_throw_longjmp\" (func $throw))"
    "(import \"env\" \"emscripten_resize_heap\" (func $resize (param P) (result i32)))"
    "(import \"wasi_snapshot_preview1\" \"environ_sizes_get\""
    "  (func $sizes (param P P) (result i32)))"
    "(import \"wasi_snapshot_preview1\" \"fd_write\""
    "  (func $write (param i32 P P P) (result i32)))";

static const char imports_new[] =
    "(import \"env\" \"_abort_js\" (func $abort))"
    "(import \"env\" \"emscripten_date_now\" (func $now (result f64)))"
    "(import \"env\" \"INVOKE\" (func $invoke (param P P P)))";

static const char imports_old[] =
    "(import \"env\" \"abort\" (func $abort))"
    "(import \"env\" \"_emscripten_date_now\" (func $now (result f64)))"
    "(import \"env\" \"invoke_vii\" (func $invoke (param P P P)))";

static const char imports_minified[] =
    "(module"
    "(import \"a\" \"l\" (func $exit (param i32)))"
    "(import \"a\" \"p\" (func $throw))"
    "(import \"a\" \"q\" (func $resize (param P) (result i32)))"
    "(import \"a\" \"v\" (func $sizes (param P P) (result i32)))"
    "(import \"a\" \"f\" (func $write (param i32 P P P) (result i32)))"
    "(import \"a\" \"D\" (func $abort))"
    "(import \"a\" \"a\" (func $now (result f64)))"
    "(import \"a\" \"x\" (func $invoke (param P P P)))";

static const char exports_common[] =
    "(export \"handle\" (func $handle)) (export \"__wasm_call_ctors\" (func $ctors))"
    "(export \"setThrew\" (func $threw)) (export \"emscripten_stack_init\" (func $none))"
    "(export \"emscripten_stack_get_end\" (func $end))";

static const char exports_new[] =
    "(export \"emscripten_stack_get_current\" (func $get))"
    "(export \"_emscripten_stack_restore\" (func $set))"
    "(export \"_emscripten_stack_alloc\" (func $alloc)) (export \"DYNCALL\" (func $dyncall))";

static const char exports_old[] =
    "(export \"main\" (func $main)) (export \"stackSave\" (func $get))"
    "(export \"stackRestore\" (func $set)) (export \"stackAlloc\" (func $alloc))";

static const char exports_minified[] =
    "(export \"F\" (func $ctors)) (export \"G\" (func $handle)) (export \"H\" (func $main))"
    "(export \"L\" (func $threw)) (export \"M\" (func $get)) (export \"N\" (func $set))"
    "(export \"O\" (func $alloc))";

/* ---- text to binary ---- */

static void append_replaced(aod_buf_t *out, const char *text, bool wide) {
  const struct {
    const char *word, *narrow, *wide;
  } words[] = {{"MEMORY", "", "i64"},
               {"INVOKE", "invoke_vii", "invoke_vjj"},
               {"DYNCALL", "dynCall_vii", "dynCall_vjj"},
               {"POINTER", "6004", "6008"},
               {"SIZE", "(memory.size)", "(i32.wrap_i64 (memory.size))"},
               {"P", "i32", "i64"}};
  while (*text) {
    size_t i = 0;
    while (i < 6 && strncmp(text, words[i].word, strlen(words[i].word)) != 0) i++;
    if (i == 6)
      aod_buf_byte(out, (uint8_t)*text++);
    else {
      aod_buf_text(out, wide ? words[i].wide : words[i].narrow);
      text += strlen(words[i].word);
    }
  }
}

static aod_buf_t assemble(const char *const *parts, size_t count, bool wide) {
  aod_buf_t text = {0}, wasm = {0};
  for (size_t i = 0; i < count; i++) append_replaced(&text, parts[i], wide);
  aod_buf_terminate(&text);
  BinaryenModuleRef module = BinaryenModuleParse((const char *)text.ptr);
  BinaryenModuleSetFeatures(module, BinaryenFeatureAll());
  BinaryenModuleAllocateAndWriteResult result = BinaryenModuleAllocateAndWrite(module, NULL);
  aod_buf_append(&wasm, aod_slice(result.binary, result.binaryBytes));
  free(result.binary);
  free(result.sourceMap);
  BinaryenModuleDispose(module);
  aod_buf_free(&text);
  return wasm;
}

/* The module for a format. Exports come first in the text order of their functions' names only. */
static aod_buf_t module_for(const char *format) {
  bool wide = format[4] == '6', first = strcmp(format, FORMAT_1) == 0;
  bool old = strcmp(format, FORMAT_2) == 0 || strcmp(format, FORMAT_3) == 0;
  const char *parts[] = {first ? imports_minified : imports,
                         first ? ""
                         : old ? imports_old
                               : imports_new,
                         first ? exports_minified : exports_common,
                         first ? ""
                         : old ? exports_old
                               : exports_new,
                         body};
  return assemble(parts, 5, wide);
}

/* ---- running ---- */

static aod_vm_t *vm;
static _Atomic int compilations;

static aod_module_t *load(aod_slice_t wasm, const char *format) {
  aod_module_t *module;
  aod_error_t error;
  if (aod_module_load(vm, wasm, aod_text(format), "test", &module, &error))
    fail_msg("%s: %s", format, error.message);
  return module;
}

static aod_instance_t *open_instance(aod_module_t *module) {
  aod_instance_t *instance;
  aod_error_t error;
  aod_instance_options_t options = {.compute_limit = COMPUTE_LIMIT};
  if (aod_instance_open(module, &options, &instance, &error)) fail_msg("%s", error.message);
  return instance;
}

static aod_evaluation_t evaluate(aod_instance_t *instance, const char *msg) {
  aod_evaluation_t evaluation;
  assert_int_equal(
      aod_instance_evaluate(instance, aod_text(msg), AOD_TEXT("{}"), &evaluation, NULL), AOD_OK);
  return evaluation;
}

static void expect_text(const aod_evaluation_t *evaluation, const char *text) {
  if (!aod_slice_is(aod_buf_slice(&evaluation->text), text))
    fail_msg("got \"%.*s\", expected \"%s\"", AOD_ARG(aod_buf_slice(&evaluation->text)), text);
}

/* Succeeds with this reply, and is kept. */
static void expect_reply(aod_instance_t *instance, const char *msg, const char *reply) {
  aod_evaluation_t evaluation = evaluate(instance, msg);
  expect_text(&evaluation, reply);
  assert_false(evaluation.failed);
  assert_int_equal(evaluation.exit_status, -1);
  aod_instance_commit(instance);
  aod_evaluation_free(&evaluation);
}

/* Fails for this reason, and leaves the state as it was. */
static void expect_failure(aod_instance_t *instance, const char *msg, const char *reason,
                           int exit_status) {
  uint8_t before[32], after[32];
  uint64_t bytes = aod_instance_memory_bytes(instance);
  aod_instance_memory_sha256(instance, before);
  aod_evaluation_t evaluation = evaluate(instance, msg);
  expect_text(&evaluation, reason);
  assert_true(evaluation.failed);
  assert_int_equal(evaluation.exit_status, exit_status);
  aod_instance_rollback(instance);
  aod_instance_memory_sha256(instance, after);
  assert_memory_equal(before, after, 32);
  assert_int_equal(aod_instance_memory_bytes(instance), bytes);
  aod_evaluation_free(&evaluation);
}

static uint32_t memory_u32(const aod_instance_t *instance, uint64_t at) {
  uint8_t bytes[4];
  aod_instance_memory_read(instance, at, bytes, 4);
  return aod_load_le32(bytes);
}

static void expect_bytes_at(const aod_instance_t *instance, uint64_t at, const char *text) {
  char bytes[128];
  assert_true(strlen(text) < sizeof bytes);
  aod_instance_memory_read(instance, at, (uint8_t *)bytes, strlen(text) + 1);
  assert_string_equal(bytes, text);
}

/* ---- tests over all formats ---- */

static const char *const formats[] = {FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4, FORMAT_64};
#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

static bool is_old(const char *format) { /* main is called when a process is made */
  return strcmp(format, FORMAT_1) == 0 || strcmp(format, FORMAT_2) == 0 ||
         strcmp(format, FORMAT_3) == 0;
}

/* With the message's own clock as the last digit: 4 in the newer formats, always 0 in the old. */
static char *reply(const char *format, const char *digits) {
  static char text[16];
  bool old = strcmp(format, FORMAT_1) == 0 || strcmp(format, FORMAT_2) == 0;
  snprintf(text, sizeof text, "%s%s", digits, old ? " " : "4");
  return text;
}

/* H20, and H18: nothing of a message that failed remains. */
static void check_messages(aod_instance_t *instance, const char *format) {
  /* counters in memory and global, setThrew, pages, clock */
  expect_reply(instance, "c", reply(format, "1102"));
  expect_reply(instance, "c", reply(format, "2202"));
  expect_failure(instance, "u", "unreachable", -1);
  expect_failure(instance, "o", "memory access out of bounds", -1);
  expect_failure(instance, "w", "memory access out of bounds", -1);
  expect_failure(instance, "d", "divide by zero", -1);
  expect_failure(instance, "e", "remainder by zero", -1);
  expect_failure(instance, "v", "divide result unrepresentable", -1);
  expect_failure(instance, "y", "float unrepresentable in integer range", -1);
  expect_failure(instance, "r", "Maximum call stack size exceeded", -1);
  expect_failure(instance, "l", "the message needs more than its compute limit of 100000000", -1);
  expect_failure(instance, "x", "Program terminated with exit(3)", 3);
  expect_failure(instance, "n", "null function or function signature mismatch", -1);
  expect_failure(instance, "m", "null function or function signature mismatch", -1);
  expect_failure(instance, "i", "table index is out of bounds", -1);
  expect_failure(instance, "t", "longjmp without a setjmp to return to", -1);
  expect_failure(instance, "a",
                 strcmp(format, FORMAT_1) == 0
                     ? "Aborted(native code called abort()). Build with -sASSERTIONS for more info."
                     : "Aborted(native code called abort())",
                 -1);
  expect_reply(instance, "c", reply(format, "3302"));
  expect_reply(instance, "f", reply(format, "4432")); /* 5 - 2 */
  expect_reply(instance, "j", reply(format, "5512"));
  expect_reply(instance, "k", reply(format, "6612")); /* H48: a thousand jumps leave no depth */
  expect_failure(instance, "r", "Maximum call stack size exceeded", -1);
  expect_reply(instance, "c", reply(format, "7712"));
}

/* H5, H6: the constructors have run once and asked for the environment, main only in the formats
 * that want it; a message runs neither. */
static void check_beginning(const aod_instance_t *instance, const char *format) {
  bool has_environment = strcmp(format, FORMAT_1) == 0 || strcmp(format, FORMAT_2) == 0;
  assert_int_equal(memory_u32(instance, 5016), 1);
  assert_int_equal(memory_u32(instance, 5020), has_environment ? 7 : 0);
  assert_int_equal(memory_u32(instance, 5004), is_old(format) ? 1 : 0);
}

/* H4: what the glue writes before the constructors run. */
static void check_cookie(const aod_instance_t *instance, const char *format) {
  bool has_cookie = strcmp(format, FORMAT_1) != 0;
  assert_int_equal(memory_u32(instance, 0), has_cookie ? 1668509029 : 0);
  assert_int_equal(memory_u32(instance, 4096), has_cookie ? 34821223 : 0);
  assert_int_equal(memory_u32(instance, 4100), has_cookie ? 2310721022 : 0);
}

static void test_messages(void **state) {
  (void)state;
  for (size_t i = 0; i < FORMAT_COUNT; i++) {
    aod_buf_t wasm = module_for(formats[i]);
    aod_module_t *module = load(aod_buf_slice(&wasm), formats[i]);
    aod_instance_t *instance = open_instance(module), *other = open_instance(module);
    check_beginning(instance, formats[i]);
    check_cookie(instance, formats[i]);
    check_messages(instance, formats[i]);
    check_beginning(instance, formats[i]);
    expect_reply(other, "c", reply(formats[i], "1102")); /* processes share nothing */
    aod_instance_close(instance);
    aod_instance_close(other);
    aod_module_release(module);
    aod_buf_free(&wasm);
  }
}

/* ---- tests of one format ---- */

typedef struct {
  aod_buf_t wasm;
  aod_module_t *module;
  aod_instance_t *instance;
} opened_t;

static opened_t open_format(const char *format) {
  opened_t opened = {.wasm = module_for(format)};
  opened.module = load(aod_buf_slice(&opened.wasm), format);
  opened.instance = open_instance(opened.module);
  return opened;
}

static void close_opened(opened_t *opened) {
  aod_instance_close(opened->instance);
  aod_module_release(opened->module);
  aod_buf_free(&opened->wasm);
}

/* H10, H11: where a message's texts lie, after other messages too. */
static void test_pushed_strings(void **state) {
  (void)state;
  const char *const newer[] = {FORMAT_3, FORMAT_4, FORMAT_64};
  for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) {
    opened_t opened = open_format(newer[i]);
    expect_reply(opened.instance, "j", "11124");
    expect_reply(opened.instance, "c: \xc3\xa9", "22124");
    expect_bytes_at(opened.instance, STACK_TOP - 16, "c: \xc3\xa9");
    expect_bytes_at(opened.instance, STACK_TOP - 32, "{}");
    close_opened(&opened);
  }
}

/* H10: four bytes for a UTF-16 unit and one more, so 21 are rounded to 32. */
static void expect_pushed_old(opened_t *opened, uint64_t top) {
  expect_reply(opened->instance, "j", "1112 ");
  expect_reply(opened->instance, "c\xf0\x9f\x98\x80\xf0\x9f\x98\x80", "2212 ");
  expect_bytes_at(opened->instance, top - 32, "c\xf0\x9f\x98\x80\xf0\x9f\x98\x80");
  expect_bytes_at(opened->instance, top - 48, "{}");
}

static void test_pushed_strings_1(void **state) {
  (void)state;
  opened_t opened = open_format(FORMAT_1);
  expect_pushed_old(&opened, STACK_TOP);
  close_opened(&opened);
}

/* H7: the program's name is pushed before all messages, and stays. */
static void test_pushed_strings_2(void **state) {
  (void)state;
  opened_t opened = open_format(FORMAT_2);
  uint64_t top = memory_u32(opened.instance, 5008); /* argv: then the name, 4 * 46 + 1 bytes */
  assert_int_equal(memory_u32(opened.instance, 5000), 1);
  assert_int_equal(top, STACK_TOP - 16);
  uint32_t name = memory_u32(opened.instance, top);
  assert_int_equal(name, top - 192);
  expect_bytes_at(opened.instance, name, "/usr/app/src/effects/worker/evaluator/index.js");
  expect_pushed_old(&opened, name);
  close_opened(&opened);
}

static void test_growth(void **state) {
  (void)state;
  opened_t opened = open_format(FORMAT_64);
  /* max(200000, 131072 * 1.2) in whole pages */
  expect_reply(opened.instance, "g", "11044");
  assert_int_equal(aod_instance_memory_bytes(opened.instance), 4 * 65536);
  expect_failure(opened.instance, "g", "Aborted(Assertion failed)", -1);
  close_opened(&opened);
}

static void test_growth_undone(void **state) {
  (void)state;
  opened_t opened = open_format(FORMAT_64);
  aod_evaluation_t evaluation = evaluate(opened.instance, "g");
  expect_text(&evaluation, "11044");
  aod_instance_rollback(opened.instance);
  aod_evaluation_free(&evaluation);
  assert_int_equal(aod_instance_memory_bytes(opened.instance), 2 * 65536);
  expect_reply(opened.instance, "c", "11024");
  close_opened(&opened);
}

static void test_output(void **state) {
  (void)state;
  opened_t opened = open_format(FORMAT_64);
  aod_evaluation_t evaluation = evaluate(opened.instance, "p");
  assert_true(aod_slice_is(aod_buf_slice(&evaluation.output), "hi\n"));
  expect_text(&evaluation, "11025"); /* writing took a tick */
  aod_instance_rollback(opened.instance);
  aod_evaluation_free(&evaluation);
  close_opened(&opened);
}

/* H12: the pointer of a message that does not fit onto the stack lies outside of memory. */
static void test_message_beyond_stack(void **state) {
  (void)state;
  opened_t opened = open_format(FORMAT_64);
  char *msg = malloc(100001);
  memset(msg, 'c', 100000);
  msg[100000] = 0;
  expect_failure(opened.instance, msg, "memory access out of bounds", -1);
  expect_reply(opened.instance, "c", "11024");
  free(msg);
  close_opened(&opened);
}

static void test_memory_cap(void **state) {
  (void)state;
  aod_buf_t wasm = module_for(FORMAT_64);
  aod_module_t *module = load(aod_buf_slice(&wasm), FORMAT_64);
  aod_instance_t *instance;
  aod_error_t error;
  aod_instance_options_t options = {COMPUTE_LIMIT, .memory_cap_bytes = 65536};
  assert_int_equal(aod_instance_open(module, &options, &instance, &error), AOD_ELIMIT);
  options.memory_cap_bytes = 3 * 65536;
  assert_int_equal(aod_instance_open(module, &options, &instance, &error), AOD_OK);
  expect_reply(instance, "g", "11024"); /* the request fails, the module goes on */
  aod_instance_close(instance);
  aod_module_release(module);
  aod_buf_free(&wasm);
}

/* ---- moving to another instance ---- */

static void move(opened_t *opened, suitcase_t *suitcase) {
  uint8_t before[32], after[32];
  uint64_t bytes = aod_instance_memory_bytes(opened->instance);
  aod_instance_memory_sha256(opened->instance, before);
  opened->instance = suitcase_move(suitcase, opened->module, COMPUTE_LIMIT, opened->instance);
  aod_instance_memory_sha256(opened->instance, after);
  assert_memory_equal(before, after, 32);
  assert_int_equal(aod_instance_memory_bytes(opened->instance), bytes);
  assert_int_equal(aod_instance_changed_count(opened->instance), 0);
}

/* Memory, its size and globals move along, also over several moves. */
static void test_moves(void **state) {
  (void)state;
  for (size_t i = 0; i < FORMAT_COUNT; i++) {
    opened_t opened = open_format(formats[i]);
    suitcase_t *suitcase = aod_alloc(sizeof *suitcase);
    move(&opened, suitcase);
    expect_reply(opened.instance, "c", reply(formats[i], "1102"));
    move(&opened, suitcase);
    expect_reply(opened.instance, "c", reply(formats[i], "2202"));
    expect_failure(opened.instance, "u", "unreachable", -1);
    move(&opened, suitcase);
    expect_reply(opened.instance, "f", reply(formats[i], "3332"));
    move(&opened, suitcase);
    expect_reply(opened.instance, "g", reply(formats[i], "4434"));
    move(&opened, suitcase);
    expect_reply(opened.instance, "c", reply(formats[i], "5534"));
    assert_true(aod_instance_changed_count(opened.instance) > 0);
    suitcase_free(suitcase);
    close_opened(&opened);
  }
}

/* The globals of the test's module count, so its memory is not all of a process. */
static void test_memory_only(void **state) {
  (void)state;
  opened_t opened = open_format(FORMAT_64);
  assert_true(aod_instance_is_all_memory(opened.instance));
  expect_reply(opened.instance, "c", reply(FORMAT_64, "1102"));
  assert_false(aod_instance_is_all_memory(opened.instance));
  suitcase_t *suitcase = aod_alloc(sizeof *suitcase);
  suitcase->pages = aod_alloc(sizeof *suitcase->pages);
  aod_instance_memory_read(opened.instance, 0, suitcase->pages[0], sizeof suitcase->pages[0]);
  const aod_instance_source_t source = {.memory_bytes = aod_instance_memory_bytes(opened.instance),
                                        .pages = suitcase->numbers,
                                        .page_count = 1,
                                        .read_page = suitcase_unpack_page,
                                        .context = suitcase,
                                        .memory_only = true};
  aod_instance_options_t options = {.compute_limit = COMPUTE_LIMIT};
  aod_instance_close(opened.instance);
  assert_int_equal(aod_instance_restore(opened.module, &options, &source, &opened.instance, NULL),
                   AOD_OK);
  assert_true(aod_instance_is_all_memory(opened.instance));
  assert_true(aod_instance_changed_count(opened.instance) > 0); /* none of it is in a snapshot */
  suitcase_free(suitcase);
  close_opened(&opened);
}

/* H49: a process goes on from the memory that another host made of it, which may be larger. */
static void test_foreign_image(void **state) {
  (void)state;
  opened_t opened = open_format(FORMAT_64);
  aod_buf_t bytes = {0};
  suitcase_t *suitcase = aod_alloc(sizeof *suitcase);
  suitcase->pages = aod_alloc(sizeof *suitcase->pages);
  aod_instance_state_write(opened.instance, &bytes);
  aod_instance_memory_read(opened.instance, 0, suitcase->pages[0], sizeof suitcase->pages[0]);
  suitcase->pages[0][2000] = 6;
  const aod_instance_source_t source = {.memory_bytes = 5 * 65536,
                                        .state = aod_buf_slice(&bytes),
                                        .pages = suitcase->numbers,
                                        .page_count = 1,
                                        .read_page = suitcase_unpack_page,
                                        .context = suitcase};
  aod_instance_options_t options = {.compute_limit = COMPUTE_LIMIT};
  aod_instance_close(opened.instance);
  assert_int_equal(aod_instance_restore(opened.module, &options, &source, &opened.instance, NULL),
                   AOD_OK);
  expect_reply(opened.instance, "c", "71054");
  expect_reply(opened.instance, "c", "82054");
  suitcase_free(suitcase);
  aod_buf_free(&bytes);
  close_opened(&opened);
}

static void refuse_source(const opened_t *opened, const aod_instance_source_t *source) {
  aod_instance_t *instance;
  aod_instance_options_t options = {.compute_limit = COMPUTE_LIMIT};
  assert_int_equal(aod_instance_restore(opened->module, &options, source, &instance, NULL),
                   AOD_EINPUT);
}

static void test_sources_refused(void **state) {
  (void)state;
  opened_t opened = open_format(FORMAT_64);
  aod_buf_t bytes = {0};
  suitcase_t *suitcase = aod_alloc(sizeof *suitcase);
  aod_instance_state_write(opened.instance, &bytes);
  suitcase->pages = aod_alloc(2 * sizeof *suitcase->pages);
  const aod_instance_source_t good = {.memory_bytes = 2 * 65536,
                                      .state = aod_buf_slice(&bytes),
                                      .pages = suitcase->numbers,
                                      .read_page = suitcase_unpack_page,
                                      .context = suitcase};
  aod_instance_source_t source = good;
  for (size_t len = 0; len < bytes.len; len += 5) {
    source.state.len = len;
    refuse_source(&opened, &source);
  }
  static const uint64_t sizes[] = {0, 65536, 2 * 65536 + 4096, 17 * 65536, UINT64_MAX & ~0xffffull};
  source = good;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    source.memory_bytes = sizes[i];
    refuse_source(&opened, &source);
  }
  source = good;
  source.page_count = 2; /* the same page twice */
  refuse_source(&opened, &source);
  suitcase->numbers[1] = 32; /* beyond the memory */
  refuse_source(&opened, &source);
  bytes.ptr[bytes.len - 1 - 8] = 0xff; /* no such function */
  refuse_source(&opened, &good);
  suitcase_free(suitcase);
  aod_buf_free(&bytes);
  close_opened(&opened);
}

/* Two modules that begin with the same memory have one fingerprint, others another. */
static void test_fingerprints(void **state) {
  (void)state;
  opened_t opened = open_format(FORMAT_64), other = open_format(FORMAT_2);
  uint8_t digest[32], again[32], different[32];
  aod_module_fingerprint(opened.module, digest);
  aod_module_fingerprint(other.module, different);
  assert_memory_not_equal(digest, different, 32);
  close_opened(&opened);
  opened = open_format(FORMAT_64);
  aod_module_fingerprint(opened.module, again);
  assert_memory_equal(digest, again, 32);
  close_opened(&opened);
  close_opened(&other);
}

/* ---- what is refused ---- */

static void expect_refusal(aod_slice_t wasm, const char *format, int code, const char *words) {
  aod_module_t *module;
  aod_error_t error;
  assert_int_equal(aod_module_load(vm, wasm, aod_text(format), "test", &module, &error), code);
  if (!strstr(error.message, words)) fail_msg("\"%s\" lacks \"%s\"", error.message, words);
}

static void refuse_import(const char *import, const char *words) {
  const char *parts[] = {imports, import, imports_new, exports_common, exports_new, body};
  aod_buf_t wasm = assemble(parts, 6, true);
  expect_refusal(aod_buf_slice(&wasm), FORMAT_64, AOD_EUNSUPPORTED, words);
  aod_buf_free(&wasm);
}

/* H1 */
static void test_imports_refused(void **state) {
  (void)state;
  int before = compilations;
  refuse_import("(import \"env\" \"fork\" (func $x))", "env.fork");
  refuse_import("(import \"wasi_snapshot_preview1\" \"exit\" (func $x (param i32)))",
                "wasi_snapshot_preview1.exit");
  refuse_import("(import \"env\" \"strftime\" (func $x (param i32)))", "another type");
  refuse_import("(import \"env\" \"data\" (global $x i32))", "only functions");
  assert_int_equal(compilations, before); /* found before the compiler ran */
}

static void test_exports_refused(void **state) {
  (void)state;
  const char *parts[] = {imports, imports_new, exports_common, body};
  aod_buf_t wasm = assemble(parts, 4, true);
  expect_refusal(aod_buf_slice(&wasm), FORMAT_64, AOD_EUNSUPPORTED, "emscripten_stack_get_current");
  aod_buf_free(&wasm);
}

/* Tables are copied with each message, so they must not be huge. */
static void test_tables_refused(void **state) {
  (void)state;
  const char *parts[] = {
      imports, imports_new, exports_common, exports_new, "(table $huge 65533 65533 funcref)", body};
  aod_buf_t wasm = assemble(parts, 6, true);
  expect_refusal(aod_buf_slice(&wasm), FORMAT_64, AOD_ELIMIT, "2 tables with 65537 entries");
  aod_buf_free(&wasm);
}

static void test_formats_refused(void **state) {
  (void)state;
  aod_buf_t wasm = module_for(FORMAT_64);
  aod_slice_t slice = aod_buf_slice(&wasm);
  expect_refusal(slice, "wasm128", AOD_EUNSUPPORTED, "\"wasm128\" is not supported");
  expect_refusal(slice, FORMAT_4, AOD_EUNSUPPORTED, "another type");
  expect_refusal(AOD_TEXT("\0asm"), FORMAT_64, AOD_EINPUT, "");
  aod_module_release(load(slice, " " FORMAT_64 "\n")); /* white space is ignored */
  aod_buf_free(&wasm);
}

/* ---- threads ---- */

#define THREADS 4

static void *thread_main(void *argument) {
  const aod_buf_t *wasm = argument;
  aod_module_t *module = load(aod_buf_slice(wasm), FORMAT_64);
  aod_instance_t *instance = open_instance(module);
  for (int i = 0; i < 200; i++) {
    expect_failure(instance, "u", "unreachable", -1);
    expect_failure(instance, "o", "memory access out of bounds", -1);
    expect_failure(instance, "r", "Maximum call stack size exceeded", -1);
  }
  expect_reply(instance, "c", "11024");
  aod_instance_close(instance);
  aod_module_release(module);
  return NULL;
}

/* One of them compiles, all of them run and trap at the same time. */
static void test_threads(void **state) {
  (void)state;
  const char *parts[] = {
      imports, imports_new, exports_common, exports_new, "(export \"only_here\" (func $none))",
      body};
  aod_buf_t wasm = assemble(parts, 6, true);
  pthread_t threads[THREADS];
  int before = compilations;
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &wasm), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(compilations, before + 1);
  aod_buf_free(&wasm);
}

/* ---- ---- */

static char cache_dir[64];
static bool in_workers;

static void on_compile(void *context, const aod_compile_event_t *event) {
  (void)context;
  compilations += event->done;
}

static int open_vm(void **state) {
  (void)state;
  strcpy(cache_dir, "/tmp/aod-process-test-XXXXXX");
  if (!mkdtemp(cache_dir)) return -1;
  aod_vm_options_t options = {
      .cache_dir = cache_dir, .on_compile = on_compile, .in_workers = in_workers};
  return aod_vm_open(&vm, &options, NULL);
}

static int close_vm(void **state) {
  (void)state;
  char command[64];
  aod_vm_close(vm);
  snprintf(command, sizeof command, "rm -rf %s", cache_dir);
  return system(command);
}

/* Everything twice: in this program, and in workers. */
int main(void) {
  if (aod_workers_start(NULL)) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_messages),         cmocka_unit_test(test_pushed_strings),
      cmocka_unit_test(test_pushed_strings_1), cmocka_unit_test(test_pushed_strings_2),
      cmocka_unit_test(test_growth),           cmocka_unit_test(test_growth_undone),
      cmocka_unit_test(test_output),           cmocka_unit_test(test_message_beyond_stack),
      cmocka_unit_test(test_memory_cap),       cmocka_unit_test(test_moves),
      cmocka_unit_test(test_memory_only),      cmocka_unit_test(test_foreign_image),
      cmocka_unit_test(test_sources_refused),  cmocka_unit_test(test_fingerprints),
      cmocka_unit_test(test_imports_refused),  cmocka_unit_test(test_exports_refused),
      cmocka_unit_test(test_tables_refused),   cmocka_unit_test(test_formats_refused),
      cmocka_unit_test(test_threads),
  };
  int failed = cmocka_run_group_tests_name("here", tests, open_vm, close_vm);
  in_workers = true;
  failed += cmocka_run_group_tests_name("in workers", tests, open_vm, close_vm);
  return failed;
}
