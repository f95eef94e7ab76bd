#include "node/cache.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"

static char *join(const char *dir, const char *name) {
  aod_buf_t path = {0};
  aod_buf_printf(&path, "%s/%s", dir, name);
  aod_buf_terminate(&path);
  return (char *)path.ptr;
}

char *aod_build_modules_dir(void) {
  char program[PATH_MAX];
  ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
  program[len > 0 ? len : 0] = 0;
  char *slash = strrchr(program, '/');
  if (slash) *slash = 0;
  return join(program, "modules");
}

char *aod_cache_dir(void) {
  const char *own = getenv("AOD_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (own && *own) return aod_strdup(own);
  if (xdg && *xdg) return join(xdg, "aod");
  if (home && *home) return join(home, ".cache/aod");
  char path[64];
  snprintf(path, sizeof path, "/tmp/aod-cache-%d", (int)getuid());
  return aod_strdup(path);
}
