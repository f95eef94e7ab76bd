#include "vm/view.h"

#include "vm/process.h"
#include "vm/quarantine.h"

#include <stdlib.h>

struct aod_view {
  aod_module_t *module;
  uint64_t compute_limit;
  aod__remote_t remote;
};

int aod_view_open(const aod_instance_t *instance, const aod_drive_t *drive, aod_view_t **view_out,
                  aod_error_t *err) {
  if (!instance->in_worker)
    return aod_fail(err, AOD_EUNSUPPORTED, "a process in this program can have no view");
  aod_view_t *view = aod_alloc(sizeof *view);
  int rc = aod__remote_view(&instance->remote, &view->remote, err);
  if (rc) {
    free(view);
    return rc;
  }
  if (view->remote.drive) view->remote.drive = drive;
  view->module = instance->module;
  view->compute_limit = instance->compute_limit;
  aod__module_retain(view->module);
  *view_out = view;
  return AOD_OK;
}

void aod_view_close(aod_view_t *view) {
  if (!view) return;
  aod__remote_close(&view->remote);
  aod_module_release(view->module);
  free(view);
}

int aod_view_evaluate(aod_view_t *view, aod_slice_t msg, aod_slice_t env,
                      aod_evaluation_t *evaluation, aod_error_t *err) {
  int rc = aod__remote_evaluate(&view->remote, view->compute_limit, msg, env, evaluation, err);
  if (rc) return rc;
  if (evaluation->worker_died)
    aod__quarantine(view->module->vm->quarantine_dir, msg, env, aod_buf_slice(&evaluation->text));
  aod__remote_rollback(&view->remote);
  return AOD_OK;
}

int aod_instance_detach(aod_instance_t *instance, aod_error_t *err) {
  return instance->in_worker ? aod__remote_detach(&instance->remote, err) : AOD_OK;
}
