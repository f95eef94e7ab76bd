/* The validation algorithm of the specification's appendix: a stack of operand types and a stack of
 * control frames. Code behind an unconditional branch may take any operands from below its frame
 * ("unreachable" frames yield AOD__ANY), everything else must match.
 *
 * Instructions with a signature are checked by it; the others by the functions in `special`. */
#include "vm/validate.h"

#include <stdio.h>
#include <stdlib.h>

#include "vm/decode.h"

typedef aod__checker_t checker_t;

static void fail(checker_t *checker, const char *what) {
  checker->reader.at = checker->reader.start + checker->instruction.offset;
  const aod__opcode_t *row = checker->instruction.row;
  if (row)
    aod__reader_fail(&checker->reader, AOD_EINPUT, "%s: %s", row->name, what);
  else
    aod__reader_fail(&checker->reader, AOD_EINPUT, "%s", what);
}

/* ---- the operand stack ---- */

static void *grow(void *array, uint32_t *cap, size_t size) {
  *cap = *cap ? *cap * 2 : 64;
  return aod_realloc(array, *cap * size);
}

static void push(checker_t *checker, aod_wasm_valtype_t type) {
  if (checker->depth == checker->stack_cap)
    checker->stack = grow(checker->stack, &checker->stack_cap, sizeof *checker->stack);
  checker->stack[checker->depth++] = type;
}

static aod_wasm_valtype_t pop_any(checker_t *checker) {
  const aod__control_t *control = aod__checker_label(checker, 0);
  if (checker->depth > control->height) return checker->stack[--checker->depth];
  if (!control->unreachable) fail(checker, "type mismatch: too few operands");
  return AOD__ANY;
}

static aod_wasm_valtype_t pop(checker_t *checker, aod_wasm_valtype_t expected) {
  aod_wasm_valtype_t type = pop_any(checker);
  if (type != expected && type != AOD__ANY && expected != AOD__ANY && !checker->reader.code) {
    char text[100];
    snprintf(text, sizeof text, "type mismatch: %s expected, found %s",
             aod_wasm_valtype_name(expected), aod_wasm_valtype_name(type));
    fail(checker, text);
  }
  return type == AOD__ANY ? expected : type;
}

static void push_all(checker_t *checker, const aod_wasm_valtype_t *types, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) push(checker, types[i]);
}

static void pop_all(checker_t *checker, const aod_wasm_valtype_t *types, uint32_t count) {
  while (count) pop(checker, types[--count]);
}

static aod_wasm_valtype_t address_type(const checker_t *checker) {
  const aod_wasm_module_t *module = checker->module;
  return module->memory_count && module->memories[0].is_64 ? AOD_WASM_I64 : AOD_WASM_I32;
}

static aod_wasm_valtype_t letter_type(const checker_t *checker, char letter) {
  switch (letter) {
  case 'i':
    return AOD_WASM_I32;
  case 'l':
    return AOD_WASM_I64;
  case 'f':
    return AOD_WASM_F32;
  case 'd':
    return AOD_WASM_F64;
  case 'v':
    return AOD_WASM_V128;
  default:
    return address_type(checker);
  }
}

static void apply_signature(checker_t *checker, const char *signature) {
  const char *colon = strchr(signature, ':');
  for (const char *at = colon; at > signature; at--) pop(checker, letter_type(checker, at[-1]));
  for (const char *at = colon + 1; *at; at++) push(checker, letter_type(checker, *at));
}

/* ---- the control stack ---- */

typedef struct {
  const aod_wasm_valtype_t *params, *results;
  uint32_t param_count, result_count;
} block_type_t;

