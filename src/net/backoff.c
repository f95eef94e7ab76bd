#include "net/backoff.h"

#include <stdlib.h>

int64_t aod_backoff_ms(int64_t attempts, int64_t first_ms, int64_t last_ms) {
  int64_t wait_ms = first_ms;
  while (--attempts > 0 && wait_ms < last_ms) wait_ms *= 2;
  if (wait_ms > last_ms) wait_ms = last_ms;
  return wait_ms - arc4random_uniform((uint32_t)(wait_ms / 2 + 1));
}
