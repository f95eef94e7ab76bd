/* The cache of compiled modules: one file an entry.
 *
 * The file is the shared object followed by the folded module and a trailer with their lengths,
 * what the entry is, and a hash over all; the dynamic loader does not mind what comes behind. It
 * appears by rename, so it is whole or not there, and what a crash or a disk did to it later the
 * hash tells. */
#ifndef AOD_VM_CACHE_H
#define AOD_VM_CACHE_H

#include "vm/code.h"

/* What an entry says of itself. */
typedef struct {
  uint8_t wasm_sha256[32];
  uint32_t abi, translator; /* versions */
  uint32_t tier;            /* aod_tier_t */
  uint32_t gas_type;        /* as in aod_code_options_t */
  char compiler[112];       /* path of the program */
} aod_cache_info_t;

typedef struct {
  char name[100]; /* "<key>-<compiler>.so" */
  size_t key_len; /* of "<key>-" */
  aod_cache_info_t info;
} aod__entry_t;

/* Name the entry of the module with this hash by what decides about its code, the options' tier and
 * gas_type among it, compiled by the program at `compiler` (NULL: none). */
void aod__entry_name(aod__entry_t *entry, const uint8_t wasm_sha256[32],
                     const aod_code_options_t *options, const char *compiler);

/* Load the entry from `directory` (NULL: never there). With any_compiler one that another compiler
 * made will do: all give the same results. With `elsewhere` the library is not loaded, but the file
 * is kept open. False when there is no such entry, or only a broken one. */
bool aod__entry_load(const aod__entry_t *entry, const char *directory, bool any_compiler,
                     bool elsewhere, aod_code_t *code);

/* Load the entry that `fd` is open for. */
bool aod__entry_open(int fd, aod_code_t *code);

/* Append `folded` and the trailer to the shared object `built` and rename it to the entry. */
int aod__entry_store(const aod__entry_t *entry, const char *directory, const char *built,
                     aod_slice_t folded, aod_error_t *err);

#define AOD__CACHE_WORK "work-" /* their names begin so */

/* Remove the working folders that compilers of programs that were killed have left behind. */
void aod__cache_sweep(const char *directory);

/* ---- looking at a cache ---- */

typedef struct {
  const char *path;
  bool whole; /* its hash is right; without that, the fields below it are not filled */
  aod_cache_info_t info;
  bool usable; /* of this version of aod; whether by this compiler does not matter */
  uint64_t bytes;
  int64_t age_ms; /* since it was made */
} aod_cache_row_t;

/* Call `each` for the entries in `directory`, in no order. One that does not exist has none. */
void aod_cache_each(const char *directory, void (*each)(void *, const aod_cache_row_t *),
                    void *context);

#endif
