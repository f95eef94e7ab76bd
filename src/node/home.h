/* The data folder of a program: one that is kept, or a temporary one; nobody else's meanwhile. */
#ifndef AOD_NODE_HOME_H
#define AOD_NODE_HOME_H

#include "base/arena.h"
#include "base/error.h"

typedef struct {
  const char *dir;
  bool temporary; /* removed by release */
  int lock_fd;    /* -1: not taken */
} aod_home_t;

/* Nothing taken yet: good for release. */
#define AOD_HOME_NONE ((aod_home_t){.lock_fd = -1})

/* Create the folder with its parents; NULL: a temporary one. Paths live in the arena.
 * AOD_EUNAVAILABLE when another aod uses it. */
int aod_home_take(aod_home_t *home, const char *dir, aod_arena_t *arena, aod_error_t *err);
void aod_home_release(aod_home_t *home);

/* The path of `name` in the folder. */
char *aod_home_path(const aod_home_t *home, const char *name, aod_arena_t *arena);

#endif
