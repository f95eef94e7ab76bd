/* Checking function bodies, one instruction at a time.
 *
 * The checker reads an instruction, checks it against the types on its operand stack and against
 * its control stack, and tells what it found; the translator walks along and needs no checks of
 * its own. Costs time and memory linear in the body. */
#ifndef AOD_VM_VALIDATE_H
#define AOD_VM_VALIDATE_H

#include "vm/module.h"
#include "vm/opcodes.h"
#include "vm/reader.h"

typedef struct {
  uint32_t opcode;
  const aod__opcode_t *row;
  size_t offset;           /* in the module */
  bool reachable;          /* false: behind a branch or trap, types are of no meaning */
  uint32_t index[2];       /* function, local, global, table, segment, label, lane, type */
  uint64_t bits[2];        /* constants; bits[0] is the offset of a memory access */
  aod_wasm_valtype_t type; /* select, ref.null, drop: of the operand; AOD__ANY when unknown */
  const uint32_t *labels;  /* br_table: depths, the default last; valid until the next step */
  uint32_t label_count;
} aod__instruction_t;

#define AOD__ANY 0 /* the type of a value that unreachable code conjured up */

typedef struct {
  uint32_t opcode; /* OP_BLOCK, OP_LOOP, OP_IF, OP_ELSE; OP_RETURN for the function itself */
  const aod_wasm_valtype_t *params, *results;
  uint32_t param_count, result_count;
  uint32_t height; /* of the operand stack below the parameters */
  bool unreachable;
} aod__control_t;

typedef struct {
  const aod_wasm_module_t *module;
  aod__reader_t reader;
  aod_wasm_valtype_t *locals; /* parameters first */
  uint32_t local_count;
  aod_wasm_valtype_t *stack;
  uint32_t depth, stack_cap;
  aod__control_t *controls;
  uint32_t control_depth, control_cap;
  uint32_t *labels;
  uint32_t label_cap;
  aod__instruction_t instruction;
} aod__checker_t;

/* Begin with the body of function `index`, not an imported one. A zeroed checker is a new one; a
 * used one may begin again with another body of any module. Returns 0 or the error of the body's
 * declarations, which `err` then describes. */
int aod__checker_begin(aod__checker_t *checker, const aod_wasm_module_t *module, uint32_t index,
                       aod_error_t *err);

/* Read and check the next instruction. Returns 1, 0 when the body has ended, or an error. */
int aod__checker_step(aod__checker_t *checker);
void aod__checker_free(aod__checker_t *checker);

/* Step through the body of function `index` and call `visit` (may be NULL) after each instruction,
 * which can stop by returning an error. The error names the function. */
typedef int (*aod__visit_t)(void *context, aod__checker_t *checker);
int aod__walk(aod__checker_t *checker, const aod_wasm_module_t *module, uint32_t index,
              aod__visit_t visit, void *context, aod_error_t *err);

/* The label `depth` controls up; its values are parameters for a loop, else results. */
static inline aod__control_t *aod__checker_label(aod__checker_t *checker, uint32_t depth) {
  return &checker->controls[checker->control_depth - 1 - depth];
}

/* Check all bodies. Errors as aod_wasm_decode; the message names the function. */
int aod_wasm_validate(const aod_wasm_module_t *module, aod_error_t *err);

#endif
