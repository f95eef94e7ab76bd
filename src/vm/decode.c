/* The binary decoder: sections in their order, each into its array of the module.
 *
 * One row a section; the row's reader consumes exactly the section's bytes. Counts are checked
 * against the bytes that are left and against the limits of decode.h before anything is allocated,
 * so the memory used is a small multiple of the module's size. Names of imports and exports are
 * borrowed from the bytes. */
#include "vm/decode.h"

#include <stdlib.h>

typedef struct {
  aod__reader_t reader;
  aod_wasm_module_t *module;
  uint32_t body_count;     /* functions that the code section gave a body */
  uint32_t function_limit; /* functions that the function section announced */
  uint32_t announced_data;
} decoder_t;

static void *array(decoder_t *decoder, size_t count, size_t size) {
  return aod_arena_alloc(&decoder->module->arena, count * size);
}

/* ---- types ---- */

aod_wasm_valtype_t aod__read_valtype(aod__reader_t *reader) {
  uint8_t code = aod__read_byte(reader);
  if (reader->code) return AOD_WASM_I32;
  if (code >= AOD_WASM_V128 && code <= AOD_WASM_I32) return code;
  if (code == AOD_WASM_FUNCREF || code == AOD_WASM_EXTERNREF) return code;
  reader->at--;
  aod__reader_fail(reader, AOD_EINPUT, "malformed value type 0x%02x", code);
  return AOD_WASM_I32;
}

aod_wasm_valtype_t aod__read_reftype(aod__reader_t *reader) {
  uint8_t code = aod__read_byte(reader);
  if (reader->code || code == AOD_WASM_FUNCREF || code == AOD_WASM_EXTERNREF) return code;
  reader->at--;
  aod__reader_fail(reader, AOD_EINPUT, "malformed reference type 0x%02x", code);
  return AOD_WASM_FUNCREF;
}

const char *aod_wasm_valtype_name(aod_wasm_valtype_t type) {
  switch (type) {
  case AOD_WASM_I32:
    return "i32";
  case AOD_WASM_I64:
    return "i64";
  case AOD_WASM_F32:
    return "f32";
  case AOD_WASM_F64:
    return "f64";
  case AOD_WASM_V128:
    return "v128";
  case AOD_WASM_FUNCREF:
    return "funcref";
  case AOD_WASM_EXTERNREF:
    return "externref";
  default:
    return "any";
  }
}

static const aod_wasm_valtype_t *read_valtypes(decoder_t *decoder, const char *what, uint32_t limit,
                                               uint32_t *count) {
  *count = aod__read_count(&decoder->reader, what, limit);
  aod_wasm_valtype_t *types = array(decoder, *count, sizeof *types);
  for (uint32_t i = 0; i < *count; i++) types[i] = aod__read_valtype(&decoder->reader);
  return types;
}

