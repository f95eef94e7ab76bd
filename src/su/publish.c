/* The publisher carries every record of the schedule to Arweave, in the order of the store, and
 * remembers in the store how far it got. So nothing has to be queued: what is in the schedule and
 * beyond that place is what waits, also after a crash. Uploading one twice is harmless. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "su/internal.h"

enum { BATCH = 100, RETRY_FIRST_S = 1, RETRY_LAST_S = 32 };

struct aod_su_publisher {
  aod_schedule_t *schedule;
  const aod_gateway_t *gateway;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake, advanced;
  bool pending, closing;
  uint64_t seq;    /* the last record published; changed by the thread, under the lock */
  uint64_t newest; /* the last record that is known to be in the schedule */
};

static int upload_records(aod_su_publisher_t *publisher, const aod_records_t *records,
                          aod_error_t *err) {
  aod_slice_t raws[2 * BATCH];
  size_t count = 0;
  for (size_t i = 0; i < records->count; i++) {
    if (records->list[i].item.len) raws[count++] = records->list[i].item;
    raws[count++] = records->list[i].assignment;
  }
  return publisher->gateway->upload(publisher->gateway->context, raws, count, err);
}

static void advance(aod_su_publisher_t *publisher, uint64_t seq) {
  pthread_mutex_lock(&publisher->lock);
  publisher->seq = seq;
  pthread_cond_broadcast(&publisher->advanced);
  pthread_mutex_unlock(&publisher->lock);
}

/* 1: published some, 0: nothing to do, negative: failed. */
static int publish_batch(aod_su_publisher_t *publisher, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_records_t records;
  int code = aod_schedule_after(publisher->schedule, publisher->seq, BATCH, &arena, &records, err);
  if (code == AOD_OK && records.count) {
    uint64_t seq = records.list[records.count - 1].seq;
    code = upload_records(publisher, &records, err);
    if (code == AOD_OK) code = aod_schedule_set_published(publisher->schedule, seq, err);
    if (code == AOD_OK) {
      advance(publisher, seq);
      code = 1;
    }
  }
  aod_arena_free(&arena);
  return code;
}

/* With the lock held: wait for news, at most `seconds` (0: without end). */
static void wait_for_news(aod_su_publisher_t *publisher, int seconds) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += seconds;
  while (!publisher->pending && !publisher->closing) {
    if (seconds == 0)
      pthread_cond_wait(&publisher->wake, &publisher->lock);
    else if (pthread_cond_timedwait(&publisher->wake, &publisher->lock, &until) == ETIMEDOUT)
      break;
  }
  publisher->pending = false;
}

static void *publish(void *argument) {
  aod_su_publisher_t *publisher = argument;
  int retry_s = RETRY_FIRST_S;
  bool closing = false;
  while (!closing) {
    aod_error_t err;
    int code = publish_batch(publisher, &err);
    if (code == 1) continue;
    if (code < 0)
      aod_log(AOD_LOG_WARN, "su", "publishing on Arweave failed, next try in %d s: %s", retry_s,
              err.message);
    pthread_mutex_lock(&publisher->lock);
    closing = publisher->closing;
    if (!closing) wait_for_news(publisher, code < 0 ? retry_s : 0);
    pthread_mutex_unlock(&publisher->lock);
    retry_s = code == 0 ? RETRY_FIRST_S : retry_s * 2 > RETRY_LAST_S ? RETRY_LAST_S : retry_s * 2;
  }
  return NULL;
}

int aod__su_publisher_open(aod_su_publisher_t **out, aod_schedule_t *schedule,
                           const aod_gateway_t *gateway, aod_error_t *err) {
  aod_su_publisher_t *publisher = aod_alloc(sizeof *publisher);
  publisher->schedule = schedule;
  publisher->gateway = gateway;
  int code = aod_schedule_published(schedule, &publisher->seq, err);
  if (code != AOD_OK) {
    free(publisher);
    return code;
  }
  pthread_mutex_init(&publisher->lock, NULL);
  pthread_cond_init(&publisher->wake, NULL);
  pthread_cond_init(&publisher->advanced, NULL);
  aod_assert(pthread_create(&publisher->thread, NULL, publish, publisher) == 0);
  pthread_setname_np(publisher->thread, "su-publish");
  *out = publisher;
  return AOD_OK;
}

void aod__su_publisher_await(aod_su_publisher_t *publisher, int64_t grace_ms) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += grace_ms / 1000;
  until.tv_nsec += grace_ms % 1000 * 1000000;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  pthread_mutex_lock(&publisher->lock);
  uint64_t target = publisher->newest;
  while (publisher->seq < target)
    if (pthread_cond_timedwait(&publisher->advanced, &publisher->lock, &until) == ETIMEDOUT) break;
  pthread_mutex_unlock(&publisher->lock);
}

void aod__su_publisher_wake(aod_su_publisher_t *publisher, uint64_t seq) {
  pthread_mutex_lock(&publisher->lock);
  publisher->pending = true;
  if (seq > publisher->newest) publisher->newest = seq;
  pthread_cond_signal(&publisher->wake);
  pthread_mutex_unlock(&publisher->lock);
}

void aod__su_publisher_close(aod_su_publisher_t *publisher) {
  pthread_mutex_lock(&publisher->lock);
  publisher->closing = true;
  pthread_cond_signal(&publisher->wake);
  pthread_mutex_unlock(&publisher->lock);
  pthread_join(publisher->thread, NULL);
  pthread_cond_destroy(&publisher->advanced);
  pthread_cond_destroy(&publisher->wake);
  pthread_mutex_destroy(&publisher->lock);
  free(publisher);
}
