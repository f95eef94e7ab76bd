/* Options from a table: one row an option, and the row makes the flag and its --help, the
 * environment variable and the configuration key. "--port-base" is AOD_PORT_BASE in the environment
 * and port-base in a file. */
#ifndef AOD_BASE_OPTIONS_H
#define AOD_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef enum {
  AOD_OPTION_FLAG, /* bool: present or not */
  AOD_OPTION_TEXT, /* const char *: the word that follows, or after '=' */
  AOD_OPTION_INT,  /* int64_t within min..max */
  AOD_OPTION_SIZE, /* int64_t, bytes: a number, or one with K, M, G or T behind; within min..max */
  AOD_OPTION_LIST  /* aod_option_list_t: may be given several times */
} aod_option_type_t;

enum { AOD_OPTION_LIST_MAX = 1024 };
typedef struct {
  const char *values[AOD_OPTION_LIST_MAX];
  size_t count;
} aod_option_list_t;

typedef struct {
  const char *name; /* "--port-base" */
  aod_option_type_t type;
  size_t offset;        /* of the value in the target struct */
  const char *argument; /* "N", for --help */
  const char *doc;      /* one line; says the default */
  int64_t min, max;     /* INT and SIZE */
} aod_option_t;

/* Read argv into `target`, whose defaults the caller has set; words without dashes, and ids with
 * them, go to `words` (NULL: they are errors). Values point into argv. "--" ends the options. The
 * table ends with a row without name. Returns 1 when --help was asked for, 0, or AOD_EUSAGE naming
 * the word. */
int aod_options_parse(const aod_option_t *options, int argc, char **argv, void *target,
                      aod_option_list_t *words, aod_error_t *err);

/* The same from three sources: flags win over the environment, that over the file which the option
 * "--config" (a TEXT row of the table) or AOD_CONFIG names. A line of the file is "key = value"; a
 * list's key may stand several times, in the environment its values are separated by commas; a flag
 * is true or false. "#" begins a comment. An unknown key, or a value that does not fit, is refused
 * with file and line. Values from outside of argv live in `arena`. */
int aod_options_load(const aod_option_t *options, int argc, char **argv, void *target,
                     aod_option_list_t *words, aod_arena_t *arena, aod_error_t *err);

/* Read only the file, as aod_options_load does. */
int aod_options_read_file(const aod_option_t *options, const char *path, void *target,
                          aod_arena_t *arena, aod_error_t *err);

/* Append a configuration file that names every option with its doc, values commented out. */
void aod_options_sample(const aod_option_t *options, aod_buf_t *text);

/* ---- for base/config.c ---- */

enum { AOD_OPTIONS_MAX = 64 }; /* rows of a table */

/* Set one option from a text; lists get one more value. */
int aod__option_set(const aod_option_t *option, const char *value, void *target, aod_error_t *err);
/* aod_options_parse, which also notes by row what was given. */
int aod__options_parse(const aod_option_t *options, int argc, char **argv, void *target,
                       aod_option_list_t *words, bool *given, aod_error_t *err);

/* Print "usage: <usage>", what the command does, and the table, to stdout. */
void aod_options_help(const char *usage, const char *about, const aod_option_t *options);

#endif
