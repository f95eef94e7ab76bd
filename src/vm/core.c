/* Instantiating a module and calling into it.
 *
 * Where things live: own globals are slots in state.globals, own tables are state.tables; native
 * code sees both through arrays of pointers (wasm.globals, wasm.tables) in which imported ones
 * point into other cores. A commit copies both to `committed`, which costs a few kilobytes; AO
 * modules change neither between two messages, but nothing here depends on that. */
#include "vm/core.h"

#include "vm/trap.h"

#include <stdlib.h>

/* ---- the parts that are not linear memory ---- */

static void copy_table(aod_wasm_table_t *to, const aod_wasm_table_t *from) {
  if (to->count != from->count) {
    free(to->entries);
    to->entries = aod_alloc((from->count ? from->count : 1) * sizeof *to->entries);
  }
  memcpy(to->entries, from->entries, from->count * sizeof *to->entries);
  to->count = from->count;
  to->max = from->max;
}

void aod__core_copy_state(const aod_core_t *core, aod_core_state_t *to,
                          const aod_core_state_t *from) {
  memcpy(to->globals, from->globals, core->global_slots * sizeof *to->globals);
  for (uint32_t i = 0; i < core->own_tables; i++) copy_table(&to->tables[i], &from->tables[i]);
  const aod_wasm_module_t *module = &core->code->module;
  memcpy(to->dropped, from->dropped, (size_t)module->element_count + module->data_count);
}

static void alloc_state(const aod_core_t *core, uint32_t table_cap, aod_core_state_t *state) {
  const aod_wasm_module_t *module = &core->code->module;
  state->globals = aod_alloc((core->global_slots + 1) * sizeof *state->globals);
  state->tables = aod_alloc((core->own_tables + 1) * sizeof *state->tables);
  state->dropped = aod_alloc((size_t)module->element_count + module->data_count + 1);
  for (uint32_t i = 0; i < core->own_tables; i++) {
    const aod_wasm_limits_t *limits = &module->tables[module->imported_tables + i].limits;
    uint64_t max = table_cap && table_cap < limits->max ? table_cap : limits->max;
    state->tables[i] =
        (aod_wasm_table_t){.entries = aod_alloc((limits->min + 1) * sizeof(aod_wasm_ref_t)),
                           .count = (uint32_t)limits->min,
                           .max = max > UINT32_MAX ? UINT32_MAX : (uint32_t)max};
  }
}

static void free_state(const aod_core_t *core, aod_core_state_t *state) {
  for (uint32_t i = 0; state->tables && i < core->own_tables; i++) free(state->tables[i].entries);
  free(state->tables);
  free(state->globals);
  free(state->dropped);
}

/* ---- linking ---- */

static int misfit(const aod_wasm_import_entry_t *import, const char *what, aod_error_t *err) {
  return aod_fail(err, AOD_EUNSUPPORTED, "incompatible import type: %.*s.%.*s is another %s",
                  AOD_ARG(import->module), AOD_ARG(import->field), what);
}

static int link_function(aod_core_t *core, const aod_wasm_import_entry_t *import,
                         const aod_extern_t *given, aod_error_t *err) {
  const aod_wasm_type_t *type = aod_wasm_function_type(&core->code->module, import->index);
  if (type->number != given->type) return misfit(import, "function type", err);
  core->wasm.imports[import->index] = given->function;
  return AOD_OK;
}

/* What is given must be at least as large as wanted, and must not be able to grow beyond. */
static bool limits_fit(const aod_wasm_limits_t *wanted, uint64_t size, uint64_t max) {
  return size >= wanted->min && (!wanted->has_max || max <= wanted->max);
}

static int link_table(aod_core_t *core, const aod_wasm_import_entry_t *import,
                      const aod_extern_t *given, aod_error_t *err) {
  const aod_wasm_table_entry_t *wanted = &core->code->module.tables[import->index];
  if (wanted->type != given->value_type ||
      !limits_fit(&wanted->limits, given->table->count, given->table->max))
    return misfit(import, "table type", err);
  core->wasm.tables[import->index] = given->table;
  return AOD_OK;
}

static int link_memory(aod_core_t *core, const aod_wasm_import_entry_t *import,
                       const aod_extern_t *given, aod_error_t *err) {
  const aod_wasm_limits_t *wanted = &core->code->module.memories[import->index];
  aod_core_t *owner = given->memory;
  const aod_wasm_limits_t *has = &owner->code->module.memories[0];
  if (wanted->is_64 != has->is_64 || (wanted->has_max && !has->has_max) ||
      !limits_fit(wanted, owner->memory.bytes / AOD_PAGE_BYTES, has->max))
    return misfit(import, "memory type", err);
  core->memory_owner = owner;
  core->memory_next = owner->memory_next;
  owner->memory_next = core;
  return AOD_OK;
}

