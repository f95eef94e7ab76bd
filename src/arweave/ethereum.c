/* Ethereum signatures over libsecp256k1.
 *
 * A signature yields the key that made it; verifying means recovering that key and comparing. The
 * recovery byte v is part of the item's id but of nothing signed, so a wrong v must not pass: it
 * would give one message two ids. The same holds for high S. */
#include "arweave/ethereum.h"

#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <sodium.h>
#include <stdio.h>

#include "arweave/keccak.h"

/* ---- the curve ---- */

/* Making signatures needs a context of our own; randomising it hides the secret's bits from who
 * measures time. Immutable afterwards, so threads share it. */
static secp256k1_context *signing_context;
static pthread_once_t signing_once = PTHREAD_ONCE_INIT;

static void signing_init(void) {
  uint8_t seed[32];
  aod_assert(sodium_init() >= 0);
  randombytes_buf(seed, sizeof seed);
  signing_context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
  aod_assert(signing_context && secp256k1_context_randomize(signing_context, seed));
}

static bool all_zero(const uint8_t bytes[32]) {
  return sodium_is_zero(bytes, 32);
}

static int recover(const uint8_t signature[64], int recovery, const uint8_t digest[32],
                   secp256k1_pubkey *key, aod_error_t *err) {
  const secp256k1_context *context = secp256k1_context_static;
  secp256k1_ecdsa_recoverable_signature parsed;
  secp256k1_ecdsa_signature plain;
  if (all_zero(signature) || all_zero(signature + 32) ||
      !secp256k1_ecdsa_recoverable_signature_parse_compact(context, &parsed, signature, recovery))
    return aod_fail(err, AOD_ESIGNATURE, "r or s of the signature is out of range");
  secp256k1_ecdsa_recoverable_signature_convert(context, &plain, &parsed);
  if (secp256k1_ecdsa_signature_normalize(context, NULL, &plain))
    return aod_fail(err, AOD_ESIGNATURE, "signature has a high S");
  if (!secp256k1_ecdsa_recover(context, key, &parsed, digest))
    return aod_fail(err, AOD_ESIGNATURE, "signature matches no key");
  return AOD_OK;
}

static void serialize(const secp256k1_pubkey *key, uint8_t *bytes, size_t len, unsigned flags) {
  size_t written = len;
  secp256k1_ec_pubkey_serialize(secp256k1_context_static, bytes, &written, key, flags);
  aod_assert(written == len);
}

/* The uncompressed key that made r s v. */
static int recover_rsv(const uint8_t rsv[65], const uint8_t digest[32], uint8_t key[65],
                       aod_error_t *err) {
  if (rsv[64] != 27 && rsv[64] != 28)
    return aod_fail(err, AOD_ESIGNATURE, "recovery byte of the signature is %d, not 27 or 28",
                    rsv[64]);
  secp256k1_pubkey recovered;
  int rc = recover(rsv, rsv[64] - 27, digest, &recovered, err);
  if (!rc) serialize(&recovered, key, AOD__SECP256K1_KEY_BYTES, SECP256K1_EC_UNCOMPRESSED);
  return rc;
}

int aod__secp256k1_recover(const uint8_t signature[64], int recovery, const uint8_t digest[32],
                           uint8_t compressed[33], aod_error_t *err) {
  if (recovery < 0 || recovery > 3)
    return aod_fail(err, AOD_ESIGNATURE, "recovery byte of the signature is %d, not 0 to 3",
                    recovery);
  secp256k1_pubkey recovered;
  int rc = recover(signature, recovery, digest, &recovered, err);
  if (!rc) serialize(&recovered, compressed, 33, SECP256K1_EC_COMPRESSED);
  return rc;
}

bool aod__secp256k1_public(const uint8_t secret[32], uint8_t public_key[65]) {
  pthread_once(&signing_once, signing_init);
  secp256k1_pubkey key;
  if (!secp256k1_ec_pubkey_create(signing_context, &key, secret)) return false;
  serialize(&key, public_key, AOD__SECP256K1_KEY_BYTES, SECP256K1_EC_UNCOMPRESSED);
  return true;
}

int aod__secp256k1_sign(const uint8_t secret[32], const uint8_t digest[32], uint8_t signature[64]) {
  pthread_once(&signing_once, signing_init);
  int recovery;
  secp256k1_ecdsa_recoverable_signature made;
  aod_assert(secp256k1_ecdsa_sign_recoverable(signing_context, &made, digest, secret, NULL, NULL));
  secp256k1_ecdsa_recoverable_signature_serialize_compact(signing_context, signature, &recovery,
                                                          &made);
  return recovery;
}

/* ---- addresses ---- */

static void address_bytes(const uint8_t owner[65], uint8_t address[20]) {
  uint8_t digest[32];
  aod_keccak256(aod_slice(owner + 1, 64), digest);
  memcpy(address, digest + 12, 20);
}

