/* Data items. Layout (arweave.md 2.1):
 *
 *   type:2 signature owner 0|1 [target:32] 0|1 [anchor:32] tag-count:8 tag-bytes:8 tags data
 *
 * The signature covers the deep hash of eight blobs, all of them raw: "dataitem", "1", the type in
 * decimal, owner, target, anchor, tags, data. Presence bytes and tag count stand outside of it, so
 * parsing is strict there: one id must not have two forms. */
#include "arweave/item.h"

#include <pthread.h>
#include <stdio.h>

#include "arweave/hash.h"
#include "arweave/item_internal.h"
#include "arweave/owner.h"
#include "arweave/scheme.h"

/* ---- parsing ---- */

/* What is still to be read, and how many bytes of the item would have been enough so far. */
typedef struct {
  aod_slice_t rest;
  size_t needed;
} reader_t;

static int take(reader_t *reader, size_t len, const char *what, aod_slice_t *part,
                aod_error_t *err) {
  reader->needed += len;
  if (reader->rest.len < len) return aod_fail(err, AOD_EINPUT, "item is truncated in its %s", what);
  *part = aod_slice_sub(reader->rest, 0, len);
  reader->rest = aod_slice_sub(reader->rest, len, reader->rest.len);
  return AOD_OK;
}

/* A presence byte and, when it is 1, 32 bytes. */
static int take_optional(reader_t *reader, const char *what, aod_slice_t *part, aod_error_t *err) {
  aod_slice_t presence;
  int rc = take(reader, 1, what, &presence, err);
  if (rc) return rc;
  *part = AOD_EMPTY;
  switch (presence.ptr[0]) {
  case 0:
    return AOD_OK;
  case 1:
    return take(reader, 32, what, part, err);
  default:
    return aod_fail(err, AOD_EINPUT, "presence byte of the %s is %d, not 0 or 1", what,
                    presence.ptr[0]);
  }
}

static int take_signature(reader_t *reader, aod_item_t *item, aod_error_t *err) {
  aod_slice_t type;
  int rc = take(reader, 2, "signature type", &type, err);
  if (rc) return rc;
  item->signature_type = aod_load_le16(type.ptr);
  const aod_scheme_t *scheme = aod_scheme_find(item->signature_type);
  if (!scheme) return aod_fail(err, AOD_EINPUT, "unknown signature type %d", item->signature_type);
  if ((rc = take(reader, scheme->signature_len, "signature", &item->signature, err))) return rc;
  return take(reader, scheme->owner_len, "owner", &item->owner, err);
}

static int take_tags(reader_t *reader, aod_arena_t *arena, aod_item_t *item, aod_error_t *err) {
  aod_slice_t counters;
  int rc = take(reader, 16, "tag counters", &counters, err);
  if (rc) return rc;
  uint64_t count = aod_load_le64(counters.ptr), len = aod_load_le64(counters.ptr + 8);
  if (len > AOD_TAG_BYTES_MAX)
    return aod_fail(err, AOD_EINPUT, "tags are too large: %llu bytes, at most %d are allowed",
                    (unsigned long long)len, AOD_TAG_BYTES_MAX);
  if ((rc = take(reader, (size_t)len, "tags", &item->tag_bytes, err))) return rc;
  return aod_tags_decode(item->tag_bytes, count, arena, &item->tags, err);
}

int aod__item_parse_header(aod_slice_t raw, aod_arena_t *arena, aod_item_t *item, size_t *needed,
                           aod_error_t *err) {
  reader_t reader = {.rest = raw};
  *item = (aod_item_t){.raw = raw};
  int rc = take_signature(&reader, item, err);
  if (!rc) rc = take_optional(&reader, "target", &item->target, err);
  if (!rc) rc = take_optional(&reader, "anchor", &item->anchor, err);
  if (!rc) rc = take_tags(&reader, arena, item, err);
  *needed = reader.needed;
  if (rc) return rc;
  item->data = reader.rest;
  aod_sha256(item->signature, item->id);
  memcpy(item->address, aod__owner(item->owner)->address, sizeof item->address);
  return AOD_OK;
}

int aod_item_parse(aod_slice_t raw, aod_arena_t *arena, aod_item_t *item, aod_error_t *err) {
  size_t needed;
  return aod__item_parse_header(raw, arena, item, &needed, err);
}

/* ---- the signed message ---- */

static pthread_once_t prefixes_once = PTHREAD_ONCE_INIT;
static aod_deep_hash_t prefixes[AOD_SCHEME_END_];

static void prefixes_init(void) {
  for (int type = 1; type < AOD_SCHEME_END_; type++) {
    char decimal[4];
    snprintf(decimal, sizeof decimal, "%d", type);
    aod_deep_hash_begin(&prefixes[type], 8);
    aod_deep_hash_add(&prefixes[type], AOD_TEXT("dataitem"));
    aod_deep_hash_add(&prefixes[type], AOD_TEXT("1"));
    aod_deep_hash_add(&prefixes[type], aod_text(decimal));
  }
}

