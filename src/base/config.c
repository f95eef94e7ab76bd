/* Options from the environment and from a file.
 *
 * Sources are read from the strongest to the weakest, and a source leaves alone what a stronger one
 * has given: so a list is always that of one source. */
#include <ctype.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/options.h"

enum { FILE_BYTES_MAX = 1 << 20 };

/* ---- names ---- */

static const char *key_of(const aod_option_t *option) {
  return option->name + 2; /* without the dashes */
}

static void write_variable(const aod_option_t *option, char name[64]) {
  size_t len = 0;
  memcpy(name, "AOD_", 4);
  for (len = 4; key_of(option)[len - 4] && len < 63; len++) {
    char c = key_of(option)[len - 4];
    name[len] = c == '-' ? '_' : (char)toupper((unsigned char)c);
  }
  name[len] = 0;
}

/* ---- values ---- */

static int set(const aod_option_t *option, aod_slice_t value, void *target, aod_arena_t *arena,
               aod_error_t *err) {
  if (option->type == AOD_OPTION_FLAG) {
    bool on = aod_slice_is(value, "true");
    if (!on && !aod_slice_is(value, "false"))
      return aod_fail(err, AOD_EUSAGE, "%s is true or false", key_of(option));
    *(bool *)((char *)target + option->offset) = on;
    return AOD_OK;
  }
  aod_slice_t copy = aod_arena_copy(arena, value);
  return aod__option_set(option, (const char *)copy.ptr, target, err);
}

static int set_list(const aod_option_t *option, aod_slice_t values, void *target,
                    aod_arena_t *arena, aod_error_t *err) {
  int code = AOD_OK;
  while (values.ptr && code == AOD_OK)
    code = set(option, aod_slice_trim(aod_slice_cut(&values, ',')), target, arena, err);
  return code;
}

/* ---- the environment ---- */

static int read_environment(const aod_option_t *options, void *target, bool *given,
                            aod_arena_t *arena, aod_error_t *err) {
  for (size_t i = 0; options[i].name; i++) {
    char name[64];
    write_variable(&options[i], name);
    const char *value = getenv(name);
    if (given[i] || !value || !*value) continue;
    given[i] = true;
    bool list = options[i].type == AOD_OPTION_LIST;
    int code = list ? set_list(&options[i], aod_text(value), target, arena, err)
                    : set(&options[i], aod_text(value), target, arena, err);
    if (code != AOD_OK) return aod_error_prefix(err, "environment variable %s", name);
  }
  return AOD_OK;
}

/* ---- the file ---- */

static const aod_option_t *find_key(const aod_option_t *options, aod_slice_t key) {
  for (; options->name; options++)
    if (aod_slice_is(key, key_of(options))) return options;
  return NULL;
}

/* `given` tells what stronger sources gave, `seen` what this file has named before. */
static int read_line(const aod_option_t *options, aod_slice_t line, void *target, const bool *given,
                     bool *seen, aod_arena_t *arena, aod_error_t *err) {
  aod_slice_t text = aod_slice_trim(line);
  if (text.len == 0 || text.ptr[0] == '#') return AOD_OK;
  aod_slice_t value = text, key = aod_slice_trim(aod_slice_cut(&value, '='));
  if (!value.ptr) return aod_fail(err, AOD_EUSAGE, "not of the form: key = value");
  const aod_option_t *option = find_key(options, key);
  if (!option)
    return aod_fail(err, AOD_EUSAGE, "unknown key \"%.*s\"", AOD_ARG(aod_slice_sub(key, 0, 60)));
  size_t row = (size_t)(option - options);
  if (seen[row] && option->type != AOD_OPTION_LIST)
    return aod_fail(err, AOD_EUSAGE, "%s is given twice", key_of(option));
  seen[row] = true;
  return given[row] ? AOD_OK : set(option, aod_slice_trim(value), target, arena, err);
}

static int read_file(const aod_option_t *options, const char *path, void *target, const bool *given,
                     aod_arena_t *arena, aod_error_t *err) {
  aod_buf_t text = {0};
  bool seen[AOD_OPTIONS_MAX] = {0};
  int code = aod_file_read(path, FILE_BYTES_MAX, &text, err);
  aod_slice_t rest = aod_buf_slice(&text);
  for (int line = 1; code == AOD_OK && rest.ptr; line++) {
    code = read_line(options, aod_slice_cut(&rest, '\n'), target, given, seen, arena, err);
    if (code != AOD_OK) aod_error_prefix(err, "%s:%d", path, line);
  }
  aod_buf_free(&text);
  return code;
}

int aod_options_read_file(const aod_option_t *options, const char *path, void *target,
                          aod_arena_t *arena, aod_error_t *err) {
  bool given[AOD_OPTIONS_MAX] = {0};
  return read_file(options, path, target, given, arena, err);
}

/* ---- all of it ---- */

int aod_options_load(const aod_option_t *options, int argc, char **argv, void *target,
                     aod_option_list_t *words, aod_arena_t *arena, aod_error_t *err) {
  bool given[AOD_OPTIONS_MAX] = {0};
  int code = aod__options_parse(options, argc, argv, target, words, given, err);
  if (code != AOD_OK) return code;
  code = read_environment(options, target, given, arena, err);
  const aod_option_t *config = find_key(options, AOD_TEXT("config"));
  const char *path = config ? *(const char **)((char *)target + config->offset) : NULL;
  return code == AOD_OK && path ? read_file(options, path, target, given, arena, err) : code;
}

void aod_options_sample(const aod_option_t *options, aod_buf_t *text) {
  for (; options->name; options++) {
    if (aod_slice_is(aod_text(options->name), "--config")) continue;
    char variable[64];
    write_variable(options, variable);
    aod_buf_printf(text, "# %s\n# environment: %s\n#%s = %s\n\n", options->doc, variable,
                   key_of(options), options->argument ? options->argument : "true");
  }
}
