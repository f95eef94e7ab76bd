#include "vm/inspect.h"

#include "vm/analyse.h"
#include "vm/fold.h"
#include "vm/guest.h"
#include "vm/meter.h"

#include <stdlib.h>

static int check_tables(const aod_wasm_module_t *decoded, aod_error_t *err) {
  uint64_t entries = 0;
  for (uint32_t i = 0; i < decoded->table_count; i++) entries += decoded->tables[i].limits.min;
  if (entries <= AOD_PROCESS_TABLE_MAX && decoded->table_count <= AOD_PROCESS_TABLES_MAX)
    return AOD_OK;
  return aod_fail(err, AOD_ELIMIT,
                  "the module has %u tables with %llu entries, of %d and %d that are offered",
                  decoded->table_count, (unsigned long long)entries, AOD_PROCESS_TABLES_MAX,
                  AOD_PROCESS_TABLE_MAX);
}

int aod_format_check(const aod_wasm_module_t *module, const aod_format_t *format,
                     aod_error_t *err) {
  aod_host_exports_t exports;
  aod_extern_t *imports = aod_alloc((module->import_count + 1) * sizeof *imports);
  int rc = aod_host_link(module, format, imports, err);
  if (rc == AOD_OK) rc = check_tables(module, err);
  if (rc == AOD_OK) rc = aod_host_find_exports(module, format, &exports, err);
  free(imports);
  return rc;
}

int aod_format_check_import(const aod_wasm_module_t *module, uint32_t index,
                            const aod_format_t *format, aod_error_t *err) {
  aod_wasm_module_t alone = *module;
  aod_extern_t import;
  alone.imports = &module->imports[index];
  alone.import_count = 1;
  return aod_host_link(&alone, format, &import, err);
}

int aod_wasm_traits(const aod_wasm_module_t *module, aod_wasm_traits_t *traits, aod_error_t *err) {
  aod__analysis_t analysis;
  int rc = aod__analyse(module, &analysis, err);
  if (rc) return rc;
  *traits = (aod_wasm_traits_t){.vectors = analysis.vectors,
                                .asyncify = aod__has_asyncify(module),
                                .pays_for_gas = analysis.gas_import != AOD_WASM_NONE};
  aod__analysis_free(&analysis);
  return AOD_OK;
}

int aod_format_fits(const aod_wasm_module_t *module, const aod_format_t *format, aod_error_t *err) {
  aod_buf_t metered = {0};
  int rc = aod_format_check(module, format, err);
  if (rc == AOD_OK && format->metered)
    rc = aod__meter(module, aod_format_gas_type(format), &metered, err);
  aod_buf_free(&metered);
  return rc;
}
