#include "support/vectors.h"

#include "arweave/address.h"
#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "arweave/keccak.h"

static void names_owners_as_gateways_and_ao_do(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/addresses.json");
  VECTOR_EACH(file, "cases", i, vector) {
    aod_slice_t owner = vector_b64(vector, "owner_b64");
    uint8_t hash[32];
    char gateway[44], ao[44];
    aod_sha256(owner, hash);
    aod_id_encode(hash, gateway);
    assert_string_equal(gateway, vector_text(vector, "gateway_owner_address"));
    aod_owner_ao_address(owner, ao);
    assert_string_equal(ao, vector_text(vector, "ao_from"));
  }
  json_decref(file);
}

static void writes_published_ethereum_addresses(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/addresses.json");
  VECTOR_EACH(file, "published_eip55", i, vector) {
    char ao[44];
    aod_owner_ao_address(vector_b64(vector, "owner_b64"), ao);
    assert_string_equal(ao, vector_text(vector, "eip55"));
  }
  json_decref(file);
}

static void reads_the_checksum_form(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/addresses.json");
  size_t seen = 0;
  VECTOR_EACH(file, "cases", i, vector) {
    uint8_t plain[32], checked[32];
    assert_true(aod_address_decode(aod_text(vector_text(vector, "gateway_owner_address")), plain));
    if (!json_object_get(vector, "with_checksum")) continue;
    assert_true(aod_address_decode(aod_text(vector_text(vector, "with_checksum")), checked));
    assert_memory_equal(plain, checked, 32);
    seen++;
  }
  assert_int_equal(seen, 2);
  VECTOR_EACH(vector_get(file, "checksum_address"), "invalid", j, invalid) {
    uint8_t address[32];
    assert_false(aod_address_decode(aod_text(json_string_value(invalid)), address));
  }
  json_decref(file);
}

/* Lengths around the block of 136 bytes, where padding goes wrong. Expected values from
 * @noble/hashes (npm), first four bytes. */
static void keccak_pads_every_length(void **state) {
  (void)state;
  static const struct {
    size_t len;
    uint8_t head[4];
  } cases[] = {{0, {0xc5, 0xd2, 0x46, 0x01}},   {1, {0x3a, 0xc2, 0x25, 0x16}},
               {135, {0x34, 0x36, 0x7d, 0xc2}}, {136, {0xa6, 0xc4, 0xd4, 0x03}},
               {137, {0xd8, 0x69, 0xf6, 0x39}}, {271, {0x13, 0x2f, 0x47, 0xef}},
               {272, {0xcf, 0x7f, 0xcd, 0x4f}}, {273, {0x5a, 0x7b, 0x81, 0x87}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t bytes[512], digest[32];
    memset(bytes, 'a', sizeof bytes);
    aod_keccak256(aod_slice(bytes, cases[i].len), digest);
    assert_memory_equal(digest, cases[i].head, 4);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_owners_as_gateways_and_ao_do),
      cmocka_unit_test(writes_published_ethereum_addresses),
      cmocka_unit_test(reads_the_checksum_form),
      cmocka_unit_test(keccak_pads_every_length),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
