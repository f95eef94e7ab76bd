/* base64url: what decodes is what its bytes encode to, padding aside; and back. */
#include <stdlib.h>

#include "arweave/address.h"
#include "arweave/base64url.h"

static aod_slice_t without_padding(aod_slice_t text) {
  while (text.len && text.ptr[text.len - 1] == '=') text.len--;
  return text;
}

static void expect_text_survives(aod_slice_t text) {
  aod_buf_t bytes = {0}, again = {0};
  if (aod_base64url_decode(text, &bytes, NULL) == AOD_OK) {
    aod_base64url_encode(aod_buf_slice(&bytes), &again);
    aod_assert(aod_slice_equal(aod_buf_slice(&again), without_padding(text)));
  }
  aod_buf_free(&bytes);
  aod_buf_free(&again);
}

static void expect_bytes_survive(aod_slice_t bytes) {
  aod_buf_t text = {0}, again = {0};
  aod_base64url_encode(bytes, &text);
  aod_assert(aod_base64url_decode(aod_buf_slice(&text), &again, NULL) == AOD_OK);
  aod_assert(aod_slice_equal(aod_buf_slice(&again), bytes));
  aod_buf_free(&text);
  aod_buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  aod_slice_t input = aod_slice(data, len);
  uint8_t id[32];
  char text[44];
  expect_text_survives(input);
  expect_bytes_survive(input);
  if (aod_id_decode(input, id)) {
    aod_id_encode(id, text);
    aod_assert(aod_slice_is(input, text));
  }
  aod_address_decode(input, id);
  return 0;
}
