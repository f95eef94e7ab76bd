#include "cli/serve.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/info.h"

static sigset_t stop_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

/* Connections are descriptors, and a server takes a share of what the process may have. */
static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void aod_serve_prepare(void) {
  sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error, like a disk that is full */
  raise_descriptor_limit();
}

static void *exit_at_second_signal(void *unused) {
  (void)unused;
  sigset_t set = stop_signals();
  int number;
  sigwait(&set, &number);
  _exit(128 + number);
}

void aod_serve_wait(void) {
  sigset_t set = stop_signals();
  int number;
  sigwait(&set, &number);
  pthread_t thread;
  aod_assert(pthread_create(&thread, NULL, exit_at_second_signal, NULL) == 0);
  pthread_detach(thread);
  printf("\nstopping: finishing what was accepted\n");
  fflush(stdout);
}

int aod_serve_network(const aod_network_options_t *options, aod_serve_banner_t *banner,
                      const char *ports_file, int64_t started_us, aod_error_t *err) {
  aod_network_t *network;
  int code = aod_network_open(&network, options, err);
  if (code != AOD_OK) return code;
  const aod_network_info_t *info = aod_network_info(network);
  banner(info, aod_clock_monotonic_us() - started_us);
  if (ports_file) code = aod_info_write_file(info, ports_file, err);
  if (code == AOD_OK) aod_serve_wait();
  aod_network_close(network);
  return code;
}
