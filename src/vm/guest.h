/* Running a module's messages in this very program: what a worker does, and what the runtime's own
 * tests do without one.
 *
 * Not thread-safe: a guest belongs to one thread at a time. */
#ifndef AOD_VM_GUEST_H
#define AOD_VM_GUEST_H

#include "vm/host.h"
#include "vm/vm.h"

/* Tables are copied whole at each commit and rollback. Real modules have one of at most 1,064
 * entries. */
#define AOD_PROCESS_TABLE_MAX  65536 /* entries */
#define AOD_PROCESS_TABLES_MAX 16

/* The longest string that the reference's engine can make. */
#define AOD_GUEST_RESULT_MAX 0x1fffffe8u

/* Native code, linked to the host. Constant once open; shared by the guests that run it. */
typedef struct {
  aod_code_t *code;
  const aod_format_t *format;
  aod_extern_t *imports; /* by import */
  aod_host_exports_t exports;
} aod_program_t;

/* What the host keeps from message to message. */
typedef struct {
  int32_t temp_ret;
  bool tzset_done;
} aod_host_memory_t;

/* Must not be moved while open. */
typedef struct {
  aod_core_t *core;
  aod_host_t host;
  aod_host_memory_t committed;
} aod_guest_t;

/* Takes `code` over, also on failure. AOD_EUNSUPPORTED as aod_host_link. */
int aod_program_open(aod_program_t *program, aod_code_t *code, const aod_format_t *format,
                     aod_error_t *err);
void aod_program_close(aod_program_t *program); /* a zeroed one is allowed */

/* Memory as `image`, else (NULL) zeros; globals and tables as declared. Of the options
 * the memory's cap and the drive count. The program must outlive the guest. Errors as
 * aod_core_open. */
int aod_guest_open(aod_guest_t *guest, const aod_program_t *program, const aod_image_t *image,
                   const aod_instance_options_t *options, aod_error_t *err);
void aod_guest_close(aod_guest_t *guest);

/* Run the module's own preparation (wasm-host.md C.1). AOD_ETRAP with the reason when it fails.
 * Keep with aod_guest_commit or take what changed with aod_memory_stage. */
int aod_guest_prepare(aod_guest_t *guest, aod_error_t *err);

/* As aod_instance_evaluate. */
int aod_guest_evaluate(aod_guest_t *guest, uint64_t compute_limit, aod_slice_t msg, aod_slice_t env,
                       aod_evaluation_t *evaluation, aod_error_t *err);

void aod_guest_commit(aod_guest_t *guest);
void aod_guest_settle(aod_guest_t *guest); /* commit after aod_memory_stage, see there */
void aod_guest_rollback(aod_guest_t *guest);

/* Whether anything but linear memory differs from what was committed: globals, tables, dropped
 * segments, what the host remembers. */
bool aod_guest_state_changed(const aod_guest_t *guest);

/* The same as bytes that mean the same in every program that runs this module; reading them
 * replaces and commits that part. AOD_EINPUT for bytes that do not fit the module. */
void aod_guest_state_write(const aod_guest_t *guest, aod_buf_t *bytes);
#define AOD_GUEST_HOST_BYTES 8 /* of them come first: what the host remembers */
int aod_guest_state_read(aod_guest_t *guest, aod_slice_t bytes, aod_error_t *err);

/* Run entry(argument) on the native stack with a fresh clock, depth and budget. True when it
 * returned; else host->reason says why not. compute_limit 0: none. */
bool aod__guest_run(aod_host_t *host, uint64_t compute_limit, void (*entry)(void *),
                    void *argument);

#endif
