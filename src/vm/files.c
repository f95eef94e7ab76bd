/* The in-memory tree. Checks, their order and errnos follow Emscripten's FS and MEMFS, because a
 * module sees them; so do inode numbers and the ticks of the clock.
 *
 * A tree is made when a message first asks for a file and dies with the message. What a module can
 * make it hold is capped: FILES_BYTES_MAX of content, FILES_NODES_MAX nodes. */
#include "vm/files.h"

#include "base/error.h"
#include "vm/host.h"

#include <stdlib.h>

#define FILES_BYTES_MAX   ((int64_t)1 << 30)
#define FILES_NODES_MAX   16384
#define DESCRIPTORS_MAX   4096
#define NAME_BYTES_MAX    255
#define LINKS_MAX         40
#define LOAD_STAMP_MS     10000 /* of nodes made before the clock runs */
#define PERMISSION_BITS   07777
#define DIRECTORY_DEFAULT (AOD_FILE_DIRECTORY | 0777)

struct aod_files {
  int64_t *clock_ms;
  aod_node_t *root;
  uint32_t next_inode, node_count;
  int64_t content_bytes;
  aod_stream_t **streams; /* by descriptor; NULL where not open */
  int64_t stream_cap;
};

/* ---- nodes ---- */

bool aod_node_is(const aod_node_t *node, uint32_t type) {
  return (node->mode & AOD_FILE_TYPE) == type;
}

bool aod_node_is_tty(const aod_node_t *node) {
  return node->device == AOD_DEVICE_TTY || node->device == AOD_DEVICE_TTY1;
}

/* Any of the three classes will do: there is one user, who owns everything. */
bool aod_node_allows(const aod_node_t *node, uint32_t permissions) {
  uint32_t has = (node->mode >> 6 | node->mode >> 3 | node->mode) & 7;
  return (has & permissions) == permissions;
}

void aod_files_touch(aod_files_t *files, aod_node_t *node) {
  node->stamp_ms = (*files->clock_ms)++;
}

static aod_node_t *node_add(aod_files_t *files, aod_node_t *parent, aod_slice_t name, uint32_t mode,
                            int64_t stamp_ms) {
  aod_node_t *node = aod_alloc(sizeof *node);
  node->parent = parent;
  node->name = aod_slice_strdup(name);
  node->mode = mode;
  node->inode = files->next_inode++;
  node->stamp_ms = stamp_ms;
  files->node_count++;
  if (parent) {
    node->next = parent->children;
    parent->children = node;
    parent->stamp_ms = stamp_ms;
  }
  return node;
}

static void node_free(aod_node_t *node) {
  aod_buf_free(&node->content);
  free(node->name);
  free(node);
}

/* Without recursion: a module may nest directories as deep as it likes. */
static void tree_free(aod_node_t *node) {
  while (node) {
    aod_node_t *child = node->children, *parent = node->parent;
    if (child) {
      node->children = child->next;
      node = child;
    } else {
      node_free(node);
      node = parent;
    }
  }
}

static void node_detach(aod_node_t *node) {
  aod_node_t **link = &node->parent->children;
  while (*link != node) link = &(*link)->next;
  *link = node->next;
}

static void node_drop(aod_files_t *files, aod_node_t *node) {
  if (!node->unlinked || node->uses) return;
  if (aod_node_is(node, AOD_FILE_REGULAR)) files->content_bytes -= (int64_t)node->content.len;
  files->node_count--;
  node_free(node);
}

static aod_node_t *child_of(const aod_node_t *parent, aod_slice_t name) {
  for (aod_node_t *child = parent->children; child; child = child->next)
    if (aod_slice_is(name, child->name)) return child;
  return NULL;
}

/* ---- paths ---- */

/* "." and ".." are resolved in the text, before any link is looked at. Appends "/a/b", or nothing
 * for the root. */
static void normalise(aod_slice_t path, aod_buf_t *out) {
  while (path.ptr) {
    aod_slice_t part = aod_slice_cut(&path, '/');
    if (part.len == 0 || aod_slice_is(part, ".")) continue;
    if (aod_slice_is(part, "..")) {
      while (out->len > 0 && out->ptr[--out->len] != '/') {}
      continue;
    }
    aod_buf_byte(out, '/');
    aod_buf_append(out, part);
  }
}

