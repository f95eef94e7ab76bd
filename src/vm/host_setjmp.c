/* setjmp and longjmp, which every Lua pcall is made of.
 *
 * The module calls a function under protection through invoke_<signature>; a longjmp unwinds to the
 * innermost invoke, which restores the module's stack pointer and tells the module by setThrew. In
 * C the same: setjmp in the invoke, longjmp in the throw. Traps pass all invokes by: they end the
 * message. */
#include "vm/host.h"

/* By the exported dynCall_* where the glue uses that: it is metered code, and its frame counts.
 * Slots: table index, then the two arguments. */
static void call_protected(aod_host_t *host, uint64_t *slots) {
  uint64_t index = (uint32_t)slots[0];
  if (aod_host_has(host, AOD_EXPORT_DYNCALL)) {
    slots[0] = index;
    aod_host_call(host, AOD_EXPORT_DYNCALL, slots);
  } else {
    aod_core_call_table(host->core, index, host->exports.protected_type, slots + 1);
  }
}

static void after_longjmp(aod_host_t *host, uint64_t stack_pointer) {
  uint64_t slots[2] = {stack_pointer};
  aod_host_call(host, AOD_EXPORT_STACK_RESTORE, slots);
  slots[0] = 1, slots[1] = 0;
  aod_host_call(host, AOD_EXPORT_SET_THREW, slots);
}

void aod__host_invoke(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint64_t stack_pointer[1];
  uint32_t depth = instance->depth;
  aod_host_call(host, AOD_EXPORT_STACK_GET, stack_pointer);

  aod_jump_t jump = {.outer = host->jumps};
  host->jumps = &jump;
  int jumped = _setjmp(jump.target);
  if (!jumped) call_protected(host, slots);
  host->jumps = jump.outer;
  if (jumped) {
    instance->depth = depth;
    after_longjmp(host, stack_pointer[0]);
  }
}

void aod__host_throw_longjmp(aod_wasm_instance_t *instance, uint64_t *slots) {
  (void)slots;
  aod_host_t *host = aod_host_of(instance);
  if (!host->jumps) aod_host_fail(host, "longjmp without a setjmp to return to");
  _longjmp(host->jumps->target, 1);
}

/* The upper half of i64 results, in formats 1 and 2. */

void aod__host_set_temp_ret(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_of(instance)->temp_ret = (int32_t)slots[0];
}

void aod__host_get_temp_ret(aod_wasm_instance_t *instance, uint64_t *slots) {
  slots[0] = (uint32_t)aod_host_of(instance)->temp_ret;
}
