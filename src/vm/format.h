/* Module-Format: which flavour of Emscripten's JavaScript glue a module was built for, and so what
 * the host has to look like. */
#ifndef AOD_VM_FORMAT_H
#define AOD_VM_FORMAT_H

#include "vm/module.h"

/* The glue's generations. Bits, because a host function belongs to several. */
typedef enum {
  AOD_GLUE_1 = 1,   /* wasm32, minified names, no files */
  AOD_GLUE_2 = 2,   /* wasm32, Lua boots in main at load */
  AOD_GLUE_3 = 4,   /* wasm32, as 4 without Asyncify */
  AOD_GLUE_4 = 8,   /* wasm32, Asyncify */
  AOD_GLUE_64 = 16, /* wasm64, Asyncify */
} aod_glue_t;

typedef struct {
  const char *name; /* the tag's value */
  aod_glue_t glue;
  bool metered;    /* gas is counted by the reference's transform */
  bool wide;       /* pointers are i64 */
  double heap_max; /* where the glue stops growing memory */
  uint32_t
      string_factor; /* bytes reserved for a unit of a pushed string: 1 of UTF-8, 4 of UTF-16 */
} aod_format_t;

/* All of them; ends with a row without name. */
extern const aod_format_t aod_formats[];

/* The type of metering.usegas' parameter; 0 for a format that is not metered. */
aod_wasm_valtype_t aod_format_gas_type(const aod_format_t *format);

/* The format of that name, white space around it ignored; NULL when there is none. */
const aod_format_t *aod_format_find(aod_slice_t name);

#endif
