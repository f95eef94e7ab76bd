/* Data that is too large for the database: files in a folder beside it. Internal to ar.
 *
 * A file is written under a temporary name and renamed when it is complete and on disk; only then a
 * row names it. So every named file is whole, and whatever carries a temporary name is left over
 * from an interruption and removed at the next start. Files of data that comes in chunks are the
 * exception: they are whole when the database says so (waiting.h). */
#ifndef AOD_AR_FILES_H
#define AOD_AR_FILES_H

#include "ar/index.h"

int aod__files_open(aod_ar_t *ar, aod_error_t *err); /* sets ar->files_dir, which close frees */
void aod__files_close(aod_ar_t *ar);
/* Remove all of them but those in the making. */
int aod__files_clear(aod_ar_t *ar, aod_error_t *err);

/* Where a row's data file is: absolute names stand for themselves. */
const char *aod__files_path(const aod_ar_t *ar, const char *name, aod_arena_t *arena);

/* Write a whole file; on disk when it returns. */
int aod__files_put(aod_ar_t *ar, const char *name, aod_slice_t bytes, aod_error_t *err);

/* Long data of a row goes to a file, on disk when this returns, and the row names it. */
int aod__files_put_data(aod_ar_t *ar, aod__index_row_t *row, aod_arena_t *arena, aod_error_t *err);

/* ---- a file in the making ---- */

typedef struct {
  int fd;
  char *path;   /* NULL: not begun, or ended */
  uint64_t len; /* written so far */
} aod__spool_t; /* zeroed: not begun */

int aod__spool_begin(aod_ar_t *ar, aod__spool_t *spool, aod_error_t *err);
int aod__spool_write(aod__spool_t *spool, aod_slice_t piece, aod_error_t *err);
/* To disk, under its name. Ends the spool whatever happens. */
int aod__spool_publish(aod_ar_t *ar, aod__spool_t *spool, const char *name, aod_error_t *err);
void aod__spool_abandon(aod__spool_t *spool); /* does nothing when it has ended */

/* ---- a file that is filled in any order ---- */

/* Write at a place; on disk when it returns. */
int aod__files_patch(aod_ar_t *ar, const char *name, uint64_t offset, aod_slice_t bytes,
                     aod_error_t *err);

#endif
