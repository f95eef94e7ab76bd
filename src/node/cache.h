/* Where compiled modules are kept: what the build compiled stands beside the program, what is
 * compiled later in the user's cache folder. */
#ifndef AOD_NODE_CACHE_H
#define AOD_NODE_CACHE_H

/* <program's folder>/modules: module files and what the build made of them. Caller frees. */
char *aod_build_modules_dir(void);
/* $AOD_CACHE, else $XDG_CACHE_HOME/aod, else ~/.cache/aod, else /tmp/aod-cache-<uid>. Caller frees.
 */
char *aod_cache_dir(void);

#endif
