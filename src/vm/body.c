/* The frame of a function's translation, and all instructions that have a template.
 *
 * The checker steps through the body; while code is live each instruction appends to `statements`
 * or changes the operands. Behind a branch nothing is written until the block ends. Declarations
 * come first in the result, since only at the end it is known which variables there are. */
#include "vm/body.h"

#include "vm/abi.h"

#include <stdio.h>
#include <stdlib.h>

void aod__statement(aod__body_t *body, const char *format, ...) {
  char line[200];
  va_list args;
  va_start(args, format);
  int len = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  aod_assert(len >= 0 && (size_t)len < sizeof line);
  aod__indent(&body->operands);
  aod_buf_append(&body->statements, aod_slice(line, (size_t)len));
}

void aod__continue(aod__body_t *body, const char *format, ...) {
  char line[200];
  va_list args;
  va_start(args, format);
  int len = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  aod_assert(len >= 0 && (size_t)len < sizeof line);
  aod_buf_append(&body->statements, aod_slice(line, (size_t)len));
}

void aod__continue_operand(aod__body_t *body, uint32_t height, bool tight) {
  aod__operand_write(&body->operands.at[height], &body->statements, tight, 0);
}

/* What the expression over `count` operands inherits from them. */
static aod__operand_t join_properties(const aod__operands_t *operands, uint32_t count) {
  aod__operand_t joined = {0};
  for (uint32_t i = operands->count - count; i < operands->count; i++) {
    const aod__operand_t *operand = &operands->at[i];
    joined.locals |= operand->locals;
    joined.slots |= operand->slots;
    joined.reads |= operand->reads;
    if (operand->traps > joined.traps) joined.traps = operand->traps;
    if (operand->nest > joined.nest) joined.nest = operand->nest;
  }
  return joined;
}

aod__operand_t *aod__replace(aod__body_t *body, uint32_t count, aod_wasm_valtype_t type) {
  aod__operand_t joined = join_properties(&body->operands, count);
  aod__operands_pop(&body->operands, count);
  aod__operand_t *operand = aod__operand_push(&body->operands, type);
  aod_buf_t text = operand->text;
  *operand = joined;
  operand->type = type;
  operand->text = body->scratch;
  operand->nest += count > 0;
  body->scratch = text;
  body->scratch.len = 0;
  return operand;
}

/* ---- marking cards ---- */

static bool is_marked(const aod__body_t *body, uint32_t local) {
  for (uint32_t i = 0; i < body->mark_count; i++)
    if (body->marks[i] == local) return true;
  return false;
}

void aod__forget_mark(aod__body_t *body, uint32_t local) {
  for (uint32_t i = 0; i < body->mark_count; i++)
    if (body->marks[i] == local) body->marks[i] = body->marks[--body->mark_count];
}

static void remember_mark(aod__body_t *body, uint32_t local) {
  if (body->mark_count == AOD__MARKS) {
    body->mark_count--;
    memmove(body->marks, body->marks + 1, sizeof body->marks - sizeof body->marks[0]);
  }
  body->marks[body->mark_count++] = local;
}

/* Which of the preamble's stores: see the cards in abi.h. */
static const char *choose_store(aod__body_t *body, const aod__instruction_t *instruction,
                                const aod__operand_t *base) {
  uint64_t offset = instruction->bits[0];
  if (offset > AOD_CARD_OVERLAP || offset + instruction->row->size > AOD_CARD_OVERLAP) return "st";
  if (!base->local) return "st_base";
  if (is_marked(body, base->local - 1)) return "st_again";
  remember_mark(body, base->local - 1);
  return "st_base";
}

/* ---- templates ---- */

/* Parentheses can be left out where $n is a whole argument of a call. */
static bool is_argument(const char *template, const char *dollar) {
  bool opens =
      dollar - template >= 2 && (dollar[-1] == '(' || (dollar[-1] == ' ' && dollar[-2] == ','));
  return opens && (dollar[2] == ',' || (dollar[2] == ')' && dollar[3] != ' '));
}

static void write_address(aod__body_t *body, const aod__instruction_t *instruction,
                          const aod__operand_t *operand, aod_buf_t *to) {
  unsigned long long offset = instruction->bits[0];
  if (offset <= UINT32_MAX) {
    aod__operand_write(operand, to, false, 0);
    return;
  }
  aod_buf_text(to, "far(m, ");
  aod__operand_write(operand, to, false, 0);
  aod_buf_printf(to, ", %lluul, %u)", offset, instruction->row->size);
  body->uses_memory = true;
}

