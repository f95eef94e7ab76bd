/* What the files of the remote gateways share. */
#ifndef AOD_NET_GATEWAYS_INTERNAL_H
#define AOD_NET_GATEWAYS_INTERNAL_H

#include <pthread.h>

#include "net/gateways.h"

enum { AOD__GATEWAYS_REDIRECTS_MAX = 5 };

/* gateways_height.c */
typedef struct {
  aod_gateways_t *gateways;
  pthread_mutex_t lock;
  pthread_cond_t asked; /* `asking` has ended */
  /* guarded by lock */
  uint64_t newest;            /* 0: nobody has told yet */
  int64_t heard_us, began_us; /* when a gateway told, and was asked, the last time; 0: never */
  bool asking;
  bool failed;              /* the last time nobody told */
  struct timespec patience; /* until then callers may wait for an answer */
  /* of the one who asks */
  size_t turn; /* the gateway that is asked */
  aod_buf_t url;
  aod_call_t call;
} aod__height_t;

struct aod_gateways {
  aod_client_t *client;
  aod_gateways_options_t options;
  char **urls;
  aod__height_t height;
};

void aod__gateways_height_init(aod_gateways_t *gateways);
/* Waits for a request that is under way: stop the client first. */
void aod__gateways_height_deinit(aod_gateways_t *gateways);

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
