/* Whatever is a valid module stays one when it is metered, unless metering it is refused. */
#include <stdlib.h>

#include "vm/meter.h"
#include "vm/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void meter(const aod_wasm_module_t *module, aod_wasm_valtype_t gas_type) {
  aod_buf_t metered = {0};
  aod_wasm_module_t again;
  aod_error_t err;
  if (!aod__meter(module, gas_type, &metered, &err)) {
    int rc = aod_wasm_decode(aod_buf_slice(&metered), &again, &err);
    if (rc && rc != AOD_ELIMIT) abort(); /* it has grown */
    if (!rc && aod_wasm_validate(&again, &err)) abort();
    if (!rc) aod_wasm_module_free(&again);
  }
  aod_buf_free(&metered);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  aod_wasm_module_t module;
  aod_error_t err;
  if (aod_wasm_decode(aod_slice(data, size), &module, &err)) return 0;
  if (!aod_wasm_validate(&module, &err)) {
    meter(&module, AOD_WASM_I32);
    meter(&module, AOD_WASM_I64);
  }
  aod_wasm_module_free(&module);
  return 0;
}
