/* A delivery is one outbox entry on its way, a small state machine whose steps run in the pool and
 * whose waiting is done by others:
 *
 *   accept ─store─▶ deliver ─post─▶ [answer the client] ─▶ crank ─result─▶ follow ─store─▶ end
 *
 * Invariant: at every moment the outbox holds either the entry or all that follows from it. Every
 * step can be repeated: the scheduler knows an item it has, the compute unit a result it gave, and
 * children are signed and stored before any of them is sent. So a crash at any point costs
 * repeated work and nothing else. A delivery may also end at any point by giving its entry back to
 * the store: because a step failed, or because others are to have their turn (queue.c). */
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "mu/internal.h"

enum { RETRY_FIRST_MS = 1000, RETRY_LAST_MS = 300000, LATE_ATTEMPTS = 6 };

static void deliver(aod_delivery_t *delivery);
static void crank(aod_delivery_t *delivery);
static void follow(aod_delivery_t *delivery);
static void follow_more(aod_delivery_t *delivery);
static void follow_stored(aod_delivery_t *delivery);
static void follow_spawn(aod_delivery_t *delivery);
static void store_children(aod_delivery_t *delivery);

/* ---- life ---- */

aod_delivery_t *aod__delivery_new(aod_mu_t *mu, aod_outbox_kind_t kind) {
  aod_delivery_t *delivery = aod_alloc(sizeof *delivery);
  delivery->mu = mu;
  delivery->entry.kind = kind;
  return delivery;
}

void aod__delivery_free(aod_delivery_t *delivery) {
  aod__follow_drop(delivery);
  aod_buf_free(&delivery->call.body);
  aod_arena_free(&delivery->arena);
  free(delivery);
}

void aod__delivery_end(aod_delivery_t *delivery) {
  if (delivery->lane) aod__queue_leave(delivery);
  aod__delivery_free(delivery);
}

static void answer(aod_delivery_t *delivery, int code, const aod_error_t *err) {
  if (delivery->answer) delivery->answer(delivery, code, err);
  delivery->answer = NULL;
}

static void run_step(aod_task_t *task) {
  aod_delivery_t *delivery = (aod_delivery_t *)task;
  delivery->step(delivery);
}

void aod__delivery_run(aod_delivery_t *delivery, void (*step)(aod_delivery_t *)) {
  if (aod__queue_stopping(delivery->mu)) {
    aod_error_t err;
    aod_fail(&err, AOD_ECLOSED, "the messenger is shutting down; send the item again");
    answer(delivery, AOD_ECLOSED, &err);
    aod__delivery_end(delivery);
    return;
  }
  delivery->step = step;
  delivery->task.run = run_step;
  aod_pool_post(delivery->mu->pool, &delivery->task);
}

void aod__delivery_start(aod_delivery_t *delivery) {
  aod_outbox_kind_t kind = delivery->entry.kind;
  aod__delivery_run(delivery, kind == AOD_OUTBOX_CRANK    ? crank
                              : kind == AOD_OUTBOX_RESULT ? follow_stored
                                                          : deliver);
}

bool aod__is_nobody(const uint8_t id[32]) {
  static const uint8_t nobody[32];
  return memcmp(id, nobody, 32) == 0;
}

/* ---- giving back ---- */

static void given_back(aod_outbox_return_t *returned, int code, const aod_error_t *err) {
  aod_delivery_t *delivery =
      (aod_delivery_t *)((char *)returned - offsetof(aod_delivery_t, returned));
  aod_mu_t *mu = delivery->mu;
  bool gone = code == AOD_ENOTFOUND; /* somebody took it out of the store */
  if (code != AOD_OK && !gone && aod__queue_strand(delivery, err)) return;
  bool waits = code == AOD_OK && !delivery->entry.parked;
  int64_t due_ms = delivery->entry.due_ms;
  uint8_t lane[32];
  memcpy(lane, delivery->entry.lane, 32);
  aod__delivery_end(delivery);
  if (waits) aod__queue_notice(mu, lane, due_ms);
}

