/* The committed image of a process whose messages are evaluated in a worker: the contents of its
 * linear memory as the last message that was kept left them.
 *
 * It lives in a sparse file in memory that this program alone writes. Workers get it read-only and
 * map it privately, so whatever becomes of them, it is whole: a message's changes come as ranges in
 * memory shared with the worker, are checked, and only then copied.
 *
 * Not thread-safe: it belongs to its process's lane. */
#ifndef AOD_VM_COMMITTED_H
#define AOD_VM_COMMITTED_H

#include "vm/memory.h"

typedef struct {
  aod_image_t image;  /* the file is max_bytes long; bytes is the memory's current size */
  uint8_t *at;        /* the file, mapped */
  uint8_t *changed;   /* pages.h */
  uint64_t max_bytes; /* a multiple of AOD_PAGE_BYTES */
} aod_committed_t;

/* A copy of `from` (NULL: zeros) of at least `bytes`. AOD_ELIMIT and AOD_ENOMEM as
 * aod_memory_open. */
int aod_committed_open(aod_committed_t *committed, uint64_t bytes, uint64_t max_bytes,
                       const aod_image_t *from, aod_error_t *err);
void aod_committed_close(aod_committed_t *committed); /* a zeroed one is allowed */

/* Close, but leave the image, which from then on is the caller's and does not change. */
aod_image_t aod_committed_freeze(aod_committed_t *committed);

aod_pages_t aod_committed_pages(const aod_committed_t *committed);

/* Replace what it holds by other pages of the same memory: first its size (false when that cannot
 * be), then each page, for which the caller gets the place to write to. */
bool aod_committed_resize(aod_committed_t *committed, uint64_t bytes);
uint8_t *aod_committed_page(aod_committed_t *committed, uint64_t page);

/* Whether these are changes that a memory of then `bytes` bytes can have: anything else comes from
 * a worker that is not ours any more. */
bool aod_committed_accepts(const aod_committed_t *committed, const aod_staging_t *staging,
                           uint64_t bytes);

/* Take changes that were accepted. The staged bytes may change meanwhile, the ranges must not. */
void aod_committed_apply(aod_committed_t *committed, const aod_staging_t *staging, uint64_t bytes);

/* Open the image's file anew, read-only. Negative when that fails. */
int aod_committed_share(const aod_committed_t *committed);

/* A picture of the image as it is now, to give to workers: only `image` and max_bytes are set. It
 * shares the file, so it stays true until changes are applied; for good, when the image has moved
 * to another file by then. False when the system gives no memory. */
bool aod_committed_picture(const aod_committed_t *committed, aod_committed_t *picture);

/* Go on in a copy, and leave the file as it is. False, and nothing has happened, when the system
 * gives no memory. Cost: as much as is present. */
bool aod_committed_move(aod_committed_t *committed);

#endif
