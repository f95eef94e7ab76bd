/* aod module: module files, and the cache of native code that is made of them.
 *
 * A node needs none of this: it compiles what it meets. The verbs are for doing it ahead, and for
 * looking at what would happen, or has. */
#include "cli/module.h"

#include <stdio.h>
#include <stdlib.h>

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/compile.h"
#include "cli/describe.h"
#include "node/cache.h"
#include "node/known_modules.h"
#include "vm/vm.h"

enum { MODULE_BYTES_MAX = 64 << 20 };

/* ---- what verbs share ---- */

int aod__module_read(const char *word, aod_buf_t *wasm, aod_error_t *err) {
  uint8_t id[32];
  aod_arena_t arena = {0};
  aod_item_t item;
  int code = AOD_OK;
  if (!aod_file_exists(word) && aod_id_decode(aod_text(word), id)) {
    if (aod_known_module_read(id, &arena, &item))
      aod_buf_append(wasm, item.data);
    else
      code = aod_fail(err, AOD_ENOTFOUND, "no file of module %s is here", word);
  } else {
    code = aod_file_read(word, MODULE_BYTES_MAX, wasm, err);
  }
  aod_arena_free(&arena);
  return code;
}

void aod__module_describe_hash(aod_buf_t *json, const uint8_t sha256[32]) {
  const aod_known_module_t *known = aod_known_module_find(sha256);
  aod_describe_hex(json, "sha256", aod_slice(sha256, 32));
  if (!known) return;
  aod_json_key_string(json, "name", aod_text(known->name));
  aod_json_key_string(json, "id", aod_text(known->id));
}

/* ---- compiling ---- */

/* Load and let go: that leaves it in the cache. `format` NULL: guess, and tell. */
static int compile(aod_vm_t *vm, const char *path, const char **format, aod_buf_t *wasm,
                   aod_error_t *err) {
  aod_module_t *module;
  int code = aod_file_read(path, MODULE_BYTES_MAX, wasm, err);
  if (code == AOD_OK && !*format) code = aod_module_guess_format(aod_buf_slice(wasm), format, err);
  if (code == AOD_OK)
    code = aod_module_load(vm, aod_buf_slice(wasm), aod_text(*format), path, &module, err);
  if (code == AOD_OK)
    aod_module_release(module);
  else
    aod_error_prefix(err, "%s", path);
  return code;
}

static int open_vm(const aod__module_options_t *options, const char *directory, aod_vm_t **vm,
                   aod_error_t *err) {
  aod_vm_options_t vm_options = {.cache_dir = options->out ? options->out : directory,
                                 .on_compile = aod_compile_report,
                                 .in_workers = true};
  const char *tier = options->tier ? options->tier : "optimised";
  if (!aod_tiers_parse(tier, &vm_options.tiers) || vm_options.tiers == AOD_TIERS_BOTH)
    return aod_fail(err, AOD_EUSAGE, "--tier is first or optimised, not \"%s\"", tier);
  return aod_vm_open(vm, &vm_options, err);
}

static int run_compile(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const aod__module_options_t *options = target;
  char *directory = aod_build_modules_dir();
  aod_vm_t *vm = NULL;
  if (words->count == 0) {
    free(directory);
    return aod_fail(err, AOD_EUSAGE, "say what to compile: aod module compile FILE...");
  }
  int code = open_vm(options, directory, &vm, err);
  for (size_t i = 0; i < words->count && code == AOD_OK; i++) {
    const char *format = options->format;
    aod_buf_t wasm = {0};
    code = compile(vm, words->values[i], &format, &wasm, err);
    aod_buf_free(&wasm);
  }
  aod_vm_close(vm);
  free(directory);
  return code;
}

static void describe_added(const char *file, aod_slice_t wasm, const char *format, int64_t ms) {
  aod_buf_t json = {0};
  uint8_t sha256[32];
  aod_sha256(wasm, sha256);
  aod_buf_byte(&json, '{');
  aod_json_key_string(&json, "file", aod_text(file));
  aod__module_describe_hash(&json, sha256);
  aod_json_key_string(&json, "format", aod_text(format));
  aod_json_key_int(&json, "ms", ms);
  aod__module_describe_entries(&json, sha256);
  aod_buf_byte(&json, '}');
  aod_describe_print(&json);
}

static int run_add(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const aod__module_options_t *options = target;
  const char *format = options->format;
  char *directory = aod_cache_dir();
  aod_buf_t wasm = {0};
  aod_vm_t *vm = NULL;
  int64_t began_us = aod_clock_monotonic_us();
  int code =
      words->count ? AOD_OK : aod_fail(err, AOD_EUSAGE, "say which module: aod module add FILE");
  if (code == AOD_OK) code = open_vm(options, directory, &vm, err);
  if (code == AOD_OK) code = compile(vm, words->values[0], &format, &wasm, err);
  if (code == AOD_OK)
    describe_added(words->values[0], aod_buf_slice(&wasm), format,
                   (aod_clock_monotonic_us() - began_us) / 1000);
  aod_vm_close(vm);
  aod_buf_free(&wasm);
  free(directory);
  return code;
}

/* ---- the command ---- */

#define FIELD(name) offsetof(aod__module_options_t, name)
#define FORMAT_ROW                                                                                 \
  {                                                                                                \
    "--format", AOD_OPTION_TEXT, FIELD(format), "NAME",                                            \
        "Module-Format (default: by the width of the module's memory)", 0, 0                       \
  }
#define TIER_ROW                                                                                   \
  {                                                                                                \
    "--tier", AOD_OPTION_TEXT, FIELD(tier), "TIER",                                                \
        "first (in seconds) or optimised (default: optimised)", 0, 0                               \
  }
#define END_ROW                                                                                    \
  { NULL, 0, 0, NULL, NULL, 0, 0 }

static const aod_option_t add_options[] = {FORMAT_ROW, TIER_ROW, END_ROW};

static const aod_option_t compile_options[] = {
    FORMAT_ROW,
    TIER_ROW,
    {"--out", AOD_OPTION_TEXT, FIELD(out), "DIR",
     "where to keep the code (default: the modules folder beside the program)", 0, 0},
    END_ROW,
};

static const aod_option_t show_options[] = {FORMAT_ROW, END_ROW};
static const aod_option_t no_options[] = {END_ROW};

static const aod_verb_t verbs[] = {
    {"add", "FILE",
     "Check a module, compile it into the cache that all nodes of this user share, and let it "
     "start\nonce. Tells as JSON what the cache has of it then.",
     add_options, 1, run_add},
    {"compile", "FILE...",
     "Make native code of modules, so that their first use need not wait: what the build does for\n"
     "those that it brings.",
     compile_options, AOD_OPTION_LIST_MAX, run_compile},
    {"ls", "",
     "Tell as JSON what native code there is: of which modules, at which tier, by which compiler,\n"
     "how large and how old.",
     no_options, 0, aod__module_ls},
    {"show", "FILE|ID",
     "Tell as JSON what a module is: the formats that it fits, memory, imports and exports, and "
     "what\nkeeps it from running, if anything does; and what native code there is of it. Nothing "
     "is\ncompiled.",
     show_options, 1, aod__module_show},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

int aod_command_module(int argc, char **argv) {
  aod__module_options_t options = {0};
  return aod_command_verbs("module", "Modules, and the native code that is made of them.", verbs,
                           &options, argc, argv);
}