static void write_lanes(const aod__instruction_t *instruction, aod_buf_t *to) {
  const uint8_t *lanes = (const uint8_t *)instruction->bits;
  for (int i = 0; i < 16; i++) aod_buf_printf(to, i ? ", %u" : "%u", lanes[i]);
}

/* Lanes of a vector that may make a NaN, or 0. */
static aod_wasm_valtype_t vector_lanes(const aod__opcode_t *row) {
  if (!(row->flags & AOD__OP_NAN) || !row->size) return 0;
  return row->size == 4 ? AOD_WASM_F32 : AOD_WASM_F64;
}

/* The kind of floats that the row can take with any NaN: what it does with them depends on their
 * being NaN only. For vectors those that calculate with the same lanes; the rest looks at bits. */
static aod_wasm_valtype_t takes_raw(const aod__body_t *body, const aod__opcode_t *row,
                                    uint32_t operand) {
  aod_wasm_valtype_t type = body->operands.at[operand].type;
  if (row->flags & AOD__OP_BITS) return 0;
  return type == AOD_WASM_V128 ? vector_lanes(row) : type;
}

static void write_template(aod__body_t *body, const aod__instruction_t *instruction, uint32_t base,
                           const char *at, aod_buf_t *to) {
  const aod__opcode_t *row = instruction->row;
  bool memory = row->flags & (AOD__OP_LOAD | AOD__OP_STORE);
  for (const char *dollar; (dollar = strchr(at, '$')); at = dollar + 2) {
    aod_buf_append(to, aod_slice(at, (size_t)(dollar - at)));
    unsigned long long offset = instruction->bits[0];
    if (dollar[1] == 'o')
      aod_buf_printf(to, "%llu", offset <= UINT32_MAX ? offset : 0);
    else if (dollar[1] == 'n')
      aod_buf_printf(to, "%u", instruction->index[0]);
    else if (dollar[1] == 'x' || dollar[1] == 'y')
      aod_buf_printf(to, "%lluul", (unsigned long long)instruction->bits[dollar[1] - 'x']);
    else if (dollar[1] == 'l')
      write_lanes(instruction, to);
    else if (memory && dollar[1] == '0')
      write_address(body, instruction, &body->operands.at[base], to);
    else {
      uint32_t operand = base + (uint32_t)(dollar[1] - '0');
      aod__operand_write(&body->operands.at[operand], to, !is_argument(row->text, dollar),
                         takes_raw(body, row, operand));
    }
  }
  aod_buf_text(to, at);
}

static void translate_row(aod__body_t *body, const aod__instruction_t *instruction) {
  aod__operands_t *operands = &body->operands;
  const aod__opcode_t *row = instruction->row;
  uint32_t count = (uint32_t)(strchr(row->signature, ':') - row->signature);
  uint32_t base = operands->count - count;
  aod__operands_join(operands, count);
  if (row->flags & (AOD__OP_LOAD | AOD__OP_STORE)) body->uses_memory = true;
  if (row->flags & AOD__OP_STORE) {
    aod__operands_settle(operands, base, AOD__READS_MEMORY, 0, AOD__TRAPS);
    aod__statement(body, "%s", choose_store(body, instruction, &operands->at[base]));
    write_template(body, instruction, base, row->text, &body->statements);
    aod__continue(body, ";");
    aod__operands_pop(operands, count);
    return;
  }
  body->scratch.len = 0;
  write_template(body, instruction, base, row->text, &body->scratch);
  const aod__checker_t *checker = &body->checker;
  aod__operand_t *result = aod__replace(body, count, checker->stack[checker->depth - 1]);
  result->atom = row->text[0] >= 'a' && row->text[0] <= 'z';
  if (row->flags & AOD__OP_NAN)
    result->raw = result->type == AOD_WASM_V128 ? vector_lanes(row) : result->type;
  if (count == 0) result->constant = true;
  if (row->flags & AOD__OP_LOAD) {
    result->reads |= AOD__READS_MEMORY;
    if (!result->traps) result->traps = AOD__TRAPS_LOAD;
  }
  if (row->flags & AOD__OP_TRAP) result->traps = AOD__TRAPS;
}

