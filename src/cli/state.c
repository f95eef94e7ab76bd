/* aod state: the memory of a process after a message, and what other messages changed in it. */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "node/keys.h"
#include "node/offline.h"

enum { PAGE_BYTES = 4096 };

typedef struct {
  const char *data, *at, *diff, *wallet;
  int64_t process_bytes;
  bool json, checkpoint;
} state_options_t;

typedef struct {
  uint64_t nonce;
  aod_cu_memory_t memory;
  const uint8_t *bytes;
} view_t;

/* ---- looking ---- */

static int look(aod_offline_t *offline, const uint8_t process[32], uint64_t nonce, view_t *view,
                aod_error_t *err) {
  view->nonce = nonce;
  int code = aod_offline_show(offline, process, &nonce, err);
  if (code == AOD_OK) code = aod_cu_look(offline->cu, process, nonce, &view->memory, err);
  if (code != AOD_OK) return code;
  void *at = mmap(NULL, view->memory.bytes, PROT_READ, MAP_SHARED, view->memory.fd, 0);
  close(view->memory.fd);
  if (at == MAP_FAILED)
    return aod_fail(err, AOD_ENOMEM, "cannot map the memory of the process: %s", strerror(errno));
  view->bytes = at;
  return AOD_OK;
}

static void forget(view_t *view) {
  if (view->bytes) munmap((void *)view->bytes, view->memory.bytes);
}

/* ---- telling ---- */

static const uint8_t zeros[PAGE_BYTES];

static const uint8_t *page_of(const view_t *view, uint64_t page) {
  return page * PAGE_BYTES < view->memory.bytes ? view->bytes + page * PAGE_BYTES : zeros;
}

static uint64_t used_pages(const view_t *view) {
  uint64_t used = 0;
  for (uint64_t page = 0; page < view->memory.bytes / PAGE_BYTES; page++)
    used += memcmp(page_of(view, page), zeros, PAGE_BYTES) != 0;
  return used;
}

static void tell_json(const view_t *view, aod_buf_t *json) {
  uint8_t digest[32];
  aod_sha256(aod_slice(view->bytes, view->memory.bytes), digest);
  aod_json_key_int(json, "nonce", (int64_t)view->nonce);
  aod_json_key_int(json, "timestamp", view->memory.timestamp_ms);
  aod_json_key_int(json, "blockHeight", (int64_t)view->memory.block_height);
  aod_json_key_int(json, "bytes", (int64_t)view->memory.bytes);
  aod_json_key_int(json, "usedPages", (int64_t)used_pages(view));
  aod_describe_hex(json, "sha256", aod_slice(digest, 32));
}

static void tell(const view_t *view) {
  uint8_t digest[32];
  aod_sha256(aod_slice(view->bytes, view->memory.bytes), digest);
  printf("after nonce %llu: %llu bytes, %llu pages of 4 KiB in use, sha256 ",
         (unsigned long long)view->nonce, (unsigned long long)view->memory.bytes,
         (unsigned long long)used_pages(view));
  for (int i = 0; i < 32; i++) printf("%02x", digest[i]);
  printf("\n");
}

/* ---- differences ---- */

static uint64_t differing_bytes(const uint8_t *a, const uint8_t *b) {
  uint64_t count = 0;
  for (int i = 0; i < PAGE_BYTES; i++) count += a[i] != b[i];
  return count;
}

/* Pages that differ, with how many bytes of each; json NULL: to stdout. */
static void tell_diff(const view_t *from, const view_t *to, aod_buf_t *json) {
  uint64_t most = from->memory.bytes > to->memory.bytes ? from->memory.bytes : to->memory.bytes;
  uint64_t pages = 0, total = 0;
  for (uint64_t page = 0; page < most / PAGE_BYTES; page++) {
    uint64_t bytes = differing_bytes(page_of(from, page), page_of(to, page));
    if (bytes == 0) continue;
    pages++, total += bytes;
    if (json) {
      aod_json_separate(json);
      aod_buf_byte(json, '{');
      aod_json_key_int(json, "page", (int64_t)page);
      aod_json_key_int(json, "bytes", (int64_t)bytes);
      aod_buf_byte(json, '}');
    } else {
      printf("  page %llu at 0x%llx: %llu bytes\n", (unsigned long long)page,
             (unsigned long long)page * PAGE_BYTES, (unsigned long long)bytes);
    }
  }
  if (!json)
    printf("%llu bytes in %llu pages differ\n", (unsigned long long)total,
           (unsigned long long)pages);
}

static void report(const view_t *view, const view_t *from, bool as_json) {
  if (!as_json) {
    if (from) tell(from);
    tell(view);
    if (from) tell_diff(from, view, NULL);
    return;
  }
  aod_buf_t json = {0};
  aod_buf_byte(&json, '{');
  tell_json(view, &json);
  if (from) {
    aod_json_key(&json, "from");
    aod_buf_byte(&json, '{');
    tell_json(from, &json);
    aod_buf_byte(&json, '}');
    aod_json_key(&json, "changed");
    aod_buf_byte(&json, '[');
    tell_diff(from, view, &json);
    aod_buf_byte(&json, ']');
  }
  aod_buf_byte(&json, '}');
  aod_describe_print(&json);
}

/* ---- a state, or two ---- */

