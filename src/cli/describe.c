#include "cli/describe.h"

#include <stdio.h>

#include "arweave/address.h"
#include "arweave/base64url.h"
#include "arweave/scheme.h"
#include "base/json.h"

void aod_describe_id(aod_buf_t *json, const char *name, const uint8_t id[32]) {
  aod_base64url_member(json, name, aod_slice(id, 32));
}

void aod_describe_hex(aod_buf_t *json, const char *name, aod_slice_t bytes) {
  aod_json_key(json, name);
  aod_buf_byte(json, '"');
  for (size_t i = 0; i < bytes.len; i++) aod_buf_printf(json, "%02x", bytes.ptr[i]);
  aod_buf_byte(json, '"');
}

void aod_describe_tags(aod_buf_t *json, const aod_tags_t *tags) {
  aod_json_key(json, "tags");
  aod_buf_byte(json, '[');
  for (size_t i = 0; i < tags->count; i++) {
    const aod_tag_t *tag = &tags->list[i];
    aod_json_separate(json);
    aod_buf_byte(json, '{');
    aod_json_key_string(json, "name", tag->name);
    aod_json_key_string(json, "value", tag->value);
    if (!aod_utf8_valid(tag->name)) aod_base64url_member(json, "nameBase64url", tag->name);
    if (!aod_utf8_valid(tag->value)) aod_base64url_member(json, "valueBase64url", tag->value);
    aod_buf_byte(json, '}');
  }
  aod_buf_byte(json, ']');
}

void aod_describe_item(aod_buf_t *json, const aod_item_t *item) {
  char ao_address[AOD_AO_ADDRESS_CHARS + 1];
  const aod_scheme_t *scheme = aod_scheme_find(item->signature_type);
  aod_owner_ao_address(item->owner, ao_address);
  if (item->owner.len == 0) aod_id_encode(item->address, ao_address); /* recovered, not carried */
  aod_describe_id(json, "id", item->id);
  aod_json_key_int(json, "signatureType", item->signature_type);
  aod_json_key_string(json, "signatureName", aod_text(scheme->name));
  aod_base64url_member(json, "owner", item->owner);
  aod_describe_id(json, "address", item->address);
  aod_json_key_string(json, "aoAddress", aod_text(ao_address));
  aod_base64url_member(json, "target", item->target);
  aod_base64url_member(json, "anchor", item->anchor);
  aod_describe_tags(json, &item->tags);
}

void aod_describe_data(aod_buf_t *json, uint64_t len, const uint8_t sha256[32]) {
  aod_json_key_int(json, "dataLength", (int64_t)len);
  aod_describe_hex(json, "dataSha256", aod_slice(sha256, 32));
}

bool aod_describe_is_verdict(int code) {
  return code == AOD_OK || code == AOD_EINPUT || code == AOD_ESIGNATURE || code == AOD_ELIMIT;
}

void aod_describe_verdict(aod_buf_t *json, int code, const aod_error_t *err) {
  aod_json_key_bool(json, "valid", code == AOD_OK);
  if (code != AOD_OK) aod_json_key_string(json, "reason", aod_text(err->message));
}

void aod_describe_print(aod_buf_t *json) {
  aod_buf_byte(json, '\n');
  fwrite(json->ptr, 1, json->len, stdout);
  aod_buf_free(json);
}
