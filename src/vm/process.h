/* Inside of vm.h: what modules and instances consist of. */
#ifndef AOD_VM_PROCESS_H
#define AOD_VM_PROCESS_H

#include "vm/host.h"
#include "vm/vm.h"

#include <pthread.h>

/* Tables are copied whole at each commit and rollback. Real modules have one of at most 1,064
 * entries. */
#define AOD_PROCESS_TABLE_MAX  65536 /* entries */
#define AOD_PROCESS_TABLES_MAX 16

/* What the host keeps from message to message. */
typedef struct {
  int32_t temp_ret;
  bool tzset_done;
} aod_host_memory_t;

typedef enum { AOD_MODULE_LOADING, AOD_MODULE_READY, AOD_MODULE_FAILED } aod_module_state_t;

struct aod_module {
  aod_vm_t *vm;
  aod_module_t *next; /* vm->modules; guarded by vm->lock, as are the two below */
  uint32_t references;
  aod_module_state_t state;
  aod_error_t error;       /* why it failed */
  uint8_t wasm_sha256[32]; /* with format: the key */
  const aod_format_t *format;
  /* constant once ready */
  aod_code_t *code;
  aod_extern_t *imports; /* by import */
  aod_host_exports_t exports;
  aod_core_t *zero;  /* globals and tables as they are after loading; no memory */
  aod_image_t image; /* memory after loading: image zero */
  aod_host_memory_t zero_host;
  uint8_t fingerprint[32]; /* of image zero */
};

struct aod_vm {
  aod_code_options_t code_options;
  char *cache_dir, *shared_cache_dir, *compiler;
  pthread_mutex_t lock;
  pthread_cond_t changed; /* some module is no longer loading */
  aod_module_t *modules;
};

struct aod_instance {
  aod_module_t *module;
  aod_core_t *core;
  aod_host_t host;
  aod_host_memory_t committed;
  uint64_t compute_limit;
  bool undecided; /* evaluated, neither kept nor undone */
};

/* Run the module's own preparation (wasm-host.md C.1) and keep the state that it leaves. */
int aod__module_prepare(aod_module_t *module, aod_error_t *err);

/* Run entry(argument) on the native stack with a fresh clock, depth and budget. True when it
 * returned; else host->reason says why not. compute_limit 0: none. */
bool aod__host_run(aod_host_t *host, uint64_t compute_limit, void (*entry)(void *), void *argument);

#endif
