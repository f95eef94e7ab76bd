/* What the translator must know of all bodies before it writes the first: what they cost.
 *
 * The budget. A function is charged on entry for the instructions outside of its loops, a loop each
 * time round for those in its body but not in loops within; so no amount of work is free, and every
 * tier and compiler charges alike, since all of it is a function of the module alone. A leaf (no
 * loop, no call) charges nothing itself: direct callers pay its instructions with the call.
 *
 * The depth. Native frames grow with the number of values a function holds, so a call weighs
 * 1 + words / AOD__WORDS_A_UNIT; the runtime's stack is dimensioned by units. */
#ifndef AOD_VM_ANALYSE_H
#define AOD_VM_ANALYSE_H

#include "vm/module.h"

#define AOD__WORDS_A_UNIT 64

typedef struct {
  uint64_t cost;       /* charged on entry, or for a leaf by the caller */
  uint32_t first_loop; /* index into loop_costs; loops in the order of their beginning */
  uint32_t weight;
  bool leaf;
} aod__facts_t;

typedef struct {
  aod__facts_t *functions; /* by function index */
  uint64_t *loop_costs;
  uint32_t loop_count;
} aod__analysis_t;

/* Checks all bodies too: errors as aod_wasm_validate. On failure nothing is left to free. */
int aod__analyse(const aod_wasm_module_t *module, aod__analysis_t *analysis, aod_error_t *err);
void aod__analysis_free(aod__analysis_t *analysis);

#endif
