/* A router in front of several schedulers, all with one wallet: it remembers which of them has a
 * process, gives new processes to the one with the fewest, and answers every request with a
 * redirect there. Source: units.md 3.9. */
#ifndef AOD_SU_ROUTER_H
#define AOD_SU_ROUTER_H

#include "base/error.h"
#include "http/server.h"

typedef struct aod_su_router aod_su_router_t;

/* `list`: JSON array of {"url", "no_route"?, "wallets_to_route"? (addresses separated by commas),
 * "wallets_only"?}. Processes are placed with schedulers that have neither flag, unless their
 * signer's wallet is named by one. `path`: the database file that remembers the places.
 * AOD_EINPUT naming what is wrong with the list. */
int aod_su_router_open(aod_su_router_t **router, aod_slice_t list, const char *path,
                       aod_error_t *err);
void aod_su_router_close(aod_su_router_t *router); /* NULL is fine */

extern const aod_route_t aod_su_router_routes[]; /* the unit is the aod_su_router_t */

#endif
