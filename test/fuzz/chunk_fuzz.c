/* The body of POST /chunk: what is read is within the limits, and what is said to be a chunk of its
 * data lies inside of it. */
#include "ar/chunk_json.h"
#include "ar/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  aod_arena_t arena = {0};
  aod__chunk_t chunk;
  aod_chunk_t place;
  aod_error_t err;
  int code = aod__chunk_parse(aod_slice(data, len), &arena, &chunk, &err);
  aod_assert(code == AOD_OK || code == AOD_EINPUT);
  if (code == AOD_OK) {
    aod_assert(chunk.data_root.len == AOD_ID_BYTES);
    aod_assert(chunk.bytes.len <= AOD_CHUNK_BYTES_MAX);
    aod_assert(chunk.data_size <= AOD__TRANSACTION_BYTES_MAX);
    if (aod__chunk_check(&chunk, &place, &err) == AOD_OK) {
      aod_assert(place.start < place.end && place.end <= chunk.data_size);
      aod_assert(place.end - place.start == chunk.bytes.len);
    }
  }
  aod_arena_free(&arena);
  return 0;
}
