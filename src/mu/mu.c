#include <stdlib.h>

#include "mu/internal.h"

int aod_mu_open(aod_mu_t **out, const aod_mu_options_t *options, aod_error_t *err) {
  aod_mu_t *mu = aod_alloc(sizeof *mu);
  mu->signer = options->signer;
  aod_signer_address(mu->signer, mu->address);
  mu->scheduler = options->scheduler;
  mu->computer = options->computer;
  mu->gateway = options->gateway;
  mu->push_enabled = options->push;
  mu->metrics_enabled = options->metrics;
  int code = aod_outbox_open(&mu->outbox, options->outbox_path, err);
  if (code == AOD_OK) {
    mu->pool = aod_pool_open("mu-push", 0);
    code = aod__queue_open(mu, err);
  }
  if (code == AOD_OK) code = aod__monitors_open(mu, err);
  if (code != AOD_OK) {
    if (mu->queue) aod__queue_stop(mu);
    aod_mu_close(mu);
    return code;
  }
  *out = mu;
  return AOD_OK;
}

void aod_mu_drain(aod_mu_t *mu, int64_t grace_ms) {
  aod__monitors_stop(mu);
  aod__queue_drain(mu, grace_ms);
}

void aod_mu_stop(aod_mu_t *mu) {
  aod__monitors_stop(mu);
  aod__queue_stop(mu);
}

void aod_mu_close(aod_mu_t *mu) {
  if (!mu) return;
  aod_pool_close(mu->pool);
  aod_outbox_close(mu->outbox);
  aod__queue_close(mu);
  aod__monitors_close(mu);
  free(mu);
}
