/* aod deephash: the hash that Arweave signs (SHA-384 over a tree of blobs and lists). */
#include <stdio.h>

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/input.h"

enum { TREE_BYTES_MAX = 256 << 20 };

typedef struct {
  bool tree;
  const char *encoding;
} deephash_options_t;

/* ---- a tree ---- */

static int hash_blob(const json_t *text, bool decode, uint8_t digest[48], aod_error_t *err) {
  aod_buf_t bytes = {0};
  int code = AOD_OK;
  if (decode)
    code = aod_base64url_decode(aod_json_slice(text), &bytes, err);
  else
    aod_buf_append(&bytes, aod_json_slice(text));
  if (code == AOD_OK) aod_deep_hash_blob(aod_buf_slice(&bytes), digest);
  aod_buf_free(&bytes);
  return code;
}

/* Recurses as deep as the parser lets the text nest. */
static int hash_tree(const json_t *tree, bool decode, uint8_t digest[48], aod_error_t *err) {
  if (json_is_string(tree)) return hash_blob(tree, decode, digest, err);
  if (!json_is_array(tree))
    return aod_fail(err, AOD_EINPUT, "a tree is made of strings and arrays only");
  aod_deep_hash_t list;
  aod_deep_hash_begin(&list, json_array_size(tree));
  size_t i;
  const json_t *element;
  json_array_foreach((json_t *)tree, i, element) {
    uint8_t inner[48];
    int code = hash_tree(element, decode, inner, err);
    if (code != AOD_OK) return code;
    aod_deep_hash_add_digest(&list, inner);
  }
  memcpy(digest, list.state, sizeof list.state);
  return AOD_OK;
}

static int hash_json(aod_input_t *input, bool decode, uint8_t digest[48], aod_error_t *err) {
  aod_buf_t text = {0};
  json_t *tree = NULL;
  int code = aod_input_read(input, TREE_BYTES_MAX, &text, err);
  if (code == AOD_OK) code = aod_json_parse(aod_buf_slice(&text), &tree, err);
  if (code == AOD_OK) code = hash_tree(tree, decode, digest, err);
  json_decref(tree);
  aod_buf_free(&text);
  return code;
}

/* ---- one blob ---- */

static int hash_piece(void *context, aod_slice_t piece, aod_error_t *err) {
  (void)err;
  aod_blob_hash_add(context, piece);
  return AOD_OK;
}

static int hash_bytes(aod_input_t *input, uint8_t digest[48], aod_error_t *err) {
  aod_blob_hash_t hash;
  aod_blob_hash_begin(&hash);
  int code = aod_input_each(input, hash_piece, &hash, err);
  aod_blob_hash_finish(&hash, digest);
  aod_blob_hash_deinit(&hash);
  return code;
}

/* ---- the command ---- */

static int read_encoding(const char *name, bool *decode, aod_error_t *err) {
  *decode = strcmp(name, "base64url") == 0;
  if (*decode || strcmp(name, "utf8") == 0) return AOD_OK;
  return aod_fail(err, AOD_EUSAGE, "--encoding is utf8 or base64url, not \"%s\"", name);
}

static int run(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const deephash_options_t *options = target;
  aod_input_t input;
  uint8_t digest[48];
  bool decode;
  int code = read_encoding(options->encoding, &decode, err);
  if (code == AOD_OK) code = aod_input_open(&input, words->count ? words->values[0] : NULL, err);
  if (code != AOD_OK) return code;
  code = options->tree ? hash_json(&input, decode, digest, err) : hash_bytes(&input, digest, err);
  aod_input_close(&input);
  if (code != AOD_OK) return code;
  aod_buf_t json = {0};
  aod_buf_byte(&json, '{');
  aod_base64url_member(&json, "deepHash", aod_slice(digest, sizeof digest));
  aod_describe_hex(&json, "hex", aod_slice(digest, sizeof digest));
  aod_buf_byte(&json, '}');
  aod_describe_print(&json);
  return AOD_OK;
}

#define FIELD(name) offsetof(deephash_options_t, name)
static const aod_option_t options_table[] = {
    {"--json", AOD_OPTION_FLAG, FIELD(tree), NULL,
     "the input is a tree: a JSON string is a blob, a JSON array a list", 0, 0},
    {"--encoding", AOD_OPTION_TEXT, FIELD(encoding), "NAME",
     "what the strings of a tree are: utf8 or base64url (default: utf8)", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

static const aod_verb_t verb = {
    .words = "[FILE]",
    .about = "Print the deep hash of FILE, or of stdin, as JSON: of the bytes as one blob, or of a "
             "tree.\nA file of bytes may be of any size.",
    .options = options_table,
    .words_max = 1,
    .run = run,
};

int aod_command_deephash(int argc, char **argv) {
  deephash_options_t options = {.encoding = "utf8"};
  return aod_command_verb("deephash", &verb, &options, argc, argv);
}
