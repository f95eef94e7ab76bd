/* aod wallet: keys of the three kinds that can sign, as JWK files. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arweave/address.h"
#include "arweave/base64url.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/fields.h"

typedef struct {
  const char *kind, *out;
} wallet_options_t;

static void describe(aod_buf_t *json, const aod_signer_t *signer) {
  char ao_address[AOD_AO_ADDRESS_CHARS + 1];
  uint8_t address[32];
  aod_signer_address(signer, address);
  aod_owner_ao_address(aod_signer_owner(signer), ao_address);
  aod_json_key_string(json, "kind", aod_text(aod_signer_kind(signer)));
  aod_describe_id(json, "address", address);
  aod_json_key_string(json, "aoAddress", aod_text(ao_address));
  aod_base64url_member(json, "owner", aod_signer_owner(signer));
}

/* ---- new ---- */

/* A key that is overwritten is lost for good, so the file must not exist. It never is readable for
 * others, not even before it is complete. */
static int write_new_file(const char *path, aod_slice_t text, aod_error_t *err) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST)
    return aod_fail(err, AOD_EEXISTS, "%s exists; a wallet is never overwritten", path);
  if (fd < 0) return aod_fail(err, AOD_EIO, "cannot create %s: %s", path, strerror(errno));
  FILE *file = fdopen(fd, "w");
  aod_assert(file);
  bool written = fwrite(text.ptr, 1, text.len, file) == text.len && fflush(file) == 0 &&
                 fchmod(fd, 0600) == 0 && fsync(fd) == 0;
  int reason = errno;
  if (fclose(file) == 0 && written) return AOD_OK;
  unlink(path);
  return aod_fail(err, AOD_EIO, "cannot write %s: %s", path, strerror(reason));
}

static int store(const aod_signer_t *signer, const char *path, aod_error_t *err) {
  aod_buf_t jwk = {0};
  aod_signer_to_jwk(signer, &jwk);
  aod_buf_byte(&jwk, '\n');
  int code = AOD_OK;
  if (path)
    code = write_new_file(path, aod_buf_slice(&jwk), err);
  else
    fwrite(jwk.ptr, 1, jwk.len, stdout);
  OPENSSL_cleanse(jwk.ptr, jwk.cap);
  aod_buf_free(&jwk);
  return code;
}

static int run_new(void *target, const aod_option_list_t *words, aod_error_t *err) {
  (void)words;
  const wallet_options_t *options = target;
  aod_signer_t *signer;
  int code = aod_signer_generate(options->kind, &signer, err);
  if (code != AOD_OK) return code;
  code = store(signer, options->out, err);
  if (code == AOD_OK && options->out) {
    aod_buf_t json = {0};
    aod_buf_byte(&json, '{');
    describe(&json, signer);
    aod_json_key_string(&json, "file", aod_text(options->out));
    aod_buf_byte(&json, '}');
    aod_describe_print(&json);
  }
  aod_signer_free(signer);
  return code;
}

/* ---- show, address ---- */

static int load(const aod_option_list_t *words, aod_signer_t **signer, aod_error_t *err) {
  if (words->count == 0) return aod_fail(err, AOD_EUSAGE, "say which wallet: FILE, or - for stdin");
  return aod_wallet_load(words->values[0], signer, err);
}

static int run_show(void *target, const aod_option_list_t *words, aod_error_t *err) {
  (void)target;
  aod_signer_t *signer;
  int code = load(words, &signer, err);
  if (code != AOD_OK) return code;
  aod_buf_t json = {0};
  aod_buf_byte(&json, '{');
  describe(&json, signer);
  aod_buf_byte(&json, '}');
  aod_describe_print(&json);
  aod_signer_free(signer);
  return AOD_OK;
}

static int run_address(void *target, const aod_option_list_t *words, aod_error_t *err) {
  (void)target;
  aod_signer_t *signer;
  int code = load(words, &signer, err);
  if (code != AOD_OK) return code;
  uint8_t address[32];
  char text[44];
  aod_signer_address(signer, address);
  aod_id_encode(address, text);
  puts(text);
  aod_signer_free(signer);
  return AOD_OK;
}

/* ---- the command ---- */

#define FIELD(name) offsetof(wallet_options_t, name)
static const aod_option_t new_options[] = {
    {"--kind", AOD_OPTION_TEXT, FIELD(kind), "KIND",
     "rsa (4096 bits), ed25519 or secp256k1 (default: rsa)", 0, 0},
    {"--out", AOD_OPTION_TEXT, FIELD(out), "FILE",
     "a new file, mode 0600 (default: the key goes to stdout)", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};
static const aod_option_t no_options[] = {{NULL, 0, 0, NULL, NULL, 0, 0}};

static const aod_verb_t verbs[] = {
    {"new", "", "Make a key and write it as a JWK; tell about it as JSON when it goes to a file.",
     new_options, 0, run_new},
    {"show", "FILE", "Tell kind, address, AO address and owner (the public key) as JSON.",
     no_options, 1, run_show},
    {"address", "FILE", "Print the address alone.", no_options, 1, run_address},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

int aod_command_wallet(int argc, char **argv) {
  wallet_options_t options = {.kind = "rsa"};
  return aod_command_verbs("wallet", "Keys as JWK files: RSA-4096, Ed25519 or secp256k1.", verbs,
                           &options, argc, argv);
}
