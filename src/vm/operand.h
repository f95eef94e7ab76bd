/* The translator's picture of the operand stack: for each operand the C expression that yields it.
 *
 * Expressions are put off until something uses them, so that `(i32.add (local.get 0) (i32.load
 * ...))` becomes one C expression. That is sound only while evaluating later gives the same: before
 * a statement is written that changes what an operand reads, or that must not be seen before the
 * operand's trap, the operand is evaluated into its own variable ("settled"). Two expressions whose
 * traps could be told apart are never left to C's unspecified order of evaluation.
 *
 * Variables are named by height and type (I3 is the i32 at height 3). The expression of an operand
 * names only variables of its own height and above. */
#ifndef AOD_VM_OPERAND_H
#define AOD_VM_OPERAND_H

#include "vm/module.h"

enum { AOD__READS_MEMORY = 1, AOD__READS_GLOBAL = 2, AOD__READS_ALL = 3 };

/* Loads trap all alike, so their order among themselves cannot be told. */
enum { AOD__TRAPS_NOT, AOD__TRAPS_LOAD, AOD__TRAPS };

typedef struct {
  aod_buf_t text;
  aod_wasm_valtype_t type;
  bool atom;     /* needs no parentheses as an operand */
  bool constant; /* reads nothing at all */
  aod_wasm_valtype_t
      raw;        /* F32, F64: of floats (or lanes) whose NaN is not yet canonical; else 0 */
  uint8_t nest;   /* how deep the expression is */
  uint32_t local; /* the expression is local `local - 1` and nothing else */
  uint8_t traps, reads;
  uint64_t locals, slots; /* which it names: bit n mod 64 */
} aod__operand_t;

typedef struct {
  aod__operand_t *at;
  uint32_t count, cap;
  uint32_t pending; /* all below are variables or constants */
  uint32_t buffers; /* operands at and above count keep their buffers for reuse */
  aod_buf_t *out;   /* statements are appended here */
  uint32_t indent;
  uint8_t *used; /* by height: a bit for each type whose variable exists */
  uint32_t used_cap, used_count;
} aod__operands_t;

void aod__operands_clear(aod__operands_t *stack); /* before a function */
void aod__operands_free(aod__operands_t *stack);

void aod__operands_pop(aod__operands_t *stack, uint32_t count);
/* A new operand on top, its text empty, all else zero but the type. */
aod__operand_t *aod__operand_push(aod__operands_t *stack, aod_wasm_valtype_t type);
/* Push the variable of that height. */
void aod__operand_push_variable(aod__operands_t *stack, aod_wasm_valtype_t type);

/* Evaluate operand `height` into its variable now. */
void aod__operand_settle(aod__operands_t *stack, uint32_t height);
/* Evaluate every operand below `below` that a statement with these effects must not overtake:
 * `writes` as AOD__READS_*, `locals` the bits of those it assigns, `traps` what it may do. */
void aod__operands_settle(aod__operands_t *stack, uint32_t below, uint8_t writes, uint64_t locals,
                          uint8_t traps);
/* Evaluate all below `below` but constants: control flow splits or joins here. */
void aod__operands_settle_all(aod__operands_t *stack, uint32_t below);
/* Make the top `count` operands safe to stand in one C expression. Returns their traps, joined. */
uint8_t aod__operands_join(aod__operands_t *stack, uint32_t count);

/* Announce that a statement will assign the variable of `height` and `type`. */
void aod__operand_define(aod__operands_t *stack, uint32_t height, aod_wasm_valtype_t type);

/* Whether that variable was ever assigned since aod__operands_clear. */
bool aod__operands_uses(const aod__operands_t *stack, uint32_t height, aod_wasm_valtype_t type);

/* Write the operand's expression; in parentheses unless atomic when `tight`; its NaN as it is when
 * its kind is `raw`, else canonical. */
void aod__operand_write(const aod__operand_t *operand, aod_buf_t *to, bool tight,
                        aod_wasm_valtype_t raw);

/* A new line of the current indentation. */
void aod__indent(aod__operands_t *stack);

/* 'I', 'L', 'F', 'D', 'V' or 'R': the prefix of the variables of a type. */
char aod__letter(aod_wasm_valtype_t type);
const char *aod__c_type(aod_wasm_valtype_t type);

#endif
