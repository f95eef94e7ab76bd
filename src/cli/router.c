/* aod router: one address for several schedulers with one wallet. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/options.h"
#include "cli/command.h"
#include "cli/serve.h"
#include "node/home.h"
#include "su/router.h"

enum { LIST_BYTES_MAX = 1 << 20, GRACE_MS = 10000 };

typedef struct {
  const char *config, *schedulers, *data, *host, *ports_file;
  int64_t port;
} router_options_t;

#define FIELD(name) offsetof(router_options_t, name)
static const aod_option_t options_table[] = {
    {"--config", AOD_OPTION_TEXT, FIELD(config), "FILE",
     "read options from there; environment and flags win", 0, 0},
    {"--schedulers", AOD_OPTION_TEXT, FIELD(schedulers), "FILE",
     "JSON array of {url, no_route?, wallets_to_route?, wallets_only?}", 0, 0},
    {"--data", AOD_OPTION_TEXT, FIELD(data), "DIR",
     "remember there which scheduler has which process (default: a temporary folder)", 0, 0},
    {"--port", AOD_OPTION_INT, FIELD(port), "N", "0: a free one (default: 4003)", 0, 65535},
    {"--host", AOD_OPTION_TEXT, FIELD(host), "ADDRESS", "address to listen on (default: 127.0.0.1)",
     0, 0},
    {"--ports-file", AOD_OPTION_TEXT, FIELD(ports_file), "FILE",
     "write the URL there as JSON, once the port answers", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

static int open_router(const router_options_t *options, const aod_home_t *home,
                       aod_su_router_t **router, aod_arena_t *arena, aod_error_t *err) {
  aod_buf_t list = {0};
  if (!options->schedulers)
    return aod_fail(err, AOD_EUSAGE, "say which schedulers: --schedulers FILE");
  int code = aod_file_read(options->schedulers, LIST_BYTES_MAX, &list, err);
  if (code == AOD_OK)
    code = aod_su_router_open(router, aod_buf_slice(&list), aod_home_path(home, "router.db", arena),
                              err);
  aod_buf_free(&list);
  return code;
}

static int tell(const router_options_t *options, int port, aod_error_t *err) {
  aod_buf_t json = {0};
  int code = AOD_OK;
  printf("aod " AOD_VERSION "  a router of schedulers at http://%s:%d\n", options->host, port);
  fflush(stdout);
  aod_buf_printf(&json, "{\"su\":\"http://%s:%d\",\"pid\":%d}\n", options->host, port,
                 (int)getpid());
  if (options->ports_file)
    code = aod_file_write(options->ports_file, aod_buf_slice(&json), 0644, err);
  aod_buf_free(&json);
  return code;
}

static int serve(const router_options_t *options, aod_su_router_t *router, aod_error_t *err) {
  aod_server_t *server;
  aod_server_options_t server_options = {
      .name = "router", .routes = aod_su_router_routes, .unit = router};
  int port = (int)options->port;
  int code = aod_server_listen(options->host, &port, &server_options.listen_fd, err);
  if (code == AOD_OK) code = aod_server_open(&server, &server_options, err);
  if (code != AOD_OK) return code;
  code = tell(options, port, err);
  if (code == AOD_OK) aod_serve_wait();
  aod_server_drain(server, GRACE_MS);
  aod_server_close(server);
  return code;
}

static int run(const router_options_t *options, aod_arena_t *arena, aod_error_t *err) {
  aod_home_t home = AOD_HOME_NONE;
  aod_su_router_t *router = NULL;
  int code = aod_home_take(&home, options->data, arena, err);
  if (code == AOD_OK) code = open_router(options, &home, &router, arena, err);
  if (code == AOD_OK) code = serve(options, router, err);
  aod_su_router_close(router);
  aod_home_release(&home);
  return code;
}

int aod_command_router(int argc, char **argv) {
  router_options_t options = {.host = "127.0.0.1", .port = 4003};
  aod_error_t err;
  aod_arena_t arena = {0};
  int code = aod_options_load(options_table, argc, argv, &options, NULL, &arena, &err);
  if (code == 1) {
    aod_options_help(
        "aod router [OPTION...]",
        "One address for several schedulers that share a wallet: new processes go to\n"
        "the one with the fewest, and every request is redirected to the one that has\n"
        "its process.",
        options_table);
    return 0;
  }
  if (code == AOD_OK) {
    aod_serve_prepare();
    code = run(&options, &arena, &err);
  }
  aod_arena_free(&arena);
  return code == AOD_OK ? 0 : aod_command_fail("router", &err);
}
