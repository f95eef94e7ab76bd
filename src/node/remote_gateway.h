/* Arweave elsewhere, as the units of this program see it: reads from gateways that are not trusted
 * (net/gateways.h), uploads through a durable outbox (net/uploader.h). Well-known modules are taken
 * from the files beside the program, by id and hash. */
#ifndef AOD_NODE_REMOTE_GATEWAY_H
#define AOD_NODE_REMOTE_GATEWAY_H

#include "ao/units.h"
#include "http/client.h"
#include "net/uploader.h"

typedef struct aod_remote_gateway aod_remote_gateway_t;

typedef struct {
  const char *const *urls; /* of gateways, asked in this order */
  size_t url_count;
  aod_uploader_t *uploader; /* NULL: nothing can be uploaded */
} aod_remote_gateway_options_t;

/* Client and uploader must outlive it. AOD_EUSAGE without URLs. */
int aod_remote_gateway_open(aod_remote_gateway_t **remote, aod_client_t *client,
                            const aod_remote_gateway_options_t *options, aod_error_t *err);
const aod_gateway_t *aod_remote_gateway_table(aod_remote_gateway_t *remote);
void aod_remote_gateway_close(aod_remote_gateway_t *remote); /* NULL is fine */

#endif
