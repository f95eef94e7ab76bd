/* A module whose memory changes in many places, and sending it messages. */
#ifndef AOD_TEST_SUPPORT_MIXER_H
#define AOD_TEST_SUPPORT_MIXER_H

#include <stdio.h>

#include "support/wasm.h"
#include "vm/vm.h"

#define MIXER_FORMAT "wasm32-unknown-emscripten4"

/* A message "s<digits>" mixes the number into 64 cells spread over memory, grows memory at times,
 * traps at multiples of 7 after writing, and answers with a sum over the cells. "l" never ends. */
static const char mixer_text[] =
    "(module"
    "(memory $memory 4 64) (export \"memory\" (memory $memory))"
    "(table 1 1 funcref)"
    "(global $sp (mut i32) (i32.const 65536)) (global $seen (mut i32) (i32.const 0))"
    "(func $none) (func $get (result i32) (global.get $sp))"
    "(func $set (param i32) (global.set $sp (local.get 0)))"
    "(func $alloc (param i32) (result i32)"
    "  (global.set $sp (i32.and (i32.sub (global.get $sp) (local.get 0)) (i32.const -16)))"
    "  (global.get $sp))"
    "(func $end (result i32) (i32.const 4096))"
    "(func $threw (param i32 i32))"
    "(func $dyncall (param i32 i32 i32))"
    "(func $cell (param $i i32) (result i32)"
    "  (i32.add (i32.const 70000) (i32.mul (local.get $i) (i32.const 2741))))"
    "(func $number (param $at i32) (result i32) (local $n i32) (local $c i32)"
    "  (loop $more"
    "    (local.set $c (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))"
    "    (if (i32.lt_u (local.get $c) (i32.const 10)) (then"
    "      (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 10)) (local.get $c)))"
    "      (local.set $at (i32.add (local.get $at) (i32.const 1)))"
    "      (br $more))))"
    "  (local.get $n))"
    "(func $mix (param $n i32) (local $i i32) (local $at i32)"
    "  (loop $next"
    "    (local.set $at (call $cell (local.get $i)))"
    "    (i32.store (local.get $at) (i32.add"
    "      (i32.mul (i32.load (local.get $at)) (i32.const 1664525))"
    "      (i32.add (local.get $n) (local.get $i))))"
    "    (local.set $i (i32.add (local.get $i) (i32.const 1)))"
    "    (br_if $next (i32.lt_u (local.get $i) (i32.const 64)))))"
    "(func $sum (result i32) (local $i i32) (local $sum i32)"
    "  (loop $next"
    "    (local.set $sum (i32.xor (i32.rotl (local.get $sum) (i32.const 1))"
    "      (i32.load (call $cell (local.get $i)))))"
    "    (local.set $i (i32.add (local.get $i) (i32.const 1)))"
    "    (br_if $next (i32.lt_u (local.get $i) (i32.const 64))))"
    "  (i32.add (local.get $sum) (global.get $seen)))"
    "(func $write (param $value i32) (local $i i32)"
    "  (loop $next"
    "    (i32.store8 (i32.add (i32.const 2048) (local.get $i))"
    "      (i32.add (i32.const 97) (i32.and (local.get $value) (i32.const 15))))"
    "    (local.set $value (i32.shr_u (local.get $value) (i32.const 4)))"
    "    (local.set $i (i32.add (local.get $i) (i32.const 1)))"
    "    (br_if $next (i32.lt_u (local.get $i) (i32.const 8)))))"
    "(func $handle (param $msg i32) (param $env i32) (result i32) (local $n i32)"
    "  (if (i32.eq (i32.load8_u (i32.add (local.get $msg) (i32.const 1))) (i32.const 108)) (then "
    "(loop $ever"
    "  (i32.store (i32.const 9000) (i32.mul (i32.const 3) (i32.add (i32.const 1)"
    "    (i32.load (i32.const 9000))))) (br $ever))))"
    "  (local.set $n (call $number (i32.add (local.get $msg) (i32.const 1))))"
    "  (global.set $seen (i32.add (global.get $seen) (i32.const 1)))"
    "  (call $mix (local.get $n))"
    "  (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 31)))"
    "    (then (i32.store (i32.sub (i32.mul (i32.const 65536) (i32.add (i32.const 1)"
    "      (memory.grow (i32.const 1)))) (i32.const 4)) (local.get $n))))"
    "  (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 7))) (then (unreachable)))"
    "  (call $write (call $sum))"
    "  (i32.const 2048))"
    "(export \"handle\" (func $handle)) (export \"__wasm_call_ctors\" (func $none))"
    "(export \"setThrew\" (func $threw)) (export \"emscripten_stack_init\" (func $none))"
    "(export \"emscripten_stack_get_end\" (func $end))"
    "(export \"emscripten_stack_get_current\" (func $get))"
    "(export \"_emscripten_stack_restore\" (func $set))"
    "(export \"_emscripten_stack_alloc\" (func $alloc))"
    "(export \"dynCall_vii\" (func $dyncall)))";

static inline aod_instance_t *mixer_open(aod_module_t *in) {
  aod_instance_t *instance;
  aod_error_t error;
  aod_instance_options_t options = {.compute_limit = 10000000};
  if (aod_instance_open(in, &options, &instance, &error)) fail_msg("%s", error.message);
  return instance;
}

static inline void mixer_evaluate(aod_instance_t *instance, const char *msg,
                                  aod_evaluation_t *evaluation) {
  aod_error_t error;
  if (aod_instance_evaluate(instance, aod_text(msg), AOD_TEXT("{}"), evaluation, &error))
    fail_msg("%s", error.message);
}

/* One message, kept unless it failed. Writes what it answered, up to 200 bytes. A message whose
 * workers were killed by a test, twice by chance, is sent again: it must have left no trace. */
static inline void mixer_message(aod_instance_t *instance, unsigned number, char answer[200]) {
  char msg[20];
  aod_evaluation_t evaluation;
  snprintf(msg, sizeof msg, "s%u", number);
  for (mixer_evaluate(instance, msg, &evaluation); evaluation.worker_died;) {
    aod_instance_rollback(instance);
    aod_evaluation_free(&evaluation);
    mixer_evaluate(instance, msg, &evaluation);
  }
  snprintf(answer, 200, "%s%.*s", evaluation.failed ? "! " : "",
           AOD_ARG(aod_buf_slice(&evaluation.text)));
  if (evaluation.failed || number % 5 == 0)
    aod_instance_rollback(instance);
  else
    aod_instance_commit(instance);
  aod_evaluation_free(&evaluation);
}

static inline void mixer_expect_same(const aod_instance_t *a, const aod_instance_t *b) {
  uint8_t of_a[32], of_b[32];
  assert_int_equal(aod_instance_memory_bytes(a), aod_instance_memory_bytes(b));
  aod_instance_memory_sha256(a, of_a);
  aod_instance_memory_sha256(b, of_b);
  assert_memory_equal(of_a, of_b, 32);
}

#endif
