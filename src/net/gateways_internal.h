/* What the files of the remote gateways share. */
#ifndef AOD_NET_GATEWAYS_INTERNAL_H
#define AOD_NET_GATEWAYS_INTERNAL_H

#include <pthread.h>

#include "net/gateways.h"

struct aod_gateways {
  aod_client_t *client;
  aod_gateways_options_t options;
  char **urls;
  pthread_mutex_t lock; /* guards the rest */
  uint64_t height;
  int64_t height_us; /* when it was heard; 0: never */
};

/* Ask one gateway and verify. AOD_ENOTFOUND: it says there is no such thing; AOD_EUNAVAILABLE: it
 * may be worth asking again; anything else: what it says is no use. */
int aod__gateways_fetch(const aod_gateways_t *gateways, const char *url, const uint8_t id[32],
                        aod_arena_t *arena, aod_item_t *item, aod_error_t *err);

/* GET url + path; the body is appended to `body`. A status is turned into a code as above. */
int aod__gateways_get(const aod_gateways_t *gateways, const char *url, const char *path,
                      size_t answer_max, aod_buf_t *body, aod_error_t *err);

/* POST the JSON there; GET when it is empty. */
int aod__gateways_post(const aod_gateways_t *gateways, const char *url, const char *path,
                       aod_slice_t json, size_t answer_max, aod_buf_t *body, aod_error_t *err);

#endif
