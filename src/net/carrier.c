/* Bundles of our own, carried by transactions of format 2.
 *
 *   items ──gather──▶ carrier, signed and kept ──POST /tx, /chunk──▶ posted ──a block has it──▶
 * done ▲    │ can never be accepted       │ forgotten │    ▼                             │ items
 * wait again                     └──▶ post again
 *
 * The gateway is asked whether it knows the transaction before it is posted: a run that was killed
 * cannot remember how far it got. */
#include <stdio.h>
#include <stdlib.h>

#include "arweave/base64url.h"
#include "arweave/bundle.h"
#include "arweave/merkle.h"
#include "arweave/transaction.h"
#include "base/clock.h"
#include "base/json.h"
#include "net/backoff.h"
#include "net/uploader_internal.h"

enum { ITEMS_MAX = 1000, ANSWER_BYTES_MAX = 65536, TIMEOUT_MS = 60000, CONFIRM_FIRST_MS = 1000 };

/* One carrier's turn. */
typedef struct {
  aod_uploader_t *uploader;
  const aod_upload_t *upload;
  aod_arena_t *arena;
  aod_upload_outcome_t *outcome;
  char id[44];
} turn_t;

/* ---- requests ---- */

/* Answer and status of one request; the text is the caller's to free. */
static aod__answer_t request(aod_uploader_t *uploader, const char *path, aod_slice_t body,
                             aod_call_t *call, char reason[200]) {
  aod_buf_t url = {0};
  aod_buf_printf(&url, "%s%s", uploader->url, path);
  aod_buf_terminate(&url);
  *call = (aod_call_t){.url = (const char *)url.ptr,
                       .headers = {"Content-Type: application/json"},
                       .body = body,
                       .timeout_ms = TIMEOUT_MS,
                       .answer_max = ANSWER_BYTES_MAX,
                       .redirects_max = 3};
  aod_client_perform(uploader->client, call, NULL);
  aod_buf_free(&url);
  return aod__uploader_judge(call, reason);
}

static void put_off(const turn_t *turn, aod__answer_t answer, const aod_call_t *call) {
  aod__uploader_put_off(turn->uploader, turn->upload, answer, call->retry_after_s, turn->outcome);
}

/* It is posted: look again later, and less and less often, whether a block has it. */
static void await_block(const turn_t *turn) {
  int64_t looks = turn->upload->posted ? turn->upload->attempts + 1 : 1;
  turn->outcome->what = AOD_UPLOAD_POSTED;
  turn->outcome->due_ms = aod_clock_wall_ms() + aod_backoff_ms(looks, CONFIRM_FIRST_MS,
                                                               turn->uploader->options.confirm_ms);
}

/* ---- does the gateway have it? ---- */

typedef enum { UNKNOWN, PENDING, MINED, NO_ANSWER } state_t;

static state_t state_of_answer(const aod_call_t *call) {
  json_t *status = NULL;
  if (aod_json_parse(aod_buf_slice(&call->answer), &status, NULL) != AOD_OK) return PENDING;
  bool mined = json_is_number(json_object_get(status, "block_height"));
  json_decref(status);
  return mined ? MINED : PENDING;
}

/* NO_ANSWER: the outcome says why, or `stopped` is set. */
static state_t ask_state(const turn_t *turn, bool *stopped) {
  char path[64];
  aod_call_t call;
  snprintf(path, sizeof path, "/tx/%s/status", turn->id);
  aod__answer_t answer = request(turn->uploader, path, AOD_EMPTY, &call, turn->outcome->reason);
  state_t state = NO_ANSWER;
  *stopped = answer == AOD__STOPPED;
  if (answer == AOD__TAKEN)
    state = state_of_answer(&call);
  else if (call.status == 202)
    state = PENDING;
  else if (answer == AOD__REFUSED)
    state = UNKNOWN;
  else
    put_off(turn, answer, &call);
  aod_buf_free(&call.answer);
  return state;
}

/* ---- posting ---- */

/* A transaction that is refused twice is undone: it may have become too old, and its items go into
 * a new one. Once is not enough, because an earlier post whose answer was lost may still be at work
 * there; before the second one the gateway is asked again whether it knows the transaction. When
 * the reason is money (402, 403, 410), nothing is wrong with the transaction itself. */
static void refuse_carrier(const turn_t *turn, const aod_call_t *call) {
  put_off(turn, AOD__REFUSED, call);
  bool money = call->status == 402 || call->status == 403 || call->status == 410;
  if (!money && turn->upload->refused) turn->outcome->what = AOD_UPLOAD_UNDONE;
}

