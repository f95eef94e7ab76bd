#include "ao/module.h"

#include <stdlib.h>

bool aod_module_format_known(aod_slice_t format) {
  static const char *const formats[] = {"wasm32-unknown-emscripten",
                                        "wasm32-unknown-emscripten2",
                                        "wasm32-unknown-emscripten3",
                                        "wasm32-unknown-emscripten4",
                                        "wasm32-unknown-emscripten-metering",
                                        "wasm64-unknown-emscripten-draft_2024_02_15",
                                        "wasm64-unknown-emscripten-draft_2024_10_16-metering"};
  format = aod_slice_trim(format);
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    if (aod_slice_is(format, formats[i])) return true;
  return false;
}

static bool unit_factor(aod_slice_t unit, double *factor) {
  static const char *const units[] = {"b", "kb", "mb", "gb", "tb", "pb"};
  *factor = 1;
  if (unit.len == 0) return true;
  for (size_t i = 0; i < 6; i++, *factor *= 1024)
    if (aod_slice_is_nocase(unit, units[i])) return true;
  return false;
}

bool aod_module_parse_size(aod_slice_t text, uint64_t *bytes) {
  char copy[64];
  size_t len = 0;
  bool dash_seen = false;
  for (size_t i = 0; i < text.len && len < sizeof copy - 1; i++) {
    if (text.ptr[i] == '-' && !dash_seen)
      dash_seen = true; /* the first one only: "1-gb" */
    else
      copy[len++] = (char)text.ptr[i];
  }
  copy[len] = 0;
  if (len == 0 || copy[0] < '0' || copy[0] > '9') return false;
  char *end = copy + strspn(copy, "0123456789."); /* no exponent, no hexadecimal */
  double factor;
  if (!unit_factor(aod_slice_trim(aod_text(end)), &factor)) factor = 1;
  *end = 0;
  double number = strtod(copy, NULL);
  if (!(number * factor >= 1 && number * factor < 1e18)) return false;
  *bytes = (uint64_t)(number * factor);
  return true;
}

static bool first_of(const aod_tags_t *process, const aod_tags_t *module, const char *name,
                     aod_slice_t *value) {
  return aod_tags_find(process, name, value) || aod_tags_find(module, name, value);
}

static int check_encodings(const aod_tags_t *tags, aod_slice_t id, aod_error_t *err) {
  static const char *const names[] = {"Input-Encoding", "Output-Encoding"};
  aod_slice_t value;
  for (int i = 0; i < 2; i++)
    if (!aod_tags_find(tags, names[i], &value))
      return aod_fail(err, AOD_EUNSUPPORTED, "%s for module \"%.*s\" is not supported", names[i],
                      AOD_ARG(id));
  return AOD_OK;
}

static int check_limits(const aod_tags_t *module, const aod_tags_t *process, aod_slice_t id,
                        aod_module_terms_t *terms, aod_error_t *err) {
  aod_slice_t value;
  bool has_memory = first_of(process, module, "Memory-Limit", &value) &&
                    aod_module_parse_size(value, &terms->memory_limit_bytes);
  if (!has_memory || terms->memory_limit_bytes > AOD_MEMORY_LIMIT_MAX)
    return aod_fail(err, AOD_ELIMIT, "Memory-Limit for process \"%.*s\" exceeds supported limit",
                    AOD_ARG(id));
  bool has_compute = first_of(process, module, "Compute-Limit", &value) &&
                     aod_slice_to_u64(aod_slice_trim(value), &terms->compute_limit);
  if (!has_compute || terms->compute_limit == 0 || terms->compute_limit > AOD_COMPUTE_LIMIT_MAX)
    return aod_fail(err, AOD_ELIMIT, "Compute-Limit for process \"%.*s\" exceeds supported limit",
                    AOD_ARG(id));
  return AOD_OK;
}

int aod_module_refuse_extensions(aod_slice_t id, aod_error_t *err) {
  return aod_fail(err, AOD_EUNSUPPORTED, "Module Extensions for module \"%.*s\" are not supported",
                  AOD_ARG(id));
}

/* WeaveDrive is the one extension there is. */
static int check_extensions(const aod_tags_t *tags, aod_slice_t id, aod_module_terms_t *terms,
                            aod_error_t *err) {
  for (size_t i = 0; i < tags->count; i++) {
    if (!aod_slice_is(tags->list[i].name, "Extension")) continue;
    if (!aod_slice_is(tags->list[i].value, "WeaveDrive"))
      return aod_module_refuse_extensions(id, err);
    terms->extended = true;
  }
  terms->needs_drive = aod_slice_is(terms->format, "wasm64-unknown-emscripten-draft_2024_02_15");
  return AOD_OK;
}

int aod_module_check(const aod_tags_t *module_tags, aod_slice_t module_id,
                     const aod_tags_t *process_tags, aod_slice_t process_id,
                     aod_module_terms_t *terms, aod_error_t *err) {
  *terms = (aod_module_terms_t){0};
  int code = check_encodings(module_tags, module_id, err);
  if (code != AOD_OK) return code;
  if (!aod_tags_find(module_tags, "Module-Format", &terms->format) ||
      !aod_module_format_known(terms->format))
    return aod_fail(err, AOD_EUNSUPPORTED, "Module-Format for module \"%.*s\" is not supported",
                    AOD_ARG(module_id));
  terms->format = aod_slice_trim(terms->format);
  code = check_limits(module_tags, process_tags, process_id, terms, err);
  if (code == AOD_OK) code = check_extensions(module_tags, module_id, terms, err);
  return code;
}
