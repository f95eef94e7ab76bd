/* Bundle payload:
 *
 *   count:32  { size:32 id:32 }*  items back to back
 *
 * Numbers are 256-bit little-endian; what does not fit 64 bits cannot fit the payload either. Sizes
 * come from strangers: every sum is checked against what is left, never computed first. */
#include "arweave/bundle.h"

#include "arweave/hash.h"
#include "arweave/scheme.h"

enum { NUMBER_BYTES = 32, ENTRY_BYTES = 64 };

/* ---- header ---- */

/* False when the number does not fit 64 bits. */
static bool load_number(const uint8_t bytes[NUMBER_BYTES], uint64_t *number) {
  *number = aod_load_le64(bytes);
  for (size_t i = 8; i < NUMBER_BYTES; i++)
    if (bytes[i]) return false;
  return true;
}

static void store_number(uint8_t bytes[NUMBER_BYTES], uint64_t number) {
  memset(bytes, 0, NUMBER_BYTES);
  aod_store_le64(bytes, number);
}

static const uint8_t *header_entry(const aod_bundle_t *bundle, size_t index) {
  return bundle->payload.ptr + NUMBER_BYTES + index * ENTRY_BYTES;
}

static size_t items_offset(const aod_bundle_t *bundle) {
  return NUMBER_BYTES + bundle->count * ENTRY_BYTES;
}

static int check_sizes(const aod_bundle_t *bundle, aod_error_t *err) {
  size_t left = bundle->payload.len - items_offset(bundle);
  for (size_t i = 0; i < bundle->count; i++) {
    uint64_t size;
    if (!load_number(header_entry(bundle, i), &size) || size > left)
      return aod_fail(err, AOD_EINPUT, "bundle is truncated: item %zu runs past its end", i);
    left -= (size_t)size;
  }
  return AOD_OK;
}

int aod_bundle_parse(aod_slice_t payload, aod_bundle_t *bundle, aod_error_t *err) {
  uint64_t count;
  if (payload.len < NUMBER_BYTES)
    return aod_fail(err, AOD_EINPUT, "bundle is truncated: %zu bytes", payload.len);
  if (!load_number(payload.ptr, &count) || count > (payload.len - NUMBER_BYTES) / ENTRY_BYTES)
    return aod_fail(err, AOD_EINPUT, "bundle is truncated: it has no room for its list of items");
  *bundle = (aod_bundle_t){payload, (size_t)count};
  return check_sizes(bundle, err);
}

bool aod_bundle_next(const aod_bundle_t *bundle, aod_bundle_cursor_t *cursor,
                     aod_bundle_entry_t *entry) {
  if (cursor->index == bundle->count) return false;
  if (cursor->index == 0) cursor->offset = items_offset(bundle);
  const uint8_t *announced = header_entry(bundle, cursor->index);
  entry->offset = cursor->offset;
  entry->raw = aod_slice_sub(bundle->payload, cursor->offset, (size_t)aod_load_le64(announced));
  memcpy(entry->id, announced + NUMBER_BYTES, AOD_ID_BYTES);
  cursor->index++;
  cursor->offset += entry->raw.len;
  return true;
}

int aod_bundle_entry_parse(const aod_bundle_entry_t *entry, aod_arena_t *arena, aod_item_t *item,
                           aod_error_t *err) {
  int rc = aod_item_parse(entry->raw, arena, item, err);
  if (!rc && memcmp(entry->id, item->id, AOD_ID_BYTES) != 0)
    rc = aod_fail(err, AOD_EINPUT, "id mismatch: the bundle's list has another id for this item");
  return rc;
}

/* ---- building ---- */

static int item_id(aod_slice_t raw, uint8_t id[AOD_ID_BYTES]) {
  const aod_scheme_t *scheme = raw.len < 2 ? NULL : aod_scheme_find(aod_load_le16(raw.ptr));
  if (!scheme || raw.len < 2 + scheme->signature_len) return AOD_EINPUT;
  aod_sha256(aod_slice_sub(raw, 2, scheme->signature_len), id);
  return AOD_OK;
}

