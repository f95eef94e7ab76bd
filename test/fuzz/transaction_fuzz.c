/* The JSON form of transactions: what is read, written and read again is signed alike. */
#include <stdlib.h>

#include "arweave/transaction.h"

static void expect_same(const aod_transaction_t *a, const aod_transaction_t *b) {
  uint8_t digest_a[48], digest_b[48];
  aod_transaction_deep_hash(a, digest_a);
  aod_transaction_deep_hash(b, digest_b);
  aod_assert(memcmp(digest_a, digest_b, sizeof digest_a) == 0);
  aod_assert(memcmp(a->id, b->id, sizeof a->id) == 0);
  aod_assert(a->format == b->format && aod_slice_equal(a->data, b->data));
  aod_assert(aod_transaction_verify(a, NULL) == aod_transaction_verify(b, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  aod_arena_t arena = {0};
  aod_transaction_t transaction, again;
  aod_error_t err;
  if (aod_transaction_parse(aod_slice(data, len), &arena, &transaction, &err) == AOD_OK) {
    aod_buf_t json = {0};
    aod_transaction_write(&transaction, true, &json);
    aod_assert(aod_transaction_parse(aod_buf_slice(&json), &arena, &again, NULL) == AOD_OK);
    expect_same(&transaction, &again);
    aod_buf_free(&json);
  }
  aod_arena_free(&arena);
  return 0;
}
