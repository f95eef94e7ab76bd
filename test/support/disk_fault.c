/* A disk that fails under one program, at a test's will: preloaded, it lets whatever changes files
 * below the folder AOD_TEST_DISK fail, with the system's error (EROFS, EIO) whose number stands in
 * the file AOD_TEST_FAULT (an int, read at every look); while that is 0 the disk is well. Reading
 * goes on, as on a disk that the system has made read-only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const volatile int *number;

/* Other libraries may write before any constructor of ours would have run. */
static void begin(void) {
  static const int none;
  const char *path = getenv("AOD_TEST_FAULT");
  int fd = path ? REAL(open)(path, O_RDONLY | O_CLOEXEC) : -1;
  void *page = fd >= 0 ? mmap(NULL, sizeof *number, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
  number = page == MAP_FAILED ? &none : page;
}

static bool fails_at(const char *path) {
  if (!number) begin();
  const char *folder = getenv("AOD_TEST_DISK");
  if (!*number || !folder || strncmp(path, folder, strlen(folder)) != 0) return false;
  errno = *number;
  return true;
}

static bool fails_on(int fd) {
  if (!number) begin();
  if (!*number) return false;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t len = readlink(link, path, sizeof path - 1);
  path[len > 0 ? len : 0] = '\0';
  return fails_at(path);
}

/* ---- by descriptor ---- */

#define ON(result, name, parameters, ...)                                                          \
  result name parameters {                                                                         \
    return fails_on(fd) ? -1 : REAL(name)(__VA_ARGS__);                                            \
  }
ON(ssize_t, write, (int fd, const void *bytes, size_t len), fd, bytes, len)
ON(ssize_t, pwrite, (int fd, const void *bytes, size_t len, off_t at), fd, bytes, len, at)
ON(ssize_t, pwrite64, (int fd, const void *bytes, size_t len, off64_t at), fd, bytes, len, at)
ON(int, ftruncate, (int fd, off_t len), fd, len)
ON(int, ftruncate64, (int fd, off64_t len), fd, len)
ON(int, fsync, (int fd), fd)
ON(int, fdatasync, (int fd), fd)

/* ---- by name ---- */

#define AT(name, parameters, ...)                                                                  \
  int name parameters {                                                                            \
    return fails_at(path) ? -1 : REAL(name)(__VA_ARGS__);                                          \
  }
AT(mkdir, (const char *path, mode_t mode), path, mode)
AT(unlink, (const char *path), path)
AT(rename, (const char *path, const char *to), path, to)

#define OPENING(name)                                                                              \
  int name(const char *path, int flags, ...) {                                                     \
    va_list args;                                                                                  \
    va_start(args, flags);                                                                         \
    mode_t mode = va_arg(args, mode_t);                                                            \
    va_end(args);                                                                                  \
    bool changes = (flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT;                             \
    return changes && fails_at(path) ? -1 : REAL(name)(path, flags, mode);                         \
  }
OPENING(open)
OPENING(open64)
