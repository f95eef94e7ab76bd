/* All wait equally long, so the list is in the order in which patience ends. */
#include "cu/busy.h"

#include "ao/address.h"
#include "arweave/base64url.h"
#include "base/clock.h"
#include "base/json.h"

/* ---- the list: the lock is held ---- */

static void append(aod__busy_t *busy, aod__waiting_t *waiting) {
  waiting->previous = busy->last;
  if (busy->last)
    busy->last->next = waiting;
  else
    busy->first = waiting;
  busy->last = waiting;
  waiting->listed = true;
}

static void remove_one(aod__busy_t *busy, aod__waiting_t *waiting) {
  if (waiting->previous)
    waiting->previous->next = waiting->next;
  else
    busy->first = waiting->next;
  if (waiting->next)
    waiting->next->previous = waiting->previous;
  else
    busy->last = waiting->previous;
  waiting->listed = false;
}

/* ---- the thread ---- */

static void write_answer(const aod__waiting_t *waiting, aod_buf_t *json) {
  char id[AOD_ID_CHARS + 1];
  aod_buf_t text = {0};
  aod_id_encode(waiting->process, id);
  aod_buf_printf(&text, "Evaluation of process \"%s\" to \"%.*s\" is in progress.", id,
                 AOD_ARG(waiting->to.len ? waiting->to : AOD_TEXT("latest")));
  aod_buf_text(json, "{");
  aod_json_key_string(json, "message", aod_buf_slice(&text));
  aod_buf_text(json, "}");
  aod_buf_free(&text);
}

/* Once it is off the list the evaluation may end at any time, and take `waiting` with it. */
static void answer_first(aod__busy_t *busy) {
  aod_buf_t json = {0};
  aod_request_t *request = busy->first->request;
  write_answer(busy->first, &json);
  remove_one(busy, busy->first);
  pthread_mutex_unlock(&busy->lock);
  aod_respond_buf(request, 202, "application/json; charset=utf-8", &json);
  pthread_mutex_lock(&busy->lock);
}

static void *lose_patience(void *context) {
  aod__busy_t *busy = context;
  pthread_mutex_lock(&busy->lock);
  while (!busy->closing) {
    int64_t left_us = busy->first ? busy->first->until_us - aod_clock_monotonic_us() : 0;
    if (!busy->first) {
      pthread_cond_wait(&busy->changed, &busy->lock);
    } else if (left_us > 0) {
      struct timespec until = aod_clock_monotonic_in(left_us / 1000 + 1);
      pthread_cond_timedwait(&busy->changed, &busy->lock, &until);
    } else {
      answer_first(busy);
    }
  }
  pthread_mutex_unlock(&busy->lock);
  return NULL;
}

void aod__busy_open(aod__busy_t *busy, int64_t patience_ms) {
  *busy = (aod__busy_t){.patience_us = patience_ms * 1000};
  if (!patience_ms) return;
  pthread_mutex_init(&busy->lock, NULL);
  aod_clock_cond_init(&busy->changed);
  aod_assert(pthread_create(&busy->thread, NULL, lose_patience, busy) == 0);
  pthread_setname_np(busy->thread, "cu-busy");
}

void aod__busy_close(aod__busy_t *busy) {
  if (!busy->patience_us) return;
  pthread_mutex_lock(&busy->lock);
  aod_assert(!busy->first);
  busy->closing = true;
  pthread_cond_signal(&busy->changed);
  pthread_mutex_unlock(&busy->lock);
  pthread_join(busy->thread, NULL);
  pthread_cond_destroy(&busy->changed);
  pthread_mutex_destroy(&busy->lock);
}

/* ---- requests ---- */

void aod__busy_begin(aod__busy_t *busy, aod__waiting_t *waiting, aod_request_t *request,
                     const uint8_t process[32], aod_slice_t to) {
  aod_slice_t ignored;
  *waiting = (aod__waiting_t){.request = request, .process = process, .to = to};
  if (!busy->patience_us || aod_request_query(request, "no-busy", &ignored)) return;
  waiting->until_us = aod_clock_monotonic_us() + busy->patience_us;
  waiting->kept = true;
  aod_request_keep(request);
  pthread_mutex_lock(&busy->lock);
  append(busy, waiting);
  if (busy->first == waiting) pthread_cond_signal(&busy->changed);
  pthread_mutex_unlock(&busy->lock);
}

bool aod__busy_end(aod__busy_t *busy, aod__waiting_t *waiting) {
  if (!waiting->kept) return true;
  pthread_mutex_lock(&busy->lock);
  bool first = waiting->listed;
  if (first) remove_one(busy, waiting);
  pthread_mutex_unlock(&busy->lock);
  aod_request_let_go(waiting->request);
  return first;
}
