/* The publisher carries every record of the schedule to Arweave, in the order of the store, and
 * remembers in the store how far it got. So nothing has to be queued: what is in the schedule and
 * beyond that place is what waits, also after a crash. Uploading one twice is harmless.
 *
 * It works in the background: while posts are under way it rests for three times as long as it
 * worked, and long enough that a batch is worth its commits, unless somebody waits for what it
 * does.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "arweave/bundle.h"
#include "base/clock.h"
#include "base/log.h"
#include "su/internal.h"

enum {
  BATCH = 1000,
  REST = 3,
  REST_LEAST_US = 50000,
  RETRY_FIRST_S = 1,
  RETRY_LAST_S = 32,
  CLOSE_GRACE_US = 5000000
};

struct aod_su_publisher {
  aod_su_t *su;
  bool bundles;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake, advanced, rested;
  bool pending, closing;
  int64_t closing_us;
  int waiting;     /* callers of await */
  uint64_t seq;    /* the last record published; changed by the thread, under the lock */
  uint64_t newest; /* the last record that is known to be in the schedule */
};

/* ---- what is uploaded ---- */

/* The bundle [assignment, item] of a record as a signed item. */
static int wrap_record(aod_su_publisher_t *publisher, const aod_record_t *record,
                       aod_arena_t *arena, aod_slice_t *raw, aod_error_t *err) {
  const aod_slice_t items[] = {record->assignment, record->item};
  aod_tag_t tags[] = {{AOD_TEXT("Bundle-Format"), AOD_TEXT("binary")},
                      {AOD_TEXT("Bundle-Version"), AOD_TEXT("2.0.0")}};
  uint8_t anchor[32];
  aod_buf_t payload = {0}, item = {0};
  aod_assert(getrandom(anchor, sizeof anchor, 0) == sizeof anchor);
  int code = aod_bundle_build(items, record->item.len ? 2 : 1, &payload, err);
  aod_item_fields_t fields = {.anchor = aod_slice(anchor, sizeof anchor),
                              .tags = {tags, sizeof tags / sizeof *tags},
                              .data = aod_buf_slice(&payload)};
  if (code == AOD_OK) code = aod_item_sign(&fields, publisher->su->signer, &item, NULL, err);
  if (code == AOD_OK) *raw = aod_arena_copy(arena, aod_buf_slice(&item));
  aod_buf_free(&payload);
  aod_buf_free(&item);
  return code;
}

static int upload_records(aod_su_publisher_t *publisher, const aod_records_t *records,
                          aod_arena_t *arena, aod_error_t *err) {
  const aod_gateway_t *gateway = publisher->su->gateway;
  aod_slice_t raws[2 * BATCH];
  size_t count = 0;
  int code = AOD_OK;
  for (size_t i = 0; i < records->count && code == AOD_OK; i++) {
    const aod_record_t *record = &records->list[i];
    if (publisher->bundles) {
      code = wrap_record(publisher, record, arena, &raws[count++], err);
      continue;
    }
    if (record->item.len) raws[count++] = record->item;
    raws[count++] = record->assignment;
  }
  return code == AOD_OK ? gateway->upload(gateway->context, raws, count, err) : code;
}

/* ---- how far it got ---- */

/* With the lock held. */
static void count_unpublished(aod_su_publisher_t *publisher) {
  uint64_t newest = publisher->newest, seq = publisher->seq;
  atomic_store(&publisher->su->metrics.unpublished, newest > seq ? newest - seq : 0);
}

static void advance(aod_su_publisher_t *publisher, uint64_t seq) {
  pthread_mutex_lock(&publisher->lock);
  publisher->seq = seq;
  count_unpublished(publisher);
  pthread_cond_broadcast(&publisher->advanced);
  pthread_mutex_unlock(&publisher->lock);
}

/* 1: published some, 0: nothing to do, negative: failed. */
static int publish_batch(aod_su_publisher_t *publisher, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_records_t records;
  aod_schedule_t *schedule = publisher->su->schedule;
  int code = aod_schedule_after(schedule, publisher->seq, BATCH, &arena, &records, err);
  if (code == AOD_OK && records.count) {
    uint64_t seq = records.list[records.count - 1].seq;
    code = upload_records(publisher, &records, &arena, err);
    if (code == AOD_OK) code = aod_schedule_set_published(schedule, seq, err);
    if (code == AOD_OK) {
      atomic_fetch_add(&publisher->su->metrics.published, records.count);
      advance(publisher, seq);
      code = 1;
    }
  }
  aod_arena_free(&arena);
  return code;
}

