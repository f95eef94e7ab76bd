#include "vm/cache.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arweave/hash.h"
#include "base/file.h"
#include "vm/compile.h"
#include "vm/translate.h"

enum { KEY_HEX = 40, COMPILER_HEX = 12, MAX_ENTRY_BYTES = 1 << 30 };

typedef struct {
  uint8_t sha256[32]; /* of everything before the trailer */
  uint64_t object_bytes, module_bytes;
  uint8_t magic[8];
} trailer_t;

static const uint8_t magic[8] = "aodcode1";

/* ---- names ---- */

static void append_hex(char *to, const uint8_t digest[32], size_t digits) {
  for (size_t i = 0; i < digits; i++)
    to[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
  to[digits] = 0;
}

/* A compiler is the program that lies there now: an upgrade changes size or time. */
static void hash_compiler(const char *compiler, uint8_t digest[32]) {
  struct stat status = {0};
  char text[512] = "none";
  if (compiler && !stat(compiler, &status))
    snprintf(text, sizeof text, "%s %lld %lld", compiler, (long long)status.st_size,
             (long long)status.st_mtime);
  aod_sha256(aod_text(text), digest);
}

void aod__entry_name(aod__entry_t *entry, aod_slice_t wasm, const aod_code_options_t *options,
                     const char *compiler) {
  char pipeline[300];
  int len = snprintf(pipeline, sizeof pipeline, "abi %d translator %d gas %x tier %d flags %s",
                     AOD_ABI_VERSION, AOD_TRANSLATOR_VERSION, options->gas_type, (int)options->tier,
                     aod__compiler_flags(options->tier));
  aod_assert(len > 0 && (size_t)len < sizeof pipeline);
  uint8_t digest[32];
  aod_slice_t parts[] = {aod_text(pipeline), AOD_TEXT("\0"), wasm};
  aod_sha256_parts(parts, 3, digest);
  append_hex(entry->name, digest, KEY_HEX);
  strcat(entry->name, "-");
  entry->key_len = strlen(entry->name);
  hash_compiler(compiler, digest);
  append_hex(entry->name + entry->key_len, digest, COMPILER_HEX);
  strcat(entry->name, ".so");
}

/* ---- loading ---- */

/* Check the trailer and cut out the module. */
static bool take_module(const aod_buf_t *file, aod_buf_t *module) {
  trailer_t trailer;
  if (file->len < sizeof trailer) return false;
  size_t len = file->len - sizeof trailer;
  memcpy(&trailer, file->ptr + len, sizeof trailer);
  if (memcmp(trailer.magic, magic, sizeof magic) || trailer.object_bytes > len ||
      trailer.module_bytes != len - trailer.object_bytes)
    return false;
  uint8_t digest[32];
  aod_sha256(aod_slice(file->ptr, len), digest);
  if (memcmp(digest, trailer.sha256, sizeof digest)) return false;
  aod_buf_append(module, aod_slice(file->ptr + trailer.object_bytes, trailer.module_bytes));
  return true;
}

static bool open_library(const char *path, aod_code_t *code) {
  code->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!code->library) return false;
  code->wasm = dlsym(code->library, "aod_wasm_code");
  if (code->wasm && code->wasm->abi_version == AOD_ABI_VERSION) return true;
  dlclose(code->library);
  code->library = NULL;
  return false;
}

/* Everything but the library. What a file that is open holds does not change: entries are replaced
 * by rename. */
static bool read_entry(int fd, char path[32], aod_code_t *code) {
  aod_buf_t file = {0};
  snprintf(path, 32, "/proc/self/fd/%d", fd);
  *code = (aod_code_t){.fd = -1};
  bool good =
      !aod_file_read(path, MAX_ENTRY_BYTES, &file, NULL) && take_module(&file, &code->bytes);
  aod_buf_free(&file);
  if (good && !aod_wasm_decode(aod_buf_slice(&code->bytes), &code->module, NULL)) return true;
  aod_buf_free(&code->bytes);
  return false;
}

bool aod__entry_open(int fd, aod_code_t *code) {
  char path[32];
  if (!read_entry(fd, path, code)) return false;
  if (open_library(path, code)) return true;
  aod_wasm_module_free(&code->module);
  aod_buf_free(&code->bytes);
  return false;
}

static bool load_path(const char *path, bool elsewhere, aod_code_t *code) {
  char by_fd[32];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool good = read_entry(fd, by_fd, code);
  if (good && elsewhere) {
    code->fd = fd;
    return true;
  }
  close(fd);
  if (good && open_library(path, code)) return true;
  if (good) aod_wasm_module_free(&code->module);
  aod_buf_free(&code->bytes);
  return false;
}

/* Whatever entry begins with the key. */
static bool load_any(const aod__entry_t *entry, const char *directory, bool elsewhere,
                     aod_code_t *code) {
  DIR *folder = opendir(directory);
  bool loaded = false;
  for (struct dirent *file; folder && !loaded && (file = readdir(folder));) {
    if (strncmp(file->d_name, entry->name, entry->key_len)) continue;
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/%s", directory, file->d_name);
    loaded = len > 0 && (size_t)len < sizeof path && load_path(path, elsewhere, code);
  }
  if (folder) closedir(folder);
  return loaded;
}

bool aod__entry_load(const aod__entry_t *entry, const char *directory, bool any_compiler,
                     bool elsewhere, aod_code_t *code) {
  if (!directory) return false;
  char path[4096];
  int len = snprintf(path, sizeof path, "%s/%s", directory, entry->name);
  if (len < 0 || (size_t)len >= sizeof path) return false;
  return load_path(path, elsewhere, code) ||
         (any_compiler && load_any(entry, directory, elsewhere, code));
}

/* ---- storing ---- */

static bool append_trailer(const char *built, aod_slice_t folded) {
  aod_buf_t object = {0};
  FILE *file = NULL;
  if (!aod_file_read(built, MAX_ENTRY_BYTES, &object, NULL)) file = fopen(built, "ab");
  trailer_t trailer = {.object_bytes = object.len, .module_bytes = folded.len};
  memcpy(trailer.magic, magic, sizeof magic);
  aod_slice_t parts[] = {aod_buf_slice(&object), folded};
  aod_sha256_parts(parts, 2, trailer.sha256);
  bool good = file && fwrite(folded.ptr, 1, folded.len, file) == folded.len &&
              fwrite(&trailer, sizeof trailer, 1, file) == 1;
  if (file && fclose(file)) good = false;
  aod_buf_free(&object);
  return good;
}

int aod__entry_store(const aod__entry_t *entry, const char *directory, const char *built,
                     aod_slice_t folded, aod_error_t *err) {
  char path[4096];
  int len = snprintf(path, sizeof path, "%s/%s", directory, entry->name);
  if (len < 0 || (size_t)len >= sizeof path) return aod_fail(err, AOD_EIO, "path too long");
  if (append_trailer(built, folded) && !rename(built, path)) return 0;
  return aod_fail(err, AOD_EIO, "%s: %s", path, strerror(errno));
}