static void give_back(aod_delivery_t *delivery) {
  delivery->returned = (aod_outbox_return_t){.entry = &delivery->entry, .done = given_back};
  aod_outbox_give_back(delivery->mu->outbox, &delivery->returned);
}

void aod__delivery_leave_again(aod_delivery_t *delivery) {
  if (delivery->refused)
    store_children(delivery);
  else
    give_back(delivery);
}

static bool is_passing(int code) {
  return code == AOD_EUNAVAILABLE || code == AOD_EIO || code == AOD_EDISK || code == AOD_ENOMEM ||
         code == AOD_ECLOSED || code == AOD_EINTERNAL || code == AOD_ECOMPILE;
}

/* What a scheduler has acknowledged is a moment later on Arweave, where the scheduler of another
 * process looks for what it is to assign. A minute later it is not there. */
static bool is_late(const aod_outbox_entry_t *entry, int code) {
  return code == AOD_ENOTFOUND && entry->kind == AOD_OUTBOX_ASSIGN &&
         entry->attempts < LATE_ATTEMPTS;
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
  aod_mu_metrics_t *metrics = &delivery->mu->metrics;
  bool passing = is_passing(code) || is_late(entry, code);
  entry->attempts++;
  entry->parked = !passing;
  entry->due_ms = passing ? aod_clock_wall_ms() + retry_delay_ms(entry->attempts) : AOD_OUTBOX_NOW;
  entry->reason = aod_arena_copy(&delivery->arena, aod_text(err->message));
  atomic_fetch_add(passing ? &metrics->retried : &metrics->parked, 1);
  aod_log(AOD_LOG_WARN, "mu", "outbox entry %lld %s: %s", (long long)entry->seq,
          passing ? "will be tried again" : "stays undelivered", err->message);
  give_back(delivery);
}

/* ---- storing what follows ---- */

/* A child is stored (its seq is set), was left out (seq 0), or could not be stored. */
static void settle_child(aod_delivery_t *child, bool stored) {
  aod_mu_t *mu = child->mu;
  bool waits = stored && child->entry.seq && child->entry.kind != AOD_OUTBOX_INVALID;
  if (waits && child->lane) {
    aod__delivery_start(child);
    return;
  }
  uint8_t lane[32];
  memcpy(lane, child->entry.lane, 32);
  aod__delivery_end(child);
  if (waits) aod__queue_notice(mu, lane, AOD_OUTBOX_NOW);
}

/* A refused entry that cannot be removed is removed later: to try it again would deliver what the
 * client was told is not taken. */
static bool is_removed_later(aod_delivery_t *delivery, const aod_error_t *err) {
  return delivery->refused && aod__queue_strand(delivery, err);
}

static void children_stored(aod_outbox_change_t *change, int code, const aod_error_t *err) {
  aod_delivery_t *delivery = (aod_delivery_t *)((char *)change - offsetof(aod_delivery_t, change));
  for (size_t i = 0; i < change->add.count; i++) {
    aod_delivery_t *child = delivery->children[i];
    child->entry.seq = change->add.list[i].seq;
    settle_child(child, code == AOD_OK);
  }
  *change = (aod_outbox_change_t){0};          /* the children are gone or on their own */
  if (code == AOD_OK || code == AOD_ENOTFOUND) /* not found: somebody has done it already */
    aod__delivery_end(delivery);
  else if (!is_removed_later(delivery, err))
    fail(delivery, code, err);
}

/* Replace the entry by its children. Those that find a place go on at once, the others wait in the
 * store for their turn. */
static void store_children(aod_delivery_t *delivery) {
  aod_outbox_change_t *change = &delivery->change;
  for (size_t i = 0; i < change->add.count; i++) {
    aod_delivery_t *child = delivery->children[i];
    bool goes_on = child->entry.kind != AOD_OUTBOX_INVALID && aod__queue_enter(child, false);
    child->entry.due_ms = goes_on ? AOD_OUTBOX_HELD : AOD_OUTBOX_NOW;
    change->add.list[i] = child->entry;
  }
  change->remove = delivery->entry.seq;
  change->done = children_stored;
  aod_outbox_submit(delivery->mu->outbox, change);
}

