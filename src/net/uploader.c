#include "net/uploader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "arweave/base64url.h"
#include "arweave/scheme.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/latch.h"
#include "base/log.h"
#include "net/backoff.h"
#include "net/uploader_internal.h"

enum { WAVE = 16, WAVE_BYTES_MAX = 32 << 20, ANSWER_BYTES_MAX = 65536 };
enum { TIMEOUT_MS = 60000, SLOWEST_BYTES_PER_MS = 50, STORE_PAUSE_MS = 1000 };
enum { RETRY_FIRST_MS = 1000, RETRY_LAST_MS = 60000, LINGER_MS = 1000, CONFIRM_MS = 20000 };
enum { BUNDLE_BYTES_MAX = 8 << 20 };

/* ---- answers ---- */

aod__answer_t aod__uploader_judge(const aod_call_t *call, char reason[200]) {
  if (call->code == AOD_ECLOSED) return AOD__STOPPED;
  if (call->code != AOD_OK) {
    snprintf(reason, 200, "%s", call->error.message);
    return call->code == AOD_EINPUT ? AOD__REFUSED : AOD__TROUBLE;
  }
  int status = call->status;
  if (status == 200 || status == 201 || status == 208) return AOD__TAKEN;
  aod_slice_t text = aod_slice_sub(aod_buf_slice(&call->answer), 0, 100);
  snprintf(reason, 200, "answered with %d: %.*s", status, AOD_ARG(aod_slice_trim(text)));
  bool later = status < 300 || status == 408 || status == 425 || status == 429 || status >= 500;
  return later ? AOD__TROUBLE : AOD__REFUSED;
}

int64_t aod__uploader_due_ms(const aod_uploader_t *uploader, int64_t attempts,
                             int64_t retry_after_s) {
  const aod_uploader_options_t *options = &uploader->options;
  int64_t wait_ms = aod_backoff_ms(attempts, options->retry_first_ms, options->retry_last_ms);
  if (retry_after_s > options->retry_last_ms / 1000) retry_after_s = options->retry_last_ms / 1000;
  if (wait_ms < retry_after_s * 1000) wait_ms = retry_after_s * 1000;
  return aod_clock_wall_ms() + wait_ms;
}

void aod__uploader_put_off(aod_uploader_t *uploader, const aod_upload_t *upload,
                           aod__answer_t answer, int64_t retry_after_s,
                           aod_upload_outcome_t *outcome) {
  outcome->what = AOD_UPLOAD_LATER;
  outcome->refused = answer == AOD__REFUSED;
  outcome->due_ms = aod__uploader_due_ms(uploader, upload->attempts + 1, retry_after_s);
  if (answer == AOD__TROUBLE) uploader->failing = true;
}

/* ---- a wave of items to a bundler: all sent at once, then waited for ---- */

typedef struct {
  aod_call_t call; /* first */
  aod_latch_t *wave;
} post_t;

/* What came of it stands in the call. */
static void post_done(aod_call_t *call) {
  aod_latch_end(((post_t *)call)->wave, AOD_OK, NULL);
}

static void send_wave(aod_uploader_t *uploader, const aod_upload_list_t *items, const char *url,
                      post_t *posts) {
  aod_latch_t wave = AOD_LATCH(items->count);
  for (size_t i = 0; i < items->count; i++) {
    aod_slice_t raw = items->list[i].raw;
    posts[i] = (post_t){
        .call = {.url = url,
                 .headers = {"Content-Type: application/octet-stream", "Accept: application/json"},
                 .body = raw,
                 .timeout_ms = TIMEOUT_MS + (int64_t)(raw.len / SLOWEST_BYTES_PER_MS),
                 .answer_max = ANSWER_BYTES_MAX,
                 .redirects_max = 3,
                 .done = post_done},
        .wave = &wave};
    aod_client_submit(uploader->client, &posts[i].call);
  }
  aod_latch_wait(&wave, NULL);
}

