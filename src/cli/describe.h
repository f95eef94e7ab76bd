/* The words in which the tools tell about items and transactions: members of a JSON object. Binary
 * values are base64url, digests of content lower-case hex as sha256sum prints them. */
#ifndef AOD_CLI_DESCRIBE_H
#define AOD_CLI_DESCRIBE_H

#include "arweave/item.h"

enum { AOD_DESCRIBE_RAW_MAX = 64 << 20 }; /* bytes that are put into JSON as base64url */

/* id, signatureType, signatureName, owner, address, aoAddress, target, anchor, tags. */
void aod_describe_item(aod_buf_t *json, const aod_item_t *item);
/* dataLength, dataSha256. */
void aod_describe_data(aod_buf_t *json, uint64_t len, const uint8_t sha256[32]);
/* "tags": [{name, value}]; what is no UTF-8 is also given exactly, as nameBase64url and
 * valueBase64url. */
void aod_describe_tags(aod_buf_t *json, const aod_tags_t *tags);
/* Is the code an answer about what was given, which is told as JSON too? Others are about us. */
bool aod_describe_is_verdict(int code);
/* valid; and the reason when `code` is not AOD_OK. */
void aod_describe_verdict(aod_buf_t *json, int code, const aod_error_t *err);
/* The member `name` with the id's 43 characters. */
void aod_describe_id(aod_buf_t *json, const char *name, const uint8_t id[32]);
void aod_describe_hex(aod_buf_t *json, const char *name, aod_slice_t bytes);

/* Print the text and a newline to stdout; frees it. */
void aod_describe_print(aod_buf_t *json);

#endif
