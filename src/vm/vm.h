/* The virtual machine as a compute unit sees it: modules become native code, a process is an
 * instance with its own memory, a message is one evaluation that is then kept or undone.
 *
 * Thread rules: aod_vm_t and aod_module_t may be used from any thread. An aod_instance_t belongs to
 * one thread at a time (its lane). Evaluation happens in a worker process, which the calling thread
 * waits for; see worker.h. */
#ifndef AOD_VM_VM_H
#define AOD_VM_VM_H

#include "base/bytes.h"
#include "base/error.h"
#include "vm/drive.h"
#include "vm/tier.h"

typedef struct aod_vm aod_vm_t;
typedef struct aod_module aod_module_t;
typedef struct aod_instance aod_instance_t;

/* Start the process that workers come from (worker.h), where it does not run yet; aod_vm_open does
 * so as well, but it takes a few milliseconds, in which a program can do something else.
 * AOD_EUNAVAILABLE when the system gives no process. Stopping, after all machines are closed, is
 * optional: it ends with the program. */
int aod_workers_start(aod_error_t *err);
void aod_workers_stop(void);

typedef struct {
  const char *cache_dir;        /* written and read; created when missing */
  const char *shared_cache_dir; /* read only, may be NULL: what the build compiled */
  const char *compiler;         /* NULL: clang, else cc */
  /* Called when a module has to be compiled, and when it has been, from the thread that does it.
   * May be NULL. */
  aod_on_compile_t *on_compile;
  void *context;
  /* Run modules in worker processes that can do nothing else. Without, they run in this program:
   * for tests of the runtime only. */
  bool in_workers;
  aod_tiers_t tiers; /* without workers, of both the optimised one: nothing changes there */
  const char *quarantine_dir; /* messages that end their worker are kept there; NULL: nowhere */
} aod_vm_options_t;

int aod_vm_open(aod_vm_t **vm, const aod_vm_options_t *options, aod_error_t *err);
/* After all modules and instances are gone. A compiler in the background is killed. */
void aod_vm_close(aod_vm_t *vm);

/* Wait until the background has compiled what there was to compile, or failed to. */
void aod_vm_await_compiled(aod_vm_t *vm);

/* Make `wasm` runnable under the Module-Format `format` (white space around it is ignored): decode,
 * validate, check the imports, fold, translate, compile or take all of it from the cache. Blocks
 * for as long as compiling takes (of both tiers: the first); a second caller for the same module
 * waits for the first. `name` appears in progress and errors. The module is shared and
 * reference-counted. AOD_EUNSUPPORTED for an unknown format or import or feature, AOD_EINPUT with
 * offset and reason for bytes that are no valid module, AOD_ECOMPILE when the compiler fails. */
int aod_module_load(aod_vm_t *vm, aod_slice_t wasm, aod_slice_t format, const char *name,
                    aod_module_t **module, aod_error_t *err);
void aod_module_release(aod_module_t *module);

/* Identifies the memory that its processes begin with: a hash of what is not zero in it. */
void aod_module_fingerprint(const aod_module_t *module, uint8_t digest[32]);

typedef struct {
  uint64_t compute_limit;    /* the Compute-Limit tag */
  uint64_t memory_cap_bytes; /* operator's cap on linear memory, 0: none */
  const aod_drive_t *drive;  /* WeaveDrive; NULL: not attached. Must outlive the instance */
} aod_instance_options_t;

/* A new process: memory as after loading the module. The module must outlive the instance. */
int aod_instance_open(aod_module_t *module, const aod_instance_options_t *options,
                      aod_instance_t **instance, aod_error_t *err);
void aod_instance_close(aod_instance_t *instance);

typedef struct {
  bool failed;      /* the call did not return: text is the reason, e.g. "unreachable" */
  int exit_status;  /* with failed: the status of exit(n), else -1 */
  aod_buf_t text;   /* UTF-8: what handle returned, or the reason */
  aod_buf_t output; /* what the program wrote to stdout and stderr, bounded */
  double gas_used;  /* metered modules; 0 otherwise */
  bool worker_died; /* with failed: not the module's own doing, as far as one can tell; worth
                       keeping for whoever has to find out */
} aod_evaluation_t;

/* Call handle(msg, env): both are the JSON texts of wasm-host.md C.2. Afterwards the caller must
 * decide with commit or rollback before the next call; a failed evaluation can only be rolled back.
 * Returns an error only when nothing was evaluated, that of the drive when it could not answer:
 * then there is nothing to decide. A message that ends its worker, twice, has failed. */
int aod_instance_evaluate(aod_instance_t *instance, aod_slice_t msg, aod_slice_t env,
                          aod_evaluation_t *evaluation, aod_error_t *err);
void aod_instance_commit(aod_instance_t *instance);   /* cost: the cards that the call marked */
void aod_instance_rollback(aod_instance_t *instance); /* cost: the same */
void aod_evaluation_free(aod_evaluation_t *evaluation);

/* The committed linear memory: its size, and a private copy-out of a range. */
uint64_t aod_instance_memory_bytes(const aod_instance_t *instance);
void aod_instance_memory_read(const aod_instance_t *instance, uint64_t from, uint8_t *to,
                              size_t bytes);
/* About how much memory of the machine it takes, rather more than less. Looks at a byte a page. */
uint64_t aod_instance_resident_bytes(const aod_instance_t *instance);
/* SHA-256 of the committed memory. */
void aod_instance_memory_sha256(const aod_instance_t *instance, uint8_t digest[32]);

/* ---- on the way to disk and back ---- */

#define AOD_INSTANCE_PAGE_BYTES 4096

/* Call `each` for the pages of the committed memory that may have changed since the mark was set,
 * in ascending order. The mark is where the instance was opened or restored until it is moved. */
typedef void aod_instance_page_t(void *context, uint64_t page,
                                 const uint8_t bytes[AOD_INSTANCE_PAGE_BYTES]);
void aod_instance_each_changed(const aod_instance_t *instance, aod_instance_page_t *each,
                               void *context);
size_t aod_instance_changed_count(const aod_instance_t *instance);
void aod_instance_mark(aod_instance_t *instance);

/* Append the rest of what is committed: globals, tables and the like, as bytes that mean the same
 * in every program that runs this module. */
void aod_instance_state_write(const aod_instance_t *instance, aod_buf_t *bytes);

/* Is that what a new process has, but for what no message reads before it has set it? Then its
 * memory is all that it consists of. */
bool aod_instance_is_all_memory(const aod_instance_t *instance);

/* What a process consists of, seen from its module. */
typedef struct {
  uint64_t memory_bytes;
  aod_slice_t state;     /* of aod_instance_state_write */
  const uint64_t *pages; /* numbers, ascending; the others are as the module has them */
  size_t page_count;
  int (*read_page)(void *context, size_t index, uint8_t bytes[AOD_INSTANCE_PAGE_BYTES],
                   aod_error_t *err);
  void *context;
  /* No state is given: it is as in a new process. The pages count as changed, the mark stays where
   * the module begins. */
  bool memory_only;
} aod_instance_source_t;

/* As aod_instance_open, but go on with what `source` holds. Its fields are checked: AOD_EINPUT when
 * they do not fit the module, else what read_page returns. */
int aod_instance_restore(aod_module_t *module, const aod_instance_options_t *options,
                         const aod_instance_source_t *source, aod_instance_t **instance,
                         aod_error_t *err);

#endif
