/* The fair queue: a few of the outbox's entries are in memory, the others wait in the store.
 *
 * Each entry belongs to a lane, the work of one process: what it emitted, until that is scheduled,
 * and what it has to evaluate, from then on. A lane has a limited number of places, and so have all
 * lanes together. Whoever finds a place free goes on at once. Otherwise the entry waits in the
 * store, its lane joins a ring, and the feeder serves the ring's lanes in turn: each gets credit
 * for some entries and bytes a turn (deficit round robin; a lane may overdraw and then sits out
 * turns). So a process that floods, or two that answer each other for ever, cost the others a turn,
 * and memory grows with the number of lanes that have work, never with their work.
 *
 * Invariants, which are what makes it safe that entries come into memory in two ways:
 * - An entry whose delivery goes on without having waited is marked as held in the store, so the
 *   feeder does not find it. What the feeder took is not marked; it keeps a list of those, copied
 *   before it reads.
 * - A delivery leaves its place only after the store has removed or changed its entry.
 * Should both fail, the store still refuses to remove an entry twice. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "base/log.h"
#include "mu/internal.h"

enum {
  LANE_PLACES = 64,
  PLACES = 1024,
  BYTES_MAX = 64 << 20,
  BATCH = 32,
  ENTRY_CREDIT = 4096, /* what an entry costs besides its bytes */
  TURN_CREDIT = 16 * ENTRY_CREDIT,
  LOOK_MS = 1000 /* how often to look for what others changed in the store */
};

struct aod_mu_lane {
  uint8_t id[32];
  size_t held;
  bool waits; /* the store may have entries of it that are due and not in memory */
  int64_t credit;
  aod_mu_lane_t *next, *previous; /* in the ring: it waits and has places; else NULL */
};

struct aod_mu_queue {
  aod_mu_t *mu;
  pthread_t feeder;
  pthread_mutex_t lock;
  pthread_cond_t wake;    /* for the feeder: ring, places, next_look_ms or stopping changed */
  pthread_cond_t changed; /* held or ring changed */
  aod_idmap_t lanes;      /* those that hold or wait */
  aod_mu_lane_t *turn;    /* the ring: who is next */
  size_t held, bytes;
  int64_t looked_ms, next_look_ms;
  aod_delivery_t *stranded;
  bool stopping;
  int64_t loaded[PLACES]; /* seqs of what the feeder took */
  size_t loaded_count;
};

/* ---- lanes; all with the lock held ---- */

static aod_mu_lane_t *lane_of(aod_mu_queue_t *queue, const uint8_t id[32]) {
  aod_mu_lane_t *lane = aod_idmap_get(&queue->lanes, id);
  if (lane) return lane;
  lane = aod_alloc(sizeof *lane);
  memcpy(lane->id, id, 32);
  aod_idmap_put(&queue->lanes, id, lane);
  return lane;
}

static void join_ring(aod_mu_queue_t *queue, aod_mu_lane_t *lane) {
  if (!queue->turn) queue->turn = lane->next = lane->previous = lane;
  lane->next = queue->turn;
  lane->previous = queue->turn->previous;
  lane->previous->next = lane->next->previous = lane;
}

static void quit_ring(aod_mu_queue_t *queue, aod_mu_lane_t *lane) {
  if (queue->turn == lane) queue->turn = lane->next == lane ? NULL : lane->next;
  lane->previous->next = lane->next;
  lane->next->previous = lane->previous;
  lane->next = lane->previous = NULL;
  if (lane->credit > 0) lane->credit = 0; /* credit is for turns, not for saving; debts stay */
}

/* Put a lane where it belongs after a change: into the ring, out of it, or away. */
static void place_lane(aod_mu_queue_t *queue, aod_mu_lane_t *lane) {
  bool belongs = lane->waits && lane->held < LANE_PLACES;
  if (belongs && !lane->next) join_ring(queue, lane);
  if (!belongs && lane->next) quit_ring(queue, lane);
  if (!lane->waits && lane->held == 0) {
    aod_idmap_remove(&queue->lanes, lane->id);
    free(lane);
  }
  pthread_cond_signal(&queue->wake);
  pthread_cond_broadcast(&queue->changed);
}

static bool has_room(const aod_mu_queue_t *queue) {
  return queue->held < PLACES && queue->bytes < BYTES_MAX;
}

/* ---- places ---- */

