/* Snapshots of processes: what is behind a number of evaluations, so that a process goes on from
 * there instead of from its beginning. They can be rebuilt from the schedule, so nobody waits for
 * them to be written, and one that cannot be read is only a reason to take an older one.
 *
 * A snapshot is a manifest and pages of 4 KiB. It holds only the pages that changed since the one
 * before, the others are that one's: page n of the snapshot at position p is the version of n with
 * the greatest position up to p. Every version carries a hash, and a page that is all zero has no
 * bytes. Manifest and pages appear in one transaction.
 *
 * A new snapshot must say which one it follows, and that must be the newest. So when one could not
 * be written, later ones are refused until the process is loaded anew; none has a gap.
 *
 * The newest are kept, older ones thin out, in proportion to their distance. */
#ifndef AOD_STORE_SNAPSHOTS_H
#define AOD_STORE_SNAPSHOTS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef struct aod_snapshots aod_snapshots_t;

enum { AOD_SNAPSHOT_PAGE_BYTES = 4096 };

typedef struct {
  uint8_t process[32];
  uint64_t position;    /* evaluations behind it, at least 1 */
  uint64_t nonce;       /* of the record that comes next */
  int64_t timestamp_ms; /* these two: of the message before */
  uint64_t block_height;
  uint64_t memory_bytes;
  uint8_t fingerprint[32]; /* of the memory that the pages are changes to */
  aod_slice_t progress;    /* the compute unit's own */
  aod_slice_t state;       /* the virtual machine's own: all that is not memory */
} aod_snapshot_t;

typedef struct {
  aod_snapshot_t *list;
  size_t count;
} aod_snapshot_list_t;

int aod_snapshots_open(aod_snapshots_t **snapshots, const char *path, aod_error_t *err);
void aod_snapshots_close(aod_snapshots_t *snapshots); /* writes what was put */

/* ---- writing ---- */

typedef struct aod_snapshot_draft aod_snapshot_draft_t;

/* Begin one; copies what `snapshot` points to. `before` is the position of the one that it follows,
 * 0: there is none. */
aod_snapshot_draft_t *aod_snapshots_draft(aod_snapshots_t *snapshots,
                                          const aod_snapshot_t *snapshot, uint64_t before);
/* Add a page that changed; copies it. Waits for the disk only when there are very many. */
void aod_snapshot_draft_add(aod_snapshot_draft_t *draft, uint64_t page,
                            const uint8_t bytes[AOD_SNAPSHOT_PAGE_BYTES]);
/* Write it in the background, and free it. What goes wrong is logged. */
void aod_snapshot_draft_put(aod_snapshot_draft_t *draft);
/* How many have been put and are not written yet. */
size_t aod_snapshots_waiting(aod_snapshots_t *snapshots);

/* Forget the snapshots of a process from a position on; in order with puts, not waited for. */
void aod_snapshots_truncate(aod_snapshots_t *snapshots, const uint8_t process[32],
                            uint64_t position);
/* Wait until everything put so far can be read. */
void aod_snapshots_flush(aod_snapshots_t *snapshots);

/* ---- reading: any thread ---- */

/* The snapshots of a process up to a position, the newest first, in `arena`. */
int aod_snapshots_list(aod_snapshots_t *snapshots, const uint8_t process[32], uint64_t position,
                       aod_arena_t *arena, aod_snapshot_list_t *list, aod_error_t *err);

/* The pages of one, of one moment: what is written or thinned out meanwhile does not show. */
typedef struct {
  aod_snapshots_t *snapshots;
  struct aod_db_connection *connection;
  int64_t owner;
  uint64_t *numbers; /* ascending */
  uint64_t *positions;
  size_t count;
} aod_snapshot_pages_t;

/* AOD_EIO naming what is broken, AOD_ENOTFOUND when it is gone. One thread at a time. */
int aod_snapshots_pages(aod_snapshots_t *snapshots, const aod_snapshot_t *snapshot,
                        aod_snapshot_pages_t *pages, aod_error_t *err);
/* Page numbers[index]; AOD_EIO when its hash does not fit. */
int aod_snapshot_page_read(const aod_snapshot_pages_t *pages, size_t index,
                           uint8_t bytes[AOD_SNAPSHOT_PAGE_BYTES], aod_error_t *err);
void aod_snapshot_pages_close(aod_snapshot_pages_t *pages);

#endif
