/* System calls on files by name. Results and checks as Emscripten's, see files.c. */
#include "vm/host_files.h"

#include <stdlib.h>

#define AT_CWD           (-100)
#define AT_NOFOLLOW      256
#define AT_EMPTY_PATH    4096
#define AT_KNOWN         6400
#define UNLINK_DIRECTORY 512

aod_files_t *aod__host_tree(aod_host_t *host) {
  aod_host_charge(host, AOD_HOST_CALL_COST);
  if (!host->files) host->files = aod_files_new(&host->ticks);
  return host->files;
}

static void assert_that(aod_host_t *host, bool condition) {
  if (!condition) aod_host_fail(host, "Aborted(Assertion failed)");
}

static void result(uint64_t *slots, int64_t value) {
  slots[0] = (uint32_t)value;
}

/* The path that a call with a directory descriptor means, in host->scratch. An empty one means the
 * descriptor itself where that is allowed. */
static int path_at(aod_host_t *host, uint64_t directory, uint64_t text, bool allow_empty,
                   aod_slice_t *path) {
  aod_slice_t given = aod_host_string(host, text);
  int32_t descriptor = (int32_t)directory;
  aod_buf_clear(&host->scratch);
  if (!aod_slice_starts(given, "/") && descriptor != AT_CWD) {
    aod_stream_t *stream = aod_files_stream(aod__host_tree(host), descriptor);
    if (!stream) return -AOD_HOST_EBADF;
    aod_buf_append(&host->scratch, aod_buf_slice(&stream->path));
  }
  if (given.len == 0 && !allow_empty) return -AOD_HOST_ENOENT;
  aod_buf_byte(&host->scratch, '/');
  aod_buf_append(&host->scratch, given);
  *path = aod_buf_slice(&host->scratch);
  return 0;
}

/* ---- open, create, remove ---- */

/* directory, path, flags, where the mode lies */
void aod__host_openat(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_slice_t path;
  uint32_t flags = (uint32_t)slots[2];
  uint32_t mode = slots[3] ? aod_host_load32(host, slots[3]) : 0;
  int rc = path_at(host, slots[0], slots[1], false, &path);
  if (rc == 0) rc = aod_files_open(aod__host_tree(host), path, flags, mode);
  result(slots, rc);
}

/* directory, path, mode */
void aod__host_mkdirat(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_slice_t path;
  aod_node_t *node;
  uint32_t mode = ((uint32_t)slots[2] & 01777) | AOD_FILE_DIRECTORY;
  int rc = path_at(host, slots[0], slots[1], false, &path);
  if (rc == 0) rc = aod_files_create(aod__host_tree(host), path, mode, &node);
  result(slots, rc);
}

/* old directory, old path, new directory, new path */
void aod__host_renameat(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_slice_t from, to;
  int rc = path_at(host, slots[0], slots[1], false, &from);
  if (rc == 0) {
    aod_buf_clear(&host->scratch_path);
    aod_buf_append(&host->scratch_path, from);
    rc = path_at(host, slots[2], slots[3], false, &to);
  }
  if (rc == 0) rc = aod_files_rename(aod__host_tree(host), aod_buf_slice(&host->scratch_path), to);
  result(slots, rc);
}

/* path */
void aod__host_rmdir(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  result(slots, aod_files_remove(aod__host_tree(host), aod_host_string(host, slots[0]), true));
}

/* directory, path, flags */
void aod__host_unlinkat(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_slice_t path;
  uint32_t flags = (uint32_t)slots[2];
  int rc = path_at(host, slots[0], slots[1], false, &path);
  if (rc == 0 && flags != 0 && flags != UNLINK_DIRECTORY)
    aod_host_fail(host, "Aborted(Invalid flags passed to unlinkat)");
  if (rc == 0) rc = aod_files_remove(aod__host_tree(host), path, flags == UNLINK_DIRECTORY);
  result(slots, rc);
}

/* ---- look ---- */

/* directory, path, buffer, size: copies what fits, without a NUL */
void aod__host_readlinkat(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint64_t to = slots[2];
  int64_t size = host->format->wide ? (int64_t)slots[3] : (int32_t)slots[3];
  aod_slice_t path;
  aod_node_t *node;
  int rc = path_at(host, slots[0], slots[1], false, &path);
  if (rc == 0 && size <= 0) rc = -AOD_HOST_EINVAL;
  if (rc == 0) rc = aod_files_lookup(aod__host_tree(host), path, false, &node);
  if (rc == 0 && !aod_node_is(node, AOD_FILE_LINK)) rc = -AOD_HOST_EINVAL;
  if (rc == 0) {
    aod_slice_t target = aod_slice_sub(aod_buf_slice(&node->content), 0, (size_t)size);
    memcpy(aod_host_write(host, to, target.len), target.ptr, target.len);
    rc = (int)target.len;
  }
  result(slots, rc);
}

/* directory, path, access, flags */
void aod__host_faccessat(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_slice_t path;
  aod_node_t *node;
  uint32_t access = (uint32_t)slots[2];
  int rc = path_at(host, slots[0], slots[1], false, &path);
  assert_that(host, (uint32_t)slots[3] == 0);
  if (rc == 0 && (access & ~7u)) rc = -AOD_HOST_EINVAL;
  if (rc == 0) rc = aod_files_lookup(aod__host_tree(host), path, true, &node);
  if (rc == 0 && !aod_node_allows(node, access)) rc = -AOD_HOST_EACCES;
  result(slots, rc);
}

