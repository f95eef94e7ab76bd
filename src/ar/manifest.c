#include "ar/manifest.h"

#include "arweave/base64url.h"
#include "base/json.h"

/* {"id": "..."} */
static bool read_id(const json_t *entry, uint8_t id[AOD_ID_BYTES]) {
  return json_is_object(entry) && aod_id_decode(aod_json_get_string(entry, "id"), id);
}

static bool find_path(const json_t *paths, aod_slice_t path, uint8_t id[AOD_ID_BYTES]) {
  const char *name;
  json_t *entry;
  json_object_foreach((json_t *)paths, name, entry) {
    if (aod_slice_is(path, name)) return read_id(entry, id);
  }
  return false;
}

static int resolve(const json_t *manifest, aod_slice_t path, uint8_t id[AOD_ID_BYTES],
                   aod_error_t *err) {
  const json_t *paths = json_object_get(manifest, "paths");
  if (!aod_slice_is(aod_json_get_string(manifest, "manifest"), "arweave/paths") ||
      !json_is_object(paths))
    return aod_fail(err, AOD_EINPUT, "the content is no path manifest");
  const json_t *index = json_object_get(manifest, "index");
  if (path.len == 0) {
    if (read_id(index, id)) return AOD_OK;
    path = aod_json_get_string(index, "path");
  }
  if (find_path(paths, path, id) || read_id(json_object_get(manifest, "fallback"), id))
    return AOD_OK;
  return aod_fail(err, AOD_ENOTFOUND, "not found in the manifest");
}

int aod__manifest_resolve(aod_slice_t json, aod_slice_t path, uint8_t id[AOD_ID_BYTES],
                          aod_error_t *err) {
  json_t *manifest;
  int code = aod_json_parse(json, &manifest, err);
  if (code != AOD_OK) return code;
  code = resolve(manifest, path, id, err);
  json_decref(manifest);
  return code;
}