/* The deep hash up to the owner depends on the type alone: half of its work, done once. */
void aod__item_hash_begin(const aod_item_t *item, aod_deep_hash_t *hash) {
  pthread_once(&prefixes_once, prefixes_init);
  aod_assert(item->signature_type > 0 && item->signature_type < AOD_SCHEME_END_);
  *hash = prefixes[item->signature_type];
  aod_deep_hash_add_digest(hash, aod__owner(item->owner)->blob_digest);
  aod_deep_hash_add(hash, item->target);
  aod_deep_hash_add(hash, item->anchor);
  aod_deep_hash_add(hash, item->tag_bytes);
}

void aod_item_deep_hash(const aod_item_t *item, uint8_t digest[48]) {
  aod_deep_hash_t hash;
  aod__item_hash_begin(item, &hash);
  aod_deep_hash_add(&hash, item->data);
  memcpy(digest, hash.state, sizeof hash.state);
}

int aod_item_verify(const aod_item_t *item, aod_error_t *err) {
  uint8_t digest[48];
  aod_item_deep_hash(item, digest);
  const aod_scheme_t *scheme = aod_scheme_find(item->signature_type);
  aod_assert(scheme); /* parse refuses other types */
  return scheme->verify(item->owner, item->signature, aod_slice(digest, sizeof digest), err);
}

/* ---- creating ---- */

static int fields_check(const aod_item_fields_t *fields, aod_error_t *err) {
  if (fields->target.len != 0 && fields->target.len != 32)
    return aod_fail(err, AOD_EINPUT, "target has %zu bytes, not 32", fields->target.len);
  if (fields->anchor.len != 0 && fields->anchor.len != 32)
    return aod_fail(err, AOD_EINPUT, "anchor has %zu bytes, not 32", fields->anchor.len);
  return aod_tags_check(&fields->tags, err);
}

static void append_optional(aod_buf_t *raw, aod_slice_t part) {
  aod_buf_byte(raw, part.len > 0);
  aod_buf_append(raw, part);
}

static void append_u64(aod_buf_t *raw, uint64_t value) {
  uint8_t bytes[8];
  aod_store_le64(bytes, value);
  aod_buf_append(raw, aod_slice(bytes, sizeof bytes));
}

static void append_header(const aod_item_t *item, aod_buf_t *raw) {
  aod_buf_byte(raw, (uint8_t)item->signature_type);
  aod_buf_byte(raw, (uint8_t)(item->signature_type >> 8));
  aod_buf_append(raw, item->signature);
  aod_buf_append(raw, item->owner);
  append_optional(raw, item->target);
  append_optional(raw, item->anchor);
  append_u64(raw, item->tags.count);
  append_u64(raw, item->tag_bytes.len);
  aod_buf_append(raw, item->tag_bytes);
}

/* Sign `item`, whose tag bytes are encoded already, and append its header. */
static int sign_and_append(aod_item_t *item, const uint8_t data_digest[48], bool deterministic,
                           const aod_signer_t *signer, aod_buf_t *raw, uint8_t *id,
                           aod_error_t *err) {
  aod_deep_hash_t hash;
  aod_buf_t signature = {0};
  aod__item_hash_begin(item, &hash);
  aod_deep_hash_add_digest(&hash, data_digest);
  aod_slice_t message = aod_slice(hash.state, sizeof hash.state);
  int rc = aod_signer_sign(signer, message, deterministic, &signature, err);
  if (!rc) {
    item->signature = aod_buf_slice(&signature);
    append_header(item, raw);
    if (id) aod_sha256(item->signature, id);
  }
  aod_buf_free(&signature);
  return rc;
}

int aod_item_sign_header(const aod_item_fields_t *fields, const uint8_t data_digest[48],
                         const aod_signer_t *signer, aod_buf_t *raw, uint8_t *id,
                         aod_error_t *err) {
  int rc = fields_check(fields, err);
  if (rc) return rc;
  aod_buf_t tag_bytes = {0};
  aod_tags_encode(&fields->tags, &tag_bytes);
  aod_item_t item = {.signature_type = aod_signer_type(signer),
                     .owner = aod_signer_owner(signer),
                     .target = fields->target,
                     .anchor = fields->anchor,
                     .tag_bytes = aod_buf_slice(&tag_bytes),
                     .tags = fields->tags};
  if (tag_bytes.len > AOD_TAG_BYTES_MAX)
    rc = aod_fail(err, AOD_EINPUT, "tags have %zu bytes, at most %d are allowed", tag_bytes.len,
                  AOD_TAG_BYTES_MAX);
  else
    rc = sign_and_append(&item, data_digest, fields->deterministic, signer, raw, id, err);
  aod_buf_free(&tag_bytes);
  return rc;
}

int aod_item_sign(const aod_item_fields_t *fields, const aod_signer_t *signer, aod_buf_t *raw,
                  uint8_t *id, aod_error_t *err) {
  uint8_t digest[48];
  aod_deep_hash_blob(fields->data, digest);
  int rc = aod_item_sign_header(fields, digest, signer, raw, id, err);
  if (!rc) aod_buf_append(raw, fields->data);
  return rc;
}
