/* Files as Emscripten's in-memory file system has them: a tree and descriptors that live as long as
 * one message. Nothing here touches the machine's own files.
 *
 * Functions return 0 or a count or descriptor, or a negative errno (AOD_HOST_E*). Not thread-safe.
 */
#ifndef AOD_VM_FILES_H
#define AOD_VM_FILES_H

#include "base/bytes.h"

/* Mode bits of what a node is. */
enum {
  AOD_FILE_TYPE = 0170000,
  AOD_FILE_LINK = 0120000,
  AOD_FILE_REGULAR = 0100000,
  AOD_FILE_DIRECTORY = 0040000,
  AOD_FILE_DEVICE = 0020000,
};

/* Device numbers, as the glue hands them out. */
enum {
  AOD_DEVICE_NULL = 0x0103,
  AOD_DEVICE_TTY = 0x0500,  /* standard input and output */
  AOD_DEVICE_TTY1 = 0x0600, /* standard error */
  AOD_DEVICE_RANDOM = 0x4000,
  AOD_DEVICE_URANDOM = 0x4100,
};

/* Open flags. */
enum {
  AOD_OPEN_ACCESS = 3, /* 0 read, 1 write, 2 both */
  AOD_OPEN_CREATE = 64,
  AOD_OPEN_EXCLUSIVE = 128,
  AOD_OPEN_TRUNCATE = 512,
  AOD_OPEN_APPEND = 1024,
  AOD_OPEN_DIRECTORY = 65536,
  AOD_OPEN_NOFOLLOW = 131072,
};

/* Permission bits for aod_node_allows. */
enum { AOD_ALLOW_READ = 4, AOD_ALLOW_WRITE = 2, AOD_ALLOW_EXECUTE = 1 };

/* Where a file comes from. WeaveDrive's read of a HEADER (a transaction, a block) begins at byte 0
 * whatever the position, and that of an ITEM does after a seek from the end: how the reference
 * behaves, and what modules are written for. */
typedef enum {
  AOD_ORIGIN_LOCAL,
  AOD_ORIGIN_HEADER,
  AOD_ORIGIN_ITEM, /* its content is not here */
} aod_origin_t;

typedef struct aod_files aod_files_t;

typedef struct aod_node aod_node_t;
struct aod_node {
  aod_node_t *parent, *children, *next; /* next: the next child of parent */
  char *name;
  uint32_t mode, inode, device;
  int64_t stamp_ms;  /* of the message's clock */
  aod_buf_t content; /* of a file; the target of a link */
  uint32_t uses;     /* open descriptors; an unlinked node lives until the last closes */
  bool unlinked;
  aod_origin_t origin;
  uint64_t remote_bytes; /* of an ITEM: its size, and whose data it is */
  uint8_t id[32];
};

/* What descriptors made from one another share. */
typedef struct {
  aod_node_t *node;
  aod_buf_t path; /* under which it was opened: what relative names continue */
  int64_t position;
  uint32_t flags;
  uint32_t descriptors;
  bool from_end; /* the last absolute seek was from the end */
} aod_stream_t;

/* A tree as the glue sets it up. Each change takes the time from *clock_ms and moves it on. */
aod_files_t *aod_files_new(int64_t *clock_ms);
void aod_files_free(aod_files_t *files); /* NULL is allowed */

/* ---- names: absolute or relative to the root ---- */

int aod_files_lookup(aod_files_t *files, aod_slice_t path, bool follow, aod_node_t **node);
int aod_files_create(aod_files_t *files, aod_slice_t path, uint32_t mode, aod_node_t **node);
int aod_files_remove(aod_files_t *files, aod_slice_t path, bool directory);
int aod_files_rename(aod_files_t *files, aod_slice_t from, aod_slice_t to);

/* ---- nodes ---- */

bool aod_node_is(const aod_node_t *node, uint32_t type);
/* Of a file. */
static inline uint64_t aod_node_bytes(const aod_node_t *node) {
  return node->origin == AOD_ORIGIN_ITEM ? node->remote_bytes : node->content.len;
}
bool aod_node_is_tty(const aod_node_t *node);
bool aod_node_allows(const aod_node_t *node, uint32_t permissions);
void aod_files_touch(aod_files_t *files, aod_node_t *node);
int aod_files_truncate(aod_files_t *files, aod_node_t *node, int64_t size);
/* Bytes of a regular file. Writing returns -AOD_HOST_ENOSPC beyond the cap on all files. */
int64_t aod_node_read(const aod_node_t *node, int64_t position, uint8_t *to, uint64_t len);
int64_t aod_files_write(aod_files_t *files, aod_node_t *node, int64_t position, aod_slice_t bytes);

/* ---- descriptors ---- */

int aod_files_open(aod_files_t *files, aod_slice_t path, uint32_t flags, uint32_t mode);
aod_stream_t *aod_files_stream(aod_files_t *files, int64_t descriptor); /* NULL: not open */
int aod_files_duplicate(aod_files_t *files, aod_stream_t *stream, int64_t lowest);
int aod_files_close(aod_files_t *files, int64_t descriptor);

#endif
