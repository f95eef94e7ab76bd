#include "ar/wallets.h"

/* ---- amounts ---- */

bool aod__winston_parse(aod_slice_t text, aod__winston_t *amount) {
  if (text.len == 0 || text.len > AOD__WINSTON_DIGITS_MAX) return false;
  *amount = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
    *amount = *amount * 10 + (aod__winston_t)(text.ptr[i] - '0');
  }
  return true;
}

void aod__winston_write(aod__winston_t amount, aod_buf_t *text) {
  char digits[40];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + (int)(amount % 10));
  while (amount /= 10);
  aod_buf_append(text, aod_slice(digits + at, sizeof digits - at));
}

/* ---- rows ---- */

static int read_wallet(aod_db_connection_t *connection, aod_slice_t address, aod__wallet_t *wallet,
                       aod_error_t *err) {
  *wallet = (aod__wallet_t){0};
  sqlite3_stmt *select =
      aod_db_prepare(connection, "SELECT balance,last_tx FROM wallets WHERE address=?");
  aod_db_bind(select, 1, address);
  int found = aod_db_step(select, err);
  if (found > 0) {
    aod_assert(aod__winston_parse(aod_db_column(select, 0), &wallet->balance));
    aod_slice_t last_tx = aod_db_column(select, 1);
    wallet->has_last_tx = last_tx.len == AOD_ID_BYTES;
    if (wallet->has_last_tx) memcpy(wallet->last_tx, last_tx.ptr, AOD_ID_BYTES);
  }
  aod_db_reset(select);
  return found < 0 ? found : AOD_OK;
}

static int write_wallet(aod_db_connection_t *connection, aod_slice_t address,
                        const aod__wallet_t *wallet, aod_error_t *err) {
  aod_buf_t balance = {0};
  aod__winston_write(wallet->balance, &balance);
  sqlite3_stmt *upsert = aod_db_prepare(
      connection, "INSERT OR REPLACE INTO wallets (address,balance,last_tx) VALUES (?,?,?)");
  aod_db_bind(upsert, 1, address);
  aod_db_bind_text(upsert, 2, aod_buf_slice(&balance));
  aod_db_bind(upsert, 3,
              wallet->has_last_tx ? aod_slice(wallet->last_tx, AOD_ID_BYTES) : AOD_EMPTY);
  int code = aod_db_run(upsert, err);
  aod_buf_free(&balance);
  return code;
}

int aod__wallet_get(aod_ar_t *ar, const uint8_t address[AOD_ID_BYTES], aod__wallet_t *wallet,
                    aod_error_t *err) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  int code = read_wallet(connection, aod_slice(address, AOD_ID_BYTES), wallet, err);
  aod_db_release(ar->db, connection);
  return code;
}

/* ---- giving ---- */

static aod__winston_t balance_max(void) {
  aod__winston_t max = 1;
  for (int i = 0; i < AOD__WINSTON_DIGITS_MAX; i++) max *= 10;
  return max - 1;
}

static int give(aod_db_connection_t *connection, aod_slice_t address, aod__winston_t amount,
                bool set, aod__winston_t *balance, aod_error_t *err) {
  aod__wallet_t wallet;
  int code = read_wallet(connection, address, &wallet, err);
  if (code != AOD_OK) return code;
  if (set) wallet.balance = 0;
  if (amount > balance_max() - wallet.balance)
    return aod_fail(err, AOD_EINPUT, "the balance would have more than %d digits",
                    AOD__WINSTON_DIGITS_MAX);
  wallet.balance += amount;
  *balance = wallet.balance;
  return write_wallet(connection, address, &wallet, err);
}

typedef struct {
  aod_db_write_t write; /* first */
  aod_slice_t address;
  aod__winston_t amount;
  bool set;
  aod__winston_t balance;
} minting_t;

static int run_minting(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  minting_t *minting = (minting_t *)write;
  return give(connection, minting->address, minting->amount, minting->set, &minting->balance, err);
}

int aod__wallet_mint(aod_ar_t *ar, const uint8_t address[AOD_ID_BYTES], aod__winston_t amount,
                     bool set, aod__winston_t *balance, aod_error_t *err) {
  minting_t minting = {.write.run = run_minting,
                       .address = aod_slice(address, AOD_ID_BYTES),
                       .amount = amount,
                       .set = set};
  int code = aod_db_write(ar->db, &minting.write, err);
  *balance = minting.balance;
  return code;
}

/* ---- transactions ---- */

int aod__wallet_check_anchor(aod_ar_t *ar, aod_db_connection_t *connection,
                             const aod_transaction_t *transaction,
                             const uint8_t address[AOD_ID_BYTES], aod_error_t *err) {
  aod_slice_t anchor = transaction->last_tx;
  if (anchor.len == 0) return AOD_OK;
  if (anchor.len != AOD_ID_BYTES) return aod__index_check_anchor(ar, connection, anchor, err);
  aod__wallet_t wallet;
  int code = read_wallet(connection, aod_slice(address, AOD_ID_BYTES), &wallet, err);
  if (code != AOD_OK) return code;
  if (wallet.has_last_tx && memcmp(wallet.last_tx, anchor.ptr, AOD_ID_BYTES) == 0) return AOD_OK;
  return aod_fail(err, AOD_EINPUT,
                  "Invalid anchor (last_tx): it is not the wallet's newest transaction");
}

int aod__wallet_transfer(aod_db_connection_t *connection, const aod_transaction_t *transaction,
                         const uint8_t address[AOD_ID_BYTES], aod_error_t *err) {
  aod_slice_t from = aod_slice(address, AOD_ID_BYTES);
  aod__wallet_t wallet;
  aod__winston_t amount, balance;
  int code = read_wallet(connection, from, &wallet, err);
  if (code != AOD_OK) return code;
  if (!aod__winston_parse(transaction->quantity, &amount) || amount > wallet.balance)
    return aod_fail(err, AOD_EINPUT, "the wallet has less than the transaction's quantity");
  wallet.balance -= amount;
  wallet.has_last_tx = true;
  memcpy(wallet.last_tx, transaction->id, AOD_ID_BYTES);
  code = write_wallet(connection, from, &wallet, err);
  if (code != AOD_OK || amount == 0) return code;
  return give(connection, transaction->target, amount, false, &balance, err);
}