static struct timespec time_in_us(int64_t us) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  int64_t nanoseconds = time.tv_nsec + us % 1000000 * 1000;
  time.tv_sec += us / 1000000 + nanoseconds / 1000000000;
  time.tv_nsec = nanoseconds % 1000000000;
  return time;
}

static void rest(aod_su_publisher_t *publisher, int64_t worked_us) {
  int64_t rest_us = REST * worked_us;
  struct timespec until = time_in_us(rest_us > REST_LEAST_US ? rest_us : REST_LEAST_US);
  pthread_mutex_lock(&publisher->lock);
  while (!publisher->closing && !publisher->waiting && atomic_load(&publisher->su->under_way))
    if (pthread_cond_timedwait(&publisher->rested, &publisher->lock, &until) == ETIMEDOUT) break;
  pthread_mutex_unlock(&publisher->lock);
}

/* With the lock held: wait for news, at most `seconds` (0: without end). */
static void wait_for_news(aod_su_publisher_t *publisher, int seconds) {
  struct timespec until = time_in_us(seconds * INT64_C(1000000));
  while (!publisher->pending && !publisher->closing) {
    if (seconds == 0)
      pthread_cond_wait(&publisher->wake, &publisher->lock);
    else if (pthread_cond_timedwait(&publisher->wake, &publisher->lock, &until) == ETIMEDOUT)
      break;
  }
  publisher->pending = false;
}

/* The unit closes and has waited long enough: what is left will be published after the next start.
 */
static bool is_overdue(aod_su_publisher_t *publisher) {
  pthread_mutex_lock(&publisher->lock);
  bool overdue =
      publisher->closing && aod_clock_monotonic_us() - publisher->closing_us > CLOSE_GRACE_US;
  pthread_mutex_unlock(&publisher->lock);
  return overdue;
}

static void *publish(void *argument) {
  aod_su_publisher_t *publisher = argument;
  int retry_s = RETRY_FIRST_S;
  bool closing = false;
  while (!closing) {
    aod_error_t err;
    int64_t began_us = aod_clock_monotonic_us();
    int code = publish_batch(publisher, &err);
    if (code == 1) {
      rest(publisher, aod_clock_monotonic_us() - began_us);
      closing = is_overdue(publisher);
      continue;
    }
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

int aod__su_publisher_open(aod_su_publisher_t **out, aod_su_t *su, bool bundles, aod_error_t *err) {
  aod_su_publisher_t *publisher = aod_alloc(sizeof *publisher);
  publisher->su = su;
  publisher->bundles = bundles;
  int code = aod_schedule_published(su->schedule, &publisher->seq, err);
  if (code == AOD_OK) code = aod_schedule_newest(su->schedule, &publisher->newest, err);
  if (code != AOD_OK) {
    free(publisher);
    return code;
  }
  pthread_mutex_init(&publisher->lock, NULL);
  aod_clock_cond_init(&publisher->wake);
  aod_clock_cond_init(&publisher->advanced);
  aod_clock_cond_init(&publisher->rested);
  aod_assert(pthread_create(&publisher->thread, NULL, publish, publisher) == 0);
  pthread_setname_np(publisher->thread, "su-publish");
  *out = publisher;
  return AOD_OK;
}

void aod__su_publisher_await(aod_su_publisher_t *publisher, int64_t grace_ms) {
  struct timespec until = time_in_us(grace_ms * 1000);
  pthread_mutex_lock(&publisher->lock);
  uint64_t target = publisher->newest;
  publisher->waiting++;
  pthread_cond_signal(&publisher->rested);
  while (publisher->seq < target)
    if (pthread_cond_timedwait(&publisher->advanced, &publisher->lock, &until) == ETIMEDOUT) break;
  publisher->waiting--;
  pthread_mutex_unlock(&publisher->lock);
}

void aod__su_publisher_wake(aod_su_publisher_t *publisher, uint64_t seq) {
  pthread_mutex_lock(&publisher->lock);
  publisher->pending = true;
  if (seq > publisher->newest) publisher->newest = seq;
  count_unpublished(publisher);
  pthread_cond_signal(&publisher->wake);
  pthread_mutex_unlock(&publisher->lock);
}

void aod__su_publisher_close(aod_su_publisher_t *publisher) {
  pthread_mutex_lock(&publisher->lock);
  publisher->closing = true;
  publisher->closing_us = aod_clock_monotonic_us();
  pthread_cond_signal(&publisher->wake);
  pthread_cond_signal(&publisher->rested);
  pthread_mutex_unlock(&publisher->lock);
  pthread_join(publisher->thread, NULL);
  pthread_cond_destroy(&publisher->rested);
  pthread_cond_destroy(&publisher->advanced);
  pthread_cond_destroy(&publisher->wake);
  pthread_mutex_destroy(&publisher->lock);
  free(publisher);
}
