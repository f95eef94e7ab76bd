/* A gateway in memory: keeps what is uploaded, in order, and can be told to fail. */
#ifndef AOD_TEST_SUPPORT_GATEWAY_H
#define AOD_TEST_SUPPORT_GATEWAY_H

#include <pthread.h>
#include <time.h>

#include "ao/units.h"
#include "support/items.h"

enum { GATEWAY_ITEMS_MAX = 2000 };

typedef struct {
  aod_gateway_t table; /* what units are given */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  aod_arena_t arena;
  aod_slice_t raws[GATEWAY_ITEMS_MAX];
  size_t count, finds;              /* of items; how many have been asked for */
  int failures_left, failures_seen; /* uploads to refuse, and refused */
  bool away;                        /* queries are not answered */
  uint64_t height;
  uint64_t confirmations; /* of every transaction; 0: it is unknown */
} gateway_t;

static inline int gateway_find(void *context, const uint8_t id[32], aod_arena_t *arena,
                               aod_item_t *item, aod_error_t *err) {
  gateway_t *gateway = context;
  int code = AOD_ENOTFOUND;
  pthread_mutex_lock(&gateway->lock);
  gateway->finds++;
  for (size_t i = 0; i < gateway->count && code == AOD_ENOTFOUND; i++)
    if (aod_item_parse(gateway->raws[i], arena, item, err) == AOD_OK &&
        memcmp(item->id, id, 32) == 0)
      code = AOD_OK;
  pthread_mutex_unlock(&gateway->lock);
  return code == AOD_OK ? code : aod_fail(err, code, "the gateway does not know it");
}

static inline int gateway_upload(void *context, const aod_slice_t *raws, size_t count,
                                 aod_error_t *err) {
  gateway_t *gateway = context;
  int code = AOD_OK;
  pthread_mutex_lock(&gateway->lock);
  if (gateway->failures_left > 0) {
    gateway->failures_left--;
    gateway->failures_seen++;
    code = aod_fail(err, AOD_EUNAVAILABLE, "the gateway is away");
  }
  for (size_t i = 0; i < count && code == AOD_OK; i++) {
    aod_assert(gateway->count < GATEWAY_ITEMS_MAX);
    gateway->raws[gateway->count++] = aod_arena_copy(&gateway->arena, raws[i]);
  }
  pthread_cond_broadcast(&gateway->changed);
  pthread_mutex_unlock(&gateway->lock);
  return code;
}

static inline bool gateway_fits(const aod_item_t *item, const aod_gateway_query_t *query) {
  bool fits = false;
  char address[44];
  aod_id_encode(item->address, address);
  for (size_t i = 0; i < query->owner_count; i++)
    fits = fits || aod_slice_is(query->owners[i], address);
  for (size_t i = 0; i < query->tags.count; i++) {
    const char *name = (const char *)query->tags.list[i].name.ptr;
    aod_slice_t value;
    fits = fits && aod_tags_find(&item->tags, name, &value) &&
           aod_slice_equal(value, query->tags.list[i].value);
  }
  return fits;
}

/* Names of tags in queries are C strings here. */
static inline int gateway_query(void *context, const aod_gateway_query_t *query, aod_arena_t *arena,
                                aod_found_list_t *list, aod_error_t *err) {
  gateway_t *gateway = context;
  pthread_mutex_lock(&gateway->lock);
  int code = gateway->away ? aod_fail(err, AOD_EUNAVAILABLE, "the gateway is away") : AOD_OK;
  *list = (aod_found_list_t){.list = aod_arena_alloc(arena, query->limit * sizeof *list->list)};
  for (size_t i = gateway->count; code == AOD_OK && i-- > 0 && list->count < query->limit;) {
    aod_item_t item;
    if (aod_item_parse(gateway->raws[i], arena, &item, err) != AOD_OK ||
        !gateway_fits(&item, query))
      continue;
    aod_found_t *found = &list->list[list->count++];
    found->tags = item.tags;
    memcpy(found->id, item.id, 32);
  }
  pthread_mutex_unlock(&gateway->lock);
  return code;
}

static inline uint64_t gateway_height(void *context) {
  return ((gateway_t *)context)->height;
}

static inline int gateway_confirmations(void *context, const uint8_t id[32], uint64_t *count,
                                        aod_error_t *err) {
  (void)id;
  *count = ((gateway_t *)context)->confirmations;
  return *count ? AOD_OK : aod_fail(err, AOD_ENOTFOUND, "the gateway does not know it");
}

static inline void gateway_init(gateway_t *gateway) {
  memset(gateway, 0, sizeof *gateway);
  gateway->height = 1393008;
  gateway->table = (aod_gateway_t){.context = gateway,
                                   .find = gateway_find,
                                   .upload = gateway_upload,
                                   .height = gateway_height,
                                   .confirmations = gateway_confirmations,
                                   .query = gateway_query};
  pthread_mutex_init(&gateway->lock, NULL);
  pthread_cond_init(&gateway->changed, NULL);
}

static inline void gateway_deinit(gateway_t *gateway) {
  pthread_mutex_destroy(&gateway->lock);
  pthread_cond_destroy(&gateway->changed);
  aod_arena_free(&gateway->arena);
}

static inline void gateway_fail_next(gateway_t *gateway, int uploads) {
  pthread_mutex_lock(&gateway->lock);
  gateway->failures_left = uploads;
  pthread_mutex_unlock(&gateway->lock);
}

/* Wait until `count` items are there; the test fails after half a minute. */
static inline void gateway_wait(gateway_t *gateway, size_t count) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 30;
  pthread_mutex_lock(&gateway->lock);
  while (gateway->count < count)
    if (pthread_cond_timedwait(&gateway->changed, &gateway->lock, &until) != 0) break;
  size_t got = gateway->count;
  pthread_mutex_unlock(&gateway->lock);
  if (got < count) fail_msg("%zu items arrived instead of %zu", got, count);
}

#endif
