/* A receipt signs the deep hash of "Bundlr" (the protocol's first name), version, id, deadline and
 * timestamp, all as texts. The key comes along in "public"; whose it is, the reader must know. */
#include "arweave/receipt.h"

#include <stdio.h>

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "arweave/scheme.h"
#include "base/json.h"

#define VERSION          "0.2.0"
#define EXACT_DOUBLE_MAX 9007199254740991.0

static void signed_hash(const char *version, const char *id, const char *deadline,
                        const char *timestamp, uint8_t digest[48]) {
  aod_deep_hash_t hash;
  aod_deep_hash_begin(&hash, 5);
  aod_deep_hash_add(&hash, AOD_TEXT("Bundlr"));
  aod_deep_hash_add(&hash, aod_text(version));
  aod_deep_hash_add(&hash, aod_text(id));
  aod_deep_hash_add(&hash, aod_text(deadline));
  aod_deep_hash_add(&hash, aod_text(timestamp));
  memcpy(digest, hash.state, sizeof hash.state);
}

/* ---- writing ---- */

static void write_hosts(aod_buf_t *json, const char *name, aod_slice_t host) {
  aod_json_key(json, name);
  aod_buf_byte(json, '[');
  if (host.len) aod_json_string(json, host);
  aod_buf_byte(json, ']');
}

static void write_members(const aod_receipt_t *receipt, const char *id, const aod_signer_t *signer,
                          aod_slice_t signature, aod_buf_t *json) {
  uint8_t address[32];
  aod_signer_address(signer, address);
  aod_json_separate(json);
  aod_buf_byte(json, '{');
  aod_json_key_string(json, "id", aod_text(id));
  aod_json_key_int(json, "timestamp", receipt->timestamp_ms);
  aod_json_key_string(json, "winc", receipt->winc.len ? receipt->winc : AOD_TEXT("0"));
  aod_json_key_string(json, "version", AOD_TEXT(VERSION));
  aod_json_key_int(json, "deadlineHeight", (int64_t)receipt->deadline_height);
  write_hosts(json, "dataCaches", receipt->host);
  write_hosts(json, "fastFinalityIndexes", receipt->host);
  aod_base64url_member(json, "public", aod_signer_owner(signer));
  aod_base64url_member(json, "signature", signature);
  aod_base64url_member(json, "owner", aod_slice(address, sizeof address));
  aod_buf_byte(json, '}');
}

int aod_receipt_write(const aod_receipt_t *receipt, const aod_signer_t *signer, aod_buf_t *json,
                      aod_error_t *err) {
  char id[44], deadline[24], timestamp[24];
  uint8_t digest[48];
  aod_buf_t signature = {0};
  aod_id_encode(receipt->id, id);
  snprintf(deadline, sizeof deadline, "%llu", (unsigned long long)receipt->deadline_height);
  snprintf(timestamp, sizeof timestamp, "%lld", (long long)receipt->timestamp_ms);
  signed_hash(VERSION, id, deadline, timestamp, digest);
  int rc = aod_signer_sign(signer, aod_slice(digest, sizeof digest), true, &signature, err);
  if (!rc) write_members(receipt, id, signer, aod_buf_slice(&signature), json);
  aod_buf_free(&signature);
  return rc;
}

/* ---- verifying ---- */

/* The digits of a number that was signed as text; false when it is no natural number. */
static bool digits_of(const json_t *json, const char *name, char text[24]) {
  const json_t *member = json_object_get(json, name);
  double value = json_number_value(member);
  if (!json_is_number(member) || !(value >= 0 && value <= EXACT_DOUBLE_MAX)) return false;
  if (value != (double)(uint64_t)value) return false;
  snprintf(text, 24, "%.0f", value);
  return true;
}

/* Receipts do not say of what type they are: the key's length does. */
static const aod_scheme_t *scheme_of_key(aod_slice_t key) {
  static const int types[] = {AOD_SCHEME_ARWEAVE, AOD_SCHEME_ED25519, AOD_SCHEME_ETHEREUM};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    const aod_scheme_t *scheme = aod_scheme_find(types[i]);
    if (scheme->owner_len == key.len) return scheme;
  }
  return NULL;
}

static int verify_signature(const json_t *json, const uint8_t digest[48], aod_error_t *err) {
  aod_buf_t key = {0}, signature = {0};
  int rc = aod_base64url_decode(aod_json_get_string(json, "public"), &key, NULL);
  if (!rc) rc = aod_base64url_decode(aod_json_get_string(json, "signature"), &signature, NULL);
  const aod_scheme_t *scheme = rc ? NULL : scheme_of_key(aod_buf_slice(&key));
  if (!scheme || signature.len != scheme->signature_len)
    rc = aod_fail(err, AOD_EINPUT, "receipt has no usable \"public\" and \"signature\"");
  else
    rc = scheme->verify(aod_buf_slice(&key), aod_buf_slice(&signature), aod_slice(digest, 48), err);
  aod_buf_free(&key);
  aod_buf_free(&signature);
  return rc;
}

int aod_receipt_verify(const json_t *json, const uint8_t id[32], aod_error_t *err) {
  char deadline[24], timestamp[24], wanted[44];
  uint8_t digest[48];
  aod_id_encode(id, wanted);
  if (!aod_slice_is(aod_json_get_string(json, "id"), wanted))
    return aod_fail(err, AOD_EINPUT, "receipt is not about item %s", wanted);
  const char *version = json_string_value(json_object_get(json, "version"));
  if (!version || !digits_of(json, "deadlineHeight", deadline) ||
      !digits_of(json, "timestamp", timestamp))
    return aod_fail(err, AOD_EINPUT,
                    "receipt has no usable \"version\", \"deadlineHeight\" and \"timestamp\"");
  signed_hash(version, wanted, deadline, timestamp, digest);
  return verify_signature(json, digest, err);
}