/* "Transaction is already in the mempool.", or on the weave: so nodes refuse what they have. */
static bool has_it_already(const aod_call_t *call) {
  static const char word[] = "already";
  return call->code == AOD_OK && call->status == 400 &&
         memmem(call->answer.ptr, call->answer.len, word, sizeof word - 1);
}

/* True: the gateway has taken it. */
static bool post_transaction(const turn_t *turn, const aod_transaction_t *transaction,
                             bool *stopped) {
  aod_buf_t json = {0};
  aod_call_t call;
  aod_transaction_write(transaction, true, &json);
  aod__answer_t answer =
      request(turn->uploader, "/tx", aod_buf_slice(&json), &call, turn->outcome->reason);
  bool taken =
      answer == AOD__TAKEN || (call.code == AOD_OK && call.status == 202) || has_it_already(&call);
  *stopped = answer == AOD__STOPPED;
  if (!taken && answer == AOD__REFUSED)
    refuse_carrier(turn, &call);
  else if (!taken && !*stopped)
    put_off(turn, answer, &call);
  aod_buf_free(&call.answer);
  aod_buf_free(&json);
  return taken;
}

static void write_chunk(const aod_merkle_t *tree, size_t index, aod_slice_t payload,
                        aod_buf_t *json) {
  aod_chunk_t chunk = aod_merkle_chunk(tree, index);
  aod_buf_t path = {0};
  aod_merkle_path(tree, index, &path);
  aod_buf_byte(json, '{');
  aod_base64url_member(json, "data_root", aod_slice(aod_merkle_root(tree), 32));
  aod_json_key(json, "data_size");
  aod_buf_printf(json, "\"%zu\"", payload.len);
  aod_base64url_member(json, "data_path", aod_buf_slice(&path));
  aod_json_key(json, "offset");
  aod_buf_printf(json, "\"%llu\"", (unsigned long long)chunk.end - 1);
  aod_base64url_member(
      json, "chunk",
      aod_slice_sub(payload, (size_t)chunk.start, (size_t)(chunk.end - chunk.start)));
  aod_buf_byte(json, '}');
  aod_buf_free(&path);
}

static bool post_chunk(const turn_t *turn, const aod_merkle_t *tree, size_t index,
                       aod_slice_t payload, bool *stopped) {
  aod_buf_t json = {0};
  aod_call_t call;
  write_chunk(tree, index, payload, &json);
  aod__answer_t answer =
      request(turn->uploader, "/chunk", aod_buf_slice(&json), &call, turn->outcome->reason);
  bool taken = answer == AOD__TAKEN || (call.code == AOD_OK && call.status == 303);
  *stopped = answer == AOD__STOPPED;
  if (!taken && !*stopped) put_off(turn, answer, &call);
  aod_buf_free(&call.answer);
  aod_buf_free(&json);
  return taken;
}

static bool post_chunks(const turn_t *turn, aod_slice_t payload, bool *stopped) {
  aod_merkle_t *tree = aod_merkle_new(payload.len, AOD_SPLIT_EVEN);
  int code = aod_merkle_feed(tree, payload, NULL);
  if (code == AOD_OK) code = aod_merkle_finish(tree, NULL);
  aod_assert(code == AOD_OK); /* all bytes of a payload that is not empty were fed */
  bool taken = true;
  for (size_t i = 0; i < aod_merkle_chunk_count(tree) && taken; i++)
    taken = post_chunk(turn, tree, i, payload, stopped);
  aod_merkle_free(tree);
  return taken;
}

static int build_payload(const aod_upload_list_t *items, aod_buf_t *payload, aod_error_t *err) {
  aod_slice_t *raws = aod_alloc((items->count + 1) * sizeof *raws);
  for (size_t i = 0; i < items->count; i++) raws[i] = items->list[i].raw;
  int code = aod_bundle_build(raws, items->count, payload, err);
  free(raws);
  return code;
}

static int load_payload(const turn_t *turn, aod_buf_t *payload, aod_error_t *err) {
  aod_upload_list_t items;
  int code =
      aod_uploads_carried(turn->uploader->uploads, turn->upload->seq, turn->arena, &items, err);
  return code == AOD_OK ? build_payload(&items, payload, err) : code;
}

