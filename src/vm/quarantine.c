#include "vm/quarantine.h"

#include "arweave/hash.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#include <dirent.h>

enum { NAME_BYTES = 16 /* of the hash */, FILES_MAX = 100 };

static void write_line(aod_slice_t msg, aod_slice_t env, aod_slice_t reason, aod_buf_t *line) {
  aod_buf_byte(line, '{');
  aod_json_key_string(line, "reason", reason);
  aod_json_key_raw(line, "msg", msg);
  aod_json_key_raw(line, "env", env);
  aod_buf_text(line, "}\n");
}

static void name_file(const char *directory, aod_slice_t msg, aod_buf_t *path) {
  uint8_t digest[32];
  aod_sha256(msg, digest);
  aod_buf_printf(path, "%s/", directory);
  for (int i = 0; i < NAME_BYTES; i++) aod_buf_printf(path, "%02x", digest[i]);
  aod_buf_text(path, ".jsonl");
  aod_buf_terminate(path);
}

static bool is_full(const char *directory) {
  DIR *folder = opendir(directory);
  size_t count = 0;
  for (struct dirent *file; folder && (file = readdir(folder));) count += file->d_name[0] != '.';
  if (folder) closedir(folder);
  return count >= FILES_MAX;
}

static int keep(const char *directory, aod_slice_t msg, aod_slice_t env, aod_slice_t reason,
                aod_buf_t *path, aod_error_t *err) {
  aod_buf_t line = {0};
  name_file(directory, msg, path);
  if (!aod_file_exists((const char *)path->ptr) && is_full(directory))
    return aod_fail(err, AOD_ELIMIT, "%s holds %d already", directory, FILES_MAX);
  write_line(msg, env, reason, &line);
  int code = aod_dir_create(directory, err);
  if (code == AOD_OK)
    code = aod_file_write((const char *)path->ptr, aod_buf_slice(&line), 0600, err);
  aod_buf_free(&line);
  return code;
}

void aod__quarantine(const char *directory, aod_slice_t msg, aod_slice_t env, aod_slice_t reason) {
  aod_buf_t path = {0};
  aod_error_t err = {.message = "no folder for it"};
  if (directory && keep(directory, msg, env, reason, &path, &err) == AOD_OK)
    aod_log(AOD_LOG_ERROR, "vm", "%.*s; it is kept in %s", AOD_ARG(reason), (const char *)path.ptr);
  else
    aod_log(AOD_LOG_ERROR, "vm", "%.*s; it is not kept: %s", AOD_ARG(reason), err.message);
  aod_buf_free(&path);
}
