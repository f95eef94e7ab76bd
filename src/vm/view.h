/* Looking at a process while it goes on: messages that are evaluated on its committed state and
 * never kept, any number at once.
 *
 * A view shares the pages of the process's memory. Until it is closed, the process must not commit;
 * or it is detached before, which takes a copy, and then goes its own way. Opening and detaching
 * belong to the process's lane, or to whoever else keeps it from committing meanwhile. */
#ifndef AOD_VM_VIEW_H
#define AOD_VM_VIEW_H

#include "vm/vm.h"

typedef struct aod_view aod_view_t;

/* `drive` is asked where the instance has a drive. The instance may be closed before the view.
 * AOD_ENOMEM; AOD_EUNSUPPORTED for one that is not in a worker. */
int aod_view_open(const aod_instance_t *instance, const aod_drive_t *drive, aod_view_t **view,
                  aod_error_t *err);
void aod_view_close(aod_view_t *view); /* NULL is allowed */

/* As aod_instance_evaluate, and undone at once: there is nothing to decide. One thread at a time.
 */
int aod_view_evaluate(aod_view_t *view, aod_slice_t msg, aod_slice_t env,
                      aod_evaluation_t *evaluation, aod_error_t *err);

/* Give the instance a memory of its own: a copy of what it has, while the views keep that. Between
 * evaluating and committing is a good moment. AOD_ENOMEM: nothing has changed. */
int aod_instance_detach(aod_instance_t *instance, aod_error_t *err);

#endif
