#include "cli/fields.h"

#include <openssl/crypto.h>

#include "arweave/base64url.h"
#include "cli/input.h"

int aod_wallet_load(const char *path, aod_signer_t **signer, aod_error_t *err) {
  if (!path) return aod_fail(err, AOD_EUSAGE, "say whose key signs: --wallet FILE");
  aod_input_t input;
  aod_buf_t jwk = {0};
  int code = aod_input_open(&input, path, err);
  if (code != AOD_OK) return code;
  code = aod_input_read(&input, AOD_WALLET_BYTES_MAX, &jwk, err);
  aod_input_close(&input);
  if (code == AOD_OK && (code = aod_signer_from_jwk(aod_buf_slice(&jwk), signer, err)) != AOD_OK)
    aod_error_prefix(err, "wallet %s", path);
  if (jwk.ptr) OPENSSL_cleanse(jwk.ptr, jwk.cap);
  aod_buf_free(&jwk);
  return code;
}

int aod_fields_tags(const aod_option_list_t *words, aod_arena_t *arena, aod_tags_t *tags,
                    aod_error_t *err) {
  *tags = (aod_tags_t){.list = aod_arena_alloc(arena, (words->count + 1) * sizeof *tags->list)};
  for (size_t i = 0; i < words->count; i++) {
    aod_slice_t value = aod_text(words->values[i]), name = aod_slice_cut(&value, '=');
    if (!value.ptr)
      return aod_fail(err, AOD_EUSAGE, "a tag is NAME=VALUE, not \"%s\"", words->values[i]);
    tags->list[tags->count++] = (aod_tag_t){name, value};
  }
  return AOD_OK;
}

int aod_fields_id(const char *option, const char *text, aod_arena_t *arena, aod_slice_t *id,
                  aod_error_t *err) {
  *id = AOD_EMPTY;
  if (!text) return AOD_OK;
  uint8_t *bytes = aod_arena_alloc(arena, AOD_ID_BYTES);
  if (!aod_id_decode(aod_text(text), bytes))
    return aod_fail(err, AOD_EUSAGE, "%s needs an id of 43 characters, not \"%s\"", option, text);
  *id = aod_slice(bytes, AOD_ID_BYTES);
  return AOD_OK;
}

int aod_fields_anchor(const char *text, aod_arena_t *arena, aod_slice_t *anchor, aod_error_t *err) {
  *anchor = text ? aod_text(text) : AOD_EMPTY;
  if (!text || anchor->len == AOD_ID_BYTES) return AOD_OK;
  if (aod_fields_id("--anchor", text, arena, anchor, NULL) == AOD_OK) return AOD_OK;
  return aod_fail(err, AOD_EUSAGE,
                  "--anchor needs 32 characters, or 43 of base64url for any 32 bytes, not \"%s\"",
                  text);
}
