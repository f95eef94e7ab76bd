/* What the commands that serve have in common: how they begin, and how they are told to stop. */
#ifndef AOD_CLI_SERVE_H
#define AOD_CLI_SERVE_H

/* Before any thread is started, which inherits it: hold SIGINT and SIGTERM back, and allow as many
 * descriptors as the system permits. */
void aod_serve_prepare(void);

/* Wait for SIGINT or SIGTERM and say that the program is stopping. A second one, while it finishes
 * what it accepted, ends it at once. */
void aod_serve_wait(void);

#endif
