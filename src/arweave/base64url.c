/* base64url over libsodium, whose decoder is strict already: it refuses foreign characters, a
 * length of 1 mod 4, and unused bits that are not zero. */
#include "arweave/base64url.h"

#include <sodium.h>

#include "base/json.h"

enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

void aod_base64url_encode(aod_slice_t bytes, aod_buf_t *text) {
  size_t cap = sodium_base64_encoded_len(bytes.len, VARIANT); /* with its NUL */
  aod_buf_reserve(text, cap);
  sodium_bin2base64((char *)text->ptr + text->len, cap, bytes.ptr, bytes.len, VARIANT);
  text->len += cap - 1;
}

void aod_base64url_member(aod_buf_t *json, const char *name, aod_slice_t bytes) {
  aod_json_key(json, name);
  aod_buf_byte(json, '"');
  aod_base64url_encode(bytes, json);
  aod_buf_byte(json, '"');
}

/* Padding is a courtesy to writers of plain base64; it must then be the right amount. */
static bool strip_padding(aod_slice_t *text) {
  if (text->len == 0 || text->ptr[text->len - 1] != '=') return true;
  if (text->len % 4 != 0) return false;
  text->len -= text->ptr[text->len - 2] == '=' ? 2 : 1;
  return true;
}

int aod_base64url_decode(aod_slice_t text, aod_buf_t *bytes, aod_error_t *err) {
  if (!strip_padding(&text)) return aod_fail(err, AOD_EINPUT, "base64url text has wrong padding");
  size_t cap = text.len / 4 * 3 + 3, len = 0;
  aod_buf_reserve(bytes, cap);
  if (text.len == 0) return AOD_OK;
  if (sodium_base642bin(bytes->ptr + bytes->len, cap, (const char *)text.ptr, text.len, NULL, &len,
                        NULL, VARIANT) != 0)
    return aod_fail(err, AOD_EINPUT, "text is not base64url");
  bytes->len += len;
  return AOD_OK;
}

void aod_id_encode(const uint8_t id[32], char text[44]) {
  sodium_bin2base64(text, 44, id, 32, VARIANT);
}

bool aod_id_decode(aod_slice_t text, uint8_t id[32]) {
  size_t len;
  return text.len == 43 && sodium_base642bin(id, 32, (const char *)text.ptr, text.len, NULL, &len,
                                             NULL, VARIANT) == 0;
}
