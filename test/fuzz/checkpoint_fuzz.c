/* Checkpoints of strangers: tags that are read are written back to tags that say the same, and data
 * unpacks to no more than it may. */
#include "ao/checkpoint.h"
#include "cu/gzip.h"

enum { UNPACKED_MAX = 1 << 20 };

static void expect_same(const aod_checkpoint_t *checkpoint, aod_arena_t *arena) {
  aod_tags_t tags;
  aod_checkpoint_t again;
  aod_checkpoint_tags(checkpoint, "UNIT", arena, &tags);
  aod_assert(aod_checkpoint_parse(&tags, &again, NULL) == AOD_OK);
  aod_assert(again.nonce == checkpoint->nonce && again.timestamp_ms == checkpoint->timestamp_ms);
  aod_assert(again.block_height == checkpoint->block_height);
  aod_assert(memcmp(again.process, checkpoint->process, 32) == 0);
  aod_assert(memcmp(again.sha256, checkpoint->sha256, 32) == 0);
  aod_assert(aod_slice_equal(again.cron, checkpoint->cron));
  aod_assert(!aod_checkpoint_is_earlier(&again, checkpoint));
}

static int count(void *context, aod_slice_t piece, aod_error_t *err) {
  (void)err;
  *(size_t *)context += piece.len;
  return AOD_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  aod_arena_t arena = {0};
  aod_tags_t tags;
  aod_checkpoint_t checkpoint;
  aod_error_t err;
  size_t unpacked = 0;
  if (len > 0 &&
      aod_tags_decode(aod_slice(data + 1, len - 1), data[0], &arena, &tags, &err) == AOD_OK &&
      aod_checkpoint_parse(&tags, &checkpoint, &err) == AOD_OK)
    expect_same(&checkpoint, &arena);
  aod_gzip_unpack(aod_slice(data, len), UNPACKED_MAX, count, &unpacked, &err);
  aod_assert(unpacked <= UNPACKED_MAX);
  aod_arena_free(&arena);
  return 0;
}
