/* A process whose messages are evaluated in a worker: the committed image and state, which are the
 * process, and the way of one message there and back.
 *
 * Belongs to the process's lane, as the instance that it is a part of. */
#ifndef AOD_VM_REMOTE_H
#define AOD_VM_REMOTE_H

#include "vm/committed.h"
#include "vm/core.h"
#include "vm/pool.h"
#include "vm/vm.h"

typedef struct {
  aod__pool_t *pool;
  aod__crew_t *crew;
  aod__binding_t binding;
  uint64_t memory_cap_bytes;
  const aod_drive_t *drive;
  bool is_view; /* no message is ever kept */
  bool moved;   /* the worker that it is bound to still has the file from before */
  aod_committed_t committed;
  aod_buf_t state; /* aod_guest_state_write, committed */
  /* the message that is not decided yet */
  aod__worker_t *held; /* NULL when there is nothing to decide */
  bool kept;           /* the one before was, and the worker does not know yet */
  aod_buf_t ranges;    /* copied from the region, so that they cannot change any more */
  aod_staging_t changes;
  uint64_t staged_bytes; /* of changes that were accepted */
  uint64_t new_bytes;
  aod_buf_t new_state; /* empty: as before */
} aod__remote_t;

/* A process that begins with `image` and `state`, both copied. Errors as aod_committed_open. */
int aod__remote_open(aod__remote_t *remote, aod__pool_t *pool, aod__crew_t *crew,
                     const aod_wasm_module_t *module, const aod_instance_options_t *options,
                     const aod_image_t *image, aod_slice_t state, aod_error_t *err);
void aod__remote_close(aod__remote_t *remote);

/* Whoever has filled the committed image now gives the state that belongs to it. A worker looks at
 * it: AOD_EINPUT when it does not fit the module, AOD_EUNAVAILABLE when no worker can be had. */
int aod__remote_restore(aod__remote_t *remote, aod_slice_t state, aod_error_t *err);

/* Have a worker make image zero and the state that belongs to it; both become the caller's.
 * `fingerprint` is the image's. AOD_ETRAP when the module fails. */
int aod__remote_prepare(aod__pool_t *pool, aod__crew_t *crew, const aod_wasm_module_t *module,
                        aod_image_t *image, aod_buf_t *state, uint8_t fingerprint[32],
                        aod_error_t *err);

/* Another process that is as `remote` is now, and always will be: it shares the committed image, as
 * aod_committed_picture does. AOD_ENOMEM. */
int aod__remote_view(const aod__remote_t *remote, aod__remote_t *view, aod_error_t *err);

/* Go on in a copy of the committed image, so that views keep what they have. AOD_ENOMEM: as before.
 */
int aod__remote_detach(aod__remote_t *remote, aod_error_t *err);

/* As aod_instance_evaluate, aod_instance_commit, aod_instance_rollback. */
int aod__remote_evaluate(aod__remote_t *remote, uint64_t compute_limit, aod_slice_t msg,
                         aod_slice_t env, aod_evaluation_t *evaluation, aod_error_t *err);
void aod__remote_commit(aod__remote_t *remote);
void aod__remote_rollback(aod__remote_t *remote);

#endif
