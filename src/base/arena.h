/* Arena: everything that one request or one evaluation allocates, freed at once.
 *
 * Not thread-safe: an arena belongs to one request and is used by one thread at a time. */
#ifndef AOD_BASE_ARENA_H
#define AOD_BASE_ARENA_H

#include "base/bytes.h"

typedef struct aod_arena_block aod_arena_block_t;
typedef struct {
  aod_arena_block_t *blocks; /* newest first */
} aod_arena_t;               /* a zeroed one is empty and valid */

void *aod_arena_alloc(aod_arena_t *arena, size_t size);            /* zeroed, 16-aligned */
aod_slice_t aod_arena_copy(aod_arena_t *arena, aod_slice_t bytes); /* NUL-terminated beyond len */
char *aod_arena_printf(aod_arena_t *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void aod_arena_free(aod_arena_t *arena); /* releases everything; the arena is empty and valid */

#endif
