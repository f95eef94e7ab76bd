/* Chained hashing. Ids are hashes already, but outsiders choose which; a random seed a map keeps
 * them from aiming at one bucket. */
#include "base/idmap.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/error.h"

struct aod_idmap_entry {
  aod_idmap_entry_t *next;
  void *value;
  uint8_t id[32];
};

static size_t bucket_of(const aod_idmap_t *map, const uint8_t id[32]) {
  uint64_t mixed = (aod_load_le64(id) ^ map->seed) * UINT64_C(0x9e3779b97f4a7c15);
  mixed = (mixed ^ aod_load_le64(id + 8)) * (map->seed | 1);
  return (size_t)(mixed >> 32) & (map->bucket_count - 1);
}

static void grow(aod_idmap_t *map) {
  aod_idmap_t bigger = {.bucket_count = map->bucket_count ? map->bucket_count * 2 : 16,
                        .count = map->count,
                        .seed = map->seed};
  if (!bigger.seed) aod_assert(getrandom(&bigger.seed, 8, 0) == 8);
  bigger.buckets = aod_alloc(bigger.bucket_count * sizeof *bigger.buckets);
  for (size_t i = 0; i < map->bucket_count; i++) {
    for (aod_idmap_entry_t *entry = map->buckets[i], *next; entry; entry = next) {
      next = entry->next;
      size_t bucket = bucket_of(&bigger, entry->id);
      entry->next = bigger.buckets[bucket];
      bigger.buckets[bucket] = entry;
    }
  }
  free(map->buckets);
  *map = bigger;
}

void *aod_idmap_get(const aod_idmap_t *map, const uint8_t id[32]) {
  if (map->count == 0) return NULL;
  aod_idmap_entry_t *entry = map->buckets[bucket_of(map, id)];
  while (entry && memcmp(entry->id, id, 32) != 0) entry = entry->next;
  return entry ? entry->value : NULL;
}

void aod_idmap_put(aod_idmap_t *map, const uint8_t id[32], void *value) {
  aod_assert(value != NULL && aod_idmap_get(map, id) == NULL);
  if (map->count >= map->bucket_count) grow(map);
  aod_idmap_entry_t *entry = aod_alloc(sizeof *entry);
  memcpy(entry->id, id, 32);
  entry->value = value;
  size_t bucket = bucket_of(map, id);
  entry->next = map->buckets[bucket];
  map->buckets[bucket] = entry;
  map->count++;
}

void *aod_idmap_remove(aod_idmap_t *map, const uint8_t id[32]) {
  if (map->count == 0) return NULL;
  aod_idmap_entry_t **link = &map->buckets[bucket_of(map, id)];
  while (*link && memcmp((*link)->id, id, 32) != 0) link = &(*link)->next;
  aod_idmap_entry_t *entry = *link;
  if (!entry) return NULL;
  void *value = entry->value;
  *link = entry->next;
  free(entry);
  map->count--;
  return value;
}

void aod_idmap_each(const aod_idmap_t *map, void (*visit)(void *value, void *context),
                    void *context) {
  for (size_t i = 0; i < map->bucket_count; i++)
    for (aod_idmap_entry_t *entry = map->buckets[i]; entry; entry = entry->next)
      visit(entry->value, context);
}

void aod_idmap_free(aod_idmap_t *map) {
  for (size_t i = 0; i < map->bucket_count; i++) {
    for (aod_idmap_entry_t *entry = map->buckets[i], *next; entry; entry = next) {
      next = entry->next;
      free(entry);
    }
  }
  free(map->buckets);
  *map = (aod_idmap_t){0};
}
