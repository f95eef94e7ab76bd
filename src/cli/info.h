/* What a running network tells programs: the ports file. */
#ifndef AOD_CLI_INFO_H
#define AOD_CLI_INFO_H

#include "node/network.h"

/* Write URLs, addresses, modules, accounts and the pid as one JSON object, all or nothing. */
int aod_info_write_file(const aod_network_info_t *info, const char *path, aod_error_t *err);

#endif
