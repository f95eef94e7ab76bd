/* Placement: which scheduler each process belongs to, as a router remembers it. */
#ifndef AOD_STORE_PLACEMENT_H
#define AOD_STORE_PLACEMENT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef struct aod_placement aod_placement_t;

int aod_placement_open(aod_placement_t **placement, const char *path, aod_error_t *err);
void aod_placement_close(aod_placement_t *placement); /* NULL is fine */

/* The URL of a process's scheduler, in `arena`. AOD_ENOTFOUND. Any thread. */
int aod_placement_find(aod_placement_t *placement, const uint8_t process[32], aod_arena_t *arena,
                       aod_slice_t *url, aod_error_t *err);
/* Place a process, unless it has a place; on disk when it returns. Any thread. */
int aod_placement_put(aod_placement_t *placement, const uint8_t process[32], aod_slice_t url,
                      aod_error_t *err);
/* How many processes a scheduler has. */
int aod_placement_count(aod_placement_t *placement, aod_slice_t url, uint64_t *count,
                        aod_error_t *err);

#endif
