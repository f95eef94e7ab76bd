/* What the translator must know of all bodies before it writes the first: what they cost.
 *
 * The budget. A body falls into runs: a run begins with the function, with a loop, with either arm
 * of an if and behind every end, so wherever control can come from elsewhere. Whoever enters a run
 * pays all of it at once; what an early exit skips is paid too. A run cheaper than AOD__SMALL_RUN
 * is paid by the one that always comes before it, since charging takes time too; but the arms of a
 * br_table pay for themselves, or each turn of an interpreter would pay for all its opcodes. So no
 * amount of work is free, and every tier and compiler charges alike, since all of it is a function
 * of the module alone. A leaf (no loop, no call) charges nothing itself: direct callers pay its
 * instructions with the call.
 *
 * The depth. A call weighs 1 and more where its frame is large, so that AOD__FRAME_BYTES a unit of
 * depth are enough for native frames. The size of a frame is estimated, from the module alone, for
 * the compiler that is worst at it: at -O0 every intermediate value has a place of its own. */
#ifndef AOD_VM_ANALYSE_H
#define AOD_VM_ANALYSE_H

#include "vm/module.h"

#define AOD__FRAME_BYTES 16384
#define AOD__SMALL_RUN   2000

typedef struct {
  uint32_t first_run; /* index into run_costs; runs in the order of their beginning */
  uint32_t run_count;
  uint32_t weight;
  bool calls;
  bool leaf;    /* neither calls nor loops */
  bool counted; /* takes part in counting the depth */
} aod__facts_t;

typedef struct {
  aod__facts_t *functions; /* by function index */
  uint64_t *run_costs;
  uint32_t run_count;
  bool vectors;        /* some body or type has a v128 */
  uint32_t gas_import; /* metering.usegas, AOD_WASM_NONE when the module has none */
} aod__analysis_t;

/* Does a run begin behind an instruction of this kind? `last` for the end of the function. */
bool aod__begins_run(uint32_t opcode, bool last);

/* Checks all bodies too: errors as aod_wasm_validate. On failure nothing is left to free. */
int aod__analyse(const aod_wasm_module_t *module, aod__analysis_t *analysis, aod_error_t *err);
void aod__analysis_free(aod__analysis_t *analysis);

#endif
