/* Parts of item.c that the streaming verifier shares. */
#ifndef AOD_ARWEAVE_ITEM_INTERNAL_H
#define AOD_ARWEAVE_ITEM_INTERNAL_H

#include "arweave/hash.h"
#include "arweave/item.h"

/* The longest header: type, largest signature and owner, target, anchor, counters, tags. */
enum { AOD__ITEM_HEADER_BYTES_MAX = 2 + 2052 + 1025 + 33 + 33 + 16 + AOD_TAG_BYTES_MAX };

/* Parse the beginning of an item, up to where its data begins; `item->data` is what follows in
 * `raw`. On AOD_EINPUT with *needed > raw.len the cause is that bytes are missing: at least
 * *needed are wanted. Otherwise *needed is the header's length, or unspecified. */
int aod__item_parse_header(aod_slice_t raw, aod_arena_t *arena, aod_item_t *item, size_t *needed,
                           aod_error_t *err);

/* The deep hash of everything before the data, which comes last. */
void aod__item_hash_begin(const aod_item_t *item, aod_deep_hash_t *hash);

#endif
