#include "node/locate.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "arweave/base64url.h"
#include "base/clock.h"
#include "base/idmap.h"
#include "base/latch.h"
#include "node/remote.h"

enum { PLACES_MAX = 20000, URL_CHARS_MAX = 1000 };
enum { TTL_FIRST_MS = 1000, TTL_LAST_MS = 86400000, NOBODY_MS = 60000, DOUBT_MS = 1000 };
/* How long to wait for a gateway to index a process: 0.2, 0.4 and 0.8 s; and how many may wait, so
 * that those who ask for what does not exist do not hold up the others. */
enum { LOOKS = 4, PAUSE_FIRST_MS = 200, WAITERS_MAX = 2 };

/* What is known of a process, or of a wallet. */
typedef struct place place_t;
struct place {
  uint8_t id[32];
  char *url; /* NULL: not known yet */
  int64_t until_us;
  uint8_t wallet[32]; /* of a process */
  bool has_wallet;
  int64_t nobody_until_us; /* no gateway knew it; apart, since a wallet may be asked for as one */
  place_t *newer, *older;  /* by last use */
};

struct aod_locator {
  aod_client_t *client;
  const aod_gateway_t *gateway;
  pthread_mutex_t lock; /* guards what follows; never held while somebody is asked */
  aod_idmap_t places;   /* of processes and wallets; ids of both are hashes */
  place_t *newest, *oldest;
  int waiters;
};

/* ---- what is known; all with the lock held ---- */

static void unlink_place(aod_locator_t *locator, place_t *place) {
  *(place->newer ? &place->newer->older : &locator->newest) = place->older;
  *(place->older ? &place->older->newer : &locator->oldest) = place->newer;
}

static void link_newest(aod_locator_t *locator, place_t *place) {
  place->newer = NULL;
  place->older = locator->newest;
  *(place->older ? &place->older->newer : &locator->oldest) = place;
  locator->newest = place;
}

static void forget(aod_locator_t *locator, place_t *place) {
  unlink_place(locator, place);
  aod_idmap_remove(&locator->places, place->id);
  free(place->url);
  free(place);
}

static place_t *get_place(aod_locator_t *locator, const uint8_t id[32]) {
  place_t *place = aod_idmap_get(&locator->places, id);
  if (!place) return NULL;
  unlink_place(locator, place);
  link_newest(locator, place);
  return place;
}

static place_t *make_place(aod_locator_t *locator, const uint8_t id[32]) {
  place_t *place = get_place(locator, id);
  if (place) return place;
  if (locator->places.count >= PLACES_MAX) forget(locator, locator->oldest);
  place = aod_alloc(sizeof *place);
  memcpy(place->id, id, 32);
  aod_idmap_put(&locator->places, id, place);
  link_newest(locator, place);
  return place;
}

/* ---- what is known, from outside ---- */

typedef struct {
  const char *url;
  int64_t until_us;
  bool fresh, nobody, has_wallet;
  uint8_t wallet[32];
} knowledge_t;

static knowledge_t recall(aod_locator_t *locator, const uint8_t id[32], aod_arena_t *arena) {
  knowledge_t known = {0};
  pthread_mutex_lock(&locator->lock);
  const place_t *place = get_place(locator, id);
  if (place) {
    int64_t now_us = aod_clock_monotonic_us();
    known = (knowledge_t){.until_us = place->until_us,
                          .fresh = place->until_us > now_us,
                          .nobody = place->nobody_until_us > now_us,
                          .has_wallet = place->has_wallet};
    memcpy(known.wallet, place->wallet, 32);
    if (place->url) known.url = aod_arena_printf(arena, "%s", place->url);
  }
  pthread_mutex_unlock(&locator->lock);
  return known;
}

static void remember_wallet_of(aod_locator_t *locator, const uint8_t process[32],
                               const uint8_t wallet[32]) {
  pthread_mutex_lock(&locator->lock);
  place_t *place = make_place(locator, process);
  place->has_wallet = true;
  memcpy(place->wallet, wallet, 32);
  pthread_mutex_unlock(&locator->lock);
}

static void remember_url(aod_locator_t *locator, const uint8_t id[32], const char *url,
                         int64_t until_us) {
  pthread_mutex_lock(&locator->lock);
  place_t *place = make_place(locator, id);
  free(place->url);
  place->url = aod_strdup(url);
  place->until_us = until_us;
  pthread_mutex_unlock(&locator->lock);
}