static void push_control(checker_t *checker, uint32_t opcode, const block_type_t *type) {
  if (checker->control_depth == AOD_WASM_MAX_CONTROL_DEPTH) {
    aod__reader_fail(&checker->reader, AOD_ELIMIT, "blocks nested too deep");
    return;
  }
  if (checker->control_depth == checker->control_cap)
    checker->controls = grow(checker->controls, &checker->control_cap, sizeof *checker->controls);
  checker->controls[checker->control_depth++] = (aod__control_t){
      .opcode = opcode,
      .params = type->params,
      .results = type->results,
      .param_count = type->param_count,
      .result_count = type->result_count,
      .height = checker->depth,
  };
  push_all(checker, type->params, type->param_count);
}

static aod__control_t pop_control(checker_t *checker) {
  aod__control_t control = *aod__checker_label(checker, 0);
  pop_all(checker, control.results, control.result_count);
  if (checker->depth != control.height) fail(checker, "type mismatch: values left on the stack");
  checker->control_depth--;
  return control;
}

static void set_unreachable(checker_t *checker) {
  aod__control_t *control = aod__checker_label(checker, 0);
  checker->depth = control->height;
  control->unreachable = true;
}

/* The types that a branch to `label` takes along. */
static const aod_wasm_valtype_t *label_types(const aod__control_t *label, uint32_t *count) {
  *count = label->opcode == OP_LOOP ? label->param_count : label->result_count;
  return label->opcode == OP_LOOP ? label->params : label->results;
}

static bool label_exists(checker_t *checker, uint32_t depth) {
  if (depth < checker->control_depth) return true;
  fail(checker, "unknown label");
  return false;
}

/* ---- immediates ---- */

static void read_block_type(checker_t *checker, aod__instruction_t *instruction) {
  aod__reader_t *reader = &checker->reader;
  if (reader->at < reader->end && *reader->at == 0x40) {
    reader->at++;
    instruction->index[0] = AOD_WASM_NONE;
    return;
  }
  if (reader->at < reader->end && (*reader->at & 0xc0) == 0x40) {
    instruction->index[0] = AOD_WASM_NONE;
    instruction->type = aod__read_valtype(reader);
    return;
  }
  int64_t index = aod__read_s33(reader);
  if (index < 0 || index >= checker->module->type_count) {
    fail(checker, "unknown type");
    return;
  }
  instruction->index[0] = (uint32_t)index;
}

static void read_labels(checker_t *checker, aod__instruction_t *instruction) {
  uint32_t count = aod__read_count(&checker->reader, "labels", AOD_WASM_MAX_LABELS);
  while (checker->label_cap < count + 1)
    checker->labels = grow(checker->labels, &checker->label_cap, sizeof *checker->labels);
  for (uint32_t i = 0; i <= count; i++) checker->labels[i] = aod__read_u32(&checker->reader);
  instruction->labels = checker->labels;
  instruction->label_count = count + 1;
}

/* The flags of a memory access are the alignment's logarithm. With several memories, which are not
 * supported, bit 6 would say that an index follows. */
static void read_memarg(checker_t *checker, aod__instruction_t *instruction) {
  aod__reader_t *reader = &checker->reader;
  uint32_t flags = aod__read_u32(reader);
  bool is_64 = address_type(checker) == AOD_WASM_I64;
  instruction->bits[0] = is_64 ? aod__read_u64(reader) : aod__read_u32(reader);
  if (flags >= 32)
    fail(checker, "malformed memory access flags");
  else if (UINT64_C(1) << flags > instruction->row->size)
    fail(checker, "alignment must not be larger than natural");
  if (checker->module->memory_count == 0) fail(checker, "unknown memory");
}

static void read_memory_index(checker_t *checker) {
  if (aod__read_u32(&checker->reader) >= checker->module->memory_count)
    fail(checker, "unknown memory");
}

static void read_lane(checker_t *checker, aod__instruction_t *instruction, uint32_t lanes) {
  instruction->index[0] = aod__read_byte(&checker->reader);
  if (instruction->index[0] >= lanes) fail(checker, "invalid lane index");
}

static void read_types(checker_t *checker, aod__instruction_t *instruction) {
  if (aod__read_u32(&checker->reader) != 1) fail(checker, "invalid result arity");
  instruction->type = aod__read_valtype(&checker->reader);
}

