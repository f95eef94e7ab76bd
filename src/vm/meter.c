/* The binary is copied section by section. The import metering.usegas comes behind all others, so
 * that every index of a function defined in the module grows by one: in calls, exports, elements,
 * the start section and the names. Everything else stays as it is. */
#include "vm/meter.h"

#include "vm/validate.h"

#define MODULE_NAME "metering"
#define FIELD_NAME  "usegas"

enum {
  HEADER_BYTES = 8,
  CALL_PRICE = 91, /* of the constant and the call that a segment gets */
};

enum {
  SECTION_CUSTOM = 0,
  SECTION_TYPE = 1,
  SECTION_IMPORT = 2,
  SECTION_EXPORT = 7,
  SECTION_START = 8,
  SECTION_ELEMENT = 9,
  SECTION_CODE = 10,
};

typedef struct {
  const aod_wasm_module_t *module;
  aod_wasm_valtype_t gas_type;
  aod_buf_t *out;
  aod_buf_t section;     /* the payload that is being written */
  aod_buf_t body;        /* the function */
  aod_buf_t segment;     /* instructions that are not yet paid */
  uint64_t price;        /* of them */
  const uint8_t *locals; /* where the function's body begins in the module */
  bool has_types, has_imports;
  aod_error_t *err;
} meter_t;

typedef void rewrite_t(meter_t *meter, aod__reader_t *payload);

/* ---- writing ---- */

static void write_unsigned(aod_buf_t *out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) aod_buf_byte(out, (uint8_t)(value | 0x80));
  aod_buf_byte(out, (uint8_t)value);
}

/* A number that is not negative, as signed LEB128 wants it: its last byte's top bit is the sign. */
static void write_signed(aod_buf_t *out, uint64_t value) {
  for (; value >= 0x40; value >>= 7) aod_buf_byte(out, (uint8_t)((value & 0x7f) | 0x80));
  aod_buf_byte(out, (uint8_t)value);
}

static void write_name(aod_buf_t *out, aod_slice_t name) {
  write_unsigned(out, name.len);
  aod_buf_append(out, name);
}

static void write_function(const meter_t *meter, aod_buf_t *out, uint32_t index) {
  write_unsigned(out, index + (index >= meter->module->imported_functions));
}

static void write_section(meter_t *meter, uint8_t id) {
  aod_buf_byte(meter->out, id);
  write_name(meter->out, aod_buf_slice(&meter->section));
}

/* What is left of a section. */
static void copy_rest(meter_t *meter, const aod__reader_t *payload) {
  aod_buf_append(&meter->section, aod_slice(payload->at, aod__reader_left(payload)));
}

/* ---- sections with indices ---- */

static void rewrite_types(meter_t *meter, aod__reader_t *payload) {
  write_unsigned(&meter->section, aod__read_u32(payload) + UINT64_C(1));
  copy_rest(meter, payload);
  const uint8_t type[] = {0x60, 1, meter->gas_type, 0};
  aod_buf_append(&meter->section, aod_slice(type, sizeof type));
}

static void rewrite_imports(meter_t *meter, aod__reader_t *payload) {
  write_unsigned(&meter->section, aod__read_u32(payload) + UINT64_C(1));
  copy_rest(meter, payload);
  write_name(&meter->section, AOD_TEXT(MODULE_NAME));
  write_name(&meter->section, AOD_TEXT(FIELD_NAME));
  aod_buf_byte(&meter->section, AOD_WASM_FUNCTION);
  write_unsigned(&meter->section, meter->module->type_count);
}

static void rewrite_exports(meter_t *meter, aod__reader_t *payload) {
  uint32_t count = aod__read_u32(payload);
  write_unsigned(&meter->section, count);
  for (uint32_t i = 0; i < count; i++) {
    write_name(&meter->section, aod__read_name(payload));
    uint8_t kind = aod__read_byte(payload);
    uint32_t index = aod__read_u32(payload);
    aod_buf_byte(&meter->section, kind);
    if (kind == AOD_WASM_FUNCTION)
      write_function(meter, &meter->section, index);
    else
      write_unsigned(&meter->section, index);
  }
}

static void rewrite_start(meter_t *meter, aod__reader_t *payload) {
  write_function(meter, &meter->section, aod__read_u32(payload));
}

