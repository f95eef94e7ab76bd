/* Inside of vm.h: what modules and instances consist of. */
#ifndef AOD_VM_PROCESS_H
#define AOD_VM_PROCESS_H

#include "vm/guest.h"
#include "vm/remote.h"
#include "vm/upgrade.h"

#include <pthread.h>

typedef enum { AOD_MODULE_LOADING, AOD_MODULE_READY, AOD_MODULE_FAILED } aod_module_state_t;

struct aod_module {
  aod_vm_t *vm;
  aod_module_t *next; /* vm->modules; guarded by vm->lock, as are the two below */
  uint32_t references;
  aod_module_state_t state;
  aod_error_t error;       /* why it failed */
  char *name;              /* for people */
  uint8_t wasm_sha256[32]; /* with format: the key */
  const aod_format_t *format;
  /* constant once ready */
  aod_program_t program;   /* with workers, its code is loaded there and it has no imports */
  aod_image_t image;       /* memory after loading: image zero */
  aod_buf_t zero_state;    /* everything else after loading, as aod_guest_state_write gives it */
  uint8_t fingerprint[32]; /* of image zero */
  aod__crew_t crew;
  aod_module_t *next_upgrade; /* guarded by the upgrader's lock */
  aod_code_t *optimised;      /* what the crew runs after an upgrade, else NULL */
};

struct aod_vm {
  aod_code_options_t code_options;
  char *cache_dir, *shared_cache_dir, *compiler, *quarantine_dir;
  pthread_mutex_t lock;
  pthread_cond_t changed; /* some module is no longer loading */
  aod_module_t *modules;
  bool in_workers;
  aod_tiers_t tiers;
  aod__pool_t pool;
  aod__upgrader_t upgrader;
};

/* How its code is made: the machine's options, and what its format asks for. */
aod_code_options_t aod__module_code_options(const aod_module_t *module);

/* One more who will call aod_module_release. */
void aod__module_retain(aod_module_t *module);

struct aod_instance {
  aod_module_t *module;
  uint64_t compute_limit;
  bool undecided; /* evaluated, neither kept nor undone */
  bool in_worker; /* which of the two is used */
  aod__remote_t remote;
  aod_guest_t guest;
};

#endif
