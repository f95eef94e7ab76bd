/* aod module: what has to do with module files. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/options.h"
#include "cli/command.h"
#include "cli/compile.h"
#include "node/cache.h"
#include "node/known_modules.h"
#include "vm/vm.h"

enum { MODULE_BYTES_MAX = 64 << 20 };

typedef struct {
  const char *out;
} module_options_t;

static const aod_option_t options_table[] = {
    {"--out", AOD_OPTION_TEXT, offsetof(module_options_t, out), "DIR",
     "where to keep the code (default: the modules folder beside the program)", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

static int compile(aod_vm_t *vm, const char *path, aod_error_t *err) {
  aod_buf_t wasm = {0};
  const char *format;
  aod_module_t *module;
  int code = aod_file_read(path, MODULE_BYTES_MAX, &wasm, err);
  if (code == AOD_OK) code = aod_module_guess_format(aod_buf_slice(&wasm), &format, err);
  if (code == AOD_OK)
    code = aod_module_load(vm, aod_buf_slice(&wasm), aod_text(format), path, &module, err);
  aod_buf_free(&wasm);
  if (code == AOD_OK)
    aod_module_release(module);
  else
    aod_error_prefix(err, "%s", path);
  return code;
}

static int compile_all(const char *out, const aod_option_list_t *files, aod_error_t *err) {
  char *build_dir = aod_build_modules_dir();
  aod_vm_options_t options = {
      .cache_dir = out ? out : build_dir, .on_compile = aod_compile_report, .in_workers = true};
  aod_vm_t *vm;
  int code = aod_vm_open(&vm, &options, err);
  if (code == AOD_OK) {
    for (size_t i = 0; i < files->count && code == AOD_OK; i++)
      code = compile(vm, files->values[i], err);
    aod_vm_close(vm);
  }
  free(build_dir);
  return code;
}

int aod_command_module(int argc, char **argv) {
  module_options_t options = {0};
  aod_option_list_t words = {0};
  aod_error_t err;
  int code = aod_options_parse(options_table, argc, argv, &options, &words, &err);
  if (code == 1) {
    aod_options_help("aod module compile [OPTION...] FILE...",
                     "Make native code of Wasm modules, so that their first use need not wait.",
                     options_table);
    return 0;
  }
  bool is_compile = words.count > 1 && strcmp(words.values[0], "compile") == 0;
  if (code == AOD_OK && !is_compile)
    code = aod_fail(&err, AOD_EUSAGE, "say what to do: aod module compile FILE...");
  aod_option_list_t files = {0};
  for (size_t i = 1; i < words.count; i++) files.values[files.count++] = words.values[i];
  if (code == AOD_OK) code = compile_all(options.out, &files, &err);
  return code == AOD_OK ? 0 : aod_command_fail("module", &err);
}
