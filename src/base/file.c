#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_with_errno(aod_error_t *err, const char *what, const char *path) {
  return aod_fail_system(err, errno, "cannot %s %s", what, path);
}

int aod_file_read(const char *path, size_t max_bytes, aod_buf_t *bytes, aod_error_t *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_with_errno(err, "open", path);
  size_t total = 0;
  for (;;) {
    aod_buf_reserve(bytes, 65536);
    ssize_t got = read(fd, bytes->ptr + bytes->len, bytes->cap - bytes->len);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      int code = fail_with_errno(err, "read", path);
      close(fd);
      return code;
    }
    if (got == 0) break;
    bytes->len += (size_t)got;
    total += (size_t)got;
    if (total <= max_bytes) continue;
    close(fd);
    return aod_fail(err, AOD_ETOOLARGE, "%s is larger than %zu bytes", path, max_bytes);
  }
  close(fd);
  return AOD_OK;
}

static int write_all(int fd, aod_slice_t bytes) {
  while (bytes.len) {
    ssize_t done = write(fd, bytes.ptr, bytes.len);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return -1;
    bytes = aod_slice(bytes.ptr + done, bytes.len - (size_t)done);
  }
  return 0;
}

int aod_file_write(const char *path, aod_slice_t bytes, mode_t mode, aod_error_t *err) {
  char temporary[PATH_MAX];
  if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary)
    return aod_fail(err, AOD_EINPUT, "path too long: %s", path);
  int fd = mkostemp(temporary, O_CLOEXEC);
  if (fd < 0) return fail_with_errno(err, "create", temporary);
  bool written = write_all(fd, bytes) == 0 && fchmod(fd, mode) == 0;
  if (close(fd) != 0) written = false;
  if (written && rename(temporary, path) == 0) return AOD_OK;
  int code = fail_with_errno(err, "write", path);
  unlink(temporary);
  return code;
}

const char *aod_temp_dir(void) {
  const char *wanted = getenv("TMPDIR");
  return wanted && *wanted ? wanted : "/tmp";
}

int aod_file_temporary(aod_error_t *err) {
  int fd = open(aod_temp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  return fd < 0 ? fail_with_errno(err, "make a temporary file in", aod_temp_dir()) : fd;
}

int aod_file_temporary_write(int fd, aod_slice_t bytes, uint64_t at, aod_error_t *err) {
  while (bytes.len > 0) {
    ssize_t written = pwrite(fd, bytes.ptr, bytes.len, (off_t)at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_with_errno(err, "write a temporary file in", aod_temp_dir());
    bytes = aod_slice_sub(bytes, (size_t)written, bytes.len);
    at += (uint64_t)written;
  }
  return AOD_OK;
}

bool aod_file_exists(const char *path) {
  return access(path, F_OK) == 0;
}

static int make_dir(const char *path, aod_error_t *err) {
  struct stat st;
  if (mkdir(path, 0755) == 0) return AOD_OK;
  if (errno == EEXIST && stat(path, &st) == 0) {
    if (S_ISDIR(st.st_mode)) return AOD_OK;
    errno = ENOTDIR;
  }
  return fail_with_errno(err, "create", path);
}

int aod_dir_create(const char *path, aod_error_t *err) {
  char copy[PATH_MAX];
  if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
    return aod_fail(err, AOD_EINPUT, "path too long: %s", path);
  for (char *p = copy + 1; *p; p++) {
    if (*p != '/') continue;
    *p = 0;
    int code = make_dir(copy, err);
    if (code != AOD_OK) return code;
    *p = '/';
  }
  return make_dir(copy, err);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
  (void)st, (void)kind, (void)where;
  return remove(path);
}

int aod_dir_remove(const char *path, aod_error_t *err) {
  if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT) return AOD_OK;
  return fail_with_errno(err, "remove", path);
}
