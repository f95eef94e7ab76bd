/* Monitors: what the cron messages of a process lead to is carried on like the result of any other
 * message, each exactly once. Source: units.md 2.10.
 *
 *   look ─newest─▶ (once: begin there) ─cron─▶ store results with the cursor ─▶ rest
 *
 * The outbox entries of a page and the cursor behind it are stored in one transaction; before, the
 * page was not seen. The first cursor is stored before anything is asked to be evaluated: a crash
 * between the two would begin behind results that nobody carried on. */
#include <errno.h>
#include <stdlib.h>

#include "ao/address.h"
#include "arweave/base64url.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "mu/internal.h"

/* While nothing happens a monitor rests longer each time; the reference always looks after 10 s. */
enum { REST_FIRST_MS = 1000, REST_LAST_MS = 10000, RETRY_LAST_MS = 60000, PAGE = 50 };

/* Follows from no evaluation so far: everything comes after it. */
static const char cursor_of_nothing[] = "0";

typedef struct monitor monitor_t;
struct monitor {
  aod_task_t task;
  aod_page_call_t call;
  aod_outbox_change_t change;
  aod_monitor_t moved; /* to where the change moves it */
  aod_arena_t arena;   /* of a round */
  aod_mu_t *mu;
  int64_t id; /* in the store */
  uint8_t process[32];
  aod_buf_t cursor; /* empty: not known where to begin */
  bool more;        /* the page has a next one */
  int64_t rest_ms;
  /* guarded by the lock */
  bool looking, removed;
  int64_t due_us;
  monitor_t *next;
};

struct aod_mu_monitors {
  aod_mu_t *mu;
  pthread_mutex_t lock;
  pthread_cond_t changed; /* list, looking or stopping */
  monitor_t *list;
  size_t looking;
  bool stopping;
  bool has_thread;
  pthread_t thread;
};

/* ---- the set ---- */

static void free_monitor(monitor_t *monitor) {
  aod_buf_free(&monitor->cursor);
  aod_buf_free(&monitor->call.body);
  aod_arena_free(&monitor->arena);
  free(monitor);
}

static void add_monitor(aod_mu_t *mu, const aod_monitor_t *stored) {
  aod_mu_monitors_t *monitors = mu->monitors;
  monitor_t *monitor = aod_alloc(sizeof *monitor);
  monitor->mu = mu;
  monitor->id = stored->id;
  memcpy(monitor->process, stored->process, 32);
  aod_buf_append(&monitor->cursor, stored->cursor);
  pthread_mutex_lock(&monitors->lock);
  monitor->next = monitors->list;
  monitors->list = monitor;
  pthread_cond_broadcast(&monitors->changed);
  pthread_mutex_unlock(&monitors->lock);
}

/* One that is looking is freed when it has looked. */
static void remove_monitor(aod_mu_monitors_t *monitors, const uint8_t process[32]) {
  pthread_mutex_lock(&monitors->lock);
  monitor_t **link = &monitors->list;
  while (*link && memcmp((*link)->process, process, 32) != 0) link = &(*link)->next;
  monitor_t *monitor = *link;
  if (monitor) {
    *link = monitor->next;
    monitor->removed = true;
    if (!monitor->looking) free_monitor(monitor);
  }
  pthread_mutex_unlock(&monitors->lock);
}

static bool is_stopping(aod_mu_monitors_t *monitors) {
  pthread_mutex_lock(&monitors->lock);
  bool stopping = monitors->stopping;
  pthread_mutex_unlock(&monitors->lock);
  return stopping;
}

/* ---- a look ---- */

static void ask_cron(monitor_t *monitor);

/* The look is over; the next one comes after a rest. */
static void rest(monitor_t *monitor, int64_t rest_ms) {
  aod_mu_monitors_t *monitors = monitor->mu->monitors;
  monitor->rest_ms = rest_ms;
  aod_arena_free(&monitor->arena);
  aod_buf_free(&monitor->call.body);
  pthread_mutex_lock(&monitors->lock);
  monitor->looking = false;
  monitor->due_us = aod_clock_monotonic_us() + rest_ms * 1000;
  if (monitor->removed) free_monitor(monitor);
  monitors->looking--;
  pthread_cond_broadcast(&monitors->changed);
  pthread_mutex_unlock(&monitors->lock);
}

static int64_t longer(int64_t rest_ms, int64_t last_ms) {
  if (rest_ms < REST_FIRST_MS) return REST_FIRST_MS;
  return 2 * rest_ms < last_ms ? 2 * rest_ms : last_ms;
}

