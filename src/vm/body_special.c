/* Instructions without a template: constants, variables, select, references, memory and tables as
 * wholes. */
#include <stdio.h>

#include "vm/body.h"

static uint32_t top(const aod__body_t *body) {
  return body->operands.count - 1;
}

/* ---- constants ---- */

static void push_constant(aod__body_t *body, aod_wasm_valtype_t type) {
  aod__operand_t *operand = aod__replace(body, 0, type);
  operand->constant = operand->atom = true;
}

static void translate_constant(aod__body_t *body, const aod__instruction_t *instruction) {
  unsigned long long bits = instruction->bits[0];
  aod_buf_t *text = &body->scratch;
  switch (instruction->opcode) {
  case OP_I32_CONST:
    aod_buf_printf(text, "%lluu", bits);
    push_constant(body, AOD_WASM_I32);
    break;
  case OP_I64_CONST:
    aod_buf_printf(text, "%lluul", bits);
    push_constant(body, AOD_WASM_I64);
    break;
  case OP_F32_CONST: {
    float value;
    memcpy(&value, instruction->bits, sizeof value);
    if (__builtin_isfinite(value))
      aod_buf_printf(text, "(%af)", (double)value);
    else
      aod_buf_printf(text, "f32_bits(0x%llxu)", bits);
    push_constant(body, AOD_WASM_F32);
    break;
  }
  default: {
    double value;
    memcpy(&value, instruction->bits, sizeof value);
    if (__builtin_isfinite(value))
      aod_buf_printf(text, "(%a)", value);
    else
      aod_buf_printf(text, "f64_bits(0x%llxul)", bits);
    push_constant(body, AOD_WASM_F64);
  }
  }
}

/* ---- variables ---- */

static uint64_t local_bit(uint32_t local) {
  return UINT64_C(1) << (local & 63);
}

static void push_local(aod__body_t *body, uint32_t local, aod_wasm_valtype_t type) {
  aod_buf_printf(&body->scratch, "x%u", local);
  aod__operand_t *operand = aod__replace(body, 0, type);
  operand->atom = true;
  operand->locals = local_bit(local);
  operand->local = local + 1;
}

static void translate_local(aod__body_t *body, const aod__instruction_t *instruction) {
  aod__operands_t *operands = &body->operands;
  uint32_t local = instruction->index[0];
  if (instruction->opcode != OP_LOCAL_GET) {
    uint8_t traps = operands->at[top(body)].traps;
    aod__operands_settle(operands, top(body), 0, local_bit(local), traps);
    aod__statement(body, "x%u = ", local);
    aod__continue_operand(body, top(body), false);
    aod__continue(body, ";");
    aod__operands_pop(operands, 1);
    aod__forget_mark(body, local);
  }
  if (instruction->opcode != OP_LOCAL_SET) push_local(body, local, instruction->type);
}

static void translate_global_get(aod__body_t *body, const aod__instruction_t *instruction) {
  char base[40];
  snprintf(base, sizeof base, "m->globals[%u]", instruction->index[0]);
  aod__write_slot_load(&body->scratch, instruction->type, base, 0);
  aod__operand_t *operand = aod__replace(body, 0, instruction->type);
  operand->reads = AOD__READS_GLOBAL;
}

static void translate_global_set(aod__body_t *body, const aod__instruction_t *instruction) {
  char base[40];
  snprintf(base, sizeof base, "m->globals[%u]", instruction->index[0]);
  aod__operands_settle(&body->operands, top(body), AOD__READS_GLOBAL, 0, AOD__TRAPS);
  aod__operand_write(&body->operands.at[top(body)], &body->scratch, false, 0);
  aod__statement(body, "%s", "");
  aod__write_slot_store(&body->statements, instruction->type, base, 0,
                        aod_buf_slice(&body->scratch));
  aod__operands_pop(&body->operands, 1);
}

static void translate_drop(aod__body_t *body, const aod__instruction_t *instruction) {
  (void)instruction;
  uint8_t traps = body->operands.at[top(body)].traps;
  if (traps) {
    aod__operands_settle(&body->operands, top(body), 0, 0, traps);
    aod__statement(body, "(void)");
    aod__continue_operand(body, top(body), true);
    aod__continue(body, ";");
  }
  aod__operands_pop(&body->operands, 1);
}

static void translate_select(aod__body_t *body, const aod__instruction_t *instruction) {
  aod__operands_t *operands = &body->operands;
  uint32_t base = operands->count - 3;
  /* C evaluates only one of the two: neither may trap there */
  for (uint32_t i = base; i < base + 2; i++)
    if (operands->at[i].traps) aod__operand_settle(operands, i);
  aod__operands_join(operands, 3);
  static const struct {
    uint8_t operand;
    const char *after;
  } order[] = {{2, " ? "}, {0, " : "}, {1, ""}};
  for (int i = 0; i < 3; i++) {
    aod__operand_write(&operands->at[base + order[i].operand], &body->scratch, true, 0);
    aod_buf_text(&body->scratch, order[i].after);
  }
  aod__replace(body, 3, instruction->type);
}

