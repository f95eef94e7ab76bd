/* Modules: loaded once, shared by all processes that run them.
 *
 * Invariant: a module in vm->modules is loading or ready. Who asks for one that is loading waits
 * for whoever began; a failed one has left the list and lives until the last who waited has read
 * why. */
#include "vm/vm.h"

#include "arweave/hash.h"
#include "vm/inspect.h"
#include "vm/process.h"

#include <stdlib.h>

/* ---- the machine ---- */

static char *copy_or_null(const char *text) {
  return text ? aod_strdup(text) : NULL;
}

int aod_vm_open(aod_vm_t **vm_out, const aod_vm_options_t *options, aod_error_t *err) {
  if (!options->cache_dir) return aod_fail(err, AOD_EUSAGE, "no cache directory for compiled code");
  if (options->in_workers) {
    int rc = aod_workers_start(err);
    if (rc) return rc;
  }
  aod_vm_t *vm = aod_alloc(sizeof *vm);
  int rc = aod__upgrader_init(&vm->upgrader, err);
  if (rc) {
    free(vm);
    return rc;
  }
  vm->cache_dir = aod_strdup(options->cache_dir);
  vm->shared_cache_dir = copy_or_null(options->shared_cache_dir);
  vm->compiler = copy_or_null(options->compiler);
  vm->quarantine_dir = copy_or_null(options->quarantine_dir);
  vm->code_options = (aod_code_options_t){.cache_dir = vm->cache_dir,
                                          .shared_cache_dir = vm->shared_cache_dir,
                                          .compiler = vm->compiler,
                                          .tier = AOD_TIER_OPTIMISED,
                                          .elsewhere = options->in_workers,
                                          .on_compile = options->on_compile,
                                          .context = options->context};
  pthread_mutex_init(&vm->lock, NULL);
  pthread_cond_init(&vm->changed, NULL);
  vm->in_workers = options->in_workers;
  vm->tiers = options->tiers;
  aod__pool_init(&vm->pool);
  *vm_out = vm;
  return AOD_OK;
}

void aod_vm_await_compiled(aod_vm_t *vm) {
  aod__upgrader_wait(&vm->upgrader);
}

void aod_vm_close(aod_vm_t *vm) {
  if (!vm) return;
  aod__upgrader_deinit(&vm->upgrader);
  aod_assert(!vm->modules);
  aod__pool_deinit(&vm->pool);
  pthread_cond_destroy(&vm->changed);
  pthread_mutex_destroy(&vm->lock);
  free(vm->cache_dir);
  free(vm->shared_cache_dir);
  free(vm->compiler);
  free(vm->quarantine_dir);
  free(vm);
}

/* ---- loading ---- */

/* Before the compiler is started: what cannot run fails at once. */
static int check(aod_slice_t wasm, const aod_format_t *format, aod_error_t *err) {
  aod_wasm_module_t decoded;
  int rc = aod_wasm_decode(wasm, &decoded, err);
  if (rc) return rc;
  rc = aod_format_check(&decoded, format, err);
  aod_wasm_module_free(&decoded);
  return rc;
}

/* In this program: a guest that is prepared and then taken apart. */
static int prepare_here(aod_module_t *module, aod_error_t *err) {
  static const aod_instance_options_t none = {0};
  aod_guest_t guest;
  int rc = aod_guest_open(&guest, &module->program, NULL, &none, err);
  if (rc) return rc;
  rc = aod_guest_prepare(&guest, err);
  if (rc == AOD_OK) {
    aod_guest_commit(&guest);
    aod_guest_state_write(&guest, &module->zero_state);
    aod_pages_fingerprint(aod_memory_pages(&guest.core->memory), module->fingerprint);
    rc = aod_image_create(&module->image, &guest.core->memory, err);
  }
  aod_guest_close(&guest);
  return rc;
}

static int prepare_in_worker(aod_module_t *module, aod_error_t *err) {
  const aod_wasm_module_t *decoded = &module->program.code->module;
  uint64_t min, max;
  uint32_t address_bits;
  int rc = aod_core_memory_limits(decoded, 0, &min, &max, &address_bits, err);
  if (rc) return rc;
  module->crew = (aod__crew_t){.code = module->program.code,
                               .format = module->format,
                               .channel_bytes = aod__channel_bytes(max)};
  return aod__remote_prepare(&module->vm->pool, &module->crew, decoded, &module->image,
                             &module->zero_state, module->fingerprint, err);
}

aod_code_options_t aod__module_code_options(const aod_module_t *module) {
  aod_code_options_t options = module->vm->code_options;
  options.gas_type = aod_format_gas_type(module->format);
  return options;
}

/* Of the tier that the machine's owner wants; of both the one that is there, or else is there
 * soonest. */