static void read_fixed(checker_t *checker, aod__instruction_t *instruction, size_t bytes) {
  aod_slice_t fixed = aod__read_bytes(&checker->reader, bytes);
  if (fixed.len) memcpy(instruction->bits, fixed.ptr, bytes);
}

static void read_vector(checker_t *checker, aod__instruction_t *instruction) {
  read_fixed(checker, instruction, 16);
  if (instruction->opcode != OP_SHUFFLE) return;
  for (int i = 0; i < 16; i++)
    if (((const uint8_t *)instruction->bits)[i] >= 32) fail(checker, "invalid lane index");
}

static void read_immediates(checker_t *checker, aod__instruction_t *instruction) {
  aod__reader_t *reader = &checker->reader;
  switch ((aod__immediate_t)instruction->row->immediate) {
  case AOD__IMM_NONE:
    break;
  case AOD__IMM_BLOCK:
    read_block_type(checker, instruction);
    break;
  case AOD__IMM_INDEX:
    instruction->index[0] = aod__read_u32(reader);
    break;
  case AOD__IMM_INDICES:
    instruction->index[0] = aod__read_u32(reader);
    instruction->index[1] = aod__read_u32(reader);
    break;
  case AOD__IMM_TABLE:
    read_labels(checker, instruction);
    break;
  case AOD__IMM_TYPES:
    read_types(checker, instruction);
    break;
  case AOD__IMM_REFTYPE:
    instruction->type = aod__read_reftype(reader);
    break;
  case AOD__IMM_I32:
    instruction->bits[0] = (uint32_t)aod__read_s32(reader);
    break;
  case AOD__IMM_I64:
    instruction->bits[0] = (uint64_t)aod__read_s64(reader);
    break;
  case AOD__IMM_F32:
    read_fixed(checker, instruction, 4);
    break;
  case AOD__IMM_F64:
    read_fixed(checker, instruction, 8);
    break;
  case AOD__IMM_V128:
    read_vector(checker, instruction);
    break;
  case AOD__IMM_LANE:
    read_lane(checker, instruction, instruction->row->size);
    break;
  case AOD__IMM_MEMARG:
    read_memarg(checker, instruction);
    break;
  case AOD__IMM_MEMLANE:
    read_memarg(checker, instruction);
    read_lane(checker, instruction, 16 / instruction->row->size);
    break;
  case AOD__IMM_MEMORY:
    read_memory_index(checker);
    break;
  case AOD__IMM_MEMORIES:
    read_memory_index(checker);
    read_memory_index(checker);
    break;
  case AOD__IMM_SEGMENT:
    instruction->index[0] = aod__read_u32(reader);
    read_memory_index(checker);
    break;
  }
}

/* ---- control instructions ---- */

static void check_unreachable(checker_t *checker, aod__instruction_t *instruction) {
  (void)instruction;
  set_unreachable(checker);
}

static void check_nop(checker_t *checker, aod__instruction_t *instruction) {
  (void)checker, (void)instruction;
}

static void check_block(checker_t *checker, aod__instruction_t *instruction) {
  /* one-letter types need an array that lives as long as the control frame */
  static const aod_wasm_valtype_t singles[] = {
      AOD_WASM_V128, AOD_WASM_F64,       AOD_WASM_F32,     AOD_WASM_I64,
      AOD_WASM_I32,  AOD_WASM_EXTERNREF, AOD_WASM_FUNCREF,
  };
  block_type_t type = {0};
  if (instruction->index[0] != AOD_WASM_NONE) {
    const aod_wasm_type_t *function = &checker->module->types[instruction->index[0]];
    type = (block_type_t){function->params, function->results, function->param_count,
                          function->result_count};
  } else if (instruction->type != AOD__ANY) {
    type.results = memchr(singles, instruction->type, sizeof singles);
    type.result_count = 1;
  }
  if (instruction->opcode == OP_IF) pop(checker, AOD_WASM_I32);
  pop_all(checker, type.params, type.param_count);
  if (!checker->reader.code) push_control(checker, instruction->opcode, &type);
}

