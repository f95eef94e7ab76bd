/* Clocks. Only units read them; `ao` and `arweave` get times as arguments. */
#ifndef AOD_BASE_CLOCK_H
#define AOD_BASE_CLOCK_H

#include <stdint.h>

int64_t aod_clock_wall_ms(void);      /* milliseconds since the Unix epoch */
int64_t aod_clock_monotonic_us(void); /* microseconds since some fixed moment; never steps back */

#endif
