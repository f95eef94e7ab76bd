#include "ar/chunk_json.h"

#include "ar/limits.h"
#include "arweave/base64url.h"
#include "base/json.h"

static int read_bytes(const json_t *json, const char *name, aod_arena_t *arena, aod_slice_t *bytes,
                      aod_error_t *err) {
  const json_t *member = json_object_get(json, name);
  aod_buf_t decoded = {0};
  bool good = json_is_string(member) &&
              aod_base64url_decode(aod_json_slice(member), &decoded, NULL) == AOD_OK;
  if (good) *bytes = aod_arena_copy(arena, aod_buf_slice(&decoded));
  aod_buf_free(&decoded);
  return good ? AOD_OK : aod_fail(err, AOD_EINPUT, "invalid_json");
}

/* A decimal text, or a number that is exact. */
static bool read_number(const json_t *json, const char *name, uint64_t *number) {
  const json_t *member = json_object_get(json, name);
  if (json_is_string(member)) return aod_slice_to_u64(aod_json_slice(member), number);
  double value = json_number_value(member);
  if (!json_is_number(member) || !(value >= 0 && value <= 9007199254740991.0)) return false;
  *number = (uint64_t)value;
  return (double)*number == value;
}

static int read_members(const json_t *json, aod_arena_t *arena, aod__chunk_t *chunk,
                        aod_error_t *err) {
  int code = read_bytes(json, "data_root", arena, &chunk->data_root, err);
  if (code == AOD_OK) code = read_bytes(json, "data_path", arena, &chunk->path, err);
  if (code == AOD_OK) code = read_bytes(json, "chunk", arena, &chunk->bytes, err);
  if (code != AOD_OK) return code;
  if (!json_object_get(json, "offset")) return aod_fail(err, AOD_EINPUT, "offset_field_required");
  if (!read_number(json, "data_size", &chunk->data_size) ||
      !read_number(json, "offset", &chunk->offset))
    return aod_fail(err, AOD_EINPUT, "invalid_json");
  return AOD_OK;
}

static int check_sizes(const aod__chunk_t *chunk, aod_error_t *err) {
  const char *word = chunk->data_root.len != AOD_ID_BYTES            ? "invalid_json"
                     : chunk->bytes.len > AOD_CHUNK_BYTES_MAX        ? "chunk_too_big"
                     : chunk->path.len > AOD_DATA_PATH_BYTES_MAX     ? "data_path_too_big"
                     : chunk->data_size > AOD__TRANSACTION_BYTES_MAX ? "data_size_too_big"
                     : chunk->offset > AOD__TRANSACTION_BYTES_MAX    ? "offset_too_big"
                                                                     : NULL;
  return word ? aod_fail(err, AOD_EINPUT, "%s", word) : AOD_OK;
}

int aod__chunk_parse(aod_slice_t text, aod_arena_t *arena, aod__chunk_t *chunk, aod_error_t *err) {
  json_t *json;
  *chunk = (aod__chunk_t){0};
  if (aod_json_parse(text, &json, NULL) != AOD_OK) return aod_fail(err, AOD_EINPUT, "invalid_json");
  int code = read_members(json, arena, chunk, err);
  json_decref(json);
  return code == AOD_OK ? check_sizes(chunk, err) : code;
}

/* A proof must be worth its bytes, unless the chunk is the last one. */
int aod__chunk_check(const aod__chunk_t *chunk, aod_chunk_t *place, aod_error_t *err) {
  if (aod_chunk_verify(chunk->data_root.ptr, chunk->offset, chunk->data_size, chunk->path,
                       chunk->bytes, place, NULL) != AOD_OK ||
      place->end == place->start)
    return aod_fail(err, AOD_EINPUT, "invalid_proof");
  if (chunk->path.len > chunk->bytes.len && place->end != chunk->data_size)
    return aod_fail(err, AOD_EINPUT, "chunk_proof_ratio_not_attractive");
  return AOD_OK;
}
