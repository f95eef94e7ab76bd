#include "vm/operand.h"

#include <stdlib.h>

/* Bounds that keep the compiler's recursion and our scans short. */
enum { MAX_NEST = 20, MAX_TEXT = 300, MAX_PENDING = 200 };

static const struct {
  aod_wasm_valtype_t type;
  char letter;
  const char *c_type;
} types[] = {
    {AOD_WASM_I32, 'I', "u32"}, {AOD_WASM_I64, 'L', "u64"},   {AOD_WASM_F32, 'F', "f32"},
    {AOD_WASM_F64, 'D', "f64"}, {AOD_WASM_V128, 'V', "v128"}, {AOD_WASM_FUNCREF, 'R', "ref"},
};

static size_t type_row(aod_wasm_valtype_t type) {
  size_t row = 0;
  if (type == AOD_WASM_EXTERNREF) type = AOD_WASM_FUNCREF; /* both are a `ref` */
  while (types[row].type != type) row++;
  aod_assert(row < sizeof types / sizeof types[0]);
  return row;
}

char aod__letter(aod_wasm_valtype_t type) {
  return types[type_row(type)].letter;
}

const char *aod__c_type(aod_wasm_valtype_t type) {
  return types[type_row(type)].c_type;
}

static uint64_t bit(uint32_t number) {
  return UINT64_C(1) << (number & 63);
}

void aod__indent(aod__operands_t *stack) {
  static const char blanks[] = "\n                                        ";
  uint32_t blank_count = stack->indent < 19 ? 2 + 2 * stack->indent : 40;
  aod_buf_append(stack->out, aod_slice(blanks, 1 + blank_count));
}

/* ---- the stack ---- */

void aod__operands_clear(aod__operands_t *stack) {
  stack->count = 0;
  stack->pending = 0;
  stack->used_count = 0;
  stack->indent = 0;
}

void aod__operands_free(aod__operands_t *stack) {
  for (uint32_t i = 0; i < stack->buffers; i++) aod_buf_free(&stack->at[i].text);
  free(stack->at);
  free(stack->used);
  *stack = (aod__operands_t){0};
}

void aod__operands_pop(aod__operands_t *stack, uint32_t count) {
  stack->count -= count;
  if (stack->pending > stack->count) stack->pending = stack->count;
}

aod__operand_t *aod__operand_push(aod__operands_t *stack, aod_wasm_valtype_t type) {
  if (stack->count - stack->pending > MAX_PENDING)
    aod__operands_settle_all(stack, stack->pending + MAX_PENDING / 2);
  if (stack->count == stack->cap) {
    stack->cap = stack->cap ? stack->cap * 2 : 64;
    stack->at = aod_realloc(stack->at, stack->cap * sizeof *stack->at);
  }
  aod__operand_t *operand = &stack->at[stack->count++];
  aod_buf_t text = {0};
  if (stack->count <= stack->buffers)
    text = operand->text;
  else
    stack->buffers = stack->count;
  aod_buf_clear(&text);
  *operand = (aod__operand_t){.text = text, .type = type};
  return operand;
}

static void become_variable(aod__operand_t *operand, uint32_t height) {
  aod_buf_clear(&operand->text);
  aod_buf_printf(&operand->text, "%c%u", aod__letter(operand->type), height);
  operand->atom = true;
  operand->constant = false;
  operand->raw = 0;
  operand->nest = operand->traps = operand->reads = 0;
  operand->local = 0;
  operand->locals = 0;
  operand->slots = bit(height);
}

void aod__operand_push_variable(aod__operands_t *stack, aod_wasm_valtype_t type) {
  aod__operand_t *operand = aod__operand_push(stack, type);
  become_variable(operand, stack->count - 1);
}

/* ---- settling ---- */

static bool is_variable(const aod__operand_t *operand, uint32_t height) {
  return operand->slots == bit(height) && operand->atom && !operand->nest && !operand->reads &&
         !operand->traps && !operand->locals;
}

