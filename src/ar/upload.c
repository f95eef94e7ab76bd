/* The bundler: a signed data item comes in, is verified and stored, and a receipt goes out.
 *
 * The receipt is signed before the item is stored, on the thread of the request: the store's
 * thread, which answers after the commit, must not sign. */
#include "ar/index.h"
#include "ar/json.h"
#include "ar/routes.h"
#include "arweave/base64url.h"
#include "arweave/hash.h"

enum { DEADLINE_BLOCKS = 200 };

static const char receipt_version[] = "0.2.0";

typedef struct {
  aod__index_put_t put; /* first */
  aod_request_t *request;
  aod_item_t item;
  aod_buf_t receipt;
} upload_t;

/* ---- receipts (arweave.md 7.1) ---- */

static int sign_receipt(const aod_signer_t *signer, const char *id, const char *deadline,
                        const char *timestamp, aod_buf_t *signature, aod_error_t *err) {
  const char *const parts[] = {"Bundlr", receipt_version, id, deadline, timestamp};
  aod_deep_hash_t hash;
  aod_deep_hash_begin(&hash, sizeof parts / sizeof *parts);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    aod_deep_hash_add(&hash, aod_text(parts[i]));
  return aod_signer_sign(signer, aod_slice(hash.state, sizeof hash.state), true, signature, err);
}

static void write_receipt(aod_buf_t *json, const aod_signer_t *signer, const char *id,
                          int64_t deadline, int64_t timestamp, aod_slice_t signature) {
  uint8_t address[AOD_ID_BYTES];
  aod_signer_address(signer, address);
  aod_buf_text(json, "{");
  aod_json_key_string(json, "id", aod_text(id));
  aod_json_key_int(json, "timestamp", timestamp);
  aod_json_key_string(json, "winc", AOD_TEXT("0"));
  aod_json_key_string(json, "version", aod_text(receipt_version));
  aod_json_key_int(json, "deadlineHeight", deadline);
  aod_json_key_raw(json, "dataCaches", AOD_TEXT("[]"));
  aod_json_key_raw(json, "fastFinalityIndexes", AOD_TEXT("[]"));
  aod__json_key_base64url(json, "public", aod_signer_owner(signer));
  aod__json_key_base64url(json, "signature", signature);
  aod__json_key_base64url(json, "owner", aod_slice(address, sizeof address));
  aod_buf_text(json, "}");
}

static int make_receipt(aod_ar_t *ar, upload_t *upload, aod_error_t *err) {
  aod_arena_t *arena = &upload->request->arena;
  int64_t height;
  int code = aod_ar_height(ar, &height, err);
  if (code != AOD_OK) return code;
  int64_t deadline = height + DEADLINE_BLOCKS, timestamp = aod__ar_now_ms(ar);
  char id[AOD_ID_CHARS + 1];
  aod_id_encode(upload->item.id, id);
  aod_buf_t signature = {0};
  code = sign_receipt(ar->options.signer, id, aod_arena_printf(arena, "%lld", (long long)deadline),
                      aod_arena_printf(arena, "%lld", (long long)timestamp), &signature, err);
  if (code == AOD_OK)
    write_receipt(&upload->receipt, ar->options.signer, id, deadline, timestamp,
                  aod_buf_slice(&signature));
  aod_buf_free(&signature);
  return code;
}

/* ---- uploads ---- */

static void upload_done(aod_db_write_t *write) {
  upload_t *upload = (upload_t *)write;
  aod_buf_t receipt = upload->receipt;
  if (write->code == AOD_OK) {
    aod_respond_buf(upload->request, 200, "application/json", &receipt);
  } else {
    aod_buf_free(&receipt);
    aod__ar_respond_failure(upload->request, &write->error);
  }
}

static bool is_octet_stream(aod_slice_t type) {
  aod_slice_t rest = type;
  aod_slice_t essence = aod_slice_trim(aod_slice_cut(&rest, ';'));
  return type.len == 0 || aod_slice_is_nocase(essence, "application/octet-stream");
}

void aod__ar_post_item(aod_request_t *request, void *unit) {
  aod_ar_t *ar = unit;
  if (!is_octet_stream(aod_request_header(request, "Content-Type"))) {
    aod_respond_error(request, 400, "Invalid Content Type");
    return;
  }
  aod_error_t err;
  upload_t *upload = aod_arena_alloc(&request->arena, sizeof *upload);
  upload->request = request;
  int code = aod_item_parse(request->body, &request->arena, &upload->item, &err);
  if (code == AOD_OK) code = aod_item_verify(&upload->item, &err);
  if (code == AOD_OK) code = make_receipt(ar, upload, &err);
  if (code != AOD_OK) {
    aod__ar_respond_failure(request, &err);
    return;
  }
  aod__index_put_init(&upload->put, ar);
  upload->put.write.done = upload_done;
  aod__index_row_of_item(&upload->put.row, &upload->item);
  aod_db_submit(ar->db, &upload->put.write);
}