/* One chunk travels inside of the transaction, as with arweave-js. */
static void post(const turn_t *turn, aod_transaction_t *transaction, aod_slice_t payload,
                 bool known, bool *stopped) {
  bool inside = payload.len <= AOD_CHUNK_BYTES_MAX;
  if (inside) transaction->data = payload;
  bool taken = known || post_transaction(turn, transaction, stopped);
  if (taken && !inside) taken = post_chunks(turn, payload, stopped);
  if (taken) await_block(turn);
}

/* ---- one carrier's turn ---- */

/* A transaction that is not about these bytes is of no use to anybody: sign a new one. */
static bool is_about(const turn_t *turn, aod_transaction_t transaction, aod_slice_t payload) {
  aod_error_t why;
  transaction.data = payload;
  if (aod_transaction_verify(&transaction, &why) == AOD_OK) return true;
  aod_upload_outcome_t *outcome = turn->outcome;
  aod__uploader_put_off(turn->uploader, turn->upload, AOD__REFUSED, 0, outcome);
  outcome->what = AOD_UPLOAD_UNDONE;
  snprintf(outcome->reason, sizeof outcome->reason,
           "the outbox does not fit its transaction: %.100s", why.message);
  return false;
}

static int post_carrier(const turn_t *turn, bool known, bool *stopped, aod_error_t *err) {
  aod_transaction_t transaction;
  aod_buf_t payload = {0};
  int code = aod_transaction_parse(turn->upload->raw, turn->arena, &transaction, err);
  if (code == AOD_OK) code = load_payload(turn, &payload, err);
  if (code == AOD_OK && is_about(turn, transaction, aod_buf_slice(&payload)))
    post(turn, &transaction, aod_buf_slice(&payload), known, stopped);
  aod_buf_free(&payload);
  return code;
}

static int take_turn(const turn_t *turn, bool *stopped, aod_error_t *err) {
  state_t state = ask_state(turn, stopped);
  if (state == MINED && turn->upload->posted) {
    turn->outcome->what = AOD_UPLOAD_DONE;
  } else if (state == PENDING && turn->upload->posted) {
    await_block(turn);
  } else if (state != NO_ANSWER) {
    return post_carrier(turn, state != UNKNOWN, stopped, err);
  }
  return AOD_OK;
}

static int step_carrier(aod_uploader_t *uploader, const aod_upload_t *upload, aod_arena_t *arena,
                        aod_error_t *err) {
  aod_upload_outcome_t outcome = {.seq = upload->seq};
  turn_t turn = {.uploader = uploader, .upload = upload, .arena = arena, .outcome = &outcome};
  bool stopped = false, was_failing = uploader->failing;
  aod_id_encode(upload->id, turn.id);
  uploader->failing = false;
  int code = take_turn(&turn, &stopped, err);
  if (code != AOD_OK || stopped) return code;
  code = aod_uploads_settle_carrier(uploader->uploads, &outcome, aod_clock_wall_ms(), err);
  if (code == AOD_OK && was_failing && !uploader->failing)
    code = aod_uploads_retry(uploader->uploads, err);
  return code;
}

int aod__uploader_step_carriers(aod_uploader_t *uploader, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_upload_list_t carriers;
  int code =
      aod_uploads_due_carriers(uploader->uploads, aod_clock_wall_ms(), 1, &arena, &carriers, err);
  if (code == AOD_OK && carriers.count) {
    code = step_carrier(uploader, &carriers.list[0], &arena, err);
    if (code == AOD_OK) code = 1;
  }
  aod_arena_free(&arena);
  return code;
}

/* ---- making one ---- */

/* What a transaction needs to know of the chain: its anchor and what its size costs. */
static aod__answer_t ask_chain(aod_uploader_t *uploader, size_t size, aod_arena_t *arena,
                               aod_transaction_t *transaction, char reason[200]) {
  char path[64];
  aod_call_t call;
  aod_buf_t anchor = {0};
  aod__answer_t answer = request(uploader, "/tx_anchor", AOD_EMPTY, &call, reason);
  aod_slice_t text = aod_slice_trim(aod_buf_slice(&call.answer));
  if (answer == AOD__TAKEN &&
      (aod_base64url_decode(text, &anchor, NULL) != AOD_OK || anchor.len > 48)) {
    snprintf(reason, 200, "/tx_anchor answers no anchor");
    answer = AOD__TROUBLE;
  }
  transaction->last_tx = aod_arena_copy(arena, aod_buf_slice(&anchor));
  aod_buf_free(&anchor);
  aod_buf_free(&call.answer);
  if (answer != AOD__TAKEN) return answer;
  snprintf(path, sizeof path, "/price/%zu", size);
  answer = request(uploader, path, AOD_EMPTY, &call, reason);
  uint64_t price;
  text = aod_slice_trim(aod_buf_slice(&call.answer));
  if (answer == AOD__TAKEN && !aod_slice_to_u64(text, &price)) {
    snprintf(reason, 200, "/price answers no amount");
    answer = AOD__TROUBLE;
  }
  transaction->reward = aod_arena_copy(arena, text);
  aod_buf_free(&call.answer);
  return answer;
}

