/* The commands of `aod`: one file each, one row each in main.c's table. */
#ifndef AOD_CLI_COMMAND_H
#define AOD_CLI_COMMAND_H

#include "base/error.h"

/* argv begins after the command's name. Returns the exit code. */
int aod_command_dev(int argc, char **argv);
int aod_command_module(int argc, char **argv);

/* Print "aod <command>: <message>" to stderr; returns the exit code of the error. */
int aod_command_fail(const char *command, const aod_error_t *err);

#endif
