/* Assembly: what each unit needs is opened before it and closed after it, so open reads top down
 * and close bottom up. A failed open closes what it had opened and returns the reason. */
#include "node/network.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ar/ar.h"
#include "arweave/address.h"
#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "base/file.h"
#include "base/log.h"
#include "cu/cu.h"
#include "http/server.h"
#include "mu/mu.h"
#include "net/uploader.h"
#include "node/cache.h"
#include "node/gateway.h"
#include "node/home.h"
#include "node/keys.h"
#include "node/known_modules.h"
#include "node/remote.h"
#include "node/remote_gateway.h"
#include "su/su.h"
#include "vm/vm.h"

enum { MODULE_BYTES_MAX = 64 << 20 };
enum { REQUEST_GRACE_MS = 10000, OUTBOX_GRACE_MS = 10000, PUBLISH_GRACE_MS = 1000 };
enum { LOCATION_TTL_MS = 3600000 };

const char *const aod_port_names[AOD_PORTS] = {"ar", "bundler", "mu", "su", "cu"};

struct aod_network {
  aod_network_options_t options;
  aod_arena_t arena; /* what info points to */
  aod_network_info_t info;
  aod_home_t home;
  int listen_fds[AOD_PORTS];
  aod_signer_t *signer;             /* the units' */
  aod_signer_t *signers[AOD_PORTS]; /* each unit's: the same, or one of its own */
  aod_ar_t *ar;
  aod_direct_t direct;
  aod_client_t *client; /* where a neighbour runs elsewhere */
  aod_remote_gateway_t *remote_gateway;
  aod_remote_scheduler_t *remote_scheduler;
  aod_remote_computer_t *remote_computer;
  aod_gateway_t gateway;
  const aod_scheduler_t *scheduler;
  const aod_computer_t *computer;
  aod_vm_t *vm;
  aod_su_t *su;
  aod_cu_t *cu;
  aod_mu_t *mu;
  aod_server_t *servers[AOD_PORTS];
};

const aod_network_info_t *aod_network_info(const aod_network_t *network) {
  return &network->info;
}

static bool is_here(const aod_network_t *network, aod_port_t unit) {
  return network->options.ports[unit] != AOD_PORT_NONE;
}

static char *path_in_data(aod_network_t *network, const char *name) {
  return aod_home_path(&network->home, name, &network->arena);
}

/* ---- ports, folder, wallet, accounts ---- */

static int listen_all(aod_network_t *network, aod_error_t *err) {
  const aod_network_options_t *options = &network->options;
  for (int i = 0; i < AOD_PORTS; i++) {
    if (!is_here(network, i)) continue;
    int port = (int)options->ports[i];
    int code = aod_server_listen(options->host, &port, &network->listen_fds[i], err);
    if (code != AOD_OK) {
      network->listen_fds[i] = -1;
      return aod_error_prefix(err, "%s (another port, or 0 for a free one, helps)",
                              aod_port_names[i]);
    }
    network->info.urls[i] = aod_arena_printf(&network->arena, "http://%s:%d", options->host, port);
  }
  return AOD_OK;
}

static int take_data_dir(aod_network_t *network, aod_error_t *err) {
  int code = aod_home_take(&network->home, network->options.data_dir, &network->arena, err);
  network->info.data_dir = network->home.dir;
  network->info.temporary = network->home.temporary;
  return code;
}

static const char *address_of(const aod_signer_t *signer, aod_arena_t *arena) {
  uint8_t address[32];
  char *text = aod_arena_alloc(arena, AOD_ID_CHARS + 1);
  aod_signer_address(signer, address);
  aod_id_encode(address, text);
  return text;
}

static bool has_own_wallet(const aod_network_t *network, aod_port_t unit) {
  const char *const *wallets = network->options.unit_wallets;
  return wallets && wallets[unit];
}

