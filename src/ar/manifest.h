/* Path manifests: many names under one id (arweave.md 5.2). Pure. Internal to ar. */
#ifndef AOD_AR_MANIFEST_H
#define AOD_AR_MANIFEST_H

#include "arweave/item.h"

#define AOD__MANIFEST_TYPE "application/x.arweave-manifest+json"

/* The id that stands for `path` in the manifest: of its index when the path is empty, of its
 * fallback when the path is unknown. AOD_ENOTFOUND; AOD_EINPUT when the text is no manifest. */
int aod__manifest_resolve(aod_slice_t json, aod_slice_t path, uint8_t id[AOD_ID_BYTES],
                          aod_error_t *err);

#endif
