/* Bundles, nested ones too: every visited item lies inside the payload, where its offset says. */
#include <stdlib.h>

#include "arweave/bundle.h"

static int visit(void *context, const aod_bundle_visit_t *visited) {
  const aod_slice_t *payload = context;
  aod_slice_t raw = visited->entry.raw;
  aod_assert(visited->entry.offset <= payload->len);
  aod_assert(raw.len <= payload->len - visited->entry.offset);
  aod_assert(raw.ptr == payload->ptr + visited->entry.offset);
  aod_assert(visited->item || visited->problem);
  aod_assert((visited->parent != NULL) == (visited->depth > 0));
  return AOD_OK;
}

/* Without signatures, so that what the fuzzer makes up is entered. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  aod_slice_t payload = aod_slice(data, len);
  aod_bundle_limits_t limits = {.depth_max = 4, .item_max = 200, .verify = false};
  aod_error_t err;
  aod_bundle_walk(payload, limits, visit, &payload, &err);
  return 0;
}
