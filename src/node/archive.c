#include "node/archive.h"

#include <stdlib.h>
#include <unistd.h>

#include "ar/ar.h"
#include "arweave/base64url.h"
#include "http/server.h"
#include "node/home.h"
#include "node/keys.h"

enum { REQUEST_GRACE_MS = 10000 };
enum { GATEWAY, BUNDLER, PORTS };

struct aod_archive {
  aod_archive_options_t options;
  aod_arena_t arena;
  aod_archive_info_t info;
  aod_home_t home;
  aod_signer_t *signer;
  aod_ar_t *ar;
  int listen_fds[PORTS]; /* -1: none, or a server's */
  aod_server_t *servers[PORTS];
};

const aod_archive_info_t *aod_archive_info(const aod_archive_t *archive) {
  return &archive->info;
}

/* *url stays NULL when no port is wanted. */
static int listen_on(aod_archive_t *archive, int which, int64_t wanted, char **url,
                     aod_error_t *err) {
  if (wanted < 0) return AOD_OK;
  int port = (int)wanted;
  int code = aod_server_listen(archive->options.host, &port, &archive->listen_fds[which], err);
  if (code == AOD_OK)
    *url = aod_arena_printf(&archive->arena, "http://%s:%d", archive->options.host, port);
  return code;
}

static int listen_all(aod_archive_t *archive, aod_error_t *err) {
  const aod_archive_options_t *options = &archive->options;
  int code = listen_on(archive, GATEWAY, options->port, &archive->info.url, err);
  if (code == AOD_OK)
    code = listen_on(archive, BUNDLER, options->bundler_port, &archive->info.bundler_url, err);
  return code;
}

static int take_home(aod_archive_t *archive, aod_error_t *err) {
  int code = aod_home_take(&archive->home, archive->options.data_dir, &archive->arena, err);
  archive->info.data_dir = archive->home.dir;
  archive->info.temporary = archive->home.temporary;
  return code;
}

static int load_wallet(aod_archive_t *archive, aod_error_t *err) {
  int code = aod_unit_wallet_load(archive->options.wallet, &archive->signer, err);
  if (code != AOD_OK) return code;
  uint8_t address[32];
  aod_signer_address(archive->signer, address);
  aod_id_encode(address, archive->info.address);
  return AOD_OK;
}

static int open_unit(aod_archive_t *archive, aod_error_t *err) {
  aod_ar_options_t options = {.path = aod_home_path(&archive->home, "ar.db", &archive->arena),
                              .network = "aod.LN.1",
                              .signer = archive->signer,
                              .block_ms = archive->options.block_ms,
                              .resettable = archive->options.resettable};
  return aod_ar_open(&archive->ar, &options, err);
}

static int open_servers(aod_archive_t *archive, aod_error_t *err) {
  static const char *const names[PORTS] = {"ar", "bundler"};
  const aod_route_t *const routes[PORTS] = {aod_ar_gateway_routes, aod_ar_bundler_routes};
  int code = AOD_OK;
  for (int i = 0; i < PORTS && code == AOD_OK; i++) {
    if (archive->listen_fds[i] < 0) continue;
    aod_server_options_t options = {.name = names[i],
                                    .listen_fd = archive->listen_fds[i],
                                    .routes = routes[i],
                                    .unit = archive->ar};
    archive->listen_fds[i] = -1; /* the server's from here on */
    code = aod_server_open(&archive->servers[i], &options, err);
  }
  return code;
}

int aod_archive_open(aod_archive_t **out, const aod_archive_options_t *options, aod_error_t *err) {
  static int (*const steps[])(aod_archive_t *, aod_error_t *) = {listen_all, take_home, load_wallet,
                                                                 open_unit, open_servers};
  aod_archive_t *archive = aod_alloc(sizeof *archive);
  archive->options = *options;
  archive->home = AOD_HOME_NONE;
  for (int i = 0; i < PORTS; i++) archive->listen_fds[i] = -1;
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    int code = steps[i](archive, err);
    if (code == AOD_OK) continue;
    aod_archive_close(archive);
    return code;
  }
  *out = archive;
  return AOD_OK;
}

void aod_archive_close(aod_archive_t *archive) {
  for (int i = 0; i < PORTS; i++)
    if (archive->servers[i]) aod_server_drain(archive->servers[i], REQUEST_GRACE_MS);
  for (int i = 0; i < PORTS; i++) aod_server_close(archive->servers[i]);
  aod_ar_close(archive->ar);
  aod_signer_free(archive->signer);
  for (int i = 0; i < PORTS; i++)
    if (archive->listen_fds[i] >= 0) close(archive->listen_fds[i]);
  aod_home_release(&archive->home);
  aod_arena_free(&archive->arena);
  free(archive);
}
