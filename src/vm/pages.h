/* The committed image of a memory, card by card, wherever it is kept: in this program's own memory
 * (memory.h) or in a file that workers map (committed.h). A page of vm.h is a card. */
#ifndef AOD_VM_PAGES_H
#define AOD_VM_PAGES_H

#include "base/bytes.h"

/* Borrowed from whoever keeps the image. The arrays have AOD_PAGES_SPARE bytes more than cards. */
typedef struct {
  uint8_t *at;
  uint64_t bytes;
  uint8_t *present; /* by card: 0 where all is zero */
  uint8_t *changed; /* by card: 1 = may have since the mark */
} aod_pages_t;

#define AOD_PAGES_SPARE 65

uint64_t aod_pages_count(uint64_t bytes); /* cards that hold that many bytes */

/* A byte, 0, for each card of a memory that may have max_bytes, and AOD_PAGES_SPARE more. Takes
 * room only where it is written to; from the heap, each process would take some for all that it
 * might become. NULL when the system gives no addresses. */
uint8_t *aod_pages_marks(uint64_t max_bytes);
void aod_pages_marks_free(uint8_t *marks, uint64_t max_bytes); /* NULL is allowed */

/* The first card of the image, from `card` on, that may have changed since the mark (set when the
 * image begins); beyond the image when there is none. */
uint64_t aod_pages_next_changed(aod_pages_t pages, uint64_t card);
void aod_pages_set_mark(aod_pages_t pages);

void aod_pages_sha256(aod_pages_t pages, uint8_t digest[32]);

/* SHA-256 of the numbers and contents of the cards that are not all zero. */
void aod_pages_fingerprint(aod_pages_t pages, uint8_t digest[32]);

/* The first nonzero byte at or after `card`, or something >= count. `cards` is aligned to 8 and may
 * be read up to AOD_PAGES_SPARE bytes beyond count. */
uint64_t aod_pages_next_marked(const uint8_t *cards, uint64_t card, uint64_t count);

/* Where the run of cards that are all present or all absent ends that begins at `card`. */
uint64_t aod_pages_run_end(const uint8_t *present, uint64_t card, uint64_t count);

#endif
