/* Modules of the main network that a local gateway serves under their own ids. Source of ids,
 * hashes and tags: shared/spec/wasm-host.md A.1 and A.2. */
#ifndef AOD_NODE_KNOWN_MODULES_H
#define AOD_NODE_KNOWN_MODULES_H

#include "arweave/item.h"
#include "base/arena.h"

typedef struct {
  const char *name; /* the file's base name without .wasm */
  const char *id;
  const char *sha256; /* of the file, lower-case hex */
  const char *format;
} aod_known_module_t;

/* Their owner's address, as the recorded evaluations have it; whose key it is, is not known here.
 */
extern const char aod_known_modules_owner[];

extern const aod_known_module_t aod_known_modules[]; /* ends with a row without name */

/* The row with this hash (32 bytes), NULL when none has it. */
const aod_known_module_t *aod_known_module_find(const uint8_t sha256[32]);

/* A known module as a transaction, its data read from the file beside the program: for units whose
 * gateway does not serve it, or serves it without a signature that could be checked. False when the
 * id is not known, or the file is missing or not the one with the known hash. */
bool aod_known_module_read(const uint8_t id[32], aod_arena_t *arena, aod_item_t *item);

/* The tags of a Module transaction, in the order in which the network's have them. */
void aod_module_tags(const char *name, const char *format, aod_arena_t *arena, aod_tags_t *tags);

/* The Module-Format to assume for a file that does not say: by the width of its memory.
 * AOD_EINPUT when it is no WebAssembly module. */
int aod_module_guess_format(aod_slice_t wasm, const char **format, aod_error_t *err);

#endif
