/* Tags in the Avro form that items carry:
 *
 *   { count { name-length name value-length value }* }* 0
 *
 * Every number is a zig-zag varint. Writers emit one block with a positive count; readers must also
 * take several blocks, and negative counts that are followed by the block's size in bytes. The
 * section is at most 4 KiB, so each length in it is checked against what is left of it. */
#include "arweave/item.h"

enum { NAME_BYTES_MAX = 1024, VALUE_BYTES_MAX = 3072, VARINT_BYTES_MAX = 10 };

/* ---- writing ---- */

static void put_long(aod_buf_t *bytes, uint64_t value) {
  for (value *= 2; value >= 0x80; value >>= 7) aod_buf_byte(bytes, (uint8_t)(value | 0x80));
  aod_buf_byte(bytes, (uint8_t)value);
}

static void put_bytes(aod_buf_t *bytes, aod_slice_t text) {
  put_long(bytes, text.len);
  aod_buf_append(bytes, text);
}

void aod_tags_encode(const aod_tags_t *tags, aod_buf_t *bytes) {
  if (tags->count == 0) return;
  put_long(bytes, tags->count);
  for (size_t i = 0; i < tags->count; i++) {
    put_bytes(bytes, tags->list[i].name);
    put_bytes(bytes, tags->list[i].value);
  }
  aod_buf_byte(bytes, 0);
}

int aod_tags_check(const aod_tags_t *tags, aod_error_t *err) {
  if (tags->count > AOD_TAGS_MAX)
    return aod_fail(err, AOD_EINPUT, "%zu tags, at most %d are allowed", tags->count, AOD_TAGS_MAX);
  for (size_t i = 0; i < tags->count; i++) {
    const aod_tag_t *tag = &tags->list[i];
    if (tag->name.len == 0) return aod_fail(err, AOD_EINPUT, "tag %zu has an empty name", i + 1);
    if (tag->name.len > NAME_BYTES_MAX)
      return aod_fail(err, AOD_EINPUT, "name of tag %zu has %zu bytes, at most %d are allowed",
                      i + 1, tag->name.len, NAME_BYTES_MAX);
    if (tag->value.len > VALUE_BYTES_MAX)
      return aod_fail(err, AOD_EINPUT,
                      "value of tag \"%.*s\" has %zu bytes, at most %d are allowed",
                      AOD_ARG(tag->name), tag->value.len, VALUE_BYTES_MAX);
  }
  return AOD_OK;
}

/* ---- reading ---- */

static int truncated(aod_error_t *err) {
  return aod_fail(err, AOD_EINPUT, "tags end early (truncated Avro)");
}

static int take_long(aod_slice_t *rest, int64_t *value, aod_error_t *err) {
  uint64_t zigzag = 0;
  for (size_t i = 0; i < VARINT_BYTES_MAX; i++) {
    if (i == rest->len) return truncated(err);
    uint8_t byte = rest->ptr[i];
    zigzag |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte & 0x80) continue;
    *value = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
    *rest = aod_slice_sub(*rest, i + 1, rest->len);
    return AOD_OK;
  }
  return aod_fail(err, AOD_EINPUT, "bad Avro in tags: a number has more than 10 bytes");
}

static int take_bytes(aod_slice_t *rest, aod_slice_t *text, aod_error_t *err) {
  int64_t len;
  int rc = take_long(rest, &len, err);
  if (rc) return rc;
  if (len < 0) return aod_fail(err, AOD_EINPUT, "bad Avro in tags: negative length");
  if ((uint64_t)len > rest->len) return truncated(err);
  *text = aod_slice_sub(*rest, 0, (size_t)len);
  *rest = aod_slice_sub(*rest, (size_t)len, rest->len);
  return AOD_OK;
}

static int take_tag(aod_slice_t *rest, aod_tag_t *tag, aod_error_t *err) {
  int rc = take_bytes(rest, &tag->name, err);
  return rc ? rc : take_bytes(rest, &tag->value, err);
}

/* The number of tags in the next block; 0 ends the array. */
static int take_block_count(aod_slice_t *rest, uint64_t *count, aod_error_t *err) {
  int64_t value, size_bytes;
  int rc = take_long(rest, &value, err);
  if (rc) return rc;
  *count = value < 0 ? -(uint64_t)value : (uint64_t)value;
  return value < 0 ? take_long(rest, &size_bytes, err) : AOD_OK;
}

/* Append the blocks of one array to `list`, which has room for `max`. */
static int take_array(aod_slice_t *rest, aod_tag_t *list, size_t max, size_t *count,
                      aod_error_t *err) {
  for (;;) {
    uint64_t block;
    int rc = take_block_count(rest, &block, err);
    if (rc || block == 0) return rc;
    for (uint64_t i = 0; i < block; i++) {
      aod_tag_t tag;
      if ((rc = take_tag(rest, &tag, err))) return rc;
      if (*count == max) return aod_fail(err, AOD_EINPUT, "more than %zu tags", max);
      list[(*count)++] = tag;
    }
  }
}

int aod_tags_decode_many(aod_slice_t bytes, uint64_t count, size_t max, aod_arena_t *arena,
                         aod_tags_t *tags, aod_error_t *err) {
  aod_tag_t few[AOD_TAGS_MAX], *list = few;
  if (max > AOD_TAGS_MAX) list = aod_arena_alloc(arena, max * sizeof *list);
  size_t found = 0;
  if (bytes.len > 0) {
    int rc = take_array(&bytes, list, max, &found, err);
    if (rc) return rc;
    if (bytes.len > 0)
      return aod_fail(err, AOD_EINPUT, "bad Avro in tags: %zu bytes after their end", bytes.len);
  }
  if (found != count)
    return aod_fail(err, AOD_EINPUT, "tag count says %llu, but there are %zu tags",
                    (unsigned long long)count, found);
  tags->count = found;
  tags->list = list;
  if (list == few) tags->list = found ? aod_arena_alloc(arena, found * sizeof *list) : NULL;
  if (list == few && found) memcpy(tags->list, few, found * sizeof *list);
  return AOD_OK;
}

int aod_tags_decode(aod_slice_t bytes, uint64_t count, aod_arena_t *arena, aod_tags_t *tags,
                    aod_error_t *err) {
  return aod_tags_decode_many(bytes, count, AOD_TAGS_MAX, arena, tags, err);
}

/* ---- looking up ---- */

bool aod_tags_find(const aod_tags_t *tags, const char *name, aod_slice_t *value) {
  for (size_t i = 0; i < tags->count; i++) {
    if (!aod_slice_is(tags->list[i].name, name)) continue;
    if (value) *value = tags->list[i].value;
    return true;
  }
  return false;
}

bool aod_tags_has(const aod_tags_t *tags, const char *name, const char *value) {
  for (size_t i = 0; i < tags->count; i++)
    if (aod_slice_is(tags->list[i].name, name) && aod_slice_is(tags->list[i].value, value))
      return true;
  return false;
}
