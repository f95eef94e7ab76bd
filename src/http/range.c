#include "http/range.h"

/* "-n": the last n bytes. */
static int suffix(aod_slice_t digits, uint64_t total, uint64_t *from, uint64_t *len) {
  uint64_t count;
  if (!aod_slice_to_u64(digits, &count)) return 400;
  if (count == 0 || total == 0) return 416;
  *len = count < total ? count : total;
  *from = total - *len;
  return 206;
}

int aod_range_parse(aod_slice_t header, uint64_t total, uint64_t *from, uint64_t *len) {
  *from = 0;
  *len = total;
  aod_slice_t rest = header;
  aod_slice_t unit = aod_slice_cut(&rest, '=');
  if (header.len == 0 || (rest.ptr && !aod_slice_is_nocase(aod_slice_trim(unit), "bytes")))
    return 200;
  if (!rest.ptr) return 400;
  if (memchr(rest.ptr, ',', rest.len)) return 200;
  aod_slice_t end = aod_slice_trim(rest);
  aod_slice_t start = aod_slice_cut(&end, '-');
  if (!end.ptr) return 400;
  if (start.len == 0) return suffix(end, total, from, len);
  uint64_t first, last = UINT64_MAX;
  if (!aod_slice_to_u64(start, &first)) return 400;
  if (end.len && (!aod_slice_to_u64(end, &last) || last < first)) return 400;
  if (first >= total) return 416;
  if (last > total - 1) last = total - 1;
  *from = first;
  *len = last - first + 1;
  return 206;
}
