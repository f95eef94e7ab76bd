/* Cron messages: those that a process orders for itself, by time or by block, with tags of its own.
 * Nobody sends or schedules them; every compute unit finds them between the messages of the
 * schedule. Source: shared/spec/units.md 4.9, with decision 11.10.
 *
 * They are a pure function of the process's tags, its place in time (the origin) and the blocks, so
 * that whoever asks, and however often, gets the same ones in the same order:
 *
 *   - a moment of the clock lies a whole number of seconds after the origin;
 *   - a moment of a block lies at the end of its second, when no further block can carry it;
 *   - a moment comes after the scheduled messages up to its time, and before those that are later.
 */
#ifndef AOD_AO_CRON_H
#define AOD_AO_CRON_H

#include "ao/units.h"

typedef struct {
  bool by_block;
  uint64_t every;       /* blocks or seconds; 0: never */
  aod_slice_t interval; /* the text of its Cron-Interval tag */
  size_t index;         /* among those of its kind: by block in tag order, by time shortest first */
  aod_tags_t tags;      /* of its messages */
} aod_cron_t;

/* All of a process, in the order in which they fire at one moment. */
typedef struct {
  aod_cron_t *list;
  size_t count;
  int64_t origin_ms; /* of the process: its Timestamp and Block-Height */
  uint64_t origin_height;
} aod_crons_t;

/* Read the definitions in a process's tags; the origin is the caller's to fill. What no known unit
 * or number measures never fires. AOD_EINPUT: an interval below a second, or a Cron-Tag before any
 * Cron-Interval. Slices point into `tags` and `arena`. */
int aod_crons_parse(const aod_tags_t *tags, aod_arena_t *arena, aod_crons_t *crons,
                    aod_error_t *err);

/* How far moments have been taken. */
typedef struct {
  int64_t at_ms;        /* moments of the clock before this one */
  uint64_t height;      /* the current block's */
  uint64_t next_height; /* of the first block that has not had its moment */
} aod_cron_place_t;

/* The place of a new process. */
void aod_crons_begin(const aod_crons_t *crons, aod_cron_place_t *place);

typedef struct {
  bool by_block;
  int64_t due_ms;       /* when it comes; never decreases */
  int64_t timestamp_ms; /* what the messages say: of the block, or of the clock */
  uint64_t block_height;
} aod_cron_moment_t;

/* When the moment of a block comes, unless it became known late. */
int64_t aod_cron_block_due_ms(const aod_block_t *block);

/* The next moment before `until_ms`; place moves past it. `block` is the first known block from
 * place->next_height on, NULL: there is none yet. False: none left, place has moved to `until_ms`.
 */
bool aod_crons_next(const aod_crons_t *crons, aod_cron_place_t *place, const aod_block_t *block,
                    int64_t until_ms, aod_cron_moment_t *moment);

bool aod_cron_fires(const aod_crons_t *crons, const aod_cron_t *cron,
                    const aod_cron_moment_t *moment);

/* "<index>-<interval>", by which results and cursors name it; in `arena`. */
aod_slice_t aod_cron_id(const aod_cron_t *cron, aod_arena_t *arena);
/* Does this id belong to one that fires by block? */
bool aod_cron_id_by_block(aod_slice_t id);

#endif
