/* What the parts of aod fsck share: the findings. */
#ifndef AOD_CLI_FSCK_H
#define AOD_CLI_FSCK_H

#include "base/idmap.h"
#include "store/outbox.h"
#include "store/results.h"
#include "store/schedule.h"

typedef struct {
  bool quick;           /* leave signatures out */
  size_t finding_count; /* also those that are too many to be kept */
  aod_buf_t findings;   /* members of a JSON array */
  aod_error_t first;
  uint64_t records, processes, entries, parked, results;
} aod_fsck_t;

/* Something is wrong in `file`, with the record that `where` names. The first finding is kept as
 * the command's error. */
void aod_fsck_find(aod_fsck_t *fsck, const char *file, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Walk the schedule, and the results of its records unless `results` is NULL. */
int aod_fsck_schedule(aod_fsck_t *fsck, aod_schedule_t *schedule, aod_results_t *results,
                      aod_error_t *err);
/* Walk the outbox. What is cranked must be in the schedule, unless that is NULL. */
int aod_fsck_outbox(aod_fsck_t *fsck, aod_outbox_t *outbox, aod_schedule_t *schedule,
                    aod_error_t *err);

#endif