static int step(aod_node_t **node, aod_slice_t name) {
  if (!aod_node_is(*node, AOD_FILE_DIRECTORY)) return -AOD_HOST_ENOTDIR;
  if (!aod_node_allows(*node, AOD_ALLOW_EXECUTE)) return -AOD_HOST_EACCES;
  aod_node_t *child = child_of(*node, name);
  if (!child) return -AOD_HOST_ENOENT;
  *node = child;
  return 0;
}

/* Links point to absolute paths of the tree that the glue set up; modules cannot make new ones. */
static int walk(aod_files_t *files, aod_slice_t path, bool follow, int links, aod_node_t **found) {
  aod_node_t *node = files->root;
  aod_slice_cut(&path, '/'); /* what stands before the first slash: nothing */
  while (path.ptr) {
    aod_slice_t part = aod_slice_cut(&path, '/');
    int rc = step(&node, part);
    if (rc) return rc;
    if (!aod_node_is(node, AOD_FILE_LINK) || (!path.ptr && !follow)) continue;
    if (links == 0) return -AOD_HOST_ELOOP;
    rc = walk(files, aod_buf_slice(&node->content), true, links - 1, &node);
    if (rc) return rc;
  }
  *found = node;
  return 0;
}

int aod_files_lookup(aod_files_t *files, aod_slice_t path, bool follow, aod_node_t **node) {
  aod_buf_t normal = {0};
  normalise(path, &normal);
  int rc = walk(files, aod_buf_slice(&normal), follow, LINKS_MAX, node);
  aod_buf_free(&normal);
  return rc;
}

/* The directory that holds `path`, and the last name in it: a slice of *normal, which the caller
 * frees. */
static int lookup_parent(aod_files_t *files, aod_slice_t path, aod_buf_t *normal,
                         aod_node_t **parent, aod_slice_t *name) {
  normalise(path, normal);
  size_t at = normal->len;
  while (at > 0 && normal->ptr[at - 1] != '/') at--;
  *name = aod_slice_sub(aod_buf_slice(normal), at, SIZE_MAX);
  if (name->len > NAME_BYTES_MAX) return -AOD_HOST_ENAMETOOLONG;
  return walk(files, aod_slice(normal->ptr, at ? at - 1 : 0), true, LINKS_MAX, parent);
}

/* ---- create, remove, rename ---- */

#define MAY_CHANGE (AOD_ALLOW_WRITE | AOD_ALLOW_EXECUTE) /* what changing a directory needs */

static int may_create(const aod_files_t *files, const aod_node_t *parent, aod_slice_t name) {
  if (name.len == 0) return -AOD_HOST_EINVAL;
  if (!aod_node_is(parent, AOD_FILE_DIRECTORY)) return -AOD_HOST_ENOTDIR;
  if (child_of(parent, name)) return -AOD_HOST_EEXIST;
  if (!aod_node_allows(parent, MAY_CHANGE)) return -AOD_HOST_EACCES;
  return files->node_count >= FILES_NODES_MAX ? -AOD_HOST_ENOSPC : 0;
}

int aod_files_create(aod_files_t *files, aod_slice_t path, uint32_t mode, aod_node_t **node) {
  aod_buf_t normal = {0};
  aod_node_t *parent;
  aod_slice_t name;
  int rc = lookup_parent(files, path, &normal, &parent, &name);
  if (rc == 0) rc = may_create(files, parent, name);
  if (rc == 0) *node = node_add(files, parent, name, mode, (*files->clock_ms)++);
  aod_buf_free(&normal);
  return rc;
}

static int may_delete(const aod_node_t *parent, aod_slice_t name, bool directory,
                      aod_node_t **node) {
  *node = aod_node_is(parent, AOD_FILE_DIRECTORY) ? child_of(parent, name) : NULL;
  if (!*node) return -AOD_HOST_ENOENT;
  if (!aod_node_allows(parent, MAY_CHANGE)) return -AOD_HOST_EACCES;
  bool is_directory = aod_node_is(*node, AOD_FILE_DIRECTORY);
  if (directory && !is_directory) return -AOD_HOST_ENOTDIR;
  if (!directory && is_directory) return -AOD_HOST_EISDIR;
  return directory && (*node)->children ? -AOD_HOST_ENOTEMPTY : 0;
}

