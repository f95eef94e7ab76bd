/* The pipeline: what turns a module into code, and where the result is found the next time. */
#include "vm/code.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "vm/cache.h"
#include "vm/compile.h"
#include "vm/fold.h"
#include "vm/meter.h"
#include "vm/validate.h"

static int decode_and_fold(aod_slice_t wasm, aod_buf_t *folded, aod_error_t *err) {
  aod_wasm_module_t module;
  int rc = aod_wasm_decode(wasm, &module, err);
  if (rc) return rc;
  rc = aod__fold(&module, folded, err);
  aod_wasm_module_free(&module);
  return rc;
}

/* Decode, check, meter where it is asked for (before folding, see fold.h), fold. */
static int prepare(aod_slice_t wasm, aod_wasm_valtype_t gas_type, aod_buf_t *folded,
                   aod_error_t *err) {
  aod_wasm_module_t module;
  aod_buf_t metered = {0};
  int rc = aod_wasm_decode(wasm, &module, err);
  if (rc) return rc;
  rc = aod_wasm_validate(&module, err);
  if (!rc && gas_type) rc = aod__meter(&module, gas_type, &metered, err);
  if (!rc) rc = decode_and_fold(gas_type ? aod_buf_slice(&metered) : wasm, folded, err);
  aod_buf_free(&metered);
  aod_wasm_module_free(&module);
  return rc;
}

static int translate(aod_slice_t folded, bool metered, aod_c_source_t *source, aod_error_t *err) {
  aod_wasm_module_t module;
  int rc = aod_wasm_decode(folded, &module, err);
  if (rc) return rc;
  module.metered = metered;
  rc = aod_wasm_translate(&module, aod__compiler_jobs(), source, err);
  aod_wasm_module_free(&module);
  return rc;
}

/* Compile in a directory of its own within the cache, so that the rename stays in one file system.
 */
static int compile_entry(const aod__entry_t *entry, const char *compiler, aod_slice_t folded,
                         const aod_code_options_t *options, aod_error_t *err) {
  aod_c_source_t source;
  int rc = translate(folded, options->gas_type != 0, &source, err);
  if (rc) return rc;
  char directory[4000], built[4096];
  snprintf(directory, sizeof directory, "%s/work-XXXXXX", options->cache_dir);
  rc = aod_dir_create(options->cache_dir, err);
  if (!rc && !mkdtemp(directory)) rc = aod_fail(err, AOD_EIO, "%s: %s", directory, strerror(errno));
  if (!rc) {
    snprintf(built, sizeof built, "%s/code.so", directory);
    rc = aod__compile(compiler, options->tier, &source, directory, built, err);
    if (!rc) rc = aod__entry_store(entry, options->cache_dir, built, folded, err);
    aod_dir_remove(directory, NULL);
  }
  aod_c_source_free(&source);
  return rc;
}

static int build_entry(const aod__entry_t *entry, const char *compiler, aod_slice_t wasm,
                       const char *name, const aod_code_options_t *options, aod_error_t *err) {
  aod_buf_t folded = {0};
  int64_t began = aod_clock_monotonic_us();
  if (options->on_compile) options->on_compile(options->context, name, false, 0);
  int rc = prepare(wasm, options->gas_type, &folded, err);
  if (!rc) rc = compile_entry(entry, compiler, aod_buf_slice(&folded), options, err);
  aod_buf_free(&folded);
  int64_t took = (aod_clock_monotonic_us() - began) / 1000;
  if (options->on_compile) options->on_compile(options->context, name, true, took);
  return rc;
}

static int load(aod_slice_t wasm, const char *name, const aod_code_options_t *options,
                aod_code_t *code, aod_error_t *err) {
  aod_buf_t compiler = {0};
  int missing = aod__compiler_find(options->compiler, &compiler, err);
  const char *path = missing ? NULL : (const char *)compiler.ptr;
  aod__entry_t entry;
  aod__entry_name(&entry, wasm, options, path);
  bool any = !options->compiler;
  int rc = 0;
  if (!aod__entry_load(&entry, options->shared_cache_dir, any, options->elsewhere, code) &&
      !aod__entry_load(&entry, options->cache_dir, missing, options->elsewhere, code)) {
    rc = missing ? missing : build_entry(&entry, path, wasm, name, options, err);
    if (!rc && !aod__entry_load(&entry, options->cache_dir, false, options->elsewhere, code))
      rc = aod_fail(err, AOD_ECOMPILE, "the compiled module cannot be loaded: %s", dlerror());
  }
  aod_buf_free(&compiler);
  return rc;
}

int aod_code_load(aod_slice_t wasm, const char *name, const aod_code_options_t *options,
                  aod_code_t **code, aod_error_t *err) {
  aod_code_t *loaded = aod_alloc(sizeof *loaded);
  int rc = load(wasm, name, options, loaded, err);
  if (rc) {
    if (err) aod_error_prefix(err, "module %s", name);
    free(loaded);
    return rc;
  }
  *code = loaded;
  return 0;
}

int aod_code_open(int fd, aod_code_t **code, aod_error_t *err) {
  aod_code_t *loaded = aod_alloc(sizeof *loaded);
  if (!aod__entry_open(fd, loaded)) {
    free(loaded);
    return aod_fail(err, AOD_ECOMPILE, "the compiled module cannot be loaded");
  }
  *code = loaded;
  return AOD_OK;
}

void aod_code_close(aod_code_t *code) {
  if (!code) return;
  if (code->library) dlclose(code->library);
  if (code->fd >= 0) close(code->fd);
  aod_wasm_module_free(&code->module);
  aod_buf_free(&code->bytes);
  free(code);
}