static int link_global(aod_core_t *core, const aod_wasm_import_entry_t *import,
                       const aod_extern_t *given, aod_error_t *err) {
  const aod_wasm_global_t *wanted = &core->code->module.globals[import->index];
  if (wanted->type != given->value_type || wanted->mutable != given->mutable)
    return misfit(import, "global type", err);
  core->wasm.globals[import->index] = given->global;
  return AOD_OK;
}

static int link_imports(aod_core_t *core, const aod_extern_t *imports, aod_error_t *err) {
  static int (*const link[])(aod_core_t *, const aod_wasm_import_entry_t *, const aod_extern_t *,
                             aod_error_t *) = {
      [AOD_WASM_FUNCTION] = link_function,
      [AOD_WASM_TABLE] = link_table,
      [AOD_WASM_MEMORY] = link_memory,
      [AOD_WASM_GLOBAL] = link_global,
  };
  const aod_wasm_module_t *module = &core->code->module;
  for (uint32_t i = 0; i < module->import_count; i++) {
    const aod_wasm_import_entry_t *import = &module->imports[i];
    if (import->kind != imports[i].kind) return misfit(import, "kind", err);
    int rc = link[import->kind](core, import, &imports[i], err);
    if (rc) return rc;
  }
  return AOD_OK;
}

/* ---- open ---- */

int aod_core_memory_limits(const aod_wasm_module_t *module, uint64_t cap_bytes, uint64_t *min_bytes,
                           uint64_t *max_bytes, uint32_t *address_bits, aod_error_t *err) {
  *min_bytes = *max_bytes = 0, *address_bits = 0;
  if (module->memory_count == module->imported_memories) return AOD_OK;
  const aod_wasm_limits_t *limits = &module->memories[0];
  *address_bits = aod_wasm_memory_bits(module);
  uint64_t most_pages = (1ull << *address_bits) / AOD_PAGE_BYTES;
  if (limits->min > most_pages)
    return aod_fail(err, AOD_ELIMIT, "a memory of %llu pages is too large",
                    (unsigned long long)limits->min);
  *min_bytes = limits->min * AOD_PAGE_BYTES;
  *max_bytes = (limits->max < most_pages ? limits->max : most_pages) * AOD_PAGE_BYTES;
  if (cap_bytes && cap_bytes < *max_bytes) *max_bytes = cap_bytes & ~(AOD_PAGE_BYTES - 1);
  return AOD_OK;
}

static int open_own_memory(aod_core_t *core, const aod_core_options_t *options, aod_error_t *err) {
  uint64_t min, max;
  uint32_t address_bits;
  int rc = aod_core_memory_limits(&core->code->module, options->memory_cap_bytes, &min, &max,
                                  &address_bits, err);
  if (rc) return rc;
  core->memory_owner = core;
  return aod_memory_open(&core->memory, min, max, address_bits, options->image, err);
}

static int open_memory(aod_core_t *core, const aod_core_options_t *options, aod_error_t *err) {
  const aod_wasm_module_t *module = &core->code->module;
  if (module->memory_count > module->imported_memories) {
    int rc = open_own_memory(core, options, err);
    if (rc) return rc;
  }
  if (core->memory_owner) {
    const aod_memory_t *memory = &core->memory_owner->memory;
    core->wasm.memory = memory->base;
    core->wasm.cards = memory->cards;
    core->wasm.memory_bytes = memory->bytes;
    core->wasm.memory_bits = memory->address_bits;
  }
  return AOD_OK;
}

static void fill_functions(aod_core_t *core) {
  const aod_wasm_module_t *module = &core->code->module;
  for (uint32_t i = 0; i < module->function_count; i++) {
    aod_wasm_ref_t ref = {core->code->wasm->functions[i], &core->wasm,
                          aod_wasm_function_type(module, i)->number};
    if (i < module->imported_functions && core->wasm.imports[i].code) {
      ref.code = core->wasm.imports[i].code;
      ref.instance = core->wasm.imports[i].instance;
    }
    core->wasm.functions[i] = ref;
  }
}

aod_wasm_ref_t aod__core_ref(const aod_core_t *core, const aod_wasm_value_t *value) {
  aod_wasm_ref_t ref;
  if (value->is_function) return core->wasm.functions[value->function];
  memcpy(&ref, value->slots, sizeof ref);
  return ref;
}

