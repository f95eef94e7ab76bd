/* A server for a test. */
#ifndef AOD_TEST_SUPPORT_SERVE_H
#define AOD_TEST_SUPPORT_SERVE_H

#include "http/server.h"
#include "support/check.h"

/* At *port of the loopback interface, which becomes a free one when it is 0. */
static inline aod_server_t *serve(aod_server_options_t options, int *port) {
  aod_server_t *server;
  aod_error_t err;
  check_ok(aod_server_listen("127.0.0.1", port, &options.listen_fd, &err), &err);
  check_ok(aod_server_open(&server, &options, &err), &err);
  return server;
}

#endif