static void fail(monitor_t *monitor, int code, const aod_error_t *err) {
  char id[AOD_ID_CHARS + 1];
  aod_id_encode(monitor->process, id);
  if (code != AOD_ECLOSED)
    aod_log(AOD_LOG_WARN, "mu", "monitor of process %s will be tried again: %s", id, err->message);
  rest(monitor, longer(monitor->rest_ms, RETRY_LAST_MS));
}

static monitor_t *monitor_of_change(aod_outbox_change_t *change) {
  return (monitor_t *)((char *)change - offsetof(monitor_t, change));
}

static monitor_t *monitor_of_call(aod_page_call_t *call) {
  return (monitor_t *)((char *)call - offsetof(monitor_t, call));
}

/* Store that the monitor has come to `cursor`, with the entries of monitor->change. */
static void move(monitor_t *monitor, aod_slice_t cursor,
                 void (*done)(aod_outbox_change_t *change, int code, const aod_error_t *err)) {
  monitor->moved.id = monitor->id;
  monitor->moved.cursor = aod_arena_copy(&monitor->arena, cursor);
  monitor->change.monitor = &monitor->moved;
  monitor->change.done = done;
  aod_outbox_submit(monitor->mu->outbox, &monitor->change);
}

static void take_cursor(monitor_t *monitor) {
  aod_buf_clear(&monitor->cursor);
  aod_buf_append(&monitor->cursor, monitor->moved.cursor);
}

static void run_in_pool(monitor_t *monitor, void (*run)(aod_task_t *task)) {
  monitor->task.run = run;
  aod_pool_post(monitor->mu->pool, &monitor->task);
}

static int parse_page(monitor_t *monitor, json_t **page, aod_error_t *err) {
  int code = aod_json_parse(aod_buf_slice(&monitor->call.body), page, err);
  if (code != AOD_OK) return code;
  if (json_is_array(json_object_get(*page, "edges"))) return AOD_OK;
  json_decref(*page);
  return aod_fail(err, AOD_EUNAVAILABLE, "the compute unit answered with something else");
}

/* ---- pages of cron results ---- */

static bool has_entries(const json_t *node) {
  return json_array_size(json_object_get(node, "Messages")) ||
         json_array_size(json_object_get(node, "Spawns")) ||
         json_array_size(json_object_get(node, "Assignments"));
}

/* An outbox entry for each result that has something to carry on. */
static void add_results(monitor_t *monitor, const json_t *edges) {
  aod_outbox_entries_t *add = &monitor->change.add;
  size_t count = json_array_size(edges);
  add->list = aod_arena_alloc(&monitor->arena, (count + 1) * sizeof *add->list);
  for (size_t i = 0; i < count; i++) {
    const json_t *node = json_object_get(json_array_get(edges, i), "node");
    if (!has_entries(node)) continue;
    aod_buf_t text = {0};
    aod_json_value(&text, node);
    aod_outbox_entry_t *entry = &add->list[add->count++];
    *entry = (aod_outbox_entry_t){.kind = AOD_OUTBOX_RESULT,
                                  .text = aod_arena_copy(&monitor->arena, aod_buf_slice(&text)),
                                  .due_ms = AOD_OUTBOX_NOW};
    memcpy(entry->process, monitor->process, 32);
    memcpy(entry->parent, monitor->process, 32);
    memcpy(entry->lane, monitor->process, 32);
    aod_buf_free(&text);
  }
}

static void page_stored(aod_outbox_change_t *change, int code, const aod_error_t *err) {
  monitor_t *monitor = monitor_of_change(change);
  bool has_work = change->add.count > 0;
  if (code != AOD_OK) {
    fail(monitor, code, err); /* not found: it was removed meanwhile */
    return;
  }
  take_cursor(monitor);
  if (has_work) aod__queue_notice(monitor->mu, monitor->process, AOD_OUTBOX_NOW);
  if (monitor->more && !is_stopping(monitor->mu->monitors))
    ask_cron(monitor);
  else
    rest(monitor, REST_FIRST_MS);
}

static void take_page(aod_task_t *task) {
  monitor_t *monitor = (monitor_t *)task;
  json_t *page;
  aod_error_t err;
  int code = parse_page(monitor, &page, &err);
  if (code != AOD_OK) {
    fail(monitor, code, &err);
    return;
  }
  const json_t *edges = json_object_get(page, "edges");
  size_t count = json_array_size(edges);
  aod_slice_t cursor =
      count ? aod_json_get_string(json_array_get(edges, count - 1), "cursor") : AOD_EMPTY;
  monitor->more = json_is_true(json_object_get(json_object_get(page, "pageInfo"), "hasNextPage"));
  if (cursor.len == 0) {
    rest(monitor, longer(monitor->rest_ms, REST_LAST_MS));
  } else {
    add_results(monitor, edges);
    move(monitor, cursor, page_stored);
  }
  json_decref(page);
}

