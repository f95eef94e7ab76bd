/* A delivery is one outbox entry on its way, a small state machine whose steps run in the pool and
 * whose waiting is done by others:
 *
 *   accept ─store─▶ deliver ─post─▶ [answer the client] ─▶ crank ─result─▶ follow ─store─▶ end
 *
 * Invariant: at every moment the outbox holds either the entry or all that follows from it. Every
 * step can be repeated: the scheduler knows an item it has, the compute unit a result it gave, and
 * children are signed and stored before any of them is sent. So a crash at any point costs
 * repeated work and nothing else. */
#include <stdlib.h>
#include <sys/random.h>

#include "base/json.h"
#include "base/log.h"
#include "mu/internal.h"

enum { RETRY_FIRST_MS = 1000, RETRY_LAST_MS = 300000 };

static void deliver(aod_delivery_t *delivery);
static void crank(aod_delivery_t *delivery);
static void follow(aod_delivery_t *delivery);
static void follow_spawn(aod_delivery_t *delivery);

/* ---- life ---- */

aod_delivery_t *aod__delivery_new(aod_mu_t *mu, aod_outbox_kind_t kind) {
  aod_delivery_t *delivery = aod_alloc(sizeof *delivery);
  delivery->mu = mu;
  delivery->entry.kind = kind;
  return delivery;
}

void aod__delivery_free(aod_delivery_t *delivery) {
  aod_buf_free(&delivery->call.body);
  aod_arena_free(&delivery->arena);
  free(delivery);
}

static void end(aod_delivery_t *delivery) {
  aod_mu_t *mu = delivery->mu;
  aod__delivery_free(delivery);
  pthread_mutex_lock(&mu->lock);
  mu->active--;
  pthread_cond_broadcast(&mu->changed);
  pthread_mutex_unlock(&mu->lock);
}

static void answer(aod_delivery_t *delivery, int code, const aod_error_t *err) {
  if (delivery->answer) delivery->answer(delivery, code, err);
  delivery->answer = NULL;
}

static void run_step(aod_task_t *task) {
  aod_delivery_t *delivery = (aod_delivery_t *)task;
  delivery->step(delivery);
}

void aod__delivery_run(aod_delivery_t *delivery, void (*step)(aod_delivery_t *), bool resumed) {
  aod_mu_t *mu = delivery->mu;
  pthread_mutex_lock(&mu->lock);
  bool stopping = mu->stopping;
  if (resumed) mu->active++;
  pthread_mutex_unlock(&mu->lock);
  if (stopping) {
    aod_error_t err;
    aod_fail(&err, AOD_ECLOSED, "the messenger is shutting down; send the item again");
    answer(delivery, AOD_ECLOSED, &err);
    end(delivery);
    return;
  }
  delivery->step = step;
  delivery->task.run = run_step;
  aod_pool_post(mu->pool, &delivery->task);
}

void aod__delivery_start(aod_delivery_t *delivery) {
  bool cranked = delivery->entry.kind == AOD_OUTBOX_CRANK;
  aod__delivery_run(delivery, cranked ? crank : deliver, true);
}

/* ---- failure ---- */

static bool is_passing(int code) {
  return code == AOD_EUNAVAILABLE || code == AOD_EIO || code == AOD_ENOMEM || code == AOD_ECLOSED ||
         code == AOD_EINTERNAL || code == AOD_ECOMPILE;
}

static int64_t retry_delay_ms(int64_t attempts) {
  int64_t delay_ms = RETRY_FIRST_MS;
  for (int64_t i = 1; i < attempts && delay_ms < RETRY_LAST_MS; i++) delay_ms *= 2;
  if (delay_ms > RETRY_LAST_MS) delay_ms = RETRY_LAST_MS;
  uint32_t jitter;
  aod_assert(getrandom(&jitter, sizeof jitter, 0) == sizeof jitter);
  return delay_ms + (int64_t)(jitter % (uint32_t)(delay_ms / 4));
}

/* A step of a stored entry failed: try again later, or park it with its reason. */
static void fail(aod_delivery_t *delivery, int code, const aod_error_t *err) {
  aod_outbox_entry_t *entry = &delivery->entry;
  entry->attempts++;
  bool passing = is_passing(code);
  aod_outbox_note(delivery->mu->outbox, entry->seq, entry->attempts, !passing, err->message);
  aod_log(AOD_LOG_WARN, "mu", "outbox entry %lld %s: %s", (long long)entry->seq,
          passing ? "will be tried again" : "stays undelivered", err->message);
  if (passing)
    aod__retry_later(delivery, retry_delay_ms(entry->attempts));
  else
    end(delivery);
}

/* ---- storing what follows ---- */

static void children_stored(aod_outbox_change_t *change, int code, const aod_error_t *err) {
  aod_delivery_t *delivery = (aod_delivery_t *)((char *)change - offsetof(aod_delivery_t, change));
  for (size_t i = 0; i < change->add.count; i++) {
    aod_delivery_t *child = delivery->children[i];
    child->entry.seq = change->add.list[i].seq;
    bool waits = code == AOD_OK && child->entry.seq && child->entry.kind != AOD_OUTBOX_INVALID;
    if (waits)
      aod__delivery_start(child);
    else
      aod__delivery_free(child);
  }
  *change = (aod_outbox_change_t){0}; /* the children are gone or on their own */
  if (code == AOD_OK)
    end(delivery);
  else
    fail(delivery, code, err);
}

