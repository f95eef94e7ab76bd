#include "ar/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ar/limits.h"
#include "arweave/base64url.h"
#include "base/file.h"

#define SPOOL_PREFIX "spool-"

static int fail_with_errno(aod_error_t *err, const char *what, const char *path) {
  return aod_fail_system(err, errno, "ar: cannot %s %s", what, path);
}

/* ---- the folder ---- */

/* Remove all spools, or everything else. */
static int remove_files(const char *dir_path, bool spools, aod_error_t *err) {
  DIR *dir = opendir(dir_path);
  if (!dir) return fail_with_errno(err, "open", dir_path);
  int code = AOD_OK;
  for (struct dirent *entry; code == AOD_OK && (entry = readdir(dir));) {
    bool is_spool = strncmp(entry->d_name, SPOOL_PREFIX, strlen(SPOOL_PREFIX)) == 0;
    if (entry->d_name[0] == '.' || is_spool != spools) continue;
    if (unlinkat(dirfd(dir), entry->d_name, 0) < 0)
      code = fail_with_errno(err, "remove", entry->d_name);
  }
  closedir(dir);
  return code;
}

int aod__files_open(aod_ar_t *ar, aod_error_t *err) {
  aod_buf_t path = {0};
  aod_buf_printf(&path, "%s-data", ar->options.path);
  ar->files_dir = aod_slice_strdup(aod_buf_slice(&path));
  aod_buf_free(&path);
  int code = aod_dir_create(ar->files_dir, err);
  return code == AOD_OK ? remove_files(ar->files_dir, true, err) : code;
}

void aod__files_close(aod_ar_t *ar) {
  free(ar->files_dir);
  ar->files_dir = NULL;
}

int aod__files_clear(aod_ar_t *ar, aod_error_t *err) {
  return remove_files(ar->files_dir, false, err);
}

const char *aod__files_path(const aod_ar_t *ar, const char *name, aod_arena_t *arena) {
  return name[0] == '/' ? name : aod_arena_printf(arena, "%s/%s", ar->files_dir, name);
}

/* A new or renamed file is found after a power cut only when its folder is on disk too. */
static int sync_dir(const aod_ar_t *ar, aod_error_t *err) {
  int fd = open(ar->files_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool synced = fd >= 0 && fsync(fd) == 0;
  int code = synced ? AOD_OK : fail_with_errno(err, "sync", ar->files_dir);
  if (fd >= 0) close(fd);
  return code;
}

static bool write_at(int fd, uint64_t offset, aod_slice_t bytes) {
  while (bytes.len) {
    ssize_t done = pwrite(fd, bytes.ptr, bytes.len, (off_t)offset);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    offset += (uint64_t)done;
    bytes = aod_slice_sub(bytes, (size_t)done, bytes.len);
  }
  return true;
}

/* ---- spools ---- */

int aod__spool_begin(aod_ar_t *ar, aod__spool_t *spool, aod_error_t *err) {
  aod_buf_t path = {0};
  aod_buf_printf(&path, "%s/" SPOOL_PREFIX "XXXXXX", ar->files_dir);
  *spool = (aod__spool_t){.path = aod_slice_strdup(aod_buf_slice(&path))};
  aod_buf_free(&path);
  spool->fd = mkostemp(spool->path, O_CLOEXEC);
  if (spool->fd >= 0) return AOD_OK;
  int code = fail_with_errno(err, "create", spool->path);
  free(spool->path);
  spool->path = NULL;
  return code;
}

int aod__spool_write(aod__spool_t *spool, aod_slice_t piece, aod_error_t *err) {
  if (!write_at(spool->fd, spool->len, piece)) return fail_with_errno(err, "write", spool->path);
  spool->len += piece.len;
  return AOD_OK;
}

int aod__spool_publish(aod_ar_t *ar, aod__spool_t *spool, const char *name, aod_error_t *err) {
  aod_arena_t scratch = {0};
  const char *path = aod__files_path(ar, name, &scratch);
  bool done =
      fchmod(spool->fd, 0644) == 0 && fsync(spool->fd) == 0 && rename(spool->path, path) == 0;
  int code = done ? sync_dir(ar, err) : fail_with_errno(err, "write", path);
  if (done) {
    close(spool->fd);
    free(spool->path);
    spool->path = NULL;
  }
  aod__spool_abandon(spool);
  aod_arena_free(&scratch);
  return code;
}

void aod__spool_abandon(aod__spool_t *spool) {
  if (!spool->path) return;
  unlink(spool->path);
  close(spool->fd);
  free(spool->path);
  spool->path = NULL;
}

int aod__files_put(aod_ar_t *ar, const char *name, aod_slice_t bytes, aod_error_t *err) {
  aod__spool_t spool;
  int code = aod__spool_begin(ar, &spool, err);
  if (code == AOD_OK) code = aod__spool_write(&spool, bytes, err);
  if (code == AOD_OK) return aod__spool_publish(ar, &spool, name, err);
  aod__spool_abandon(&spool);
  return code;
}

int aod__files_put_data(aod_ar_t *ar, aod__index_row_t *row, aod_arena_t *arena, aod_error_t *err) {
  if (row->data.len <= AOD__HELD_BYTES_MAX) return AOD_OK;
  char id[AOD_ID_CHARS + 1];
  aod_id_encode(row->id, id);
  row->data_file = (char *)aod_arena_copy(arena, aod_text(id)).ptr;
  return aod__files_put(ar, row->data_file, row->data, err);
}

/* ---- files that are filled in any order ---- */

int aod__files_patch(aod_ar_t *ar, const char *name, uint64_t offset, aod_slice_t bytes,
                     aod_error_t *err) {
  aod_arena_t scratch = {0};
  const char *path = aod__files_path(ar, name, &scratch);
  bool is_new = !aod_file_exists(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  bool done = fd >= 0 && write_at(fd, offset, bytes) && fdatasync(fd) == 0;
  int code = done ? AOD_OK : fail_with_errno(err, "write", path);
  if (fd >= 0) close(fd);
  if (code == AOD_OK && is_new) code = sync_dir(ar, err);
  aod_arena_free(&scratch);
  return code;
}
