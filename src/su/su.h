/* The scheduler unit: puts each process's messages in one order, signs that order, keeps it in the
 * schedule, and publishes every record on Arweave in the background.
 *
 * Promises: a post answered with AOD_OK is on disk; nonces of a process have no gaps; timestamps of
 * a process strictly increase; processes are ordered independently of each other, one process by
 * one lane, signatures on all cores. */
#ifndef AOD_SU_SU_H
#define AOD_SU_SU_H

#include "ao/units.h"
#include "http/server.h"

typedef struct aod_su aod_su_t;

typedef struct {
  const char *schedule_path;    /* the database file */
  const aod_signer_t *signer;   /* signs assignments; must outlive the unit */
  const aod_gateway_t *gateway; /* must outlive the unit */
  bool bundles;                 /* publish each record as one bundle [assignment, item], as the
                                 * reference does, instead of the items alone */
  bool metrics;                 /* answer GET /metrics */
} aod_su_options_t;

int aod_su_open(aod_su_t **su, const aod_su_options_t *options, aod_error_t *err);
/* Finish what was posted, publish what can be published, close. No post may come any more. */
void aod_su_close(aod_su_t *su);

/* The unit as its neighbours see it; valid as long as the unit. */
const aod_scheduler_t *aod_su_scheduler(aod_su_t *su);

/* Wait until all that was acknowledged before the call is published, at most `grace_ms`. */
void aod_su_await_published(aod_su_t *su, int64_t grace_ms);

extern const aod_route_t aod_su_routes[]; /* the unit is the aod_su_t */

#endif
