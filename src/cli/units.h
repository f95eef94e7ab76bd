/* The options of programs that serve units, one table for all of them. */
#ifndef AOD_CLI_UNITS_H
#define AOD_CLI_UNITS_H

#include "cli/computing.h"

typedef struct {
  const char *config, *units, *data, *host, *wallet, *ports_file;
  int64_t ports[5], port; /* AOD_PORT_NONE: not given */
  aod_computing_t computing;
  const char *unit_wallets[5];
  aod_option_list_t gateway_urls, modules, restricted, allowed, allowed_owners;
  const char *scheduler_url, *computer_url, *announce_url, *upload, *upload_bundles, *compile;
  bool allow_push, metrics;
} aod_units_options_t;

extern const aod_option_t aod_units_options[];

#endif
