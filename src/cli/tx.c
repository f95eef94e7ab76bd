/* aod tx: base-layer transactions in their JSON form. Data that is not inside, because it travels
 * in chunks, can be given as a file beside it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "arweave/merkle.h"
#include "arweave/transaction.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/fields.h"
#include "cli/input.h"

enum { JSON_BYTES_MAX = 256 << 20 };

typedef struct {
  const char *wallet, *target, *quantity, *reward, *anchor, *out, *data;
  aod_option_list_t tags;
  bool unsigned_json;
} tx_options_t;

/* ---- data in a file of its own ---- */

typedef struct {
  aod_merkle_t *tree; /* NULL: no data */
  aod_sha256_t sha256;
} hashing_t;

static int hash_piece(void *context, aod_slice_t piece, aod_error_t *err) {
  hashing_t *hashing = context;
  aod_sha256_add(&hashing->sha256, piece);
  return hashing->tree ? aod_merkle_feed(hashing->tree, piece, err) : AOD_OK;
}

/* Size, content hash and, unless empty, the root (AOD_SPLIT_EVEN) of what the input holds. */
static int hash_input(aod_input_t *input, uint64_t *size, uint8_t sha256[32], uint8_t root[32],
                      aod_error_t *err) {
  struct stat st;
  int code = aod_input_settle(input, err);
  if (code != AOD_OK) return code;
  if (fstat(input->fd, &st) != 0)
    return aod_fail(err, AOD_EIO, "cannot read %s: %s", input->name, strerror(errno));
  *size = (uint64_t)st.st_size;
  hashing_t hashing = {.tree = *size ? aod_merkle_new(*size, AOD_SPLIT_EVEN) : NULL};
  aod_sha256_begin(&hashing.sha256);
  code = aod_input_each(input, hash_piece, &hashing, err);
  aod_sha256_finish(&hashing.sha256, sha256);
  aod_sha256_deinit(&hashing.sha256);
  if (code == AOD_OK && hashing.tree) code = aod_merkle_finish(hashing.tree, err);
  if (code == AOD_OK && hashing.tree) memcpy(root, aod_merkle_root(hashing.tree), 32);
  aod_merkle_free(hashing.tree);
  return code;
}

/* ---- inspect, verify ---- */

static void describe(aod_buf_t *json, const aod_transaction_t *transaction) {
  uint8_t address[32];
  aod_describe_id(json, "id", transaction->id);
  aod_json_key_int(json, "format", transaction->format);
  aod_json_key_string(json, "signatureName",
                      aod_text(transaction->owner.len ? "arweave" : "secp256k1"));
  aod_base64url_member(json, "owner", transaction->owner);
  if (aod_transaction_address(transaction, address)) aod_describe_id(json, "address", address);
  aod_base64url_member(json, "target", transaction->target);
  aod_base64url_member(json, "anchor", transaction->last_tx);
  aod_json_key_string(json, "quantity", transaction->quantity);
  aod_json_key_string(json, "reward", transaction->reward);
  aod_describe_tags(json, &transaction->tags);
  aod_json_key_int(json, "dataSize", (int64_t)transaction->data_size);
  aod_base64url_member(json, "dataRoot", transaction->data_root);
}

static int read_transaction(const aod_option_list_t *words, aod_arena_t *arena,
                            aod_transaction_t *transaction, aod_error_t *err) {
  aod_input_t input;
  aod_buf_t text = {0};
  int code = aod_input_open(&input, words->count ? words->values[0] : NULL, err);
  if (code != AOD_OK) return code;
  code = aod_input_read(&input, JSON_BYTES_MAX, &text, err);
  if (code == AOD_OK) code = aod_transaction_parse(aod_buf_slice(&text), arena, transaction, err);
  aod_buf_free(&text);
  aod_input_close(&input);
  return code;
}

/* The data inside, or that in the file `path`: is it the transaction's? */
static int describe_data(aod_buf_t *json, const aod_transaction_t *transaction, const char *path,
                         aod_error_t *err) {
  uint8_t sha256[32], root[32];
  uint64_t size = transaction->data.len;
  int code = AOD_OK;
  if (path) {
    aod_input_t input;
    code = aod_input_open(&input, path, err);
    if (code == AOD_OK) code = hash_input(&input, &size, sha256, root, err);
    aod_input_close(&input);
    if (code != AOD_OK) return code;
    aod_slice_t expected = aod_slice(root, size ? sizeof root : 0);
    if (size != transaction->data_size || !aod_slice_equal(expected, transaction->data_root))
      code = aod_fail(err, AOD_EINPUT, "%s is not the data of this transaction", path);
  } else {
    aod_sha256(transaction->data, sha256);
  }
  if (path || transaction->data.len || transaction->data_size == 0)
    aod_describe_data(json, size, sha256);
  return code;
}

