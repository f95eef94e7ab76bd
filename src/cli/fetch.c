/* aod fetch: an item or a transaction from gateways that need not be trusted. */
#include <stdio.h>

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "net/gateways.h"

typedef struct {
  const char *out;
  aod_option_list_t gateways;
  int64_t timeout_ms, rounds;
} fetch_options_t;

/* Nothing is printed or written unless all of it is verified. */
static int tell(const aod_item_t *item, const char *out, aod_error_t *err) {
  aod_buf_t json = {0};
  uint8_t sha256[32];
  aod_sha256(item->data, sha256);
  aod_buf_byte(&json, '{');
  aod_describe_item(&json, item);
  aod_describe_data(&json, item->data.len, sha256);
  if (out) aod_json_key_string(&json, "file", aod_text(out));
  aod_describe_verdict(&json, AOD_OK, NULL);
  aod_buf_byte(&json, '}');
  int code = out ? aod_file_write(out, item->data, 0644, err) : AOD_OK;
  if (code == AOD_OK) aod_describe_print(&json);
  aod_buf_free(&json);
  return code;
}

static int fetch(const fetch_options_t *options, const uint8_t id[32], aod_error_t *err) {
  aod_gateways_options_t gateways_options = {.urls = options->gateways.values,
                                             .url_count = options->gateways.count,
                                             .timeout_ms = options->timeout_ms,
                                             .rounds = (int)options->rounds};
  aod_arena_t arena = {0};
  aod_item_t item;
  aod_client_t *client = NULL;
  aod_gateways_t *gateways = NULL;
  int code = aod_client_open(&client, err);
  if (code == AOD_OK) code = aod_gateways_open(&gateways, client, &gateways_options, err);
  if (code == AOD_OK) code = aod_gateways_find(gateways, id, &arena, &item, err);
  if (code == AOD_OK) code = tell(&item, options->out, err);
  aod_gateways_close(gateways);
  aod_client_close(client);
  aod_arena_free(&arena);
  return code;
}

static int run(void *target, const aod_option_list_t *words, aod_error_t *err) {
  fetch_options_t *options = target;
  uint8_t id[32];
  if (words->count == 0 || !aod_id_decode(aod_text(words->values[0]), id))
    return aod_fail(err, AOD_EUSAGE, "say what to fetch: an ID of 43 characters");
  if (options->gateways.count == 0)
    options->gateways = (aod_option_list_t){.values = {"https://arweave.net"}, .count = 1};
  return fetch(options, id, err);
}

#define FIELD(name) offsetof(fetch_options_t, name)
static const aod_option_t options_table[] = {
    {"--gateway", AOD_OPTION_LIST, FIELD(gateways), "URL",
     "ask this one; several are asked in order (default: https://arweave.net)", 0, 0},
    {"--out", AOD_OPTION_TEXT, FIELD(out), "FILE", "write the data there (default: nowhere)", 0, 0},
    {"--timeout-ms", AOD_OPTION_INT, FIELD(timeout_ms), "N",
     "how long one request may take (default: 30000)", 1, 86400000},
    {"--rounds", AOD_OPTION_INT, FIELD(rounds), "N",
     "how often to ask gateways that could not answer (default: 3)", 1, 1000},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

static const aod_verb_t verb = {
    .words = "ID",
    .about =
        "Fetch a data item or a transaction, and tell about it as JSON. What comes is verified "
        "against\nits id, signature and data root; a gateway that lies is passed over. Exits "
        "with 3 when no\ngateway has it, with 6 when some could not say or lied.",
    .options = options_table,
    .words_max = 1,
    .run = run,
};

int aod_command_fetch(int argc, char **argv) {
  fetch_options_t options = {.timeout_ms = 30000, .rounds = 3};
  return aod_command_verb("fetch", &verb, &options, argc, argv);
}
