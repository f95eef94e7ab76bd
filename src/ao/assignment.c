#include "ao/assignment.h"

#include <stdlib.h>

#include "ao/address.h"
#include "arweave/base64url.h"
#include "arweave/hash.h"

static size_t count_excludes(aod_slice_t exclude) {
  size_t count = exclude.len > 0;
  for (size_t i = 0; i < exclude.len; i++) count += exclude.ptr[i] == ',';
  return count;
}

static void add(aod_tags_t *tags, const char *name, aod_slice_t value) {
  tags->list[tags->count++] = (aod_tag_t){aod_text(name), value};
}

void aod_assignment_tags(const aod_assignment_t *a, aod_arena_t *arena, aod_tags_t *tags) {
  tags->count = 0;
  tags->list = aod_arena_alloc(arena, (10 + count_excludes(a->exclude)) * sizeof *tags->list);
  add(tags, "Process", aod_ao_id(arena, a->process));
  add(tags, "Epoch", aod_text(aod_arena_printf(arena, "%llu", (unsigned long long)a->epoch)));
  add(tags, "Nonce", aod_text(aod_arena_printf(arena, "%llu", (unsigned long long)a->nonce)));
  add(tags, "Hash-Chain", aod_ao_id(arena, a->hash_chain));
  add(tags, "Block-Height",
      aod_text(aod_arena_printf(arena, "%012llu", (unsigned long long)a->block_height)));
  add(tags, "Timestamp", aod_text(aod_arena_printf(arena, "%lld", (long long)a->timestamp_ms)));
  add(tags, "Data-Protocol", AOD_TEXT("ao"));
  add(tags, "Type", AOD_TEXT("Assignment"));
  add(tags, "Variant", AOD_TEXT("ao.TN.1"));
  if (a->has_message) add(tags, "Message", aod_ao_id(arena, a->message));
  for (aod_slice_t rest = a->exclude; rest.ptr && a->exclude.len;)
    add(tags, "Exclude", aod_slice_cut(&rest, ','));
}

static int read_id(const aod_item_t *item, const char *name, uint8_t id[32], aod_error_t *err) {
  aod_slice_t value;
  if (aod_tags_find(&item->tags, name, &value) && aod_id_decode(value, id)) return AOD_OK;
  return aod_fail(err, AOD_EINPUT, "assignment without a valid %s tag", name);
}

static int read_number(const aod_item_t *item, const char *name, uint64_t *number,
                       aod_error_t *err) {
  aod_slice_t value;
  if (aod_tags_find(&item->tags, name, &value) && aod_slice_to_u64(value, number) &&
      *number <= INT64_MAX)
    return AOD_OK;
  return aod_fail(err, AOD_EINPUT, "assignment without a valid %s tag", name);
}

int aod_assignment_parse(const aod_item_t *item, aod_assignment_t *a, aod_error_t *err) {
  *a = (aod_assignment_t){0};
  uint64_t timestamp = 0;
  int code = read_id(item, "Process", a->process, err);
  if (code == AOD_OK) code = read_number(item, "Epoch", &a->epoch, err);
  if (code == AOD_OK) code = read_number(item, "Nonce", &a->nonce, err);
  if (code == AOD_OK) code = read_id(item, "Hash-Chain", a->hash_chain, err);
  if (code == AOD_OK) code = read_number(item, "Block-Height", &a->block_height, err);
  if (code == AOD_OK) code = read_number(item, "Timestamp", &timestamp, err);
  a->timestamp_ms = (int64_t)timestamp;
  aod_slice_t message;
  a->has_message = aod_tags_find(&item->tags, "Message", &message);
  if (code == AOD_OK && a->has_message) code = read_id(item, "Message", a->message, err);
  return code;
}

void aod_hash_chain_first(const uint8_t process[32], uint8_t chain[32]) {
  aod_sha256(aod_slice(process, 32), chain);
}

void aod_hash_chain_next(const uint8_t assignment_id[32], const uint8_t previous[32],
                         uint8_t chain[32]) {
  aod_slice_t parts[] = {aod_slice(assignment_id, 32), aod_slice(previous, 32)};
  aod_sha256_parts(parts, 2, chain);
}

static int by_name_then_value(const void *left, const void *right) {
  const aod_tag_t *a = left, *b = right;
  int order = aod_slice_compare(a->name, b->name);
  return order ? order : aod_slice_compare(a->value, b->value);
}

void aod_dedupe_hash(const aod_item_t *item, aod_arena_t *arena, uint8_t hash[48]) {
  aod_tags_t sorted = {.list = aod_arena_alloc(arena, (item->tags.count + 1) * sizeof(aod_tag_t))};
  for (size_t i = 0; i < item->tags.count; i++)
    if (!aod_slice_is(item->tags.list[i].name, "Pushed-For"))
      sorted.list[sorted.count++] = item->tags.list[i];
  qsort(sorted.list, sorted.count, sizeof *sorted.list, by_name_then_value);
  aod_buf_t tag_bytes = {0};
  aod_tags_encode(&sorted, &tag_bytes);
  aod_slice_t parts[] = {AOD_TEXT("dataitem"),
                         AOD_TEXT("1"),
                         AOD_TEXT("1"),
                         AOD_EMPTY,
                         item->target,
                         item->anchor,
                         aod_buf_slice(&tag_bytes),
                         item->data};
  aod_deep_hash_t deep;
  aod_deep_hash_begin(&deep, 8);
  for (size_t i = 0; i < 8; i++) aod_deep_hash_add(&deep, parts[i]);
  memcpy(hash, deep.state, 48);
  aod_buf_free(&tag_bytes);
}

void aod_dedupe_hash_of_id(const uint8_t id[32], uint8_t hash[48]) {
  aod_sha384(aod_slice(id, 32), hash);
}
