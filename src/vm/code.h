/* From module bytes to native code that can be called: decode, validate, meter, fold, translate,
 * compile, load; or take all of it from a cache.
 *
 * The cache holds, by the hash of module, pipeline version, compiler and tier, the folded module
 * and the shared object. An entry that is missing, cut off or of another version is made anew;
 * entries appear by rename, so any number of processes may share a directory. */
#ifndef AOD_VM_CODE_H
#define AOD_VM_CODE_H

#include "vm/abi.h"
#include "vm/module.h"
#include "vm/tier.h"

typedef struct {
  const char *cache_dir;        /* written and read; created when missing */
  const char *shared_cache_dir; /* read only, looked at first; may be NULL */
  const char *compiler;         /* NULL: clang, else cc; a name is searched in PATH */
  aod_tier_t tier;
  /* Meter the module (meter.h): the type of usegas' parameter. 0: leave it as it is. */
  aod_wasm_valtype_t gas_type;
  /* Do not load the library: another program will, by aod_code_open. */
  bool elsewhere;
  /* The compiler has the least priority, and is killed when the descriptor `stop` becomes readable.
   */
  bool background;
  int stop;
  /* Called in the calling thread when the compiler begins and when it has succeeded. May be NULL.
   */
  aod_on_compile_t *on_compile;
  void *context;
} aod_code_options_t;

typedef struct {
  aod_wasm_module_t module;    /* of the folded bytes, which the code keeps */
  const aod_wasm_code_t *wasm; /* entry points; NULL when loaded elsewhere */
  aod_buf_t bytes;             /* the folded module */
  void *library;
  int fd;                  /* the cache entry's file when the code is loaded elsewhere, else -1 */
  uint8_t wasm_sha256[32]; /* of the bytes that it was made from */
  aod_tier_t tier;
} aod_code_t;

/* Blocks while the compiler runs. `name` appears in progress and errors. The caller owns the
 * result and must not close it while an instance runs or refers to it. May be called from any
 * thread. Errors: those of aod_wasm_decode and aod_wasm_validate for bytes that are no valid
 * module, AOD_ECOMPILE with the compiler's own words, AOD_EIO for the cache directory. */
int aod_code_load(aod_slice_t wasm, const char *name, const aod_code_options_t *options,
                  aod_code_t **code, aod_error_t *err);

/* The same, but only from the cache; false when it is not there. */
bool aod_code_find(aod_slice_t wasm, const aod_code_options_t *options, aod_code_t **code);

/* Another tier of what is loaded from a file (`elsewhere`), options->tier, of the same folded
 * module: its state fits, its budget and depth are the same. Of several programs that ask for it
 * one compiles; the others wait. AOD_ECLOSED when it was stopped. */
int aod_code_load_tier(const aod_code_t *loaded, const char *name,
                       const aod_code_options_t *options, aod_code_t **code, aod_error_t *err);

/* Load what another program found and checked: the entry that `fd` is open for, which stays the
 * caller's. AOD_ECOMPILE when that is none or cannot be loaded. */
int aod_code_open(int fd, aod_code_t **code, aod_error_t *err);

void aod_code_close(aod_code_t *code); /* NULL is allowed */

#endif
