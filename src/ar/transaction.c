/* POST /tx with a transaction: verified, then either an item at once, because its data is inside or
 * known, or waiting for its chunks. */
#include "ar/files.h"
#include "ar/limits.h"
#include "ar/mine.h"
#include "ar/routes.h"
#include "ar/unpack.h"
#include "ar/waiting.h"
#include "ar/wallets.h"
#include "arweave/bundle.h"

typedef struct {
  aod_db_write_t write; /* first */
  aod_task_t task;
  aod__unpack_t unpack;
  aod_ar_t *ar;
  aod_request_t *request;
  aod_transaction_t transaction;
  uint8_t address[AOD_ID_BYTES];
  aod__index_row_t row; /* when the data is inside */
  bool waits;           /* the data is not inside */
  bool known;           /* the transaction was there already */
} posting_t;

/* ---- checking what needs no state ---- */

static int check(posting_t *posting, aod_error_t *err) {
  aod_transaction_t *transaction = &posting->transaction;
  int code = aod_transaction_verify(transaction, err);
  if (code != AOD_OK) return code;
  if (!aod_transaction_address(transaction, posting->address))
    return aod_fail(err, AOD_ESIGNATURE, "the owner cannot be recovered from the signature");
  posting->waits = transaction->data.len == 0 && transaction->data_size > 0;
  if (posting->waits && transaction->data_root.len != AOD_ID_BYTES)
    return aod_fail(err, AOD_EINPUT, "\"data_root\" is not 32 bytes long");
  if (transaction->data_size > AOD__TRANSACTION_BYTES_MAX)
    return aod_fail(err, AOD_ETOOLARGE, "data_size is more than %llu bytes",
                    (unsigned long long)AOD__TRANSACTION_BYTES_MAX);
  return AOD_OK;
}

/* ---- in the writer's thread ---- */

static int run_posting(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  posting_t *posting = (posting_t *)write;
  const aod_transaction_t *transaction = &posting->transaction;
  int code = posting->waits
                 ? aod__waiting_put(posting->ar, connection, transaction, posting->address,
                                    &posting->known, err)
                 : aod__index_insert(posting->ar, connection, &posting->row, &posting->known, err);
  if (code != AOD_OK || posting->known) return code;
  code = aod__wallet_check_anchor(posting->ar, connection, transaction, posting->address, err);
  if (code != AOD_OK) return code;
  return aod__wallet_transfer(connection, transaction, posting->address, err);
}

static void respond_ok(aod_request_t *request, bool known) {
  if (known)
    aod_respond(request, 208, "text/plain", AOD_TEXT("Transaction already processed."));
  else
    aod_respond(request, 200, "text/plain", AOD_TEXT("OK"));
}

static void unpacked(aod__unpack_t *unpack) {
  posting_t *posting = (posting_t *)((char *)unpack - offsetof(posting_t, unpack));
  respond_ok(posting->request, posting->known);
}

static void posted(aod_db_write_t *write) {
  posting_t *posting = (posting_t *)write;
  if (write->code != AOD_OK) {
    aod__ar_respond_failure(posting->request, &write->error);
    return;
  }
  aod__miner_notice(posting->ar);
  if (aod_tags_announce_bundle(&posting->transaction.tags))
    aod__unpack(&posting->unpack, posting->ar, unpacked);
  else
    respond_ok(posting->request, posting->known);
}

/* ---- the handler ---- */

/* In the finisher's thread, which may wait for the disk. */
static void store_data(aod_task_t *task) {
  posting_t *posting = (posting_t *)((char *)task - offsetof(posting_t, task));
  aod_error_t err;
  aod_arena_t *arena = &posting->request->arena;
  if (aod__files_put_data(posting->ar, &posting->row, arena, &err) == AOD_OK)
    aod_db_submit(posting->ar->db, &posting->write);
  else
    aod__ar_respond_failure(posting->request, &err);
}

static void store(posting_t *posting) {
  if (!posting->waits)
    aod__index_row_of_transaction(&posting->row, &posting->transaction, posting->address,
                                  &posting->request->arena);
  posting->task.run = store_data;
  if (posting->row.data.len > AOD__HELD_BYTES_MAX)
    aod_pool_post(posting->ar->finisher, &posting->task);
  else
    aod_db_submit(posting->ar->db, &posting->write);
}

static void post_transaction(aod_request_t *request, aod_ar_t *ar) {
  posting_t *posting = aod_arena_alloc(&request->arena, sizeof *posting);
  aod_error_t err;
  posting->ar = ar;
  posting->request = request;
  posting->write.run = run_posting;
  posting->write.done = posted;
  int code = aod_transaction_parse(request->body, &request->arena, &posting->transaction, &err);
  if (code == AOD_OK) code = check(posting, &err);
  if (code == AOD_OK)
    store(posting);
  else
    aod__ar_respond_failure(request, &err);
}

/* Transactions are JSON; everything else is, or is no, data item. */
void aod__ar_post_tx(aod_request_t *request, void *unit) {
  aod_slice_t type = aod_request_header(request, "Content-Type");
  bool looks_like_json = request->body.len && request->body.ptr[0] == '{';
  bool is_bytes = aod_slice_starts(type, "application/octet-stream");
  if (aod_slice_starts(type, "application/json") || (looks_like_json && !is_bytes))
    post_transaction(request, unit);
  else
    aod__ar_post_item(request, unit);
}
