/* What the files of the results share. */
#ifndef AOD_STORE_RESULTS_INTERNAL_H
#define AOD_STORE_RESULTS_INTERNAL_H

#include <pthread.h>

#include "store/db.h"
#include "store/results.h"

struct aod_results {
  aod_db_t *db;
  pthread_mutex_t lock;          /* guards the rest */
  struct aod__results_put *held; /* the newest first */
  size_t held_bytes;
  size_t unwritten; /* results and notes whose writing failed: held, on their way again, or lost */
  uint64_t truncations; /* so far */
  size_t truncating;    /* of them are not written yet */
};

extern const char aod__results_notes_schema[]; /* results_notes.c */

/* In the writer's thread, after results were forgotten from a position on: what was noted beside
 * them. */
int aod__results_forget_notes(aod_db_connection_t *connection, const uint8_t process[32],
                              uint64_t position, aod_error_t *err);

#endif
