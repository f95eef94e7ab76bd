/* The commands of `aod`: one file each, one row each in main.c's table. */
#ifndef AOD_CLI_COMMAND_H
#define AOD_CLI_COMMAND_H

#include "base/error.h"
#include "base/options.h"

/* argv begins after the command's name. Returns the exit code. */
int aod_command_dev(int argc, char **argv);
int aod_command_serve(int argc, char **argv);
int aod_command_mu(int argc, char **argv);
int aod_command_su(int argc, char **argv);
int aod_command_cu(int argc, char **argv);
int aod_command_gateway(int argc, char **argv);
int aod_command_config(int argc, char **argv);
int aod_command_module(int argc, char **argv);
int aod_command_eval(int argc, char **argv);
int aod_command_wallet(int argc, char **argv);
int aod_command_item(int argc, char **argv);
int aod_command_bundle(int argc, char **argv);
int aod_command_tx(int argc, char **argv);
int aod_command_deephash(int argc, char **argv);
int aod_command_fetch(int argc, char **argv);
int aod_command_uploads(int argc, char **argv);
int aod_command_router(int argc, char **argv);
int aod_command_outbox(int argc, char **argv);
int aod_command_replay(int argc, char **argv);
int aod_command_state(int argc, char **argv);
int aod_command_fsck(int argc, char **argv);

/* Print "aod <command>: <message>" to stderr; returns the exit code of the error. */
int aod_command_fail(const char *command, const aod_error_t *err);

/* ---- commands that are made of verbs: "aod item verify" ---- */

/* One row a verb; a table ends with a row without name. */
typedef struct {
  const char *name;  /* "verify" */
  const char *words; /* "[FILE]", as the usage line says it */
  const char *about;
  const aod_option_t *options;
  size_t words_max;
  /* Prints its answer to stdout. Not AOD_OK: the answer is no, and `err` says why. */
  int (*run)(void *options, const aod_option_list_t *words, aod_error_t *err);
} aod_verb_t;

/* Find the verb in argv, read its options into `options`, which holds the defaults, and run it; or
 * print help. Returns the exit code. */
int aod_command_verbs(const char *command, const char *about, const aod_verb_t *verbs,
                      void *options, int argc, char **argv);

/* The same for a command that is one verb without a name of its own. */
int aod_command_verb(const char *command, const aod_verb_t *verb, void *options, int argc,
                     char **argv);

#endif