static void remember_nobody(aod_locator_t *locator, const uint8_t process[32]) {
  pthread_mutex_lock(&locator->lock);
  place_t *place = make_place(locator, process);
  place->nobody_until_us = aod_clock_monotonic_us() + NOBODY_MS * INT64_C(1000);
  pthread_mutex_unlock(&locator->lock);
}

bool aod_locate_known(aod_locator_t *locator, const uint8_t process[32], aod_arena_t *arena,
                      const char **url) {
  knowledge_t known = recall(locator, process, arena);
  *url = known.url;
  return known.fresh && known.url;
}

void aod_locate_learn(aod_locator_t *locator, const uint8_t process[32], aod_slice_t wallet) {
  uint8_t id[32];
  if (aod_id_decode(wallet, id)) remember_wallet_of(locator, process, id);
}

/* Not the wallet of the process: that stands in the signed item and does not change. */
void aod_locate_doubt(aod_locator_t *locator, const uint8_t process[32]) {
  pthread_mutex_lock(&locator->lock);
  place_t *place = get_place(locator, process);
  if (place && place->has_wallet) {
    place_t *wallet = aod_idmap_get(&locator->places, place->wallet);
    place->until_us = 0;
    if (wallet) wallet->until_us = 0;
  }
  pthread_mutex_unlock(&locator->lock);
}

/* ---- Scheduler-Location ---- */

static aod_slice_t find_any_case(const aod_tags_t *tags, const char *name) {
  size_t len = strlen(name);
  for (size_t i = 0; i < tags->count; i++) {
    const aod_tag_t *tag = &tags->list[i];
    if (tag->name.len == len && strncasecmp((const char *)tag->name.ptr, name, len) == 0)
      return tag->value;
  }
  return AOD_EMPTY;
}

static int read_location(const aod_item_t *item, aod_arena_t *arena, const char **url,
                         int64_t *ttl_ms, aod_error_t *err) {
  aod_slice_t text = find_any_case(&item->tags, "Url");
  aod_slice_t ttl = find_any_case(&item->tags, "Time-To-Live");
  uint64_t number;
  while (text.len && text.ptr[text.len - 1] == '/') text.len--;
  if (text.len == 0 || text.len > URL_CHARS_MAX || memchr(text.ptr, 0, text.len) ||
      !aod_slice_to_u64(ttl, &number))
    return aod_fail(err, AOD_EINPUT,
                    "the newest Scheduler-Location has no usable Url and Time-To-Live");
  *url = aod_arena_printf(arena, "%.*s", AOD_ARG(text));
  *ttl_ms = number > TTL_LAST_MS ? TTL_LAST_MS : (int64_t)number;
  if (*ttl_ms < TTL_FIRST_MS) *ttl_ms = TTL_FIRST_MS;
  return AOD_OK;
}

/* The item itself, which whoever may have found it for us cannot have made. */
static int fetch_location(aod_locator_t *locator, const uint8_t wallet[32], aod_slice_t address,
                          aod_arena_t *arena, aod_item_t *item, aod_error_t *err) {
  aod_tag_t tags[] = {{AOD_TEXT("Data-Protocol"), AOD_TEXT("ao")},
                      {AOD_TEXT("Type"), AOD_TEXT("Scheduler-Location")}};
  const aod_gateway_t *gateway = locator->gateway;
  aod_gateway_query_t query = {.owners = &address,
                               .owner_count = 1,
                               .tags = {tags, sizeof tags / sizeof *tags},
                               .max_block = UINT64_MAX,
                               .limit = 1};
  aod_found_list_t found;
  int code = gateway->query(gateway->context, &query, arena, &found, err);
  if (code == AOD_OK && found.count == 0)
    code = aod_fail(err, AOD_ENOTFOUND, "Could not find 'Scheduler-Location' owner by wallet %.*s",
                    AOD_ARG(address));
  if (code == AOD_OK) code = gateway->find(gateway->context, found.list[0].id, arena, item, err);
  if (code != AOD_OK) return code;
  aod_slice_t type = AOD_EMPTY;
  aod_tags_find(&item->tags, "Type", &type);
  if (memcmp(item->address, wallet, 32) == 0 && aod_slice_is(type, "Scheduler-Location"))
    return AOD_OK;
  return aod_fail(err, AOD_EUNAVAILABLE, "the gateway shows a Scheduler-Location of somebody else");
}

