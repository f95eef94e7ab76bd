/* A map from 32-byte ids to pointers. Not thread-safe: its owner locks. */
#ifndef AOD_BASE_IDMAP_H
#define AOD_BASE_IDMAP_H

#include "base/bytes.h"

typedef struct aod_idmap_entry aod_idmap_entry_t;
typedef struct {
  aod_idmap_entry_t **buckets;
  size_t bucket_count, count;
  uint64_t seed;
} aod_idmap_t; /* a zeroed one is empty and valid */

void *aod_idmap_get(const aod_idmap_t *map, const uint8_t id[32]); /* NULL when absent */
/* The id must not be in the map yet; `value` must not be NULL. */
void aod_idmap_put(aod_idmap_t *map, const uint8_t id[32], void *value);
/* Take the id out; returns its value or NULL. */
void *aod_idmap_remove(aod_idmap_t *map, const uint8_t id[32]);
/* Call `visit` for every value; it must not change the map. */
void aod_idmap_each(const aod_idmap_t *map, void (*visit)(void *value, void *context),
                    void *context);
void aod_idmap_free(aod_idmap_t *map); /* the values stay the caller's */

#endif
