/* Avro tags: what decodes, encoded canonically, decodes to the same tags. */
#include <stdlib.h>

#include "arweave/item.h"

static void expect_same(const aod_tags_t *a, const aod_tags_t *b) {
  aod_assert(a->count == b->count);
  for (size_t i = 0; i < a->count; i++) {
    aod_assert(aod_slice_equal(a->list[i].name, b->list[i].name));
    aod_assert(aod_slice_equal(a->list[i].value, b->list[i].value));
  }
}

/* The first byte is the count that the item announces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (len == 0) return 0;
  aod_arena_t arena = {0};
  aod_tags_t tags, again;
  aod_error_t err;
  if (aod_tags_decode(aod_slice(data + 1, len - 1), data[0], &arena, &tags, &err) == AOD_OK) {
    aod_buf_t bytes = {0};
    aod_tags_encode(&tags, &bytes);
    aod_assert(aod_tags_decode(aod_buf_slice(&bytes), tags.count, &arena, &again, NULL) == AOD_OK);
    expect_same(&tags, &again);
    aod_tags_check(&tags, &err);
    aod_buf_free(&bytes);
  }
  aod_arena_free(&arena);
  return 0;
}
