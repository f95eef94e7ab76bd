/* What commands have in common: finding a verb, its options and its help, and failing. Results go
 * to stdout, reasons to stderr. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/command.h"

int aod_command_fail(const char *command, const aod_error_t *err) {
  fprintf(stderr, "aod %s: %s\n", command, err->message);
  return aod_error_exit_code(err->code);
}

static void verb_help(const char *command, const aod_verb_t *verb) {
  aod_buf_t usage = {0};
  aod_buf_printf(&usage, "aod %s [OPTION...] %s", command, verb->words);
  aod_buf_terminate(&usage);
  aod_options_help((const char *)usage.ptr, verb->about, verb->options);
  aod_buf_free(&usage);
}

int aod_command_verb(const char *command, const aod_verb_t *verb, void *options, int argc,
                     char **argv) {
  aod_option_list_t words = {0};
  aod_error_t err;
  int code = aod_options_parse(verb->options, argc, argv, options, &words, &err);
  if (code == 1) {
    verb_help(command, verb);
    return 0;
  }
  if (code == AOD_OK && words.count > verb->words_max)
    code = aod_fail(&err, AOD_EUSAGE, "unexpected word \"%s\"; --help tells the usage",
                    words.values[verb->words_max]);
  if (code == AOD_OK) code = verb->run(options, &words, &err);
  if (fflush(stdout) != 0 && code == AOD_OK)
    code = aod_fail(&err, AOD_EIO, "cannot write to stdout");
  return code == AOD_OK ? 0 : aod_command_fail(command, &err);
}

static void verbs_help(const char *command, const char *about, const aod_verb_t *verbs, FILE *to) {
  fprintf(to, "usage: aod %s VERB [OPTION...]\n\n%s\n\n", command, about);
  for (; verbs->name; verbs++) fprintf(to, "  %-8s %s\n", verbs->name, verbs->words);
  fprintf(to, "\naod %s VERB --help tells more about one.\n", command);
}

int aod_command_verbs(const char *command, const char *about, const aod_verb_t *verbs,
                      void *options, int argc, char **argv) {
  const char *word = argc > 0 ? argv[0] : "";
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
    verbs_help(command, about, verbs, stdout);
    return 0;
  }
  for (const aod_verb_t *verb = verbs; verb->name; verb++) {
    if (strcmp(verb->name, word) != 0) continue;
    char name[64];
    snprintf(name, sizeof name, "%s %s", command, word);
    return aod_command_verb(name, verb, options, argc - 1, argv + 1);
  }
  if (*word) fprintf(stderr, "aod %s: there is no verb \"%s\"\n\n", command, word);
  verbs_help(command, about, verbs, stderr);
  return aod_error_exit_code(AOD_EUSAGE);
}
