#include "ao/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>

#include "arweave/base64url.h"

/* ---- writing ---- */

static void add_slice(aod_tags_t *tags, const char *name, aod_slice_t value) {
  aod_assert(tags->count < AOD_CHECKPOINT_TAGS_MAX);
  tags->list[tags->count++] = (aod_tag_t){aod_text(name), value};
}

static void add(aod_tags_t *tags, const char *name, const char *value) {
  add_slice(tags, name, aod_text(value));
}

static void add_id(aod_tags_t *tags, const char *name, const uint8_t id[32], aod_arena_t *arena) {
  char *text = aod_arena_alloc(arena, AOD_ID_CHARS + 1);
  aod_id_encode(id, text);
  add(tags, name, text);
}

static const char *hex(const uint8_t digest[32], aod_arena_t *arena) {
  char *text = aod_arena_alloc(arena, 65);
  for (int i = 0; i < 32; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
  return text;
}

void aod_checkpoint_tags(const aod_checkpoint_t *checkpoint, const char *unit, aod_arena_t *arena,
                         aod_tags_t *tags) {
  const char *nonce = aod_arena_printf(arena, "%" PRIu64, checkpoint->nonce);
  *tags =
      (aod_tags_t){.list = aod_arena_alloc(arena, AOD_CHECKPOINT_TAGS_MAX * sizeof *tags->list)};
  add(tags, "Data-Protocol", "ao");
  add(tags, "Variant", "ao.TN.1");
  add(tags, "Type", "Checkpoint");
  add_id(tags, "Module", checkpoint->module, arena);
  add_id(tags, "Process", checkpoint->process, arena);
  add(tags, "Nonce", nonce);
  add(tags, "Timestamp", aod_arena_printf(arena, "%" PRId64, checkpoint->timestamp_ms));
  add(tags, "Block-Height", aod_arena_printf(arena, "%" PRIu64, checkpoint->block_height));
  add(tags, "Content-Type", "application/octet-stream");
  add(tags, "SHA-256", hex(checkpoint->sha256, arena));
  add(tags, "Content-Encoding", "gzip");
  add(tags, "Unit-Identifier", unit);
  add(tags, "Ordinate", nonce);
  add_id(tags, "Assignment", checkpoint->assignment, arena);
  add_id(tags, "Hash-Chain", checkpoint->hash_chain, arena);
  if (checkpoint->cron.len)
    add_slice(tags, "Cron-Interval", aod_arena_copy(arena, checkpoint->cron));
}

/* ---- reading ---- */

static int wrong(const char *name, aod_error_t *err) {
  return aod_fail(err, AOD_EINPUT, "its tag %s is missing or wrong", name);
}

static int expect(const aod_tags_t *tags, const char *name, const char *value, aod_error_t *err) {
  aod_slice_t text;
  return aod_tags_find(tags, name, &text) && aod_slice_is(text, value) ? AOD_OK : wrong(name, err);
}

static bool read_id(const aod_tags_t *tags, const char *name, uint8_t id[32]) {
  aod_slice_t text;
  return aod_tags_find(tags, name, &text) && aod_id_decode(text, id);
}

static bool read_number(const aod_tags_t *tags, const char *name, uint64_t *number) {
  aod_slice_t text;
  return aod_tags_find(tags, name, &text) && aod_slice_to_u64(text, number) && *number < INT64_MAX;
}

static int digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_sha256(const aod_tags_t *tags, uint8_t digest[32]) {
  aod_slice_t text;
  if (!aod_tags_find(tags, "SHA-256", &text) || text.len != 64) return false;
  for (int i = 0; i < 32; i++) {
    int high = digit(text.ptr[2 * i]), low = digit(text.ptr[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    digest[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

static int read_encoding(const aod_tags_t *tags, bool *gzip, aod_error_t *err) {
  aod_slice_t text;
  *gzip = aod_tags_find(tags, "Content-Encoding", &text) && aod_slice_is_nocase(text, "gzip");
  if (*gzip || !aod_tags_find(tags, "Content-Encoding", &text) ||
      aod_slice_is_nocase(text, "identity"))
    return AOD_OK;
  return aod_fail(err, AOD_EUNSUPPORTED, "its Content-Encoding is unknown");
}

int aod_checkpoint_parse(const aod_tags_t *tags, aod_checkpoint_t *checkpoint, aod_error_t *err) {
  uint64_t timestamp_ms = 0;
  *checkpoint = (aod_checkpoint_t){0};
  int code = expect(tags, "Data-Protocol", "ao", err);
  if (code == AOD_OK) code = expect(tags, "Type", "Checkpoint", err);
  if (code == AOD_OK) code = read_encoding(tags, &checkpoint->gzip, err);
  if (code != AOD_OK) return code;
  if (!read_id(tags, "Process", checkpoint->process)) return wrong("Process", err);
  if (!read_id(tags, "Module", checkpoint->module)) return wrong("Module", err);
  if (!read_number(tags, "Nonce", &checkpoint->nonce)) return wrong("Nonce", err);
  if (!read_number(tags, "Timestamp", &timestamp_ms)) return wrong("Timestamp", err);
  if (!read_number(tags, "Block-Height", &checkpoint->block_height))
    return wrong("Block-Height", err);
  if (!read_sha256(tags, checkpoint->sha256)) return wrong("SHA-256", err);
  checkpoint->timestamp_ms = (int64_t)timestamp_ms;
  checkpoint->has_assignment = read_id(tags, "Assignment", checkpoint->assignment);
  checkpoint->has_hash_chain = read_id(tags, "Hash-Chain", checkpoint->hash_chain);
  aod_tags_find(tags, "Cron-Interval", &checkpoint->cron);
  return AOD_OK;
}

bool aod_checkpoint_is_earlier(const aod_checkpoint_t *a, const aod_checkpoint_t *b) {
  if (a->nonce != b->nonce) return a->nonce < b->nonce;
  return a->timestamp_ms < b->timestamp_ms;
}
