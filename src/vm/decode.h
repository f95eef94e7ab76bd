/* Shared by the parts of the decoder: the limits, and constant expressions. */
#ifndef AOD_VM_DECODE_H
#define AOD_VM_DECODE_H

#include "vm/module.h"
#include "vm/reader.h"

/* What a module may ask for. The numbers are those that browsers agreed on (the JavaScript
 * interface's implementation limits) or lower where a byte of module would cost us many. */
enum {
  AOD_WASM_MAX_BYTES = 64 << 20,
  AOD_WASM_MAX_TYPES = 100000,
  AOD_WASM_MAX_PARAMS = 1000,
  AOD_WASM_MAX_RESULTS = 1000,
  AOD_WASM_MAX_FUNCTIONS = 1000000,
  AOD_WASM_MAX_IMPORTS = 100000,
  AOD_WASM_MAX_EXPORTS = 100000,
  AOD_WASM_MAX_TABLES = 1000,
  AOD_WASM_MAX_TABLE_ENTRIES = 10000000,
  AOD_WASM_MAX_GLOBALS = 100000,
  AOD_WASM_MAX_SEGMENTS = 100000,
  AOD_WASM_MAX_ITEMS = 1000000, /* of one element segment */
  AOD_WASM_MAX_BODY_BYTES = 7654321,
  AOD_WASM_MAX_LOCALS = 50000,
  AOD_WASM_MAX_CONTROL_DEPTH = 100000,
  AOD_WASM_MAX_LABELS = 65520, /* of one br_table */
  AOD_WASM_MAX_CONSTANT_OPS = 1000,
};
#define AOD_WASM_PAGE_BYTES     65536
#define AOD_WASM_MAX_PAGES      UINT64_C(65536)
#define AOD_WASM_MAX_PAGES_64   (UINT64_C(1) << 48)
#define AOD_WASM_MEMORY_BITS_64 34 /* the most that a 64-bit memory can grow to: 16 GiB */

/* Read a value type; a reference type. */
aod_wasm_valtype_t aod__read_valtype(aod__reader_t *reader);
aod_wasm_valtype_t aod__read_reftype(aod__reader_t *reader);

/* Read a constant expression that leaves one value of `type`, up to and with its end. What it
 * names must exist in `module` as far as that is decoded. Marks ref_funcs. */
aod_wasm_expression_t aod__read_expression(aod__reader_t *reader, aod_wasm_module_t *module,
                                           aod_wasm_valtype_t type);

/* The expression of one operation. */
aod_wasm_expression_t aod__expression_of(aod_wasm_module_t *module, aod_wasm_constant_t op);

/* Check that function `index` exists and allow ref.func to name it. */
void aod__declare_function(aod__reader_t *reader, aod_wasm_module_t *module, uint32_t index);

#endif