static void node_unlink(aod_files_t *files, aod_node_t *node) {
  node_detach(node);
  node->unlinked = true;
  node_drop(files, node);
}

int aod_files_remove(aod_files_t *files, aod_slice_t path, bool directory) {
  aod_buf_t normal = {0};
  aod_node_t *parent, *node;
  aod_slice_t name;
  int rc = lookup_parent(files, path, &normal, &parent, &name);
  if (rc == 0) rc = may_delete(parent, name, directory, &node);
  if (rc == 0) {
    node_unlink(files, node);
    aod_files_touch(files, parent);
  }
  aod_buf_free(&normal);
  return rc;
}

static bool is_below(const aod_node_t *node, const aod_node_t *ancestor) {
  for (; node; node = node->parent)
    if (node == ancestor) return true;
  return false;
}

static int rename_node(aod_files_t *files, aod_node_t *node, aod_node_t *parent, aod_slice_t name) {
  aod_node_t *old = aod_node_is(parent, AOD_FILE_DIRECTORY) ? child_of(parent, name) : NULL;
  if (is_below(parent, node)) return -AOD_HOST_EINVAL;
  if (old && is_below(node->parent, old)) return -AOD_HOST_ENOTEMPTY;
  if (old == node) return 0;
  bool directory = aod_node_is(node, AOD_FILE_DIRECTORY);
  int rc = old ? may_delete(parent, name, directory, &old) : may_create(files, parent, name);
  if (rc) return rc;
  if (!aod_node_allows(node->parent, MAY_CHANGE)) return -AOD_HOST_EACCES;
  if (old) node_unlink(files, old);
  node_detach(node);
  aod_files_touch(files, node->parent);
  parent->stamp_ms = node->parent->stamp_ms;
  free(node->name);
  node->name = aod_slice_strdup(name);
  node->parent = parent;
  node->next = parent->children;
  parent->children = node;
  return 0;
}

int aod_files_rename(aod_files_t *files, aod_slice_t from, aod_slice_t to) {
  aod_buf_t from_normal = {0}, to_normal = {0};
  aod_node_t *from_parent, *to_parent, *node = NULL;
  aod_slice_t from_name, to_name;
  int rc = lookup_parent(files, from, &from_normal, &from_parent, &from_name);
  if (rc == 0) rc = lookup_parent(files, to, &to_normal, &to_parent, &to_name);
  if (rc == 0) node = child_of(from_parent, from_name);
  if (rc == 0) rc = node ? rename_node(files, node, to_parent, to_name) : -AOD_HOST_ENOENT;
  aod_buf_free(&from_normal);
  aod_buf_free(&to_normal);
  return rc;
}

/* ---- content ---- */

static int resize(aod_files_t *files, aod_node_t *node, int64_t size) {
  int64_t more = size - (int64_t)node->content.len;
  if (more > FILES_BYTES_MAX - files->content_bytes) return -AOD_HOST_ENOSPC;
  if (more > 0) {
    aod_buf_reserve(&node->content, (size_t)more);
    memset(node->content.ptr + node->content.len, 0, (size_t)more);
  }
  node->content.len = (size_t)size;
  files->content_bytes += more;
  return 0;
}

int aod_files_truncate(aod_files_t *files, aod_node_t *node, int64_t size) {
  if (size < 0) return -AOD_HOST_EINVAL;
  if (aod_node_is(node, AOD_FILE_DIRECTORY)) return -AOD_HOST_EISDIR;
  if (!aod_node_is(node, AOD_FILE_REGULAR)) return -AOD_HOST_EINVAL;
  if (!aod_node_allows(node, AOD_ALLOW_WRITE)) return -AOD_HOST_EACCES;
  int rc = resize(files, node, size);
  if (rc == 0) aod_files_touch(files, node);
  return rc;
}

int64_t aod_node_read(const aod_node_t *node, int64_t position, uint8_t *to, uint64_t len) {
  aod_slice_t all = aod_buf_slice(&node->content);
  aod_slice_t part = aod_slice_sub(all, (size_t)position, (size_t)len);
  if (part.len) memcpy(to, part.ptr, part.len);
  return (int64_t)part.len;
}

