/* aod gateway: an Arweave gateway and bundler on a chain of its own, for programs that expect
 * arlocal or a real gateway. */
#include <stdio.h>

#include "base/clock.h"
#include "base/options.h"
#include "cli/command.h"
#include "cli/serve.h"

typedef struct {
  const char *config, *host, *data, *wallet, *ports_file;
  int64_t port, bundler_port, block_ms;
  bool resettable;
} gateway_options_t;

#define FIELD(name) offsetof(gateway_options_t, name)
static const aod_option_t options_table[] = {
    {"--config", AOD_OPTION_TEXT, FIELD(config), "FILE",
     "read options from there; environment and flags win", 0, 0},
    {"--data", AOD_OPTION_TEXT, FIELD(data), "DIR",
     "keep everything there (default: a temporary folder, removed at exit)", 0, 0},
    {"--port", AOD_OPTION_INT, FIELD(port), "N", "0: a free one (default: 1984, arlocal's)", 0,
     65535},
    {"--bundler-port", AOD_OPTION_INT, FIELD(bundler_port), "N",
     "serve a bundler there as well; 0: a free one (default: the gateway takes uploads too)", 0,
     65535},
    {"--host", AOD_OPTION_TEXT, FIELD(host), "ADDRESS", "address to listen on (default: 127.0.0.1)",
     0, 0},
    {"--wallet", AOD_OPTION_TEXT, FIELD(wallet), "FILE",
     "JWK of the wallet that signs receipts (default: a test wallet that everybody knows)", 0, 0},
    {"--block-ms", AOD_OPTION_INT, FIELD(block_ms), "N",
     "how long a transaction may wait for a block; 0: until somebody mines (default: 5000)", 0,
     86400000},
    {"--resettable", AOD_OPTION_FLAG, FIELD(resettable), NULL,
     "a chain for tests: /reset, DELETE /tx/:id, POST /wallet (default: in a temporary folder)", 0,
     0},
    {"--ports-file", AOD_OPTION_TEXT, FIELD(ports_file), "FILE",
     "write the URLs there as JSON, once every port answers", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

static void print_banner(const aod_network_info_t *info, int64_t ready_us) {
  const char *gateway = info->urls[AOD_PORT_AR], *bundler = info->urls[AOD_PORT_BUNDLER];
  printf("aod " AOD_VERSION "  an Arweave gateway, ready in %.1f ms\n\n", (double)ready_us / 1000);
  printf("  %-10s %s\n", "gateway", gateway);
  printf("  %-10s %s\n", "bundler", bundler ? bundler : gateway);
  printf("  %-10s %s\n", "wallet", info->address);
  printf("  %-10s %s%s\n\n", "data", info->data_dir,
         info->temporary ? "  (removed at exit; --data DIR keeps it)" : "");
  printf("Ctrl-C stops: it finishes what was accepted; a second one exits at once.\n");
  fflush(stdout);
}

static int run(const gateway_options_t *options, int64_t started_us, aod_error_t *err) {
  aod_network_options_t network_options = {.host = options->host,
                                           .data_dir = options->data,
                                           .wallet = options->wallet,
                                           .block_ms = options->block_ms,
                                           .resettable = options->resettable};
  for (int i = 0; i < AOD_PORTS; i++) network_options.ports[i] = AOD_PORT_NONE;
  network_options.ports[AOD_PORT_AR] = options->port;
  network_options.ports[AOD_PORT_BUNDLER] = options->bundler_port;
  return aod_serve_network(&network_options, print_banner, options->ports_file, started_us, err);
}

int aod_command_gateway(int argc, char **argv) {
  int64_t started_us = aod_clock_monotonic_us();
  gateway_options_t options = {
      .host = "127.0.0.1", .port = 1984, .bundler_port = AOD_PORT_NONE, .block_ms = AOD_BLOCK_MS};
  aod_error_t err;
  aod_arena_t arena = {0};
  int code = aod_options_load(options_table, argc, argv, &options, NULL, &arena, &err);
  if (code == 1) {
    aod_options_help("aod gateway [OPTION...]",
                     "Serve an Arweave gateway and a bundler, on a chain of their own. Nothing\n"
                     "costs anything there; transactions are in a block at the latest after\n"
                     "--block-ms, or when somebody asks for /mine.",
                     options_table);
    return 0;
  }
  if (code == AOD_OK) {
    aod_serve_prepare();
    code = run(&options, started_us, &err);
  }
  aod_arena_free(&arena);
  return code == AOD_OK ? 0 : aod_command_fail("gateway", &err);
}