static int locate_wallet(aod_locator_t *locator, const uint8_t wallet[32], aod_arena_t *arena,
                         const char **url, int64_t *until_us, aod_error_t *err) {
  knowledge_t known = recall(locator, wallet, arena);
  char address[AOD_ID_CHARS + 1];
  aod_id_encode(wallet, address);
  aod_item_t item;
  int64_t ttl_ms = DOUBT_MS;
  *url = known.url;
  *until_us = known.until_us;
  if (known.fresh) return AOD_OK;
  int code = fetch_location(locator, wallet, aod_text(address), arena, &item, err);
  if (code == AOD_OK) code = read_location(&item, arena, url, &ttl_ms, err);
  if (code != AOD_OK && !known.url) return aod_error_prefix(err, "scheduler %s", address);
  /* Where nothing newer can be had, what was true goes on, and is looked after again soon. */
  *until_us = aod_clock_monotonic_us() + ttl_ms * 1000;
  remember_url(locator, wallet, *url, *until_us);
  return AOD_OK;
}

int aod_locate_wallet(aod_locator_t *locator, aod_slice_t wallet, aod_arena_t *arena,
                      const char **url, aod_error_t *err) {
  uint8_t id[32];
  int64_t until_us;
  if (!aod_id_decode(wallet, id))
    return aod_fail(err, AOD_EINPUT, "the Scheduler tag \"%.*s\" is not a wallet's address",
                    AOD_ARG(aod_slice_sub(wallet, 0, 100)));
  return locate_wallet(locator, id, arena, url, &until_us, err);
}

/* ---- processes ---- */

static int wallet_of_item(const aod_item_t *item, const char *process, uint8_t wallet[32],
                          aod_error_t *err) {
  aod_slice_t value = AOD_EMPTY;
  aod_tags_find(&item->tags, "Scheduler", &value);
  if (aod_id_decode(value, wallet)) return AOD_OK;
  return aod_fail(err, AOD_EINPUT, "SchedulerTagNotFound: process %s names no scheduler", process);
}

static bool begin_waiting(aod_locator_t *locator) {
  pthread_mutex_lock(&locator->lock);
  bool may = locator->waiters < WAITERS_MAX;
  if (may) locator->waiters++;
  pthread_mutex_unlock(&locator->lock);
  return may;
}

/* False: too many wait already. */
static bool wait_a_little(aod_locator_t *locator, int look) {
  if (!begin_waiting(locator)) return false;
  int64_t ms = PAUSE_FIRST_MS << (look - 1);
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
  pthread_mutex_lock(&locator->lock);
  locator->waiters--;
  pthread_mutex_unlock(&locator->lock);
  return true;
}

/* A process may be so new that no gateway shows it yet; and what looks like one may be a wallet,
 * which none ever will. */
static int ask_wallet(aod_locator_t *locator, const uint8_t process[32], bool patient,
                      aod_arena_t *arena, uint8_t wallet[32], aod_error_t *err) {
  const aod_gateway_t *gateway = locator->gateway;
  char text[AOD_ID_CHARS + 1];
  aod_item_t item;
  aod_id_encode(process, text);
  int code = gateway->find(gateway->context, process, arena, &item, err);
  for (int look = 1; code == AOD_ENOTFOUND && patient && look < LOOKS; look++) {
    if (!wait_a_little(locator, look)) break;
    code = gateway->find(gateway->context, process, arena, &item, err);
  }
  if (code == AOD_ENOTFOUND) {
    remember_nobody(locator, process);
    return aod_fail(err, code, "TransactionNotFound: Process %s was not found on gateway", text);
  }
  if (code == AOD_OK) code = wallet_of_item(&item, text, wallet, err);
  if (code == AOD_OK) remember_wallet_of(locator, process, wallet);
  return code;
}

/* "https://host:port" of an absolute URL. */
static aod_slice_t origin_of(aod_slice_t url) {
  const uint8_t *host = url.len ? memmem(url.ptr, url.len, "://", 3) : NULL;
  size_t end = host ? (size_t)(host - url.ptr) + 3 : url.len;
  while (end < url.len && !strchr("/?#", url.ptr[end])) end++;
  return aod_slice_sub(url, 0, end);
}

static bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 307 || status == 308;
}

