/* Control flow: structured in Wasm, labels and gotos in C, so that nesting costs the compiler
 * nothing.
 *
 * Where control can come from two sides the operands must be where both sides expect them: in the
 * variables of their heights. So a block begins with everything settled, and whoever goes to a
 * label first moves the label's values into the variables at its height. */
#include "vm/body.h"

static aod__frame_t *frame_at(aod__body_t *body, uint32_t depth) {
  return &body->frames[body->frame_count - 1 - depth];
}

static void push_frame(aod__body_t *body, const aod__control_t *control) {
  if (body->frame_count == body->frame_cap) {
    body->frame_cap = body->frame_cap ? body->frame_cap * 2 : 32;
    body->frames = aod_realloc(body->frames, body->frame_cap * sizeof *body->frames);
  }
  body->frames[body->frame_count++] =
      (aod__frame_t){.control = *control, .label = body->label_count++};
}

static const aod_wasm_valtype_t *label_types(const aod__frame_t *frame, uint32_t *count) {
  const aod__control_t *control = &frame->control;
  *count = control->opcode == OP_LOOP ? control->param_count : control->result_count;
  return control->opcode == OP_LOOP ? control->params : control->results;
}

/* The operands above `height` are the variables of these types. */
static void reset_operands(aod__body_t *body, uint32_t height, const aod_wasm_valtype_t *types,
                           uint32_t count) {
  aod__operands_pop(&body->operands, body->operands.count - height);
  for (uint32_t i = 0; i < count; i++) aod__operand_push_variable(&body->operands, types[i]);
}

/* Move the top `count` operands into the variables at `height` and above. In rising order, since an
 * operand names no variable below its own height. */
static void move_operands(aod__body_t *body, uint32_t height, uint32_t count) {
  aod__operands_t *operands = &body->operands;
  uint32_t from = operands->count - count;
  for (uint32_t i = 0; i < count; i++) {
    if (from == height) {
      aod__operand_settle(operands, from + i);
      continue;
    }
    aod_wasm_valtype_t type = operands->at[from + i].type;
    aod__operand_define(operands, height + i, type);
    aod__statement(body, "%c%u = ", aod__letter(type), height + i);
    aod__continue_operand(body, from + i, false);
    aod__continue(body, ";");
  }
}

/* Control comes together: what is known of marked cards holds on one way only. */
static void write_label(aod__body_t *body, char kind, uint32_t label) {
  body->mark_count = 0;
  uint32_t indent = body->operands.indent;
  if (indent) body->operands.indent--;
  aod__statement(body, "%c%u:;", kind, label);
  body->operands.indent = indent;
}

/* ---- blocks ---- */

void aod__begin_function(aod__body_t *body) {
  body->frame_count = 0;
  body->label_count = 0;
  push_frame(body, &body->checker.controls[0]);
}

/* The budget is looked at where a loop begins and a function is entered: everything else is bounded
 * by what lies between two of these. */
void aod__begin_run(aod__body_t *body, bool loop) {
  const aod__facts_t *facts = &body->analysis->functions[body->function];
  unsigned long long cost = body->analysis->run_costs[body->next_run++];
  if (facts->leaf || (cost == 0 && !loop) || body->module->metered) return;
  aod__statement(body, loop ? "BURN(%llu);" : "SPEND(%llu);", cost);
}

void aod__translate_block(aod__body_t *body, const aod__instruction_t *instruction) {
  aod__operands_t *operands = &body->operands;
  push_frame(body, aod__checker_label(&body->checker, 0));
  aod__frame_t *frame = frame_at(body, 0);
  bool condition = instruction->opcode == OP_IF;
  aod__operands_settle_all(operands, operands->count - condition);
  if (condition) {
    aod__statement(body, "if (!");
    aod__continue_operand(body, operands->count - 1, true);
    aod__continue(body, ") goto E%u;", frame->label);
    aod__operands_pop(operands, 1);
  }
  for (uint32_t i = frame->control.height; i < operands->count; i++)
    aod__operand_settle(operands, i); /* parameters are variables even when they were constants */
  operands->indent++;
  bool loop = instruction->opcode == OP_LOOP;
  if (loop) write_label(body, 'B', frame->label);
  if (loop || condition) aod__begin_run(body, loop);
}

void aod__translate_else(aod__body_t *body, const aod__instruction_t *instruction) {
  (void)instruction;
  aod__frame_t *frame = frame_at(body, 0);
  if (body->live) {
    move_operands(body, frame->control.height, frame->control.result_count);
    aod__statement(body, "goto B%u;", frame->label);
    frame->targeted = true;
  }
  write_label(body, 'E', frame->label);
  frame->control.opcode = OP_ELSE;
  body->live = true;
  reset_operands(body, frame->control.height, frame->control.params, frame->control.param_count);
  aod__begin_run(body, false);
}