static int load_wallets(aod_network_t *network, aod_error_t *err) {
  const aod_network_options_t *given = &network->options;
  int code = aod_unit_wallet_load(given->wallet, &network->signer, err);
  for (int i = 0; i < AOD_PORTS && code == AOD_OK; i++) {
    network->signers[i] = network->signer;
    if (has_own_wallet(network, i))
      code = aod_unit_wallet_load(given->unit_wallets[i], &network->signers[i], err);
  }
  if (code != AOD_OK) return code;
  const char *scheduler = address_of(network->signers[AOD_PORT_SU], &network->arena);
  snprintf(network->info.address, sizeof network->info.address, "%s", scheduler);
  aod_owner_ao_address(aod_signer_owner(network->signers[AOD_PORT_MU]), network->info.authority);
  return AOD_OK;
}

static void free_wallets(aod_network_t *network) {
  for (int i = 0; i < AOD_PORTS; i++)
    if (network->signers[i] != network->signer) aod_signer_free(network->signers[i]);
  aod_signer_free(network->signer);
}

/* One that is there stays: a restart needs no room on the disk for it. */
static int write_account(const char *path, aod_slice_t jwk, aod_error_t *err) {
  aod_buf_t there = {0};
  bool same = aod_file_read(path, jwk.len, &there, NULL) == AOD_OK &&
              aod_slice_equal(aod_buf_slice(&there), jwk);
  aod_buf_free(&there);
  return same ? AOD_OK : aod_file_write(path, jwk, 0600, err);
}

static int write_accounts(aod_network_t *network, aod_error_t *err) {
  aod_network_info_t *info = &network->info;
  if (!network->options.test_accounts) return AOD_OK;
  info->account_count = AOD_TEST_ACCOUNTS;
  info->accounts = aod_arena_alloc(&network->arena, AOD_TEST_ACCOUNTS * sizeof *info->accounts);
  int code = aod_dir_create(path_in_data(network, "accounts"), err);
  for (int i = 0; i < AOD_TEST_ACCOUNTS && code == AOD_OK; i++) {
    aod_slice_t jwk = aod_test_account_jwk(i);
    info->accounts[i].jwk_path =
        aod_arena_printf(&network->arena, "%s/accounts/%d.json", info->data_dir, i);
    code = aod_jwk_address(jwk, info->accounts[i].address, err);
    if (code == AOD_OK) code = write_account(info->accounts[i].jwk_path, jwk, err);
  }
  return code;
}

/* ---- modules ---- */

static void offer(aod_network_t *network, const char *name, const char *id) {
  for (size_t i = 0; i < network->info.module_count; i++)
    if (strcmp(network->info.modules[i].name, name) == 0) return; /* the first of a name stands */
  aod_offered_module_t *module = &network->info.modules[network->info.module_count++];
  module->name = (char *)aod_arena_copy(&network->arena, aod_text(name)).ptr;
  snprintf(module->id, sizeof module->id, "%s", id);
}

static int put_known(aod_network_t *network, const aod_known_module_t *row, const char *name,
                     const char *path, aod_error_t *err) {
  aod_ar_known_t known = {.data_file = path};
  aod_assert(aod_id_decode(aod_text(aod_known_modules_owner), known.owner_address));
  aod_assert(aod_id_decode(aod_text(row->id), known.id));
  aod_module_tags(row->name, row->format, &network->arena, &known.tags);
  int code = aod_ar_put_known(network->ar, &known, err);
  if (code == AOD_OK) offer(network, name, row->id);
  return code;
}

/* Those known modules whose files stand beside the program. */
static int offer_known_modules(aod_network_t *network, aod_error_t *err) {
  char *dir = aod_build_modules_dir();
  int code = AOD_OK;
  for (const aod_known_module_t *row = aod_known_modules; row->name && code == AOD_OK; row++) {
    char *path = aod_arena_printf(&network->arena, "%s/%s.wasm", dir, row->name);
    if (aod_file_exists(path)) code = put_known(network, row, row->name, path, err);
  }
  free(dir);
  return code;
}

/* A module of the user's own: a Module item signed by the units' wallet. Signed without salt, so
 * that the same file has the same id in every run. */
