/* What the commands that serve have in common: how they begin, and how they are told to stop. */
#ifndef AOD_CLI_SERVE_H
#define AOD_CLI_SERVE_H

#include "node/network.h"

/* Rows for the wallets of single units, in the member unit_wallets of an options struct. */
#define AOD_UNIT_WALLET_OPTIONS(type)                                                              \
  AOD_UNIT_WALLET_OPTION(type, AOD_PORT_MU, "mu", "messenger"),                                    \
      AOD_UNIT_WALLET_OPTION(type, AOD_PORT_SU, "su", "scheduler"),                                \
      AOD_UNIT_WALLET_OPTION(type, AOD_PORT_CU, "cu", "compute unit")
#define AOD_UNIT_WALLET_OPTION(type, unit, name, words)                                            \
  {                                                                                                \
    "--" name "-wallet", AOD_OPTION_TEXT, offsetof(type, unit_wallets[unit]), "FILE",              \
        "JWK of the " words "'s own wallet (default: that of --wallet)", 0, 0                      \
  }

/* Before any thread is started, which inherits it: hold SIGINT and SIGTERM back, and allow as many
 * descriptors as the system permits. */
void aod_serve_prepare(void);

/* Wait for SIGINT or SIGTERM and say that the program is stopping. A second one, while it finishes
 * what it accepted, ends it at once. */
void aod_serve_wait(void);

/* Tells people on stdout what was started, and how long after the command. */
typedef void aod_serve_banner_t(const aod_network_info_t *info, int64_t ready_us);

/* Start a network, print the banner, write the ports file (path; NULL: none), and serve until told
 * to stop. Returns when everything that was accepted is finished. */
int aod_serve_network(const aod_network_options_t *options, aod_serve_banner_t *banner,
                      const char *ports_file, int64_t started_us, aod_error_t *err);

#endif
