#include "vm/tier.h"

static const char *const tier_names[] = {
    [AOD_TIER_OPTIMISED] = "optimised",
    [AOD_TIER_FIRST] = "first",
};

const char *aod_tier_name(aod_tier_t tier) {
  return tier_names[tier];
}

bool aod_tiers_parse(const char *word, aod_tiers_t *tiers) {
  static const char *const words[] = {
      [AOD_TIERS_OPTIMISED] = "optimised",
      [AOD_TIERS_FIRST] = "first",
      [AOD_TIERS_BOTH] = "both",
  };
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcmp(word, words[i])) continue;
    *tiers = (aod_tiers_t)i;
    return true;
  }
  return false;
}

void aod_compile_event_write(const aod_compile_event_t *event, aod_buf_t *text) {
  double seconds = (double)event->ms / 1000;
  if (!event->done)
    aod_buf_printf(text, event->background ? "%s: optimising in the background" : "%s: compiling",
                   event->name);
  else if (event->background)
    aod_buf_printf(text, "%s: optimised in %.1f s, in use from the next message on", event->name,
                   seconds);
  else
    aod_buf_printf(text, "%s: compiled in %.1f s", event->name, seconds);
}