/* Go on making children, a few a turn; then store them. */
static void follow_more(aod_delivery_t *delivery) {
  if (aod__follow_more(delivery))
    aod__delivery_run(delivery, follow_more);
  else
    store_children(delivery);
}

static const uint8_t *cranked_id(const aod_delivery_t *delivery) {
  return delivery->entry.kind == AOD_OUTBOX_CRANK ? delivery->entry.id : delivery->post.id;
}

static void follow(aod_delivery_t *delivery) {
  aod_error_t err;
  int code = aod__follow_result(delivery, cranked_id(delivery), aod_buf_slice(&delivery->call.body),
                                -1, &err);
  aod_buf_free(&delivery->call.body);
  if (code == AOD_OK)
    follow_more(delivery);
  else
    fail(delivery, code, &err);
}

/* The result is the entry's own. */
static void follow_stored(aod_delivery_t *delivery) {
  aod_buf_append(&delivery->call.body, delivery->entry.text);
  follow(delivery);
}

static void follow_spawn(aod_delivery_t *delivery) {
  aod_error_t err;
  int code = aod__follow_spawn(delivery, &err);
  if (code == AOD_OK)
    follow_more(delivery);
  else
    fail(delivery, code, &err);
}

/* ---- cranking ---- */

static void result_known(aod_result_call_t *call, int code, const aod_error_t *err) {
  aod_delivery_t *delivery = (aod_delivery_t *)((char *)call - offsetof(aod_delivery_t, call));
  if (code == AOD_OK) {
    atomic_fetch_add(&delivery->mu->metrics.cranked, 1);
    aod__delivery_run(delivery, follow);
  } else {
    /* The scheduler has it, so a compute unit that does not know it will. */
    fail(delivery, code == AOD_ENOTFOUND ? AOD_EUNAVAILABLE : code, err);
  }
}

static void crank(aod_delivery_t *delivery) {
  const aod_computer_t *computer = delivery->mu->computer;
  aod_buf_clear(&delivery->call.body);
  delivery->call.done = result_known;
  memcpy(delivery->call.process, delivery->entry.process, 32);
  memcpy(delivery->call.message, cranked_id(delivery), 32);
  computer->result(computer->context, &delivery->call);
}

/* The entry is scheduled; what is left is work of the process that it concerns. When that has no
 * place, the entry waits among its others, without the item. */
static void go_on_to_crank(aod_delivery_t *delivery) {
  aod_outbox_entry_t *entry = &delivery->entry;
  if (aod__queue_move(delivery, entry->process)) {
    aod__delivery_run(delivery, crank);
    return;
  }
  entry->has_origin = aod__chain_origin(entry, entry->origin);
  if (entry->kind == AOD_OUTBOX_ASSIGN) entry->text = AOD_EMPTY; /* said what to exclude */
  entry->kind = AOD_OUTBOX_CRANK;
  memcpy(entry->id, delivery->post.id, 32);
  memcpy(entry->lane, entry->process, 32);
  entry->due_ms = AOD_OUTBOX_NOW;
  atomic_fetch_add(&delivery->mu->metrics.spilled, 1);
  give_back(delivery);
}

/* ---- delivering ---- */

/* A wallet is no process: what is sent to it is kept on Arweave, and that is the end of it. */
static void upload(aod_delivery_t *delivery) {
  const aod_gateway_t *gateway = delivery->mu->gateway;
  aod_error_t err;
  int code = gateway->upload(gateway->context, &delivery->entry.raw, 1, &err);
  if (code != AOD_OK) {
    fail(delivery, code, &err);
    return;
  }
  atomic_fetch_add(&delivery->mu->metrics.uploaded, 1);
  aod__follow_upload(delivery);
  follow_more(delivery);
}

/* The scheduler refused what a client waits for: the entry goes, the client hears why. */
static void refuse(aod_delivery_t *delivery, int code, const aod_error_t *err) {
  atomic_fetch_add(&delivery->mu->metrics.refused, 1);
  answer(delivery, code, err);
  delivery->refused = true;
  store_children(delivery);
}

