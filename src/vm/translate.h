/* A module as C. */
#ifndef AOD_VM_TRANSLATE_H
#define AOD_VM_TRANSLATE_H

#include "vm/module.h"

/* Raise it with every change of what the translator writes: it is part of the cache's key. */
#define AOD_TRANSLATOR_VERSION 10

/* C files that make one shared object when compiled and linked together. */
typedef struct {
  aod_buf_t *parts;
  uint32_t count;
} aod_c_source_t;

/* Write `module` as C in parts of about equal size, at most max_parts: as many as the compiler can
 * use cores for, fewer for a small module. Checks all bodies: errors as aod_wasm_validate, and
 * AOD_ELIMIT for a module whose text would be too large. On failure nothing is left to free. */
int aod_wasm_translate(const aod_wasm_module_t *module, uint32_t max_parts, aod_c_source_t *source,
                       aod_error_t *err);
void aod_c_source_free(aod_c_source_t *source);

#endif
