/* What a module is, as far as it can be told without compiling it. */
#include "cli/module.h"

#include "arweave/hash.h"
#include "base/json.h"
#include "cli/describe.h"
#include "node/known_modules.h"
#include "vm/inspect.h"

#define PAGE_BYTES INT64_C(65536)

/* ---- types ---- */

static void write_types(aod_buf_t *text, const aod_wasm_valtype_t *types, uint32_t count) {
  aod_buf_byte(text, '(');
  for (uint32_t i = 0; i < count; i++)
    aod_buf_printf(text, "%s%s", i ? ", " : "", aod_wasm_valtype_name(types[i]));
  aod_buf_byte(text, ')');
}

static void describe_type(aod_buf_t *json, const aod_wasm_type_t *type) {
  aod_buf_t text = {0};
  write_types(&text, type->params, type->param_count);
  aod_buf_text(&text, " -> ");
  write_types(&text, type->results, type->result_count);
  aod_json_key_string(json, "type", aod_buf_slice(&text));
  aod_buf_free(&text);
}

/* kind; and the type of a function. */
static void describe_entity(aod_buf_t *json, const aod_wasm_module_t *module, aod_wasm_kind_t kind,
                            uint32_t index) {
  static const char *const kinds[] = {[AOD_WASM_FUNCTION] = "function",
                                      [AOD_WASM_TABLE] = "table",
                                      [AOD_WASM_MEMORY] = "memory",
                                      [AOD_WASM_GLOBAL] = "global"};
  aod_json_key_string(json, "kind", aod_text(kinds[kind]));
  if (kind == AOD_WASM_FUNCTION) describe_type(json, aod_wasm_function_type(module, index));
}

/* ---- parts ---- */

static void describe_memory(aod_buf_t *json, const aod_wasm_module_t *module) {
  if (!module->memory_count) return;
  const aod_wasm_limits_t *limits = &module->memories[0];
  aod_json_key(json, "memory");
  aod_buf_byte(json, '{');
  aod_json_key_int(json, "addressBits", limits->is_64 ? 64 : 32);
  aod_json_key_int(json, "initialBytes", (int64_t)limits->min * PAGE_BYTES);
  if (limits->has_max) aod_json_key_int(json, "maximumBytes", (int64_t)limits->max * PAGE_BYTES);
  aod_buf_byte(json, '}');
}

static void describe_imports(aod_buf_t *json, const aod_wasm_module_t *module,
                             const aod_format_t *format) {
  aod_json_key(json, "imports");
  aod_buf_byte(json, '[');
  for (uint32_t i = 0; i < module->import_count; i++) {
    const aod_wasm_import_entry_t *import = &module->imports[i];
    aod_error_t error;
    int code = aod_format_check_import(module, i, format, &error);
    aod_json_separate(json);
    aod_buf_byte(json, '{');
    aod_json_key_string(json, "module", import->module);
    aod_json_key_string(json, "name", import->field);
    describe_entity(json, module, import->kind, import->index);
    if (code) aod_json_key_string(json, "problem", aod_text(error.message));
    aod_buf_byte(json, '}');
  }
  aod_buf_byte(json, ']');
}

static void describe_exports(aod_buf_t *json, const aod_wasm_module_t *module) {
  aod_json_key(json, "exports");
  aod_buf_byte(json, '[');
  for (uint32_t i = 0; i < module->export_count; i++) {
    const aod_wasm_export_t *export = &module->exports[i];
    aod_json_separate(json);
    aod_buf_byte(json, '{');
    aod_json_key_string(json, "name", export->name);
    describe_entity(json, module, export->kind, export->index);
    aod_buf_byte(json, '}');
  }
  aod_buf_byte(json, ']');
}

static void describe_formats(aod_buf_t *json, const aod_wasm_module_t *module) {
  aod_json_key(json, "fits");
  aod_buf_byte(json, '[');
  for (const aod_format_t *format = aod_formats; format->name; format++) {
    if (aod_format_fits(module, format, NULL)) continue;
    aod_json_separate(json);
    aod_json_string(json, aod_text(format->name));
  }
  aod_buf_byte(json, ']');
}

static void describe_traits(aod_buf_t *json, const aod_wasm_traits_t *traits) {
  aod_json_key_bool(json, "simd", traits->vectors);
  aod_json_key_bool(json, "asyncify", traits->asyncify);
  aod_json_key_bool(json, "paysForGas", traits->pays_for_gas);
}

/* ---- all ---- */

static int choose_format(const char *given, aod_slice_t wasm, const aod_format_t **format,
                         aod_error_t *err) {
  const char *name = given;
  int code = given ? AOD_OK : aod_module_guess_format(wasm, &name, err);
  if (code) return code;
  *format = aod_format_find(aod_text(name));
  if (*format) return AOD_OK;
  return aod_fail(err, AOD_EUNSUPPORTED, "Module-Format \"%s\" is not supported", name);
}

/* Returns whether it could run, and says so. */
static int describe_module(aod_buf_t *json, const aod_wasm_module_t *module,
                           const aod_format_t *format, aod_error_t *err) {
  aod_wasm_traits_t traits;
  int code = aod_wasm_traits(module, &traits, err);
  if (code == AOD_OK) {
    describe_traits(json, &traits);
    aod_json_key_string(json, "format", aod_text(format->name));
    describe_formats(json, module);
    code = aod_format_fits(module, format, err);
  }
  aod_describe_verdict(json, code, err);
  aod_json_key_int(json, "functions", module->function_count);
  describe_memory(json, module);
  describe_imports(json, module, format);
  describe_exports(json, module);
  return code;
}

static int describe(aod_slice_t wasm, const char *given_format, aod_error_t *err) {
  aod_buf_t json = {0};
  aod_wasm_module_t module;
  const aod_format_t *format;
  uint8_t sha256[32];
  aod_sha256(wasm, sha256);
  aod_buf_byte(&json, '{');
  aod__module_describe_hash(&json, sha256);
  aod_json_key_int(&json, "bytes", (int64_t)wasm.len);
  int code = choose_format(given_format, wasm, &format, err);
  if (code == AOD_OK) code = aod_wasm_decode(wasm, &module, err);
  if (code == AOD_OK) {
    code = describe_module(&json, &module, format, err);
    aod_wasm_module_free(&module);
  } else {
    aod_describe_verdict(&json, code, err);
  }
  aod__module_describe_entries(&json, sha256);
  aod_buf_byte(&json, '}');
  aod_describe_print(&json);
  return code;
}

int aod__module_show(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const aod__module_options_t *options = target;
  aod_buf_t wasm = {0};
  if (words->count == 0)
    return aod_fail(err, AOD_EUSAGE, "say which module: aod module show FILE, or an ID");
  int code = aod__module_read(words->values[0], &wasm, err);
  if (code == AOD_OK) code = describe(aod_buf_slice(&wasm), options->format, err);
  aod_buf_free(&wasm);
  return code;
}
