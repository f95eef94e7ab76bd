/* System calls on open descriptors: reading, writing, seeking, and what SQLite asks of a file. */
#include "vm/host_files.h"

#include <math.h>

static void result(uint64_t *slots, int64_t value) {
  slots[0] = (uint32_t)value;
}

static aod_stream_t *stream_of(aod_host_t *host, uint64_t slot) {
  return aod_files_stream(aod__host_tree(host), (int32_t)slot);
}

static uint32_t access_of(const aod_stream_t *stream) {
  return stream->flags & AOD_OPEN_ACCESS;
}

/* ---- reading ---- */

/* Deliver zeros for random devices: every result must be the same everywhere. (The reference gives
 * the machine's own randomness; no two runs of it agree.) */
static int64_t read_device(aod_host_t *host, aod_node_t *node, uint8_t *to, uint64_t len) {
  switch (node->device) {
  case AOD_DEVICE_RANDOM:
  case AOD_DEVICE_URANDOM:
    memset(to, 0, len);
    if (len) aod_files_touch(aod__host_tree(host), node);
    return (int64_t)len;
  case AOD_DEVICE_NULL:
    return 0;
  default:
    return host->format->glue == AOD_GLUE_2 ? -AOD_HOST_EIO : 0; /* standard input: its end */
  }
}

static int64_t read_stream(aod_host_t *host, aod_stream_t *stream, uint64_t to, uint64_t len) {
  if (access_of(stream) == 1) return -AOD_HOST_EBADF;
  if (aod_node_is(stream->node, AOD_FILE_DIRECTORY)) return -AOD_HOST_EISDIR;
  if (stream->node->origin == AOD_ORIGIN_ITEM) return -AOD_HOST_EIO;
  aod_host_charge(host, len);
  uint8_t *at = aod_host_write(host, to, len);
  if (aod_node_is(stream->node, AOD_FILE_DEVICE)) return read_device(host, stream->node, at, len);
  int64_t count = aod_node_read(stream->node, stream->position, at, len);
  stream->position += count;
  return count;
}

/* ---- writing ---- */

static int64_t write_device(aod_host_t *host, aod_node_t *node, aod_slice_t bytes) {
  if (node->device == AOD_DEVICE_RANDOM || node->device == AOD_DEVICE_URANDOM) return -AOD_HOST_EIO;
  if (!aod_node_is_tty(node)) return (int64_t)bytes.len;
  aod_host_print(host, node->device == AOD_DEVICE_TTY1, bytes);
  if (bytes.len) aod_files_touch(aod__host_tree(host), node);
  return (int64_t)bytes.len;
}

/* What lies between a file's end and `position` will be filled with zeros. */
static void charge_gap(aod_host_t *host, const aod_node_t *node, int64_t position) {
  int64_t len = (int64_t)node->content.len;
  if (position > len) aod_host_charge(host, (uint64_t)(position - len));
}

static int64_t write_stream(aod_host_t *host, aod_stream_t *stream, uint64_t from, uint64_t len) {
  if (access_of(stream) == 0) return -AOD_HOST_EBADF;
  if (aod_node_is(stream->node, AOD_FILE_DIRECTORY)) return -AOD_HOST_EISDIR;
  aod_host_charge(host, len);
  aod_slice_t bytes = aod_slice(aod_host_read(host, from, len), len);
  if (aod_node_is(stream->node, AOD_FILE_DEVICE)) return write_device(host, stream->node, bytes);
  if (stream->flags & AOD_OPEN_APPEND) stream->position = (int64_t)stream->node->content.len;
  charge_gap(host, stream->node, stream->position);
  int64_t count = aod_files_write(aod__host_tree(host), stream->node, stream->position, bytes);
  if (count > 0) stream->position += count;
  return count;
}

/* ---- vectors of buffers ---- */

#define VECTOR_COST 100

typedef int64_t (*transfer_t)(aod_host_t *, aod_stream_t *, uint64_t, uint64_t);

/* Buffers one after the other; a short transfer ends it. */
static int64_t transfer(aod_host_t *host, aod_stream_t *stream, uint64_t vectors, uint64_t count,
                        transfer_t one) {
  uint64_t pointer_bytes = host->format->wide ? 8 : 4;
  int64_t total = 0;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t at = vectors + i * 2 * pointer_bytes;
    aod_host_charge(host, VECTOR_COST);
    uint64_t len = aod_host_load_pointer(host, at + pointer_bytes);
    int64_t done = one(host, stream, aod_host_load_pointer(host, at), len);
    if (done < 0) return done;
    total += done;
    if ((uint64_t)done < len) break;
  }
  return total;
}