/* buffer, size: the working directory is always the root */
void aod__host_getcwd(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint64_t size = slots[1];
  if (size == 0)
    result(slots, -AOD_HOST_EINVAL);
  else if (size < 2)
    result(slots, -AOD_HOST_ERANGE);
  else {
    memcpy(aod_host_write(host, slots[0], 2), "/", 2);
    result(slots, 2);
  }
}

/* ---- stat ---- */

/* Where struct stat has its members. */
typedef struct {
  uint8_t mode, links, uid, gid, device, size, block_size, blocks, times[3], inode, bytes;
} stat_layout_t;

static const stat_layout_t narrow = {4, 8, 12, 16, 20, 24, 32, 36, {40, 56, 72}, 88, 96};
static const stat_layout_t wide = {4, 8, 16, 20, 24, 32, 40, 44, {48, 64, 80}, 96, 104};

#define BLOCK_BYTES     4096
#define DIRECTORY_BYTES 4096

static uint64_t size_of(const aod_node_t *node) {
  return aod_node_is(node, AOD_FILE_DIRECTORY) ? DIRECTORY_BYTES : aod_node_bytes(node);
}

/* All three times are the node's one stamp. The glue's "nanoseconds" are a thousand times the
 * milliseconds, and the upper half of a 32-bit module's timespec is padding. */
static void store_times(const aod_host_t *host, uint8_t *at, const stat_layout_t *layout,
                        int64_t stamp_ms) {
  uint64_t nanoseconds = (uint64_t)(stamp_ms % 1000) * 1000;
  for (int i = 0; i < 3; i++) {
    uint8_t *time = at + layout->times[i];
    aod_store_le64(time, (uint64_t)(stamp_ms / 1000));
    if (host->format->wide)
      aod_store_le64(time + 8, nanoseconds);
    else
      aod_store_le32(time + 8, (uint32_t)nanoseconds);
  }
}

void aod__host_store_stat(aod_host_t *host, uint64_t to, const aod_node_t *node) {
  const stat_layout_t *layout = host->format->wide ? &wide : &narrow;
  uint8_t *at = aod_host_write(host, to, layout->bytes);
  bool is_device = aod_node_is(node, AOD_FILE_DEVICE);
  aod_store_le32(at, is_device ? node->inode : 1);
  aod_store_le32(at + layout->mode, node->mode);
  if (host->format->wide)
    aod_store_le64(at + layout->links, 1);
  else
    aod_store_le32(at + layout->links, 1);
  aod_store_le32(at + layout->uid, 0);
  aod_store_le32(at + layout->gid, 0);
  aod_store_le32(at + layout->device, node->device);
  aod_store_le64(at + layout->size, size_of(node));
  aod_store_le32(at + layout->block_size, BLOCK_BYTES);
  aod_store_le32(at + layout->blocks, (uint32_t)((size_of(node) + BLOCK_BYTES - 1) / BLOCK_BYTES));
  store_times(host, at, layout, node->stamp_ms);
  aod_store_le64(at + layout->inode, node->inode);
}

static int stat_path(aod_host_t *host, aod_slice_t path, bool follow, uint64_t to) {
  aod_node_t *node;
  int rc = aod_files_lookup(aod__host_tree(host), path, follow, &node);
  if (rc == 0) aod__host_store_stat(host, to, node);
  return rc;
}

/* path, buffer */
void aod__host_stat(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  result(slots, stat_path(host, aod_host_string(host, slots[0]), true, slots[1]));
}

void aod__host_lstat(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  result(slots, stat_path(host, aod_host_string(host, slots[0]), false, slots[1]));
}

/* directory, path, buffer, flags */
void aod__host_newfstatat(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint32_t flags = (uint32_t)slots[3];
  aod_slice_t path;
  assert_that(host, (flags & ~(uint32_t)AT_KNOWN) == 0);
  int rc = path_at(host, slots[0], slots[1], flags & AT_EMPTY_PATH, &path);
  if (rc == 0) rc = stat_path(host, path, !(flags & AT_NOFOLLOW), slots[2]);
  result(slots, rc);
}

/* ---- change what is known of a file ---- */

/* path, mode */
void aod__host_chmod(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_node_t *node;
  int rc = aod_files_lookup(aod__host_tree(host), aod_host_string(host, slots[0]), true, &node);
  if (rc == 0) aod__host_set_mode(host, node, (uint32_t)slots[1]);
  result(slots, rc);
}

/* A struct timespec in milliseconds; both widths have the nanoseconds at 8. */
static int64_t load_time(aod_host_t *host, uint64_t at) {
  const uint8_t *time = aod_host_read(host, at, 16);
  uint64_t ms = aod_load_le64(time) * 1000 + (uint64_t)((int32_t)aod_load_le32(time + 8) / 1000000);
  return (int64_t)ms;
}

/* directory, path, times or null, flags: the later of both times becomes the stamp */
void aod__host_utimensat(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_slice_t path;
  aod_node_t *node;
  assert_that(host, (uint32_t)slots[3] == 0);
  int rc = path_at(host, slots[0], slots[1], true, &path);
  if (rc == 0) {
    int64_t access, change;
    if (slots[2] == 0)
      access = change = aod_host_tick(host);
    else
      access = load_time(host, slots[2]), change = load_time(host, slots[2] + 16);
    rc = aod_files_lookup(aod__host_tree(host), path, true, &node);
    if (rc == 0) node->stamp_ms = access > change ? access : change;
  }
  result(slots, rc);
}
