/* One thread, begun when there is first something to do. It keeps its priority: whoever has the
 * least may be paused at any moment, and others would wait for what it has locked. The compilers
 * that it starts give theirs up. */
#include "vm/upgrade.h"

#include "base/log.h"
#include "vm/process.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WAITING_MAX = 1000 }; /* they stay in memory meanwhile */

/* ---- one module ---- */

static int use(aod_module_t *module, aod_code_t *code, aod_error_t *err) {
  int rc = aod__pool_renew(&module->vm->pool, &module->crew, code, err);
  if (rc)
    aod_code_close(code);
  else
    module->optimised = code;
  return rc;
}

static void upgrade(aod_module_t *module, int stop) {
  aod_code_options_t options = aod__module_code_options(module);
  aod_code_t *code;
  aod_error_t error;
  options.tier = AOD_TIER_OPTIMISED;
  options.background = true;
  options.stop = stop;
  int rc = aod_code_load_tier(module->program.code, module->name, &options, &code, &error);
  if (rc == AOD_OK) rc = use(module, code, &error);
  if (rc && rc != AOD_ECLOSED)
    aod_log(AOD_LOG_WARN, "vm", "the first tier stays in use: %s", error.message);
}

/* ---- the queue ---- */

/* The next one, to be waited for; NULL when it is time to stop. */
static aod_module_t *next(aod__upgrader_t *upgrader) {
  pthread_mutex_lock(&upgrader->lock);
  while (!upgrader->first && !upgrader->stopping)
    pthread_cond_wait(&upgrader->changed, &upgrader->lock);
  aod_module_t *module = upgrader->stopping ? NULL : upgrader->first;
  if (module) upgrader->first = module->next_upgrade;
  pthread_mutex_unlock(&upgrader->lock);
  return module;
}

static void done(aod__upgrader_t *upgrader) {
  pthread_mutex_lock(&upgrader->lock);
  upgrader->count--;
  pthread_cond_broadcast(&upgrader->changed);
  pthread_mutex_unlock(&upgrader->lock);
}

static void *run(void *context) {
  aod__upgrader_t *upgrader = context;
  for (aod_module_t *module; (module = next(upgrader));) {
    upgrade(module, upgrader->stop);
    aod_module_release(module);
    done(upgrader);
  }
  return NULL;
}

/* False when there is no place, or no thread to be had. The lock is held. */
static bool enqueue(aod__upgrader_t *upgrader, aod_module_t *module) {
  if (upgrader->stopping || upgrader->count == WAITING_MAX) return false;
  if (!upgrader->running && pthread_create(&upgrader->thread, NULL, run, upgrader)) return false;
  if (!upgrader->running) pthread_setname_np(upgrader->thread, "vm-upgrade");
  upgrader->running = true;
  aod_module_t **link = &upgrader->first;
  while (*link) link = &(*link)->next_upgrade;
  *link = module;
  module->next_upgrade = NULL;
  upgrader->count++;
  pthread_cond_broadcast(&upgrader->changed);
  return true;
}

void aod__upgrader_add(aod__upgrader_t *upgrader, aod_module_t *module) {
  aod__module_retain(module);
  pthread_mutex_lock(&upgrader->lock);
  bool queued = enqueue(upgrader, module);
  pthread_mutex_unlock(&upgrader->lock);
  if (!queued) aod_module_release(module);
}

void aod__upgrader_wait(aod__upgrader_t *upgrader) {
  pthread_mutex_lock(&upgrader->lock);
  while (upgrader->count) pthread_cond_wait(&upgrader->changed, &upgrader->lock);
  pthread_mutex_unlock(&upgrader->lock);
}

/* ---- life ---- */

int aod__upgrader_init(aod__upgrader_t *upgrader, aod_error_t *err) {
  *upgrader = (aod__upgrader_t){.stop = eventfd(0, EFD_CLOEXEC)};
  if (upgrader->stop < 0) return aod_fail(err, AOD_EUNAVAILABLE, "eventfd: %s", strerror(errno));
  pthread_mutex_init(&upgrader->lock, NULL);
  pthread_cond_init(&upgrader->changed, NULL);
  return AOD_OK;
}

static void stop(aod__upgrader_t *upgrader) {
  pthread_mutex_lock(&upgrader->lock);
  upgrader->stopping = true;
  pthread_cond_broadcast(&upgrader->changed);
  pthread_mutex_unlock(&upgrader->lock);
  aod_assert(eventfd_write(upgrader->stop, 1) == 0);
  if (upgrader->running) pthread_join(upgrader->thread, NULL);
}

void aod__upgrader_deinit(aod__upgrader_t *upgrader) {
  stop(upgrader);
  for (aod_module_t *module; (module = upgrader->first);) {
    upgrader->first = module->next_upgrade;
    aod_module_release(module);
  }
  close(upgrader->stop);
  pthread_cond_destroy(&upgrader->changed);
  pthread_mutex_destroy(&upgrader->lock);
}
