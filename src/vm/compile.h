/* The system's C compiler: C text in, a shared object out. */
#ifndef AOD_VM_COMPILE_H
#define AOD_VM_COMPILE_H

#include "vm/code.h"
#include "vm/translate.h"

/* Find the compiler that `wanted` names (NULL: clang, else cc) and write its absolute path.
 * AOD_ECOMPILE when there is none. */
int aod__compiler_find(const char *wanted, aod_buf_t *path, aod_error_t *err);

/* The flags that decide what comes out, as one text: a part of the cache's key. */
const char *aod__compiler_flags(aod_tier_t tier);

/* How many parts are worth compiling side by side. */
uint32_t aod__compiler_jobs(void);

/* Compile and link `source` to the file `output` with the program at `compiler`, the options' tier
 * and their wish for the background, with temporary files in the existing directory `directory`.
 * The compilers run without a shell, as children with limits of time and file size. AOD_ECOMPILE
 * with the beginning of what the compiler said, AOD_ECLOSED when it was stopped. */
int aod__compile(const char *compiler, const aod_code_options_t *options,
                 const aod_c_source_t *source, const char *directory, const char *output,
                 aod_error_t *err);

/* Wait until the background's work is to stop, at most `ms` (-1: for ever). */
bool aod__compile_stopped(const aod_code_options_t *options, int ms);

#endif