static void write_return(aod__body_t *body, const aod__frame_t *frame) {
  aod__operands_t *operands = &body->operands;
  const aod__facts_t *facts = &body->analysis->functions[body->function];
  uint32_t count = frame->control.result_count;
  if (count > 1 && body->live) move_operands(body, 0, count);
  if (facts->counted) aod__statement(body, "LEAVE(%u);", facts->weight);
  if (count == 1) {
    aod__statement(body, "return ");
    aod__continue_operand(body, operands->count - 1, false);
    aod__continue(body, ";");
  } else if (count > 1) {
    uint32_t type = body->types[body->module->functions[body->function].type];
    aod__statement(body, "return (struct r%u){", type);
    for (uint32_t i = 0; i < count; i++)
      aod__continue(body, "%s%c%u", i ? ", " : "", aod__letter(frame->control.results[i]), i);
    aod__continue(body, "};");
  }
}

void aod__translate_end(aod__body_t *body, const aod__instruction_t *instruction) {
  (void)instruction;
  aod__operands_t *operands = &body->operands;
  aod__frame_t frame = *frame_at(body, 0);
  const aod__control_t *control = &frame.control;
  bool function = body->frame_count == 1;
  bool joins = control->opcode == OP_IF || (frame.targeted && control->opcode != OP_LOOP);
  if (body->live && joins) move_operands(body, control->height, control->result_count);
  if (control->opcode == OP_IF) write_label(body, 'E', frame.label);
  if (frame.targeted && control->opcode != OP_LOOP) write_label(body, 'B', frame.label);
  if (joins) {
    body->live = true;
    reset_operands(body, control->height, control->results, control->result_count);
  }
  if (function && body->live) write_return(body, &frame);
  body->frame_count--;
  if (operands->indent) operands->indent--;
  if (function) return;
  if (body->live)
    aod__begin_run(body, false);
  else
    body->next_run++;
}

/* ---- branches ---- */

static void jump(aod__body_t *body, aod__frame_t *frame) {
  uint32_t count;
  label_types(frame, &count);
  move_operands(body, frame->control.height, count);
  aod__statement(body, "goto B%u;", frame->label);
  frame->targeted = true;
}

/* Operands that are left behind must still trap. */
static void settle_traps(aod__body_t *body, uint32_t kept) {
  aod__operands_settle(&body->operands, body->operands.count - kept, 0, 0, AOD__TRAPS);
}

void aod__translate_branch(aod__body_t *body, const aod__instruction_t *instruction) {
  settle_traps(body, 0);
  jump(body, frame_at(body, instruction->index[0]));
  body->live = false;
}

void aod__translate_return(aod__body_t *body, const aod__instruction_t *instruction) {
  (void)instruction;
  settle_traps(body, 0);
  jump(body, &body->frames[0]);
  body->live = false;
}

void aod__translate_branch_if(aod__body_t *body, const aod__instruction_t *instruction) {
  aod__operands_t *operands = &body->operands;
  aod__frame_t *frame = frame_at(body, instruction->index[0]);
  uint32_t count, condition = operands->count - 1;
  label_types(frame, &count);
  settle_traps(body, 1);
  for (uint32_t i = condition - count; i < condition; i++) aod__operand_settle(operands, i);
  aod__statement(body, "if (");
  aod__continue_operand(body, condition, false);
  aod__operands_pop(operands, 1);
  if (count == 0 || condition - count == frame->control.height) {
    aod__continue(body, ") goto B%u;", frame->label);
    frame->targeted = true;
    return;
  }
  aod__continue(body, ") {");
  operands->indent++;
  jump(body, frame);
  operands->indent--;
  aod__statement(body, "}");
}

static bool too_large(const aod__body_t *body) {
  return body->statements.len > AOD__MAX_TEXT_BYTES;
}

void aod__translate_branch_table(aod__body_t *body, const aod__instruction_t *instruction) {
  aod__operands_t *operands = &body->operands;
  uint32_t index = operands->count - 1, count = instruction->label_count - 1;
  settle_traps(body, 1);
  uint32_t values;
  label_types(frame_at(body, instruction->labels[count]), &values);
  for (uint32_t i = index - values; i < index; i++) aod__operand_settle(operands, i);
  aod__statement(body, "switch (");
  aod__continue_operand(body, index, false);
  aod__continue(body, ") {");
  aod__operands_pop(operands, 1);
  for (uint32_t i = 0; i <= count && !too_large(body); i++) {
    if (i < count && instruction->labels[i] == instruction->labels[count]) continue;
    if (i < count)
      aod__statement(body, "case %u:", i);
    else
      aod__statement(body, "default:");
    if (i + 1 < count && instruction->labels[i] == instruction->labels[i + 1]) continue;
    operands->indent++;
    jump(body, frame_at(body, instruction->labels[i]));
    operands->indent--;
  }
  aod__statement(body, "}");
  body->live = false;
}

void aod__translate_unreachable(aod__body_t *body, const aod__instruction_t *instruction) {
  (void)instruction;
  settle_traps(body, 0);
  aod__statement(body, "trap(m, AOD_TRAP_UNREACHABLE);");
  body->live = false;
}
