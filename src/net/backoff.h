/* How long to wait before the next attempt: doubled each time, with a part of it left to chance, so
 * that those who failed together do not come back together. */
#ifndef AOD_NET_BACKOFF_H
#define AOD_NET_BACKOFF_H

#include <stdint.h>

/* After `attempts` failures (at least 1): between half and all of first_ms * 2^(attempts - 1),
 * which never passes last_ms. */
int64_t aod_backoff_ms(int64_t attempts, int64_t first_ms, int64_t last_ms);

#endif