/* The scheduler may have taken it. The client hears that, and the entry stays: it will be posted
 * once more, and followed. When the client sends it again meanwhile, it hears that it is on its
 * way. */
static void keep(aod_delivery_t *delivery, int code, const aod_error_t *err) {
  answer(delivery, code, err);
  fail(delivery, code, err);
}

/* The scheduler has the same message in another item, or the same assignment, which is or was
 * somebody's delivery of its own: nothing follows from this one. An assignment that was tried
 * before may be our own. */
static bool is_said_already(const aod_delivery_t *delivery) {
  const aod_outbox_entry_t *entry = &delivery->entry;
  if (entry->kind == AOD_OUTBOX_ASSIGN) return entry->attempts == 0;
  return memcmp(delivery->post.id, entry->id, 32) != 0;
}

static void scheduled(aod_delivery_t *delivery) {
  bool accepted = delivery->answer != NULL;
  atomic_fetch_add(accepted ? &delivery->mu->metrics.accepted : &delivery->mu->metrics.pushed, 1);
  if (accepted) aod__trace_accepted(delivery);
  answer(delivery, AOD_OK, NULL);
  if (delivery->entry.kind == AOD_OUTBOX_SPAWN)
    aod__delivery_run(delivery, follow_spawn);
  else
    go_on_to_crank(delivery);
}

static void posted(aod_post_t *post, int code, const aod_error_t *err) {
  aod_delivery_t *delivery = (aod_delivery_t *)((char *)post - offsetof(aod_delivery_t, post));
  const aod_outbox_entry_t *entry = &delivery->entry;
  bool exists = code == AOD_EEXISTS && !delivery->answer;
  bool to_wallet = code == AOD_ENOTFOUND && entry->kind == AOD_OUTBOX_ITEM;
  if (exists && is_said_already(delivery))
    store_children(delivery);
  else if (code == AOD_OK || exists)
    scheduled(delivery);
  else if (delivery->answer && post->unknown)
    keep(delivery, code, err);
  else if (delivery->answer)
    refuse(delivery, code, err);
  else if (to_wallet && !aod__is_nobody(entry->parent))
    aod__delivery_run(delivery, upload);
  else
    fail(delivery, code, err);
}

static void deliver(aod_delivery_t *delivery) {
  const aod_scheduler_t *scheduler = delivery->mu->scheduler;
  const aod_outbox_entry_t *entry = &delivery->entry;
  delivery->post = (aod_post_t){.raw = entry->raw, .done = posted};
  if (entry->kind == AOD_OUTBOX_ASSIGN) {
    memcpy(delivery->post.process, entry->process, 32);
    memcpy(delivery->post.assign, entry->id, 32);
    delivery->post.exclude = entry->text;
    delivery->post.base_layer = entry->base_layer;
  }
  scheduler->post(scheduler->context, &delivery->post);
}

/* ---- accepting ---- */

static void accepted(aod_outbox_change_t *change, int code, const aod_error_t *err) {
  aod_delivery_t *delivery = (aod_delivery_t *)((char *)change - offsetof(aod_delivery_t, change));
  if (code == AOD_OK) {
    delivery->entry.seq = change->add.list[0].seq;
    delivery->change = (aod_outbox_change_t){0};
    aod__delivery_run(delivery, deliver);
    return;
  }
  aod_error_t known;
  if (code == AOD_EEXISTS)
    aod_fail(&known, code, "the messenger has this item already and carries it on");
  answer(delivery, code, code == AOD_EEXISTS ? &known : err);
  aod__delivery_end(delivery);
}

void aod__delivery_accept(aod_delivery_t *delivery) {
  aod_outbox_change_t *change = &delivery->change;
  memcpy(delivery->entry.lane, delivery->entry.process, 32);
  delivery->entry.due_ms = AOD_OUTBOX_HELD;
  aod__queue_enter(delivery, true);
  change->add.list = aod_arena_alloc(&delivery->arena, sizeof delivery->entry);
  change->add.list[0] = delivery->entry;
  change->add.count = 1;
  change->done = accepted;
  aod_outbox_submit(delivery->mu->outbox, change);
}
