/* Constant expressions: the initial values of globals, the offsets of segments and the items of
 * element segments. Postfix already in the binary, so they are checked and evaluated with a small
 * fixed stack. */
#include "vm/decode.h"

/* One row an opcode that may stand in a constant expression. */
static const struct {
  uint8_t opcode;
  aod_wasm_constant_op_t op;
  aod_wasm_valtype_t type; /* of the operands and the result; 0: not an arithmetic operation */
} arithmetic[] = {
    {0x6a, AOD_CONSTANT_ADD, AOD_WASM_I32}, {0x6b, AOD_CONSTANT_SUB, AOD_WASM_I32},
    {0x6c, AOD_CONSTANT_MUL, AOD_WASM_I32}, {0x7c, AOD_CONSTANT_ADD, AOD_WASM_I64},
    {0x7d, AOD_CONSTANT_SUB, AOD_WASM_I64}, {0x7e, AOD_CONSTANT_MUL, AOD_WASM_I64},
};

typedef struct {
  aod__reader_t *reader;
  aod_wasm_module_t *module;
  aod_wasm_valtype_t stack[AOD_WASM_CONSTANT_DEPTH];
  uint32_t depth;
} expression_t;

static void push(expression_t *expression, aod_wasm_valtype_t type) {
  if (expression->depth == AOD_WASM_CONSTANT_DEPTH)
    aod__reader_fail(expression->reader, AOD_ELIMIT, "constant expression too deep");
  else
    expression->stack[expression->depth++] = type;
}

static void pop(expression_t *expression, aod_wasm_valtype_t type) {
  if (!expression->depth || expression->stack[expression->depth - 1] != type)
    aod__reader_fail(expression->reader, AOD_EINPUT, "type mismatch in constant expression");
  else
    expression->depth--;
}

static bool read_arithmetic(expression_t *expression, uint8_t opcode, aod_wasm_constant_t *op) {
  for (size_t i = 0; i < sizeof arithmetic / sizeof arithmetic[0]; i++) {
    if (arithmetic[i].opcode != opcode) continue;
    op->op = arithmetic[i].op;
    op->type = arithmetic[i].type;
    pop(expression, op->type);
    pop(expression, op->type);
    return true;
  }
  return false;
}

static void read_vector(aod__reader_t *reader, aod_wasm_constant_t *op) {
  if (aod__read_u32(reader) != 0x0c) {
    aod__reader_fail(reader, AOD_EINPUT, "constant expression required");
    return;
  }
  aod_slice_t bytes = aod__read_bytes(reader, 16);
  if (bytes.len != 16) return;
  op->type = AOD_WASM_V128;
  op->bits[0] = aod_load_le64(bytes.ptr);
  op->bits[1] = aod_load_le64(bytes.ptr + 8);
}

static void read_global(expression_t *expression, aod_wasm_constant_t *op) {
  aod__reader_t *reader = expression->reader;
  op->op = AOD_CONSTANT_GLOBAL;
  op->index = aod__read_u32(reader);
  const aod_wasm_module_t *module = expression->module;
  if (op->index >= module->global_count) /* those before this one */
    aod__reader_fail(reader, AOD_EINPUT, "unknown global %u", op->index);
  else if (module->globals[op->index].mutable)
    aod__reader_fail(reader, AOD_EINPUT, "constant expression required: global %u is mutable",
                     op->index);
  else
    op->type = module->globals[op->index].type;
}

static aod_wasm_constant_t read_op(expression_t *expression, uint8_t opcode) {
  aod__reader_t *reader = expression->reader;
  aod_wasm_constant_t op = {.op = AOD_CONSTANT_BITS};
  if (read_arithmetic(expression, opcode, &op)) return op;
  switch (opcode) {
  case 0x41:
    op.type = AOD_WASM_I32;
    op.bits[0] = (uint32_t)aod__read_s32(reader);
    break;
  case 0x42:
    op.type = AOD_WASM_I64;
    op.bits[0] = (uint64_t)aod__read_s64(reader);
    break;
  case 0x43: {
    aod_slice_t bytes = aod__read_bytes(reader, 4);
    op.type = AOD_WASM_F32;
    if (bytes.len) op.bits[0] = aod_load_le32(bytes.ptr);
    break;
  }
  case 0x44: {
    aod_slice_t bytes = aod__read_bytes(reader, 8);
    op.type = AOD_WASM_F64;
    if (bytes.len) op.bits[0] = aod_load_le64(bytes.ptr);
    break;
  }
  case 0x23:
    read_global(expression, &op);
    break;
  case 0xd0:
    op.op = AOD_CONSTANT_NULL;
    op.type = aod__read_reftype(reader);
    break;
  case 0xd2:
    op.op = AOD_CONSTANT_FUNCTION;
    op.type = AOD_WASM_FUNCREF;
    op.index = aod__read_u32(reader);
    aod__declare_function(reader, expression->module, op.index);
    break;
  case 0xfd:
    read_vector(reader, &op);
    break;
  default:
    reader->at--;
    aod__reader_fail(reader, AOD_EINPUT, "constant expression required, not opcode 0x%02x", opcode);
  }
  return op;
}

