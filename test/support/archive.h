/* A gateway in a folder of its own, served on a free port, with an RSA wallet for transactions and
 * quick wallets for items. Everything it makes lives until archive_close. */
#ifndef AOD_TEST_SUPPORT_ARCHIVE_H
#define AOD_TEST_SUPPORT_ARCHIVE_H

#include "support/http_call.h"
#include "support/items.h"
#include "support/serve.h"

#include "ar/index.h"
#include "arweave/transaction.h"
#include "base/json.h"

typedef struct {
  char *dir;
  char path[100];
  int64_t now_ms, block_ms;
  aod_signer_t *wallet, *quick;
  uint8_t address[AOD_ID_BYTES]; /* of `wallet` */
  aod_ar_t *ar;
  aod_server_t *server;
  int port;
  call_t call;
  aod_arena_t arena;
} archive_t;

static inline int64_t archive_now(void *archive) {
  return ((archive_t *)archive)->now_ms;
}

static inline void archive_start(archive_t *archive) {
  aod_error_t err;
  aod_ar_options_t options = {.path = archive->path,
                              .network = "test",
                              .signer = archive->wallet,
                              .now_ms = archive_now,
                              .clock = archive,
                              .block_ms = archive->block_ms,
                              .resettable = true};
  check_ok(aod_ar_open(&archive->ar, &options, &err), &err);
  aod_server_options_t serving = {
      .name = "ar", .threads = 2, .routes = aod_ar_gateway_routes, .unit = archive->ar};
  archive->server = serve(serving, &archive->port);
}

static inline void archive_stop(archive_t *archive) {
  aod_server_close(archive->server);
  aod_ar_close(archive->ar);
}

static inline int archive_open(void **state) {
  archive_t *archive = aod_alloc(sizeof *archive);
  archive->dir = test_dir_make();
  archive->now_ms = 1700000000000;
  snprintf(archive->path, sizeof archive->path, "%s/ar.db", archive->dir);
  archive->wallet = wallet_open(0);
  archive->quick = wallet_quick();
  aod_signer_address(archive->wallet, archive->address);
  archive_start(archive);
  *state = archive;
  return 0;
}

static inline int archive_close(void **state) {
  archive_t *archive = *state;
  archive_stop(archive);
  aod_signer_free(archive->wallet);
  aod_signer_free(archive->quick);
  call_free(&archive->call);
  aod_arena_free(&archive->arena);
  test_dir_remove(archive->dir);
  items_free();
  free(archive);
  return 0;
}

/* ---- requests ---- */

static inline const char *archive_body(const archive_t *archive) {
  return (const char *)archive->call.body.ptr;
}

static inline void archive_expect(const archive_t *archive, const char *what, int status) {
  if (archive->call.status != status)
    fail_msg("%s: %ld, not %d: %s", what, archive->call.status, status, archive_body(archive));
}

static inline void archive_get(archive_t *archive, const char *path, int status) {
  call_get(&archive->call, archive->port, path);
  archive_expect(archive, path, status);
}

/* GET <before><id><after> */
static inline void archive_get_id(archive_t *archive, const char *before, const uint8_t *id,
                                  const char *after, int status) {
  char text[AOD_ID_CHARS + 1], path[200];
  aod_id_encode(id, text);
  snprintf(path, sizeof path, "%s%s%s", before, text, after);
  archive_get(archive, path, status);
}

static inline void archive_post(archive_t *archive, const char *path, const char *type,
                                aod_slice_t body, int status) {
  call_post(&archive->call, archive->port, path, type, body);
  archive_expect(archive, path, status);
}

/* ---- what is posted ---- */

/* Bytes that do not repeat, in the archive's arena. */
static inline aod_slice_t archive_bytes(archive_t *archive, size_t len) {
  uint8_t *bytes = aod_arena_alloc(&archive->arena, len + 1);
  for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 13);
  return aod_slice(bytes, len);
}

/* A transaction of the archive's wallet over the fields that are set. */
static inline aod_transaction_t archive_sign(archive_t *archive, aod_transaction_t fields,
                                             aod_slice_t data) {
  aod_error_t err;
  fields.format = 2;
  if (fields.quantity.len == 0) fields.quantity = AOD_TEXT("0");
  fields.reward = AOD_TEXT("0");
  if (data.len) aod_transaction_set_data(&fields, data, &archive->arena);
  check_ok(aod_transaction_sign(&fields, archive->wallet, &archive->arena, &err), &err);
  return fields;
}

static inline void archive_post_tx(archive_t *archive, const aod_transaction_t *transaction,
                                   bool with_data, int status) {
  aod_buf_t json = {0};
  aod_transaction_write(transaction, with_data, &json);
  archive_post(archive, "/tx", "application/json", aod_buf_slice(&json), status);
  aod_buf_free(&json);
}

static inline aod_ar_item_t archive_find(archive_t *archive, const uint8_t *id) {
  aod_ar_item_t item;
  aod_error_t err;
  check_ok(aod_ar_find(archive->ar, id, &archive->arena, &item, &err), &err);
  return item;
}

static inline void archive_expect_data(archive_t *archive, const uint8_t *id,
                                       aod_slice_t expected) {
  aod_ar_item_t item = archive_find(archive, id);
  aod_buf_t data = {0};
  aod_error_t err;
  check_ok(aod_ar_data(archive->ar, &item, &data, &err), &err);
  check_bytes(aod_buf_slice(&data), expected);
  aod_buf_free(&data);
}

#endif