/* Where the scheduler itself sends those who ask for the process. */
static int read_router(aod_locating_t *locating, aod_error_t *err) {
  const aod_call_t *call = &locating->call;
  aod_slice_t origin = origin_of(aod_buf_slice(&locating->leads_to));
  locating->url = locating->base;
  if (call->code != AOD_OK)
    return aod_fail(err, AOD_EUNAVAILABLE, "the scheduler did not answer: %s", call->error.message);
  if (origin.len > URL_CHARS_MAX)
    return aod_fail(err, AOD_EUNAVAILABLE, "the scheduler sends to a URL that is too long");
  if (is_redirect(call->status) && origin.len)
    locating->url = aod_arena_printf(locating->arena, "%.*s", AOD_ARG(origin));
  return AOD_OK;
}

/* What was known goes on when nothing newer can be had. */
static void conclude(aod_locating_t *locating, int code, const aod_error_t *err) {
  if (code == AOD_OK)
    remember_url(locating->locator, locating->process, locating->url, locating->until_us);
  if (code == AOD_EUNAVAILABLE && locating->known) {
    locating->url = locating->known;
    code = AOD_OK;
  }
  locating->done(locating, code, err);
}

static void router_answered(aod_call_t *call) {
  aod_locating_t *locating = (aod_locating_t *)((char *)call - offsetof(aod_locating_t, call));
  aod_error_t err;
  int code = read_router(locating, &err);
  aod_buf_free(&call->answer);
  aod_buf_free(&locating->leads_to);
  conclude(locating, code, &err);
}

/* A router in front of schedulers names the one that has the process: only the origin counts. */
static void ask_router(aod_locating_t *locating) {
  char process[AOD_ID_CHARS + 1];
  aod_id_encode(locating->process, process);
  locating->leads_to = (aod_buf_t){0};
  locating->call = (aod_call_t){
      .url = aod_arena_printf(locating->arena, "%s/?process-id=%s", locating->base, process),
      .redirect = &locating->leads_to,
      .done = router_answered};
  aod_client_submit(locating->locator->client, &locating->call);
}

static int find_base(aod_locator_t *locator, const knowledge_t *known, aod_locating_t *locating,
                     aod_error_t *err) {
  uint8_t wallet[32];
  int code = AOD_OK;
  if (known->has_wallet)
    memcpy(wallet, known->wallet, 32);
  else
    code = ask_wallet(locator, locating->process, !known->nobody, locating->arena, wallet, err);
  if (code != AOD_OK) return code;
  return locate_wallet(locator, wallet, locating->arena, &locating->base, &locating->until_us, err);
}

void aod_locate_submit(aod_locator_t *locator, aod_locating_t *locating) {
  knowledge_t known = recall(locator, locating->process, locating->arena);
  aod_error_t err;
  locating->locator = locator;
  locating->url = locating->known = known.url;
  if (known.fresh && known.url) {
    locating->done(locating, AOD_OK, NULL);
    return;
  }
  int code = find_base(locator, &known, locating, &err);
  if (code == AOD_OK)
    ask_router(locating);
  else
    conclude(locating, code, &err);
}

/* ---- waiting for it ---- */

typedef struct {
  aod_locating_t locating; /* first */
  aod_latch_t latch;
} waiting_t;

static void waiting_done(aod_locating_t *locating, int code, const aod_error_t *err) {
  aod_latch_end(&((waiting_t *)locating)->latch, code, err);
}

int aod_locate(aod_locator_t *locator, const uint8_t process[32], aod_arena_t *arena,
               const char **url, aod_error_t *err) {
  waiting_t waiting = {.locating = {.arena = arena, .done = waiting_done}, .latch = AOD_LATCH(1)};
  memcpy(waiting.locating.process, process, 32);
  aod_locate_submit(locator, &waiting.locating);
  int code = aod_latch_wait(&waiting.latch, err);
  *url = waiting.locating.url;
  return code;
}

/* ---- life ---- */

aod_locator_t *aod_locator_open(aod_client_t *client, const aod_gateway_t *gateway) {
  aod_locator_t *locator = aod_alloc(sizeof *locator);
  locator->client = client;
  locator->gateway = gateway;
  pthread_mutex_init(&locator->lock, NULL);
  return locator;
}

void aod_locator_close(aod_locator_t *locator) {
  if (!locator) return;
  while (locator->oldest) forget(locator, locator->oldest);
  aod_idmap_free(&locator->places);
  pthread_mutex_destroy(&locator->lock);
  free(locator);
}
