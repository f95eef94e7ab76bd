/* Carries signed items to Arweave through somebody else: to a bundler, one by one, or to a gateway,
 * in bundles that transactions of our own carry.
 *
 * Promises: an item that aod_uploader_add took is sent, however long that takes and whatever
 * crashes meanwhile; it is sent as the same bytes every time, so who has it already can tell; what
 * waits, since when, and why, can be seen. Failures are tried again for ever, with growing pauses;
 * what the other side refuses is too, since a refusal may be about money.
 *
 * A transaction counts as done when a block has it. Until then it is looked after: when the gateway
 * has forgotten it, it is posted again. */
#ifndef AOD_NET_UPLOADER_H
#define AOD_NET_UPLOADER_H

#include "arweave/signer.h"
#include "store/uploads.h"

typedef struct aod_uploader aod_uploader_t;

typedef struct {
  const char *path;           /* of the outbox, a database file */
  const char *url;            /* a bundler, or with a signer a gateway; without slash at the end */
  const aod_signer_t *signer; /* NULL: a bundler takes the items. Otherwise it signs and pays the
                               * transactions, and must outlive the uploader */
  /* 0 means what stands in brackets. */
  int64_t retry_first_ms, retry_last_ms; /* pauses after failures [1 s, 60 s] */
  int64_t linger_ms;                     /* how long items gather for a bundle [1 s] */
  int64_t confirm_ms;                    /* at most, between looks whether a block has it [20 s] */
  size_t bundle_bytes_max;               /* [8 MiB], unless one item alone has more */
} aod_uploader_options_t;

/* Takes up what the last run left. AOD_EUNSUPPORTED for a signer whose transactions nobody takes.
 */
int aod_uploader_open(aod_uploader_t **uploader, const aod_uploader_options_t *options,
                      aod_error_t *err);
/* What is unfinished stays in the outbox. NULL is fine. */
void aod_uploader_close(aod_uploader_t *uploader);

/* On disk when AOD_OK is returned. Any thread. */
int aod_uploader_add(aod_uploader_t *uploader, const aod_slice_t *raws, size_t count,
                     aod_error_t *err);
int aod_uploader_status(aod_uploader_t *uploader, aod_uploads_status_t *status, aod_error_t *err);

#endif
