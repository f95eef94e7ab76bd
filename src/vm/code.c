/* The pipeline: what turns a module into code, and where the result is found the next time. */
#include "vm/code.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "arweave/hash.h"
#include "base/clock.h"
#include "base/file.h"
#include "vm/cache.h"
#include "vm/compile.h"
#include "vm/fold.h"
#include "vm/meter.h"
#include "vm/validate.h"

enum { LOOK_AGAIN_MS = 1000 }; /* at what another program is compiling */

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

/* One entry of the cache, to be found or made. */
typedef struct {
  const aod_code_options_t *options;
  const char *name;   /* of the module */
  aod_buf_t compiler; /* path; empty when there is none */
  aod_error_t missing;
  aod__entry_t entry;
} order_t;

static void begin(order_t *order, const uint8_t wasm_sha256[32], const char *name,
                  const aod_code_options_t *options) {
  *order = (order_t){.options = options, .name = name};
  if (aod__compiler_find(options->compiler, &order->compiler, &order->missing))
    aod_buf_free(&order->compiler);
  aod__entry_name(&order->entry, wasm_sha256, options, (const char *)order->compiler.ptr);
}

/* Compile in a directory of its own within the cache, so that the rename stays in one file system.
 */
static int compile_entry(const order_t *order, aod_slice_t folded, aod_error_t *err) {
  const aod_code_options_t *options = order->options;
  aod_c_source_t source;
  int rc = translate(folded, options->gas_type != 0, &source, err);
  if (rc) return rc;
  char directory[4000], built[4096];
  snprintf(directory, sizeof directory, "%s/" AOD__CACHE_WORK "XXXXXX", options->cache_dir);
  rc = aod_dir_create(options->cache_dir, err);
  if (!rc) aod__cache_sweep(options->cache_dir);
  if (!rc && !mkdtemp(directory)) rc = aod_fail(err, AOD_EIO, "%s: %s", directory, strerror(errno));
  if (!rc) {
    snprintf(built, sizeof built, "%s/code.so", directory);
    rc = aod__compile((const char *)order->compiler.ptr, options, &source, directory, built, err);
    if (!rc) rc = aod__entry_store(&order->entry, options->cache_dir, built, folded, err);
    aod_dir_remove(directory, NULL);
  }
  aod_c_source_free(&source);
  return rc;
}

static void report(const order_t *order, bool done, int64_t ms) {
  const aod_code_options_t *options = order->options;
  aod_compile_event_t event = {.name = order->name,
                               .tier = options->tier,
                               .background = options->background,
                               .done = done,
                               .ms = ms};
  if (options->on_compile) options->on_compile(options->context, &event);
}

/* Whichever is given: the module's bytes, or what folding has made of them. */
static int build(const order_t *order, aod_slice_t wasm, aod_slice_t folded, aod_error_t *err) {
  aod_buf_t made = {0};
  int64_t began_us = aod_clock_monotonic_us();
  report(order, false, 0);
  int rc = folded.len ? 0 : prepare(wasm, order->options->gas_type, &made, err);
  if (!rc) rc = compile_entry(order, folded.len ? folded : aod_buf_slice(&made), err);
  aod_buf_free(&made);
  if (!rc) report(order, true, (aod_clock_monotonic_us() - began_us) / 1000);
  return rc;
}

static void unload(aod_code_t *code) {
  if (code->library) dlclose(code->library);
  if (code->fd >= 0) close(code->fd);
  aod_wasm_module_free(&code->module);
  aod_buf_free(&code->bytes);
}

/* An entry of the directory; only one of this folded module, where one is given: an entry's name
 * does not tell which Binaryen has folded it. */
static bool load(const order_t *order, const char *directory, bool any_compiler, aod_slice_t folded,
                 aod_code_t *code) {
  if (!aod__entry_load(&order->entry, directory, any_compiler, order->options->elsewhere, code))
    return false;
  if (!folded.len || aod_slice_equal(aod_buf_slice(&code->bytes), folded)) return true;
  unload(code);
  return false;
}

static bool find(const order_t *order, aod_slice_t folded, aod_code_t *code) {
  const aod_code_options_t *options = order->options;
  bool any = !options->compiler, missing = order->compiler.len == 0;
  return load(order, options->shared_cache_dir, any, folded, code) ||
         load(order, options->cache_dir, missing, folded, code);
}

/* Not in the cache: make it. */
static int make(const order_t *order, aod_slice_t wasm, aod_slice_t folded, aod_code_t *code,
                aod_error_t *err) {
  if (order->compiler.len == 0)
    return aod_fail(err, order->missing.code, "%s", order->missing.message);
  int rc = build(order, wasm, folded, err);
  if (rc) return rc;
  if (load(order, order->options->cache_dir, false, folded, code)) return 0;
  const char *reason = dlerror();
  return aod_fail(err, AOD_ECOMPILE, "the compiled module cannot be loaded: %s",
                  reason ? reason : "its file has changed");
}

/* What a function returns that has filled `loaded`, or failed to. */
static int end(order_t *order, int rc, aod_code_t *loaded, aod_code_t **code, aod_error_t *err) {
  aod_buf_free(&order->compiler);
  if (rc == 0)
    *code = loaded;
  else
    free(loaded);
  if (rc && err) aod_error_prefix(err, "module %s", order->name);
  return rc;
}

int aod_code_load(aod_slice_t wasm, const char *name, const aod_code_options_t *options,
                  aod_code_t **code, aod_error_t *err) {
  aod_code_t *loaded = aod_alloc(sizeof *loaded);
  order_t order;
  uint8_t sha256[32];
  aod_sha256(wasm, sha256);
  begin(&order, sha256, name, options);
  int rc = find(&order, AOD_EMPTY, loaded) ? 0 : make(&order, wasm, AOD_EMPTY, loaded, err);
  return end(&order, rc, loaded, code, err);
}

bool aod_code_find(aod_slice_t wasm, const aod_code_options_t *options, aod_code_t **code) {
  aod_code_t *loaded = aod_alloc(sizeof *loaded);
  order_t order;
  uint8_t sha256[32];
  aod_sha256(wasm, sha256);
  begin(&order, sha256, "", options);
  int rc = find(&order, AOD_EMPTY, loaded) ? 0 : AOD_ENOTFOUND;
  return end(&order, rc, loaded, code, NULL) == 0;
}

/* The lock on the file from which all programs load the other tier: it goes with its owner. Where
 * files cannot be locked each compiles. */
static int find_or_make(const order_t *order, const aod_code_t *other, aod_code_t *code,
                        aod_error_t *err) {
  aod_slice_t folded = aod_buf_slice(&other->bytes);
  while (flock(other->fd, LOCK_EX | LOCK_NB) && (errno == EWOULDBLOCK || errno == EINTR)) {
    if (aod__compile_stopped(order->options, LOOK_AGAIN_MS))
      return aod_fail(err, AOD_ECLOSED, "the compiler was stopped");
  }
  int rc = find(order, folded, code) ? 0 : make(order, AOD_EMPTY, folded, code, err);
  flock(other->fd, LOCK_UN);
  return rc;
}

int aod_code_load_tier(const aod_code_t *loaded, const char *name,
                       const aod_code_options_t *options, aod_code_t **code, aod_error_t *err) {
  aod_code_t *other = aod_alloc(sizeof *other);
  order_t order;
  aod_assert(loaded->fd >= 0);
  begin(&order, loaded->wasm_sha256, name, options);
  return end(&order, find_or_make(&order, loaded, other, err), other, code, err);
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
  unload(code);
  free(code);
}
