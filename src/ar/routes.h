/* The handlers behind the route tables. Internal to ar. */
#ifndef AOD_AR_ROUTES_H
#define AOD_AR_ROUTES_H

#include "ar/ar.h"

/* content.c: the bytes of items */
void aod__ar_get_content(aod_request_t *request, void *unit); /* "/:id", tags as headers */
void aod__ar_get_path(aod_request_t *request, void *unit);    /* "/:id/path", in a manifest */
void aod__ar_get_raw(aod_request_t *request, void *unit);     /* "/raw/:id" */

/* upload.c: data items in, receipts out */
void aod__ar_post_item(aod_request_t *request, void *unit);

/* chain.c: what a node tells about blocks, transactions and itself */
void aod__ar_get_info(aod_request_t *request, void *unit);
void aod__ar_get_mine(aod_request_t *request, void *unit);
void aod__ar_get_height(aod_request_t *request, void *unit);
void aod__ar_get_time(aod_request_t *request, void *unit);
void aod__ar_get_anchor(aod_request_t *request, void *unit);
void aod__ar_get_block_current(aod_request_t *request, void *unit);
void aod__ar_get_block_at(aod_request_t *request, void *unit);
void aod__ar_get_block_by_hash(aod_request_t *request, void *unit);
void aod__ar_get_tx(aod_request_t *request, void *unit);
void aod__ar_get_tx_status(aod_request_t *request, void *unit);

/* The unit could not do it: the error's own status. */
void aod__ar_respond_failure(aod_request_t *request, const aod_error_t *err);

/* Look up the first parameter as an id; false when it was answered 404 already. */
bool aod__ar_request_item(aod_request_t *request, aod_ar_t *ar, aod_ar_item_t *item);

#endif