static void page_known(aod_page_call_t *call, int code, const aod_error_t *err) {
  monitor_t *monitor = monitor_of_call(call);
  if (code == AOD_OK)
    run_in_pool(monitor, take_page);
  else
    fail(monitor, code, err);
}

static void ask(monitor_t *monitor, void (*call)(void *context, aod_page_call_t *call),
                void (*done)(aod_page_call_t *call, int code, const aod_error_t *err),
                aod_slice_t from, size_t limit) {
  aod_arena_free(&monitor->arena);
  aod_buf_free(&monitor->call.body);
  monitor->change = (aod_outbox_change_t){0};
  monitor->call = (aod_page_call_t){.from = from, .limit = limit, .done = done};
  memcpy(monitor->call.process, monitor->process, 32);
  call(monitor->mu->computer->context, &monitor->call);
}

static void ask_cron(monitor_t *monitor) {
  ask(monitor, monitor->mu->computer->cron, page_known, aod_buf_slice(&monitor->cursor), PAGE);
}

/* ---- where to begin ---- */

static void begun(aod_outbox_change_t *change, int code, const aod_error_t *err) {
  monitor_t *monitor = monitor_of_change(change);
  if (code != AOD_OK) {
    fail(monitor, code, err);
    return;
  }
  take_cursor(monitor);
  ask_cron(monitor);
}

static void take_newest(aod_task_t *task) {
  monitor_t *monitor = (monitor_t *)task;
  json_t *page;
  aod_error_t err;
  int code = parse_page(monitor, &page, &err);
  if (code != AOD_OK) {
    fail(monitor, code, &err);
    return;
  }
  const json_t *edge = json_array_get(json_object_get(page, "edges"), 0);
  aod_slice_t cursor = aod_json_get_string(edge, "cursor");
  move(monitor, cursor.len ? cursor : aod_text(cursor_of_nothing), begun);
  json_decref(page);
}

static void newest_known(aod_page_call_t *call, int code, const aod_error_t *err) {
  monitor_t *monitor = monitor_of_call(call);
  if (code == AOD_OK)
    run_in_pool(monitor, take_newest);
  else
    fail(monitor, code, err);
}

static void look(monitor_t *monitor) {
  if (monitor->cursor.len)
    ask_cron(monitor);
  else
    ask(monitor, monitor->mu->computer->newest, newest_known, AOD_EMPTY, 1);
}

/* ---- whose time has come ---- */

static monitor_t *first_due(const aod_mu_monitors_t *monitors) {
  monitor_t *first = NULL;
  for (monitor_t *monitor = monitors->list; monitor; monitor = monitor->next)
    if (!monitor->looking && (!first || monitor->due_us < first->due_us)) first = monitor;
  return first;
}

/* With the lock held: until `due_us` or a change. */
static void wait_until(aod_mu_monitors_t *monitors, int64_t due_us) {
  struct timespec until = {.tv_sec = due_us / 1000000, .tv_nsec = due_us % 1000000 * 1000};
  pthread_cond_timedwait(&monitors->changed, &monitors->lock, &until);
}

static void *run_monitors(void *argument) {
  aod_mu_monitors_t *monitors = argument;
  pthread_mutex_lock(&monitors->lock);
  while (!monitors->stopping) {
    monitor_t *first = first_due(monitors);
    if (!first) {
      pthread_cond_wait(&monitors->changed, &monitors->lock);
    } else if (first->due_us > aod_clock_monotonic_us()) {
      wait_until(monitors, first->due_us);
    } else {
      first->looking = true;
      monitors->looking++;
      pthread_mutex_unlock(&monitors->lock);
      look(first);
      pthread_mutex_lock(&monitors->lock);
    }
  }
  pthread_mutex_unlock(&monitors->lock);
  return NULL;
}

/* ---- life ---- */

static int load(aod_mu_t *mu, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_monitors_t stored;
  int code = aod_monitors_load(mu->outbox, &arena, &stored, err);
  for (size_t i = 0; code == AOD_OK && i < stored.count; i++) add_monitor(mu, &stored.list[i]);
  aod_arena_free(&arena);
  return code;
}