static void transfer_call(aod_wasm_instance_t *instance, uint64_t *slots, transfer_t one) {
  aod_host_t *host = aod_host_of(instance);
  aod_stream_t *stream = stream_of(host, slots[0]);
  int64_t total =
      stream ? transfer(host, stream, slots[1], slots[2], one) : (int64_t)-AOD_HOST_EBADF;
  if (total >= 0) aod_host_store_pointer(host, slots[3], (uint64_t)total);
  result(slots, total < 0 ? -total : 0);
}

/* descriptor, buffers, count, where to store how many bytes */
void aod__host_fd_read(aod_wasm_instance_t *instance, uint64_t *slots) {
  transfer_call(instance, slots, read_stream);
}

void aod__host_fd_write(aod_wasm_instance_t *instance, uint64_t *slots) {
  transfer_call(instance, slots, write_stream);
}

/* Format 1: descriptors 1 and 2 only, where a NUL ends a line too. */
void aod__host_bare_fd_write(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint64_t total = 0;
  if (slots[0] != 1 && slots[0] != 2) {
    result(slots, AOD_HOST_EBADF);
    return;
  }
  for (uint64_t i = 0; i < slots[2]; i++) {
    uint32_t from = aod_host_load32(host, slots[1] + i * 8);
    uint32_t len = aod_host_load32(host, slots[1] + i * 8 + 4);
    const uint8_t *bytes = aod_host_read(host, from, len);
    aod_host_charge(host, VECTOR_COST + (uint64_t)len);
    for (uint32_t k = 0; k < len; k++)
      aod_host_print(host, slots[0] == 2, bytes[k] ? aod_slice(bytes + k, 1) : AOD_TEXT("\n"));
    total += len;
  }
  aod_host_store32(host, slots[3], (uint32_t)total);
  result(slots, 0);
}

/* ---- position ---- */

/* Positive errno, or 0 with the new position. */
static int seek(aod_stream_t *stream, int64_t offset, uint32_t whence) {
  if (aod_node_is(stream->node, AOD_FILE_DEVICE)) return AOD_HOST_ESPIPE;
  if (whence > 2) return AOD_HOST_EINVAL;
  if (whence == 1) offset += stream->position;
  if (whence == 2) offset += (int64_t)aod_node_bytes(stream->node);
  if (offset < 0) return AOD_HOST_EINVAL;
  stream->position = offset;
  if (whence != 1) stream->from_end = whence == 2;
  return 0;
}

/* Offsets are doubles in the glue: beyond 2^53 they are none. */
static bool is_number(int64_t offset) {
  return offset <= 9007199254740992 && offset >= -9007199254740992;
}

static void seek_call(aod_host_t *host, uint64_t *slots, int64_t offset, uint32_t whence,
                      uint64_t out) {
  aod_stream_t *stream = stream_of(host, slots[0]);
  int error = AOD_HOST_EBADF;
  if (!is_number(offset))
    error = AOD_HOST_EOVERFLOW;
  else if (stream)
    error = seek(stream, offset, whence);
  if (error == 0) aod_host_store64(host, out, (uint64_t)stream->position);
  result(slots, error);
}

static int64_t pair(uint64_t low, uint64_t high) {
  return (int64_t)((low & UINT32_MAX) | high << 32);
}

/* descriptor, offset, whence, where to store the position */
void aod__host_fd_seek(aod_wasm_instance_t *instance, uint64_t *slots) {
  seek_call(aod_host_of(instance), slots, (int64_t)slots[1], (uint32_t)slots[2], slots[3]);
}

void aod__host_fd_seek_pair(aod_wasm_instance_t *instance, uint64_t *slots) {
  seek_call(aod_host_of(instance), slots, pair(slots[1], slots[2]), (uint32_t)slots[3], slots[4]);
}

/* ---- descriptors themselves ---- */

void aod__host_fd_close(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  result(slots, -aod_files_close(aod__host_tree(host), (int32_t)slots[0]));
}

/* Everything is in memory; a terminal gives out the line it holds. */
void aod__host_fd_sync(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_stream_t *stream = stream_of(host, slots[0]);
  if (stream && aod_node_is_tty(stream->node))
    aod_host_flush(host, stream->node->device == AOD_DEVICE_TTY1);
  result(slots, stream ? 0 : AOD_HOST_EBADF);
}

/* descriptor, buffer of 24 bytes: type at 0, flags at 2, rights at 8 and 16 */
void aod__host_fd_fdstat(aod_wasm_instance_t *instance, uint64_t *slots) {
  enum { TYPE_TTY = 2, TYPE_DIRECTORY = 3, TYPE_FILE = 4 };
  aod_host_t *host = aod_host_of(instance);
  aod_stream_t *stream = stream_of(host, slots[0]);
  if (!stream) {
    result(slots, AOD_HOST_EBADF);
    return;
  }
  uint8_t *at = aod_host_write(host, slots[1], 24);
  at[0] = aod_node_is_tty(stream->node)                   ? TYPE_TTY
          : aod_node_is(stream->node, AOD_FILE_DIRECTORY) ? TYPE_DIRECTORY
                                                          : TYPE_FILE;
  aod_store_le16(at + 2, 0);
  memset(at + 8, 0, 16);
  result(slots, 0);
}

