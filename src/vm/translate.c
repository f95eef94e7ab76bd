/* The module around the bodies.
 *
 * Each part begins with abi.h, the preamble, the module's function types and a prototype of every
 * function; then come the bodies of its share. The last part also has what stands for imports, the
 * trampolines and the table of entry points. One part alone keeps its functions static. */
#include "vm/translate.h"

#include <stdio.h>
#include <stdlib.h>

#include "vm/body.h"

extern const char aod_embedded_abi[], aod_embedded_preamble[], aod_embedded_preamble_simd[];

enum { MIN_PART_BYTES = 60000 }; /* of bodies: below it another compiler run does not pay */

typedef struct {
  const aod_wasm_module_t *module;
  aod__analysis_t analysis;
  uint32_t *types;    /* by type index: the first index of an equal type */
  aod_buf_t prologue; /* what every part begins with */
} translator_t;

/* ---- types ---- */

static int by_number(const void *a, const void *b) {
  const aod_wasm_type_t *x = *(aod_wasm_type_t *const *)a, *y = *(aod_wasm_type_t *const *)b;
  if (x->number != y->number) return x->number < y->number ? -1 : 1;
  return x < y ? -1 : x > y;
}

static void find_equal_types(translator_t *translator) {
  const aod_wasm_module_t *module = translator->module;
  const aod_wasm_type_t **sorted = aod_alloc((module->type_count + 1) * sizeof *sorted);
  translator->types = aod_alloc((module->type_count + 1) * sizeof *translator->types);
  for (uint32_t i = 0; i < module->type_count; i++) sorted[i] = &module->types[i];
  qsort(sorted, module->type_count, sizeof *sorted, by_number);
  for (uint32_t i = 0, first = 0; i < module->type_count; i++) {
    if (sorted[i]->number != sorted[first]->number) first = i;
    translator->types[sorted[i] - module->types] = (uint32_t)(sorted[first] - module->types);
  }
  free(sorted);
}

static void write_type(const translator_t *translator, uint32_t index, aod_buf_t *out) {
  const aod_wasm_type_t *type = &translator->module->types[index];
  if (type->result_count > 1) {
    aod_buf_printf(out, "struct r%u {", index);
    for (uint32_t i = 0; i < type->result_count; i++)
      aod_buf_printf(out, " %s r%u;", aod__c_type(type->results[i]), i);
    aod_buf_text(out, " };\n");
  }
  aod_buf_text(out, "typedef ");
  aod__write_result_type(out, translator->module, index);
  aod_buf_printf(out, " t%u(instance *", index);
  for (uint32_t i = 0; i < type->param_count; i++)
    aod_buf_printf(out, ", %s", aod__c_type(type->params[i]));
  aod_buf_text(out, ");\n");
}

static void write_prologue(translator_t *translator, bool single) {
  const aod_wasm_module_t *module = translator->module;
  aod_buf_t *out = &translator->prologue;
  aod_buf_printf(out, "#define AOD_MEMORY_BITS %u\n#define FN %s\n", aod_wasm_memory_bits(module),
                 single ? "static" : "");
  aod_buf_text(out, aod_embedded_abi);
  aod_buf_text(out, aod_embedded_preamble);
  if (translator->analysis.vectors) aod_buf_text(out, aod_embedded_preamble_simd);
  for (uint32_t i = 0; i < module->type_count; i++)
    if (translator->types[i] == i) write_type(translator, i, out);
  for (uint32_t i = 0; i < module->function_count; i++) {
    aod_buf_text(out, "FN ");
    aod__write_signature(out, module, translator->types, i, false);
    aod_buf_text(out, ";\n");
  }
}

/* ---- the epilogue: imports, trampolines, entry points ---- */

static uint32_t count_slots(const aod_wasm_valtype_t *types, uint32_t count) {
  uint32_t slots = 0;
  for (uint32_t i = 0; i < count; i++) slots += aod_wasm_slots(types[i]);
  return slots;
}

