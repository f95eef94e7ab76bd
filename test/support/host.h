/* A host whose functions can be called as native code calls them, on a memory without a module. */
#ifndef AOD_TEST_SUPPORT_HOST_H
#define AOD_TEST_SUPPORT_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vm/host.h"
#include "vm/trap.h"

#define FORMAT_2  "wasm32-unknown-emscripten2"
#define FORMAT_4  "wasm32-unknown-emscripten4"
#define FORMAT_64 "wasm64-unknown-emscripten-draft_2024_02_15"

#define MEMORY_BYTES (96 * AOD_PAGE_BYTES) /* 6291456, as sqlite begins */
#define MEMORY_MAX   (8000 * AOD_PAGE_BYTES)
#define FUEL         1000000000

static aod_core_t core;
static aod_host_t host;

static inline void open_host(const char *format) {
  core = (aod_core_t){.wasm.runtime = &aod__runtime};
  assert_int_equal(aod_memory_open(&core.memory, MEMORY_BYTES, MEMORY_MAX, 30, NULL, NULL), AOD_OK);
  core.memory_owner = &core;
  core.wasm.memory = core.memory.base;
  core.wasm.cards = core.memory.cards;
  core.wasm.memory_bytes = core.memory.bytes;
  core.wasm.fuel = FUEL;
  core.wasm.host = &host;
  host = (aod_host_t){.format = aod_format_find(aod_text(format)), .core = &core};
  for (int i = 0; i < AOD_EXPORT_COUNT; i++) host.exports.functions[i] = AOD_WASM_NONE;
  aod_host_begin(&host);
}

static inline void close_host(void) {
  aod_host_free(&host);
  aod_memory_close(&core.memory);
}

/* ---- calls ---- */

typedef struct {
  aod_wasm_host_t function;
  uint64_t slots[6];
} call_t;

static inline void call_inside(void *argument) {
  call_t *call = argument;
  call->function(&core.wasm, call->slots);
}

static inline uint64_t call(aod_wasm_host_t function, uint64_t a, uint64_t b, uint64_t c,
                            uint64_t d) {
  call_t call = {function, {a, b, c, d}};
  assert_int_equal(aod_enter(call_inside, &call), AOD_TRAP_NONE);
  return call.slots[0];
}

static inline void expect_trap(int trap, aod_wasm_host_t function, uint64_t a, uint64_t b,
                               uint64_t c, uint64_t d) {
  call_t call = {function, {a, b, c, d}};
  assert_int_equal(aod_enter(call_inside, &call), trap);
}

#define CALL(name, ...) call_with(aod__host_##name, (uint64_t[6]){__VA_ARGS__})
static inline uint64_t call_with(aod_wasm_host_t function, const uint64_t arguments[6]) {
  return call(function, arguments[0], arguments[1], arguments[2], arguments[3]);
}
static inline int32_t errno_of(uint64_t slot) {
  return (int32_t)slot;
}

static inline void put_text(uint64_t at, const char *text) {
  memcpy(core.wasm.memory + at, text, strlen(text) + 1);
}
static inline void put32(uint64_t at, uint32_t value) {
  aod_store_le32(core.wasm.memory + at, value);
}
static inline void put64(uint64_t at, uint64_t value) {
  aod_store_le64(core.wasm.memory + at, value);
}
static inline uint32_t get32(uint64_t at) {
  return aod_load_le32(core.wasm.memory + at);
}
static inline uint64_t get64(uint64_t at) {
  return aod_load_le64(core.wasm.memory + at);
}
static inline double number(uint64_t slot) {
  double value;
  memcpy(&value, &slot, sizeof value);
  return value;
}

/* Everything that changed since the last commit must be on marked cards. */
static inline void expect_marked(void) {
  for (uint64_t at = 0; at < core.memory.committed_bytes; at += 4096) {
    bool same = memcmp(core.memory.base + at, core.memory.committed + at, 4096) == 0;
    assert_true(same || core.memory.cards[at >> AOD_CARD_SHIFT]);
  }
}

#endif
