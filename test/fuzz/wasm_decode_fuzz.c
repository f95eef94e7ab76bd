/* Any bytes as a module: decoded, validated and translated to C, without compiling it. */
#include "vm/translate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  aod_wasm_module_t module;
  aod_c_source_t source;
  aod_error_t err;
  if (aod_wasm_decode(aod_slice(data, size), &module, &err)) return 0;
  if (!aod_wasm_translate(&module, 1 + size % 3, &source, &err)) aod_c_source_free(&source);
  aod_wasm_module_free(&module);
  return 0;
}
