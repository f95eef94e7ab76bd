/* The messenger unit: verifies what clients post, hands it to the scheduler, and carries on what
 * processes emit: signs their messages, spawns and assignments, delivers them, and does the same
 * with what follows from them.
 *
 * Promises: an item answered with 202 is scheduled and its outbox will be carried on, whatever
 * crashes; what is signed is stored before it is sent, so two versions of one message never go out;
 * an entry that cannot be delivered stays in the outbox with its reason. */
#ifndef AOD_MU_MU_H
#define AOD_MU_MU_H

#include "ao/units.h"
#include "http/server.h"

typedef struct aod_mu aod_mu_t;

typedef struct {
  const char *outbox_path;    /* the database file */
  const aod_signer_t *signer; /* signs what is pushed; these four must outlive the unit */
  const aod_scheduler_t *scheduler;
  const aod_computer_t *computer;
  const aod_gateway_t *gateway;
  bool push;    /* answer POST /push/:id/:number, by which anybody has a message pushed again */
  bool metrics; /* answer GET /metrics */
} aod_mu_options_t;

/* Takes up what the last run left in the outbox. */
int aod_mu_open(aod_mu_t **mu, const aod_mu_options_t *options, aod_error_t *err);

/* Wait until nothing is under way (what waits for a later try does not count), at most `grace_ms`.
 */
void aod_mu_drain(aod_mu_t *mu, int64_t grace_ms);
/* Begin no further step; what is unfinished stays in the outbox. Returns when no step is running:
 * the other units may be closed then, and after them this one. */
void aod_mu_stop(aod_mu_t *mu);
void aod_mu_close(aod_mu_t *mu);

extern const aod_route_t aod_mu_routes[]; /* the unit is the aod_mu_t */

#endif
