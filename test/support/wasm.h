/* Modules for tests, written in the text format, and running them. Binaryen assembles: its parser
 * wants folded expressions. */
#ifndef AOD_TEST_SUPPORT_WASM_H
#define AOD_TEST_SUPPORT_WASM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <binaryen-c.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "vm/core.h"
#include "vm/trap.h"

#define UNUSED_IN_SOME_WASM_TESTS __attribute__((unused)) static

/* Binaryen keeps threads that a fork loses, and folding forks: so it never runs in this process. */
UNUSED_IN_SOME_WASM_TESTS _Noreturn void wasm_assemble_in_child(const char *text, int output) {
  char *copy = aod_strdup(text); /* the parser writes into it */
  BinaryenModuleRef module = BinaryenModuleParse(copy);
  BinaryenModuleSetFeatures(module, BinaryenFeatureSignExt() | BinaryenFeatureBulkMemory() |
                                        BinaryenFeatureMutableGlobals() | BinaryenFeatureSIMD128() |
                                        BinaryenFeatureMemory64());
  BinaryenModuleAllocateAndWriteResult result = BinaryenModuleAllocateAndWrite(module, NULL);
  ssize_t written = write(output, result.binary, result.binaryBytes); /* fits the pipe */
  _exit(written == (ssize_t)result.binaryBytes ? 0 : 1);
}

/* The caller frees the result. */
UNUSED_IN_SOME_WASM_TESTS aod_buf_t wasm_assemble(const char *text) {
  enum { MAX_BYTES = 65536 }; /* what a pipe holds */
  aod_buf_t bytes = {0};
  int ends[2], status = 0;
  assert_int_equal(pipe(ends), 0);
  pid_t pid = fork();
  if (pid == 0) wasm_assemble_in_child(text, ends[1]);
  close(ends[1]);
  aod_buf_reserve(&bytes, MAX_BYTES);
  for (ssize_t got; (got = read(ends[0], bytes.ptr + bytes.len, MAX_BYTES - bytes.len)) > 0;)
    bytes.len += (size_t)got;
  close(ends[0]);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  return bytes;
}

/* A module at one tier, opened and started. */
typedef struct {
  char cache[40];
  aod_code_t *code;
  aod_core_t *core;
} wasm_t;

/* cmocka puts its own handler for faults in place before each test, and so in place of the one that
 * makes traps of them: put that back. */
UNUSED_IN_SOME_WASM_TESTS void wasm_catch_faults(void) {
  static struct sigaction action;
  static bool known;
  if (known)
    sigaction(SIGSEGV, &action, NULL);
  else
    sigaction(SIGSEGV, NULL, &action);
  known = true;
}

UNUSED_IN_SOME_WASM_TESTS wasm_t wasm_open(const char *text, aod_tier_t tier,
                                           const char *compiler) {
  wasm_t wasm = {.cache = "/tmp/aod-wasm-XXXXXX"};
  assert_non_null(mkdtemp(wasm.cache));
  aod_buf_t bytes = wasm_assemble(text);
  aod_code_options_t options = {.cache_dir = wasm.cache, .compiler = compiler, .tier = tier};
  aod_error_t err;
  if (aod_code_load(aod_buf_slice(&bytes), "test", &options, &wasm.code, &err))
    fail_msg("%s", err.message);
  if (aod_core_open(&wasm.core, wasm.code, NULL, NULL, &err)) fail_msg("%s", err.message);
  assert_int_equal(aod_core_start(wasm.core), AOD_TRAP_NONE);
  wasm_catch_faults();
  aod_buf_free(&bytes);
  return wasm;
}

UNUSED_IN_SOME_WASM_TESTS void wasm_close(wasm_t *wasm) {
  aod_core_close(wasm->core);
  aod_code_close(wasm->code);
  aod_dir_remove(wasm->cache, NULL);
}

/* Call the exported function with up to two arguments. Returns the trap; the result goes to
 * `*result` when it is not NULL. */
UNUSED_IN_SOME_WASM_TESTS int wasm_call(wasm_t *wasm, const char *name, uint64_t a, uint64_t b,
                                        uint64_t *result) {
  const aod_wasm_export_t *export =
      aod_wasm_export_find(&wasm->code->module, name, AOD_WASM_FUNCTION);
  if (!export) fail_msg("no export %s", name);
  uint64_t slots[4] = {a, b};
  int trap = aod_core_call(wasm->core, export->index, slots);
  if (result) *result = slots[0];
  return trap;
}

#endif
