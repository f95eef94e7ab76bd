/* One function body as C text. */
#ifndef AOD_VM_BODY_H
#define AOD_VM_BODY_H

#include "vm/analyse.h"
#include "vm/operand.h"
#include "vm/validate.h"

#define AOD__MAX_TEXT_BYTES (512u << 20) /* of one module's C text */

/* A block that is being translated. Branches to it put its values into the variables at height and
 * above and go to label `label`. */
typedef struct {
  aod__control_t control; /* the checker's, kept beyond its end */
  uint32_t label;
  bool targeted; /* some branch goes to its end (a loop: to its beginning) */
} aod__frame_t;

enum { AOD__MARKS = 8 };

typedef struct {
  const aod_wasm_module_t *module;
  const aod__analysis_t *analysis;
  const uint32_t *types; /* by type index: the first index of an equal type */
  uint32_t function;
  uint32_t next_run; /* into analysis->run_costs */
  aod__checker_t checker;
  aod__operands_t operands;
  aod__frame_t *frames; /* parallel to the checker's controls while `live` */
  uint32_t frame_count, frame_cap;
  uint32_t label_count;
  bool live;           /* the statement before can be passed */
  uint32_t dead_depth; /* blocks that began while not live */
  bool uses_memory;
  uint32_t marks[AOD__MARKS]; /* locals whose card as a base is marked on every way to here */
  uint32_t mark_count;
  aod_buf_t statements, scratch;
} aod__body_t;

/* Append the definition of function `index` to `out`. The module must have passed aod__analyse.
 * AOD_ELIMIT when the text becomes too large. */
int aod__body_translate(aod__body_t *body, uint32_t index, aod_buf_t *out, aod_error_t *err);
void aod__body_free(aod__body_t *body);

/* "u32 fn12_name(instance *m, u32 x0)": with or without the names of parameters. */
void aod__write_signature(aod_buf_t *out, const aod_wasm_module_t *module, const uint32_t *types,
                          uint32_t index, bool names);
/* "fn12_name" */
void aod__write_function_name(aod_buf_t *out, const aod_wasm_module_t *module, uint32_t index);
/* "void", "u32", or "struct r5" for several */
void aod__write_result_type(aod_buf_t *out, const aod_wasm_module_t *module, uint32_t type);

/* The value at slot `slot` of the uint64_t array `base`, and the statement that puts `value` there.
 */
void aod__write_slot_load(aod_buf_t *out, aod_wasm_valtype_t type, const char *base, uint32_t slot);
void aod__write_slot_store(aod_buf_t *out, aod_wasm_valtype_t type, const char *base, uint32_t slot,
                           aod_slice_t value);

/* ---- between body.c, body_control.c, body_call.c and body_special.c ---- */

/* Begin a line, continue it. */
void aod__statement(aod__body_t *body, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void aod__continue(aod__body_t *body, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Continue with the operand at `height`, its NaN canonical; in parentheses where `tight`. */
void aod__continue_operand(aod__body_t *body, uint32_t height, bool tight);
/* Pop `count` operands and push the result of an expression over them, whose text is in `scratch`.
 */
aod__operand_t *aod__replace(aod__body_t *body, uint32_t count, aod_wasm_valtype_t type);

/* The local has a new value. */
void aod__forget_mark(aod__body_t *body, uint32_t local);

void aod__begin_function(aod__body_t *body);
/* Charge for the run that begins here. */
void aod__begin_run(aod__body_t *body, bool loop);
void aod__translate_block(aod__body_t *body, const aod__instruction_t *instruction);
void aod__translate_else(aod__body_t *body, const aod__instruction_t *instruction);
void aod__translate_end(aod__body_t *body, const aod__instruction_t *instruction);
void aod__translate_branch(aod__body_t *body, const aod__instruction_t *instruction);
void aod__translate_branch_if(aod__body_t *body, const aod__instruction_t *instruction);
void aod__translate_branch_table(aod__body_t *body, const aod__instruction_t *instruction);
void aod__translate_return(aod__body_t *body, const aod__instruction_t *instruction);
void aod__translate_unreachable(aod__body_t *body, const aod__instruction_t *instruction);
void aod__translate_call(aod__body_t *body, const aod__instruction_t *instruction);
void aod__translate_call_indirect(aod__body_t *body, const aod__instruction_t *instruction);

/* All others without a template. */
void aod__translate_special(aod__body_t *body, const aod__instruction_t *instruction);

#endif
