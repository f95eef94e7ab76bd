#include "net/gateways.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "net/backoff.h"
#include "net/gateways_internal.h"

enum {
  ROUNDS = 3,
  PAUSE_MS = 500,
  PAUSE_LAST_MS = 30000,
  DATA_BYTES_MAX = 256 << 20,
  INFO_BYTES_MAX = 65536,
  HEIGHT_FRESH_US = 5000000
};

int aod_gateways_open(aod_gateways_t **out, aod_client_t *client,
                      const aod_gateways_options_t *options, aod_error_t *err) {
  if (options->url_count == 0) return aod_fail(err, AOD_EUSAGE, "no gateway is named");
  aod_gateways_t *gateways = aod_alloc(sizeof *gateways);
  gateways->client = client;
  gateways->options = *options;
  if (!gateways->options.rounds) gateways->options.rounds = ROUNDS;
  if (!gateways->options.pause_ms) gateways->options.pause_ms = PAUSE_MS;
  if (!gateways->options.data_max) gateways->options.data_max = DATA_BYTES_MAX;
  gateways->urls = aod_alloc(options->url_count * sizeof *gateways->urls);
  for (size_t i = 0; i < options->url_count; i++) gateways->urls[i] = aod_strdup(options->urls[i]);
  pthread_mutex_init(&gateways->lock, NULL);
  *out = gateways;
  return AOD_OK;
}

void aod_gateways_close(aod_gateways_t *gateways) {
  if (!gateways) return;
  for (size_t i = 0; i < gateways->options.url_count; i++) free(gateways->urls[i]);
  free(gateways->urls);
  pthread_mutex_destroy(&gateways->lock);
  free(gateways);
}

/* ---- finding ---- */

/* What a gateway said in its last round. */
typedef struct {
  int code; /* AOD_EUNAVAILABLE: ask again */
  aod_error_t error;
} opinion_t;

static void pause_ms(int64_t ms) {
  struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  while (nanosleep(&span, &span) != 0) continue;
}

/* Ask those that have not said anything of use. True: found. */
static bool ask_round(aod_gateways_t *gateways, const uint8_t id[32], aod_arena_t *arena,
                      aod_item_t *item, opinion_t *opinions) {
  for (size_t i = 0; i < gateways->options.url_count; i++) {
    opinion_t *opinion = &opinions[i];
    if (opinion->code != AOD_EUNAVAILABLE) continue;
    opinion->code =
        aod__gateways_fetch(gateways, gateways->urls[i], id, arena, item, &opinion->error);
    if (opinion->code == AOD_OK) return true;
  }
  return false;
}

static bool worth_asking(const aod_gateways_t *gateways, const opinion_t *opinions) {
  for (size_t i = 0; i < gateways->options.url_count; i++)
    if (opinions[i].code == AOD_EUNAVAILABLE) return true;
  return false;
}

static int conclude(const aod_gateways_t *gateways, const opinion_t *opinions, aod_error_t *err) {
  aod_buf_t text = {0};
  int code = AOD_ENOTFOUND;
  for (size_t i = 0; i < gateways->options.url_count; i++) {
    if (opinions[i].code != AOD_ENOTFOUND) code = AOD_EUNAVAILABLE;
    aod_buf_printf(&text, "%s%s: %s", i ? "; " : "", gateways->urls[i], opinions[i].error.message);
  }
  aod_fail(err, code, "%.*s", AOD_ARG(aod_buf_slice(&text)));
  aod_buf_free(&text);
  return code;
}

int aod_gateways_find(aod_gateways_t *gateways, const uint8_t id[32], aod_arena_t *arena,
                      aod_item_t *item, aod_error_t *err) {
  opinion_t *opinions = aod_alloc(gateways->options.url_count * sizeof *opinions);
  for (size_t i = 0; i < gateways->options.url_count; i++) opinions[i].code = AOD_EUNAVAILABLE;
  bool found = ask_round(gateways, id, arena, item, opinions);
  for (int round = 1; !found && round < gateways->options.rounds; round++) {
    if (!worth_asking(gateways, opinions)) break;
    pause_ms(aod_backoff_ms(round, gateways->options.pause_ms, PAUSE_LAST_MS));
    found = ask_round(gateways, id, arena, item, opinions);
  }
  int code = found ? AOD_OK : conclude(gateways, opinions, err);
  free(opinions);
  return code;
}

/* ---- asking ---- */

static int ask_one(const aod_gateways_t *gateways, const char *url,
                   const aod_gateways_question_t *question, aod_buf_t *answer, aod_error_t *err) {
  size_t before = answer->len;
  int code = aod__gateways_post(gateways, url, question->path, question->body, question->answer_max,
                                answer, err);
  if (code == AOD_OK && question->check) {
    aod_slice_t all = aod_buf_slice(answer);
    code = question->check(question->context, aod_slice_sub(all, before, all.len), err);
  }
  if (code != AOD_OK) answer->len = before;
  return code;
}

int aod_gateways_ask(aod_gateways_t *gateways, const aod_gateways_question_t *question,
                     aod_buf_t *answer, aod_error_t *err) {
  opinion_t *opinions = aod_alloc(gateways->options.url_count * sizeof *opinions);
  bool answered = false;
  for (size_t i = 0; i < gateways->options.url_count && !answered; i++) {
    opinions[i].code = ask_one(gateways, gateways->urls[i], question, answer, &opinions[i].error);
    answered = opinions[i].code == AOD_OK;
  }
  int code = answered ? AOD_OK : conclude(gateways, opinions, err);
  free(opinions);
  return code;
}

/* ---- height ---- */

static bool ask_height(const aod_gateways_t *gateways, const char *url, uint64_t *height) {
  aod_buf_t body = {0};
  json_t *info = NULL;
  int code = aod__gateways_get(gateways, url, "/info", INFO_BYTES_MAX, &body, NULL);
  if (code == AOD_OK) code = aod_json_parse(aod_buf_slice(&body), &info, NULL);
  double value = code == AOD_OK ? json_number_value(json_object_get(info, "height")) : -1;
  bool good = value > 0 && value < 9e15;
  if (good) *height = (uint64_t)value;
  json_decref(info);
  aod_buf_free(&body);
  return good;
}

/* Who finds the height old asks; the others meanwhile take what is there. */
static bool height_is_old(aod_gateways_t *gateways, uint64_t *height) {
  int64_t now_us = aod_clock_monotonic_us();
  pthread_mutex_lock(&gateways->lock);
  *height = gateways->height;
  bool old = !gateways->height_us || now_us - gateways->height_us > HEIGHT_FRESH_US;
  if (old) gateways->height_us = now_us;
  pthread_mutex_unlock(&gateways->lock);
  return old;
}

uint64_t aod_gateways_height(aod_gateways_t *gateways) {
  uint64_t height;
  if (!height_is_old(gateways, &height)) return height;
  for (size_t i = 0; i < gateways->options.url_count; i++) {
    if (!ask_height(gateways, gateways->urls[i], &height)) continue;
    pthread_mutex_lock(&gateways->lock);
    if (height > gateways->height) gateways->height = height; /* a gateway that lags behind */
    height = gateways->height;
    pthread_mutex_unlock(&gateways->lock);
    break;
  }
  return height;
}
