/* aod serve, aod mu, aod su, aod cu: units as programs of their own, in any combination.
 *
 * All of them take the same options; they differ only in which units they serve. A unit that is not
 * here is asked over HTTP, at the URL that an option names. */
#include "cli/units.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/compile.h"
#include "cli/serve.h"

enum { PORT_MAX = 65535, FIRST_PORT = 4000 };

#define FIELD(name) offsetof(aod_units_options_t, name)
#define PORT(name, i, doc)                                                                         \
  { "--" name "-port", AOD_OPTION_INT, FIELD(ports[i]), "N", doc, 0, PORT_MAX }
const aod_option_t aod_units_options[] = {
    {"--config", AOD_OPTION_TEXT, FIELD(config), "FILE",
     "read options from there; environment and flags win", 0, 0},
    {"--units", AOD_OPTION_TEXT, FIELD(units), "LIST",
     "which units to serve: ar, mu, su, cu, separated by commas (serve only)", 0, 0},
    {"--data", AOD_OPTION_TEXT, FIELD(data), "DIR",
     "keep everything there (default: a temporary folder, removed at exit)", 0, 0},
    {"--host", AOD_OPTION_TEXT, FIELD(host), "ADDRESS", "address to listen on (default: 127.0.0.1)",
     0, 0},
    {"--port", AOD_OPTION_INT, FIELD(port), "N",
     "port of the unit, where only one is served; 0: a free one", 0, PORT_MAX},
    PORT("ar", AOD_PORT_AR, "port of the gateway; 0: a free one (default: 4000)"),
    PORT("bundler", AOD_PORT_BUNDLER, "port of the bundler; 0: a free one (default: 4001)"),
    PORT("mu", AOD_PORT_MU, "port of the messenger; 0: a free one (default: 4002)"),
    PORT("su", AOD_PORT_SU, "port of the scheduler; 0: a free one (default: 4003)"),
    PORT("cu", AOD_PORT_CU, "port of the compute unit; 0: a free one (default: 4004)"),
    {"--wallet", AOD_OPTION_TEXT, FIELD(wallet), "FILE",
     "JWK of the units' wallet (default: a test wallet that everybody knows)", 0, 0},
    AOD_UNIT_WALLET_OPTIONS(aod_units_options_t),
    {"--gateway-url", AOD_OPTION_LIST, FIELD(gateway_urls), "URL",
     "an Arweave gateway, where none is served here; may be given several times", 0, 0},
    {"--scheduler-url", AOD_OPTION_TEXT, FIELD(scheduler_url), "URL",
     "the scheduler, where none is served here (default: that of each process, which its wallet "
     "has announced on Arweave)",
     0, 0},
    {"--computer-url", AOD_OPTION_TEXT, FIELD(computer_url), "URL",
     "the compute unit, where none is served here", 0, 0},
    {"--announce-url", AOD_OPTION_TEXT, FIELD(announce_url), "URL",
     "publish this as the scheduler's address on Arweave", 0, 0},
    {"--upload", AOD_OPTION_TEXT, FIELD(upload), "URL", "a bundler that takes what is uploaded", 0,
     0},
    {"--upload-bundles", AOD_OPTION_TEXT, FIELD(upload_bundles), "URL",
     "a gateway that takes it instead, in bundles that the wallet pays", 0, 0},
    {"--module", AOD_OPTION_LIST, FIELD(modules), "FILE",
     "offer this Wasm module at the gateway; may be given several times", 0, 0},
    AOD_COMPUTING_OPTIONS(aod_units_options_t),
    {"--restrict-process", AOD_OPTION_LIST, FIELD(restricted), "ID",
     "the compute unit does not evaluate this process; may be given several times", 0, 0},
    {"--allow-process", AOD_OPTION_LIST, FIELD(allowed), "ID",
     "it evaluates this process and no others but those named so too", 0, 0},
    {"--allow-owner", AOD_OPTION_LIST, FIELD(allowed_owners), "ADDRESS",
     "it evaluates processes of this owner and of no others but those named so too", 0, 0},
    AOD_COMPILE_OPTION(aod_units_options_t),
    {"--allow-push", AOD_OPTION_FLAG, FIELD(allow_push), NULL,
     "let anybody have a message of a result pushed again: POST /push/ID/NUMBER", 0, 0},
    {"--metrics", AOD_OPTION_FLAG, FIELD(metrics), NULL, "answer GET /metrics", 0, 0},
    {"--ports-file", AOD_OPTION_TEXT, FIELD(ports_file), "FILE",
     "write URLs, addresses and modules there as JSON, once every port answers", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

/* ---- which units, at which ports ---- */

static int default_port(const aod_units_options_t *options, aod_port_t unit) {
  if (options->ports[unit] != AOD_PORT_NONE) return (int)options->ports[unit];
  return FIRST_PORT + (int)unit;
}

static bool unit_of(aod_slice_t name, aod_port_t *unit) {
  for (int i = 0; i < AOD_PORTS; i++) {
    if (i == AOD_PORT_BUNDLER || !aod_slice_is(name, aod_port_names[i])) continue;
    *unit = (aod_port_t)i;
    return true;
  }
  return false;
}

static int choose_ports(const aod_units_options_t *options, int64_t ports[AOD_PORTS],
                        aod_error_t *err) {
  int count = 0;
  aod_port_t unit = AOD_PORT_AR;
  for (int i = 0; i < AOD_PORTS; i++) ports[i] = AOD_PORT_NONE;
  for (aod_slice_t rest = aod_text(options->units ? options->units : "ar,mu,su,cu"); rest.ptr;) {
    aod_slice_t name = aod_slice_trim(aod_slice_cut(&rest, ','));
    if (!unit_of(name, &unit))
      return aod_fail(err, AOD_EUSAGE, "there is no unit \"%.*s\"; there are ar, mu, su, cu",
                      AOD_ARG(name));
    ports[unit] = default_port(options, unit);
    if (unit == AOD_PORT_AR) ports[AOD_PORT_BUNDLER] = default_port(options, AOD_PORT_BUNDLER);
    count++;
  }
  if (options->port == AOD_PORT_NONE) return AOD_OK;
  if (count != 1) return aod_fail(err, AOD_EUSAGE, "--port is for a single unit");
  ports[unit] = options->port;
  return AOD_OK;
}

/* ---- running ---- */

static void print_banner(const aod_network_info_t *info, int64_t ready_us) {
  printf("aod " AOD_VERSION "  ready in %.1f ms\n\n", (double)ready_us / 1000);
  for (int i = 0; i < AOD_PORTS; i++)
    if (info->urls[i]) printf("  %-8s %s\n", aod_port_names[i], info->urls[i]);
  printf("  %-8s %s\n  %-8s %s%s\n\n", "wallet", info->address, "data", info->data_dir,
         info->temporary ? "  (removed at exit; --data DIR keeps it)" : "");
  printf("Ctrl-C stops: it finishes what was accepted; a second one exits at once.\n");
  fflush(stdout);
}

static int run(const aod_units_options_t *options, int64_t started_us, aod_error_t *err) {
  aod_network_options_t network_options = {.host = options->host,
                                           .data_dir = options->data,
                                           .block_ms = AOD_BLOCK_MS,
                                           .known_modules = true,
                                           .wallet = options->wallet,
                                           .unit_wallets = options->unit_wallets,
                                           .modules = options->modules.values,
                                           .module_count = options->modules.count,
                                           .push = options->allow_push,
                                           .metrics = options->metrics,
                                           .upload_url = options->upload,
                                           .bundles_url = options->upload_bundles,
                                           .gateway_urls = options->gateway_urls.values,
                                           .gateway_count = options->gateway_urls.count,
                                           .scheduler_url = options->scheduler_url,
                                           .computer_url = options->computer_url,
                                           .announce_url = options->announce_url,
                                           .restricted = options->restricted.values,
                                           .restricted_count = options->restricted.count,
                                           .allowed = options->allowed.values,
                                           .allowed_count = options->allowed.count,
                                           .allowed_owners = options->allowed_owners.values,
                                           .allowed_owner_count = options->allowed_owners.count};
  aod_computing_apply(&options->computing, &network_options);
  int code = choose_ports(options, network_options.ports, err);
  if (code == AOD_OK) code = aod_compile_option(options->compile, &network_options.tiers, err);
  if (code != AOD_OK) return code;
  return aod_serve_network(&network_options, print_banner, options->ports_file, started_us, err);
}

static int serve(const char *command, const char *about, const char *only, int argc, char **argv) {
  int64_t started_us = aod_clock_monotonic_us();
  aod_units_options_t options = {.host = "127.0.0.1", .port = AOD_PORT_NONE};
  for (int i = 0; i < AOD_PORTS; i++) options.ports[i] = AOD_PORT_NONE;
  aod_arena_t arena = {0};
  aod_error_t err;
  int code = aod_options_load(aod_units_options, argc, argv, &options, NULL, &arena, &err);
  if (code == 1) {
    char usage[64];
    snprintf(usage, sizeof usage, "aod %s [OPTION...]", command);
    aod_options_help(usage, about, aod_units_options);
    return 0;
  }
  if (only) options.units = only;
  if (code == AOD_OK) {
    aod_serve_prepare();
    code = run(&options, started_us, &err);
  }
  aod_arena_free(&arena);
  return code == AOD_OK ? 0 : aod_command_fail(command, &err);
}

int aod_command_serve(int argc, char **argv) {
  return serve("serve", "Serve units of a network; without --units all of them.", NULL, argc, argv);
}

int aod_command_mu(int argc, char **argv) {
  return serve("mu", "Serve a messenger. It needs --gateway-url and --computer-url.", "mu", argc,
               argv);
}

int aod_command_su(int argc, char **argv) {
  return serve("su", "Serve a scheduler. It needs --gateway-url and --upload.", "su", argc, argv);
}

int aod_command_cu(int argc, char **argv) {
  return serve("cu", "Serve a compute unit. It needs --gateway-url.", "cu", argc, argv);
}
