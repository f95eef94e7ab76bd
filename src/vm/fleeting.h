/* What of a process's state no message reads before it has set it: the second half of 64-bit
 * results, which modules keep in the host or in a global of their own, "tempRet0". It outlives a
 * message and means nothing to the next. Pure. */
#ifndef AOD_VM_FLEETING_H
#define AOD_VM_FLEETING_H

#include "vm/module.h"

/* Set all of it to zero, in a state as guest.h has it. */
void aod__state_blank_fleeting(const aod_wasm_module_t *module, aod_buf_t *state);

#endif
