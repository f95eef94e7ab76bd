/* Uploads that wait: signed items on their way to a bundler, or to Arweave inside of transactions
 * of our own. An item is there from before somebody is told so until the other side has it; a
 * restart takes up where the crash was. What is sent again are the same bytes, so the other side
 * can tell.
 *
 * A transaction that carries a bundle of items is a carrier. It is signed once, kept, and only then
 * sent; its data is not kept: it is the bundle of its items in order. */
#ifndef AOD_STORE_UPLOADS_H
#define AOD_STORE_UPLOADS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef struct aod_uploads aod_uploads_t;

typedef struct {
  int64_t seq; /* ascending */
  uint8_t id[32];
  aod_slice_t raw; /* a carrier's: its JSON without data */
  size_t len;      /* of raw, also where raw is left out */
  int64_t added_ms, due_ms;
  int64_t attempts;   /* that failed; of a posted carrier: how often it was looked after */
  bool refused;       /* the other side understood and said no: trying at once is no use */
  bool posted;        /* carriers: the other side has it, but no block has it yet */
  int64_t carrier;    /* items: the carrier's seq; 0: none */
  aod_slice_t reason; /* of the last failure */
} aod_upload_t;

typedef struct {
  aod_upload_t *list;
  size_t count;
} aod_upload_list_t;

int aod_uploads_open(aod_uploads_t **uploads, const char *path, aod_error_t *err);
void aod_uploads_close(aod_uploads_t *uploads);

/* Add signed items; on disk when AOD_OK is returned. Those that wait already are left as they are.
 * AOD_EINPUT when one has no header. */
int aod_uploads_add(aod_uploads_t *uploads, const aod_slice_t *raws, size_t count, int64_t now_ms,
                    aod_error_t *err);

/* Items without a carrier that are due, the longest due first: at most `limit`, and no more than
 * `max_bytes` together unless the first one alone has more. */
int aod_uploads_due(aod_uploads_t *uploads, int64_t now_ms, size_t limit, uint64_t max_bytes,
                    aod_arena_t *arena, aod_upload_list_t *list, aod_error_t *err);
/* Carriers that are due, and a carrier's items in order. */
int aod_uploads_due_carriers(aod_uploads_t *uploads, int64_t now_ms, size_t limit,
                             aod_arena_t *arena, aod_upload_list_t *list, aod_error_t *err);
int aod_uploads_carried(aod_uploads_t *uploads, int64_t carrier, aod_arena_t *arena,
                        aod_upload_list_t *list, aod_error_t *err);
/* When the next item or carrier becomes due; INT64_MAX: never. */
int aod_uploads_next_ms(aod_uploads_t *uploads, int64_t *due_ms, aod_error_t *err);

/* What became of an attempt. */
typedef struct {
  int64_t seq;
  enum {
    AOD_UPLOAD_DONE,   /* the other side has it: forget it, a carrier with its items */
    AOD_UPLOAD_LATER,  /* try again at due_ms because of `reason` */
    AOD_UPLOAD_POSTED, /* carriers: accepted, look at due_ms whether a block has it */
    AOD_UPLOAD_UNDONE  /* carriers: can never be accepted; its items wait again, from due_ms on */
  } what;
  bool refused;
  int64_t due_ms;
  char reason[200];
} aod_upload_outcome_t;

int aod_uploads_settle(aod_uploads_t *uploads, const aod_upload_outcome_t *outcomes, size_t count,
                       int64_t now_ms, aod_error_t *err);
int aod_uploads_settle_carrier(aod_uploads_t *uploads, const aod_upload_outcome_t *outcome,
                               int64_t now_ms, aod_error_t *err);
/* Begin, when the clock may have been put back since the last run: nothing was added after now, and
 * what would be due later than in `most_ms` is due. */
int aod_uploads_resume(aod_uploads_t *uploads, int64_t now_ms, int64_t most_ms, aod_error_t *err);
/* What failed for another reason than a refusal is due at once: the other side is back. */
int aod_uploads_retry(aod_uploads_t *uploads, aod_error_t *err);

/* Put the items into a carrier. */
int aod_uploads_carry(aod_uploads_t *uploads, const aod_upload_list_t *items, const uint8_t id[32],
                      aod_slice_t json, int64_t now_ms, aod_error_t *err);

typedef struct {
  int64_t waiting, bytes; /* items, carried ones too, and their sizes */
  int64_t oldest_ms;      /* when the oldest one was added; 0: none waits */
  int64_t carriers;
  int64_t uploaded; /* since the file was made */
  int64_t error_ms; /* when an attempt failed last; 0: never */
  char error[200];
} aod_uploads_status_t;

int aod_uploads_status(aod_uploads_t *uploads, aod_uploads_status_t *status, aod_error_t *err);
/* Items or carriers that wait, oldest first, without raw. */
int aod_uploads_list(aod_uploads_t *uploads, bool carriers, size_t limit, aod_arena_t *arena,
                     aod_upload_list_t *list, aod_error_t *err);

#endif