/* With the lock held. */
static void hold(aod_mu_queue_t *queue, aod_mu_lane_t *lane, aod_delivery_t *delivery) {
  delivery->lane = lane;
  delivery->bytes = delivery->entry.raw.len + delivery->entry.text.len;
  lane->held++;
  queue->held++;
  queue->bytes += delivery->bytes;
  atomic_store(&queue->mu->metrics.held, queue->held);
  place_lane(queue, lane);
}

bool aod__queue_enter(aod_delivery_t *delivery, bool must) {
  aod_mu_queue_t *queue = delivery->mu->queue;
  pthread_mutex_lock(&queue->lock);
  aod_mu_lane_t *lane = aod_idmap_get(&queue->lanes, delivery->entry.lane);
  bool lane_has_place = !lane || (!lane->waits && lane->held < LANE_PLACES);
  bool enters = must || (lane_has_place && has_room(queue) && !queue->turn);
  if (enters) hold(queue, lane_of(queue, delivery->entry.lane), delivery);
  pthread_mutex_unlock(&queue->lock);
  return enters;
}

bool aod__queue_move(aod_delivery_t *delivery, const uint8_t id[32]) {
  aod_mu_queue_t *queue = delivery->mu->queue;
  pthread_mutex_lock(&queue->lock);
  aod_mu_lane_t *from = delivery->lane, *to = lane_of(queue, id);
  bool moves = from == to ? to->held <= LANE_PLACES : to->held < LANE_PLACES && !to->waits;
  if (moves && from != to) {
    delivery->lane = to;
    from->held--;
    to->held++;
    place_lane(queue, from);
  }
  place_lane(queue, to);
  pthread_mutex_unlock(&queue->lock);
  return moves;
}

static void forget_loaded(aod_mu_queue_t *queue, int64_t seq) {
  size_t i = 0;
  while (queue->loaded[i] != seq) i++;
  queue->loaded[i] = queue->loaded[--queue->loaded_count];
}

void aod__queue_leave(aod_delivery_t *delivery) {
  aod_mu_queue_t *queue = delivery->mu->queue;
  pthread_mutex_lock(&queue->lock);
  aod_mu_lane_t *lane = delivery->lane;
  if (delivery->loaded) forget_loaded(queue, delivery->entry.seq);
  delivery->lane = NULL;
  lane->held--;
  queue->held--;
  queue->bytes -= delivery->bytes;
  atomic_store(&queue->mu->metrics.held, queue->held);
  place_lane(queue, lane);
  pthread_mutex_unlock(&queue->lock);
}

void aod__queue_notice(aod_mu_t *mu, const uint8_t id[32], int64_t due_ms) {
  aod_mu_queue_t *queue = mu->queue;
  pthread_mutex_lock(&queue->lock);
  if (due_ms == AOD_OUTBOX_NOW) {
    aod_mu_lane_t *lane = lane_of(queue, id);
    lane->waits = true;
    place_lane(queue, lane);
  } else if (due_ms < queue->next_look_ms) {
    queue->next_look_ms = due_ms;
    pthread_cond_signal(&queue->wake);
  }
  pthread_mutex_unlock(&queue->lock);
}

bool aod__queue_strand(aod_delivery_t *delivery, const aod_error_t *why) {
  aod_mu_queue_t *queue = delivery->mu->queue;
  if (!delivery->stranded) aod_log(AOD_LOG_ERROR, "mu", "outbox: %s", why->message);
  delivery->stranded = true;
  pthread_mutex_lock(&queue->lock);
  bool stopping = queue->stopping;
  if (!stopping) {
    delivery->next = queue->stranded;
    queue->stranded = delivery;
  }
  pthread_mutex_unlock(&queue->lock);
  return !stopping;
}

/* ---- the feeder ---- */

static void mark_waiting(void *context, const uint8_t id[32]) {
  aod_mu_queue_t *queue = context;
  pthread_mutex_lock(&queue->lock);
  aod_mu_lane_t *lane = lane_of(queue, id);
  lane->waits = true;
  place_lane(queue, lane);
  pthread_mutex_unlock(&queue->lock);
}

/* Find the lanes whose time has come since the last look. Called with the lock held, which is let
 * go of meanwhile. What other programs wrote bears the system's time, which may be behind ours. */
