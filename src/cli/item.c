/* aod item: look at, verify and sign ANS-104 data items. Items are read in pieces: their size does
 * not matter. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "arweave/item_stream.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/fields.h"
#include "cli/input.h"

typedef struct {
  const char *wallet, *target, *anchor, *out;
  aod_option_list_t tags;
} item_options_t;

/* ---- reading ---- */

typedef struct {
  aod_item_stream_t *stream;
  aod_sha256_t data;
} reading_t;

/* The stream says how much of the piece was data: it stands at the end. */
static int read_piece(void *context, aod_slice_t piece, aod_error_t *err) {
  reading_t *reading = context;
  uint64_t before = aod_item_stream_data_len(reading->stream);
  int code = aod_item_stream_feed(reading->stream, piece, err);
  size_t data_len = (size_t)(aod_item_stream_data_len(reading->stream) - before);
  aod_sha256_add(&reading->data, aod_slice_sub(piece, piece.len - data_len, data_len));
  return code;
}

static int read_item(const aod_option_list_t *words, reading_t *reading, aod_error_t *err) {
  aod_input_t input;
  int code = aod_input_open(&input, words->count ? words->values[0] : NULL, err);
  if (code != AOD_OK) return code;
  code = aod_input_each(&input, read_piece, reading, err);
  if (code == AOD_OK) code = aod_item_stream_finish(reading->stream, err);
  aod_input_close(&input);
  return code;
}

/* `whole`: all that is known, not only the id. */
static int judge(const aod_option_list_t *words, bool whole, aod_error_t *err) {
  reading_t reading = {.stream = aod_item_stream_new()};
  aod_sha256_begin(&reading.data);
  int code = read_item(words, &reading, err);
  if (aod_describe_is_verdict(code)) {
    aod_buf_t json = {0};
    uint8_t sha256[32];
    const aod_item_t *item = aod_item_stream_item(reading.stream);
    aod_buf_byte(&json, '{');
    if (item && whole) {
      aod_describe_item(&json, item);
      aod_sha256_finish(&reading.data, sha256);
      aod_describe_data(&json, aod_item_stream_data_len(reading.stream), sha256);
    } else if (item) {
      aod_describe_id(&json, "id", item->id);
    }
    aod_describe_verdict(&json, code, err);
    aod_buf_byte(&json, '}');
    aod_describe_print(&json);
  }
  aod_sha256_deinit(&reading.data);
  aod_item_stream_free(reading.stream);
  return code;
}

static int run_inspect(void *options, const aod_option_list_t *words, aod_error_t *err) {
  (void)options;
  return judge(words, true, err);
}

static int run_verify(void *options, const aod_option_list_t *words, aod_error_t *err) {
  (void)options;
  return judge(words, false, err);
}

/* ---- signing: one pass to hash the data, a second one to write it ---- */

static int hash_piece(void *context, aod_slice_t piece, aod_error_t *err) {
  (void)err;
  aod_blob_hash_add(context, piece);
  return AOD_OK;
}

static int hash_data(aod_input_t *input, uint8_t digest[48], uint64_t *len, aod_error_t *err) {
  aod_blob_hash_t hash;
  aod_blob_hash_begin(&hash);
  int code = aod_input_each(input, hash_piece, &hash, err);
  *len = hash.len;
  aod_blob_hash_finish(&hash, digest);
  aod_blob_hash_deinit(&hash);
  return code;
}

static int write_piece(void *context, aod_slice_t piece, aod_error_t *err) {
  if (fwrite(piece.ptr, 1, piece.len, context) == piece.len) return AOD_OK;
  return aod_fail(err, AOD_EIO, "cannot write the item: %s", strerror(errno));
}

/* "-": stdout, instead of JSON. */
static int write_item(aod_slice_t header, aod_input_t *data, const char *path, aod_error_t *err) {
  bool to_stdout = strcmp(path, "-") == 0;
  FILE *file = to_stdout ? stdout : fopen(path, "we");
  if (!file) return aod_fail(err, AOD_EIO, "cannot create %s: %s", path, strerror(errno));
  int code = write_piece(file, header, err);
  if (code == AOD_OK) code = aod_input_each(data, write_piece, file, err);
  if (fflush(file) != 0 && code == AOD_OK) code = write_piece(file, AOD_EMPTY, err);
  if (!to_stdout) fclose(file);
  return code;
}

static int append_piece(void *context, aod_slice_t piece, aod_error_t *err) {
  (void)err;
  aod_buf_append(context, piece);
  return AOD_OK;
}

