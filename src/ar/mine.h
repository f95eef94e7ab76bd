/* Blocks that make themselves, so that a client that waits for its transaction to be mined does not
 * wait for somebody to call /mine. Internal to ar. */
#ifndef AOD_AR_MINE_H
#define AOD_AR_MINE_H

#include "ar/index.h"

void aod__miner_open(aod_ar_t *ar);  /* what is pending already counts from now on */
void aod__miner_close(aod_ar_t *ar); /* what is pending stays so */
/* A transaction has become pending: a block is due in `block_ms`, unless one is due earlier. */
void aod__miner_notice(aod_ar_t *ar);

#endif
