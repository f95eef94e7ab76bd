/* The linear memory of one instance, twice: the working image, which native code changes, and the
 * committed image, which is what the process consists of. A message ends with commit (changed cards
 * go to the committed image) or rollback (they come back from it); either costs what the message
 * touched, not what the memory holds.
 *
 * Not thread-safe: a memory belongs to the thread that owns its instance. Images may be shared. */
#ifndef AOD_VM_MEMORY_H
#define AOD_VM_MEMORY_H

#include "base/bytes.h"
#include "base/error.h"
#include "vm/pages.h"

#define AOD_PAGE_BYTES 65536ull

/* Contents from which many memories may start, shared by them page by page until they write. */
typedef struct {
  int fd; /* sparse file in memory */
  uint64_t bytes;
  uint64_t file_bytes; /* of the file, which may be longer: zeros so far */
  uint8_t *present;    /* by card: 0 where all is zero */
} aod_image_t;

/* What a memory holds at some addresses, on its way to somebody else's copy. */
typedef struct {
  uint64_t at, len; /* `at` is where a card begins */
} aod_range_t;

/* Where changes are collected: the bytes of all ranges one behind the other. */
typedef struct {
  aod_range_t *ranges;
  uint64_t range_count, range_cap;
  uint8_t *bytes;
  uint64_t len, cap;
} aod_staging_t;

typedef struct {
  uint8_t *base;           /* working image; the reservation begins here and never moves */
  uint8_t *cards;          /* abi.h: one byte a card, 1 = may differ from the committed image */
  uint64_t bytes;          /* current size of the working image */
  uint64_t max_bytes;      /* growth stops here */
  uint64_t reserved_bytes; /* every address that code can form lies within */
  uint64_t cards_bytes;
  uint32_t address_bits;    /* code reaches addresses below 2^bits, plus an offset below 2^32 */
  uint8_t *committed;       /* max_bytes reserved */
  uint64_t committed_bytes; /* its current size */
  uint8_t *present;         /* by card of the committed image: 0 where all is zero */
  uint8_t *changed;         /* by card of the committed image: 1 = may have since the mark */
} aod_memory_t;

/* Reserve the addresses of a memory that begins with min_bytes of zeros, or with `image` (may be
 * NULL) and at least its size, and may grow to max_bytes. Sizes are multiples of AOD_PAGE_BYTES;
 * address_bits as aod_wasm_memory_bits gives it. AOD_ELIMIT when the memory begins with more than
 * it may have; AOD_ENOMEM when the system gives no addresses. */
int aod_memory_open(aod_memory_t *memory, uint64_t min_bytes, uint64_t max_bytes,
                    uint32_t address_bits, const aod_image_t *image, aod_error_t *err);
void aod_memory_close(aod_memory_t *memory); /* a zeroed one is allowed */

/* Make the working image larger by zeros; false when it may not or cannot. */
bool aod_memory_grow(aod_memory_t *memory, uint64_t more_bytes);

/* Whoever writes to the working image from outside of native code says so first. The range must
 * lie within the memory. */
void aod_memory_mark(aod_memory_t *memory, uint64_t from, uint64_t len);

void aod_memory_commit(aod_memory_t *memory);
void aod_memory_rollback(aod_memory_t *memory);

/* Copy what may have changed since the last commit to `staging`, for the one who keeps the
 * committed image, where that is not this memory; nothing else happens. False when it does not fit.
 * After that, aod_memory_settle instead of aod_memory_commit: whoever keeps the image changes it,
 * and the file that this memory was opened with is that image. */
bool aod_memory_stage(const aod_memory_t *memory, aod_staging_t *staging);
void aod_memory_settle(aod_memory_t *memory);

aod_pages_t aod_memory_pages(const aod_memory_t *memory); /* the committed image */

/* Copy the committed image into one that other memories can start from. The memory is not
 * changed. */
int aod_image_create(aod_image_t *image, const aod_memory_t *memory, aod_error_t *err);
void aod_image_free(aod_image_t *image); /* memories that started from it keep what they have */

/* Whether `address` lies in the reservation of any open memory. Safe in signal handlers and from
 * any thread. */
bool aod_memory_owns_address(uintptr_t address);

#endif
