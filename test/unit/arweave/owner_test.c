/* What is remembered of public keys is what hashing them anew gives, whatever came in between. */
#include "support/check.h"

#include "arweave/hash.h"
#include "arweave/owner.h"

static void expect_derived(aod_slice_t key) {
  uint8_t address[32], digest[48];
  aod_sha256(key, address);
  aod_deep_hash_blob(key, digest);
  const aod__owner_t *owner = aod__owner(key);
  assert_memory_equal(owner->address, address, sizeof address);
  assert_memory_equal(owner->blob_digest, digest, sizeof digest);
}

static void answers_are_those_of_the_key(void **state) {
  enum { KEYS = 3 * AOD__OWNER_CACHE, BYTES_MAX = 1025 };
  static const size_t lens[] = {512, 65, 32, 42, 1025, 1};
  static uint8_t keys[KEYS][BYTES_MAX];
  (void)state;
  for (size_t i = 0; i < KEYS; i++) memset(keys[i], (int)(i / COUNT_OF(lens)), BYTES_MAX);
  uint32_t random = 1;
  for (int round = 0; round < 2000; round++) {
    random = random * 1664525 + 1013904223;
    size_t i = (random >> 16) % KEYS;
    expect_derived(aod_slice(keys[i], lens[i % COUNT_OF(lens)]));
  }
  expect_derived(AOD_EMPTY);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(answers_are_those_of_the_key)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
