/* Ed25519 over libsodium, which refuses S >= L and keys of small order. noble (arbundles) tests the
 * cofactored equation, libsodium the plain one: they differ only for keys crafted to show it. */
#include "arweave/ed25519.h"

#include <sodium.h>
#include <stdio.h>

enum { SLOTS = 32, KEY_BYTES = 32, SIGNATURE_BYTES = 64, HEX_CHARS_MAX = 128 };

int aod__ed25519_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                        aod_error_t *err) {
  if (crypto_sign_verify_detached(signature.ptr, message.ptr, message.len, owner.ptr) != 0)
    return aod_fail(err, AOD_ESIGNATURE, "Ed25519 signature does not match the content and owner");
  return AOD_OK;
}

static void hex(aod_slice_t message, char text[HEX_CHARS_MAX + 1]) {
  aod_assert(message.len <= HEX_CHARS_MAX / 2);
  sodium_bin2hex(text, HEX_CHARS_MAX + 1, message.ptr, message.len);
}

int aod__solana_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                       aod_error_t *err) {
  char digits[HEX_CHARS_MAX + 1];
  hex(message, digits);
  return aod__ed25519_verify(owner, signature, aod_text(digits), err);
}

int aod__aptos_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                      aod_error_t *err) {
  char digits[HEX_CHARS_MAX + 1], text[HEX_CHARS_MAX + 64];
  hex(message, digits);
  snprintf(text, sizeof text, "APTOS\nmessage: %s\nnonce: bundlr", digits);
  return aod__ed25519_verify(owner, signature, aod_text(text), err);
}

/* Owner: 32 keys and a threshold. Signature: 32 signatures and a bitmap of the slots in use,
 * highest bit first. arbundles ignores the threshold and so accepts items that nobody signed. */
int aod__multi_aptos_verify(aod_slice_t owner, aod_slice_t signature, aod_slice_t message,
                            aod_error_t *err) {
  const uint8_t *bitmap = signature.ptr + SLOTS * SIGNATURE_BYTES;
  int threshold = owner.ptr[SLOTS * KEY_BYTES], signers = 0;
  for (size_t i = 0; i < SLOTS; i++) signers += bitmap[i / 8] >> (7 - i % 8) & 1;
  if (signers < (threshold ? threshold : 1))
    return aod_fail(err, AOD_ESIGNATURE, "%d signers, below the threshold of %d", signers,
                    threshold ? threshold : 1);
  for (size_t i = 0; i < SLOTS; i++) {
    if (!(bitmap[i / 8] >> (7 - i % 8) & 1)) continue;
    int rc = aod__ed25519_verify(aod_slice_sub(owner, i * KEY_BYTES, KEY_BYTES),
                                 aod_slice_sub(signature, i * SIGNATURE_BYTES, SIGNATURE_BYTES),
                                 message, err);
    if (rc) return rc;
  }
  return AOD_OK;
}
