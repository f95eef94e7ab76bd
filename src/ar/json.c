#include "ar/json.h"

#include "arweave/base64url.h"

void aod__json_base64url(aod_buf_t *json, aod_slice_t bytes) {
  aod_buf_byte(json, '"');
  aod_base64url_encode(bytes, json);
  aod_buf_byte(json, '"');
}

void aod__json_key_base64url(aod_buf_t *json, const char *name, aod_slice_t bytes) {
  aod_json_key(json, name);
  aod__json_base64url(json, bytes);
}