static void check_else(checker_t *checker, aod__instruction_t *instruction) {
  (void)instruction;
  aod__control_t control = pop_control(checker);
  if (control.opcode != OP_IF) fail(checker, "else without if");
  block_type_t type = {control.params, control.results, control.param_count, control.result_count};
  if (!checker->reader.code) push_control(checker, OP_ELSE, &type);
}

static void check_end(checker_t *checker, aod__instruction_t *instruction) {
  (void)instruction;
  aod__control_t control = pop_control(checker);
  /* an if without else passes its parameters on */
  if (control.opcode == OP_IF &&
      (control.param_count != control.result_count ||
       (control.param_count && memcmp(control.params, control.results, control.param_count))))
    fail(checker, "type mismatch: if without else must have equal parameters and results");
  if (checker->control_depth) push_all(checker, control.results, control.result_count);
}

static void check_branch(checker_t *checker, aod__instruction_t *instruction) {
  bool conditional = instruction->opcode == OP_BR_IF;
  if (!label_exists(checker, instruction->index[0])) return;
  uint32_t count;
  const aod_wasm_valtype_t *types =
      label_types(aod__checker_label(checker, instruction->index[0]), &count);
  if (conditional) pop(checker, AOD_WASM_I32);
  pop_all(checker, types, count);
  if (conditional)
    push_all(checker, types, count);
  else
    set_unreachable(checker);
}

/* One target of a br_table: pop its types and put back what was popped, since in unreachable code
 * the next target may see the same operands as other types. */
static void check_target(checker_t *checker, const aod__control_t *label) {
  uint32_t count, depth = checker->depth;
  const aod_wasm_valtype_t *types = label_types(label, &count);
  pop_all(checker, types, count);
  checker->depth = depth; /* popping leaves the types in place */
}

static void check_br_table(checker_t *checker, aod__instruction_t *instruction) {
  pop(checker, AOD_WASM_I32);
  uint32_t arity = 0;
  for (uint32_t i = instruction->label_count; i-- && !checker->reader.code;) {
    uint32_t count;
    if (!label_exists(checker, instruction->labels[i])) return;
    const aod__control_t *label = aod__checker_label(checker, instruction->labels[i]);
    label_types(label, &count);
    if (i == instruction->label_count - 1) arity = count;
    if (count != arity) fail(checker, "type mismatch: targets take different numbers of values");
    check_target(checker, label);
  }
  set_unreachable(checker);
}

static void check_return(checker_t *checker, aod__instruction_t *instruction) {
  (void)instruction;
  const aod__control_t *function = &checker->controls[0];
  pop_all(checker, function->results, function->result_count);
  set_unreachable(checker);
}

static void apply_type(checker_t *checker, const aod_wasm_type_t *type) {
  pop_all(checker, type->params, type->param_count);
  push_all(checker, type->results, type->result_count);
}

static void check_call(checker_t *checker, aod__instruction_t *instruction) {
  if (instruction->index[0] >= checker->module->function_count)
    fail(checker, "unknown function");
  else
    apply_type(checker, aod_wasm_function_type(checker->module, instruction->index[0]));
}

static void check_call_indirect(checker_t *checker, aod__instruction_t *instruction) {
  const aod_wasm_module_t *module = checker->module;
  uint32_t type = instruction->index[0], table = instruction->index[1];
  if (table >= module->table_count)
    fail(checker, "unknown table");
  else if (module->tables[table].type != AOD_WASM_FUNCREF)
    fail(checker, "type mismatch: table does not hold functions");
  else if (type >= module->type_count)
    fail(checker, "unknown type");
  if (checker->reader.code) return;
  pop(checker, AOD_WASM_I32);
  apply_type(checker, &module->types[type]);
}

