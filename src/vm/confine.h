/* Giving up what a program does not need, before it runs code that strangers wrote. What each kind
 * of child may still do is listed in confine.c. None of it can be taken back. */
#ifndef AOD_VM_CONFINE_H
#define AOD_VM_CONFINE_H

#include <stdbool.h>

/* Leave this process nothing but its memory, without new executable code, and the descriptor
 * `keep`: every other one is closed, and a system call that is not needed kills the process. Call
 * it when everything is loaded. False when the system does not offer that; then do not go on. */
bool aod__confine_worker(int keep);

/* False in a build with sanitizers, whose workers may also read files. */
extern const bool aod__confine_is_full;

/* For a library that works on strangers' bytes in a child, with threads of its own: what it has by
 * then, no file, no program, no network, and of all descriptors only `keep`. */
bool aod__confine_library(int keep);

/* For a compiler, between fork and exec, with calls that are safe there: limits of time, memory and
 * file size, no network, and, where the system has Landlock, no writing but below `directory` and
 * to /dev/null. False when a limit that every system has could not be set. */
bool aod__confine_compiler(const char *directory);

#endif