/* Flags and offset of a segment: active in table 0, at one constant or global. */
static void copy_offset(meter_t *meter, aod__reader_t *payload) {
  const uint8_t *start = payload->at;
  uint32_t flags = aod__read_u32(payload);
  uint8_t opcode = aod__read_byte(payload);
  aod__read_s64(payload); /* an index reads alike */
  bool ends = aod__read_byte(payload) == OP_END;
  if (flags || (opcode != OP_I32_CONST && opcode != OP_GLOBAL_GET) || !ends)
    aod__reader_fail(payload, AOD_EUNSUPPORTED,
                     "modules with this kind of element segment cannot be metered");
  aod_buf_append(&meter->section, aod_slice(start, (size_t)(payload->at - start)));
}

static void rewrite_elements(meter_t *meter, aod__reader_t *payload) {
  uint32_t segments = aod__read_u32(payload);
  write_unsigned(&meter->section, segments);
  for (uint32_t i = 0; i < segments && !payload->code; i++) {
    copy_offset(meter, payload);
    uint32_t count = aod__read_u32(payload);
    write_unsigned(&meter->section, count);
    for (uint32_t k = 0; k < count; k++)
      write_function(meter, &meter->section, aod__read_u32(payload));
  }
}

/* ---- bodies ---- */

static bool ends_segment(uint32_t opcode) {
  switch (opcode) {
  case OP_MEMORY_GROW:
  case OP_END:
  case OP_BR:
  case OP_BR_TABLE:
  case OP_BR_IF:
  case OP_IF:
  case OP_ELSE:
  case OP_RETURN:
  case OP_LOOP:
    return true;
  default:
    return false;
  }
}

static void write_segment(meter_t *meter) {
  if (meter->price) {
    aod_buf_byte(&meter->body, meter->gas_type == AOD_WASM_I64 ? OP_I64_CONST : OP_I32_CONST);
    write_signed(&meter->body, meter->price + CALL_PRICE);
    aod_buf_byte(&meter->body, OP_CALL);
    write_unsigned(&meter->body, meter->module->imported_functions);
  }
  aod_buf_append(&meter->body, aod_buf_slice(&meter->segment));
  meter->segment.len = 0;
  meter->price = 0;
}

static bool is_known(uint32_t opcode) {
  return opcode < OP_REF_NULL && opcode != OP_SELECT_TYPED && opcode != OP_TABLE_GET &&
         opcode != OP_TABLE_SET;
}

/* Copy the instruction. What stands before a body's first are its locals, which cost nothing. */
static void copy_instruction(meter_t *meter, const aod__checker_t *checker) {
  const aod__instruction_t *instruction = &checker->instruction;
  const uint8_t *start = checker->reader.start + instruction->offset;
  if (meter->body.len == 0 && meter->segment.len == 0)
    aod_buf_append(&meter->body, aod_slice(meter->locals, (size_t)(start - meter->locals)));
  if (instruction->opcode == OP_CALL) {
    aod_buf_byte(&meter->segment, OP_CALL);
    write_function(meter, &meter->segment, instruction->index[0]);
  } else {
    aod_buf_append(&meter->segment, aod_slice(start, (size_t)(checker->reader.at - start)));
  }
}

static int meter_instruction(void *context, aod__checker_t *checker) {
  meter_t *meter = context;
  const aod__instruction_t *instruction = &checker->instruction;
  if (!is_known(instruction->opcode))
    return aod__reader_fail(&checker->reader, AOD_EUNSUPPORTED,
                            "%s has no price: modules with it cannot be metered",
                            instruction->row->name);
  copy_instruction(meter, checker);
  meter->price += instruction->row->cost;
  if (meter->gas_type == AOD_WASM_I32 && meter->price > INT32_MAX - CALL_PRICE)
    return aod__reader_fail(&checker->reader, AOD_EUNSUPPORTED, "the price does not fit an i32");
  if (ends_segment(instruction->opcode)) write_segment(meter);
  return 0;
}

/* Fails through the payload's reader, as all rewriters do. */
static void rewrite_code(meter_t *meter, aod__reader_t *payload) {
  const aod_wasm_module_t *module = meter->module;
  aod__checker_t checker = {0};
  write_unsigned(&meter->section, module->function_count - module->imported_functions);
  for (uint32_t i = module->imported_functions; i < module->function_count; i++) {
    meter->body.len = meter->segment.len = 0;
    meter->locals = module->functions[i].body.ptr;
    payload->code = aod__walk(&checker, module, i, meter_instruction, meter, payload->err);
    if (payload->code) break;
    write_name(&meter->section, aod_buf_slice(&meter->body));
  }
  aod__checker_free(&checker);
}

/* ---- the module ---- */

