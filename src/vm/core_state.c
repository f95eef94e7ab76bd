/* Globals, tables and dropped segments as bytes.
 *
 * A program that continues a process has its code and its instance at other addresses, so a
 * reference is written as the index of the function it refers to. All numbers are little-endian, in
 * the module's order:
 *
 *   the slots of each own global (a reference: one number)
 *   for each own table the count, then each entry as a number
 *   a byte for each element segment, then for each data segment: whether it was dropped
 *
 * A reference's number is 0 for null, else 1 + the function's index. AO modules are given no
 * references of the host, so there is nothing else that one could be. */
#include "vm/core.h"

#include <stdlib.h>

/* ---- comparing ---- */

static bool same_table(const aod_wasm_table_t *a, const aod_wasm_table_t *b) {
  return a->count == b->count && memcmp(a->entries, b->entries, a->count * sizeof *a->entries) == 0;
}

static size_t segment_count(const aod_core_t *core) {
  return (size_t)core->code->module.element_count + core->code->module.data_count;
}

bool aod_core_state_changed(const aod_core_t *core) {
  const aod_core_state_t *now = &core->state, *before = &core->committed;
  if (memcmp(now->globals, before->globals, core->global_slots * sizeof *now->globals) ||
      memcmp(now->dropped, before->dropped, segment_count(core)))
    return true;
  for (uint32_t i = 0; i < core->own_tables; i++)
    if (!same_table(&now->tables[i], &before->tables[i])) return true;
  return false;
}

/* ---- writing ---- */

static void write_number(aod_buf_t *bytes, uint64_t number) {
  uint8_t encoded[8];
  aod_store_le64(encoded, number);
  aod_buf_append(bytes, aod_slice(encoded, sizeof encoded));
}

static uint64_t number_of(const aod_core_t *core, const aod_wasm_ref_t *ref) {
  if (!ref->code) return 0;
  uint32_t count = core->code->module.function_count;
  for (uint32_t i = 0; i < count; i++) {
    const aod_wasm_ref_t *function = &core->wasm.functions[i];
    if (function->code == ref->code && function->instance == ref->instance &&
        function->type == ref->type)
      return i + 1ull;
  }
  aod_assert(!"a reference to something else");
  return 0;
}

static bool is_reference(aod_wasm_valtype_t type) {
  return type == AOD_WASM_FUNCREF || type == AOD_WASM_EXTERNREF;
}

static void write_globals(const aod_core_t *core, aod_buf_t *bytes) {
  const aod_wasm_module_t *module = &core->code->module;
  for (uint32_t i = module->imported_globals; i < module->global_count; i++) {
    const uint64_t *slots = core->wasm.globals[i];
    if (is_reference(module->globals[i].type)) {
      write_number(bytes, number_of(core, (const aod_wasm_ref_t *)slots));
      continue;
    }
    for (uint32_t k = 0; k < aod_wasm_slots(module->globals[i].type); k++)
      write_number(bytes, slots[k]);
  }
}

void aod_core_state_write(const aod_core_t *core, aod_buf_t *bytes) {
  write_globals(core, bytes);
  for (uint32_t i = 0; i < core->own_tables; i++) {
    const aod_wasm_table_t *table = &core->state.tables[i];
    write_number(bytes, table->count);
    for (uint32_t k = 0; k < table->count; k++)
      write_number(bytes, number_of(core, &table->entries[k]));
  }
  aod_buf_append(bytes, aod_slice(core->state.dropped, segment_count(core)));
}

/* ---- reading ---- */

static bool read_number(aod_slice_t *bytes, uint64_t *number) {
  if (bytes->len < 8) return false;
  *number = aod_load_le64(bytes->ptr);
  *bytes = aod_slice(bytes->ptr + 8, bytes->len - 8);
  return true;
}

static bool read_reference(const aod_core_t *core, aod_slice_t *bytes, aod_wasm_ref_t *ref) {
  uint64_t number;
  if (!read_number(bytes, &number) || number > core->code->module.function_count) return false;
  *ref = number ? core->wasm.functions[number - 1] : (aod_wasm_ref_t){0};
  return true;
}

static bool read_global(const aod_core_t *core, aod_wasm_valtype_t type, uint64_t *slots,
                        aod_slice_t *bytes) {
  if (is_reference(type)) return read_reference(core, bytes, (aod_wasm_ref_t *)slots);
  for (uint32_t i = 0; i < aod_wasm_slots(type); i++)
    if (!read_number(bytes, &slots[i])) return false;
  return true;
}

static bool read_table(const aod_core_t *core, aod_wasm_table_t *table, aod_slice_t *bytes) {
  uint64_t count;
  if (!read_number(bytes, &count) || count > table->max || count > bytes->len / 8) return false;
  free(table->entries);
  table->entries = aod_alloc((count + 1) * sizeof *table->entries);
  table->count = (uint32_t)count;
  for (uint32_t i = 0; i < count; i++)
    if (!read_reference(core, bytes, &table->entries[i])) return false;
  return true;
}

static bool read_all(aod_core_t *core, aod_slice_t *bytes) {
  const aod_wasm_module_t *module = &core->code->module;
  for (uint32_t i = module->imported_globals; i < module->global_count; i++)
    if (!read_global(core, module->globals[i].type, core->wasm.globals[i], bytes)) return false;
  for (uint32_t i = 0; i < core->own_tables; i++)
    if (!read_table(core, &core->state.tables[i], bytes)) return false;
  if (bytes->len != segment_count(core)) return false;
  memcpy(core->state.dropped, bytes->ptr, bytes->len);
  return true;
}

int aod_core_state_read(aod_core_t *core, aod_slice_t bytes, aod_error_t *err) {
  if (!read_all(core, &bytes))
    return aod_fail(err, AOD_EINPUT, "the state of a process does not fit its module");
  aod__core_copy_state(core, &core->committed, &core->state);
  return AOD_OK;
}