/* old, new, flags */
void aod__host_dup3(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_files_t *files = aod__host_tree(host);
  aod_stream_t *stream = stream_of(host, slots[0]);
  int32_t wanted = (int32_t)slots[1];
  if (!stream)
    result(slots, -AOD_HOST_EBADF);
  else if ((int32_t)slots[0] == wanted)
    result(slots, -AOD_HOST_EINVAL);
  else if (wanted < 0)
    result(slots, -AOD_HOST_EBADF);
  else {
    aod_files_close(files, wanted);
    result(slots, aod_files_duplicate(files, stream, wanted));
  }
}

static int32_t duplicate_from(aod_host_t *host, aod_stream_t *stream, uint64_t arguments) {
  int32_t lowest = (int32_t)aod_host_load32(host, arguments);
  if (lowest < 0) return -AOD_HOST_EINVAL;
  return aod_files_duplicate(aod__host_tree(host), stream, lowest);
}

/* Locks: nobody else has the file open. */
static int32_t get_lock(aod_host_t *host, uint64_t arguments) {
  enum { UNLOCKED = 2 };
  aod_store_le16(aod_host_write(host, aod_host_load_pointer(host, arguments), 2), UNLOCKED);
  return 0;
}

static int32_t fcntl(aod_host_t *host, aod_stream_t *stream, uint32_t command, uint64_t arguments) {
  uint32_t lock_command = host->format->wide ? 5 : 12;
  switch (command) {
  case 0:
    return duplicate_from(host, stream, arguments);
  case 1:
  case 2:
    return 0;
  case 3:
    return (int32_t)stream->flags;
  case 4:
    stream->flags |= aod_host_load32(host, arguments);
    return 0;
  }
  if (command == lock_command) return get_lock(host, arguments);
  return command == lock_command + 1 || command == lock_command + 2 ? 0 : -AOD_HOST_EINVAL;
}

/* descriptor, command, arguments */
void aod__host_fcntl(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_stream_t *stream = stream_of(host, slots[0]);
  result(slots, stream ? fcntl(host, stream, (uint32_t)slots[1], slots[2]) : -AOD_HOST_EBADF);
}

/* ---- terminals ---- */

#define TERMIOS_BYTES 49 /* four words of flags, a byte, 32 control characters */

static void store_termios(aod_host_t *host, uint64_t to) {
  static const uint32_t flags[4] = {25856, 5, 191, 35387};
  static const uint8_t characters[32] = {0x03, 0x1c, 0x7f, 0x15, 0x04, 0x00, 0x01, 0x00,
                                         0x11, 0x13, 0x1a, 0x00, 0x12, 0x0f, 0x17, 0x16};
  uint8_t *at = aod_host_write(host, to, TERMIOS_BYTES);
  memcpy(at, flags, sizeof flags);
  memcpy(at + 17, characters, sizeof characters);
}

static int32_t terminal_call(aod_host_t *host, uint32_t operation, uint64_t arguments) {
  enum { GET_TERMIOS = 21505, GET_GROUP = 21519, SET_GROUP = 21520, GET_SIZE = 21523 };
  if (operation == SET_GROUP) return -AOD_HOST_EINVAL;
  if (operation != GET_TERMIOS && operation != GET_GROUP && operation != GET_SIZE) return 0;
  uint64_t to = aod_host_load_pointer(host, arguments);
  if (operation == GET_TERMIOS) store_termios(host, to);
  if (operation == GET_GROUP) aod_host_store32(host, to, 0);
  if (operation == GET_SIZE) aod_host_store32(host, to, 24 | 80 << 16); /* rows, columns */
  return 0;
}

static bool is_terminal_operation(uint32_t operation) {
  return (operation >= 21505 && operation <= 21512) || operation == 21515 || operation == 21519 ||
         operation == 21520 || operation == 21523 || operation == 21524;
}

/* descriptor, operation, arguments */
void aod__host_ioctl(aod_wasm_instance_t *instance, uint64_t *slots) {
  enum { BYTES_TO_READ = 21531 };
  aod_host_t *host = aod_host_of(instance);
  aod_stream_t *stream = stream_of(host, slots[0]);
  uint32_t operation = (uint32_t)slots[1];
  if (!stream)
    result(slots, -AOD_HOST_EBADF);
  else if (operation == BYTES_TO_READ)
    result(slots, -AOD_HOST_ENOTTY);
  else if (!is_terminal_operation(operation))
    result(slots, -AOD_HOST_EINVAL);
  else if (!aod_node_is_tty(stream->node))
    result(slots, -AOD_HOST_ENOTTY);
  else
    result(slots, terminal_call(host, operation, slots[2]));
}

