/* Taking Asyncify out of a module.
 *
 * AO's modules were instrumented so that an asynchronous host can unwind and rewind them. Ours is
 * synchronous and never does, so once the asyncify_* exports are gone the state variable is a
 * constant, and the optimiser removes a quarter of the code. A module that is metered must be
 * metered before: its price includes the instrumentation. */
#ifndef AOD_VM_FOLD_H
#define AOD_VM_FOLD_H

#include "vm/module.h"

/* Does it have any? */
bool aod__has_asyncify(const aod_wasm_module_t *module);

/* Write `module`, which must be valid, to `folded`: without its Asyncify when it has any, else as
 * it is. Exports, imports and their order remain. Thread-safe; blocks for about a second.
 * AOD_ECOMPILE when the optimiser fails. */
int aod__fold(const aod_wasm_module_t *module, aod_buf_t *folded, aod_error_t *err);

#endif
