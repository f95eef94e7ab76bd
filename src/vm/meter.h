/* The network's metering transform (wasm-host.md E.2): a module that calls metering.usegas with the
 * price of each segment before it runs the segment.
 *
 * A segment is the shortest run of instructions that ends with one after which control may go
 * elsewhere. Prices are those of opcodes.c. Every turn of a loop and every call pays, so a metered
 * module needs no other budget.
 *
 * The price includes what Asyncify added: meter before folding (fold.h). */
#ifndef AOD_VM_METER_H
#define AOD_VM_METER_H

#include "vm/module.h"

/* Append `module`, which must be valid, to `metered` with the gas calls added; gas_type is
 * AOD_WASM_I32 or AOD_WASM_I64, the type of usegas' parameter. AOD_EUNSUPPORTED for what the
 * reference's transform refuses or cannot read: a module that imports metering.usegas already,
 * SIMD, bulk memory, reference types. */
int aod__meter(const aod_wasm_module_t *module, aod_wasm_valtype_t gas_type, aod_buf_t *metered,
               aod_error_t *err);

#endif