static void look(aod_mu_queue_t *queue, int64_t now_ms) {
  aod_outbox_t *outbox = queue->mu->outbox;
  int64_t system_ms = aod_clock_system_ms(), after_ms = queue->looked_ms, due_ms;
  if (after_ms > system_ms - 2 * LOOK_MS) after_ms = system_ms - 2 * LOOK_MS;
  queue->next_look_ms = now_ms + LOOK_MS;
  aod_delivery_t *stranded = queue->stranded, *next;
  queue->stranded = NULL;
  pthread_mutex_unlock(&queue->lock);
  aod_error_t err;
  int code = aod_outbox_due_lanes(outbox, after_ms, now_ms, mark_waiting, queue, &err);
  if (code == AOD_OK) code = aod_outbox_next_due(outbox, now_ms, &due_ms, &err);
  if (code != AOD_OK) aod_log(AOD_LOG_ERROR, "mu", "%s", err.message);
  for (; stranded; stranded = next) {
    next = stranded->next;
    aod__delivery_leave_again(stranded);
  }
  pthread_mutex_lock(&queue->lock);
  if (code != AOD_OK) return;
  queue->looked_ms = now_ms;
  if (due_ms < queue->next_look_ms) queue->next_look_ms = due_ms;
}

/* Whose turn it is, with what is left of its credit; NULL: nobody's, or there is no room. Lanes in
 * debt sit out and get their credit. Called with the lock held. */
static aod_mu_lane_t *next_lane(aod_mu_queue_t *queue) {
  if (!has_room(queue)) return NULL;
  while (queue->turn && queue->turn->credit <= 0) {
    queue->turn->credit += TURN_CREDIT;
    if (queue->turn->credit <= 0) queue->turn = queue->turn->next;
  }
  return queue->turn;
}

static size_t smallest(size_t a, size_t b, size_t c) {
  size_t least = a < b ? a : b;
  return least < c ? least : c;
}

static int compare_seqs(const void *a, const void *b) {
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return left < right ? -1 : left > right;
}

static aod_delivery_t *load_one(aod_mu_queue_t *queue, const aod_outbox_entry_t *entry) {
  aod_delivery_t *delivery = aod__delivery_new(queue->mu, entry->kind);
  delivery->entry = *entry;
  delivery->entry.raw = aod_arena_copy(&delivery->arena, entry->raw);
  delivery->entry.text = aod_arena_copy(&delivery->arena, entry->text);
  delivery->entry.reason = AOD_EMPTY;
  delivery->loaded = true;
  return delivery;
}

/* Give a lane its turn: take as much as it has credit and places for. Called with the lock held,
 * which is let go of meanwhile; `waits` is reset first, so that news that come meanwhile stay. */
static void serve(aod_mu_queue_t *queue, aod_mu_lane_t *lane, int64_t now_ms) {
  int64_t without[PLACES];
  size_t places = smallest(LANE_PLACES - lane->held, PLACES - queue->held, BATCH);
  aod_outbox_take_t take = {.now_ms = now_ms,
                            .without = without,
                            .without_count = queue->loaded_count,
                            .limit =
                                smallest(places, 1 + (size_t)lane->credit / ENTRY_CREDIT, BATCH),
                            .bytes_max = (size_t)lane->credit};
  memcpy(take.lane, lane->id, 32);
  memcpy(without, queue->loaded, queue->loaded_count * sizeof *without);
  lane->waits = false;
  lane->held++, queue->held++; /* so that the lane stays and nobody takes the queue for idle */
  place_lane(queue, lane);
  pthread_mutex_unlock(&queue->lock);

  qsort(without, take.without_count, sizeof *without, compare_seqs);
  aod_arena_t arena = {0};
  aod_outbox_entries_t entries = {0};
  aod_delivery_t *deliveries[BATCH];
  aod_error_t err;
  int code = aod_outbox_take(queue->mu->outbox, &take, &arena, &entries, &err);
  if (code != AOD_OK) aod_log(AOD_LOG_ERROR, "mu", "%s", err.message);
  if (code != AOD_OK) entries.count = 0;
  for (size_t i = 0; i < entries.count; i++) deliveries[i] = load_one(queue, &entries.list[i]);
  aod_arena_free(&arena);

  pthread_mutex_lock(&queue->lock);
  for (size_t i = 0; i < entries.count; i++) {
    queue->loaded[queue->loaded_count++] = deliveries[i]->entry.seq;
    hold(queue, lane, deliveries[i]);
    lane->credit -= (int64_t)(ENTRY_CREDIT + deliveries[i]->bytes);
  }
  atomic_fetch_add(&queue->mu->metrics.loaded, entries.count);
  /* Less than asked for means that there is no more, unless it was cut for its bytes. */
  bool cut = entries.count && lane->credit <= 0;
  if (entries.count == take.limit || cut) lane->waits = true;
  if (code != AOD_OK) queue->looked_ms = -1; /* find it again at the next look */
  lane->held--, queue->held--;
  if (queue->turn == lane) queue->turn = lane->next;
  place_lane(queue, lane);
  pthread_mutex_unlock(&queue->lock);
  for (size_t i = 0; i < entries.count; i++) aod__delivery_start(deliveries[i]);
  pthread_mutex_lock(&queue->lock);
}