static int put_own(aod_network_t *network, const char *name, aod_slice_t wasm, aod_error_t *err) {
  const char *format;
  int code = aod_module_guess_format(wasm, &format, err);
  if (code != AOD_OK) return code;
  aod_item_fields_t fields = {.data = wasm, .deterministic = true};
  aod_module_tags(name, format, &network->arena, &fields.tags);
  aod_buf_t raw = {0};
  uint8_t id[32];
  char id_text[44];
  code = aod_item_sign(&fields, network->signer, &raw, id, err);
  if (code == AOD_OK) code = aod_ar_put_item(network->ar, aod_buf_slice(&raw), err);
  aod_buf_free(&raw);
  if (code != AOD_OK) return code;
  aod_id_encode(id, id_text);
  offer(network, name, id_text);
  return AOD_OK;
}

static char *module_name(aod_network_t *network, const char *path) {
  char *copy = aod_arena_printf(&network->arena, "%s", path);
  char *name = basename(copy);
  size_t len = strlen(name);
  if (len > 5 && strcmp(name + len - 5, ".wasm") == 0) name[len - 5] = 0;
  return name;
}

static int offer_file(aod_network_t *network, const char *path, aod_error_t *err) {
  aod_buf_t wasm = {0};
  int code = aod_file_read(path, MODULE_BYTES_MAX, &wasm, err);
  if (code == AOD_OK) {
    uint8_t digest[32];
    aod_sha256(aod_buf_slice(&wasm), digest);
    const aod_known_module_t *row = aod_known_module_find(digest);
    char absolute[PATH_MAX];
    if (row && realpath(path, absolute))
      code = put_known(network, row, module_name(network, path), absolute, err);
    else
      code = put_own(network, module_name(network, path), aod_buf_slice(&wasm), err);
  }
  aod_buf_free(&wasm);
  return code == AOD_OK ? code : aod_error_prefix(err, "module %s", path);
}

/* Run again after a reset of the gateway: the list of names is then complete already. */
static int offer_modules(aod_network_t *network, aod_error_t *err) {
  if (!network->ar) return AOD_OK;
  if (!network->info.modules) {
    size_t most = network->options.module_count;
    for (const aod_known_module_t *row = aod_known_modules; row->name; row++) most++;
    network->info.modules =
        aod_arena_alloc(&network->arena, (most + 1) * sizeof *network->info.modules);
  }
  int code = network->options.known_modules ? offer_known_modules(network, err) : AOD_OK;
  for (size_t i = 0; i < network->options.module_count && code == AOD_OK; i++)
    code = offer_file(network, network->options.modules[i], err);
  return code;
}

/* ---- units ---- */

static void report_compile(void *context, const aod_compile_event_t *event) {
  (void)context;
  aod_buf_t text = {0};
  aod_compile_event_write(event, &text);
  aod_log(AOD_LOG_INFO, "cu", "module %.*s", AOD_ARG(aod_buf_slice(&text)));
  aod_buf_free(&text);
}

static int open_vm(aod_network_t *network, aod_error_t *err) {
  if (!is_here(network, AOD_PORT_CU)) return AOD_OK;
  char *cache_dir = aod_cache_dir(), *shared_dir = aod_build_modules_dir();
  aod_vm_options_t options = {.cache_dir = cache_dir,
                              .shared_cache_dir = shared_dir,
                              .on_compile = report_compile,
                              .in_workers = true,
                              .tiers = network->options.tiers,
                              .quarantine_dir = path_in_data(network, "quarantine")};
  int code = aod_vm_open(&network->vm, &options, err);
  free(cache_dir);
  free(shared_dir);
  return code;
}

/* What the scheduler has acknowledged is there for whoever asks the gateway next. */
static void await_published(void *context) {
  aod_network_t *network = context;
  if (network->su) aod_su_await_published(network->su, PUBLISH_GRACE_MS);
}

