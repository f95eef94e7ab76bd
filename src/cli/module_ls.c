/* What the caches have: the one beside the program, which the build filled, and the user's. */
#include "cli/module.h"

#include <stdlib.h>

#include "base/json.h"
#include "cli/describe.h"
#include "node/cache.h"
#include "vm/cache.h"

typedef struct {
  aod_buf_t *json;
  const uint8_t *sha256; /* only of this module; NULL: of all */
  uint64_t bytes;
} list_t;

static void describe_info(aod_buf_t *json, const aod_cache_info_t *info, bool usable) {
  aod__module_describe_hash(json, info->wasm_sha256);
  aod_json_key_string(json, "tier", aod_text(aod_tier_name((aod_tier_t)info->tier)));
  aod_json_key_bool(json, "metered", info->gas_type != 0);
  aod_json_key_string(json, "compiler", aod_text(info->compiler));
  aod_json_key_bool(json, "usable", usable);
}

static void describe_row(void *context, const aod_cache_row_t *row) {
  list_t *list = context;
  if (list->sha256 && (!row->whole || memcmp(row->info.wasm_sha256, list->sha256, 32))) return;
  aod_buf_t *json = list->json;
  list->bytes += row->bytes;
  aod_json_separate(json);
  aod_buf_byte(json, '{');
  aod_json_key_string(json, "path", aod_text(row->path));
  aod_json_key_bool(json, "whole", row->whole);
  if (row->whole) describe_info(json, &row->info, row->usable);
  aod_json_key_int(json, "bytes", (int64_t)row->bytes);
  aod_json_key_int(json, "ageMs", row->age_ms);
  aod_buf_byte(json, '}');
}

uint64_t aod__module_describe_entries(aod_buf_t *json, const uint8_t *sha256) {
  list_t list = {.json = json, .sha256 = sha256};
  char *directories[] = {aod_build_modules_dir(), aod_cache_dir()};
  aod_json_key(json, "entries");
  aod_buf_byte(json, '[');
  for (int i = 0; i < 2; i++) {
    bool again = i > 0 && strcmp(directories[i], directories[0]) == 0;
    if (!again) aod_cache_each(directories[i], describe_row, &list);
  }
  aod_buf_byte(json, ']');
  for (int i = 0; i < 2; i++) free(directories[i]);
  return list.bytes;
}

int aod__module_ls(void *options, const aod_option_list_t *words, aod_error_t *err) {
  (void)options, (void)words, (void)err;
  aod_buf_t json = {0};
  aod_buf_byte(&json, '{');
  uint64_t bytes = aod__module_describe_entries(&json, NULL);
  aod_json_key_int(&json, "bytes", (int64_t)bytes);
  aod_buf_byte(&json, '}');
  aod_describe_print(&json);
  return AOD_OK;
}
