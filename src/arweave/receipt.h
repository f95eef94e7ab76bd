/* Receipts that uploaders answer with (arweave.md 7.1): a promise, signed, to keep an item. */
#ifndef AOD_ARWEAVE_RECEIPT_H
#define AOD_ARWEAVE_RECEIPT_H

#include <jansson.h>

#include "arweave/signer.h"

typedef struct {
  uint8_t id[32];
  int64_t timestamp_ms;
  uint64_t deadline_height; /* by when the item will be on the base layer */
  aod_slice_t winc;         /* credits charged, decimal; empty means "0" */
  aod_slice_t host;         /* where the item can be had at once; empty: nowhere named */
} aod_receipt_t;

/* Append the JSON form, signed. RSA signatures are deterministic here. */
int aod_receipt_write(const aod_receipt_t *receipt, const aod_signer_t *signer, aod_buf_t *json,
                      aod_error_t *err);

/* Verify a receipt that is about `id`, of an uploader of any age: unknown and missing optional
 * members do not matter. AOD_EINPUT or AOD_ESIGNATURE naming the reason. */
int aod_receipt_verify(const json_t *json, const uint8_t id[32], aod_error_t *err);

#endif