/* ---- values and variables ---- */

static bool is_reference(aod_wasm_valtype_t type) {
  return type == AOD_WASM_FUNCREF || type == AOD_WASM_EXTERNREF;
}

static void check_drop(checker_t *checker, aod__instruction_t *instruction) {
  instruction->type = pop_any(checker);
}

static void check_select(checker_t *checker, aod__instruction_t *instruction) {
  pop(checker, AOD_WASM_I32);
  if (instruction->opcode == OP_SELECT) {
    aod_wasm_valtype_t second = pop_any(checker);
    instruction->type = pop(checker, second);
    if (is_reference(instruction->type)) fail(checker, "type mismatch: references need a type");
  } else {
    pop(checker, instruction->type);
    pop(checker, instruction->type);
  }
  push(checker, instruction->type);
}

static void check_local(checker_t *checker, aod__instruction_t *instruction) {
  if (instruction->index[0] >= checker->local_count) {
    fail(checker, "unknown local");
    return;
  }
  aod_wasm_valtype_t type = checker->locals[instruction->index[0]];
  instruction->type = type;
  if (instruction->opcode != OP_LOCAL_GET) pop(checker, type);
  if (instruction->opcode != OP_LOCAL_SET) push(checker, type);
}

static void check_global(checker_t *checker, aod__instruction_t *instruction) {
  if (instruction->index[0] >= checker->module->global_count) {
    fail(checker, "unknown global");
    return;
  }
  const aod_wasm_global_t *global = &checker->module->globals[instruction->index[0]];
  instruction->type = global->type;
  if (instruction->opcode == OP_GLOBAL_GET)
    push(checker, global->type);
  else if (!global->mutable)
    fail(checker, "global is immutable");
  else
    pop(checker, global->type);
}

static void check_ref_null(checker_t *checker, aod__instruction_t *instruction) {
  push(checker, instruction->type);
}

static void check_ref_is_null(checker_t *checker, aod__instruction_t *instruction) {
  instruction->type = pop_any(checker);
  if (instruction->type != AOD__ANY && !is_reference(instruction->type))
    fail(checker, "type mismatch: reference expected");
  push(checker, AOD_WASM_I32);
}

static void check_ref_func(checker_t *checker, aod__instruction_t *instruction) {
  uint32_t index = instruction->index[0];
  if (index >= checker->module->function_count)
    fail(checker, "unknown function");
  else if (!checker->module->ref_funcs[index])
    fail(checker, "undeclared function reference");
  push(checker, AOD_WASM_FUNCREF);
}

/* ---- memory ---- */

static void check_memory_init(checker_t *checker, aod__instruction_t *instruction) {
  const aod_wasm_module_t *module = checker->module;
  if (!module->has_data_count)
    fail(checker, "data count section required");
  else if (instruction->index[0] >= module->data_count)
    fail(checker, "unknown data segment");
  if (instruction->opcode == OP_DATA_DROP) return;
  pop(checker, AOD_WASM_I32);
  pop(checker, AOD_WASM_I32);
  pop(checker, address_type(checker));
}

/* ---- tables ---- */

static aod_wasm_valtype_t table_type(checker_t *checker, uint32_t index) {
  if (index < checker->module->table_count) return checker->module->tables[index].type;
  fail(checker, "unknown table");
  return AOD__ANY;
}

static void check_table_access(checker_t *checker, aod__instruction_t *instruction) {
  instruction->type = table_type(checker, instruction->index[0]);
  if (checker->reader.code) return;
  switch (instruction->opcode) {
  case OP_TABLE_GET:
    pop(checker, AOD_WASM_I32);
    push(checker, instruction->type);
    break;
  case OP_TABLE_SET:
    pop(checker, instruction->type);
    pop(checker, AOD_WASM_I32);
    break;
  case OP_TABLE_SIZE:
    push(checker, AOD_WASM_I32);
    break;
  case OP_TABLE_GROW:
    pop(checker, AOD_WASM_I32);
    pop(checker, instruction->type);
    push(checker, AOD_WASM_I32);
    break;
  default: /* table.fill */
    pop(checker, AOD_WASM_I32);
    pop(checker, instruction->type);
    pop(checker, AOD_WASM_I32);
  }
}

