#include <stdio.h>

#include "cli/command.h"

int aod_command_fail(const char *command, const aod_error_t *err) {
  fprintf(stderr, "aod %s: %s\n", command, err->message);
  return aod_error_exit_code(err->code);
}