/* Tell where the scheduler answers, as other units and clients look it up. */
static int announce_scheduler(aod_network_t *network, aod_error_t *err) {
  const char *url = network->options.announce_url;
  if (!url && network->ar) url = network->info.urls[AOD_PORT_SU];
  if (!url) return AOD_OK;
  char *ttl = aod_arena_printf(&network->arena, "%d", LOCATION_TTL_MS);
  aod_tag_t tags[] = {{AOD_TEXT("Data-Protocol"), AOD_TEXT("ao")},
                      {AOD_TEXT("Variant"), AOD_TEXT("ao.TN.1")},
                      {AOD_TEXT("Type"), AOD_TEXT("Scheduler-Location")},
                      {AOD_TEXT("Url"), aod_text(url)},
                      {AOD_TEXT("Time-To-Live"), aod_text(ttl)}};
  aod_item_fields_t fields = {.tags = {tags, sizeof tags / sizeof *tags}, .data = AOD_TEXT(" ")};
  aod_buf_t raw = {0};
  int code = aod_item_sign(&fields, network->signers[AOD_PORT_SU], &raw, NULL, err);
  aod_slice_t item = aod_buf_slice(&raw);
  bool only_here = !network->options.announce_url; /* an address that means nothing elsewhere */
  if (code == AOD_OK && only_here) code = aod_ar_put_item(network->ar, item, err);
  if (code == AOD_OK && !only_here)
    code = network->gateway.upload(network->gateway.context, &item, 1, err);
  aod_buf_free(&raw);
  return code;
}

/* What a reset gateway must know again. The other units keep what they have. */
static int refill(void *context, aod_error_t *err) {
  int code = offer_modules(context, err);
  return code == AOD_OK ? announce_scheduler(context, err) : code;
}

static int open_gateway(aod_network_t *network, aod_error_t *err) {
  if (!is_here(network, AOD_PORT_AR)) return AOD_OK;
  aod_ar_options_t options = {.path = path_in_data(network, "ar.db"),
                              .network = "aod.LN.1",
                              .signer = network->signer,
                              .block_ms = network->options.block_ms,
                              .resettable = network->options.resettable || network->home.temporary,
                              .refill = refill,
                              .settle = await_published,
                              .neighbour = network};
  int code = aod_ar_open(&network->ar, &options, err);
  network->direct.ar = network->ar;
  network->gateway = aod_gateway_direct(&network->direct);
  return code;
}

/* From here on, what the units upload goes to somebody else as well. */
static int open_uploader(aod_network_t *network, aod_error_t *err) {
  const aod_network_options_t *given = &network->options;
  if (!given->upload_url && !given->bundles_url) return AOD_OK;
  if (given->upload_url && given->bundles_url)
    return aod_fail(err, AOD_EUSAGE, "records go to a bundler or to a gateway, not to both");
  if (!given->data_dir)
    return aod_fail(err, AOD_EUSAGE, "say where to keep the records that wait: --data DIR");
  aod_uploader_options_t options = {.path = path_in_data(network, "uploads.db"),
                                    .url =
                                        given->upload_url ? given->upload_url : given->bundles_url,
                                    .signer = given->bundles_url ? network->signer : NULL};
  return aod_uploader_open(&network->direct.uploader, &options, err);
}

/* ---- neighbours elsewhere ---- */

static bool needs(const aod_network_t *network, aod_port_t neighbour) {
  bool messenger = is_here(network, AOD_PORT_MU), scheduler = is_here(network, AOD_PORT_SU);
  bool computer = is_here(network, AOD_PORT_CU);
  if (is_here(network, neighbour)) return false;
  if (neighbour == AOD_PORT_AR) return messenger || scheduler || computer;
  return neighbour == AOD_PORT_SU ? messenger || computer : messenger;
}

static int demand(const char *url, const char *unit, const char *option, aod_error_t *err) {
  if (url) return AOD_OK;
  return aod_fail(err, AOD_EUSAGE, "say where the %s answers: %s URL", unit, option);
}

static int open_remote_gateway(aod_network_t *network, aod_error_t *err) {
  const aod_network_options_t *given = &network->options;
  int code =
      demand(given->gateway_count ? given->gateway_urls[0] : NULL, "gateway", "--gateway-url", err);
  if (code == AOD_OK && is_here(network, AOD_PORT_SU))
    code = demand(given->upload_url ? given->upload_url : given->bundles_url, "bundler", "--upload",
                  err);
  if (code != AOD_OK) return code;
  aod_remote_gateway_options_t options = {.urls = given->gateway_urls,
                                          .url_count = given->gateway_count,
                                          .uploader = network->direct.uploader};
  code = aod_remote_gateway_open(&network->remote_gateway, network->client, &options, err);
  if (code == AOD_OK) network->gateway = *aod_remote_gateway_table(network->remote_gateway);
  return code;
}