static aod_wasm_valtype_t segment_type(checker_t *checker, uint32_t index) {
  if (index < checker->module->element_count) return checker->module->elements[index].type;
  fail(checker, "unknown element segment");
  return AOD__ANY;
}

static void check_table_copy(checker_t *checker, aod__instruction_t *instruction) {
  /* table.init names the segment first and the table second */
  bool init = instruction->opcode == OP_TABLE_INIT;
  aod_wasm_valtype_t to = table_type(checker, instruction->index[init ? 1 : 0]);
  aod_wasm_valtype_t from = init ? segment_type(checker, instruction->index[0])
                                 : table_type(checker, instruction->index[1]);
  if (to != from) fail(checker, "type mismatch: element types differ");
  for (int i = 0; i < 3; i++) pop(checker, AOD_WASM_I32);
}

static void check_elem_drop(checker_t *checker, aod__instruction_t *instruction) {
  segment_type(checker, instruction->index[0]);
}

static const struct {
  uint32_t opcode;
  void (*check)(checker_t *, aod__instruction_t *);
} special[] = {
    {OP_UNREACHABLE, check_unreachable},
    {OP_NOP, check_nop},
    {OP_BLOCK, check_block},
    {OP_LOOP, check_block},
    {OP_IF, check_block},
    {OP_ELSE, check_else},
    {OP_END, check_end},
    {OP_BR, check_branch},
    {OP_BR_IF, check_branch},
    {OP_BR_TABLE, check_br_table},
    {OP_RETURN, check_return},
    {OP_CALL, check_call},
    {OP_CALL_INDIRECT, check_call_indirect},
    {OP_DROP, check_drop},
    {OP_SELECT, check_select},
    {OP_SELECT_TYPED, check_select},
    {OP_LOCAL_GET, check_local},
    {OP_LOCAL_SET, check_local},
    {OP_LOCAL_TEE, check_local},
    {OP_GLOBAL_GET, check_global},
    {OP_GLOBAL_SET, check_global},
    {OP_TABLE_GET, check_table_access},
    {OP_TABLE_SET, check_table_access},
    {OP_TABLE_GROW, check_table_access},
    {OP_TABLE_SIZE, check_table_access},
    {OP_TABLE_FILL, check_table_access},
    {OP_TABLE_INIT, check_table_copy},
    {OP_TABLE_COPY, check_table_copy},
    {OP_ELEM_DROP, check_elem_drop},
    {OP_MEMORY_INIT, check_memory_init},
    {OP_DATA_DROP, check_memory_init},
    {OP_REF_NULL, check_ref_null},
    {OP_REF_IS_NULL, check_ref_is_null},
    {OP_REF_FUNC, check_ref_func},
};

/* ---- stepping ---- */

static void check_special(checker_t *checker, aod__instruction_t *instruction) {
  for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
    if (special[i].opcode == instruction->opcode) {
      special[i].check(checker, instruction);
      return;
    }
  aod_assert(!"every row without a signature has a function");
}

static uint32_t read_opcode(checker_t *checker) {
  uint32_t first = aod__read_byte(&checker->reader);
  if (first < 0xfb) return first;
  uint32_t number = aod__read_u32(&checker->reader);
  return AOD__OPCODE(first, number > 0xffff ? 0xffff : number);
}

