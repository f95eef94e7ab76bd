/* aod config: the configuration file of aod serve. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/units.h"

static const aod_option_t no_options[] = {{NULL, 0, 0, NULL, NULL, 0, 0}};

static int check(void *unused, const aod_option_list_t *words, aod_error_t *err) {
  (void)unused;
  if (words->count == 0) return aod_fail(err, AOD_EUSAGE, "name the file to check");
  aod_units_options_t options = {0};
  aod_arena_t arena = {0};
  int code = aod_options_read_file(aod_units_options, words->values[0], &options, &arena, err);
  if (code == AOD_OK) printf("%s: good\n", words->values[0]);
  aod_arena_free(&arena);
  return code;
}

static int sample(void *unused, const aod_option_list_t *words, aod_error_t *err) {
  (void)unused, (void)words, (void)err;
  aod_buf_t text = {0};
  aod_options_sample(aod_units_options, &text);
  fwrite(text.ptr, 1, text.len, stdout);
  aod_buf_free(&text);
  return AOD_OK;
}

static const aod_verb_t verbs[] = {
    {"check", "FILE", "refuse a file that aod serve would refuse, naming the line", no_options, 1,
     check},
    {"sample", "", "print a file with every option", no_options, 0, sample},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

int aod_command_config(int argc, char **argv) {
  return aod_command_verbs("config", "The configuration file of aod serve.", verbs, NULL, argc,
                           argv);
}
