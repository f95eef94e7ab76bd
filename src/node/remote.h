/* Neighbours that run elsewhere: the tables of ao/units.h over the public protocol (units.md), so
 * that any unit can be replaced by somebody else's. Reads block the calling thread; posts and
 * results wait on the client's. A unit that does not answer is AOD_EUNAVAILABLE: whoever asked
 * tries again. */
#ifndef AOD_NODE_REMOTE_H
#define AOD_NODE_REMOTE_H

#include "ao/units.h"
#include "base/json.h"
#include "http/client.h"

typedef struct aod_remote_scheduler aod_remote_scheduler_t;
typedef struct aod_remote_computer aod_remote_computer_t;

/* `url` is the scheduler's base URL, with or without a slash at its end. The client must outlive
 * it. Routers that redirect are followed. */
aod_remote_scheduler_t *aod_remote_scheduler_open(aod_client_t *client, const char *url);
/* The schedulers of all processes, each found as node/locate.h says. The gateway must outlive it.
 */
aod_remote_scheduler_t *aod_remote_schedulers_open(aod_client_t *client,
                                                   const aod_gateway_t *gateway);
const aod_scheduler_t *aod_remote_scheduler_table(aod_remote_scheduler_t *remote);
/* Once the client has stopped: finish the posts that are still being located. NULL is fine. */
void aod_remote_scheduler_stop(aod_remote_scheduler_t *remote);
void aod_remote_scheduler_close(aod_remote_scheduler_t *remote); /* NULL is fine */

aod_remote_computer_t *aod_remote_computer_open(aod_client_t *client, const char *url);
const aod_computer_t *aod_remote_computer_table(aod_remote_computer_t *remote);
void aod_remote_computer_close(aod_remote_computer_t *remote); /* NULL is fine */

/* ---- shared by the files of remote units ---- */

/* `url` without slashes at its end; free it. */
char *aod__remote_base(const char *url);

/* GET base + path into JSON. AOD_ENOTFOUND for 404 and for a 400 that says so, AOD_EUNAVAILABLE for
 * 5xx, 429 and no answer, AOD_EINPUT otherwise; the message names unit, URL and the unit's words.
 */
int aod__remote_get(aod_client_t *client, const char *unit, const char *base, const char *path,
                    json_t **json, aod_error_t *err);

/* What a finished call means, as above; AOD_OK for 2xx. `unit` is for the message. */
int aod__remote_outcome(const aod_call_t *call, const char *unit, aod_error_t *err);

#endif
