/* Calls, and how values cross as slots.
 *
 * A call may do anything to memory and globals and may trap, so everything that could tell is
 * settled before; arguments stay expressions. */
#include "vm/body.h"

/* Write the arguments and push the results. `call` is the text before the arguments. */
static void finish_call(aod__body_t *body, uint32_t type_index, const char *call) {
  aod__operands_t *operands = &body->operands;
  const aod_wasm_type_t *type = &body->module->types[type_index];
  uint32_t base = operands->count - type->param_count;
  for (uint32_t i = 0; i < type->result_count; i++)
    aod__operand_define(operands, base + i, type->results[i]);
  if (type->result_count == 1)
    aod__statement(body, "%c%u = ", aod__letter(type->results[0]), base);
  else if (type->result_count)
    aod__statement(body, "{ struct r%u r_ = ", body->types[type_index]);
  else
    aod__statement(body, "%s", "");
  aod_buf_text(&body->statements, call);
  for (uint32_t i = 0; i < type->param_count; i++) {
    aod__continue(body, ", ");
    aod__continue_operand(body, base + i, false);
  }
  aod__continue(body, ");");
  aod__operands_pop(operands, type->param_count);
  for (uint32_t i = 0; i < type->result_count; i++) {
    aod__operand_push_variable(operands, type->results[i]);
    if (type->result_count > 1)
      aod__continue(body, " %c%u = r_.r%u;", aod__letter(type->results[i]), base + i, i);
  }
  if (type->result_count > 1) aod__continue(body, " }");
}

/* A call of metering.usegas with a constant. A price is taken as the host function would take it:
 * an i32 with its sign. */
static void translate_gas(aod__body_t *body) {
  aod__operands_t *operands = &body->operands;
  const aod__operand_t *price = &operands->at[operands->count - 1];
  aod__operands_settle(operands, operands->count - 1, 0, 0, AOD__TRAPS);
  aod__statement(body, "USE_GAS((%s)", price->type == AOD_WASM_I32 ? "i32" : "i64");
  aod__continue_operand(body, operands->count - 1, true);
  aod__continue(body, ");");
  aod__operands_pop(operands, 1);
}

static bool is_gas(const aod__body_t *body, uint32_t function) {
  const aod__operands_t *operands = &body->operands;
  return function == body->analysis->gas_import && operands->count &&
         operands->at[operands->count - 1].constant;
}

void aod__translate_call(aod__body_t *body, const aod__instruction_t *instruction) {
  if (is_gas(body, instruction->index[0])) {
    translate_gas(body);
    return;
  }
  aod__operands_t *operands = &body->operands;
  uint32_t type = body->module->functions[instruction->index[0]].type;
  uint32_t params = body->module->types[type].param_count;
  aod__operands_join(operands, params);
  aod__operands_settle(operands, operands->count - params, AOD__READS_ALL, 0, AOD__TRAPS);
  body->scratch.len = 0;
  aod__write_function_name(&body->scratch, body->module, instruction->index[0]);
  aod_buf_text(&body->scratch, "(m");
  aod_buf_terminate(&body->scratch);
  finish_call(body, type, (const char *)body->scratch.ptr);
}

void aod__translate_call_indirect(aod__body_t *body, const aod__instruction_t *instruction) {
  aod__operands_t *operands = &body->operands;
  uint32_t type = instruction->index[0], table = instruction->index[1];
  uint32_t params = body->module->types[type].param_count;
  /* arguments that trap do so before the table is looked at */
  uint32_t index = operands->count - 1;
  aod__operands_join(operands, 1);
  aod__operands_settle(operands, index, AOD__READS_ALL, 0, AOD__TRAPS);
  aod__statement(body, "{ const ref *c_ = callee(m, %u, ", table);
  aod__continue_operand(body, index, false);
  aod__continue(body, ", %uu);", body->module->types[type].number);
  aod__operands_pop(operands, 1);
  aod__operands_join(operands, params);
  body->scratch.len = 0;
  aod_buf_printf(&body->scratch, "((t%u *)c_->code)(c_->instance", body->types[type]);
  aod_buf_terminate(&body->scratch);
  operands->indent++;
  finish_call(body, type, (const char *)body->scratch.ptr);
  operands->indent--;
  aod__continue(body, " }");
}

/* ---- slots ---- */

void aod__write_slot_load(aod_buf_t *out, aod_wasm_valtype_t type, const char *base,
                          uint32_t slot) {
  switch (type) {
  case AOD_WASM_I32:
    aod_buf_printf(out, "(u32)%s[%u]", base, slot);
    break;
  case AOD_WASM_I64:
    aod_buf_printf(out, "%s[%u]", base, slot);
    break;
  case AOD_WASM_F32:
    aod_buf_printf(out, "f32_bits((u32)%s[%u])", base, slot);
    break;
  case AOD_WASM_F64:
    aod_buf_printf(out, "f64_bits(%s[%u])", base, slot);
    break;
  default:
    aod_buf_printf(out, "%s_load(&%s[%u])", aod__c_type(type), base, slot);
  }
}

void aod__write_slot_store(aod_buf_t *out, aod_wasm_valtype_t type, const char *base, uint32_t slot,
                           aod_slice_t value) {
  switch (type) {
  case AOD_WASM_I32:
  case AOD_WASM_I64:
    aod_buf_printf(out, "%s[%u] = %.*s;", base, slot, AOD_ARG(value));
    break;
  case AOD_WASM_F32:
  case AOD_WASM_F64:
    aod_buf_printf(out, "%s[%u] = bits_%s(%.*s);", base, slot, aod__c_type(type), AOD_ARG(value));
    break;
  default:
    aod_buf_printf(out, "%s_store(&%s[%u], %.*s);", aod__c_type(type), base, slot, AOD_ARG(value));
  }
}

/* ---- names ---- */

void aod__write_function_name(aod_buf_t *out, const aod_wasm_module_t *module, uint32_t index) {
  enum { MAX_NAME = 60 };
  aod_buf_printf(out, "fn%u", index);
  aod_slice_t name = aod_slice_sub(module->functions[index].name, 0, MAX_NAME);
  if (name.len) aod_buf_byte(out, '_');
  for (size_t i = 0; i < name.len; i++) {
    uint8_t byte = name.ptr[i];
    bool word = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                (byte >= 'a' && byte <= 'z');
    aod_buf_byte(out, word ? byte : '_');
  }
}

void aod__write_result_type(aod_buf_t *out, const aod_wasm_module_t *module, uint32_t type) {
  const aod_wasm_type_t *function = &module->types[type];
  if (function->result_count > 1)
    aod_buf_printf(out, "struct r%u", type);
  else
    aod_buf_text(out, function->result_count ? aod__c_type(function->results[0]) : "void");
}

void aod__write_signature(aod_buf_t *out, const aod_wasm_module_t *module, const uint32_t *types,
                          uint32_t index, bool names) {
  uint32_t type_index = types[module->functions[index].type];
  const aod_wasm_type_t *type = &module->types[type_index];
  aod__write_result_type(out, module, type_index);
  aod_buf_byte(out, ' ');
  aod__write_function_name(out, module, index);
  aod_buf_text(out, "(instance *m");
  for (uint32_t i = 0; i < type->param_count; i++) {
    aod_buf_printf(out, ", %s", aod__c_type(type->params[i]));
    if (names) aod_buf_printf(out, " x%u", i);
  }
  aod_buf_byte(out, ')');
}
