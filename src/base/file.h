/* Files: whole-file reads, atomic writes, folders. Errors name the path and the system's reason. */
#ifndef AOD_BASE_FILE_H
#define AOD_BASE_FILE_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/error.h"

/* Append the whole file to `bytes`; AOD_ETOOLARGE when it is larger than `max_bytes`. */
int aod_file_read(const char *path, size_t max_bytes, aod_buf_t *bytes, aod_error_t *err);

/* Write to a temporary name beside `path`, then rename: readers see all or nothing. Not synced. */
int aod_file_write(const char *path, aod_slice_t bytes, mode_t mode, aod_error_t *err);

/* Where temporary files go: TMPDIR, else /tmp. */
const char *aod_temp_dir(void);
/* A file without a name there, which is gone when it is closed: its descriptor, the caller's, or a
 * negative code. */
int aod_file_temporary(aod_error_t *err);
/* Write all of it at `at` of such a file. AOD_EDISK when there is no room. */
int aod_file_temporary_write(int fd, aod_slice_t bytes, uint64_t at, aod_error_t *err);

bool aod_file_exists(const char *path);
int aod_dir_create(const char *path, aod_error_t *err); /* with parents; existing is fine */
int aod_dir_remove(const char *path, aod_error_t *err); /* with everything in it */

#endif