int aod_bundle_build(const aod_slice_t *items, size_t count, aod_buf_t *payload, aod_error_t *err) {
  size_t before = payload->len;
  uint8_t entry[ENTRY_BYTES];
  store_number(entry, count);
  aod_buf_append(payload, aod_slice(entry, NUMBER_BYTES));
  for (size_t i = 0; i < count; i++) {
    store_number(entry, items[i].len);
    if (item_id(items[i], entry + NUMBER_BYTES)) {
      payload->len = before;
      return aod_fail(err, AOD_EINPUT, "item %zu of the bundle is not a signed item", i);
    }
    aod_buf_append(payload, aod_slice(entry, sizeof entry));
  }
  for (size_t i = 0; i < count; i++) aod_buf_append(payload, items[i]);
  return AOD_OK;
}

bool aod_tags_announce_bundle(const aod_tags_t *tags) {
  return aod_tags_has(tags, "Bundle-Format", "binary") &&
         aod_tags_has(tags, "Bundle-Version", "2.0.0");
}

/* ---- nested bundles ---- */

typedef struct {
  aod_bundle_limits_t limits;
  int (*visit)(void *context, const aod_bundle_visit_t *visit);
  void *context;
  size_t items; /* visited so far */
  aod_error_t *err;
} walk_t;

static int walk_bundle(walk_t *walk, const aod_bundle_t *bundle, const aod_item_t *parent,
                       size_t base, size_t depth);

static int check_item(const walk_t *walk, const aod_item_t *item, size_t depth, aod_bundle_t *inner,
                      aod_error_t *err) {
  int rc = walk->limits.verify ? aod_item_verify(item, err) : AOD_OK;
  if (rc || !aod_tags_announce_bundle(&item->tags)) return rc;
  if (depth + 1 >= walk->limits.depth_max)
    return aod_fail(err, AOD_ELIMIT, "bundles are nested deeper than %zu", walk->limits.depth_max);
  return aod_bundle_parse(item->data, inner, err);
}

/* The item lives in the caller's arena. */
static int visit_entry(walk_t *walk, aod_bundle_entry_t entry, const aod_item_t *parent,
                       size_t base, size_t depth, aod_arena_t *arena) {
  aod_error_t problem;
  aod_bundle_t inner = {0};
  aod_item_t item;
  bool parsed = aod_bundle_entry_parse(&entry, arena, &item, &problem) == AOD_OK;
  bool valid = parsed && check_item(walk, &item, depth, &inner, &problem) == AOD_OK;
  entry.offset += base;
  aod_bundle_visit_t visit = {entry, parsed ? &item : NULL, parent, depth, valid ? NULL : &problem};
  int rc = walk->visit(walk->context, &visit);
  if (rc < 0 || !valid || inner.count == 0) return rc < 0 ? rc : AOD_OK;
  return walk_bundle(walk, &inner, &item, entry.offset + (size_t)(item.data.ptr - entry.raw.ptr),
                     depth + 1);
}

static int walk_entry(walk_t *walk, aod_bundle_entry_t entry, const aod_item_t *parent, size_t base,
                      size_t depth) {
  if (walk->items++ == walk->limits.item_max)
    return aod_fail(walk->err, AOD_ELIMIT, "more than %zu items in the bundle",
                    walk->limits.item_max);
  aod_arena_t arena = {0};
  int rc = visit_entry(walk, entry, parent, base, depth, &arena);
  aod_arena_free(&arena);
  return rc;
}

static int walk_bundle(walk_t *walk, const aod_bundle_t *bundle, const aod_item_t *parent,
                       size_t base, size_t depth) {
  aod_bundle_cursor_t cursor = {0};
  aod_bundle_entry_t entry;
  while (aod_bundle_next(bundle, &cursor, &entry)) {
    int rc = walk_entry(walk, entry, parent, base, depth);
    if (rc) return rc;
  }
  return AOD_OK;
}

int aod_bundle_walk(aod_slice_t payload, aod_bundle_limits_t limits,
                    int (*visit)(void *context, const aod_bundle_visit_t *visit), void *context,
                    aod_error_t *err) {
  aod_bundle_t bundle;
  int rc = aod_bundle_parse(payload, &bundle, err);
  if (rc) return rc;
  walk_t walk = {.limits = limits, .visit = visit, .context = context, .err = err};
  return walk_bundle(&walk, &bundle, NULL, 0, 0);
}