static void initialise_global(aod_core_t *core, uint32_t index) {
  const aod_wasm_global_t *global = &core->code->module.globals[index];
  aod_wasm_value_t value = aod_wasm_evaluate(&global->init, core->wasm.globals);
  uint64_t *slots = core->wasm.globals[index];
  if (value.is_function)
    memcpy(slots, &core->wasm.functions[value.function], sizeof(aod_wasm_ref_t));
  else
    memcpy(slots, value.slots, aod_wasm_slots(global->type) * sizeof *slots);
}

static void count_own(aod_core_t *core) {
  const aod_wasm_module_t *module = &core->code->module;
  core->own_tables = module->table_count - module->imported_tables;
  for (uint32_t i = module->imported_globals; i < module->global_count; i++)
    core->global_slots += aod_wasm_slots(module->globals[i].type);
}

static void point_at_own(aod_core_t *core) {
  const aod_wasm_module_t *module = &core->code->module;
  uint64_t *slots = core->state.globals;
  for (uint32_t i = module->imported_globals; i < module->global_count; i++) {
    core->wasm.globals[i] = slots;
    slots += aod_wasm_slots(module->globals[i].type);
  }
  for (uint32_t i = 0; i < core->own_tables; i++)
    core->wasm.tables[module->imported_tables + i] = &core->state.tables[i];
}

static aod_core_t *allocate(const aod_code_t *code, const aod_core_options_t *options) {
  const aod_wasm_module_t *module = &code->module;
  aod_core_t *core = aod_alloc(sizeof *core);
  core->code = code;
  core->wasm.runtime = &aod__runtime;
  core->wasm.depth = AOD_CALL_DEPTH_MAX;
  core->wasm.fuel = INT64_MAX;
  core->wasm.globals = aod_alloc((module->global_count + 1) * sizeof *core->wasm.globals);
  core->wasm.tables = aod_alloc((module->table_count + 1) * sizeof *core->wasm.tables);
  core->wasm.imports = aod_alloc((module->imported_functions + 1) * sizeof *core->wasm.imports);
  core->wasm.functions = aod_alloc((module->function_count + 1) * sizeof *core->wasm.functions);
  count_own(core);
  alloc_state(core, options->table_cap, &core->state);
  alloc_state(core, options->table_cap, &core->committed);
  point_at_own(core);
  return core;
}

int aod_core_open(aod_core_t **core_out, const aod_code_t *code, const aod_extern_t *imports,
                  const aod_core_options_t *options, aod_error_t *err) {
  static const aod_core_options_t none = {0};
  if (!options) options = &none;
  aod_core_t *core = allocate(code, options);
  int rc = link_imports(core, imports, err);
  if (rc == AOD_OK) rc = open_memory(core, options, err);
  if (rc) {
    aod_core_close(core);
    return rc;
  }
  fill_functions(core);
  for (uint32_t i = code->module.imported_globals; i < code->module.global_count; i++)
    initialise_global(core, i);
  *core_out = core;
  return AOD_OK;
}

static void unlink_memory(aod_core_t *core) {
  aod_core_t *user = core->memory_owner;
  if (!user || user == core) return;
  while (user->memory_next != core) user = user->memory_next;
  user->memory_next = core->memory_next;
}

void aod_core_close(aod_core_t *core) {
  if (!core) return;
  unlink_memory(core);
  aod_memory_close(&core->memory);
  free_state(core, &core->state);
  free_state(core, &core->committed);
  free(core->wasm.globals);
  free(core->wasm.tables);
  free(core->wasm.imports);
  free(core->wasm.functions);
  free(core);
}

/* ---- start ---- */

static uint64_t offset_of(const aod_core_t *core, const aod_wasm_expression_t *offset) {
  return aod_wasm_evaluate(offset, core->wasm.globals).slots[0];
}

static void start_elements(aod_core_t *core) {
  const aod_wasm_module_t *module = &core->code->module;
  for (uint32_t i = 0; i < module->element_count; i++) {
    const aod_wasm_element_t *element = &module->elements[i];
    if (element->mode == AOD_SEGMENT_ACTIVE)
      aod__table_init(core, element->table, i, (uint32_t)offset_of(core, &element->offset), 0,
                      element->count);
    if (element->mode != AOD_SEGMENT_PASSIVE) core->state.dropped[i] = 1;
  }
}

