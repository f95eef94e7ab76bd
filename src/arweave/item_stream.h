/* Verify a data item of any size that arrives in pieces, in bounded memory: its header (at most
 * about 7 KiB) is kept, its data is only hashed. The caller spools the bytes and publishes them
 * after finish has said that they are good. One thread at a time. */
#ifndef AOD_ARWEAVE_ITEM_STREAM_H
#define AOD_ARWEAVE_ITEM_STREAM_H

#include "arweave/item.h"

typedef struct aod_item_stream aod_item_stream_t;

aod_item_stream_t *aod_item_stream_new(void);
void aod_item_stream_free(aod_item_stream_t *stream);

/* The next piece, of any length. AOD_EINPUT as soon as the header is seen to be malformed; the
 * stream is then good for nothing but aod_item_stream_free. */
int aod_item_stream_feed(aod_item_stream_t *stream, aod_slice_t piece, aod_error_t *err);

/* The item once its header has arrived, NULL before: not verified, `raw` is the header alone and
 * `data` is empty. Lives as long as the stream. */
const aod_item_t *aod_item_stream_item(const aod_item_stream_t *stream);
uint64_t aod_item_stream_data_len(const aod_item_stream_t *stream); /* so far */

/* All bytes have been fed: verify. AOD_EINPUT when they end in the header, AOD_ESIGNATURE. Once. */
int aod_item_stream_finish(aod_item_stream_t *stream, aod_error_t *err);

#endif