/* Replace the entry by its children. */
static void store_children(aod_delivery_t *delivery) {
  delivery->change.remove = delivery->entry.seq;
  delivery->change.done = children_stored;
  aod_outbox_submit(delivery->mu->outbox, &delivery->change);
}

static void follow(aod_delivery_t *delivery) {
  aod_error_t err;
  int code = aod__follow_result(delivery, delivery->entry.process,
                                aod_buf_slice(&delivery->call.body), &err);
  if (code == AOD_OK)
    store_children(delivery);
  else
    fail(delivery, code, &err);
}

static void follow_spawn(aod_delivery_t *delivery) {
  aod_error_t err;
  int code = aod__follow_spawn(delivery, &err);
  if (code == AOD_OK)
    store_children(delivery);
  else
    fail(delivery, code, &err);
}

/* ---- cranking ---- */

static void result_known(aod_result_call_t *call, int code, const aod_error_t *err) {
  aod_delivery_t *delivery = (aod_delivery_t *)((char *)call - offsetof(aod_delivery_t, call));
  if (code == AOD_OK)
    aod__delivery_run(delivery, follow, false);
  else
    fail(delivery, code, err);
}

static void crank(aod_delivery_t *delivery) {
  const aod_computer_t *computer = delivery->mu->computer;
  aod_buf_clear(&delivery->call.body);
  delivery->call.done = result_known;
  memcpy(delivery->call.process, delivery->entry.process, 32);
  if (delivery->entry.kind == AOD_OUTBOX_CRANK)
    memcpy(delivery->call.message, delivery->entry.id, 32);
  else
    memcpy(delivery->call.message, delivery->post.id, 32);
  computer->result(computer->context, &delivery->call);
}

/* ---- delivering ---- */

/* A wallet is no process: what is sent to it is kept on Arweave, and that is the end of it. */
static void upload(aod_delivery_t *delivery) {
  const aod_gateway_t *gateway = delivery->mu->gateway;
  aod_error_t err;
  int code = gateway->upload(gateway->context, &delivery->entry.raw, 1, &err);
  if (code == AOD_OK)
    store_children(delivery);
  else
    fail(delivery, code, &err);
}

static bool from_client(const aod_delivery_t *delivery) {
  static const uint8_t nobody[32];
  return memcmp(delivery->entry.parent, nobody, 32) == 0;
}

/* The scheduler refused what a client waits for: the entry goes, the client hears why. */
static void refuse(aod_delivery_t *delivery, int code, const aod_error_t *err) {
  answer(delivery, code, err);
  store_children(delivery);
}

/* The scheduler has the same message in another item, which is or was somebody's delivery of its
 * own: nothing follows from this one. */
static bool is_said_already(const aod_delivery_t *delivery) {
  const aod_outbox_entry_t *entry = &delivery->entry;
  return entry->kind != AOD_OUTBOX_ASSIGN && memcmp(delivery->post.id, entry->id, 32) != 0;
}

static void posted(aod_post_t *post, int code, const aod_error_t *err) {
  aod_delivery_t *delivery = (aod_delivery_t *)((char *)post - offsetof(aod_delivery_t, post));
  bool exists = code == AOD_EEXISTS && !delivery->answer;
  if (exists && is_said_already(delivery)) {
    store_children(delivery);
  } else if (code == AOD_OK || exists) {
    answer(delivery, AOD_OK, NULL);
    bool spawned = delivery->entry.kind == AOD_OUTBOX_SPAWN;
    aod__delivery_run(delivery, spawned ? follow_spawn : crank, false);
  } else if (delivery->answer) {
    refuse(delivery, code, err);
  } else if (code == AOD_ENOTFOUND && delivery->entry.kind == AOD_OUTBOX_ITEM &&
             !from_client(delivery)) {
    aod__delivery_run(delivery, upload, false);
  } else {
    fail(delivery, code, err);
  }
}

static void deliver(aod_delivery_t *delivery) {
  const aod_scheduler_t *scheduler = delivery->mu->scheduler;
  const aod_outbox_entry_t *entry = &delivery->entry;
  delivery->post = (aod_post_t){.raw = entry->raw, .done = posted};
  if (entry->kind == AOD_OUTBOX_ASSIGN) {
    memcpy(delivery->post.process, entry->process, 32);
    memcpy(delivery->post.assign, entry->id, 32);
    delivery->post.exclude = entry->text;
  }
  scheduler->post(scheduler->context, &delivery->post);
}

/* ---- accepting ---- */

static void accepted(aod_outbox_change_t *change, int code, const aod_error_t *err) {
  aod_delivery_t *delivery = (aod_delivery_t *)((char *)change - offsetof(aod_delivery_t, change));
  if (code == AOD_OK) {
    delivery->entry.seq = change->add.list[0].seq;
    delivery->change = (aod_outbox_change_t){0};
    aod__delivery_run(delivery, deliver, false);
    return;
  }
  answer(delivery, code, err);
  end(delivery);
}

void aod__delivery_accept(aod_delivery_t *delivery) {
  aod_mu_t *mu = delivery->mu;
  pthread_mutex_lock(&mu->lock);
  mu->active++;
  pthread_mutex_unlock(&mu->lock);
  delivery->change.add.list = aod_arena_alloc(&delivery->arena, sizeof delivery->entry);
  delivery->change.add.list[0] = delivery->entry;
  delivery->change.add.count = 1;
  delivery->change.done = accepted;
  aod_outbox_submit(mu->outbox, &delivery->change);
}
