/* aod: the AO computer in one program. This file only finds the command. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "vm/vm.h"

static const struct {
  const char *name, *doc;
  int (*run)(int argc, char **argv);
  bool evaluates; /* modules, which takes workers */
} commands[] = {
    {"dev", "a whole AO network in this process, ready for clients", aod_command_dev, true},
    {"serve", "units of a network, in any combination", aod_command_serve, true},
    {"mu", "a messenger by itself", aod_command_mu},
    {"su", "a scheduler by itself", aod_command_su},
    {"cu", "a compute unit by itself", aod_command_cu, true},
    {"gateway", "an Arweave gateway and bundler by themselves", aod_command_gateway},
    {"config", "check a configuration file, or print one", aod_command_config},
    {"module", "check and compile modules, and see what is compiled", aod_command_module, true},
    {"eval", "run a script of messages on one process, without a network", aod_command_eval, true},
    {"wallet", "make keys and tell about them", aod_command_wallet},
    {"item", "inspect, verify and sign data items", aod_command_item},
    {"bundle", "inspect, verify, pack and unpack bundles of items", aod_command_bundle},
    {"tx", "inspect, verify and sign transactions", aod_command_tx},
    {"deephash", "the hash that Arweave signs", aod_command_deephash},
    {"fetch", "an item or transaction from gateways, verified", aod_command_fetch},
    {"uploads", "what waits to be carried to Arweave", aod_command_uploads},
    {"router", "one address for several schedulers", aod_command_router},
    {"outbox", "what a messenger has not delivered yet; trying it again", aod_command_outbox},
    {"replay", "evaluate a process once more and compare", aod_command_replay, true},
    {"state", "what messages changed in the memory of a process", aod_command_state, true},
    {"fsck", "is a data folder whole?", aod_command_fsck},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void help(FILE *to) {
  fprintf(to, "aod " AOD_VERSION
              ", the AO computer in one program\n\nusage: aod COMMAND [OPTION...]\n\n");
  for (int i = 0; i < COMMAND_COUNT; i++)
    fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].doc);
  fprintf(to, "\naod COMMAND --help tells more about one; aod --version prints the version.\n");
}

/* Workers come from a process that takes as long to begin as this one: meanwhile, on with it. */
static int run(int command, int argc, char **argv) {
  aod_error_t err;
  if (commands[command].evaluates && aod_workers_start(&err))
    return aod_command_fail(commands[command].name, &err);
  return commands[command].run(argc, argv);
}

int main(int argc, char **argv) {
  const char *word = argc > 1 ? argv[1] : "";
  for (int i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(word, commands[i].name) == 0) return run(i, argc - 2, argv + 2);
  if (strcmp(word, "--version") == 0) {
    puts("aod " AOD_VERSION);
    return 0;
  }
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
    help(stdout);
    return 0;
  }
  if (*word) fprintf(stderr, "aod: there is no command \"%s\"\n\n", word);
  help(stderr);
  return aod_error_exit_code(AOD_EUSAGE);
}
