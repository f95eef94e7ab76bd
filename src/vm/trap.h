/* Entering native code, and leaving it early.
 *
 * Native code runs on a stack of its own, one a thread, made when the thread first enters and kept
 * for the next time. What ends a call early - a trap that code raises, an access outside of
 * memory, a stack that is used up - unwinds to the innermost aod_enter of the same thread. */
#ifndef AOD_VM_TRAP_H
#define AOD_VM_TRAP_H

#include "vm/abi.h"

/* How many calls may be active at once, those of functions with many values counting more
 * (analyse.h). Counted, so that it is the same on every machine and tier. V8, which the network
 * runs, gives up at 984 KB of native stack, which the smallest possible frame (32 bytes) fills with
 * some 30,000 calls: whatever the reference can run, fits. Lua's own limits (200 C levels of at
 * most a dozen calls each) are far below. */
#define AOD_CALL_DEPTH_MAX 32768

/* Run entry(argument) on this thread's native stack. Returns AOD_TRAP_NONE when it returns, else
 * the trap that ended it. May be nested: the inner call then uses the stack that it is on. */
int aod_enter(void (*entry)(void *argument), void *argument);

/* End the innermost aod_enter of this thread. No destructor or cleanup of the frames in between
 * runs: host functions own nothing while they may trap. */
_Noreturn void aod_trap_raise(int trap);

/* The words that the reference's engine (V8) uses, e.g. "unreachable". */
const char *aod_trap_text(int trap);

#endif
