#include "su/router.h"

#include <pthread.h>
#include <stdlib.h>

#include "ao/address.h"
#include "arweave/base64url.h"
#include "base/json.h"
#include "store/placement.h"

enum { ITEM_BYTES_MAX = 10485760 };

typedef struct {
  aod_slice_t url;     /* without slashes at its end */
  aod_slice_t wallets; /* addresses, separated by commas */
  bool takes_any;      /* processes of wallets that nobody names */
  uint64_t processes;  /* guarded by the router's lock */
} scheduler_t;

struct aod_su_router {
  aod_placement_t *placement;
  aod_arena_t arena;
  scheduler_t *schedulers;
  size_t count;
  pthread_mutex_t lock; /* so that counting and placing are one step */
};

/* ---- the list ---- */

static int read_scheduler(aod_su_router_t *router, const json_t *row, aod_error_t *err) {
  scheduler_t *scheduler = &router->schedulers[router->count];
  aod_slice_t url = aod_json_get_string(row, "url");
  while (aod_slice_ends(url, "/")) url.len--;
  if (!aod_slice_starts(url, "http://") && !aod_slice_starts(url, "https://"))
    return aod_fail(err, AOD_EINPUT, "list of schedulers: row %zu has no http URL", router->count);
  scheduler->url = aod_arena_copy(&router->arena, url);
  scheduler->wallets = aod_arena_copy(&router->arena, aod_json_get_string(row, "wallets_to_route"));
  scheduler->takes_any = !json_is_true(json_object_get(row, "no_route")) &&
                         !json_is_true(json_object_get(row, "wallets_only"));
  router->count++;
  return aod_placement_count(router->placement, scheduler->url, &scheduler->processes, err);
}

static int read_list(aod_su_router_t *router, aod_slice_t text, aod_error_t *err) {
  json_t *list = NULL;
  int code = aod_json_parse(text, &list, err);
  if (code == AOD_OK && json_array_size(list) == 0)
    code = aod_fail(err, AOD_EINPUT, "list of schedulers: must be an array with a row for each");
  size_t count = json_array_size(list);
  router->schedulers = aod_arena_alloc(&router->arena, (count + 1) * sizeof *router->schedulers);
  for (size_t i = 0; i < count && code == AOD_OK; i++)
    code = read_scheduler(router, json_array_get(list, i), err);
  json_decref(list);
  return code;
}

/* ---- placing ---- */

static bool names_wallet(const scheduler_t *scheduler, aod_slice_t wallet) {
  for (aod_slice_t rest = scheduler->wallets; rest.ptr && scheduler->wallets.len;)
    if (aod_slice_equal(aod_slice_trim(aod_slice_cut(&rest, ',')), wallet)) return true;
  return false;
}

static scheduler_t *choose(aod_su_router_t *router, aod_slice_t wallet) {
  scheduler_t *least = NULL;
  for (size_t i = 0; i < router->count; i++) {
    scheduler_t *scheduler = &router->schedulers[i];
    if (names_wallet(scheduler, wallet)) return scheduler;
    if (scheduler->takes_any && (!least || scheduler->processes < least->processes))
      least = scheduler;
  }
  return least;
}

/* With the lock held. */
static int place_new(aod_su_router_t *router, const aod_item_t *process, aod_arena_t *arena,
                     aod_slice_t *url, aod_error_t *err) {
  scheduler_t *scheduler = choose(router, aod_ao_id(arena, process->address));
  if (!scheduler) return aod_fail(err, AOD_EINPUT, "no scheduler takes processes of this wallet");
  int code = aod_placement_put(router->placement, process->id, scheduler->url, err);
  if (code != AOD_OK) return code;
  scheduler->processes++;
  *url = scheduler->url;
  return AOD_OK;
}

/* Only what is really signed gets a place that is remembered. */
static int place(aod_su_router_t *router, const aod_item_t *process, aod_arena_t *arena,
                 aod_slice_t *url, aod_error_t *err) {
  int code = aod_item_verify(process, err);
  if (code != AOD_OK) return code;
  pthread_mutex_lock(&router->lock);
  code = aod_placement_find(router->placement, process->id, arena, url, err);
  if (code == AOD_ENOTFOUND) code = place_new(router, process, arena, url, err);
  pthread_mutex_unlock(&router->lock);
  return code;
}

/* ---- redirects ---- */

static void refuse(aod_request_t *request, int code, const aod_error_t *err) {
  bool business = code == AOD_EINPUT || code == AOD_ESIGNATURE || code == AOD_ENOTFOUND;
  aod_respond_error(request, business ? 400 : aod_error_http_status(code), "%s", err->message);
}

