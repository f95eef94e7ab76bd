/* What native code asks of the runtime (abi.h): growing memory, bulk operations, tables.
 *
 * Ranges are checked as WebAssembly wants: before anything is written, and out-of-range lengths of
 * zero included. Every write to memory marks its cards. */
#include "vm/core.h"
#include "vm/trap.h"

#define TABLE_ENTRIES_MAX 10000000u /* what V8 allows */

static aod_core_t *core_of(aod_wasm_instance_t *instance) {
  return (aod_core_t *)instance;
}

__attribute__((noreturn)) static void runtime_trap(aod_wasm_instance_t *instance, int trap) {
  (void)instance;
  aod_trap_raise(trap);
}

static void check_range(uint64_t at, uint64_t len, uint64_t size, aod_trap_t trap) {
  if (at > size || len > size - at) aod_trap_raise(trap);
}

/* ---- memory ---- */

void aod__memory_resized(aod_core_t *owner) {
  for (aod_core_t *user = owner; user; user = user->memory_next)
    user->wasm.memory_bytes = owner->memory.bytes;
}

static int64_t memory_grow(aod_wasm_instance_t *instance, uint64_t pages) {
  aod_core_t *owner = core_of(instance)->memory_owner;
  aod_memory_t *memory = &owner->memory;
  uint64_t old = memory->bytes / AOD_PAGE_BYTES;
  if (pages > memory->max_bytes / AOD_PAGE_BYTES) return -1;
  if (!aod_memory_grow(memory, pages * AOD_PAGE_BYTES)) return -1;
  aod__memory_resized(owner);
  return (int64_t)old;
}

static void memory_copy(aod_wasm_instance_t *instance, uint64_t to, uint64_t from, uint64_t bytes) {
  aod_memory_t *memory = &core_of(instance)->memory_owner->memory;
  check_range(from, bytes, memory->bytes, AOD_TRAP_MEMORY);
  check_range(to, bytes, memory->bytes, AOD_TRAP_MEMORY);
  aod_memory_mark(memory, to, bytes);
  memmove(memory->base + to, memory->base + from, bytes);
}

static void memory_fill(aod_wasm_instance_t *instance, uint64_t to, uint32_t value,
                        uint64_t bytes) {
  aod_memory_t *memory = &core_of(instance)->memory_owner->memory;
  check_range(to, bytes, memory->bytes, AOD_TRAP_MEMORY);
  aod_memory_mark(memory, to, bytes);
  memset(memory->base + to, (int)(value & 0xff), bytes);
}

void aod__memory_init(aod_core_t *core, uint32_t segment, uint64_t to, uint64_t from,
                      uint64_t bytes) {
  aod_memory_t *memory = &core->memory_owner->memory;
  aod_slice_t data =
      aod__dropped_data(core)[segment] ? AOD_EMPTY : core->code->module.datas[segment].bytes;
  check_range(from, bytes, data.len, AOD_TRAP_MEMORY);
  check_range(to, bytes, memory->bytes, AOD_TRAP_MEMORY);
  if (bytes == 0) return;
  aod_memory_mark(memory, to, bytes);
  memcpy(memory->base + to, data.ptr + from, bytes);
}

static void memory_init(aod_wasm_instance_t *instance, uint32_t segment, uint64_t to, uint64_t from,
                        uint64_t bytes) {
  aod__memory_init(core_of(instance), segment, to, from, bytes);
}

static void data_drop(aod_wasm_instance_t *instance, uint32_t segment) {
  aod__dropped_data(core_of(instance))[segment] = 1;
}

/* ---- tables ---- */

void aod__table_init(aod_core_t *core, uint32_t table_index, uint32_t segment, uint32_t to,
                     uint32_t from, uint32_t count) {
  aod_wasm_table_t *table = core->wasm.tables[table_index];
  const aod_wasm_element_t *element = &core->code->module.elements[segment];
  check_range(from, count, core->state.dropped[segment] ? 0 : element->count, AOD_TRAP_TABLE);
  check_range(to, count, table->count, AOD_TRAP_TABLE);
  for (uint32_t i = 0; i < count; i++) {
    aod_wasm_value_t value = aod_wasm_evaluate(&element->items[from + i], core->wasm.globals);
    table->entries[to + i] = aod__core_ref(core, &value);
  }
}

static void table_init(aod_wasm_instance_t *instance, uint32_t table, uint32_t segment, uint32_t to,
                       uint32_t from, uint32_t count) {
  aod__table_init(core_of(instance), table, segment, to, from, count);
}

static void elem_drop(aod_wasm_instance_t *instance, uint32_t segment) {
  core_of(instance)->state.dropped[segment] = 1;
}

static void table_copy(aod_wasm_instance_t *instance, uint32_t to_table, uint32_t from_table,
                       uint32_t to, uint32_t from, uint32_t count) {
  aod_wasm_table_t *target = instance->tables[to_table], *source = instance->tables[from_table];
  check_range(from, count, source->count, AOD_TRAP_TABLE);
  check_range(to, count, target->count, AOD_TRAP_TABLE);
  memmove(target->entries + to, source->entries + from, count * sizeof(aod_wasm_ref_t));
}

static void fill(aod_wasm_table_t *table, uint32_t from, uint32_t count, aod_wasm_ref_t value) {
  for (uint32_t i = 0; i < count; i++) table->entries[from + i] = value;
}

static int32_t table_grow(aod_wasm_instance_t *instance, uint32_t index, aod_wasm_ref_t value,
                          uint32_t count) {
  aod_wasm_table_t *table = instance->tables[index];
  uint32_t old = table->count,
           most = table->max < TABLE_ENTRIES_MAX ? table->max : TABLE_ENTRIES_MAX;
  if (old > most || count > most - old) return -1;
  if (count == 0) return (int32_t)old;
  table->entries = aod_realloc(table->entries, ((size_t)old + count) * sizeof value);
  table->count = old + count;
  fill(table, old, count, value);
  return (int32_t)old;
}

static void table_fill(aod_wasm_instance_t *instance, uint32_t index, uint32_t to,
                       aod_wasm_ref_t value, uint32_t count) {
  aod_wasm_table_t *table = instance->tables[index];
  check_range(to, count, table->count, AOD_TRAP_TABLE);
  fill(table, to, count, value);
}

const aod_wasm_runtime_t aod__runtime = {
    .trap = runtime_trap,
    .memory_grow = memory_grow,
    .memory_copy = memory_copy,
    .memory_fill = memory_fill,
    .memory_init = memory_init,
    .data_drop = data_drop,
    .table_init = table_init,
    .elem_drop = elem_drop,
    .table_copy = table_copy,
    .table_grow = table_grow,
    .table_fill = table_fill,
};