/* With the lock held: until something changes or the time of the next look. */
static void wait_for_work(aod_mu_queue_t *queue, int64_t now_ms) {
  struct timespec until = aod_clock_monotonic_in(queue->next_look_ms - now_ms);
  pthread_cond_timedwait(&queue->wake, &queue->lock, &until);
}

static void *feed(void *argument) {
  aod_mu_queue_t *queue = argument;
  pthread_mutex_lock(&queue->lock);
  while (!queue->stopping) {
    int64_t now_ms = aod_clock_wall_ms();
    aod_mu_lane_t *lane;
    if (now_ms >= queue->next_look_ms)
      look(queue, now_ms);
    else if ((lane = next_lane(queue)))
      serve(queue, lane, now_ms);
    else
      wait_for_work(queue, now_ms);
  }
  pthread_mutex_unlock(&queue->lock);
  return NULL;
}

/* ---- life ---- */

int aod__queue_open(aod_mu_t *mu, aod_error_t *err) {
  size_t waiting, parked;
  int code = aod_outbox_resume(mu->outbox, &waiting, &parked, err);
  if (code != AOD_OK) return code;
  if (waiting)
    aod_log(AOD_LOG_INFO, "mu", "carrying on %zu outbox entries of the last run", waiting);
  if (parked)
    aod_log(AOD_LOG_WARN, "mu",
            "%zu undelivered entries are in the outbox; aod outbox ls lists them", parked);
  aod_mu_queue_t *queue = aod_alloc(sizeof *queue);
  queue->mu = mu;
  queue->looked_ms = -1;
  pthread_mutex_init(&queue->lock, NULL);
  aod_clock_cond_init(&queue->wake);
  aod_clock_cond_init(&queue->changed);
  mu->queue = queue;
  pthread_mutex_lock(&queue->lock);
  look(queue, aod_clock_wall_ms()); /* before anybody can ask whether there is work */
  pthread_mutex_unlock(&queue->lock);
  aod_assert(pthread_create(&queue->feeder, NULL, feed, queue) == 0);
  pthread_setname_np(queue->feeder, "mu-feed");
  return AOD_OK;
}

bool aod__queue_stopping(aod_mu_t *mu) {
  pthread_mutex_lock(&mu->queue->lock);
  bool stopping = mu->queue->stopping;
  pthread_mutex_unlock(&mu->queue->lock);
  return stopping;
}

void aod__queue_drain(aod_mu_t *mu, int64_t grace_ms) {
  aod_mu_queue_t *queue = mu->queue;
  struct timespec until = aod_clock_monotonic_in(grace_ms);
  pthread_mutex_lock(&queue->lock);
  while (queue->held || queue->turn)
    if (pthread_cond_timedwait(&queue->changed, &queue->lock, &until) == ETIMEDOUT) break;
  pthread_mutex_unlock(&queue->lock);
}

static void free_stranded(aod_mu_queue_t *queue) {
  pthread_mutex_lock(&queue->lock);
  aod_delivery_t *stranded = queue->stranded, *next;
  queue->stranded = NULL;
  pthread_mutex_unlock(&queue->lock);
  for (; stranded; stranded = next) {
    next = stranded->next;
    aod__queue_leave(stranded);
    aod__delivery_free(stranded);
  }
}

void aod__queue_stop(aod_mu_t *mu) {
  aod_mu_queue_t *queue = mu->queue;
  pthread_mutex_lock(&queue->lock);
  queue->stopping = true;
  pthread_cond_signal(&queue->wake);
  pthread_mutex_unlock(&queue->lock);
  pthread_join(queue->feeder, NULL);
  free_stranded(queue);
  pthread_mutex_lock(&queue->lock);
  while (queue->held) pthread_cond_wait(&queue->changed, &queue->lock);
  pthread_mutex_unlock(&queue->lock);
}

static void free_lane(void *lane, void *context) {
  (void)context;
  free(lane);
}

void aod__queue_close(aod_mu_t *mu) {
  aod_mu_queue_t *queue = mu->queue;
  if (!queue) return;
  aod_idmap_each(&queue->lanes, free_lane, NULL);
  aod_idmap_free(&queue->lanes);
  pthread_cond_destroy(&queue->changed);
  pthread_cond_destroy(&queue->wake);
  pthread_mutex_destroy(&queue->lock);
  free(queue);
}
