/* The Range header (RFC 9110, one range of bytes). Pure. */
#ifndef AOD_HTTP_RANGE_H
#define AOD_HTTP_RANGE_H

#include "base/bytes.h"

/* Which bytes of `total` are asked for: 200 all of them (no range, another unit, or several ranges,
 * which a server may ignore), 206 *len bytes from *from, an end past the last byte being clamped,
 * 416 none of them exist, 400 malformed. *from and *len are set for 200 and 206. */
int aod_range_parse(aod_slice_t header, uint64_t total, uint64_t *from, uint64_t *len);

#endif
