/* ANS-104 data items: parse, verify, create. Pure functions. Source of layout and rules:
 * shared/spec/arweave.md sections 1 and 2. */
#ifndef AOD_ARWEAVE_ITEM_H
#define AOD_ARWEAVE_ITEM_H

#include "arweave/signer.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

enum { AOD_ID_BYTES = 32, AOD_ID_CHARS = 43, AOD_TAGS_MAX = 128, AOD_TAG_BYTES_MAX = 4096 };

typedef struct {
  aod_slice_t name, value;
} aod_tag_t;

typedef struct {
  aod_tag_t *list;
  size_t count;
} aod_tags_t;

/* A parsed item; every slice points into `raw`, the tag list into the arena given to parse. */
typedef struct {
  aod_slice_t raw;
  int signature_type;
  aod_slice_t signature, owner;
  aod_slice_t target, anchor; /* 32 bytes or empty */
  aod_slice_t tag_bytes;
  aod_tags_t tags;
  aod_slice_t data;
  uint8_t id[AOD_ID_BYTES];      /* SHA-256 of the signature */
  uint8_t address[AOD_ID_BYTES]; /* SHA-256 of the owner */
} aod_item_t;

/* Parse and check everything but the signature. AOD_EINPUT naming the reason. */
int aod_item_parse(aod_slice_t raw, aod_arena_t *arena, aod_item_t *item, aod_error_t *err);
/* Verify the signature of a parsed item. AOD_ESIGNATURE naming the reason. */
int aod_item_verify(const aod_item_t *item, aod_error_t *err);

/* The 48 bytes that the signature covers. */
void aod_item_deep_hash(const aod_item_t *item, uint8_t digest[48]);

/* What a new item is made of. target and anchor: 32 raw bytes or empty. */
typedef struct {
  aod_slice_t target, anchor;
  aod_tags_t tags;
  aod_slice_t data;
  bool deterministic; /* the same fields and key give the same id (aod_signer_sign) */
} aod_item_fields_t;

/* Sign and append the finished item to `raw`; id (32 bytes) may be NULL.
 * AOD_EINPUT when a field breaks the format's limits. Thread-safe. */
int aod_item_sign(const aod_item_fields_t *fields, const aod_signer_t *signer, aod_buf_t *raw,
                  uint8_t *id, aod_error_t *err);

/* The same for data that is too large to hold: `fields->data` is ignored, `data_digest` is its deep
 * hash as a blob (aod_blob_hash_finish), and only what stands before the data is appended. */
int aod_item_sign_header(const aod_item_fields_t *fields, const uint8_t data_digest[48],
                         const aod_signer_t *signer, aod_buf_t *raw, uint8_t *id, aod_error_t *err);

/* First value of the tag `name` (case-sensitive); false when there is none. */
bool aod_tags_find(const aod_tags_t *tags, const char *name, aod_slice_t *value);
/* Is there a tag `name` with exactly this value? */
bool aod_tags_has(const aod_tags_t *tags, const char *name, const char *value);

/* The limits for tags of new items, stricter than for items read: at most 128, names of 1 to 1024
 * bytes, values of at most 3072. AOD_EINPUT naming the tag. */
int aod_tags_check(const aod_tags_t *tags, aod_error_t *err);

/* Avro form of the tags as items carry them (empty for no tags). */
void aod_tags_encode(const aod_tags_t *tags, aod_buf_t *bytes);
/* The inverse; slices point into `bytes`. `count` is field 8 of the item. */
int aod_tags_decode(aod_slice_t bytes, uint64_t count, aod_arena_t *arena, aod_tags_t *tags,
                    aod_error_t *err);
/* The same with another limit than an item's 128: transactions may have more tags. */
int aod_tags_decode_many(aod_slice_t bytes, uint64_t count, size_t max, aod_arena_t *arena,
                         aod_tags_t *tags, aod_error_t *err);

#endif
