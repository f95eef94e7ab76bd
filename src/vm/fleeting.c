#include "vm/fleeting.h"

#include "vm/guest.h"

enum { HALF_BYTES = 4, SLOT_BYTES = 8, TEMP_RET = 1 };

/* The compiler of AO's modules begins with these globals: the stack's pointer, the half, the
 * stack's two limits (wasm-host.md A.4). */
static bool has_temp_ret(const aod_wasm_module_t *module) {
  const aod_wasm_global_t *globals = module->globals;
  if (module->imported_globals || module->global_count < 4) return false;
  aod_wasm_valtype_t pointer = globals[0].type;
  if (pointer != AOD_WASM_I32 && pointer != AOD_WASM_I64) return false;
  for (int i = 0; i < 4; i++)
    if (!globals[i].mutable || globals[i].type != (i == TEMP_RET ? AOD_WASM_I32 : pointer))
      return false;
  return true;
}

static void blank(aod_buf_t *state, size_t at, size_t len) {
  if (at + len <= state->len) memset(state->ptr + at, 0, len);
}

void aod__state_blank_fleeting(const aod_wasm_module_t *module, aod_buf_t *state) {
  blank(state, 0, HALF_BYTES);
  if (has_temp_ret(module)) blank(state, AOD_GUEST_HOST_BYTES + SLOT_BYTES * TEMP_RET, SLOT_BYTES);
}
