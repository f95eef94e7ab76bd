#include "node/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"

char *aod_home_path(const aod_home_t *home, const char *name, aod_arena_t *arena) {
  return aod_arena_printf(arena, "%s/%s", home->dir, name);
}

static int make_temporary(aod_home_t *home, aod_arena_t *arena, aod_error_t *err) {
  char *path = aod_arena_printf(arena, "%s/aod-XXXXXX", aod_temp_dir());
  if (!mkdtemp(path)) return aod_fail_system(err, errno, "cannot make a temporary folder %s", path);
  home->dir = path;
  home->temporary = true;
  return AOD_OK;
}

static int make_given(aod_home_t *home, const char *dir, aod_arena_t *arena, aod_error_t *err) {
  home->dir = (char *)aod_arena_copy(arena, aod_text(dir)).ptr;
  return aod_dir_create(dir, err);
}

int aod_home_take(aod_home_t *home, const char *dir, aod_arena_t *arena, aod_error_t *err) {
  *home = AOD_HOME_NONE;
  int code = dir ? make_given(home, dir, arena, err) : make_temporary(home, arena, err);
  if (code != AOD_OK) return code;
  const char *path = aod_home_path(home, "lock", arena);
  home->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (home->lock_fd < 0)
    return aod_fail_system(err, errno, "cannot write in the data folder: %s", path);
  if (flock(home->lock_fd, LOCK_EX | LOCK_NB) == 0) return AOD_OK;
  return aod_fail(err, AOD_EUNAVAILABLE, "the data folder %s is in use by another aod", home->dir);
}

void aod_home_release(aod_home_t *home) {
  if (home->temporary) aod_dir_remove(home->dir, NULL);
  if (home->lock_fd >= 0) close(home->lock_fd);
  *home = AOD_HOME_NONE;
}