static void redirect(aod_request_t *request, aod_slice_t url) {
  aod_buf_t location = {0};
  aod_buf_append(&location, url);
  aod_buf_append(&location, request->path);
  if (request->query.len) aod_buf_byte(&location, '?');
  aod_buf_append(&location, request->query);
  aod_respond_header(request, "Location", aod_buf_slice(&location));
  aod_buf_free(&location);
  aod_respond(request, 307, NULL, AOD_EMPTY);
}

static void redirect_to(aod_request_t *request, aod_su_router_t *router, aod_slice_t process,
                        const char *unknown) {
  uint8_t id[32];
  aod_slice_t url;
  aod_error_t err;
  int code = aod_id_decode(process, id)
                 ? aod_placement_find(router->placement, id, &request->arena, &url, &err)
                 : aod_fail(&err, AOD_ENOTFOUND, "NotFound(\"Process not found\")");
  if (code == AOD_OK)
    redirect(request, url);
  else if (code == AOD_ENOTFOUND && unknown)
    aod_respond_error(request, 400, "%s", unknown);
  else
    refuse(request, code, &err);
}

static void get_by_query(aod_request_t *request, void *unit) {
  aod_slice_t process;
  if (aod_request_query(request, "process-id", &process))
    redirect_to(request, unit, process, NULL);
  else
    aod_respond_error(request, 400, "No process-id query parameter provided");
}

static void get_by_path(aod_request_t *request, void *unit) {
  redirect_to(request, unit, request->params[0], NULL);
}

/* ---- posts ---- */

static void post_item(aod_request_t *request, aod_su_router_t *router) {
  aod_item_t item;
  aod_slice_t url, type = AOD_EMPTY;
  aod_error_t err;
  int code = aod_item_parse(request->body, &request->arena, &item, &err);
  if (code == AOD_OK && !aod_tags_find(&item.tags, "Type", &type) &&
      !aod_tags_find(&item.tags, "type", &type))
    code = aod_fail(&err, AOD_EINPUT, "Type tag not present");
  if (code != AOD_OK) {
    refuse(request, code, &err);
    return;
  }
  if (!aod_slice_is(type, "Process")) {
    aod_slice_t target = aod_ao_base64url(&request->arena, item.target);
    redirect_to(request, router, target, "Unable to locate scheduler for message target");
    return;
  }
  code = place(router, &item, &request->arena, &url, &err);
  if (code == AOD_OK)
    redirect(request, url);
  else
    refuse(request, code, &err);
}

static void post_root(aod_request_t *request, void *unit) {
  aod_slice_t process, assign;
  bool has_process = aod_request_query(request, "process-id", &process);
  bool has_assign = aod_request_query(request, "assign", &assign);
  if (has_process && has_assign)
    redirect_to(request, unit, process, "Unable to locate scheduler for process-id");
  else if (has_process || has_assign)
    aod_respond_error(request, 400, "If sending assign or process-id, you must send both.");
  else
    post_item(request, unit);
}

/* ---- the unit ---- */

static void get_health(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond(request, 200, NULL, AOD_EMPTY);
}

static void get_metrics(aod_request_t *request, void *unit) {
  (void)unit;
  aod_respond(request, 400, "text/plain", AOD_TEXT("Metrics not enabled"));
}

int aod_su_router_open(aod_su_router_t **out, aod_slice_t list, const char *path,
                       aod_error_t *err) {
  aod_su_router_t *router = aod_alloc(sizeof *router);
  pthread_mutex_init(&router->lock, NULL);
  int code = aod_placement_open(&router->placement, path, err);
  if (code == AOD_OK) code = read_list(router, list, err);
  if (code != AOD_OK) {
    aod_su_router_close(router);
    return code;
  }
  *out = router;
  return AOD_OK;
}

void aod_su_router_close(aod_su_router_t *router) {
  if (!router) return;
  aod_placement_close(router->placement);
  aod_arena_free(&router->arena);
  pthread_mutex_destroy(&router->lock);
  free(router);
}

const aod_route_t aod_su_router_routes[] = {
    {"GET", "/", get_by_query, 0},
    {"POST", "/", post_root, ITEM_BYTES_MAX},
    {"GET", "/timestamp", get_by_query, 0},
    {"GET", "/health", get_health, 0},
    {"GET", "/metrics", get_metrics, 0},
    {"GET", "/processes/:id", get_by_path, 0},
    {"GET", "/:id/latest", get_by_path, 0},
    {"GET", "/:id", get_by_query, 0},
    {0},
};
