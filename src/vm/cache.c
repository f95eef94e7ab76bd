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
#include "base/clock.h"
#include "base/file.h"
#include "vm/compile.h"
#include "vm/translate.h"

enum { KEY_HEX = 40, COMPILER_HEX = 12, MAX_ENTRY_BYTES = 1 << 30 };
enum { WORK_MS_MAX = 4 * 3600 * 1000 };

typedef struct {
  uint64_t object_bytes, module_bytes;
  aod_cache_info_t info;
  uint8_t magic[8];
  uint8_t sha256[32]; /* of everything before it */
} trailer_t;

_Static_assert(sizeof(trailer_t) == 216, "no byte of a trailer is padding");

static const uint8_t magic[8] = "aodcode2";

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

static aod_cache_info_t info_of(const uint8_t wasm_sha256[32], const aod_code_options_t *options,
                                const char *compiler) {
  aod_cache_info_t info = {.abi = AOD_ABI_VERSION,
                           .translator = AOD_TRANSLATOR_VERSION,
                           .tier = options->tier,
                           .gas_type = options->gas_type};
  memcpy(info.wasm_sha256, wasm_sha256, sizeof info.wasm_sha256);
  snprintf(info.compiler, sizeof info.compiler, "%s", compiler ? compiler : "");
  return info;
}

void aod__entry_name(aod__entry_t *entry, const uint8_t wasm_sha256[32],
                     const aod_code_options_t *options, const char *compiler) {
  char pipeline[300];
  int len = snprintf(pipeline, sizeof pipeline, "%.8s abi %d translator %d gas %x tier %d flags %s",
                     (const char *)magic, AOD_ABI_VERSION, AOD_TRANSLATOR_VERSION,
                     options->gas_type, (int)options->tier, aod__compiler_flags(options->tier));
  aod_assert(len > 0 && (size_t)len < sizeof pipeline);
  uint8_t digest[32];
  aod_slice_t parts[] = {aod_text(pipeline), AOD_TEXT("\0"), aod_slice(wasm_sha256, 32)};
  aod_sha256_parts(parts, 3, digest);
  append_hex(entry->name, digest, KEY_HEX);
  strcat(entry->name, "-");
  entry->key_len = strlen(entry->name);
  hash_compiler(compiler, digest);
  append_hex(entry->name + entry->key_len, digest, COMPILER_HEX);
  strcat(entry->name, ".so");
  entry->info = info_of(wasm_sha256, options, compiler);
}

/* ---- loading ---- */

static bool check_trailer(const aod_buf_t *file, trailer_t *trailer) {
  if (file->len < sizeof *trailer) return false;
  size_t len = file->len - sizeof *trailer;
  uint8_t digest[32];
  memcpy(trailer, file->ptr + len, sizeof *trailer);
  if (memcmp(trailer->magic, magic, sizeof magic) || trailer->object_bytes > len ||
      trailer->module_bytes != len - trailer->object_bytes)
    return false;
  aod_sha256(aod_slice(file->ptr, file->len - sizeof digest), digest);
  return memcmp(digest, trailer->sha256, sizeof digest) == 0;
}

/* Check the trailer and cut out the module. */
static bool take_module(const aod_buf_t *file, aod_code_t *code) {
  trailer_t trailer;
  if (!check_trailer(file, &trailer)) return false;
  memcpy(code->wasm_sha256, trailer.info.wasm_sha256, sizeof code->wasm_sha256);
  code->tier = trailer.info.tier;
  aod_buf_append(&code->bytes, aod_slice(file->ptr + trailer.object_bytes, trailer.module_bytes));
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
  bool good = !aod_file_read(path, MAX_ENTRY_BYTES, &file, NULL) && take_module(&file, code);
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

static bool append_trailer(const aod__entry_t *entry, const char *built, aod_slice_t folded) {
  aod_buf_t object = {0};
  FILE *file = NULL;
  if (!aod_file_read(built, MAX_ENTRY_BYTES, &object, NULL)) file = fopen(built, "ab");
  trailer_t trailer = {.object_bytes = object.len, .module_bytes = folded.len, .info = entry->info};
  memcpy(trailer.magic, magic, sizeof magic);
  aod_slice_t parts[] = {aod_buf_slice(&object), folded,
                         aod_slice(&trailer, offsetof(trailer_t, sha256))};
  aod_sha256_parts(parts, 3, trailer.sha256);
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
  if (append_trailer(entry, built, folded) && !rename(built, path)) return 0;
  return aod_fail(err, AOD_EIO, "%s: %s", path, strerror(errno));
}

/* ---- all of a directory ---- */

/* Call `each` with the path and status of what has such a name. */
static void each_file(const char *directory, bool (*wanted)(const char *name),
                      void (*each)(void *, const char *path, const struct stat *), void *context) {
  DIR *folder = opendir(directory);
  for (struct dirent *file; folder && (file = readdir(folder));) {
    char path[4096];
    struct stat status;
    int len = snprintf(path, sizeof path, "%s/%s", directory, file->d_name);
    if (wanted(file->d_name) && len > 0 && (size_t)len < sizeof path && !stat(path, &status))
      each(context, path, &status);
  }
  if (folder) closedir(folder);
}

static int64_t age_ms(const struct stat *status) {
  int64_t age = aod_clock_system_ms() - (int64_t)status->st_mtime * 1000;
  return age > 0 ? age : 0;
}

static bool is_work(const char *name) {
  return strncmp(name, AOD__CACHE_WORK, strlen(AOD__CACHE_WORK)) == 0;
}

/* No compiler works that long. */
static void sweep_one(void *unused, const char *path, const struct stat *status) {
  (void)unused;
  if (age_ms(status) > WORK_MS_MAX) aod_dir_remove(path, NULL);
}

void aod__cache_sweep(const char *directory) {
  each_file(directory, is_work, sweep_one, NULL);
}

typedef struct {
  void (*each)(void *, const aod_cache_row_t *);
  void *context;
} visit_t;

static bool is_entry(const char *name) {
  return strlen(name) == KEY_HEX + 1 + COMPILER_HEX + 3 && name[KEY_HEX] == '-' &&
         strcmp(name + KEY_HEX + 1 + COMPILER_HEX, ".so") == 0;
}

static void visit(void *context, const char *path, const struct stat *status) {
  visit_t *to = context;
  aod_buf_t file = {0};
  trailer_t trailer;
  aod_cache_row_t row = {
      .path = path, .bytes = (uint64_t)status->st_size, .age_ms = age_ms(status)};
  row.whole = !aod_file_read(path, MAX_ENTRY_BYTES, &file, NULL) &&
              check_trailer(&file, &trailer) && trailer.info.tier <= AOD_TIER_FIRST;
  if (row.whole) {
    row.info = trailer.info;
    row.info.compiler[sizeof row.info.compiler - 1] = 0;
    row.usable = row.info.abi == AOD_ABI_VERSION && row.info.translator == AOD_TRANSLATOR_VERSION;
  }
  aod_buf_free(&file);
  to->each(to->context, &row);
}

void aod_cache_each(const char *directory, void (*each)(void *, const aod_cache_row_t *),
                    void *context) {
  visit_t to = {each, context};
  each_file(directory, is_entry, visit, &to);
}