/* ---- the file behind a descriptor ---- */

/* descriptor, buffer */
void aod__host_fstat(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_stream_t *stream = stream_of(host, slots[0]);
  if (stream) aod__host_store_stat(host, slots[1], stream->node);
  result(slots, stream ? 0 : -AOD_HOST_EBADF);
}

void aod__host_set_mode(aod_host_t *host, aod_node_t *node, uint32_t mode) {
  node->mode = (mode & 07777) | (node->mode & ~07777u);
  aod_files_touch(aod__host_tree(host), node);
}

/* descriptor, mode */
void aod__host_fchmod(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_stream_t *stream = stream_of(host, slots[0]);
  if (stream) aod__host_set_mode(host, stream->node, (uint32_t)slots[1]);
  result(slots, stream ? 0 : -AOD_HOST_EBADF);
}

/* descriptor, user, group: there is one user, so that only the stamp changes */
void aod__host_fchown(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_stream_t *stream = stream_of(host, slots[0]);
  if (stream) aod_files_touch(aod__host_tree(host), stream->node);
  result(slots, stream ? 0 : -AOD_HOST_EBADF);
}

static int truncate(aod_host_t *host, uint64_t descriptor, int64_t size) {
  aod_stream_t *stream = stream_of(host, descriptor);
  if (!is_number(size)) return AOD_HOST_EOVERFLOW; /* positive: so it is in the glue */
  if (size < 0) return -AOD_HOST_EINVAL;
  if (!stream) return -AOD_HOST_EBADF;
  if (access_of(stream) == 0) return -AOD_HOST_EINVAL;
  charge_gap(host, stream->node, size);
  return aod_files_truncate(aod__host_tree(host), stream->node, size);
}

/* descriptor, size */
void aod__host_ftruncate(aod_wasm_instance_t *instance, uint64_t *slots) {
  result(slots, truncate(aod_host_of(instance), slots[0], (int64_t)slots[1]));
}

void aod__host_ftruncate_pair(aod_wasm_instance_t *instance, uint64_t *slots) {
  result(slots, truncate(aod_host_of(instance), slots[0], pair(slots[1], slots[2])));
}

/* ---- mapping: a copy in the module's own memory ---- */

#define MAP_ALIGNMENT 65536
#define PROT_WRITING  2
#define MAP_PRIVATELY 2

static int64_t map(aod_host_t *host, uint64_t len, aod_stream_t *stream, uint32_t offset) {
  if (!stream) return -AOD_HOST_EBADF;
  if (access_of(stream) == 1) return -AOD_HOST_EACCES;
  if (!aod_node_is(stream->node, AOD_FILE_REGULAR)) return -AOD_HOST_ENODEV;
  uint64_t bytes = (len + MAP_ALIGNMENT - 1) & ~(uint64_t)(MAP_ALIGNMENT - 1);
  uint64_t block[2] = {MAP_ALIGNMENT, bytes};
  aod_host_call(host, AOD_EXPORT_MEMALIGN, block);
  if (block[0] == 0) return -AOD_HOST_ENOMEM;
  aod_host_charge(host, bytes);
  uint8_t *at = aod_host_write(host, block[0], bytes);
  memset(at, 0, bytes);
  aod_node_read(stream->node, offset, at, len);
  return (int64_t)block[0];
}

/* len, protection, flags, descriptor, offset, where to store that memory was allocated */
void aod__host_mmap(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint64_t allocated = slots[5];
  int64_t at = map(host, slots[0], stream_of(host, slots[3]), (uint32_t)slots[4]);
  if (at >= 0) aod_host_store32(host, allocated, 1);
  result(slots, at);
}

/* address, len, protection, flags, descriptor, offset: a shared writable mapping is written back */
void aod__host_munmap(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_stream_t *stream = stream_of(host, slots[4]);
  int64_t rc = 0;
  if (!stream)
    rc = -AOD_HOST_EBADF;
  else if (slots[2] & PROT_WRITING) {
    if (!aod_node_is(stream->node, AOD_FILE_REGULAR))
      rc = -AOD_HOST_ENODEV;
    else if (!(slots[3] & MAP_PRIVATELY)) {
      aod_host_charge(host, slots[1]);
      charge_gap(host, stream->node, (int64_t)(slots[5] & INT64_MAX));
      rc = aod_files_write(aod__host_tree(host), stream->node, (int64_t)(slots[5] & INT64_MAX),
                           aod_slice(aod_host_read(host, slots[0], slots[1]), slots[1]));
    }
  }
  result(slots, rc < 0 ? rc : 0);
}