int64_t aod_files_write(aod_files_t *files, aod_node_t *node, int64_t position, aod_slice_t bytes) {
  if (bytes.len == 0) return 0;
  if (position > FILES_BYTES_MAX || bytes.len > (size_t)FILES_BYTES_MAX) return -AOD_HOST_ENOSPC;
  int64_t end = position + (int64_t)bytes.len;
  int rc = end > (int64_t)node->content.len ? resize(files, node, end) : 0;
  if (rc) return rc;
  memcpy(node->content.ptr + position, bytes.ptr, bytes.len);
  aod_files_touch(files, node);
  return (int64_t)bytes.len;
}

/* ---- descriptors ---- */

aod_stream_t *aod_files_stream(aod_files_t *files, int64_t descriptor) {
  return descriptor >= 0 && descriptor < files->stream_cap ? files->streams[descriptor] : NULL;
}

static int lowest_free(aod_files_t *files, int64_t lowest) {
  while (aod_files_stream(files, lowest)) lowest++;
  if (lowest >= DESCRIPTORS_MAX) return -AOD_HOST_EMFILE;
  if (lowest >= files->stream_cap) {
    int64_t cap = lowest + 16;
    files->streams = aod_realloc(files->streams, (size_t)cap * sizeof *files->streams);
    memset(files->streams + files->stream_cap, 0,
           (size_t)(cap - files->stream_cap) * sizeof *files->streams);
    files->stream_cap = cap;
  }
  return (int)lowest;
}

int aod_files_duplicate(aod_files_t *files, aod_stream_t *stream, int64_t lowest) {
  int descriptor = lowest_free(files, lowest);
  if (descriptor < 0) return descriptor;
  files->streams[descriptor] = stream;
  stream->descriptors++;
  return descriptor;
}

static void stream_free(aod_stream_t *stream) {
  aod_buf_free(&stream->path);
  free(stream);
}

static int stream_new(aod_files_t *files, aod_node_t *node, aod_slice_t path, uint32_t flags) {
  aod_stream_t *stream = aod_alloc(sizeof *stream);
  *stream = (aod_stream_t){.node = node, .flags = flags};
  normalise(path, &stream->path);
  int descriptor = aod_files_duplicate(files, stream, 0);
  if (descriptor < 0)
    stream_free(stream);
  else
    node->uses++;
  return descriptor;
}

int aod_files_close(aod_files_t *files, int64_t descriptor) {
  aod_stream_t *stream = aod_files_stream(files, descriptor);
  if (!stream) return -AOD_HOST_EBADF;
  files->streams[descriptor] = NULL;
  if (--stream->descriptors) return 0;
  stream->node->uses--;
  node_drop(files, stream->node);
  stream_free(stream);
  return 0;
}

static int may_open(const aod_node_t *node, uint32_t flags) {
  static const uint32_t permissions[] = {AOD_ALLOW_READ, AOD_ALLOW_WRITE,
                                         AOD_ALLOW_READ | AOD_ALLOW_WRITE, 0};
  uint32_t wanted = permissions[flags & AOD_OPEN_ACCESS];
  if (flags & AOD_OPEN_TRUNCATE) wanted |= AOD_ALLOW_WRITE;
  if (aod_node_is(node, AOD_FILE_LINK)) return -AOD_HOST_ELOOP;
  if (aod_node_is(node, AOD_FILE_DIRECTORY) && wanted != AOD_ALLOW_READ) return -AOD_HOST_EISDIR;
  return aod_node_allows(node, wanted) ? 0 : -AOD_HOST_EACCES;
}

static int open_existing(aod_files_t *files, aod_node_t *node, uint32_t flags) {
  if ((flags & AOD_OPEN_CREATE) && (flags & AOD_OPEN_EXCLUSIVE)) return -AOD_HOST_EEXIST;
  if (aod_node_is(node, AOD_FILE_DEVICE)) flags &= ~(uint32_t)AOD_OPEN_TRUNCATE;
  if ((flags & AOD_OPEN_DIRECTORY) && !aod_node_is(node, AOD_FILE_DIRECTORY))
    return -AOD_HOST_ENOTDIR;
  int rc = may_open(node, flags);
  if (rc == 0 && (flags & AOD_OPEN_TRUNCATE)) rc = aod_files_truncate(files, node, 0);
  return rc;
}

