#include <stdlib.h>

#include "arweave/scheme.h"
#include "su/internal.h"

enum { CROWD_PER_CORE = 8 };

int aod_su_open(aod_su_t **out, const aod_su_options_t *options, aod_error_t *err) {
  aod_su_t *su = aod_alloc(sizeof *su);
  su->signer = options->signer;
  su->signs_quickly = aod_signer_type(options->signer) != AOD_SCHEME_ARWEAVE;
  su->crowd = CROWD_PER_CORE * aod_cores();
  su->gateway = options->gateway;
  su->metrics_enabled = options->metrics;
  su->interface = (aod_scheduler_t){.context = su,
                                    .post = aod__su_post,
                                    .find = aod__su_find,
                                    .range = aod__su_range,
                                    .now = aod__su_now};
  pthread_mutex_init(&su->lock, NULL);
  int code = aod_schedule_open(&su->schedule, options->schedule_path, err);
  if (code == AOD_OK) code = aod__su_publisher_open(&su->publisher, su, options->bundles, err);
  if (code != AOD_OK) {
    aod_schedule_close(su->schedule);
    free(su);
    return code;
  }
  su->pool = aod_pool_open("su-order", 0);
  *out = su;
  return AOD_OK;
}

void aod_su_close(aod_su_t *su) {
  if (!su) return;
  aod_pool_close(su->pool);
  aod_schedule_flush(su->schedule); /* appends under way still use processes and publisher */
  aod__su_publisher_close(su->publisher);
  aod_schedule_close(su->schedule);
  aod__su_free_processes(su);
  pthread_mutex_destroy(&su->lock);
  free(su);
}

void aod_su_await_published(aod_su_t *su, int64_t grace_ms) {
  aod__su_publisher_await(su->publisher, grace_ms);
}

const aod_scheduler_t *aod_su_scheduler(aod_su_t *su) {
  return &su->interface;
}
