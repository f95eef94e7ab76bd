/* aod dev: start a network, say how to use it, run until told to stop. */
#include <stdio.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/compile.h"
#include "cli/computing.h"
#include "cli/serve.h"

typedef struct {
  const char *host, *data, *wallet, *ports_file, *upload, *upload_bundles, *compile;
  const char *unit_wallets[AOD_PORTS];
  int64_t port_base;
  aod_computing_t computing;
  bool allow_push, metrics;
  aod_option_list_t modules;
} dev_options_t;

#define FIELD(name) offsetof(dev_options_t, name)
static const aod_option_t options_table[] = {
    {"--data", AOD_OPTION_TEXT, FIELD(data), "DIR",
     "keep everything there (default: a temporary folder, removed at exit)", 0, 0},
    {"--port-base", AOD_OPTION_INT, FIELD(port_base), "N",
     "first of five consecutive ports: ar, bundler, mu, su, cu; 0: free ones (default: 4000)", 0,
     65531},
    {"--host", AOD_OPTION_TEXT, FIELD(host), "ADDRESS", "address to listen on (default: 127.0.0.1)",
     0, 0},
    {"--wallet", AOD_OPTION_TEXT, FIELD(wallet), "FILE",
     "JWK of the units' wallet (default: a test wallet that everybody knows)", 0, 0},
    AOD_UNIT_WALLET_OPTIONS(dev_options_t),
    {"--module", AOD_OPTION_LIST, FIELD(modules), "FILE",
     "offer this Wasm module too; may be given several times", 0, 0},
    {"--upload", AOD_OPTION_TEXT, FIELD(upload), "URL",
     "send every record to this bundler too; what waits for it survives restarts", 0, 0},
    {"--upload-bundles", AOD_OPTION_TEXT, FIELD(upload_bundles), "URL",
     "send every record to this gateway too, in bundles that the units' wallet signs and pays", 0,
     0},
    AOD_COMPUTING_OPTIONS(dev_options_t),
    AOD_COMPILE_OPTION(dev_options_t),
    {"--allow-push", AOD_OPTION_FLAG, FIELD(allow_push), NULL,
     "let anybody have a message of a result pushed again: POST /push/ID/NUMBER", 0, 0},
    {"--metrics", AOD_OPTION_FLAG, FIELD(metrics), NULL, "answer GET /metrics", 0, 0},
    {"--ports-file", AOD_OPTION_TEXT, FIELD(ports_file), "FILE",
     "write URLs, addresses, modules and accounts there as JSON, once every port answers", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

/* ---- telling ---- */

static void print_banner(const aod_network_info_t *info, int64_t ready_us) {
  static const char *const labels[AOD_PORTS] = {"arweave", "bundler", "messenger (MU)",
                                                "scheduler (SU)", "compute unit (CU)"};
  const char *module = info->module_count ? info->modules[0].id : "<module id>";
  printf("aod " AOD_VERSION "  a local AO network, ready in %.1f ms\n\n", (double)ready_us / 1000);
  for (int i = 0; i < AOD_PORTS; i++) printf("  %-18s %s\n", labels[i], info->urls[i]);
  printf("  %-18s %s%s\n\n", "data", info->data_dir,
         info->temporary ? "  (removed at exit; --data DIR keeps it)" : "");
  printf("  %-18s %s\n  %-18s %s\n\n", "scheduler", info->address, "authority", info->authority);
  for (size_t i = 0; i < info->module_count; i++)
    printf("  %-18s %s  %s\n", i ? "" : "modules", info->modules[i].id, info->modules[i].name);
  printf("\n");
  for (size_t i = 0; i < info->account_count; i++)
    printf("  %-18s %s  %s\n", i ? "" : "test accounts", info->accounts[i].address,
           info->accounts[i].jwk_path);
  printf("\naoconnect:\n\n"
         "  import { connect, createDataItemSigner } from '@permaweb/aoconnect'\n"
         "  const ao = connect({ MODE: 'legacy', MU_URL: '%s', CU_URL: '%s', GATEWAY_URL: '%s' })\n"
         "  const signer = createDataItemSigner(JSON.parse(fs.readFileSync('%s')))\n"
         "  const process = await ao.spawn({ module: '%s', scheduler: '%s', signer,\n"
         "    tags: [{ name: 'Authority', value: '%s' }] })\n",
         info->urls[AOD_PORT_MU], info->urls[AOD_PORT_CU], info->urls[AOD_PORT_AR],
         info->accounts[0].jwk_path, module, info->address, info->authority);
  printf("\naos console:\n\n"
         "  GATEWAY_URL=%s MU_URL=%s CU_URL=%s \\\n"
         "  SCHEDULER=%s AOS_MODULE=%s \\\n"
         "  aos --legacy --wallet %s --tag-name Authority --tag-value %s\n\n",
         info->urls[AOD_PORT_AR], info->urls[AOD_PORT_MU], info->urls[AOD_PORT_CU], info->address,
         module, info->accounts[0].jwk_path, info->authority);
  printf("Ctrl-C stops: it finishes what was accepted; a second one exits at once.\n");
  fflush(stdout);
}

/* ---- the command ---- */

static int run(const dev_options_t *options, int64_t started_us, aod_error_t *err) {
  aod_network_options_t network_options = {.host = options->host,
                                           .data_dir = options->data,
                                           .wallet = options->wallet,
                                           .unit_wallets = options->unit_wallets,
                                           .push = options->allow_push,
                                           .metrics = options->metrics,
                                           .upload_url = options->upload,
                                           .bundles_url = options->upload_bundles,
                                           .test_accounts = true,
                                           .block_ms = AOD_BLOCK_MS,
                                           .known_modules = true,
                                           .modules = options->modules.values,
                                           .module_count = options->modules.count};
  for (int i = 0; i < AOD_PORTS; i++)
    network_options.ports[i] = options->port_base ? options->port_base + i : 0;
  aod_computing_apply(&options->computing, &network_options);
  int code = aod_compile_option(options->compile, &network_options.tiers, err);
  if (code != AOD_OK) return code;
  return aod_serve_network(&network_options, print_banner, options->ports_file, started_us, err);
}

int aod_command_dev(int argc, char **argv) {
  int64_t started_us = aod_clock_monotonic_us();
  dev_options_t options = {.host = "127.0.0.1", .port_base = 4000};
  aod_error_t err;
  int code = aod_options_parse(options_table, argc, argv, &options, NULL, &err);
  if (code == 1) {
    aod_options_help("aod dev [OPTION...]",
                     "Start an Arweave gateway, a bundler, a messenger, a scheduler and a compute "
                     "unit in one process,\nwith modules and funded-by-nobody test accounts, and "
                     "print how to use them.",
                     options_table);
    return 0;
  }
  if (code != AOD_OK) return aod_command_fail("dev", &err);
  aod_serve_prepare();
  code = run(&options, started_us, &err);
  return code == AOD_OK ? 0 : aod_command_fail("dev", &err);
}
