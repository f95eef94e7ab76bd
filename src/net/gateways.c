#include "net/gateways.h"

#include <stdlib.h>
#include <time.h>

#include "net/backoff.h"
#include "net/gateways_internal.h"

enum { ROUNDS = 3, PAUSE_MS = 500, PAUSE_LAST_MS = 30000, DATA_BYTES_MAX = 256 << 20 };

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
  aod__gateways_height_init(gateways);
  *out = gateways;
  return AOD_OK;
}

void aod_gateways_close(aod_gateways_t *gateways) {
  if (!gateways) return;
  aod__gateways_height_deinit(gateways);
  for (size_t i = 0; i < gateways->options.url_count; i++) free(gateways->urls[i]);
  free(gateways->urls);
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
