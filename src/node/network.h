/* Units of an AO network in one process: all of them, or some whose neighbours run elsewhere. Those
 * that are here are wired by direct calls, the others are asked over their public protocol. */
#ifndef AOD_NODE_NETWORK_H
#define AOD_NODE_NETWORK_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "vm/tier.h"

typedef enum { AOD_PORT_AR, AOD_PORT_BUNDLER, AOD_PORT_MU, AOD_PORT_SU, AOD_PORT_CU } aod_port_t;
enum { AOD_PORTS = 5 };
extern const char *const aod_port_names[AOD_PORTS]; /* "ar", "bundler", … */
enum { AOD_PORT_NONE = -1 };

/* A good choice for `block_ms`: short enough to wait for; long enough for tests that post, look at
 * what is pending, and mine themselves. */
enum { AOD_BLOCK_MS = 5000 };

typedef struct {
  const char *host;
  int64_t ports[AOD_PORTS]; /* 0: a free one; AOD_PORT_NONE: the unit is not here */
  aod_tiers_t tiers;        /* of modules that the compute unit's cache does not have */
  uint64_t memory_bytes;    /* for the processes of the compute unit; 0: half of the machine's */
  uint64_t process_bytes;   /* that one of them may have; 0: AOD_CU_PROCESS_BYTES */
  const char *data_dir;     /* NULL: a temporary folder, removed by close */
  const char *wallet;       /* JWK file of the units' wallet; NULL: the well-known test wallet */
  const char *const *unit_wallets; /* AOD_PORTS of them, of the units that have one of their own,
                                    * the others NULL; NULL: nobody has */
  const char *const *modules;      /* files to offer besides the known ones */
  size_t module_count;
  const char *upload_url;  /* a bundler that gets every record too; NULL: nobody */
  const char *bundles_url; /* a gateway that gets them in bundles of our own, which the units'
                            * wallet pays */
  bool test_accounts;      /* write the ten test accounts into the data folder */
  /* Of the gateway: how long transactions may be pending (0: until somebody mines), whether it can
   * be reset though its data is kept, whether it knows the modules that stand beside the program.
   */
  int64_t block_ms;
  bool resettable, known_modules;
  /* Where neighbours answer that are not here. */
  const char *const *gateway_urls; /* asked in this order */
  size_t gateway_count;
  const char *scheduler_url, *computer_url;
  int64_t busy_ms;    /* patience of the compute unit's HTTP clients, 0: endless */
  bool no_weavedrive; /* refuse modules that ask for it by a tag */
  /* Checkpoints: put them on Arweave as work accumulates; addresses whose ones are believed besides
   * the wallet's own; ids of ones that are not used. */
  bool checkpoints;
  const char *const *trusted, *const *ignored;
  size_t trusted_count, ignored_count;
  /* Processes (ids) and owners (addresses) that the compute unit does or does not evaluate; an
   * empty list is no condition. */
  bool push, metrics; /* answer POST /push/:id/:number; answer GET /metrics */
  const char *const *restricted, *const *allowed, *const *allowed_owners;
  size_t restricted_count, allowed_count, allowed_owner_count;
  const char *announce_url; /* publish this as the scheduler's URL; NULL: its own, where the gateway
                             * is here too */
} aod_network_options_t;

typedef struct {
  const char *name;
  char id[44];
} aod_offered_module_t;

typedef struct {
  char address[44];
  char *jwk_path;
} aod_account_t;

/* What a user must know of a running network; strings live as long as the network. */
typedef struct {
  char *urls[AOD_PORTS]; /* NULL: not here */
  char address[44];      /* of the scheduler's wallet, under which it is looked up */
  char authority[44]; /* what the messages that the messenger signs are from: the same address, but
                       * of a secp256k1 wallet what AO calls it */
  const char *data_dir;
  bool temporary;
  aod_offered_module_t *modules;
  size_t module_count;
  aod_account_t *accounts;
  size_t account_count;
} aod_network_info_t;

typedef struct aod_network aod_network_t;

/* Every port answers when this returns AOD_OK. AOD_EUNAVAILABLE names a port that is in use, or the
 * data folder when another aod uses it. */
int aod_network_open(aod_network_t **network, const aod_network_options_t *options,
                     aod_error_t *err);
const aod_network_info_t *aod_network_info(const aod_network_t *network);

/* Finish what was accepted (requests, then what they set off, each within a grace of some seconds),
 * write what must be written, release everything. */
void aod_network_close(aod_network_t *network);

#endif