static int answer(const uint8_t id[32], aod_buf_t *raw, uint64_t data_len, aod_input_t *data,
                  const char *out, aod_error_t *err) {
  aod_buf_t json = {0};
  aod_buf_byte(&json, '{');
  aod_describe_id(&json, "id", id);
  aod_json_key_int(&json, "length", (int64_t)(raw->len + data_len));
  int code = AOD_OK;
  if (out) {
    code = write_item(aod_buf_slice(raw), data, out, err);
    aod_json_key_string(&json, "file", aod_text(out));
  } else if (data_len > AOD_DESCRIBE_RAW_MAX) {
    code = aod_fail(err, AOD_ETOOLARGE, "the item is too large for JSON: --out FILE");
  } else {
    code = aod_input_each(data, append_piece, raw, err);
    aod_base64url_member(&json, "raw", aod_buf_slice(raw));
  }
  aod_buf_byte(&json, '}');
  if (code == AOD_OK && !(out && strcmp(out, "-") == 0)) aod_describe_print(&json);
  aod_buf_free(&json);
  return code;
}

static int sign_input(aod_input_t *input, const aod_item_fields_t *fields,
                      const aod_signer_t *signer, const char *out, aod_error_t *err) {
  aod_buf_t raw = {0};
  uint8_t digest[48], id[32];
  uint64_t data_len;
  int code = aod_input_settle(input, err);
  if (code == AOD_OK) code = hash_data(input, digest, &data_len, err);
  if (code == AOD_OK) code = aod_item_sign_header(fields, digest, signer, &raw, id, err);
  if (code == AOD_OK) code = answer(id, &raw, data_len, input, out, err);
  aod_buf_free(&raw);
  return code;
}

static int read_fields(const item_options_t *options, aod_arena_t *arena, aod_item_fields_t *fields,
                       aod_error_t *err) {
  *fields = (aod_item_fields_t){0};
  int code = aod_fields_id("--target", options->target, arena, &fields->target, err);
  if (code == AOD_OK) code = aod_fields_anchor(options->anchor, arena, &fields->anchor, err);
  if (code == AOD_OK) code = aod_fields_tags(&options->tags, arena, &fields->tags, err);
  return code;
}

static int run_sign(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const item_options_t *options = target;
  aod_arena_t arena = {0};
  aod_item_fields_t fields;
  aod_signer_t *signer = NULL;
  aod_input_t input = {.fd = -1};
  int code = read_fields(options, &arena, &fields, err);
  if (code == AOD_OK) code = aod_wallet_load(options->wallet, &signer, err);
  if (code == AOD_OK) code = aod_input_open(&input, words->count ? words->values[0] : NULL, err);
  if (code == AOD_OK) code = sign_input(&input, &fields, signer, options->out, err);
  aod_input_close(&input);
  aod_signer_free(signer);
  aod_arena_free(&arena);
  return code;
}

/* ---- the command ---- */

#define FIELD(name) offsetof(item_options_t, name)
static const aod_option_t sign_options[] = {
    {"--wallet", AOD_OPTION_TEXT, FIELD(wallet), "FILE", "JWK of the key that signs", 0, 0},
    {"--target", AOD_OPTION_TEXT, FIELD(target), "ID", "whom it is for (default: nobody)", 0, 0},
    {"--anchor", AOD_OPTION_TEXT, FIELD(anchor), "TEXT",
     "32 characters, or 43 of base64url for any 32 bytes (default: none)", 0, 0},
    {"--tag", AOD_OPTION_LIST, FIELD(tags), "NAME=VALUE", "a tag; may be given several times", 0,
     0},
    {"--out", AOD_OPTION_TEXT, FIELD(out), "FILE",
     "where to write the item; -: to stdout, without JSON (default: in the JSON, as base64url)", 0,
     0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};
static const aod_option_t no_options[] = {{NULL, 0, 0, NULL, NULL, 0, 0}};

static const aod_verb_t verbs[] = {
    {"inspect", "[FILE]",
     "Tell as JSON what an item holds, and whether it is valid. Reads stdin without FILE.\n"
     "Exits with 2 and the reason on stderr when it is not valid.",
     no_options, 1, run_inspect},
    {"verify", "[FILE]",
     "Tell as JSON whether an item is valid: its form, its limits, its signature. Reads stdin\n"
     "without FILE, in bounded memory whatever its size. Exits with 2 when it is not valid.",
     no_options, 1, run_verify},
    {"sign", "[FILE]", "Make an item of the data in FILE, or on stdin.", sign_options, 1, run_sign},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

int aod_command_item(int argc, char **argv) {
  item_options_t options = {0};
  return aod_command_verbs("item", "ANS-104 data items, of every signature type in use.", verbs,
                           &options, argc, argv);
}