/* A receipt that names another item is for another item. Answers that are no JSON name none. */
static bool names_another(const aod_call_t *call, const uint8_t id[32]) {
  json_t *receipt = NULL;
  char expected[44];
  aod_id_encode(id, expected);
  if (aod_json_parse(aod_buf_slice(&call->answer), &receipt, NULL) != AOD_OK) return false;
  bool named = json_is_string(json_object_get(receipt, "id"));
  bool other = named && !aod_slice_is(aod_json_get_string(receipt, "id"), expected);
  json_decref(receipt);
  return other;
}

/* False: nothing can be said. */
static bool item_outcome(aod_uploader_t *uploader, const aod_upload_t *item, const aod_call_t *call,
                         aod_upload_outcome_t *outcome) {
  *outcome = (aod_upload_outcome_t){.seq = item->seq, .what = AOD_UPLOAD_DONE};
  aod__answer_t answer = aod__uploader_judge(call, outcome->reason);
  if (answer == AOD__TAKEN && names_another(call, item->id)) {
    snprintf(outcome->reason, sizeof outcome->reason, "the receipt is for another item");
    answer = AOD__REFUSED;
  }
  if (answer == AOD__REFUSED || answer == AOD__TROUBLE)
    aod__uploader_put_off(uploader, item, answer, call->retry_after_s, outcome);
  return answer != AOD__STOPPED;
}

static int settle_wave(aod_uploader_t *uploader, const aod_upload_list_t *items, post_t *posts,
                       aod_error_t *err) {
  aod_upload_outcome_t outcomes[WAVE];
  size_t count = 0;
  bool was_failing = uploader->failing, taken = false;
  uploader->failing = false;
  for (size_t i = 0; i < items->count; i++) {
    if (item_outcome(uploader, &items->list[i], &posts[i].call, &outcomes[count]))
      taken |= outcomes[count++].what == AOD_UPLOAD_DONE;
    aod_buf_free(&posts[i].call.answer);
  }
  int code = aod_uploads_settle(uploader->uploads, outcomes, count, aod_clock_wall_ms(), err);
  if (code == AOD_OK && was_failing && taken) code = aod_uploads_retry(uploader->uploads, err);
  return code;
}

static int send_items(aod_uploader_t *uploader, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_upload_list_t items;
  int code = aod_uploads_due(uploader->uploads, aod_clock_wall_ms(), WAVE, WAVE_BYTES_MAX, &arena,
                             &items, err);
  if (code == AOD_OK && items.count) {
    post_t posts[WAVE];
    send_wave(uploader, &items, aod_arena_printf(&arena, "%s/tx/arweave", uploader->url), posts);
    code = settle_wave(uploader, &items, posts, err);
    if (code == AOD_OK) code = 1;
  }
  aod_arena_free(&arena);
  return code;
}

/* ---- the thread ---- */

static int step(aod_uploader_t *uploader, aod_error_t *err) {
  if (!uploader->options.signer) return send_items(uploader, err);
  int code = aod__uploader_step_carriers(uploader, err);
  return code == 0 ? aod__uploader_make_carrier(uploader, err) : code;
}

/* How long until something is due; -1: until there is news. */
static int64_t pause_ms(aod_uploader_t *uploader) {
  int64_t due_ms, now_ms = aod_clock_wall_ms();
  if (aod_uploads_next_ms(uploader->uploads, &due_ms, NULL) != AOD_OK) return STORE_PAUSE_MS;
  if (due_ms == INT64_MAX) return -1;
  if (uploader->options.signer) due_ms += uploader->options.linger_ms;
  return due_ms > now_ms ? due_ms - now_ms : 1;
}

/* Wait for news, at most `ms` (-1: without end). False: we are closing. */
static bool wait_for_news(aod_uploader_t *uploader, int64_t ms) {
  struct timespec until = aod_clock_monotonic_in(ms < 0 ? 0 : ms);
  pthread_mutex_lock(&uploader->lock);
  while (!uploader->news && !uploader->closing) {
    if (ms < 0)
      pthread_cond_wait(&uploader->wake, &uploader->lock);
    else if (pthread_cond_timedwait(&uploader->wake, &uploader->lock, &until) == ETIMEDOUT)
      break;
  }
  uploader->news = false;
  bool open = !uploader->closing;
  pthread_mutex_unlock(&uploader->lock);
  return open;
}