static void start_datas(aod_core_t *core) {
  const aod_wasm_module_t *module = &core->code->module;
  for (uint32_t i = 0; i < module->data_count; i++) {
    const aod_wasm_data_t *data = &module->datas[i];
    if (data->mode != AOD_SEGMENT_ACTIVE) continue;
    aod__memory_init(core, i, offset_of(core, &data->offset), 0, data->bytes.len);
    aod__dropped_data(core)[i] = 1;
  }
}

static void start_inside(void *argument) {
  aod_core_t *core = argument;
  uint64_t slots[1];
  start_elements(core);
  start_datas(core);
  if (core->code->module.start != AOD_WASM_NONE)
    aod_core_call_inside(core, core->code->module.start, slots);
}

int aod_core_start(aod_core_t *core) {
  return aod_enter(start_inside, core);
}

/* ---- calls ---- */

void aod_core_call_inside(aod_core_t *core, uint32_t index, uint64_t *slots) {
  const aod_wasm_module_t *module = &core->code->module;
  core->code->wasm->trampolines[module->functions[index].type](core->code->wasm->functions[index],
                                                               &core->wasm, slots);
}

/* The trampoline for a structural type number; every module that calls by that type has one. */
static uint32_t type_index(const aod_core_t *core, uint32_t number) {
  const aod_wasm_module_t *module = &core->code->module;
  for (uint32_t i = 0; i < module->type_count; i++)
    if (module->types[i].number == number) return i;
  aod_trap_raise(AOD_TRAP_SIGNATURE);
}

void aod_core_call_table(aod_core_t *core, uint64_t entry, uint32_t type, uint64_t *slots) {
  if (core->code->module.table_count == 0 || entry >= core->wasm.tables[0]->count)
    aod_trap_raise(AOD_TRAP_TABLE);
  aod_wasm_ref_t ref = core->wasm.tables[0]->entries[entry];
  if (!ref.code || ref.type != type) aod_trap_raise(AOD_TRAP_SIGNATURE);
  core->code->wasm->trampolines[type_index(core, type)](ref.code, ref.instance, slots);
}

typedef struct {
  aod_core_t *core;
  uint32_t index;
  uint64_t *slots;
} call_t;

static void call_inside(void *argument) {
  call_t *call = argument;
  aod_core_call_inside(call->core, call->index, call->slots);
}

int aod_core_call(aod_core_t *core, uint32_t index, uint64_t *slots) {
  call_t call = {core, index, slots};
  uint32_t depth = core->wasm.depth;
  int trap = aod_enter(call_inside, &call);
  core->wasm.depth = depth; /* a trap leaves it at the depth where it happened */
  return trap;
}

/* ---- exports ---- */

static void export_function(aod_core_t *core, uint32_t index, aod_extern_t *value) {
  const aod_wasm_ref_t *ref = &core->wasm.functions[index];
  value->type = ref->type;
  value->function = (aod_wasm_import_t){.code = ref->code, .instance = ref->instance};
}

bool aod_core_export(aod_core_t *core, const char *name, aod_wasm_kind_t kind,
                     aod_extern_t *value) {
  const aod_wasm_module_t *module = &core->code->module;
  const aod_wasm_export_t *export = aod_wasm_export_find(module, name, kind);
  if (!export) return false;
  *value = (aod_extern_t){.kind = kind};
  switch (kind) {
  case AOD_WASM_FUNCTION:
    export_function(core, export->index, value);
    break;
  case AOD_WASM_TABLE:
    value->value_type = module->tables[export->index].type;
    value->table = core->wasm.tables[export->index];
    break;
  case AOD_WASM_MEMORY:
    value->memory = core->memory_owner;
    break;
  case AOD_WASM_GLOBAL:
    value->value_type = module->globals[export->index].type;
    value->mutable = module->globals[export->index].mutable;
    value->global = core->wasm.globals[export->index];
    break;
  }
  return true;
}

/* ---- commit and rollback ---- */

void aod_core_commit(aod_core_t *core) {
  if (core->memory_owner == core) aod_memory_commit(&core->memory);
  aod__core_copy_state(core, &core->committed, &core->state);
}

void aod_core_settle(aod_core_t *core) {
  if (core->memory_owner == core) aod_memory_settle(&core->memory);
  aod__core_copy_state(core, &core->committed, &core->state);
}

void aod_core_rollback(aod_core_t *core) {
  if (core->memory_owner == core) {
    aod_memory_rollback(&core->memory);
    aod__memory_resized(core);
  }
  aod__core_copy_state(core, &core->state, &core->committed);
}