/* ---- references ---- */

static void translate_ref_null(aod__body_t *body, const aod__instruction_t *instruction) {
  aod_buf_text(&body->scratch, "((ref){0})");
  push_constant(body, instruction->type);
}

static void translate_ref_is_null(aod__body_t *body, const aod__instruction_t *instruction) {
  (void)instruction;
  aod__operand_settle(&body->operands, top(body));
  aod_buf_printf(&body->scratch, "(u32)!R%u.code", top(body));
  aod__replace(body, 1, AOD_WASM_I32);
}

static void translate_ref_func(aod__body_t *body, const aod__instruction_t *instruction) {
  aod_buf_printf(&body->scratch, "m->functions[%u]", instruction->index[0]);
  push_constant(body, AOD_WASM_FUNCREF);
}

/* ---- memory and tables as wholes: a statement each, over variables ---- */

/* Settle everything and pop `count` operands. Their variables keep their values until something is
 * pushed. Returns the height of the first. */
static uint32_t take(aod__body_t *body, uint32_t count) {
  aod__operands_t *operands = &body->operands;
  uint32_t base = operands->count - count;
  aod__operands_settle(operands, base, AOD__READS_ALL, 0, AOD__TRAPS);
  for (uint32_t i = base; i < base + count; i++) aod__operand_settle(operands, i);
  aod__operands_pop(operands, count);
  return base;
}

static char address_letter(const aod__body_t *body) {
  return body->module->memories[0].is_64 ? 'L' : 'I';
}

static aod_wasm_valtype_t address_type(const aod__body_t *body) {
  return body->module->memories[0].is_64 ? AOD_WASM_I64 : AOD_WASM_I32;
}

static void translate_memory_size(aod__body_t *body, const aod__instruction_t *instruction) {
  (void)instruction;
  aod_buf_text(&body->scratch, "(address)(m->memory_bytes >> 16)");
  aod__replace(body, 0, address_type(body))->reads = AOD__READS_MEMORY;
}

static void translate_memory_grow(aod__body_t *body, const aod__instruction_t *instruction) {
  (void)instruction;
  uint32_t base = take(body, 1);
  char letter = address_letter(body);
  aod__statement(body, "%c%u = (address)m->runtime->memory_grow(m, %c%u);", letter, base, letter,
                 base);
  aod__operand_push_variable(&body->operands, address_type(body));
}

static void translate_memory_copy(aod__body_t *body, const aod__instruction_t *instruction) {
  (void)instruction;
  uint32_t base = take(body, 3);
  char letter = address_letter(body);
  aod__statement(body, "BURN_BULK(%c%u, m->memory_bytes);", letter, base + 2);
  aod__statement(body, "m->runtime->memory_copy(m, %c%u, %c%u, %c%u);", letter, base, letter,
                 base + 1, letter, base + 2);
}

static void translate_memory_fill(aod__body_t *body, const aod__instruction_t *instruction) {
  (void)instruction;
  uint32_t base = take(body, 3);
  char letter = address_letter(body);
  aod__statement(body, "BURN_BULK(%c%u, m->memory_bytes);", letter, base + 2);
  aod__statement(body, "m->runtime->memory_fill(m, %c%u, I%u, %c%u);", letter, base, base + 1,
                 letter, base + 2);
}

static void translate_memory_init(aod__body_t *body, const aod__instruction_t *instruction) {
  uint32_t base = take(body, 3);
  aod__statement(body, "BURN_BULK(I%u, m->memory_bytes);", base + 2);
  aod__statement(body, "m->runtime->memory_init(m, %u, %c%u, I%u, I%u);", instruction->index[0],
                 address_letter(body), base, base + 1, base + 2);
}

static void translate_segment_drop(aod__body_t *body, const aod__instruction_t *instruction) {
  take(body, 0);
  aod__statement(body, "m->runtime->%s_drop(m, %u);",
                 instruction->opcode == OP_DATA_DROP ? "data" : "elem", instruction->index[0]);
}

static void translate_table_get(aod__body_t *body, const aod__instruction_t *instruction) {
  uint32_t base = take(body, 1);
  aod__operand_define(&body->operands, base, instruction->type);
  aod__statement(body, "R%u = table_get(m, %u, I%u);", base, instruction->index[0], base);
  aod__operand_push_variable(&body->operands, instruction->type);
}

static void translate_table_set(aod__body_t *body, const aod__instruction_t *instruction) {
  uint32_t base = take(body, 2);
  aod__statement(body, "table_set(m, %u, I%u, R%u);", instruction->index[0], base, base + 1);
}

