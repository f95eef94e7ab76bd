#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 20 };

int aod_input_open(aod_input_t *input, const char *path, aod_error_t *err) {
  bool is_stdin = !path || strcmp(path, "-") == 0;
  *input = (aod_input_t){.name = is_stdin ? "stdin" : path};
  input->fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
  if (input->fd >= 0) return AOD_OK;
  return aod_fail(err, errno == ENOENT ? AOD_ENOTFOUND : AOD_EIO, "cannot open %s: %s", input->name,
                  strerror(errno));
}

void aod_input_close(aod_input_t *input) {
  if (input->mapped) munmap(input->mapped, input->mapped_len);
  if (input->fd >= 0) close(input->fd);
  *input = (aod_input_t){.fd = -1};
}

static int fail(const aod_input_t *input, aod_error_t *err) {
  return aod_fail(err, AOD_EIO, "cannot read %s: %s", input->name, strerror(errno));
}

int aod_input_each(aod_input_t *input,
                   int (*take)(void *context, aod_slice_t piece, aod_error_t *err), void *context,
                   aod_error_t *err) {
  uint8_t *piece = aod_alloc(PIECE_BYTES);
  int code = AOD_OK;
  if (lseek(input->fd, 0, SEEK_SET) < 0 && errno != ESPIPE) code = fail(input, err);
  while (code == AOD_OK) {
    ssize_t got = read(input->fd, piece, PIECE_BYTES);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) code = fail(input, err);
    if (got <= 0) break;
    code = take(context, aod_slice(piece, (size_t)got), err);
  }
  free(piece);
  return code;
}

static int spool_piece(void *context, aod_slice_t piece, aod_error_t *err) {
  if (fwrite(piece.ptr, 1, piece.len, context) == piece.len) return AOD_OK;
  return aod_fail(err, AOD_EIO, "cannot write a temporary file: %s", strerror(errno));
}

int aod_input_settle(aod_input_t *input, aod_error_t *err) {
  struct stat st;
  if (fstat(input->fd, &st) != 0) return fail(input, err);
  if (S_ISREG(st.st_mode)) return AOD_OK;
  FILE *spool = tmpfile();
  if (!spool) return aod_fail(err, AOD_EIO, "cannot make a temporary file: %s", strerror(errno));
  int code = aod_input_each(input, spool_piece, spool, err);
  if (code == AOD_OK && fflush(spool) != 0)
    code = aod_fail(err, AOD_EIO, "cannot write a temporary file: %s", strerror(errno));
  if (code == AOD_OK) dup3(fileno(spool), input->fd, O_CLOEXEC);
  fclose(spool);
  return code;
}

int aod_input_map(aod_input_t *input, aod_slice_t *bytes, aod_error_t *err) {
  struct stat st;
  *bytes = AOD_EMPTY;
  int code = aod_input_settle(input, err);
  if (code != AOD_OK) return code;
  if (fstat(input->fd, &st) != 0) return fail(input, err);
  if (st.st_size == 0) return AOD_OK;
  input->mapped_len = (size_t)st.st_size;
  input->mapped = mmap(NULL, input->mapped_len, PROT_READ, MAP_PRIVATE, input->fd, 0);
  if (input->mapped == MAP_FAILED) {
    input->mapped = NULL;
    return fail(input, err);
  }
  *bytes = aod_slice(input->mapped, input->mapped_len);
  return AOD_OK;
}

typedef struct {
  aod_buf_t *bytes;
  size_t left;
  const char *name;
} reading_t;

static int read_piece(void *context, aod_slice_t piece, aod_error_t *err) {
  reading_t *reading = context;
  if (piece.len > reading->left)
    return aod_fail(err, AOD_ETOOLARGE, "%s is larger than it may be", reading->name);
  reading->left -= piece.len;
  aod_buf_append(reading->bytes, piece);
  return AOD_OK;
}

int aod_input_read(aod_input_t *input, size_t max_bytes, aod_buf_t *bytes, aod_error_t *err) {
  reading_t reading = {bytes, max_bytes, input->name};
  return aod_input_each(input, read_piece, &reading, err);
}
