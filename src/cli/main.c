/* aod: the AO computer in one program. This file only finds the command. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static const struct {
  const char *name, *doc;
  int (*run)(int argc, char **argv);
} commands[] = {
    {"dev", "a whole AO network in this process, ready for clients", aod_command_dev},
    {"serve", "units of a network, in any combination", aod_command_serve},
    {"mu", "a messenger by itself", aod_command_mu},
    {"su", "a scheduler by itself", aod_command_su},
    {"cu", "a compute unit by itself", aod_command_cu},
    {"gateway", "an Arweave gateway and bundler by themselves", aod_command_gateway},
    {"config", "check a configuration file, or print one", aod_command_config},
    {"module", "compile modules ahead of their first use", aod_command_module},
    {"eval", "run a script of messages on one process, without a network", aod_command_eval},
    {"wallet", "make keys and tell about them", aod_command_wallet},
    {"item", "inspect, verify and sign data items", aod_command_item},
    {"bundle", "inspect, verify, pack and unpack bundles of items", aod_command_bundle},
    {"tx", "inspect, verify and sign transactions", aod_command_tx},
    {"deephash", "the hash that Arweave signs", aod_command_deephash},
    {"fetch", "an item or transaction from gateways, verified", aod_command_fetch},
    {"uploads", "what waits to be carried to Arweave", aod_command_uploads},
    {"router", "one address for several schedulers", aod_command_router},
    {"outbox", "what a messenger has not delivered yet; trying it again", aod_command_outbox},
    {"replay", "evaluate a process once more and compare", aod_command_replay},
    {"state", "what messages changed in the memory of a process", aod_command_state},
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

int main(int argc, char **argv) {
  const char *word = argc > 1 ? argv[1] : "";
  for (int i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(word, commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
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
