/* The embedded gateway as the other units see Arweave. */
#ifndef AOD_NODE_GATEWAY_H
#define AOD_NODE_GATEWAY_H

#include "ao/units.h"
#include "ar/ar.h"

/* A table that calls `ar` directly; valid as long as `ar`. */
aod_gateway_t aod_gateway_direct(aod_ar_t *ar);

#endif