/* ---- the function ---- */

/* Behind a branch only the nesting of blocks matters. */
static bool skip_dead(aod__body_t *body, const aod__instruction_t *instruction) {
  if (body->live) return false;
  bool ends = instruction->opcode == OP_END || instruction->opcode == OP_ELSE;
  if (instruction->row->immediate == AOD__IMM_BLOCK)
    body->dead_depth++;
  else if (body->dead_depth == 0 && ends)
    return false;
  else if (instruction->opcode == OP_END)
    body->dead_depth--;
  body->next_run += aod__begins_run(instruction->opcode, false);
  return true;
}

static int visit(void *context, aod__checker_t *checker) {
  aod__body_t *body = context;
  const aod__instruction_t *instruction = &checker->instruction;
  if (!body->frame_count) aod__begin_function(body);
  if (skip_dead(body, instruction)) return 0;
  if (instruction->row->text)
    translate_row(body, instruction);
  else
    aod__translate_special(body, instruction);
  if (body->statements.len > AOD__MAX_TEXT_BYTES)
    return aod__reader_fail(&checker->reader, AOD_ELIMIT, "the C text is too large");
  return 0;
}

static void write_declarations(aod__body_t *body, aod_buf_t *out) {
  const aod__checker_t *checker = &body->checker;
  uint32_t params = aod_wasm_function_type(body->module, body->function)->param_count;
  for (uint32_t i = params; i < checker->local_count; i++)
    aod_buf_printf(out, "  %s x%u = %s;\n", aod__c_type(checker->locals[i]), i,
                   aod_wasm_slots(checker->locals[i]) > 1 ? "{0}" : "0");
  static const aod_wasm_valtype_t types[] = {AOD_WASM_I32, AOD_WASM_I64,  AOD_WASM_F32,
                                             AOD_WASM_F64, AOD_WASM_V128, AOD_WASM_FUNCREF};
  for (size_t t = 0; t < sizeof types; t++) {
    const char *separator = "";
    for (uint32_t i = 0; i < body->operands.used_count; i++) {
      if (!aod__operands_uses(&body->operands, i, types[t])) continue;
      if (!*separator) aod_buf_printf(out, "  %s", aod__c_type(types[t]));
      aod_buf_printf(out, "%s %c%u", separator, aod__letter(types[t]), i);
      separator = ",";
    }
    if (*separator) aod_buf_text(out, ";\n");
  }
}

static void write_function(aod__body_t *body, aod_buf_t *out) {
  const aod__facts_t *facts = &body->analysis->functions[body->function];
  aod_buf_text(out, "\nFN ");
  aod__write_signature(out, body->module, body->types, body->function, true);
  aod_buf_text(out, " {\n");
  write_declarations(body, out);
  if (body->uses_memory) aod_buf_text(out, "  u8 *const M = m->memory, *const C = m->cards;\n");
  if (facts->counted) aod_buf_printf(out, "  ENTER(%u);\n", facts->weight);
  if (!facts->leaf && !body->module->metered)
    aod_buf_printf(out, "  BURN(%llu);\n",
                   (unsigned long long)body->analysis->run_costs[facts->first_run]);
  aod_buf_append(out, aod_slice_sub(aod_buf_slice(&body->statements), 1, SIZE_MAX));
  aod_buf_text(out, "\n}\n");
}

int aod__body_translate(aod__body_t *body, uint32_t index, aod_buf_t *out, aod_error_t *err) {
  body->function = index;
  body->next_run = body->analysis->functions[index].first_run + 1;
  body->frame_count = 0;
  body->live = true;
  body->dead_depth = 0;
  body->uses_memory = false;
  body->mark_count = 0;
  body->statements.len = 0;
  body->operands.out = &body->statements;
  aod__operands_clear(&body->operands);
  int rc = aod__walk(&body->checker, body->module, index, visit, body, err);
  if (!rc) write_function(body, out);
  return rc;
}

void aod__body_free(aod__body_t *body) {
  aod__checker_free(&body->checker);
  aod__operands_free(&body->operands);
  free(body->frames);
  aod_buf_free(&body->statements);
  aod_buf_free(&body->scratch);
}