static void store_results(const aod_wasm_type_t *type, aod_buf_t *out) {
  for (uint32_t i = 0, slot = 0; i < type->result_count; i++) {
    char value[20];
    snprintf(value, sizeof value, type->result_count > 1 ? "r.r%u" : "r", i);
    aod_buf_text(out, " ");
    aod__write_slot_store(out, type->results[i], "s", slot, aod_text(value));
    slot += aod_wasm_slots(type->results[i]);
  }
}

static void load_results(const translator_t *translator, uint32_t type_index, aod_buf_t *out) {
  const aod_wasm_type_t *type = &translator->module->types[type_index];
  if (!type->result_count) return;
  aod_buf_text(out, "  return ");
  if (type->result_count > 1) aod_buf_printf(out, "(struct r%u){", type_index);
  for (uint32_t i = 0, slot = 0; i < type->result_count; i++) {
    if (i) aod_buf_text(out, ", ");
    aod__write_slot_load(out, type->results[i], "s", slot);
    slot += aod_wasm_slots(type->results[i]);
  }
  aod_buf_text(out, type->result_count > 1 ? "};\n" : ";\n");
}

/* The function that stands for an import: straight on to another instance's code, or through slots
 * to a host function. */
static void write_import(const translator_t *translator, uint32_t index, aod_buf_t *out) {
  uint32_t type_index = translator->types[translator->module->functions[index].type];
  const aod_wasm_type_t *type = &translator->module->types[type_index];
  uint32_t params = count_slots(type->params, type->param_count);
  uint32_t results = count_slots(type->results, type->result_count);
  aod_buf_text(out, "\nFN ");
  aod__write_signature(out, translator->module, translator->types, index, true);
  aod_buf_printf(out, " {\n  const aod_wasm_import_t *i = &m->imports[%u];\n", index);
  aod_buf_printf(out, "  if (!i->call) %s((t%u *)i->code)(i->instance",
                 type->result_count ? "return " : "{ ", type_index);
  for (uint32_t i = 0; i < type->param_count; i++) aod_buf_printf(out, ", x%u", i);
  aod_buf_text(out, type->result_count ? ");\n" : "); return; }\n");
  aod_buf_printf(out, "  u64 s[%u];\n ", 1 + (params > results ? params : results));
  for (uint32_t i = 0, slot = 0; i < type->param_count; i++) {
    char value[20];
    snprintf(value, sizeof value, "x%u", i);
    aod_buf_text(out, " ");
    aod__write_slot_store(out, type->params[i], "s", slot, aod_text(value));
    slot += aod_wasm_slots(type->params[i]);
  }
  aod_buf_text(out, " i->call(m, s);\n");
  load_results(translator, type_index, out);
  aod_buf_text(out, "}\n");
}

static void write_trampoline(const translator_t *translator, uint32_t index, aod_buf_t *out) {
  const aod_wasm_type_t *type = &translator->module->types[index];
  aod_buf_printf(
      out, "\nstatic void trampoline%u(aod_wasm_function_t code, instance *m, u64 *s) {\n", index);
  aod_buf_text(out, type->result_count || type->param_count ? "  " : "  (void)s; ");
  if (type->result_count) {
    aod__write_result_type(out, translator->module, index);
    aod_buf_text(out, " r = ");
  }
  aod_buf_printf(out, "((t%u *)code)(m", index);
  for (uint32_t i = 0, slot = 0; i < type->param_count; i++) {
    aod_buf_text(out, ", ");
    aod__write_slot_load(out, type->params[i], "s", slot);
    slot += aod_wasm_slots(type->params[i]);
  }
  aod_buf_text(out, ");\n ");
  store_results(type, out);
  aod_buf_text(out, "\n}\n");
}

