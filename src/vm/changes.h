/* What a message changed in a linear memory, on its way from the worker's copy to the node's: the
 * 64-byte lines that differ, card by card.
 *
 * A message marks far more than it changes: a Lua collector sets one bit in each object that it
 * visits. Carrying over lines instead of cards costs one comparison and saves most of two copies,
 * one of them between cores. */
#ifndef AOD_VM_CHANGES_H
#define AOD_VM_CHANGES_H

#include "vm/abi.h"

#include <stdbool.h>
#include <stdint.h>

#define AOD_LINE_BYTES 64
#define AOD_ALL_LINES  UINT64_MAX

_Static_assert(1 << AOD_CARD_SHIFT == 64 * AOD_LINE_BYTES, "a card's lines are the bits of a word");

typedef struct {
  uint64_t card;
  uint64_t lines; /* bit i: the card's line i, counted from its begin */
} aod_change_t;

/* Borrowed memory. `list` is in order of cards, `bytes` holds the lines one behind the other. */
typedef struct {
  aod_change_t *list;
  uint64_t count, cap;
  uint8_t *bytes;
  uint64_t len, bytes_cap;
} aod_changes_t;

/* Those of `lines` in which two cards differ. Both are aligned to AOD_LINE_BYTES. */
uint64_t aod_changes_compare(const uint8_t *card, const uint8_t *other, uint64_t lines);

/* Add lines of a card, which begins at `at`; nothing when there are none. False when it does not
 * fit. */
bool aod_changes_add(aod_changes_t *changes, uint64_t card, const uint8_t *at, uint64_t lines);

/* Whether a list from someone else is one that a memory of `bytes` bytes can have, and its lines
 * lie within bytes_cap. */
bool aod_changes_fit(const aod_changes_t *changes, uint64_t bytes);

/* Write lines to the card that begins at `at`, from where they stand one behind the other. Returns
 * the end of those. */
const uint8_t *aod_changes_apply(uint8_t *at, uint64_t lines, const uint8_t *from);

#endif
