#include "arweave/owner.h"

#include "arweave/hash.h"
#include "arweave/thread.h"

static void derive(aod_slice_t key, aod__owner_t *owner) {
  aod_sha256(key, owner->address);
  aod_deep_hash_blob(key, owner->blob_digest);
}

/* The slot of this key, or the least recently used one. */
static aod__owner_t *find_slot(aod__thread_t *thread, aod_slice_t key) {
  aod__owner_t *oldest = &thread->owners[0];
  for (aod__owner_t *slot = thread->owners; slot < thread->owners + AOD__OWNER_CACHE; slot++) {
    if (aod_slice_equal(aod_slice(slot->key, slot->key_len), key)) return slot;
    if (slot->used_at < oldest->used_at) oldest = slot;
  }
  oldest->key_len = 0;
  return oldest;
}

/* Keys that are too long to be kept are those of several signers, which are rare. */
const aod__owner_t *aod__owner(aod_slice_t key) {
  aod__thread_t *thread = aod__thread();
  aod__owner_t *slot = find_slot(thread, key);
  slot->used_at = ++thread->owner_uses;
  if (slot->key_len > 0) return slot;
  derive(key, slot);
  if (key.len > 0 && key.len <= AOD__OWNER_BYTES_MAX) {
    slot->key_len = key.len;
    memcpy(slot->key, key.ptr, key.len);
  }
  return slot;
}
