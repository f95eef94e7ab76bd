#include "node/keys.h"

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "base/file.h"
#include "base/json.h"

enum { WALLET_BYTES_MAX = 65536 };

#define ACCOUNTS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)
#define X(n)        extern const char aod_embedded_account##n[];
ACCOUNTS(X)
#undef X
extern const char aod_embedded_node[];

aod_slice_t aod_test_account_jwk(int index) {
  static const char *const texts[] = {
#define X(n) aod_embedded_account##n,
      ACCOUNTS(X)
#undef X
  };
  aod_assert(index >= 0 && index < AOD_TEST_ACCOUNTS);
  return aod_text(texts[index]);
}

aod_slice_t aod_test_node_jwk(void) {
  return aod_text(aod_embedded_node);
}

int aod_jwk_address(aod_slice_t jwk, char address[44], aod_error_t *err) {
  json_t *json;
  int code = aod_json_parse(jwk, &json, err);
  if (code != AOD_OK) return code;
  aod_buf_t modulus = {0};
  uint8_t digest[32];
  code = aod_base64url_decode(aod_json_get_string(json, "n"), &modulus, err);
  aod_sha256(aod_buf_slice(&modulus), digest);
  aod_id_encode(digest, address);
  aod_buf_free(&modulus);
  json_decref(json);
  return code;
}

int aod_unit_wallet_load(const char *path, aod_signer_t **signer, aod_error_t *err) {
  aod_buf_t text = {0};
  int code = AOD_OK;
  if (path)
    code = aod_file_read(path, WALLET_BYTES_MAX, &text, err);
  else
    aod_buf_append(&text, aod_test_node_jwk());
  if (code == AOD_OK) code = aod_signer_from_jwk(aod_buf_slice(&text), signer, err);
  if (code != AOD_OK && path && err) aod_error_prefix(err, "wallet %s", path);
  aod_buf_free(&text);
  return code;
}
