/* What commands that run modules have in common: how these are compiled. */
#ifndef AOD_CLI_COMPILE_H
#define AOD_CLI_COMPILE_H

#include "base/options.h"
#include "vm/tier.h"

/* The row of an option table whose target has a member `compile`, a text. */
#define AOD_COMPILE_OPTION(target)                                                                 \
  {                                                                                                \
    "--compile", AOD_OPTION_TEXT, offsetof(target, compile), "HOW",                                \
        "modules that are in no cache: first (in seconds), optimised (in minutes), or both: "      \
        "first, then optimised in the background (default: both)",                                 \
        0, 0                                                                                       \
  }

/* What was given, NULL: nothing. AOD_EUSAGE names a word that it is not. */
int aod_compile_option(const char *given, aod_tiers_t *tiers, aod_error_t *err);

/* An aod_on_compile_t: writes a line to stderr. */
void aod_compile_report(void *unused, const aod_compile_event_t *event);

#endif
