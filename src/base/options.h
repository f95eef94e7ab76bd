/* Command-line options from a table: one row an option, and the row makes parser and --help. */
#ifndef AOD_BASE_OPTIONS_H
#define AOD_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum {
  AOD_OPTION_FLAG, /* bool: present or not */
  AOD_OPTION_TEXT, /* const char *: the word that follows, or after '=' */
  AOD_OPTION_INT,  /* int64_t within min..max */
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
  int64_t min, max;     /* INT */
} aod_option_t;

/* Read argv into `target`, whose defaults the caller has set; words without dashes go to `words`
 * (NULL: they are errors). Values point into argv. "--" ends the options. The table ends with a row
 * without name. Returns 1 when --help was asked for, 0, or AOD_EUSAGE naming the word. */
int aod_options_parse(const aod_option_t *options, int argc, char **argv, void *target,
                      aod_option_list_t *words, aod_error_t *err);

/* Print "usage: <usage>", what the command does, and the table, to stdout. */
void aod_options_help(const char *usage, const char *about, const aod_option_t *options);

#endif