static int keep_carrier(aod_uploader_t *uploader, const aod_upload_list_t *items,
                        aod_transaction_t *transaction, aod_arena_t *arena, aod_error_t *err) {
  aod_buf_t json = {0};
  int code = aod_transaction_sign(transaction, uploader->options.signer, arena, err);
  if (code == AOD_OK) {
    aod_transaction_write(transaction, false, &json);
    code = aod_uploads_carry(uploader->uploads, items, transaction->id, aod_buf_slice(&json),
                             aod_clock_wall_ms(), err);
  }
  aod_buf_free(&json);
  return code;
}

/* The chain could not be asked: all of the items wait. */
static int put_off_items(aod_uploader_t *uploader, const aod_upload_list_t *items,
                         aod__answer_t answer, const char *reason, aod_error_t *err) {
  aod_upload_outcome_t *outcomes = aod_alloc(items->count * sizeof *outcomes);
  for (size_t i = 0; i < items->count; i++) {
    outcomes[i].seq = items->list[i].seq;
    snprintf(outcomes[i].reason, sizeof outcomes[i].reason, "%s", reason);
    aod__uploader_put_off(uploader, &items->list[i], answer, 0, &outcomes[i]);
  }
  int code =
      aod_uploads_settle(uploader->uploads, outcomes, items->count, aod_clock_wall_ms(), err);
  free(outcomes);
  return code;
}

static int carry_items(aod_uploader_t *uploader, const aod_upload_list_t *items, aod_arena_t *arena,
                       aod_error_t *err) {
  aod_tag_t tags[] = {{AOD_TEXT("Bundle-Format"), AOD_TEXT("binary")},
                      {AOD_TEXT("Bundle-Version"), AOD_TEXT("2.0.0")}};
  aod_transaction_t transaction = {
      .format = 2, .quantity = AOD_TEXT("0"), .tags = {tags, sizeof tags / sizeof *tags}};
  aod_buf_t payload = {0};
  char reason[200] = "";
  int code = build_payload(items, &payload, err);
  if (code == AOD_OK) {
    aod__answer_t answer = ask_chain(uploader, payload.len, arena, &transaction, reason);
    aod_transaction_set_data(&transaction, aod_buf_slice(&payload), arena);
    if (answer == AOD__TAKEN)
      code = keep_carrier(uploader, items, &transaction, arena, err);
    else if (answer != AOD__STOPPED)
      code = put_off_items(uploader, items, answer, reason, err);
  }
  aod_buf_free(&payload);
  return code;
}

static int compare_seq(const void *a, const void *b) {
  int64_t left = ((const aod_upload_t *)a)->seq, right = ((const aod_upload_t *)b)->seq;
  return left < right ? -1 : left > right;
}

/* Items gather until the first of them has lingered; then all that are due go together, in the
 * order in which aod_uploads_carried will give them back. */
static int gather(aod_uploader_t *uploader, aod_arena_t *arena, aod_upload_list_t *items,
                  aod_error_t *err) {
  int64_t now_ms = aod_clock_wall_ms();
  int code = aod_uploads_due(uploader->uploads, now_ms - uploader->options.linger_ms, 1, 0, arena,
                             items, err);
  if (code != AOD_OK || items->count == 0) return code;
  code = aod_uploads_due(uploader->uploads, now_ms, ITEMS_MAX, uploader->options.bundle_bytes_max,
                         arena, items, err);
  if (code == AOD_OK) qsort(items->list, items->count, sizeof *items->list, compare_seq);
  return code;
}

int aod__uploader_make_carrier(aod_uploader_t *uploader, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_upload_list_t items;
  int code = gather(uploader, &arena, &items, err);
  if (code == AOD_OK && items.count) {
    code = carry_items(uploader, &items, &arena, err);
    if (code == AOD_OK) code = 1;
  }
  aod_arena_free(&arena);
  return code;
}