static void write_epilogue(const translator_t *translator, aod_buf_t *out) {
  const aod_wasm_module_t *module = translator->module;
  for (uint32_t i = 0; i < module->imported_functions; i++) write_import(translator, i, out);
  for (uint32_t i = 0; i < module->type_count; i++)
    if (translator->types[i] == i) write_trampoline(translator, i, out);
  aod_buf_text(out, "\nstatic const aod_wasm_function_t functions[] = {\n");
  for (uint32_t i = 0; i < module->function_count; i++) {
    aod_buf_text(out, "  (aod_wasm_function_t)");
    aod__write_function_name(out, module, i);
    aod_buf_text(out, ",\n");
  }
  aod_buf_text(out, "  0 };\nstatic const u32 types[] = {\n");
  for (uint32_t i = 0; i < module->type_count; i++)
    aod_buf_printf(out, "  %uu,\n", module->types[i].number);
  aod_buf_text(out, "  0 };\nstatic void (*const trampolines[])(aod_wasm_function_t, instance *, "
                    "u64 *) = {\n");
  for (uint32_t i = 0; i < module->type_count; i++)
    aod_buf_printf(out, "  trampoline%u,\n", translator->types[i]);
  aod_buf_printf(out,
                 "  0 };\n__attribute__((visibility(\"default\"))) const aod_wasm_code_t "
                 "aod_wasm_code = {\n  AOD_ABI_VERSION, %u, %u, functions, types, trampolines };\n",
                 module->function_count, module->type_count);
}

/* ---- parts ---- */

static size_t code_bytes(const aod_wasm_module_t *module) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < module->function_count; i++) bytes += module->functions[i].body.len;
  return bytes;
}

/* Translate functions into the part from `index` on until it has its share of the code. */
static int fill_part(translator_t *translator, aod__body_t *body, aod_buf_t *part, size_t share,
                     uint32_t *index, aod_error_t *err) {
  const aod_wasm_module_t *module = translator->module;
  aod_buf_append(part, aod_buf_slice(&translator->prologue));
  size_t bytes = 0;
  int rc = 0;
  while (!rc && *index < module->function_count && bytes < share) {
    bytes += module->functions[*index].body.len;
    rc = aod__body_translate(body, (*index)++, part, err);
    if (!rc && part->len > AOD__MAX_TEXT_BYTES)
      rc = aod_fail(err, AOD_ELIMIT, "the C text of the module is too large");
  }
  return rc;
}

static int write_parts(translator_t *translator, aod_c_source_t *source, aod_error_t *err) {
  aod__body_t body = {
      .module = translator->module, .analysis = &translator->analysis, .types = translator->types};
  size_t share = code_bytes(translator->module) / source->count + 1;
  uint32_t index = translator->module->imported_functions;
  int rc = 0;
  for (uint32_t i = 0; i < source->count && !rc; i++)
    rc = fill_part(translator, &body, &source->parts[i], i + 1 < source->count ? share : SIZE_MAX,
                   &index, err);
  if (!rc) write_epilogue(translator, &source->parts[source->count - 1]);
  aod__body_free(&body);
  return rc;
}

int aod_wasm_translate(const aod_wasm_module_t *module, uint32_t max_parts, aod_c_source_t *source,
                       aod_error_t *err) {
  translator_t translator = {.module = module};
  int rc = aod__analyse(module, &translator.analysis, err);
  if (rc) return rc;
  size_t parts = code_bytes(module) / MIN_PART_BYTES;
  source->count = parts > max_parts ? max_parts : parts > 1 ? (uint32_t)parts : 1;
  source->parts = aod_alloc(source->count * sizeof *source->parts);
  find_equal_types(&translator);
  write_prologue(&translator, source->count == 1);
  rc = write_parts(&translator, source, err);
  if (rc) aod_c_source_free(source);
  aod__analysis_free(&translator.analysis);
  aod_buf_free(&translator.prologue);
  free(translator.types);
  return rc;
}

void aod_c_source_free(aod_c_source_t *source) {
  for (uint32_t i = 0; i < source->count; i++) aod_buf_free(&source->parts[i]);
  free(source->parts);
  *source = (aod_c_source_t){0};
}
