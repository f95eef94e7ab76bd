/* The cache of compiled modules: one file an entry.
 *
 * The file is the shared object followed by the folded module and a trailer with their lengths and
 * a hash over both; the dynamic loader does not mind what comes behind. It appears by rename, so it
 * is whole or not there, and what a crash or a disk did to it later the hash tells. */
#ifndef AOD_VM_CACHE_H
#define AOD_VM_CACHE_H

#include "vm/code.h"

typedef struct {
  char name[100]; /* "<key>-<compiler>.so" */
  size_t key_len; /* of "<key>-" */
} aod__entry_t;

/* Name the entry of `wasm` by what decides about its code, the options' tier and gas_type among it,
 * compiled by the program at `compiler` (NULL: none). */
void aod__entry_name(aod__entry_t *entry, aod_slice_t wasm, const aod_code_options_t *options,
                     const char *compiler);

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

#endif
