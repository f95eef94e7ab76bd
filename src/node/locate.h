/* Where processes are scheduled, in a network with many schedulers (units.md 5.1). A process names
 * its scheduler's wallet; the wallet has published on Arweave where it answers and for how long
 * that is true (Scheduler-Location); and who answers there may send everybody on to the scheduler
 * that has the process (a router).
 *
 * Nobody is believed: process and location are items whose signatures were verified, and a location
 * is one only if the wallet itself signed it. What was found is kept as long as it says, and longer
 * while nothing newer can be had. */
#ifndef AOD_NODE_LOCATE_H
#define AOD_NODE_LOCATE_H

#include "ao/units.h"
#include "http/client.h"

typedef struct aod_locator aod_locator_t;

/* Both must outlive it. */
aod_locator_t *aod_locator_open(aod_client_t *client, const aod_gateway_t *gateway);
void aod_locator_close(aod_locator_t *locator); /* NULL is fine; no call may be under way */

/* A search for the scheduler that has a process. Filled and kept alive by the caller until `done`.
 * A scheduler that does not answer holds no thread. */
typedef struct aod_locating aod_locating_t;
struct aod_locating {
  uint8_t process[32];
  aod_arena_t *arena; /* for `url`; nobody else uses it meanwhile */
  /* Once, on the thread that submitted or the client's, which must not be held up. AOD_ENOTFOUND:
   * there is no such process, or its scheduler has published no location; AOD_EUNAVAILABLE;
   * AOD_EINPUT: what is published is no use. */
  void (*done)(aod_locating_t *locating, int code, const aod_error_t *err);
  const char *url; /* its base URL, without slash at its end */
  /* the locator's own */
  aod_locator_t *locator;
  const char *known, *base; /* what was known before; what the wallet published */
  int64_t until_us;
  aod_call_t call; /* to the base */
  aod_buf_t leads_to;
};
/* Waits for the gateway, some seconds for a process that it does not know yet; any thread but the
 * client's. */
void aod_locate_submit(aod_locator_t *locator, aod_locating_t *locating);
/* Submit and wait. */
int aod_locate(aod_locator_t *locator, const uint8_t process[32], aod_arena_t *arena,
               const char **url, aod_error_t *err);

/* The same from what is known; never waits. */
bool aod_locate_known(aod_locator_t *locator, const uint8_t process[32], aod_arena_t *arena,
                      const char **url);

/* Where new processes of a scheduler's wallet (an address as text) are to be posted. Waits. */
int aod_locate_wallet(aod_locator_t *locator, aod_slice_t wallet, aod_arena_t *arena,
                      const char **url, aod_error_t *err);

/* A process was posted to this wallet's scheduler: the gateway need not be asked for it. */
void aod_locate_learn(aod_locator_t *locator, const uint8_t process[32], aod_slice_t wallet);

/* Nobody answers where the process should be: look again next time. */
void aod_locate_doubt(aod_locator_t *locator, const uint8_t process[32]);

#endif