static int read_nonce(const char *option, const char *text, uint64_t *nonce, aod_error_t *err) {
  if (!text || aod_slice_to_u64(aod_text(text), nonce)) return AOD_OK;
  return aod_fail(err, AOD_EUSAGE, "%s needs a nonce, not \"%s\"", option, text);
}

static int look_at_both(aod_offline_t *offline, const state_options_t *options,
                        const uint8_t process[32], view_t *view, view_t *from, aod_error_t *err) {
  uint64_t at = 0, diff = 0;
  int code = read_nonce("--at", options->at, &at, err);
  if (code == AOD_OK) code = read_nonce("--diff", options->diff, &diff, err);
  if (code == AOD_OK)
    code = aod_offline_open(offline, options->data, (uint64_t)options->process_bytes, false, NULL,
                            err);
  if (code == AOD_OK && !options->at) {
    code = aod_offline_show(offline, process, NULL, err);
    at = offline->last_nonce;
  }
  if (code == AOD_OK && options->diff) code = look(offline, process, diff, from, err);
  return code == AOD_OK ? look(offline, process, at, view, err) : code;
}

static int tell_state(const state_options_t *options, const uint8_t process[32], aod_error_t *err) {
  aod_offline_t offline = AOD_OFFLINE_NONE;
  view_t view = {0}, from = {0};
  int code = look_at_both(&offline, options, process, &view, &from, err);
  if (code == AOD_OK) report(&view, options->diff ? &from : NULL, options->json);
  forget(&view);
  forget(&from);
  aod_offline_close(&offline);
  return code;
}

/* ---- a checkpoint ---- */

static void tell_checkpoint(const aod_offline_t *offline, const uint8_t id[32], bool as_json) {
  char text[AOD_ID_CHARS + 1];
  aod_id_encode(id, text);
  if (!as_json) {
    printf("checkpoint %s, after nonce %llu\n", text, (unsigned long long)offline->last_nonce);
    return;
  }
  aod_buf_t json = {0};
  aod_buf_byte(&json, '{');
  aod_json_key_string(&json, "checkpoint", aod_text(text));
  aod_json_key_int(&json, "nonce", (int64_t)offline->last_nonce);
  aod_buf_byte(&json, '}');
  aod_describe_print(&json);
}

static int make_checkpoint(const state_options_t *options, const uint8_t process[32],
                           aod_error_t *err) {
  aod_offline_t offline = AOD_OFFLINE_NONE;
  aod_signer_t *signer = NULL;
  uint8_t id[32];
  int code = aod_unit_wallet_load(options->wallet, &signer, err);
  if (code == AOD_OK)
    code = aod_offline_open(&offline, options->data, (uint64_t)options->process_bytes, false,
                            signer, err);
  if (code == AOD_OK) code = aod_offline_show(&offline, process, NULL, err);
  if (code == AOD_OK) code = aod_cu_checkpoint(offline.cu, process, id, err);
  if (code == AOD_OK) tell_checkpoint(&offline, id, options->json);
  aod_offline_close(&offline);
  aod_signer_free(signer);
  return code;
}

/* ---- the command ---- */

static int run_state(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const state_options_t *options = target;
  uint8_t process[32];
  if (words->count == 0 || !aod_id_decode(aod_text(words->values[0]), process))
    return aod_fail(err, AOD_EUSAGE, "say which process: its id");
  if (!options->data) return aod_fail(err, AOD_EUSAGE, "say where it is kept: --data DIR");
  return options->checkpoint ? make_checkpoint(options, process, err)
                             : tell_state(options, process, err);
}

#define FIELD(name) offsetof(state_options_t, name)
static const aod_option_t options_table[] = {
    {"--data", AOD_OPTION_TEXT, FIELD(data), "DIR", "the data folder", 0, 0},
    {"--at", AOD_OPTION_TEXT, FIELD(at), "N",
     "after the record with this nonce (default: the last that is scheduled)", 0, 0},
    {"--diff", AOD_OPTION_TEXT, FIELD(diff), "M",
     "tell which pages have changed since the record with this nonce", 0, 0},
    {"--checkpoint", AOD_OPTION_FLAG, FIELD(checkpoint), NULL,
     "put the state after the last message on Arweave, in the folder's gateway, for compute units "
     "to go on from",
     0, 0},
    {"--wallet", AOD_OPTION_TEXT, FIELD(wallet), "FILE",
     "JWK that signs it (default: the test wallet that everybody knows)", 0, 0},
    {"--process-memory", AOD_OPTION_SIZE, FIELD(process_bytes), "SIZE",
     "that one process may have, as where it ran (default: 4G)", 1 << 16, INT64_MAX},
    {"--json", AOD_OPTION_FLAG, FIELD(json), NULL, "tell it as JSON", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

int aod_command_state(int argc, char **argv) {
  static const aod_verb_t verb = {
      .words = "PROCESS",
      .about = "Tell about the memory of a process after a message, and which pages have changed\n"
               "since another one. For folders that no node works on. What is not evaluated yet\n"
               "is evaluated; an earlier state begins at the nearest snapshot.",
      .options = options_table,
      .words_max = 1,
      .run = run_state};
  state_options_t options = {0};
  return aod_command_verb("state", &verb, &options, argc, argv);
}