static uint32_t hash_more(uint32_t hash, const uint8_t *bytes, uint32_t count) {
  hash = (hash ^ count) * 16777619u;
  for (uint32_t i = 0; i < count; i++) hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

static bool same_type(const aod_wasm_type_t *a, const aod_wasm_type_t *b) {
  return a->param_count == b->param_count && a->result_count == b->result_count &&
         !memcmp(a->params, b->params, a->param_count) &&
         !memcmp(a->results, b->results, a->result_count);
}

static int by_number(const void *a, const void *b) {
  const aod_wasm_type_t *x = *(aod_wasm_type_t *const *)a, *y = *(aod_wasm_type_t *const *)b;
  return x->number < y->number ? -1 : x->number > y->number;
}

/* Numbers are hashes (FNV-1a), so that modules which share a table agree without a registry. Two
 * types of one module with the same hash would break call_indirect's check: refuse them. */
static void number_types(decoder_t *decoder) {
  aod_wasm_module_t *module = decoder->module;
  aod_wasm_type_t **sorted = aod_alloc((module->type_count + 1) * sizeof *sorted);
  for (uint32_t i = 0; i < module->type_count; i++) {
    aod_wasm_type_t *type = sorted[i] = &module->types[i];
    uint32_t hash = hash_more(2166136261u, type->params, type->param_count);
    hash = hash_more(hash, type->results, type->result_count);
    type->number = hash ? hash : 1;
  }
  qsort(sorted, module->type_count, sizeof *sorted, by_number);
  for (uint32_t i = 1; i < module->type_count; i++)
    if (sorted[i]->number == sorted[i - 1]->number && !same_type(sorted[i], sorted[i - 1]))
      aod__reader_fail(&decoder->reader, AOD_EUNSUPPORTED, "types %td and %td have the same number",
                       sorted[i - 1] - module->types, sorted[i] - module->types);
  free(sorted);
}

static void read_types(decoder_t *decoder) {
  aod__reader_t *reader = &decoder->reader;
  aod_wasm_module_t *module = decoder->module;
  uint32_t count = aod__read_count(reader, "types", AOD_WASM_MAX_TYPES);
  module->types = array(decoder, count, sizeof *module->types);
  for (uint32_t i = 0; i < count && !reader->code; i++) {
    aod_wasm_type_t *type = &module->types[i];
    if (aod__read_byte(reader) != 0x60) {
      aod__reader_fail(reader, AOD_EINPUT, "malformed function type");
      return;
    }
    type->params = read_valtypes(decoder, "parameters", AOD_WASM_MAX_PARAMS, &type->param_count);
    type->results = read_valtypes(decoder, "results", AOD_WASM_MAX_RESULTS, &type->result_count);
  }
  module->type_count = count;
  if (!reader->code) number_types(decoder);
}

/* ---- limits ---- */

/* The flag byte: 1 has a maximum, 2 shared, 4 64-bit. */
static aod_wasm_limits_t read_limits(decoder_t *decoder, bool may_be_64, uint64_t bound) {
  aod__reader_t *reader = &decoder->reader;
  uint8_t flags = aod__read_byte(reader);
  aod_wasm_limits_t limits = {.has_max = flags & 1, .is_64 = flags & 4};
  if (flags & 2 && flags <= 7)
    aod__reader_fail(reader, AOD_EUNSUPPORTED, "shared memory is not supported");
  else if (limits.is_64 && flags <= 7 && !may_be_64)
    aod__reader_fail(reader, AOD_EUNSUPPORTED, "64-bit tables are not supported");
  else if (flags > 7)
    aod__reader_fail(reader, AOD_EINPUT, "malformed limits flags 0x%02x", flags);
  limits.min = limits.is_64 ? aod__read_u64(reader) : aod__read_u32(reader);
  if (limits.is_64) bound = AOD_WASM_MAX_PAGES_64;
  limits.max = bound;
  if (limits.has_max) limits.max = limits.is_64 ? aod__read_u64(reader) : aod__read_u32(reader);
  if (limits.min > limits.max)
    aod__reader_fail(reader, AOD_EINPUT, "size minimum must not be greater than maximum");
  else if (limits.max > bound)
    aod__reader_fail(reader, AOD_EINPUT, "size must be at most %llu", (unsigned long long)bound);
  return limits;
}

static aod_wasm_table_entry_t read_table(decoder_t *decoder) {
  aod_wasm_table_entry_t table = {.type = aod__read_reftype(&decoder->reader)};
  table.limits = read_limits(decoder, false, UINT32_MAX);
  if (table.limits.min > AOD_WASM_MAX_TABLE_ENTRIES)
    aod__reader_fail(&decoder->reader, AOD_ELIMIT, "table too large");
  return table;
}

static aod_wasm_limits_t read_memory(decoder_t *decoder) {
  return read_limits(decoder, true, AOD_WASM_MAX_PAGES);
}

static aod_wasm_global_t read_global_type(decoder_t *decoder) {
  aod_wasm_global_t global = {.type = aod__read_valtype(&decoder->reader)};
  uint8_t mutability = aod__read_byte(&decoder->reader);
  if (mutability > 1) aod__reader_fail(&decoder->reader, AOD_EINPUT, "malformed mutability");
  global.mutable = mutability;
  return global;
}

static uint32_t read_type_index(decoder_t *decoder) {
  uint32_t index = aod__read_u32(&decoder->reader);
  if (index >= decoder->module->type_count)
    aod__reader_fail(&decoder->reader, AOD_EINPUT, "unknown type %u", index);
  return index;
}

/* ---- imports and definitions ---- */

/* Make room for `count` more elements in an index space whose `used` first ones are imported. The
 * spaces live in the arena; at most one copy each, since imports come before definitions. */
static void *extend(decoder_t *decoder, void *old, uint32_t used, uint32_t count, size_t size) {
  uint8_t *space = array(decoder, (size_t)used + count, size);
  if (used) memcpy(space, old, used * size);
  return space;
}

static void read_import(decoder_t *decoder, aod_wasm_import_entry_t *import) {
  aod__reader_t *reader = &decoder->reader;
  aod_wasm_module_t *module = decoder->module;
  import->module = aod__read_name(reader);
  import->field = aod__read_name(reader);
  uint8_t kind = aod__read_byte(reader);
  import->kind = kind;
  switch (kind) {
  case AOD_WASM_FUNCTION:
    import->index = module->imported_functions++;
    module->functions[import->index].type = read_type_index(decoder);
    break;
  case AOD_WASM_TABLE:
    import->index = module->imported_tables++;
    module->tables[import->index] = read_table(decoder);
    break;
  case AOD_WASM_MEMORY:
    import->index = module->imported_memories++;
    module->memories[import->index] = read_memory(decoder);
    break;
  case AOD_WASM_GLOBAL:
    import->index = module->imported_globals++;
    module->globals[import->index] = read_global_type(decoder);
    break;
  default:
    aod__reader_fail(reader, AOD_EINPUT, "malformed import kind 0x%02x", kind);
  }
}

static void read_imports(decoder_t *decoder) {
  aod_wasm_module_t *module = decoder->module;
  uint32_t count = aod__read_count(&decoder->reader, "imports", AOD_WASM_MAX_IMPORTS);
  module->imports = array(decoder, count, sizeof *module->imports);
  module->functions = array(decoder, count, sizeof *module->functions);
  module->tables = array(decoder, count, sizeof *module->tables);
  module->memories = array(decoder, count, sizeof *module->memories);
  module->globals = array(decoder, count, sizeof *module->globals);
  for (uint32_t i = 0; i < count && !decoder->reader.code; i++)
    read_import(decoder, &module->imports[i]);
  module->import_count = count;
  module->function_count = module->imported_functions;
  module->table_count = module->imported_tables;
  module->memory_count = module->imported_memories;
  module->global_count = module->imported_globals;
}

static void read_functions(decoder_t *decoder) {
  aod_wasm_module_t *module = decoder->module;
  uint32_t count = aod__read_count(&decoder->reader, "functions", AOD_WASM_MAX_FUNCTIONS);
  uint32_t imported = module->imported_functions;
  module->functions =
      extend(decoder, module->functions, imported, count, sizeof *module->functions);
  for (uint32_t i = 0; i < count; i++)
    module->functions[imported + i].type = read_type_index(decoder);
  module->function_count = imported + count;
}

static void read_tables(decoder_t *decoder) {
  aod_wasm_module_t *module = decoder->module;
  uint32_t count = aod__read_count(&decoder->reader, "tables", AOD_WASM_MAX_TABLES);
  uint32_t imported = module->imported_tables;
  module->tables = extend(decoder, module->tables, imported, count, sizeof *module->tables);
  for (uint32_t i = 0; i < count && !decoder->reader.code; i++)
    module->tables[imported + i] = read_table(decoder);
  module->table_count = imported + count;
}

static void read_memories(decoder_t *decoder) {
  aod_wasm_module_t *module = decoder->module;
  uint32_t count = aod__read_count(&decoder->reader, "memories", AOD_WASM_MAX_IMPORTS);
  uint32_t imported = module->imported_memories;
  module->memories = extend(decoder, module->memories, imported, count, sizeof *module->memories);
  for (uint32_t i = 0; i < count && !decoder->reader.code; i++)
    module->memories[imported + i] = read_memory(decoder);
  module->memory_count = imported + count;
}

static void read_globals(decoder_t *decoder) {
  aod_wasm_module_t *module = decoder->module;
  uint32_t count = aod__read_count(&decoder->reader, "globals", AOD_WASM_MAX_GLOBALS);
  uint32_t imported = module->imported_globals;
  module->globals = extend(decoder, module->globals, imported, count, sizeof *module->globals);
  for (uint32_t i = 0; i < count && !decoder->reader.code; i++) {
    aod_wasm_global_t *global = &module->globals[imported + i];
    *global = read_global_type(decoder);
    global->init = aod__read_expression(&decoder->reader, module, global->type);
    module->global_count = imported + i + 1;
  }
}

/* ---- exports and start ---- */

static uint32_t space_size(const aod_wasm_module_t *module, uint8_t kind) {
  switch (kind) {
  case AOD_WASM_FUNCTION:
    return module->function_count;
  case AOD_WASM_TABLE:
    return module->table_count;
  case AOD_WASM_MEMORY:
    return module->memory_count;
  default:
    return module->global_count;
  }
}

static int by_name(const void *a, const void *b) {
  return aod_slice_compare((*(aod_wasm_export_t *const *)a)->name,
                           (*(aod_wasm_export_t *const *)b)->name);
}

static void check_unique(decoder_t *decoder) {
  aod_wasm_module_t *module = decoder->module;
  aod_wasm_export_t **sorted = aod_alloc((module->export_count + 1) * sizeof *sorted);
  for (uint32_t i = 0; i < module->export_count; i++) sorted[i] = &module->exports[i];
  qsort(sorted, module->export_count, sizeof *sorted, by_name);
  for (uint32_t i = 1; i < module->export_count; i++)
    if (aod_slice_equal(sorted[i]->name, sorted[i - 1]->name))
      aod__reader_fail(&decoder->reader, AOD_EINPUT, "duplicate export name \"%.*s\"",
                       AOD_ARG(aod_slice_sub(sorted[i]->name, 0, 100)));
  free(sorted);
}

static void read_exports(decoder_t *decoder) {
  aod__reader_t *reader = &decoder->reader;
  aod_wasm_module_t *module = decoder->module;
  uint32_t count = aod__read_count(reader, "exports", AOD_WASM_MAX_EXPORTS);
  module->exports = array(decoder, count, sizeof *module->exports);
  for (uint32_t i = 0; i < count && !reader->code; i++) {
    aod_wasm_export_t *export = &module->exports[i];
    export->name = aod__read_name(reader);
    uint8_t kind = aod__read_byte(reader);
    export->kind = kind;
    export->index = aod__read_u32(reader);
    if (kind > AOD_WASM_GLOBAL)
      aod__reader_fail(reader, AOD_EINPUT, "malformed export kind 0x%02x", kind);
    else if (export->index >= space_size(module, kind))
      aod__reader_fail(reader, AOD_EINPUT, "export of an unknown index %u", export->index);
    else if (kind == AOD_WASM_FUNCTION)
      aod__declare_function(reader, module, export->index);
  }
  module->export_count = count;
  if (!reader->code) check_unique(decoder);
}

static void read_start(decoder_t *decoder) {
  aod_wasm_module_t *module = decoder->module;
  uint32_t index = aod__read_u32(&decoder->reader);
  if (index >= module->function_count) {
    aod__reader_fail(&decoder->reader, AOD_EINPUT, "unknown function %u", index);
    return;
  }
  const aod_wasm_type_t *type = aod_wasm_function_type(module, index);
  if (type->param_count || type->result_count)
    aod__reader_fail(&decoder->reader, AOD_EINPUT, "start function must have type [] -> []");
  module->start = index;
}

/* ---- segments ---- */

/* Bits of an element segment's flags. */
enum { ELEMENT_NOT_ACTIVE = 1, ELEMENT_EXPLICIT = 2, ELEMENT_EXPRESSIONS = 4 };

static void read_element_offset(decoder_t *decoder, aod_wasm_element_t *element, uint32_t flags) {
  aod__reader_t *reader = &decoder->reader;
  const aod_wasm_module_t *module = decoder->module;
  if (flags & ELEMENT_EXPLICIT) element->table = aod__read_u32(reader);
  if (element->table >= module->table_count) {
    aod__reader_fail(reader, AOD_EINPUT, "unknown table %u", element->table);
    return;
  }
  element->offset = aod__read_expression(reader, decoder->module, AOD_WASM_I32);
}

static void read_element_type(decoder_t *decoder, aod_wasm_element_t *element, uint32_t flags) {
  aod__reader_t *reader = &decoder->reader;
  element->type = AOD_WASM_FUNCREF;
  if (!(flags & (ELEMENT_NOT_ACTIVE | ELEMENT_EXPLICIT))) return;
  if (flags & ELEMENT_EXPRESSIONS)
    element->type = aod__read_reftype(reader);
  else if (aod__read_byte(reader) != 0)
    aod__reader_fail(reader, AOD_EINPUT, "malformed element kind");
}

static aod_wasm_expression_t read_item(decoder_t *decoder, const aod_wasm_element_t *element,
                                       uint32_t flags) {
  aod__reader_t *reader = &decoder->reader;
  if (flags & ELEMENT_EXPRESSIONS)
    return aod__read_expression(reader, decoder->module, element->type);
  aod_wasm_constant_t op = {.op = AOD_CONSTANT_FUNCTION, .type = AOD_WASM_FUNCREF};
  op.index = aod__read_u32(reader);
  aod__declare_function(reader, decoder->module, op.index);
  return aod__expression_of(decoder->module, op);
}

static void read_element(decoder_t *decoder, aod_wasm_element_t *element) {
  aod__reader_t *reader = &decoder->reader;
  uint32_t flags = aod__read_u32(reader);
  if (flags > 7) {
    aod__reader_fail(reader, AOD_EINPUT, "malformed element segment kind %u", flags);
    return;
  }
  bool active = !(flags & ELEMENT_NOT_ACTIVE);
  element->mode = active                       ? AOD_SEGMENT_ACTIVE
                  : (flags & ELEMENT_EXPLICIT) ? AOD_SEGMENT_DECLARED
                                               : AOD_SEGMENT_PASSIVE;
  if (active) read_element_offset(decoder, element, flags);
  read_element_type(decoder, element, flags);
  if (!reader->code && active && decoder->module->tables[element->table].type != element->type)
    aod__reader_fail(reader, AOD_EINPUT, "type mismatch: table and element segment differ");
  uint32_t count = aod__read_count(reader, "elements", AOD_WASM_MAX_ITEMS);
  aod_wasm_expression_t *items = array(decoder, count, sizeof *items);
  for (uint32_t i = 0; i < count && !reader->code; i++)
    items[i] = read_item(decoder, element, flags);
  element->items = items;
  element->count = count;
}

static void read_elements(decoder_t *decoder) {
  aod_wasm_module_t *module = decoder->module;
  uint32_t count = aod__read_count(&decoder->reader, "element segments", AOD_WASM_MAX_SEGMENTS);
  module->elements = array(decoder, count, sizeof *module->elements);
  for (uint32_t i = 0; i < count && !decoder->reader.code; i++)
    read_element(decoder, &module->elements[i]);
  module->element_count = count;
}

static void read_data_count(decoder_t *decoder) {
  decoder->module->has_data_count = true;
  decoder->announced_data = aod__read_u32(&decoder->reader);
  decoder->module->data_count = decoder->announced_data;
}

static void read_data(decoder_t *decoder, aod_wasm_data_t *data) {
  aod__reader_t *reader = &decoder->reader;
  const aod_wasm_module_t *module = decoder->module;
  uint32_t flags = aod__read_u32(reader), memory = 0;
  if (flags > 2) aod__reader_fail(reader, AOD_EINPUT, "malformed data segment kind %u", flags);
  data->mode = flags == 1 ? AOD_SEGMENT_PASSIVE : AOD_SEGMENT_ACTIVE;
  if (flags == 2) memory = aod__read_u32(reader);
  if (data->mode == AOD_SEGMENT_ACTIVE) {
    if (memory >= module->memory_count) {
      aod__reader_fail(reader, AOD_EINPUT, "unknown memory %u", memory);
      return;
    }
    aod_wasm_valtype_t type = module->memories[memory].is_64 ? AOD_WASM_I64 : AOD_WASM_I32;
    data->offset = aod__read_expression(reader, decoder->module, type);
  }
  data->bytes = aod__read_bytes(reader, aod__read_u32(reader));
}

static void read_datas(decoder_t *decoder) {
  aod_wasm_module_t *module = decoder->module;
  uint32_t count = aod__read_count(&decoder->reader, "data segments", AOD_WASM_MAX_SEGMENTS);
  module->datas = array(decoder, count, sizeof *module->datas);
  for (uint32_t i = 0; i < count && !decoder->reader.code; i++)
    read_data(decoder, &module->datas[i]);
  module->data_count = count;
}

/* ---- code ---- */

static void read_code(decoder_t *decoder) {
  aod__reader_t *reader = &decoder->reader;
  aod_wasm_module_t *module = decoder->module;
  uint32_t count = aod__read_count(reader, "function bodies", AOD_WASM_MAX_FUNCTIONS);
  if (count != module->function_count - module->imported_functions) {
    aod__reader_fail(reader, AOD_EINPUT, "function and code section have inconsistent lengths");
    return;
  }
  for (uint32_t i = 0; i < count && !reader->code; i++) {
    uint32_t len = aod__read_u32(reader);
    if (len > AOD_WASM_MAX_BODY_BYTES)
      aod__reader_fail(reader, AOD_ELIMIT, "function body of %u bytes", len);
    module->functions[module->imported_functions + i].body = aod__read_bytes(reader, len);
  }
  decoder->body_count = count;
}

/* ---- the name section ---- */

/* Function names are for people only: whatever is wrong here ends the reading and harms nothing. */
static void read_function_names(aod_wasm_module_t *module, aod_slice_t section) {
  aod__reader_t reader = {
      .start = module->wasm.ptr, .at = section.ptr, .end = section.ptr + section.len};
  while (aod__reader_left(&reader) && !reader.code) {
    uint8_t id = aod__read_byte(&reader);
    uint32_t len = aod__read_u32(&reader);
    if (id != 1) {
      aod__read_bytes(&reader, len);
      continue;
    }
    uint32_t count = aod__read_u32(&reader);
    for (uint32_t i = 0; i < count && !reader.code; i++) {
      uint32_t index = aod__read_u32(&reader);
      aod_slice_t name = aod__read_bytes(&reader, aod__read_u32(&reader));
      if (index < module->function_count && !reader.code) module->functions[index].name = name;
    }
    return;
  }
}

static void read_custom(decoder_t *decoder) {
  aod__reader_t *reader = &decoder->reader;
  aod_slice_t name = aod__read_name(reader);
  aod_slice_t rest = aod__read_bytes(reader, aod__reader_left(reader));
  if (!reader->code && aod_slice_is(name, "name")) read_function_names(decoder->module, rest);
}

/* ---- the module ---- */

static const struct {
  uint8_t id, order; /* sections come in rising order, each at most once; custom ones anywhere */
  void (*read)(decoder_t *);
} sections[] = {
    {0, 0, read_custom},       {1, 1, read_types},    {2, 2, read_imports}, {3, 3, read_functions},
    {4, 4, read_tables},       {5, 5, read_memories}, {6, 6, read_globals}, {7, 7, read_exports},
    {8, 8, read_start},        {9, 9, read_elements}, {10, 11, read_code},  {11, 12, read_datas},
    {12, 10, read_data_count},
};

/* ref.func marks are needed from the first constant expression on, when all functions are known. */
static void prepare_marks(decoder_t *decoder, uint8_t order) {
  aod_wasm_module_t *module = decoder->module;
  if (order > 3 && !module->ref_funcs)
    module->ref_funcs = array(decoder, (size_t)module->function_count + 1, 1);
}

static void read_section(decoder_t *decoder, uint8_t *last) {
  aod__reader_t *reader = &decoder->reader;
  uint8_t id = aod__read_byte(reader);
  if (!reader->code && id >= sizeof sections / sizeof sections[0]) {
    reader->at--;
    aod__reader_fail(reader, AOD_EINPUT, "malformed section id %u", id);
  }
  aod_slice_t bytes = aod__read_bytes(reader, aod__read_u32(reader));
  if (reader->code) return;
  const uint8_t *end = reader->end;
  reader->at = bytes.ptr;
  reader->end = bytes.ptr + bytes.len;
  if (id && sections[id].order <= *last)
    aod__reader_fail(reader, AOD_EINPUT, "section %u out of order or twice", id);
  else if (id)
    *last = sections[id].order;
  prepare_marks(decoder, sections[id].order);
  if (!reader->code) sections[id].read(decoder);
  if (!reader->code && reader->at != reader->end)
    aod__reader_fail(reader, AOD_EINPUT, "section size mismatch");
  if (!reader->code) reader->end = end;
}

static void read_header(aod__reader_t *reader) {
  aod_slice_t magic = aod__read_bytes(reader, 4);
  if (reader->code || memcmp(magic.ptr, "\0asm", 4)) {
    reader->at = reader->start;
    aod__reader_fail(reader, AOD_EINPUT, "magic header not detected");
    return;
  }
  aod_slice_t version = aod__read_bytes(reader, 4);
  if (!reader->code && memcmp(version.ptr, "\1\0\0\0", 4))
    aod__reader_fail(reader, AOD_EINPUT, "unknown binary version");
}

/* What can be said only when all sections are there. */
static void check_whole(decoder_t *decoder) {
  aod__reader_t *reader = &decoder->reader;
  const aod_wasm_module_t *module = decoder->module;
  if (decoder->body_count != module->function_count - module->imported_functions)
    aod__reader_fail(reader, AOD_EINPUT, "function and code section have inconsistent lengths");
  else if (module->has_data_count && decoder->announced_data != module->data_count)
    aod__reader_fail(reader, AOD_EINPUT, "data count and data section have inconsistent lengths");
  else if (module->has_data_count && module->data_count && !module->datas)
    aod__reader_fail(reader, AOD_EINPUT, "data count without a data section");
  else if (module->memory_count > 1)
    aod__reader_fail(reader, AOD_EUNSUPPORTED, "more than one memory is not supported");
}

int aod_wasm_decode(aod_slice_t wasm, aod_wasm_module_t *module, aod_error_t *err) {
  if (!wasm.ptr) wasm = AOD_TEXT(""); /* the reader counts with addresses */
  *module = (aod_wasm_module_t){.wasm = wasm, .start = AOD_WASM_NONE};
  if (wasm.len > AOD_WASM_MAX_BYTES)
    return aod_fail(err, AOD_ELIMIT, "module of %zu bytes, at most %d are supported", wasm.len,
                    AOD_WASM_MAX_BYTES);
  decoder_t decoder = {.module = module};
  decoder.reader =
      (aod__reader_t){.start = wasm.ptr, .at = wasm.ptr, .end = wasm.ptr + wasm.len, .err = err};
  read_header(&decoder.reader);
  uint8_t last = 0;
  while (!decoder.reader.code && aod__reader_left(&decoder.reader)) read_section(&decoder, &last);
  prepare_marks(&decoder, UINT8_MAX);
  check_whole(&decoder);
  if (decoder.reader.code) aod_wasm_module_free(module);
  return decoder.reader.code;
}

void aod_wasm_module_free(aod_wasm_module_t *module) {
  aod_arena_free(&module->arena);
  *module = (aod_wasm_module_t){.start = AOD_WASM_NONE};
}

const aod_wasm_export_t *aod_wasm_export_find(const aod_wasm_module_t *module, const char *name,
                                              aod_wasm_kind_t kind) {
  for (uint32_t i = 0; i < module->export_count; i++)
    if (module->exports[i].kind == kind && aod_slice_is(module->exports[i].name, name))
      return &module->exports[i];
  return NULL;
}

uint32_t aod_wasm_memory_bits(const aod_wasm_module_t *module) {
  if (!module->memory_count || !module->memories[0].is_64) return 32;
  uint32_t bits = 16; /* a page */
  while (bits < AOD_WASM_MEMORY_BITS_64 && module->memories[0].max > UINT64_C(1) << (bits - 16))
    bits++;
  return bits;
}
