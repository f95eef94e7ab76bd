/* base64url without padding: ids, addresses, keys, signatures as text. */
#ifndef AOD_ARWEAVE_BASE64URL_H
#define AOD_ARWEAVE_BASE64URL_H

#include "base/bytes.h"
#include "base/error.h"

void aod_base64url_encode(aod_slice_t bytes, aod_buf_t *text); /* appends */
/* Strict alphabet; optional padding is accepted; AOD_EINPUT otherwise. Appends. */
int aod_base64url_decode(aod_slice_t text, aod_buf_t *bytes, aod_error_t *err);

/* Append the JSON member "name":"text of bytes". */
void aod_base64url_member(aod_buf_t *json, const char *name, aod_slice_t bytes);

/* Ids: 32 bytes, 43 characters, canonical (unused bits zero). `text` gets a NUL. */
void aod_id_encode(const uint8_t id[32], char text[44]);
bool aod_id_decode(aod_slice_t text, uint8_t id[32]);

#endif
