#include "cli/info.h"

#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

static void write_info(const aod_network_info_t *info, aod_buf_t *json) {
  aod_buf_byte(json, '{');
  for (int i = 0; i < AOD_PORTS; i++)
    if (info->urls[i]) aod_json_key_string(json, aod_port_names[i], aod_text(info->urls[i]));
  aod_json_key_string(json, "scheduler", aod_text(info->address));
  aod_json_key_string(json, "authority", aod_text(info->authority));
  aod_json_key(json, "modules");
  aod_buf_byte(json, '{');
  for (size_t i = 0; i < info->module_count; i++)
    aod_json_key_string(json, info->modules[i].name, aod_text(info->modules[i].id));
  aod_buf_byte(json, '}');
  aod_json_key(json, "accounts");
  aod_buf_byte(json, '[');
  for (size_t i = 0; i < info->account_count; i++) {
    aod_json_separate(json);
    aod_buf_byte(json, '{');
    aod_json_key_string(json, "address", aod_text(info->accounts[i].address));
    aod_json_key_string(json, "jwk", aod_text(info->accounts[i].jwk_path));
    aod_buf_byte(json, '}');
  }
  aod_buf_byte(json, ']');
  aod_json_key_int(json, "pid", getpid());
  aod_buf_text(json, "}\n");
}

int aod_info_write_file(const aod_network_info_t *info, const char *path, aod_error_t *err) {
  aod_buf_t json = {0};
  write_info(info, &json);
  int code = aod_file_write(path, aod_buf_slice(&json), 0644, err);
  aod_buf_free(&json);
  return code;
}
