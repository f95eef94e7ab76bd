#include "base/latch.h"

void aod_latch_end(aod_latch_t *latch, int code, const aod_error_t *err) {
  pthread_mutex_lock(&latch->lock);
  if (code != AOD_OK && latch->code == AOD_OK) {
    latch->code = code;
    if (err) latch->error = *err;
  }
  if (--latch->left == 0) pthread_cond_signal(&latch->wake);
  pthread_mutex_unlock(&latch->lock);
}

int aod_latch_wait(aod_latch_t *latch, aod_error_t *err) {
  pthread_mutex_lock(&latch->lock);
  while (latch->left) pthread_cond_wait(&latch->wake, &latch->lock);
  pthread_mutex_unlock(&latch->lock);
  if (latch->code != AOD_OK && err) *err = latch->error;
  return latch->code;
}