static rewrite_t *const rewriters[] = {
    [SECTION_TYPE] = rewrite_types,       [SECTION_IMPORT] = rewrite_imports,
    [SECTION_EXPORT] = rewrite_exports,   [SECTION_START] = rewrite_start,
    [SECTION_ELEMENT] = rewrite_elements, [SECTION_CODE] = rewrite_code,
};
enum { REWRITER_COUNT = sizeof rewriters / sizeof rewriters[0] };

static int rewrite_section(meter_t *meter, uint8_t id, aod_slice_t bytes) {
  aod__reader_t payload = {.start = meter->module->wasm.ptr,
                           .at = bytes.ptr,
                           .end = bytes.ptr + bytes.len,
                           .err = meter->err};
  meter->section.len = 0;
  if (id < REWRITER_COUNT && rewriters[id])
    rewriters[id](meter, &payload);
  else
    copy_rest(meter, &payload);
  write_section(meter, id);
  return payload.code;
}

/* Write the sections that must stand before section `id` and that the module does not have. */
static void add_missing(meter_t *meter, uint8_t id) {
  static const uint8_t none[] = {0};
  aod_slice_t empty = aod_slice(none, sizeof none);
  if (id == SECTION_CUSTOM) return;
  if (!meter->has_types && id > SECTION_TYPE) rewrite_section(meter, SECTION_TYPE, empty);
  meter->has_types = true;
  if (!meter->has_imports && id > SECTION_IMPORT) rewrite_section(meter, SECTION_IMPORT, empty);
  meter->has_imports = meter->has_imports || id >= SECTION_IMPORT;
}

static bool is_name_section(uint8_t id, aod_slice_t bytes) {
  return id == SECTION_CUSTOM && aod_slice_starts(bytes, "\x04name");
}

static int rewrite_sections(meter_t *meter) {
  aod_slice_t wasm = meter->module->wasm;
  aod__reader_t reader = {.start = wasm.ptr,
                          .at = wasm.ptr + HEADER_BYTES,
                          .end = wasm.ptr + wasm.len,
                          .err = meter->err};
  aod_buf_append(meter->out, aod_slice(wasm.ptr, HEADER_BYTES));
  int rc = 0;
  while (!rc && aod__reader_left(&reader)) {
    uint8_t id = aod__read_byte(&reader);
    aod_slice_t bytes = aod__read_bytes(&reader, aod__read_u32(&reader));
    if (is_name_section(id, bytes)) continue;
    add_missing(meter, id);
    rc = rewrite_section(meter, id, bytes);
  }
  add_missing(meter, UINT8_MAX);
  return rc;
}

/* Functions keep their names, by their new indices. */
static void write_names(meter_t *meter) {
  enum { FUNCTION_NAMES = 1 };
  const aod_wasm_module_t *module = meter->module;
  aod_buf_t names = {0};
  uint32_t count = 0;
  for (uint32_t i = 0; i < module->function_count; i++) count += module->functions[i].name.len > 0;
  write_unsigned(&names, count);
  for (uint32_t i = 0; i < module->function_count; i++) {
    if (!module->functions[i].name.len) continue;
    write_function(meter, &names, i);
    write_name(&names, module->functions[i].name);
  }
  meter->section.len = 0;
  write_name(&meter->section, AOD_TEXT("name"));
  aod_buf_byte(&meter->section, FUNCTION_NAMES);
  write_name(&meter->section, aod_buf_slice(&names));
  write_section(meter, SECTION_CUSTOM);
  aod_buf_free(&names);
}

static int check(const aod_wasm_module_t *module, aod_error_t *err) {
  for (uint32_t i = 0; i < module->import_count; i++)
    if (aod_slice_is(module->imports[i].module, MODULE_NAME) &&
        aod_slice_is(module->imports[i].field, FIELD_NAME))
      return aod_fail(err, AOD_EUNSUPPORTED, "importing metering function is not allowed");
  for (uint32_t i = 0; i < module->global_count; i++)
    if (aod_wasm_slots(module->globals[i].type) > 1)
      return aod_fail(err, AOD_EUNSUPPORTED, "modules with globals of type %s cannot be metered",
                      aod_wasm_valtype_name(module->globals[i].type));
  return AOD_OK;
}

int aod__meter(const aod_wasm_module_t *module, aod_wasm_valtype_t gas_type, aod_buf_t *metered,
               aod_error_t *err) {
  meter_t meter = {.module = module, .gas_type = gas_type, .out = metered, .err = err};
  int rc = check(module, err);
  if (rc == AOD_OK) rc = rewrite_sections(&meter);
  if (rc == AOD_OK) write_names(&meter);
  aod_buf_free(&meter.section);
  aod_buf_free(&meter.body);
  aod_buf_free(&meter.segment);
  return rc;
}
