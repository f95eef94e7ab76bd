/* JSON as Arweave likes it: bytes as base64url. Internal to ar. Both functions append. */
#ifndef AOD_AR_JSON_H
#define AOD_AR_JSON_H

#include "base/json.h"

void aod__json_base64url(aod_buf_t *json, aod_slice_t bytes); /* a quoted string */
void aod__json_key_base64url(aod_buf_t *json, const char *name, aod_slice_t bytes);

#endif