static int judge(const tx_options_t *options, const aod_option_list_t *words, bool whole,
                 aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_buf_t json = {0}, data = {0};
  aod_transaction_t transaction;
  int code = read_transaction(words, &arena, &transaction, err);
  aod_buf_byte(&json, '{');
  if (code == AOD_OK) {
    aod_error_t data_err;
    code = aod_transaction_verify(&transaction, err);
    int data_code = describe_data(&data, &transaction, options->data, &data_err);
    if (code == AOD_OK && data_code != AOD_OK) *err = data_err, code = data_code;
    if (whole)
      describe(&json, &transaction);
    else
      aod_describe_id(&json, "id", transaction.id);
    if (whole && data.len) {
      aod_json_separate(&json);
      aod_buf_append(&json, aod_buf_slice(&data));
    }
  }
  aod_describe_verdict(&json, code, err);
  aod_buf_byte(&json, '}');
  if (aod_describe_is_verdict(code)) aod_describe_print(&json);
  aod_buf_free(&json);
  aod_buf_free(&data);
  aod_arena_free(&arena);
  return code;
}

static int run_inspect(void *options, const aod_option_list_t *words, aod_error_t *err) {
  return judge(options, words, true, err);
}

static int run_verify(void *options, const aod_option_list_t *words, aod_error_t *err) {
  return judge(options, words, false, err);
}

/* ---- sign ---- */

static int read_amount(const char *option, const char *text, aod_slice_t *amount,
                       aod_error_t *err) {
  *amount = aod_text(text);
  bool digits = amount->len > 0 && strspn(text, "0123456789") == amount->len;
  if (digits && (amount->len == 1 || text[0] != '0') && amount->len <= 40) return AOD_OK;
  return aod_fail(err, AOD_EUSAGE, "%s needs an amount in winston, not \"%s\"", option, text);
}

/* Anchors of transactions: a transaction's id or a block's hash. */
static int read_anchor(const char *text, aod_arena_t *arena, aod_slice_t *anchor,
                       aod_error_t *err) {
  aod_buf_t bytes = {0};
  int code = aod_base64url_decode(aod_text(text), &bytes, NULL);
  if (code != AOD_OK || bytes.len > 48)
    code = aod_fail(err, AOD_EUSAGE, "--anchor needs what /tx_anchor answers, not \"%s\"", text);
  else
    *anchor = aod_arena_copy(arena, aod_buf_slice(&bytes));
  aod_buf_free(&bytes);
  return code;
}

static int read_fields(const tx_options_t *options, aod_arena_t *arena,
                       aod_transaction_t *transaction, aod_error_t *err) {
  *transaction = (aod_transaction_t){.format = 2};
  int code = aod_fields_id("--target", options->target, arena, &transaction->target, err);
  if (code == AOD_OK) code = read_anchor(options->anchor, arena, &transaction->last_tx, err);
  if (code == AOD_OK)
    code = read_amount("--quantity", options->quantity, &transaction->quantity, err);
  if (code == AOD_OK) code = read_amount("--reward", options->reward, &transaction->reward, err);
  if (code == AOD_OK) code = aod_fields_tags(&options->tags, arena, &transaction->tags, err);
  return code;
}

/* As arweave-js does: one chunk travels inside, more do not. */
static int set_data(aod_transaction_t *transaction, aod_input_t *input, aod_arena_t *arena,
                    aod_error_t *err) {
  uint8_t sha256[32], *root = aod_arena_alloc(arena, 32);
  int code = hash_input(input, &transaction->data_size, sha256, root, err);
  if (code != AOD_OK || transaction->data_size == 0) return code;
  transaction->data_root = aod_slice(root, 32);
  return transaction->data_size <= AOD_CHUNK_BYTES_MAX
             ? aod_input_map(input, &transaction->data, err)
             : AOD_OK;
}

