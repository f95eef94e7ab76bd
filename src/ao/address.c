#include "ao/address.h"

#include "arweave/address.h"
#include "arweave/base64url.h"

aod_slice_t aod_ao_base64url(aod_arena_t *arena, aod_slice_t bytes) {
  aod_buf_t text = {0};
  aod_base64url_encode(bytes, &text);
  aod_slice_t copy = aod_arena_copy(arena, aod_buf_slice(&text));
  aod_buf_free(&text);
  return copy;
}

aod_slice_t aod_ao_id(aod_arena_t *arena, const uint8_t id[32]) {
  char text[AOD_ID_CHARS + 1];
  aod_id_encode(id, text);
  return aod_arena_copy(arena, aod_slice(text, AOD_ID_CHARS));
}

/* The owner itself is not always known: well-known modules come with their address alone. */
aod_slice_t aod_ao_address(const aod_item_t *item, aod_arena_t *arena) {
  if (item->owner.len == 0) return aod_ao_id(arena, item->address);
  char text[AOD_AO_ADDRESS_CHARS + 1];
  aod_owner_ao_address(item->owner, text);
  return aod_arena_copy(arena, aod_text(text));
}
