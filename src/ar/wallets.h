/* Wallets: balances and each wallet's newest transaction. Internal to ar.
 *
 * Tokens come from nowhere but /mint, and nothing costs any: prices are 0, and the reward that a
 * transaction names is not taken. What moves tokens is a transaction's quantity, from the moment
 * the transaction is accepted; a wallet cannot give what it has not got. */
#ifndef AOD_AR_WALLETS_H
#define AOD_AR_WALLETS_H

#include "ar/index.h"
#include "ar/limits.h"

/* Amounts in winston. All tokens together fit 38 digits by far. */
typedef unsigned __int128 aod__winston_t;

/* Decimal digits only, at most AOD__WINSTON_DIGITS_MAX. */
bool aod__winston_parse(aod_slice_t text, aod__winston_t *amount);
void aod__winston_write(aod__winston_t amount, aod_buf_t *text); /* appends */

typedef struct {
  aod__winston_t balance;
  uint8_t last_tx[AOD_ID_BYTES];
  bool has_last_tx;
} aod__wallet_t;

/* A wallet that nobody has heard of has nothing. */
int aod__wallet_get(aod_ar_t *ar, const uint8_t address[AOD_ID_BYTES], aod__wallet_t *wallet,
                    aod_error_t *err);

/* Add to the balance, or set it; *balance is what it is afterwards. AOD_EINPUT when it would become
 * longer than AOD__WINSTON_DIGITS_MAX digits. */
int aod__wallet_mint(aod_ar_t *ar, const uint8_t address[AOD_ID_BYTES], aod__winston_t amount,
                     bool set, aod__winston_t *balance, aod_error_t *err);

/* In the writer's thread: may the transaction be anchored where it says? AOD_EINPUT. */
int aod__wallet_check_anchor(aod_ar_t *ar, aod_db_connection_t *connection,
                             const aod_transaction_t *transaction,
                             const uint8_t address[AOD_ID_BYTES], aod_error_t *err);
/* In the writer's thread: move the quantity and remember the transaction as the wallet's newest.
 * AOD_EINPUT when there is not enough. */
int aod__wallet_transfer(aod_db_connection_t *connection, const aod_transaction_t *transaction,
                         const uint8_t address[AOD_ID_BYTES], aod_error_t *err);

#endif