int aod__monitors_open(aod_mu_t *mu, aod_error_t *err) {
  aod_mu_monitors_t *monitors = aod_alloc(sizeof *monitors);
  monitors->mu = mu;
  pthread_mutex_init(&monitors->lock, NULL);
  aod_clock_cond_init(&monitors->changed);
  mu->monitors = monitors;
  int code = load(mu, err);
  if (code != AOD_OK) return code;
  aod_assert(pthread_create(&monitors->thread, NULL, run_monitors, monitors) == 0);
  pthread_setname_np(monitors->thread, "mu-monitor");
  monitors->has_thread = true;
  return AOD_OK;
}

void aod__monitors_stop(aod_mu_t *mu) {
  aod_mu_monitors_t *monitors = mu->monitors;
  pthread_mutex_lock(&monitors->lock);
  bool first = !monitors->stopping;
  monitors->stopping = true;
  pthread_cond_broadcast(&monitors->changed);
  while (monitors->looking) pthread_cond_wait(&monitors->changed, &monitors->lock);
  pthread_mutex_unlock(&monitors->lock);
  if (first && monitors->has_thread) pthread_join(monitors->thread, NULL);
}

void aod__monitors_close(aod_mu_t *mu) {
  aod_mu_monitors_t *monitors = mu->monitors;
  if (!monitors) return;
  for (monitor_t *monitor = monitors->list, *next; monitor; monitor = next) {
    next = monitor->next;
    free_monitor(monitor);
  }
  pthread_cond_destroy(&monitors->changed);
  pthread_mutex_destroy(&monitors->lock);
  free(monitors);
}

/* ---- HTTP ---- */

typedef struct {
  aod_monitor_change_t change;
  aod_request_t *request;
  aod_mu_t *mu;
} request_t;

static void changed(aod_monitor_change_t *change, int code, const aod_error_t *err) {
  request_t *monitoring = (request_t *)change;
  aod_request_t *request = monitoring->request;
  int status = aod_error_http_status(code);
  if (code == AOD_EEXISTS) {
    aod_respond_error(request, status, "Process already being monitored");
  } else if (code == AOD_ENOTFOUND) {
    aod_respond_error(request, status, "Process monitor not found");
  } else if (code != AOD_OK) {
    aod_respond_error(request, status, "%s", err->message);
  } else if (change->remove) {
    remove_monitor(monitoring->mu->monitors, change->process);
    aod_respond(request, 200, "text/html; charset=utf-8", AOD_TEXT("Process deleted"));
  } else {
    aod_monitor_t added = {.id = change->id};
    memcpy(added.process, change->process, 32);
    add_monitor(monitoring->mu, &added);
    aod_respond(request, 200, "text/html; charset=utf-8", AOD_TEXT("Monitoring process"));
  }
}

/* The process that is meant: the target of the item in the body. */
static int read_target(aod_request_t *request, uint8_t process[32], aod_error_t *err) {
  aod_item_t item;
  int code = aod_item_parse(request->body, &request->arena, &item, err);
  if (code == AOD_OK) code = aod_item_verify(&item, err);
  if (code != AOD_OK)
    return aod_error_prefix(err,
                            "'body': A valid and signed data item must be provided as the body.");
  if (item.target.len != 32)
    return aod_fail(err, AOD_EINPUT, "the item needs a target: the process to monitor");
  memcpy(process, item.target.ptr, 32);
  return AOD_OK;
}

static int check_process(aod_mu_t *mu, const uint8_t process[32], aod_arena_t *arena,
                         aod_error_t *err) {
  aod_scheduled_t scheduled;
  int code = mu->scheduler->find(mu->scheduler->context, process, process, arena, &scheduled, err);
  if (code != AOD_ENOTFOUND) return code;
  return aod_fail(err, code, "TransactionNotFound: Process %.*s was not found on gateway",
                  AOD_ARG(aod_ao_id(arena, process)));
}

static void change_monitor(aod_request_t *request, aod_mu_t *mu, bool remove) {
  request_t *monitoring = aod_arena_alloc(&request->arena, sizeof *monitoring);
  *monitoring =
      (request_t){.change = {.remove = remove, .done = changed}, .request = request, .mu = mu};
  aod_error_t err;
  int code = read_target(request, monitoring->change.process, &err);
  if (code == AOD_OK && !remove)
    code = check_process(mu, monitoring->change.process, &request->arena, &err);
  if (code == AOD_OK)
    aod_monitors_submit(mu->outbox, &monitoring->change);
  else
    aod_respond_error(request, aod_error_http_status(code), "%s", err.message);
}

void aod__mu_post_monitor(aod_request_t *request, void *unit) {
  change_monitor(request, unit, false);
}

void aod__mu_delete_monitor(aod_request_t *request, void *unit) {
  change_monitor(request, unit, true);
}
