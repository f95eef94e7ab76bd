/* Checkpoints: the linear memory of a process after a message, as a data item on Arweave, signed by
 * the compute unit that evaluated it. Source: shared/spec/units.md 4.12. Pure. */
#ifndef AOD_AO_CHECKPOINT_H
#define AOD_AO_CHECKPOINT_H

#include "arweave/item.h"

typedef struct {
  uint8_t process[32], module[32];
  uint64_t nonce;       /* of the last record */
  int64_t timestamp_ms; /* these two: of the message, which may be a cron message after it */
  uint64_t block_height;
  aod_slice_t cron;   /* which cron, see aod_cron_id; empty: the record */
  uint8_t sha256[32]; /* of the memory */
  bool gzip;          /* the data is the memory compressed, else as it is */
  bool has_assignment, has_hash_chain;
  uint8_t assignment[32], hash_chain[32]; /* of the last record */
} aod_checkpoint_t;

enum { AOD_CHECKPOINT_TAGS_MAX = 17 };

/* The tags of one, in the network's order; with gzip, assignment and hash chain. `unit` names the
 * run of the program. Values live in `arena`. */
void aod_checkpoint_tags(const aod_checkpoint_t *checkpoint, const char *unit, aod_arena_t *arena,
                         aod_tags_t *tags);

/* Read tags of anybody's; slices point into them. AOD_EINPUT naming what is missing or wrong,
 * AOD_EUNSUPPORTED for an unknown encoding. */
int aod_checkpoint_parse(const aod_tags_t *tags, aod_checkpoint_t *checkpoint, aod_error_t *err);

/* Is `a` behind `b`, in the order in which a process is evaluated? */
bool aod_checkpoint_is_earlier(const aod_checkpoint_t *a, const aod_checkpoint_t *b);

#endif