int aod_files_open(aod_files_t *files, aod_slice_t path, uint32_t flags, uint32_t mode) {
  aod_node_t *node;
  int rc = aod_files_lookup(files, path, !(flags & AOD_OPEN_NOFOLLOW), &node);
  if (rc == 0)
    rc = open_existing(files, node, flags);
  else if (flags & AOD_OPEN_CREATE)
    rc = aod_files_create(files, path, (mode & PERMISSION_BITS) | AOD_FILE_REGULAR, &node);
  else
    rc = -AOD_HOST_ENOENT;
  if (rc) return rc;
  uint32_t passing = AOD_OPEN_EXCLUSIVE | AOD_OPEN_TRUNCATE | AOD_OPEN_NOFOLLOW;
  return stream_new(files, node, path, flags & ~passing);
}

/* ---- the tree at the beginning ---- */

/* In the glue's order, which gives the inode numbers. The last four were made with the clock
 * running; it has moved on by that when a message begins. */
static const struct {
  const char *directory, *name;
  uint32_t mode, device;
  const char *link;
  int64_t ticks;
} initial[] = {
    {"", "tmp", DIRECTORY_DEFAULT, 0, NULL, 0},
    {"", "home", DIRECTORY_DEFAULT, 0, NULL, 0},
    {"/home", "web_user", DIRECTORY_DEFAULT, 0, NULL, 0},
    {"", "dev", DIRECTORY_DEFAULT, 0, NULL, 0},
    {"/dev", "null", AOD_FILE_DEVICE | 0666, AOD_DEVICE_NULL, NULL, 0},
    {"/dev", "tty", AOD_FILE_DEVICE | 0666, AOD_DEVICE_TTY, NULL, 0},
    {"/dev", "tty1", AOD_FILE_DEVICE | 0666, AOD_DEVICE_TTY1, NULL, 0},
    {"/dev", "random", AOD_FILE_DEVICE | 0555, AOD_DEVICE_RANDOM, NULL, 0},
    {"/dev", "urandom", AOD_FILE_DEVICE | 0555, AOD_DEVICE_URANDOM, NULL, 0},
    {"/dev", "shm", DIRECTORY_DEFAULT, 0, NULL, 0},
    {"/dev/shm", "tmp", DIRECTORY_DEFAULT, 0, NULL, 0},
    {"", "proc", DIRECTORY_DEFAULT, 0, NULL, 0},
    {"/proc", "self", DIRECTORY_DEFAULT, 0, NULL, 0},
    {"/proc/self", "fd", AOD_FILE_DIRECTORY | 0555, 0, NULL, 0},
    {"/dev", "stdin", AOD_FILE_LINK | 0777, 0, "/dev/tty", 0},
    {"/dev", "stdout", AOD_FILE_LINK | 0777, 0, "/dev/tty", 1},
    {"/dev", "stderr", AOD_FILE_LINK | 0777, 0, "/dev/tty1", 2},
    {"", "data", DIRECTORY_DEFAULT, 0, NULL, 3},
};

aod_files_t *aod_files_new(int64_t *clock_ms) {
  aod_files_t *files = aod_alloc(sizeof *files);
  files->clock_ms = clock_ms;
  files->next_inode = 1;
  files->root = node_add(files, NULL, AOD_EMPTY, DIRECTORY_DEFAULT, LOAD_STAMP_MS);
  for (size_t i = 0; i < sizeof initial / sizeof initial[0]; i++) {
    aod_node_t *parent;
    aod_assert(walk(files, aod_text(initial[i].directory), true, 0, &parent) == 0);
    aod_node_t *node = node_add(files, parent, aod_text(initial[i].name), initial[i].mode,
                                LOAD_STAMP_MS + initial[i].ticks);
    node->device = initial[i].device;
    if (initial[i].link) aod_buf_text(&node->content, initial[i].link);
  }
  aod_files_open(files, AOD_TEXT("/dev/stdin"), 0, 0);
  aod_files_open(files, AOD_TEXT("/dev/stdout"), 1, 0);
  aod_files_open(files, AOD_TEXT("/dev/stderr"), 1, 0);
  return files;
}

void aod_files_free(aod_files_t *files) {
  if (!files) return;
  for (int64_t i = 0; i < files->stream_cap; i++) aod_files_close(files, i);
  tree_free(files->root);
  free(files->streams);
  free(files);
}