static void *run(void *argument) {
  aod_uploader_t *uploader = argument;
  int64_t ms = 0;
  while (wait_for_news(uploader, ms)) {
    aod_error_t err;
    int code = step(uploader, &err);
    if (code < 0) aod_log(AOD_LOG_WARN, "net", "uploads: %s", err.message);
    ms = code < 0 ? STORE_PAUSE_MS : code > 0 ? 0 : pause_ms(uploader);
  }
  return NULL;
}

/* ---- life ---- */

static void fill_defaults(aod_uploader_options_t *options) {
  if (!options->retry_first_ms) options->retry_first_ms = RETRY_FIRST_MS;
  if (!options->retry_last_ms) options->retry_last_ms = RETRY_LAST_MS;
  if (!options->linger_ms) options->linger_ms = LINGER_MS;
  if (!options->confirm_ms) options->confirm_ms = CONFIRM_MS;
  if (!options->bundle_bytes_max) options->bundle_bytes_max = BUNDLE_BYTES_MAX;
}

static int64_t longest_wait_ms(const aod_uploader_t *uploader) {
  const aod_uploader_options_t *options = &uploader->options;
  return options->retry_last_ms > options->confirm_ms ? options->retry_last_ms
                                                      : options->confirm_ms;
}

int aod_uploader_open(aod_uploader_t **out, const aod_uploader_options_t *options,
                      aod_error_t *err) {
  int type = options->signer ? aod_signer_type(options->signer) : AOD_SCHEME_ARWEAVE;
  if (type != AOD_SCHEME_ARWEAVE && type != AOD_SCHEME_ETHEREUM)
    return aod_fail(err, AOD_EUNSUPPORTED, "the base layer knows RSA and secp256k1 wallets only");
  aod_uploader_t *uploader = aod_alloc(sizeof *uploader);
  uploader->options = *options;
  fill_defaults(&uploader->options);
  uploader->url = aod_strdup(options->url);
  int code = aod_uploads_open(&uploader->uploads, options->path, err);
  if (code == AOD_OK)
    code =
        aod_uploads_resume(uploader->uploads, aod_clock_wall_ms(), longest_wait_ms(uploader), err);
  if (code == AOD_OK) code = aod_uploads_retry(uploader->uploads, err); /* pauses of the last run */
  if (code == AOD_OK) code = aod_client_open(&uploader->client, err);
  if (code != AOD_OK) {
    aod_uploads_close(uploader->uploads);
    free(uploader->url);
    free(uploader);
    return code;
  }
  pthread_mutex_init(&uploader->lock, NULL);
  aod_clock_cond_init(&uploader->wake);
  aod_assert(pthread_create(&uploader->thread, NULL, run, uploader) == 0);
  pthread_setname_np(uploader->thread, "uploader");
  *out = uploader;
  return AOD_OK;
}

void aod_uploader_close(aod_uploader_t *uploader) {
  if (!uploader) return;
  pthread_mutex_lock(&uploader->lock);
  uploader->closing = true;
  pthread_cond_signal(&uploader->wake);
  pthread_mutex_unlock(&uploader->lock);
  aod_client_stop(uploader->client); /* whoever waits for an answer need not wait any more */
  pthread_join(uploader->thread, NULL);
  aod_client_close(uploader->client);
  aod_uploads_close(uploader->uploads);
  pthread_cond_destroy(&uploader->wake);
  pthread_mutex_destroy(&uploader->lock);
  free(uploader->url);
  free(uploader);
}

int aod_uploader_add(aod_uploader_t *uploader, const aod_slice_t *raws, size_t count,
                     aod_error_t *err) {
  int code = aod_uploads_add(uploader->uploads, raws, count, aod_clock_wall_ms(), err);
  if (code != AOD_OK) return code;
  pthread_mutex_lock(&uploader->lock);
  uploader->news = true;
  pthread_cond_signal(&uploader->wake);
  pthread_mutex_unlock(&uploader->lock);
  return AOD_OK;
}

int aod_uploader_status(aod_uploader_t *uploader, aod_uploads_status_t *status, aod_error_t *err) {
  return aod_uploads_status(uploader->uploads, status, err);
}
