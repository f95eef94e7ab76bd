/* Who signed, as processes see it in Owner and From: an Ethereum key gives its checksummed 0x
 * address, every other key base64url(SHA-256(owner)). Source: shared/spec/arweave.md 2.9. */
#ifndef AOD_AO_ADDRESS_H
#define AOD_AO_ADDRESS_H

#include "arweave/item.h"

/* The text lives in `arena`. */
aod_slice_t aod_ao_address(const aod_item_t *item, aod_arena_t *arena);

/* base64url of any bytes, in `arena`. */
aod_slice_t aod_ao_base64url(aod_arena_t *arena, aod_slice_t bytes);
/* The text of a 32-byte id, in `arena`. */
aod_slice_t aod_ao_id(aod_arena_t *arena, const uint8_t id[32]);

#endif
