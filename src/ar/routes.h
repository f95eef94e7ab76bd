/* The handlers behind the route tables. Internal to ar. */
#ifndef AOD_AR_ROUTES_H
#define AOD_AR_ROUTES_H

#include "ar/ar.h"

/* content.c: the bytes of items */
void aod__ar_get_content(aod_request_t *request, void *unit); /* "/:id", tags as headers */
void aod__ar_get_path(aod_request_t *request, void *unit);    /* "/:id/path", in a manifest */
void aod__ar_get_raw(aod_request_t *request, void *unit);     /* "/raw/:id" */
/* An item's bytes, or the range that is asked for. */
void aod__ar_respond_content(aod_request_t *request, aod_ar_t *ar, const aod_ar_item_t *item);

/* upload.c: data items in, receipts out. Long ones come through the sink. */
void aod__ar_post_item(aod_request_t *request, void *unit);
extern const aod_sink_t aod__ar_item_sink;

/* transaction.c: transactions in; what is none goes to aod__ar_post_item */
void aod__ar_post_tx(aod_request_t *request, void *unit);

/* chunk.c: their data in pieces, in and out */
void aod__ar_post_chunk(aod_request_t *request, void *unit);
void aod__ar_get_chunk(aod_request_t *request, void *unit);

/* tx.c: transactions out */
void aod__ar_get_tx(aod_request_t *request, void *unit);
void aod__ar_get_tx_status(aod_request_t *request, void *unit);
void aod__ar_get_tx_offset(aod_request_t *request, void *unit);
void aod__ar_get_tx_field(aod_request_t *request, void *unit);
void aod__ar_get_tx_pending(aod_request_t *request, void *unit);
void aod__ar_delete_tx(aod_request_t *request, void *unit); /* resettable chains only */

/* accounts.c: balances */
void aod__ar_get_balance(aod_request_t *request, void *unit);
void aod__ar_get_last_tx(aod_request_t *request, void *unit);
void aod__ar_get_mint(aod_request_t *request, void *unit);
void aod__ar_post_wallet(aod_request_t *request, void *unit);   /* resettable chains only */
void aod__ar_patch_balance(aod_request_t *request, void *unit); /* resettable chains only */

/* chain.c: what a node tells about blocks and itself */
void aod__ar_get_info(aod_request_t *request, void *unit);
void aod__ar_get_mine(aod_request_t *request, void *unit);
void aod__ar_get_reset(aod_request_t *request, void *unit); /* resettable chains only */
void aod__ar_get_height(aod_request_t *request, void *unit);
void aod__ar_get_time(aod_request_t *request, void *unit);
void aod__ar_get_anchor(aod_request_t *request, void *unit);
void aod__ar_get_block_current(aod_request_t *request, void *unit);
void aod__ar_get_block_at(aod_request_t *request, void *unit);
void aod__ar_get_block_by_hash(aod_request_t *request, void *unit);

/* ---- routes.c ---- */

/* Let a neighbour finish what it is about to upload. */
void aod__ar_settle(const aod_ar_t *ar);

/* False when the chain is not resettable, which was answered. */
bool aod__ar_may_rewrite(aod_request_t *request, const aod_ar_t *ar);

/* The unit could not do it: the error's own status. */
void aod__ar_respond_failure(aod_request_t *request, const aod_error_t *err);

/* Look up the first parameter as an id; false when it was answered 404 already. */
bool aod__ar_request_item(aod_request_t *request, aod_ar_t *ar, aod_ar_item_t *item);

#endif