/* EIP-55: a letter is a capital where the hash of the lower-case text has a digit of 8 or more. */
void aod_ethereum_address(const uint8_t owner[65], char text[43]) {
  uint8_t address[20], digest[32];
  address_bytes(owner, address);
  memcpy(text, "0x", 2);
  sodium_bin2hex(text + 2, 41, address, sizeof address);
  aod_keccak256(aod_slice(text + 2, 40), digest);
  for (int i = 0; i < 40; i++) {
    uint8_t digit = i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4;
    if (digit >= 8 && text[2 + i] >= 'a') text[2 + i] -= 'a' - 'A';
  }
}

/* "0x" and 40 hex digits, in any case. */
static bool address_parse(aod_slice_t text, uint8_t address[20]) {
  size_t len;
  return text.len == AOD_ETHEREUM_ADDRESS_CHARS && aod_slice_starts(text, "0x") &&
         sodium_hex2bin(address, 20, (const char *)text.ptr + 2, 40, NULL, &len, NULL) == 0 &&
         len == 20;
}

/* ---- type 3: personal_sign ---- */

static void personal_digest(aod_slice_t message, uint8_t digest[32]) {
  aod_buf_t text = {0};
  aod_buf_printf(&text,
                 "\x19"
                 "Ethereum Signed Message:\n%zu",
                 message.len);
  aod_buf_append(&text, message);
  aod_keccak256(aod_buf_slice(&text), digest);
  aod_buf_free(&text);
}

int aod__ethereum_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                         aod_error_t *err) {
  uint8_t digest[32], key[AOD__SECP256K1_KEY_BYTES];
  if (owner.ptr[0] != 0x04)
    return aod_fail(err, AOD_ESIGNATURE, "owner begins with %02x: it is not an uncompressed key",
                    owner.ptr[0]);
  personal_digest(message, digest);
  int rc = recover_rsv(signature.ptr, digest, key, err);
  if (rc) return rc;
  if (!aod_slice_equal(aod_slice(key, sizeof key), owner))
    return aod_fail(err, AOD_ESIGNATURE, "Ethereum signature does not match the content and owner");
  return AOD_OK;
}

void aod__ethereum_sign(const uint8_t secret[32], aod_slice_t message, uint8_t signature[65]) {
  uint8_t digest[32];
  personal_digest(message, digest);
  signature[64] = (uint8_t)(27 + aod__secp256k1_sign(secret, digest, signature));
}

/* ---- type 7: EIP-712 ---- */

/* keccak("Bundlr(bytes Transaction hash,address address)") */
static const uint8_t type_hash[32] = {
    0xe7, 0xb4, 0x4f, 0x79, 0xdd, 0x1b, 0x5d, 0x1d, 0x62, 0x9d, 0xb3, 0xe0, 0x22, 0xdd, 0x9c, 0x4c,
    0x9f, 0x48, 0x79, 0xa7, 0x86, 0x35, 0x0d, 0x9c, 0x9e, 0xed, 0xaa, 0x14, 0x93, 0x7e, 0x7c, 0x06};
/* of the domain {name: "Bundlr", version: "1"} */
static const uint8_t domain_separator[32] = {
    0x78, 0x37, 0x59, 0xbf, 0xcc, 0xfc, 0x9c, 0xc1, 0x04, 0x71, 0x74, 0xa1, 0x32, 0xa7, 0xac, 0x3c,
    0x2b, 0x38, 0xcc, 0x64, 0xa6, 0x82, 0x5c, 0x3d, 0xab, 0x2c, 0xdc, 0x1d, 0x7a, 0x98, 0x94, 0xc8};

/* keccak(19 01 || domain || keccak(type || keccak(message) || address as 32 bytes)) */
static void typed_digest(aod_slice_t message, const uint8_t address[20], uint8_t digest[32]) {
  uint8_t structure[96] = {0}, whole[66] = {0x19, 0x01};
  memcpy(structure, type_hash, 32);
  aod_keccak256(message, structure + 32);
  memcpy(structure + 76, address, 20);
  memcpy(whole + 2, domain_separator, 32);
  aod_keccak256(aod_slice(structure, sizeof structure), whole + 34);
  aod_keccak256(aod_slice(whole, sizeof whole), digest);
}

int aod__typed_ethereum_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                               aod_error_t *err) {
  uint8_t address[20], recovered[20], digest[32], key[AOD__SECP256K1_KEY_BYTES];
  if (!address_parse(owner, address))
    return aod_fail(err, AOD_ESIGNATURE, "owner is not an Ethereum address");
  typed_digest(message, address, digest);
  int rc = recover_rsv(signature.ptr, digest, key, err);
  if (rc) return rc;
  address_bytes(key, recovered);
  if (memcmp(address, recovered, sizeof address) != 0)
    return aod_fail(err, AOD_ESIGNATURE, "Ethereum signature does not match the content and owner");
  return AOD_OK;
}
