#include "net/remote.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "net/backoff.h"
#include "net/remote_internal.h"

enum {
  ROUNDS = 3,
  PAUSE_MS = 500,
  PAUSE_LAST_MS = 30000,
  DATA_BYTES_MAX = 256 << 20,
  INFO_BYTES_MAX = 65536,
  HEIGHT_FRESH_US = 5000000
};

int aod_remote_open(aod_remote_t **out, aod_client_t *client, const aod_remote_options_t *options,
                    aod_error_t *err) {
  if (options->url_count == 0) return aod_fail(err, AOD_EUSAGE, "no gateway is named");
  aod_remote_t *remote = aod_alloc(sizeof *remote);
  remote->client = client;
  remote->options = *options;
  if (!remote->options.rounds) remote->options.rounds = ROUNDS;
  if (!remote->options.pause_ms) remote->options.pause_ms = PAUSE_MS;
  if (!remote->options.data_max) remote->options.data_max = DATA_BYTES_MAX;
  remote->urls = aod_alloc(options->url_count * sizeof *remote->urls);
  for (size_t i = 0; i < options->url_count; i++) remote->urls[i] = aod_strdup(options->urls[i]);
  pthread_mutex_init(&remote->lock, NULL);
  *out = remote;
  return AOD_OK;
}

void aod_remote_close(aod_remote_t *remote) {
  if (!remote) return;
  for (size_t i = 0; i < remote->options.url_count; i++) free(remote->urls[i]);
  free(remote->urls);
  pthread_mutex_destroy(&remote->lock);
  free(remote);
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
static bool ask_round(aod_remote_t *remote, const uint8_t id[32], aod_arena_t *arena,
                      aod_item_t *item, opinion_t *opinions) {
  for (size_t i = 0; i < remote->options.url_count; i++) {
    opinion_t *opinion = &opinions[i];
    if (opinion->code != AOD_EUNAVAILABLE) continue;
    opinion->code = aod__remote_fetch(remote, remote->urls[i], id, arena, item, &opinion->error);
    if (opinion->code == AOD_OK) return true;
  }
  return false;
}

static bool worth_asking(const aod_remote_t *remote, const opinion_t *opinions) {
  for (size_t i = 0; i < remote->options.url_count; i++)
    if (opinions[i].code == AOD_EUNAVAILABLE) return true;
  return false;
}

static int conclude(const aod_remote_t *remote, const opinion_t *opinions, aod_error_t *err) {
  aod_buf_t text = {0};
  int code = AOD_ENOTFOUND;
  for (size_t i = 0; i < remote->options.url_count; i++) {
    if (opinions[i].code != AOD_ENOTFOUND) code = AOD_EUNAVAILABLE;
    aod_buf_printf(&text, "%s%s: %s", i ? "; " : "", remote->urls[i], opinions[i].error.message);
  }
  aod_fail(err, code, "%.*s", AOD_ARG(aod_buf_slice(&text)));
  aod_buf_free(&text);
  return code;
}

int aod_remote_find(aod_remote_t *remote, const uint8_t id[32], aod_arena_t *arena,
                    aod_item_t *item, aod_error_t *err) {
  opinion_t *opinions = aod_alloc(remote->options.url_count * sizeof *opinions);
  for (size_t i = 0; i < remote->options.url_count; i++) opinions[i].code = AOD_EUNAVAILABLE;
  bool found = ask_round(remote, id, arena, item, opinions);
  for (int round = 1; !found && round < remote->options.rounds; round++) {
    if (!worth_asking(remote, opinions)) break;
    pause_ms(aod_backoff_ms(round, remote->options.pause_ms, PAUSE_LAST_MS));
    found = ask_round(remote, id, arena, item, opinions);
  }
  int code = found ? AOD_OK : conclude(remote, opinions, err);
  free(opinions);
  return code;
}

/* ---- height ---- */

static bool ask_height(const aod_remote_t *remote, const char *url, uint64_t *height) {
  aod_buf_t body = {0};
  json_t *info = NULL;
  int code = aod__remote_get(remote, url, "/info", INFO_BYTES_MAX, &body, NULL);
  if (code == AOD_OK) code = aod_json_parse(aod_buf_slice(&body), &info, NULL);
  double value = code == AOD_OK ? json_number_value(json_object_get(info, "height")) : -1;
  bool good = value > 0 && value < 9e15;
  if (good) *height = (uint64_t)value;
  json_decref(info);
  aod_buf_free(&body);
  return good;
}

/* Who finds the height old asks; the others meanwhile take what is there. */
static bool height_is_old(aod_remote_t *remote, uint64_t *height) {
  int64_t now_us = aod_clock_monotonic_us();
  pthread_mutex_lock(&remote->lock);
  *height = remote->height;
  bool old = !remote->height_us || now_us - remote->height_us > HEIGHT_FRESH_US;
  if (old) remote->height_us = now_us;
  pthread_mutex_unlock(&remote->lock);
  return old;
}

uint64_t aod_remote_height(aod_remote_t *remote) {
  uint64_t height;
  if (!height_is_old(remote, &height)) return height;
  for (size_t i = 0; i < remote->options.url_count; i++) {
    if (!ask_height(remote, remote->urls[i], &height)) continue;
    pthread_mutex_lock(&remote->lock);
    if (height > remote->height) remote->height = height; /* a gateway that lags behind */
    height = remote->height;
    pthread_mutex_unlock(&remote->lock);
    break;
  }
  return height;
}