static int open_neighbours(aod_network_t *network, aod_error_t *err) {
  const aod_network_options_t *given = &network->options;
  bool gateway = needs(network, AOD_PORT_AR), scheduler = needs(network, AOD_PORT_SU),
       computer = needs(network, AOD_PORT_CU);
  if (!gateway && !scheduler && !computer) return AOD_OK;
  int code = aod_client_open(&network->client, err);
  if (code == AOD_OK && gateway) code = open_remote_gateway(network, err);
  if (code == AOD_OK && computer)
    code = demand(given->computer_url, "compute unit", "--computer-url", err);
  if (code != AOD_OK) return code;
  if (scheduler) {
    network->remote_scheduler =
        given->scheduler_url ? aod_remote_scheduler_open(network->client, given->scheduler_url)
                             : aod_remote_schedulers_open(network->client, &network->gateway);
    network->scheduler = aod_remote_scheduler_table(network->remote_scheduler);
  }
  if (computer) {
    network->remote_computer = aod_remote_computer_open(network->client, given->computer_url);
    network->computer = aod_remote_computer_table(network->remote_computer);
  }
  return AOD_OK;
}

/* ---- units that need neighbours ---- */

static int open_scheduler(aod_network_t *network, aod_error_t *err) {
  if (!is_here(network, AOD_PORT_SU)) return AOD_OK;
  aod_su_options_t options = {.schedule_path = path_in_data(network, "su.db"),
                              .signer = network->signers[AOD_PORT_SU],
                              .gateway = &network->gateway,
                              .metrics = network->options.metrics};
  int code = aod_su_open(&network->su, &options, err);
  if (code == AOD_OK) network->scheduler = aod_su_scheduler(network->su);
  return code == AOD_OK ? announce_scheduler(network, err) : code;
}

static aod_cu_access_t access_lists(const aod_network_options_t *options) {
  return (aod_cu_access_t){
      .restricted = {options->restricted, options->restricted_count},
      .allowed = {options->allowed, options->allowed_count},
      .allowed_owners = {options->allowed_owners, options->allowed_owner_count}};
}

static uint64_t memory_budget(const aod_network_options_t *options) {
  if (options->memory_bytes) return options->memory_bytes;
  long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes / 2 : 0;
}

/* Its own, too: but what the test wallet has signed elsewhere may be anybody's. */
static aod_cu_list_t trusted_addresses(aod_network_t *network) {
  const aod_network_options_t *given = &network->options;
  const char **list = aod_arena_alloc(&network->arena, (given->trusted_count + 1) * sizeof *list);
  size_t count = 0;
  for (; count < given->trusted_count; count++) list[count] = given->trusted[count];
  bool own = given->wallet || has_own_wallet(network, AOD_PORT_CU) || network->ar;
  if (own) list[count++] = address_of(network->signers[AOD_PORT_CU], &network->arena);
  return (aod_cu_list_t){list, count};
}

static int open_computer(aod_network_t *network, aod_error_t *err) {
  if (!is_here(network, AOD_PORT_CU)) return AOD_OK;
  aod_cu_options_t options = {.results_path = path_in_data(network, "cu.db"),
                              .snapshots_path = path_in_data(network, "snapshots.db"),
                              .snapshot_at_close = !network->home.temporary,
                              .memory_bytes = memory_budget(&network->options),
                              .process_bytes = network->options.process_bytes,
                              .busy_ms = network->options.busy_ms,
                              .no_extensions = network->options.no_weavedrive,
                              .signer = network->signers[AOD_PORT_CU],
                              .checkpoints = network->options.checkpoints,
                              .trusted = trusted_addresses(network),
                              .ignored = {network->options.ignored, network->options.ignored_count},
                              .vm = network->vm,
                              .scheduler = network->scheduler,
                              .gateway = &network->gateway,
                              .access = access_lists(&network->options)};
  aod_signer_address(network->signers[AOD_PORT_CU], options.address);
  int code = aod_cu_open(&network->cu, &options, err);
  if (code == AOD_OK) network->computer = aod_cu_computer(network->cu);
  return code;
}

