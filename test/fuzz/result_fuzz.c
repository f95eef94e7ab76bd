/* What modules return: whatever it is, node, error and body are JSON, and only a result without
 * Error keeps the state. */
#include "ao/result.h"

static void expect_json(aod_slice_t text) {
  json_t *value;
  aod_assert(aod_json_parse(text, &value, NULL) == AOD_OK);
  json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  aod_result_t result;
  aod_buf_t body = {0};
  aod_result_from_text(aod_slice(data, len), 1, &result);
  aod_slice_t node = aod_buf_slice(&result.node), error = aod_buf_slice(&result.error);
  aod_assert(!result.keeps_state || error.len == 0);
  expect_json(node);
  if (error.len) expect_json(error);
  aod_result_write(node, error, result.gas_used, &body);
  expect_json(aod_buf_slice(&body));
  aod_buf_free(&body);
  aod_result_free(&result);
  return 0;
}
