/* The data of Arweave's items while processes read it piece by piece: fetched once, whole, because
 * only a whole item can be verified, and kept in files without a name. The last few stay.
 *
 * Any thread. */
#ifndef AOD_NODE_DATA_CACHE_H
#define AOD_NODE_DATA_CACHE_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct aod_data_cache aod_data_cache_t;

/* Give all data of `id` to `take`, once. May block; called by several threads at once. */
typedef int aod_data_fetch_t(void *context, const uint8_t id[32],
                             void (*take)(void *taker, aod_slice_t data), void *taker,
                             aod_error_t *err);

aod_data_cache_t *aod_data_cache_open(aod_data_fetch_t *fetch, void *context);
void aod_data_cache_close(aod_data_cache_t *cache); /* NULL is fine */

/* Each returns what fetch does, or AOD_EIO when there is no room on the disk. */
int aod_data_cache_size(aod_data_cache_t *cache, const uint8_t id[32], uint64_t *bytes,
                        aod_error_t *err);
int aod_data_cache_read(aod_data_cache_t *cache, const uint8_t id[32], uint64_t from, uint8_t *to,
                        size_t len, aod_error_t *err); /* all within */

#endif
