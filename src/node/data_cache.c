#include "node/data_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

enum { ENTRIES = 8 };

typedef struct {
  uint8_t id[32];
  int fd; /* -1: the entry is free */
  uint64_t bytes, used;
} entry_t;

struct aod_data_cache {
  aod_data_fetch_t *fetch;
  void *context;
  pthread_mutex_t lock; /* guards the rest */
  entry_t entries[ENTRIES];
  uint64_t uses;
};

aod_data_cache_t *aod_data_cache_open(aod_data_fetch_t *fetch, void *context) {
  aod_data_cache_t *cache = aod_alloc(sizeof *cache);
  cache->fetch = fetch;
  cache->context = context;
  pthread_mutex_init(&cache->lock, NULL);
  for (int i = 0; i < ENTRIES; i++) cache->entries[i].fd = -1;
  return cache;
}

void aod_data_cache_close(aod_data_cache_t *cache) {
  if (!cache) return;
  for (int i = 0; i < ENTRIES; i++)
    if (cache->entries[i].fd >= 0) close(cache->entries[i].fd);
  pthread_mutex_destroy(&cache->lock);
  free(cache);
}

/* ---- fetching ---- */

typedef struct {
  int fd;
  uint64_t bytes;
  int code; /* AOD_OK, or why it could not be written: */
  aod_error_t error;
} spool_t;

static void take(void *taker, aod_slice_t data) {
  spool_t *spool = taker;
  spool->code = aod_file_temporary_write(spool->fd, data, 0, &spool->error);
  spool->bytes = data.len;
}

static int fetch(aod_data_cache_t *cache, const uint8_t id[32], spool_t *spool, aod_error_t *err) {
  *spool = (spool_t){.fd = aod_file_temporary(err)};
  if (spool->fd < 0) return spool->fd;
  int code = cache->fetch(cache->context, id, take, spool, err);
  if (code == AOD_OK && spool->code != AOD_OK) {
    code = spool->code;
    if (err) *err = spool->error;
  }
  if (code != AOD_OK) close(spool->fd);
  return code;
}

/* ---- entries: with the lock held ---- */

static entry_t *find(aod_data_cache_t *cache, const uint8_t id[32]) {
  for (int i = 0; i < ENTRIES; i++) {
    entry_t *entry = &cache->entries[i];
    if (entry->fd < 0 || memcmp(entry->id, id, 32) != 0) continue;
    entry->used = ++cache->uses;
    return entry;
  }
  return NULL;
}

/* In the place of the one that is unused the longest. */
static entry_t *put(aod_data_cache_t *cache, const uint8_t id[32], const spool_t *spool) {
  entry_t *entry = &cache->entries[0];
  for (int i = 1; i < ENTRIES; i++)
    if (cache->entries[i].used < entry->used) entry = &cache->entries[i];
  if (entry->fd >= 0) close(entry->fd);
  *entry = (entry_t){.fd = spool->fd, .bytes = spool->bytes, .used = ++cache->uses};
  memcpy(entry->id, id, 32);
  return entry;
}

/* The entry of an id, with the lock held when it returns AOD_OK. */
static int enter(aod_data_cache_t *cache, const uint8_t id[32], entry_t **entry, aod_error_t *err) {
  pthread_mutex_lock(&cache->lock);
  *entry = find(cache, id);
  if (*entry) return AOD_OK;
  pthread_mutex_unlock(&cache->lock);
  spool_t spool;
  int code = fetch(cache, id, &spool, err);
  if (code != AOD_OK) return code;
  pthread_mutex_lock(&cache->lock);
  *entry = find(cache, id);
  if (*entry)
    close(spool.fd); /* another thread was quicker */
  else
    *entry = put(cache, id, &spool);
  return AOD_OK;
}

/* ---- reading ---- */

int aod_data_cache_size(aod_data_cache_t *cache, const uint8_t id[32], uint64_t *bytes,
                        aod_error_t *err) {
  entry_t *entry;
  int code = enter(cache, id, &entry, err);
  if (code != AOD_OK) return code;
  *bytes = entry->bytes;
  pthread_mutex_unlock(&cache->lock);
  return AOD_OK;
}

int aod_data_cache_read(aod_data_cache_t *cache, const uint8_t id[32], uint64_t from, uint8_t *to,
                        size_t len, aod_error_t *err) {
  entry_t *entry;
  int code = enter(cache, id, &entry, err);
  if (code != AOD_OK) return code;
  size_t done = 0;
  ssize_t part = 1;
  while (done < len && part > 0) {
    part = pread(entry->fd, to + done, len - done, (off_t)(from + done));
    if (part > 0) done += (size_t)part;
  }
  pthread_mutex_unlock(&cache->lock);
  return done == len ? AOD_OK : aod_fail(err, AOD_EIO, "cannot read a temporary file");
}
