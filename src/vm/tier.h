/* How much the compiler tries, and what is told about its work. */
#ifndef AOD_VM_TIER_H
#define AOD_VM_TIER_H

#include "base/bytes.h"

#include <stdint.h>

/* All tiers run the same folded module and give the same results; they differ in time. */
typedef enum {
  AOD_TIER_OPTIMISED, /* -O2 */
  AOD_TIER_FIRST,     /* -O0: ready within seconds, several times slower */
} aod_tier_t;

const char *aod_tier_name(aod_tier_t tier);

/* Which of them a module gets that is in no cache. An optimised one that is there is always used.
 */
typedef enum {
  AOD_TIERS_OPTIMISED, /* the first message waits for it */
  AOD_TIERS_FIRST,     /* the first tier for good */
  AOD_TIERS_BOTH,      /* begin with the first, change to the other when it is ready */
} aod_tiers_t;

/* By the word for it: "optimised", "first", "both". False for another one. */
bool aod_tiers_parse(const char *word, aod_tiers_t *tiers);

typedef struct {
  const char *name; /* the module's, as it was given when it was loaded */
  aod_tier_t tier;
  bool background; /* the module is in use meanwhile */
  bool done;       /* else: it begins */
  int64_t ms;      /* done: what it took */
} aod_compile_event_t;

typedef void aod_on_compile_t(void *context, const aod_compile_event_t *event);

/* Append a sentence for people, without an end of line. */
void aod_compile_event_write(const aod_compile_event_t *event, aod_buf_t *text);

#endif
