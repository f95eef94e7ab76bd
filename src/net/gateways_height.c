/* The newest block's height. Whoever orders messages wants it thousands of times a second and must
 * not wait for a gateway that hangs: it is asked in the background, one request at a time, while
 * everybody takes what was heard last. Only when that is long ago (nobody wanted it meanwhile, or
 * the program has just started) callers wait, not for long, and not when the last time no gateway
 * answered. */
#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "net/gateways_internal.h"

enum {
  FRESH_US = 5000000,
  STALE_US = 30000000,
  WAIT_MS = 2000,
  TIMEOUT_MS = 10000,
  INFO_BYTES_MAX = 65536,
};

static void ask_next(aod_gateways_t *gateways);

/* Gateways that lag behind do not put it back. 0: they did not say. */
static void end_asking(aod__height_t *height, uint64_t heard) {
  pthread_mutex_lock(&height->lock);
  if (heard > height->newest) height->newest = heard;
  if (heard) height->heard_us = aod_clock_monotonic_us();
  height->failed = !heard;
  height->asking = false;
  pthread_cond_broadcast(&height->asked);
  pthread_mutex_unlock(&height->lock);
}

/* What /info says; 0: nothing of use. */
static uint64_t read_info(const aod_call_t *call) {
  json_t *info = NULL;
  if (call->code != AOD_OK || call->status != 200 ||
      aod_json_parse(aod_buf_slice(&call->answer), &info, NULL) != AOD_OK)
    return 0;
  double value = json_number_value(json_object_get(info, "height"));
  json_decref(info);
  return value > 0 && value < 9e15 ? (uint64_t)value : 0;
}

/* On the client's thread. */
static void answered(aod_call_t *call) {
  aod__height_t *height = (aod__height_t *)((char *)call - offsetof(aod__height_t, call));
  aod_gateways_t *gateways = height->gateways;
  uint64_t heard = read_info(call);
  aod_buf_free(&call->answer);
  if (heard || call->code == AOD_ECLOSED || ++height->turn == gateways->options.url_count)
    end_asking(height, heard);
  else
    ask_next(gateways);
}

static void ask_next(aod_gateways_t *gateways) {
  aod__height_t *height = &gateways->height;
  int64_t timeout_ms = gateways->options.timeout_ms;
  aod_buf_clear(&height->url);
  aod_buf_printf(&height->url, "%s/info", gateways->urls[height->turn]);
  aod_buf_terminate(&height->url);
  height->call = (aod_call_t){.url = (const char *)height->url.ptr,
                              .answer_max = INFO_BYTES_MAX,
                              .redirects_max = AOD__GATEWAYS_REDIRECTS_MAX,
                              .timeout_ms = timeout_ms ? timeout_ms : TIMEOUT_MS,
                              .done = answered};
  aod_client_submit(gateways->client, &height->call);
}

/* True: it is old, and the caller begins to ask. */
static bool begin_asking(aod__height_t *height) {
  int64_t now_us = aod_clock_monotonic_us();
  pthread_mutex_lock(&height->lock);
  bool old = !height->asking && (!height->began_us || now_us - height->began_us > FRESH_US);
  if (old) {
    height->asking = true;
    height->began_us = now_us;
    height->patience = aod_clock_monotonic_in(height->failed ? 0 : WAIT_MS);
    height->turn = 0;
  }
  pthread_mutex_unlock(&height->lock);
  return old;
}

/* With the lock held. */
static bool is_stale(const aod__height_t *height) {
  return !height->heard_us || aod_clock_monotonic_us() - height->heard_us > STALE_US;
}

uint64_t aod_gateways_height(aod_gateways_t *gateways) {
  aod__height_t *height = &gateways->height;
  if (begin_asking(height)) ask_next(gateways);
  pthread_mutex_lock(&height->lock);
  while (height->asking && is_stale(height))
    if (pthread_cond_timedwait(&height->asked, &height->lock, &height->patience) == ETIMEDOUT)
      break;
  uint64_t newest = height->newest;
  pthread_mutex_unlock(&height->lock);
  return newest;
}

void aod__gateways_height_init(aod_gateways_t *gateways) {
  aod__height_t *height = &gateways->height;
  height->gateways = gateways;
  pthread_mutex_init(&height->lock, NULL);
  aod_clock_cond_init(&height->asked);
}

void aod__gateways_height_deinit(aod_gateways_t *gateways) {
  aod__height_t *height = &gateways->height;
  pthread_mutex_lock(&height->lock);
  while (height->asking) pthread_cond_wait(&height->asked, &height->lock);
  pthread_mutex_unlock(&height->lock);
  pthread_cond_destroy(&height->asked);
  pthread_mutex_destroy(&height->lock);
  aod_buf_free(&height->url);
}