static bool traps_differ(uint8_t a, uint8_t b) {
  return a && b && (a == AOD__TRAPS || b == AOD__TRAPS);
}

static void mark_used(aod__operands_t *stack, uint32_t height, aod_wasm_valtype_t type) {
  if (height >= stack->used_cap) {
    stack->used_cap = (height + 64) * 2;
    stack->used = aod_realloc(stack->used, stack->used_cap);
  }
  while (stack->used_count <= height) stack->used[stack->used_count++] = 0;
  stack->used[height] |= (uint8_t)(1 << type_row(type));
}

bool aod__operands_uses(const aod__operands_t *stack, uint32_t height, aod_wasm_valtype_t type) {
  return height < stack->used_count && stack->used[height] & 1 << type_row(type);
}

void aod__operand_define(aod__operands_t *stack, uint32_t height, aod_wasm_valtype_t type) {
  uint32_t below = height < stack->count ? height : stack->count;
  for (uint32_t i = stack->pending; i < below; i++)
    if (stack->at[i].slots & bit(height) && !is_variable(&stack->at[i], i))
      aod__operand_settle(stack, i);
  mark_used(stack, height, type);
}

void aod__operand_settle(aod__operands_t *stack, uint32_t height) {
  aod__operand_t *operand = &stack->at[height];
  if (is_variable(operand, height)) return;
  for (uint32_t i = stack->pending; i < height; i++)
    if (traps_differ(stack->at[i].traps, operand->traps)) aod__operand_settle(stack, i);
  aod__operand_define(stack, height, operand->type);
  aod__indent(stack);
  aod_buf_printf(stack->out, "%c%u = ", aod__letter(operand->type), height);
  aod__operand_write(operand, stack->out, false, 0);
  aod_buf_text(stack->out, ";");
  become_variable(operand, height);
}

void aod__operands_settle(aod__operands_t *stack, uint32_t below, uint8_t writes, uint64_t locals,
                          uint8_t traps) {
  for (uint32_t i = stack->pending; i < below; i++) {
    const aod__operand_t *operand = &stack->at[i];
    if (operand->reads & writes || operand->locals & locals || traps_differ(operand->traps, traps))
      aod__operand_settle(stack, i);
  }
}

void aod__operands_settle_all(aod__operands_t *stack, uint32_t below) {
  for (uint32_t i = stack->pending; i < below; i++)
    if (!stack->at[i].constant) aod__operand_settle(stack, i);
  if (stack->pending < below) stack->pending = below;
}

uint8_t aod__operands_join(aod__operands_t *stack, uint32_t count) {
  uint8_t traps = AOD__TRAPS_NOT;
  for (uint32_t i = stack->count; i-- > stack->count - count;) {
    aod__operand_t *operand = &stack->at[i];
    if (traps_differ(operand->traps, traps))
      aod__operand_settle(stack, i);
    else if (operand->traps > traps)
      traps = operand->traps;
    if (operand->nest >= MAX_NEST || operand->text.len > MAX_TEXT) aod__operand_settle(stack, i);
  }
  return traps;
}

static const char *canonical_form(const aod__operand_t *operand) {
  bool single = operand->raw == AOD_WASM_F32;
  if (operand->type == AOD_WASM_V128) return single ? "canon_f32x4" : "canon_f64x2";
  return single ? "canon_f32" : "canon_f64";
}

void aod__operand_write(const aod__operand_t *operand, aod_buf_t *to, bool tight,
                        aod_wasm_valtype_t raw) {
  aod_slice_t text = aod_buf_slice(&operand->text);
  bool canonical = operand->raw && operand->raw != raw;
  if (canonical) aod_buf_text(to, canonical_form(operand));
  bool parentheses = canonical || (tight && !operand->atom);
  if (parentheses) aod_buf_byte(to, '(');
  aod_buf_append(to, text);
  if (parentheses) aod_buf_byte(to, ')');
}