static int open_messenger(aod_network_t *network, aod_error_t *err) {
  if (!is_here(network, AOD_PORT_MU)) return AOD_OK;
  aod_mu_options_t options = {.outbox_path = path_in_data(network, "mu.db"),
                              .signer = network->signers[AOD_PORT_MU],
                              .scheduler = network->scheduler,
                              .computer = network->computer,
                              .gateway = &network->gateway,
                              .push = network->options.push,
                              .metrics = network->options.metrics};
  return aod_mu_open(&network->mu, &options, err);
}

static int open_servers(aod_network_t *network, aod_error_t *err) {
  const struct {
    const aod_route_t *routes;
    void *unit;
  } services[AOD_PORTS] = {[AOD_PORT_AR] = {aod_ar_gateway_routes, network->ar},
                           [AOD_PORT_BUNDLER] = {aod_ar_bundler_routes, network->ar},
                           [AOD_PORT_MU] = {aod_mu_routes, network->mu},
                           [AOD_PORT_SU] = {aod_su_routes, network->su},
                           [AOD_PORT_CU] = {aod_cu_routes, network->cu}};
  int code = AOD_OK;
  for (int i = 0; i < AOD_PORTS && code == AOD_OK; i++) {
    if (!is_here(network, i)) continue;
    aod_server_options_t options = {.name = aod_port_names[i],
                                    .listen_fd = network->listen_fds[i],
                                    .routes = services[i].routes,
                                    .unit = services[i].unit};
    network->listen_fds[i] = -1; /* the server's from here on */
    code = aod_server_open(&network->servers[i], &options, err);
  }
  return code;
}

static int open_all(aod_network_t *network, aod_error_t *err) {
  static int (*const steps[])(aod_network_t *, aod_error_t *) = {
      listen_all,    take_data_dir,  load_wallets,  write_accounts,  open_vm,
      open_uploader, open_gateway,   offer_modules, open_neighbours, open_scheduler,
      open_computer, open_messenger, open_servers};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    int code = steps[i](network, err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

int aod_network_open(aod_network_t **out, const aod_network_options_t *options, aod_error_t *err) {
  aod_network_t *network = aod_alloc(sizeof *network);
  network->options = *options;
  network->home = AOD_HOME_NONE;
  for (int i = 0; i < AOD_PORTS; i++) network->listen_fds[i] = -1;
  int code = open_all(network, err);
  if (code != AOD_OK) {
    aod_network_close(network);
    return code;
  }
  *out = network;
  return AOD_OK;
}

/* Clients first, then what their requests set off, then the units from the messenger down. */
void aod_network_close(aod_network_t *network) {
  for (int i = 0; i < AOD_PORTS; i++)
    if (network->servers[i]) aod_server_drain(network->servers[i], REQUEST_GRACE_MS);
  if (network->mu) aod_mu_drain(network->mu, OUTBOX_GRACE_MS);
  if (network->client) aod_client_stop(network->client); /* who waits for a neighbour, goes on */
  aod_remote_scheduler_stop(network->remote_scheduler);
  aod_cu_stop(network->cu);
  if (network->mu) aod_mu_stop(network->mu);
  for (int i = 0; i < AOD_PORTS; i++)
    if (network->servers[i]) aod_server_close(network->servers[i]);
  aod_cu_close(network->cu);
  aod_su_close(network->su);
  aod_mu_close(network->mu);
  aod_remote_computer_close(network->remote_computer);
  aod_remote_scheduler_close(network->remote_scheduler);
  aod_remote_gateway_close(network->remote_gateway);
  aod_client_close(network->client);
  aod_uploader_close(network->direct.uploader);
  aod_ar_close(network->ar);
  if (network->vm) aod_vm_close(network->vm);
  free_wallets(network);
  for (int i = 0; i < AOD_PORTS; i++)
    if (network->listen_fds[i] >= 0) close(network->listen_fds[i]);
  aod_home_release(&network->home);
  aod_arena_free(&network->arena);
  free(network);
}
