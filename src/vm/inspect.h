/* What can be told of a module before anything of it is compiled or runs. */
#ifndef AOD_VM_INSPECT_H
#define AOD_VM_INSPECT_H

#include "vm/format.h"
#include "vm/module.h"

/* Can the module, decoded, run under the format? Imports are there and of the right types, exports
 * that the host calls too, tables not too large. AOD_EUNSUPPORTED or AOD_ELIMIT with the reason. */
int aod_format_check(const aod_wasm_module_t *module, const aod_format_t *format, aod_error_t *err);

/* Is import number `index` one that the format offers? AOD_EUNSUPPORTED with the reason. */
int aod_format_check_import(const aod_wasm_module_t *module, uint32_t index,
                            const aod_format_t *format, aod_error_t *err);

typedef struct {
  bool vectors;      /* some body or type has a v128 */
  bool asyncify;     /* folding has something to remove */
  bool pays_for_gas; /* it imports metering.usegas itself */
} aod_wasm_traits_t;

/* Checks all bodies: errors as aod_wasm_validate. */
int aod_wasm_traits(const aod_wasm_module_t *module, aod_wasm_traits_t *traits, aod_error_t *err);

/* Everything about a valid module that its first use would refuse: aod_format_check, and under a
 * metering format what cannot be metered. */
int aod_format_fits(const aod_wasm_module_t *module, const aod_format_t *format, aod_error_t *err);

#endif
