#include "ar/mine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

struct aod__miner {
  aod_ar_t *ar;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool due, closing;
  struct timespec at; /* when the block is due, on the monotonic clock */
};

/* Whatever made a block meanwhile took everything in. */
static void mine_pending(aod_ar_t *ar) {
  aod_buf_t ids = {0};
  aod_error_t err;
  int code = aod__index_pending(ar, &ids, &err);
  if (code == AOD_OK && ids.len) code = aod__index_mine(ar, 1, &err);
  if (code != AOD_OK) aod_log(AOD_LOG_ERROR, "ar", "no block for what is pending: %s", err.message);
  aod_buf_free(&ids);
}

/* With the lock held: until the block is due; false when the unit closes. */
static bool await_due(struct aod__miner *miner) {
  while (!miner->closing) {
    if (!miner->due)
      pthread_cond_wait(&miner->changed, &miner->lock);
    else if (pthread_cond_timedwait(&miner->changed, &miner->lock, &miner->at) == ETIMEDOUT)
      return true;
  }
  return false;
}

static void *mine_when_due(void *argument) {
  struct aod__miner *miner = argument;
  pthread_mutex_lock(&miner->lock);
  while (await_due(miner)) {
    miner->due = false;
    pthread_mutex_unlock(&miner->lock);
    mine_pending(miner->ar);
    pthread_mutex_lock(&miner->lock);
  }
  pthread_mutex_unlock(&miner->lock);
  return NULL;
}

void aod__miner_open(aod_ar_t *ar) {
  if (ar->options.block_ms == 0) return;
  struct aod__miner *miner = aod_alloc(sizeof *miner);
  ar->miner = miner;
  miner->ar = ar;
  pthread_mutex_init(&miner->lock, NULL);
  aod_clock_cond_init(&miner->changed);
  aod_assert(pthread_create(&miner->thread, NULL, mine_when_due, miner) == 0);
  pthread_setname_np(miner->thread, "ar-miner");
  aod__miner_notice(ar);
}

void aod__miner_close(aod_ar_t *ar) {
  struct aod__miner *miner = ar->miner;
  if (!miner) return;
  pthread_mutex_lock(&miner->lock);
  miner->closing = true;
  pthread_cond_signal(&miner->changed);
  pthread_mutex_unlock(&miner->lock);
  pthread_join(miner->thread, NULL);
  pthread_cond_destroy(&miner->changed);
  pthread_mutex_destroy(&miner->lock);
  free(miner);
  ar->miner = NULL;
}

void aod__miner_notice(aod_ar_t *ar) {
  struct aod__miner *miner = ar->miner;
  if (!miner) return;
  pthread_mutex_lock(&miner->lock);
  if (!miner->due) {
    miner->at = aod_clock_monotonic_in(ar->options.block_ms);
    miner->due = true;
    pthread_cond_signal(&miner->changed);
  }
  pthread_mutex_unlock(&miner->lock);
}
