/* The seven formats that the reference compute unit accepts. */
#include "vm/format.h"

#define MAX_OLD 524288000.0   /* fixed when the module was linked */
#define MAX_32  4294901760.0  /* 4 GiB less a page */
#define MAX_64  17179869184.0 /* 16 GiB */

const aod_format_t aod_formats[] = {
    {"wasm32-unknown-emscripten", AOD_GLUE_1, false, false, MAX_OLD, 4},
    {"wasm32-unknown-emscripten2", AOD_GLUE_2, false, false, MAX_OLD, 4},
    {"wasm32-unknown-emscripten3", AOD_GLUE_3, false, false, MAX_32, 1},
    {"wasm32-unknown-emscripten4", AOD_GLUE_4, false, false, MAX_32, 1},
    {"wasm32-unknown-emscripten-metering", AOD_GLUE_4, true, false, MAX_32, 1},
    {"wasm64-unknown-emscripten-draft_2024_02_15", AOD_GLUE_64, false, true, MAX_64, 1},
    {"wasm64-unknown-emscripten-draft_2024_10_16-metering", AOD_GLUE_64, true, true, MAX_64, 1},
    {.name = NULL},
};

aod_wasm_valtype_t aod_format_gas_type(const aod_format_t *format) {
  if (!format->metered) return 0;
  return format->wide ? AOD_WASM_I64 : AOD_WASM_I32;
}

const aod_format_t *aod_format_find(aod_slice_t name) {
  aod_slice_t trimmed = aod_slice_trim(name);
  for (const aod_format_t *format = aod_formats; format->name; format++)
    if (aod_slice_is(trimmed, format->name)) return format;
  return NULL;
}
