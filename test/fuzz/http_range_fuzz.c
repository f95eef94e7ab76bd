/* The Range header: what is granted lies within the content. The first byte is the content's size.
 */
#include "base/error.h"
#include "http/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (len == 0) return 0;
  uint64_t total = data[0], from, count;
  int status = aod_range_parse(aod_slice(data + 1, len - 1), total, &from, &count);
  aod_assert(status == 200 || status == 206 || status == 400 || status == 416);
  if (status == 200) aod_assert(from == 0 && count == total);
  if (status == 206) aod_assert(count > 0 && from < total && count <= total - from);
  return 0;
}