/* The JSON of a transaction that has no id and no signature yet, or has old ones. */
static int read_unsigned(aod_input_t *input, aod_arena_t *arena, aod_transaction_t *transaction,
                         aod_error_t *err) {
  static const char no_id[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  aod_buf_t text = {0};
  json_t *json = NULL;
  int code = aod_input_read(input, JSON_BYTES_MAX, &text, err);
  if (code == AOD_OK) code = aod_json_parse(aod_buf_slice(&text), &json, err);
  aod_buf_free(&text);
  if (code == AOD_OK && json_is_object(json)) {
    json_object_set_new(json, "id", json_string(no_id));
    json_object_set_new(json, "signature", json_string(no_id));
  }
  if (code == AOD_OK) code = aod_transaction_from_json(json, arena, transaction, err);
  json_decref(json);
  if (code == AOD_OK && transaction->data.len && transaction->data_root.len == 0)
    aod_transaction_set_data(transaction, transaction->data, arena);
  return code;
}

static int answer(const aod_transaction_t *transaction, const char *out, aod_error_t *err) {
  aod_buf_t json = {0}, told = {0};
  int code = AOD_OK;
  aod_transaction_write(transaction, true, &json);
  if (!out) {
    aod_describe_print(&json);
    return AOD_OK;
  }
  code = aod_file_write(out, aod_buf_slice(&json), 0644, err);
  aod_buf_byte(&told, '{');
  aod_describe_id(&told, "id", transaction->id);
  aod_json_key_string(&told, "file", aod_text(out));
  aod_buf_byte(&told, '}');
  if (code == AOD_OK) aod_describe_print(&told);
  aod_buf_free(&told);
  aod_buf_free(&json);
  return code;
}

static int run_sign(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const tx_options_t *options = target;
  aod_arena_t arena = {0};
  aod_signer_t *signer = NULL;
  aod_input_t input = {.fd = -1};
  aod_transaction_t transaction;
  int code = read_fields(options, &arena, &transaction, err);
  if (code == AOD_OK) code = aod_wallet_load(options->wallet, &signer, err);
  if (code == AOD_OK) code = aod_input_open(&input, words->count ? words->values[0] : NULL, err);
  if (code == AOD_OK)
    code = options->unsigned_json ? read_unsigned(&input, &arena, &transaction, err)
                                  : set_data(&transaction, &input, &arena, err);
  if (code == AOD_OK) code = aod_transaction_sign(&transaction, signer, &arena, err);
  if (code == AOD_OK) code = aod_transaction_verify(&transaction, err); /* would a node take it? */
  if (code == AOD_OK) code = answer(&transaction, options->out, err);
  aod_input_close(&input);
  aod_signer_free(signer);
  aod_arena_free(&arena);
  return code;
}

/* ---- the command ---- */

#define FIELD(name) offsetof(tx_options_t, name)
static const aod_option_t judge_options[] = {
    {"--data", AOD_OPTION_TEXT, FIELD(data), "FILE",
     "check that this is the data that the transaction is about", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};
static const aod_option_t sign_options[] = {
    {"--wallet", AOD_OPTION_TEXT, FIELD(wallet), "FILE",
     "JWK of the key that signs, RSA or secp256k1", 0, 0},
    {"--unsigned", AOD_OPTION_FLAG, FIELD(unsigned_json), NULL,
     "FILE is the JSON of a transaction without signature; the options below are not used", 0, 0},
    {"--target", AOD_OPTION_TEXT, FIELD(target), "ADDRESS", "who gets the quantity", 0, 0},
    {"--quantity", AOD_OPTION_TEXT, FIELD(quantity), "WINSTON", "(default: 0)", 0, 0},
    {"--reward", AOD_OPTION_TEXT, FIELD(reward), "WINSTON",
     "the fee, as /price tells it (default: 0)", 0, 0},
    {"--anchor", AOD_OPTION_TEXT, FIELD(anchor), "ID", "as /tx_anchor tells it (default: none)", 0,
     0},
    {"--tag", AOD_OPTION_LIST, FIELD(tags), "NAME=VALUE", "a tag; may be given several times", 0,
     0},
    {"--out", AOD_OPTION_TEXT, FIELD(out), "FILE",
     "where to write the transaction (default: to stdout)", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

static const aod_verb_t verbs[] = {
    {"inspect", "[FILE]",
     "Tell as JSON what a transaction says, and whether it is valid. Reads stdin without FILE.\n"
     "Exits with 2 and the reason on stderr when it is not valid.",
     judge_options, 1, run_inspect},
    {"verify", "[FILE]",
     "Tell as JSON whether a transaction is valid: id, signature, the rules, the data if any.",
     judge_options, 1, run_verify},
    {"sign", "[FILE]",
     "Make a transaction of format 2 about the data in FILE, or on stdin. Data of more than one\n"
     "chunk (256 KiB) is not put inside: it is uploaded in chunks.",
     sign_options, 1, run_sign},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

int aod_command_tx(int argc, char **argv) {
  tx_options_t options = {.quantity = "0", .reward = "0", .anchor = ""};
  return aod_command_verbs("tx", "Transactions of Arweave's base layer, formats 1 and 2.", verbs,
                           &options, argc, argv);
}
