#include "cli/compile.h"

#include <stdio.h>

int aod_compile_option(const char *given, aod_tiers_t *tiers, aod_error_t *err) {
  if (aod_tiers_parse(given ? given : "both", tiers)) return AOD_OK;
  return aod_fail(err, AOD_EUSAGE, "--compile is first, optimised or both, not \"%s\"", given);
}

void aod_compile_report(void *unused, const aod_compile_event_t *event) {
  (void)unused;
  aod_buf_t text = {0};
  aod_compile_event_write(event, &text);
  fprintf(stderr, "%.*s\n", AOD_ARG(aod_buf_slice(&text)));
  aod_buf_free(&text);
}
