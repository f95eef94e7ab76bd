/* Gateways of other people, as a source of items and transactions. None of them is trusted: what is
 * handed out carries the signature of its owner over everything it says, its data included, and its
 * id is the hash of that signature. A gateway that sends anything else is passed over, and the next
 * one in the list is asked.
 *
 * An item is put together from GraphQL's fields and its data, or cut out of the bundle that holds
 * it when the fields do not make it whole; a transaction is read from /tx and its data checked
 * against the data root. */
#ifndef AOD_NET_GATEWAYS_H
#define AOD_NET_GATEWAYS_H

#include "ao/units.h"
#include "http/client.h"

typedef struct aod_gateways aod_gateways_t;

typedef struct {
  const char *const *urls; /* without slash at the end; asked in this order */
  size_t url_count;
  int64_t timeout_ms; /* of one request; 0: 30 s */
  int rounds;         /* how often gateways that could not answer are asked; 0: 3 */
  int64_t pause_ms;   /* before the second round, doubled for each further one; 0: 500 */
  size_t data_max;    /* bytes of an item's data, or of the bundle around it; 0: 256 MiB */
} aod_gateways_options_t;

/* The client must outlive it; the options are copied. AOD_EUSAGE without URLs. */
int aod_gateways_open(aod_gateways_t **gateways, aod_client_t *client,
                      const aod_gateways_options_t *options, aod_error_t *err);
/* No call may be under way. Waits for a request of aod_gateways_height, which ends at once when the
 * client has stopped. */
void aod_gateways_close(aod_gateways_t *gateways);

/* The verified item, all but `raw`, in `arena`. A base-layer transaction has its anchor (last_tx)
 * as anchor. Waits; any thread but the client's. AOD_ENOTFOUND: every gateway says that there is no
 * such thing; AOD_EUNAVAILABLE: some could not say, or did not tell the truth; the message tells
 * what each of them did. */
int aod_gateways_find(aod_gateways_t *gateways, const uint8_t id[32], aod_arena_t *arena,
                      aod_item_t *item, aod_error_t *err);

/* A question that no signature answers. */
typedef struct {
  const char *path; /* from the slash on */
  aod_slice_t body; /* JSON to post; empty: GET */
  size_t answer_max;
  /* Is that an answer? Else the next gateway is asked. NULL: anything is. */
  int (*check)(void *context, aod_slice_t answer, aod_error_t *err);
  void *context;
} aod_gateways_question_t;

/* Append the first answer of a gateway that passes the check. Waits, as above. AOD_ENOTFOUND: every
 * gateway says that there is no such thing; AOD_EUNAVAILABLE. */
int aod_gateways_ask(aod_gateways_t *gateways, const aod_gateways_question_t *question,
                     aod_buf_t *answer, aod_error_t *err);

/* The newest block's height as last heard, 0: nobody has answered yet. When that is some seconds
 * ago it is asked for in the background. A caller waits for the answer only when what is known is
 * older than 30 s, at most 2 s, and not while gateways fail. Any thread but the client's. */
uint64_t aod_gateways_height(aod_gateways_t *gateways);

#endif