aod_wasm_expression_t aod__read_expression(aod__reader_t *reader, aod_wasm_module_t *module,
                                           aod_wasm_valtype_t type) {
  expression_t expression = {.reader = reader, .module = module};
  aod_wasm_constant_t ops[AOD_WASM_MAX_CONSTANT_OPS];
  uint32_t count = 0;
  while (!reader->code) {
    uint8_t opcode = aod__read_byte(reader);
    if (opcode == 0x0b) break;
    if (count == AOD_WASM_MAX_CONSTANT_OPS)
      aod__reader_fail(reader, AOD_ELIMIT, "constant expression too long");
    else
      push(&expression, (ops[count++] = read_op(&expression, opcode)).type);
  }
  pop(&expression, type);
  if (expression.depth) aod__reader_fail(reader, AOD_EINPUT, "type mismatch: values left over");
  if (reader->code) return (aod_wasm_expression_t){NULL, 0};
  aod_wasm_constant_t *copy = aod_arena_alloc(&module->arena, count * sizeof *copy);
  memcpy(copy, ops, count * sizeof *copy);
  return (aod_wasm_expression_t){copy, count};
}

aod_wasm_expression_t aod__expression_of(aod_wasm_module_t *module, aod_wasm_constant_t op) {
  aod_wasm_constant_t *copy = aod_arena_alloc(&module->arena, sizeof *copy);
  *copy = op;
  return (aod_wasm_expression_t){copy, 1};
}

void aod__declare_function(aod__reader_t *reader, aod_wasm_module_t *module, uint32_t index) {
  if (index >= module->function_count)
    aod__reader_fail(reader, AOD_EINPUT, "unknown function %u", index);
  else
    module->ref_funcs[index] = 1;
}

/* ---- evaluation ---- */

static uint64_t compute(aod_wasm_constant_op_t op, uint64_t a, uint64_t b) {
  return op == AOD_CONSTANT_ADD ? a + b : op == AOD_CONSTANT_SUB ? a - b : a * b;
}

static aod_wasm_value_t leaf(const aod_wasm_constant_t *op, uint64_t *const *globals) {
  aod_wasm_value_t value = {.type = op->type};
  switch (op->op) {
  case AOD_CONSTANT_GLOBAL:
    memcpy(value.slots, globals[op->index], aod_wasm_slots(op->type) * sizeof value.slots[0]);
    break;
  case AOD_CONSTANT_FUNCTION:
    value.is_function = true;
    value.function = op->index;
    break;
  default:
    value.slots[0] = op->bits[0];
    value.slots[1] = op->bits[1];
  }
  return value;
}

aod_wasm_value_t aod_wasm_evaluate(const aod_wasm_expression_t *expression,
                                   uint64_t *const *globals) {
  aod_wasm_value_t stack[AOD_WASM_CONSTANT_DEPTH];
  uint32_t depth = 0;
  for (uint32_t i = 0; i < expression->count; i++) {
    const aod_wasm_constant_t *op = &expression->ops[i];
    if (op->op < AOD_CONSTANT_ADD) {
      stack[depth++] = leaf(op, globals);
      continue;
    }
    depth--;
    uint64_t bits = compute(op->op, stack[depth - 1].slots[0], stack[depth].slots[0]);
    stack[depth - 1].slots[0] = op->type == AOD_WASM_I32 ? (uint32_t)bits : bits;
  }
  aod_assert(depth == 1);
  return stack[0];
}
