#include "arweave/address.h"

#include "arweave/base64url.h"
#include "arweave/ethereum.h"
#include "arweave/hash.h"

void aod_owner_ao_address(aod_slice_t owner, char text[AOD_AO_ADDRESS_CHARS + 1]) {
  if (owner.len == AOD__SECP256K1_KEY_BYTES) {
    aod_ethereum_address(owner.ptr, text);
    return;
  }
  uint8_t address[32];
  aod_sha256(owner, address);
  aod_id_encode(address, text);
}

/* IEEE 802.3, the one of zlib. Thirty-two bytes at a time need no table. */
static uint32_t crc32(const uint8_t bytes[32]) {
  uint32_t crc = ~0u;
  for (int i = 0; i < 32; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

static bool checksum_fits(aod_slice_t text, const uint8_t address[32]) {
  uint32_t crc = crc32(address);
  uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                      (uint8_t)crc};
  aod_buf_t expected = {0};
  aod_base64url_encode(aod_slice(bytes, sizeof bytes), &expected);
  bool fits = aod_slice_equal(text, aod_buf_slice(&expected));
  aod_buf_free(&expected);
  return fits;
}

bool aod_address_decode(aod_slice_t text, uint8_t address[32]) {
  aod_slice_t rest = text;
  aod_slice_t plain = aod_slice_cut(&rest, ':');
  return aod_id_decode(plain, address) && (!rest.ptr || checksum_fits(rest, address));
}
