/* Inside of `aod module`: the verbs, and what they share. */
#ifndef AOD_CLI_MODULE_H
#define AOD_CLI_MODULE_H

#include "base/bytes.h"
#include "base/options.h"

typedef struct {
  const char *out, *format, *tier; /* NULL: not given */
} aod__module_options_t;

/* The bytes of FILE, or of the module that the word is the id of, where the build has its file. */
int aod__module_read(const char *word, aod_buf_t *wasm, aod_error_t *err);

/* sha256; name and id of a module that is known by it. */
void aod__module_describe_hash(aod_buf_t *json, const uint8_t sha256[32]);

/* `entries`: what the caches have of the module with this hash (NULL: of all), each with its file,
 * tier and so on. Returns how many bytes they take. */
uint64_t aod__module_describe_entries(aod_buf_t *json, const uint8_t *sha256);

/* Verbs (command.h). */
int aod__module_show(void *options, const aod_option_list_t *words, aod_error_t *err);
int aod__module_ls(void *options, const aod_option_list_t *words, aod_error_t *err);

#endif
