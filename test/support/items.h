/* Signed items for tests: wallets, tags from lists of words, items from fields. Everything made
 * here lives in `items_arena`; items_free, called after each test, lets go of it. Not thread-safe:
 * make items before starting threads. */
#ifndef AOD_TEST_SUPPORT_ITEMS_H
#define AOD_TEST_SUPPORT_ITEMS_H

#include "support/check.h"

#include "arweave/base64url.h"
#include "arweave/item.h"
#include "arweave/signer.h"

static aod_arena_t items_arena;

static inline void items_free(void) {
  aod_arena_free(&items_arena);
}

/* The RSA wallet of development networks, account `number`, or -1 for the units' own. */
static inline aod_signer_t *wallet_open(int number) {
  char path[4096];
  if (number < 0)
    snprintf(path, sizeof path, "%s/src/node/keys/node.jwk.json", AOD_SOURCE_DIR);
  else
    snprintf(path, sizeof path, "%s/src/node/keys/account%d.jwk.json", AOD_SOURCE_DIR, number);
  aod_buf_t jwk = {0};
  aod_signer_t *signer = NULL;
  aod_error_t err;
  check_ok(aod_file_read(path, 65536, &jwk, &err), &err);
  check_ok(aod_signer_from_jwk(aod_buf_slice(&jwk), &signer, &err), &err);
  aod_buf_free(&jwk);
  return signer;
}

/* A new wallet whose signatures cost next to nothing. */
static inline aod_signer_t *wallet_quick(void) {
  aod_signer_t *signer = NULL;
  aod_error_t err;
  check_ok(aod_signer_generate("ed25519", &signer, &err), &err);
  return signer;
}

/* Tags of "name", "value", …, NULL. */
static inline aod_tags_t tags_of(const char *name, ...) __attribute__((sentinel));
static inline aod_tags_t tags_of(const char *name, ...) {
  aod_tags_t tags = {.list = aod_arena_alloc(&items_arena, AOD_TAGS_MAX * sizeof *tags.list)};
  va_list words;
  va_start(words, name);
  while (name) {
    const char *value = va_arg(words, const char *);
    tags.list[tags.count++] = (aod_tag_t){aod_arena_copy(&items_arena, aod_text(name)),
                                          aod_arena_copy(&items_arena, aod_text(value))};
    name = va_arg(words, const char *);
  }
  va_end(words);
  return tags;
}

/* An anchor that was not given out before: quick wallets sign the same content with the same id. */
static inline aod_slice_t anchor_new(void) {
  static int number;
  return aod_text(aod_arena_printf(&items_arena, "%032d", ++number));
}

static inline aod_slice_t item_sign(const aod_signer_t *signer, const aod_item_fields_t *fields) {
  aod_buf_t raw = {0};
  aod_error_t err;
  check_ok(aod_item_sign(fields, signer, &raw, NULL, &err), &err);
  aod_slice_t copy = aod_arena_copy(&items_arena, aod_buf_slice(&raw));
  aod_buf_free(&raw);
  return copy;
}

static inline aod_item_t item_parse(aod_slice_t raw) {
  aod_item_t item;
  aod_error_t err;
  check_ok(aod_item_parse(raw, &items_arena, &item, &err), &err);
  return item;
}

static inline aod_item_t item_make(const aod_signer_t *signer, const aod_item_fields_t *fields) {
  return item_parse(item_sign(signer, fields));
}

/* The 43 characters of an id. */
static inline const char *id_text(const uint8_t *id) {
  char text[44];
  aod_id_encode(id, text);
  return (const char *)aod_arena_copy(&items_arena, aod_text(text)).ptr;
}

static inline const uint8_t *id_of(const char *text) {
  uint8_t *id = aod_arena_alloc(&items_arena, 32);
  assert_true(aod_id_decode(aod_text(text), id));
  return id;
}

static inline const char *base64url_text(aod_slice_t bytes) {
  aod_buf_t text = {0};
  aod_base64url_encode(bytes, &text);
  aod_slice_t copy = aod_arena_copy(&items_arena, aod_buf_slice(&text));
  aod_buf_free(&text);
  return (const char *)copy.ptr;
}

/* "name=value name=value": tags as one text, for comparing them with their order. */
static inline aod_slice_t tags_text(const aod_tags_t *tags) {
  aod_buf_t text = {0};
  for (size_t i = 0; i < tags->count; i++)
    aod_buf_printf(&text, "%s%.*s=%.*s", i ? " " : "", AOD_ARG(tags->list[i].name),
                   AOD_ARG(tags->list[i].value));
  aod_slice_t copy = aod_arena_copy(&items_arena, aod_buf_slice(&text));
  aod_buf_free(&text);
  return copy;
}

#endif
