/* Clocks. Only units read them; `ao` and `arweave` get times as arguments. */
#ifndef AOD_BASE_CLOCK_H
#define AOD_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds since the Unix epoch. Never steps back while the program runs: when somebody puts
 * the system's clock back, this one goes on at half its speed until the other has caught up. So
 * what is due in a minute comes within two, and crons and timestamps go on. Any thread. */
int64_t aod_clock_wall_ms(void);

/* What the system's clock says, which may step back: to compare with what other programs wrote. */
int64_t aod_clock_system_ms(void);

/* Microseconds since some fixed moment; never steps back. For measuring and for waiting. */
int64_t aod_clock_monotonic_us(void);

/* A condition whose timed waits are by the monotonic clock, and a time for those: so many
 * milliseconds from now. */
void aod_clock_cond_init(pthread_cond_t *cond);
struct timespec aod_clock_monotonic_in(int64_t ms);

#endif