static int load_code(const aod_module_t *module, aod_slice_t wasm, aod_code_t **code,
                     aod_error_t *err) {
  const aod_vm_t *vm = module->vm;
  aod_code_options_t options = aod__module_code_options(module);
  aod_tiers_t tiers = vm->tiers;
  if (tiers == AOD_TIERS_BOTH && !vm->in_workers) tiers = AOD_TIERS_OPTIMISED;
  if (tiers != AOD_TIERS_OPTIMISED) {
    if (aod_code_find(wasm, &options, code)) return AOD_OK;
    options.tier = AOD_TIER_FIRST;
  }
  return aod_code_load(wasm, module->name, &options, code, err);
}

static int load(aod_module_t *module, aod_slice_t wasm, aod_error_t *err) {
  const aod_format_t *format = module->format;
  aod_code_t *code;
  int rc = check(wasm, format, err);
  if (rc) return aod_error_prefix(err, "module %s", module->name);
  rc = load_code(module, wasm, &code, err);
  if (rc) return rc;
  if (module->vm->in_workers) {
    module->program.code = code;
    return prepare_in_worker(module, err);
  }
  rc = aod_program_open(&module->program, code, format, err);
  return rc ? rc : prepare_here(module, err);
}

static void module_free(aod_module_t *module) {
  aod__pool_dismiss(&module->vm->pool, &module->crew);
  aod_image_free(&module->image);
  aod_buf_free(&module->zero_state);
  aod_program_close(&module->program);
  aod_code_close(module->optimised);
  free(module->name);
  free(module);
}

/* ---- the list; vm->lock is held ---- */

static aod_module_t *find(aod_vm_t *vm, const uint8_t sha256[32], const aod_format_t *format) {
  for (aod_module_t *module = vm->modules; module; module = module->next)
    if (module->format == format && memcmp(module->wasm_sha256, sha256, 32) == 0) return module;
  return NULL;
}

static aod_module_t *add(aod_vm_t *vm, const uint8_t sha256[32], const aod_format_t *format) {
  aod_module_t *module = aod_alloc(sizeof *module);
  module->vm = vm;
  module->format = format;
  module->image.fd = -1;
  memcpy(module->wasm_sha256, sha256, 32);
  module->next = vm->modules;
  vm->modules = module;
  return module;
}

static void delist(aod_module_t *module) {
  aod_module_t **link = &module->vm->modules;
  while (*link != module) link = &(*link)->next;
  *link = module->next;
}

/* ---- reference counts ---- */

static void finish(aod_module_t *module, int rc, const aod_error_t *error) {
  aod_vm_t *vm = module->vm;
  pthread_mutex_lock(&vm->lock);
  module->state = rc ? AOD_MODULE_FAILED : AOD_MODULE_READY;
  if (rc) {
    module->error = *error;
    delist(module);
  }
  pthread_cond_broadcast(&vm->changed);
  pthread_mutex_unlock(&vm->lock);
}

void aod__module_retain(aod_module_t *module) {
  pthread_mutex_lock(&module->vm->lock);
  module->references++;
  pthread_mutex_unlock(&module->vm->lock);
}

void aod_module_release(aod_module_t *module) {
  if (!module) return;
  aod_vm_t *vm = module->vm;
  pthread_mutex_lock(&vm->lock);
  bool last = --module->references == 0;
  if (last && module->state == AOD_MODULE_READY) delist(module);
  pthread_mutex_unlock(&vm->lock);
  if (last) module_free(module);
}

void aod_module_fingerprint(const aod_module_t *module, uint8_t digest[32]) {
  memcpy(digest, module->fingerprint, 32);
}

static int result_of(aod_module_t *module, aod_module_t **module_out, aod_error_t *err) {
  if (module->state == AOD_MODULE_READY) {
    *module_out = module;
    return AOD_OK;
  }
  int rc = aod_fail(err, module->error.code, "%s", module->error.message);
  aod_module_release(module);
  return rc;
}

int aod_module_load(aod_vm_t *vm, aod_slice_t wasm, aod_slice_t format_name, const char *name,
                    aod_module_t **module_out, aod_error_t *err) {
  const aod_format_t *format = aod_format_find(format_name);
  if (!format)
    return aod_fail(err, AOD_EUNSUPPORTED, "Module-Format \"%.*s\" is not supported",
                    AOD_ARG(format_name));
  uint8_t sha256[32];
  aod_sha256(wasm, sha256);

  pthread_mutex_lock(&vm->lock);
  aod_module_t *module = find(vm, sha256, format);
  bool mine = !module;
  if (mine) module = add(vm, sha256, format);
  module->references++;
  while (!mine && module->state == AOD_MODULE_LOADING) pthread_cond_wait(&vm->changed, &vm->lock);
  pthread_mutex_unlock(&vm->lock);

  if (mine) {
    aod_error_t error = {0};
    module->name = aod_strdup(name);
    int rc = load(module, wasm, &error);
    finish(module, rc, &error);
    if (rc == AOD_OK && vm->tiers == AOD_TIERS_BOTH && module->program.code->tier == AOD_TIER_FIRST)
      aod__upgrader_add(&vm->upgrader, module);
  }
  return result_of(module, module_out, err);
}
