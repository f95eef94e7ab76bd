/* The embedded gateway as the other units see Arweave. */
#ifndef AOD_NODE_GATEWAY_H
#define AOD_NODE_GATEWAY_H

#include "ao/units.h"
#include "ar/ar.h"

/* How long transactions may be pending in the gateways that this program runs. Short enough to wait
 * for; long enough for tests that post, look at what is pending, and mine themselves. */
enum { AOD_BLOCK_MS = 5000 };

/* A table that calls `ar` directly; valid as long as `ar`. */
aod_gateway_t aod_gateway_direct(aod_ar_t *ar);

#endif
