/* Assignments: the data item by which a scheduler gives a message its place. Source of order and
 * formulas: shared/spec/units.md 1.5, 3.4, 3.8. */
#ifndef AOD_AO_ASSIGNMENT_H
#define AOD_AO_ASSIGNMENT_H

#include "arweave/item.h"
#include "base/arena.h"

/* Ids are 32 raw bytes; slices point into the item they were read from. */
typedef struct {
  uint8_t process[32];
  uint64_t epoch, nonce;
  uint8_t hash_chain[32];
  uint64_t block_height;
  int64_t timestamp_ms;
  bool has_message; /* false: the assignment of the process item itself */
  uint8_t message[32];
  aod_slice_t exclude; /* comma-separated, as requested; empty when read back */
} aod_assignment_t;

/* The tags of an assignment in their fixed order; values live in `arena`. */
void aod_assignment_tags(const aod_assignment_t *assignment, aod_arena_t *arena, aod_tags_t *tags);

/* Read them back. AOD_EINPUT naming the tag that is missing or malformed. */
int aod_assignment_parse(const aod_item_t *item, aod_assignment_t *assignment, aod_error_t *err);

/* HC(0) = SHA-256(process id); HC(n) = SHA-256(assignment id(n-1) || HC(n-1)). */
void aod_hash_chain_first(const uint8_t process[32], uint8_t chain[32]);
void aod_hash_chain_next(const uint8_t assignment_id[32], const uint8_t previous[32],
                         uint8_t chain[32]);

/* The de-duplication hash of a pushed message: owner and signature do not count, nor do the order
 * of tags and Pushed-For, so that the same message signed by two messengers collides. */
void aod_dedupe_hash(const aod_item_t *item, aod_arena_t *arena, uint8_t hash[48]);
/* The same for a base-layer transaction, of which only the id is known. */
void aod_dedupe_hash_of_id(const uint8_t id[32], uint8_t hash[48]);

#endif