static void translate_table_size(aod__body_t *body, const aod__instruction_t *instruction) {
  aod_buf_printf(&body->scratch, "m->tables[%u]->count", instruction->index[0]);
  aod__replace(body, 0, AOD_WASM_I32)->reads = AOD__READS_GLOBAL;
}

static void translate_table_grow(aod__body_t *body, const aod__instruction_t *instruction) {
  uint32_t base = take(body, 2);
  aod__operand_define(&body->operands, base, AOD_WASM_I32);
  aod__statement(body, "BURN_BULK(I%u, TABLE_ENTRIES);", base + 1);
  aod__statement(body, "I%u = (u32)m->runtime->table_grow(m, %u, R%u, I%u);", base,
                 instruction->index[0], base, base + 1);
  aod__operand_push_variable(&body->operands, AOD_WASM_I32);
}

static void translate_table_fill(aod__body_t *body, const aod__instruction_t *instruction) {
  uint32_t base = take(body, 3);
  aod__statement(body, "BURN_BULK(I%u, TABLE_ENTRIES);", base + 2);
  aod__statement(body, "m->runtime->table_fill(m, %u, I%u, R%u, I%u);", instruction->index[0], base,
                 base + 1, base + 2);
}

static void translate_table_copy(aod__body_t *body, const aod__instruction_t *instruction) {
  bool init = instruction->opcode == OP_TABLE_INIT;
  uint32_t base = take(body, 3);
  aod__statement(body, "BURN_BULK(I%u, TABLE_ENTRIES);", base + 2);
  /* table.init names the segment first, our function the table */
  aod__statement(body, "m->runtime->%s(m, %u, %u, I%u, I%u, I%u);",
                 init ? "table_init" : "table_copy", instruction->index[init ? 1 : 0],
                 instruction->index[init ? 0 : 1], base, base + 1, base + 2);
}

static void translate_nop(aod__body_t *body, const aod__instruction_t *instruction) {
  (void)body, (void)instruction;
}

/* One row an instruction without a template. */
static const struct {
  uint32_t opcode;
  void (*translate)(aod__body_t *, const aod__instruction_t *);
} rows[] = {
    {OP_LOCAL_GET, translate_local},
    {OP_LOCAL_SET, translate_local},
    {OP_LOCAL_TEE, translate_local},
    {OP_I32_CONST, translate_constant},
    {OP_I64_CONST, translate_constant},
    {OP_F32_CONST, translate_constant},
    {OP_F64_CONST, translate_constant},
    {OP_BR_IF, aod__translate_branch_if},
    {OP_END, aod__translate_end},
    {OP_BLOCK, aod__translate_block},
    {OP_LOOP, aod__translate_block},
    {OP_IF, aod__translate_block},
    {OP_ELSE, aod__translate_else},
    {OP_BR, aod__translate_branch},
    {OP_CALL, aod__translate_call},
    {OP_CALL_INDIRECT, aod__translate_call_indirect},
    {OP_RETURN, aod__translate_return},
    {OP_UNREACHABLE, aod__translate_unreachable},
    {OP_BR_TABLE, aod__translate_branch_table},
    {OP_NOP, translate_nop},
    {OP_DROP, translate_drop},
    {OP_SELECT, translate_select},
    {OP_SELECT_TYPED, translate_select},
    {OP_GLOBAL_GET, translate_global_get},
    {OP_GLOBAL_SET, translate_global_set},
    {OP_MEMORY_SIZE, translate_memory_size},
    {OP_MEMORY_GROW, translate_memory_grow},
    {OP_MEMORY_COPY, translate_memory_copy},
    {OP_MEMORY_FILL, translate_memory_fill},
    {OP_MEMORY_INIT, translate_memory_init},
    {OP_DATA_DROP, translate_segment_drop},
    {OP_ELEM_DROP, translate_segment_drop},
    {OP_TABLE_GET, translate_table_get},
    {OP_TABLE_SET, translate_table_set},
    {OP_TABLE_SIZE, translate_table_size},
    {OP_TABLE_GROW, translate_table_grow},
    {OP_TABLE_FILL, translate_table_fill},
    {OP_TABLE_INIT, translate_table_copy},
    {OP_TABLE_COPY, translate_table_copy},
    {OP_REF_NULL, translate_ref_null},
    {OP_REF_IS_NULL, translate_ref_is_null},
    {OP_REF_FUNC, translate_ref_func},
};

void aod__translate_special(aod__body_t *body, const aod__instruction_t *instruction) {
  size_t row = 0, count = sizeof rows / sizeof rows[0];
  while (row < count && rows[row].opcode != instruction->opcode) row++;
  aod_assert(row < count);
  body->scratch.len = 0;
  rows[row].translate(body, instruction);
}
