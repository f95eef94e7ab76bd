/* The embedded gateway as the other units see Arweave. */
#ifndef AOD_NODE_GATEWAY_H
#define AOD_NODE_GATEWAY_H

#include "ao/units.h"
#include "ar/ar.h"
#include "net/uploader.h"

typedef struct {
  aod_ar_t *ar;
  aod_uploader_t *uploader; /* gets what is uploaded too; NULL: it stays here */
} aod_direct_t;

/* A table that calls `ar` directly; valid as long as `direct` and what it points to. An upload is
 * on disk in both places when it returns; carrying it on is the uploader's. */
aod_gateway_t aod_gateway_direct(aod_direct_t *direct);

#endif
