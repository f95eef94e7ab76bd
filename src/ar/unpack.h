/* Bundles are unpacked: the items inside of transactions and items become items of their own.
 * Internal to ar.
 *
 * That a row is a bundle not yet unpacked stands in the index, so an interruption loses nothing:
 * the next start goes on. One thread unpacks, one bundle after the other. Every item inside is
 * verified; one that is not valid is left out, its siblings are not. */
#ifndef AOD_AR_UNPACK_H
#define AOD_AR_UNPACK_H

#include "ar/index.h"

typedef struct aod__unpack aod__unpack_t;
struct aod__unpack {
  aod_task_t task;
  aod_ar_t *ar;
  void (*done)(aod__unpack_t *unpack); /* in the unpacking thread; may free */
};

/* Call `done` when all bundles that are in the index now have been unpacked. */
void aod__unpack(aod__unpack_t *unpack, aod_ar_t *ar, void (*done)(aod__unpack_t *unpack));

/* The same for who waits for it. */
void aod__unpack_wait(aod_ar_t *ar);

#endif