int aod__checker_step(aod__checker_t *checker) {
  aod__reader_t *reader = &checker->reader;
  if (reader->code) return reader->code;
  if (!checker->control_depth) {
    if (aod__reader_left(reader))
      return aod__reader_fail(reader, AOD_EINPUT, "instructions after the end of the function");
    return 0;
  }
  aod__instruction_t *instruction = &checker->instruction;
  *instruction = (aod__instruction_t){.offset = (size_t)(reader->at - reader->start)};
  instruction->reachable = !aod__checker_label(checker, 0)->unreachable;
  instruction->opcode = read_opcode(checker);
  if (reader->code) return reader->code;
  instruction->row = aod__opcode_find(instruction->opcode);
  if (!instruction->row) {
    reader->at = reader->start + instruction->offset;
    bool known = instruction->opcode >> 16 == 0xfd || instruction->opcode >> 16 == 0xfe;
    return aod__reader_fail(reader, known ? AOD_EUNSUPPORTED : AOD_EINPUT,
                            "%s opcode 0x%02x 0x%02x", known ? "unsupported" : "illegal",
                            instruction->opcode >> 16, instruction->opcode & 0xffff);
  }
  read_immediates(checker, instruction);
  if (reader->code) return reader->code;
  if (instruction->row->signature)
    apply_signature(checker, instruction->row->signature);
  else
    check_special(checker, instruction);
  return reader->code ? reader->code : 1;
}

/* ---- bodies ---- */

static void read_locals(checker_t *checker, const aod_wasm_type_t *type) {
  aod__reader_t *reader = &checker->reader;
  checker->locals = aod_realloc(checker->locals, AOD_WASM_MAX_PARAMS + AOD_WASM_MAX_LOCALS);
  memcpy(checker->locals, type->params, type->param_count);
  checker->local_count = type->param_count;
  uint32_t groups = aod__read_u32(reader);
  for (uint32_t i = 0; i < groups && !reader->code; i++) {
    uint32_t count = aod__read_u32(reader);
    aod_wasm_valtype_t local = aod__read_valtype(reader);
    if (reader->code) return;
    if (count > AOD_WASM_MAX_LOCALS + type->param_count - checker->local_count) {
      aod__reader_fail(reader, AOD_ELIMIT, "more than %d locals", AOD_WASM_MAX_LOCALS);
      return;
    }
    memset(checker->locals + checker->local_count, local, count);
    checker->local_count += count;
  }
}

int aod__checker_begin(aod__checker_t *checker, const aod_wasm_module_t *module, uint32_t index,
                       aod_error_t *err) {
  const aod_wasm_function_entry_t *function = &module->functions[index];
  const aod_wasm_type_t *type = &module->types[function->type];
  checker->module = module;
  checker->reader = (aod__reader_t){.start = module->wasm.ptr,
                                    .at = function->body.ptr,
                                    .end = function->body.ptr + function->body.len,
                                    .err = err};
  checker->depth = 0;
  checker->control_depth = 0;
  checker->instruction = (aod__instruction_t){0};
  block_type_t whole = {.results = type->results, .result_count = type->result_count};
  push_control(checker, OP_RETURN, &whole);
  read_locals(checker, type);
  return checker->reader.code;
}

void aod__checker_free(aod__checker_t *checker) {
  free(checker->locals);
  free(checker->stack);
  free(checker->controls);
  free(checker->labels);
  *checker = (aod__checker_t){0};
}

int aod__walk(aod__checker_t *checker, const aod_wasm_module_t *module, uint32_t index,
              aod__visit_t visit, void *context, aod_error_t *err) {
  int rc = aod__checker_begin(checker, module, index, err);
  while (!rc && (rc = aod__checker_step(checker)) > 0) rc = visit ? visit(context, checker) : 0;
  if (rc < 0 && err) aod_error_prefix(err, "function %u", index);
  return rc;
}

int aod_wasm_validate(const aod_wasm_module_t *module, aod_error_t *err) {
  checker_t checker = {0};
  int rc = 0;
  for (uint32_t i = module->imported_functions; i < module->function_count && !rc; i++)
    rc = aod__walk(&checker, module, i, NULL, NULL, err);
  aod__checker_free(&checker);
  return rc;
}
