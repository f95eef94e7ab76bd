#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "mu/internal.h"

/* Take up what the last run left behind. */
static int resume(aod_mu_t *mu, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_outbox_entries_t entries;
  int code = aod_outbox_load(mu->outbox, &arena, &entries, err);
  size_t resumed = 0, parked = 0;
  for (size_t i = 0; code == AOD_OK && i < entries.count; i++) {
    const aod_outbox_entry_t *entry = &entries.list[i];
    parked += entry->parked;
    if (entry->parked) continue;
    aod_delivery_t *delivery = aod__delivery_new(mu, entry->kind);
    delivery->entry = *entry;
    delivery->entry.raw = aod_arena_copy(&delivery->arena, entry->raw);
    delivery->entry.text = aod_arena_copy(&delivery->arena, entry->text);
    delivery->entry.reason = AOD_EMPTY;
    aod__delivery_start(delivery);
    resumed++;
  }
  aod_arena_free(&arena);
  if (resumed)
    aod_log(AOD_LOG_INFO, "mu", "carrying on %zu outbox entries of the last run", resumed);
  if (parked) aod_log(AOD_LOG_WARN, "mu", "%zu undelivered entries are in the outbox", parked);
  return code;
}

int aod_mu_open(aod_mu_t **out, const aod_mu_options_t *options, aod_error_t *err) {
  aod_mu_t *mu = aod_alloc(sizeof *mu);
  mu->signer = options->signer;
  mu->scheduler = options->scheduler;
  mu->computer = options->computer;
  mu->gateway = options->gateway;
  int code = aod_outbox_open(&mu->outbox, options->outbox_path, err);
  if (code != AOD_OK) {
    free(mu);
    return code;
  }
  pthread_mutex_init(&mu->lock, NULL);
  pthread_cond_init(&mu->changed, NULL);
  mu->pool = aod_pool_open("mu-push", 0);
  aod__retry_start(mu);
  code = resume(mu, err);
  if (code != AOD_OK) {
    aod_mu_stop(mu);
    aod_mu_close(mu);
    return code;
  }
  *out = mu;
  return AOD_OK;
}

void aod_mu_drain(aod_mu_t *mu, int64_t grace_ms) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += grace_ms / 1000;
  pthread_mutex_lock(&mu->lock);
  while (mu->active)
    if (pthread_cond_timedwait(&mu->changed, &mu->lock, &until) == ETIMEDOUT) break;
  pthread_mutex_unlock(&mu->lock);
}

void aod_mu_stop(aod_mu_t *mu) {
  pthread_mutex_lock(&mu->lock);
  mu->stopping = true;
  pthread_cond_broadcast(&mu->changed);
  while (mu->active) pthread_cond_wait(&mu->changed, &mu->lock);
  pthread_mutex_unlock(&mu->lock);
  aod__retry_stop(mu);
}

void aod_mu_close(aod_mu_t *mu) {
  if (!mu) return;
  aod_pool_close(mu->pool);
  aod_outbox_close(mu->outbox);
  pthread_cond_destroy(&mu->changed);
  pthread_mutex_destroy(&mu->lock);
  free(mu);
}
