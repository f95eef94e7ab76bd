/* A scheduler elsewhere: shared/spec/units.md section 3. */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "ao/schedule_json.h"
#include "arweave/base64url.h"
#include "base/lane.h"
#include "node/locate.h"
#include "node/remote.h"

enum { POST_REDIRECTS_MAX = 2, PAGE_MAX = 1000, LOCATE_THREADS = 4 };

struct aod_remote_scheduler {
  aod_client_t *client;
  char *base; /* NULL: each process's is located */
  aod_locator_t *locator;
  pthread_mutex_t lock;
  /* Locates for posts, which must not wait; guarded by lock; NULL: there is a base, or it stopped.
   */
  aod_pool_t *pool;
  aod_scheduler_t table;
};

/* ---- posting ---- */

typedef struct {
  aod_call_t call; /* first */
  aod_task_t task;
  aod_remote_scheduler_t *remote;
  aod_post_t *post;
  aod_arena_t arena;
  aod_item_t item; /* of a post that has one */
  /* where it goes */
  const uint8_t *process;
  aod_slice_t wallet; /* of a Process item's scheduler */
  aod_locating_t locating;
} posting_t;

static void end_posting(posting_t *posting, int code, const aod_error_t *err) {
  posting->post->done(posting->post, code, err);
  aod_buf_free(&posting->call.answer);
  aod_arena_free(&posting->arena);
  free(posting);
}

static bool read_posted(const aod_call_t *call, aod_post_t *post) {
  json_t *json;
  if (aod_json_parse(aod_buf_slice(&call->answer), &json, NULL) != AOD_OK) return false;
  bool good = aod_id_decode(aod_json_get_string(json, "id"), post->id);
  double time_ms = json_number_value(json_object_get(json, "timestamp"));
  post->timestamp_ms = time_ms >= 0 && time_ms < 1e15 ? (int64_t)time_ms : 0;
  json_decref(json);
  return good;
}

static void note_outcome(posting_t *posting, int code) {
  aod_locator_t *locator = posting->remote->locator;
  if (!locator) return;
  if (code == AOD_EUNAVAILABLE) aod_locate_doubt(locator, posting->process);
  if (posting->wallet.len && (code == AOD_OK || code == AOD_EEXISTS))
    aod_locate_learn(locator, posting->process, posting->wallet);
}

/* Nobody said that the scheduler did not take it: it, or what stands before it, fell silent. */
static bool is_unknown(const aod_call_t *call) {
  return call->code == AOD_OK ? call->status == 502 || call->status == 504 : call->sent;
}

static void posted(aod_call_t *call) {
  posting_t *posting = (posting_t *)call;
  aod_post_t *post = posting->post;
  aod_error_t err;
  int code = aod__remote_outcome(call, "scheduler", &err);
  post->unknown = is_unknown(call);
  if (code == AOD_OK && !read_posted(call, post)) {
    code = aod_fail(&err, AOD_EUNAVAILABLE, "the scheduler's answer has no id");
    post->unknown = true;
  }
  /* An item's id is known without being told; the reference does not tell that of an assignment
   * which it has already. */
  if (code == AOD_EEXISTS && post->raw.len) memcpy(post->id, posting->item.id, 32);
  note_outcome(posting, code);
  end_posting(posting, code, &err);
}

static const char *post_url(posting_t *posting, const char *base) {
  const aod_post_t *post = posting->post;
  if (post->raw.len) return aod_arena_printf(&posting->arena, "%s/", base);
  char process[AOD_ID_CHARS + 1], assign[AOD_ID_CHARS + 1];
  aod_id_encode(post->process, process);
  aod_id_encode(post->assign, assign);
  return aod_arena_printf(&posting->arena, "%s/?process-id=%s&assign=%s%s%s%.*s", base, process,
                          assign, post->base_layer ? "&base-layer" : "",
                          post->exclude.len ? "&exclude=" : "", AOD_ARG(post->exclude));
}

static void send(posting_t *posting, const char *base) {
  posting->call = (aod_call_t){
      .url = post_url(posting, base),
      .method = "POST",
      .headers = {"Content-Type: application/octet-stream", "Accept: application/json"},
      .body = posting->post->raw,
      .has_body = true,
      .redirects_max = POST_REDIRECTS_MAX,
      .done = posted};
  aod_client_submit(posting->remote->client, &posting->call);
}

/* Whom it concerns, and who orders that. */
static int address(posting_t *posting, aod_error_t *err) {
  const aod_post_t *post = posting->post;
  posting->process = post->process;
  if (!post->raw.len) return AOD_OK;
  aod_item_t *item = &posting->item;
  int code = aod_item_parse(post->raw, &posting->arena, item, err);
  if (code != AOD_OK) return code;
  aod_slice_t type = AOD_EMPTY;
  aod_tags_find(&item->tags, "Type", &type);
  bool is_process = aod_slice_is(type, "Process");
  if (is_process) aod_tags_find(&item->tags, "Scheduler", &posting->wallet);
  if (!is_process && item->target.len != 32)
    return aod_fail(err, AOD_EINPUT, "the message has no target");
  posting->process = is_process ? item->id : item->target.ptr;
  return AOD_OK;
}

static void send_or_end(posting_t *posting, const char *base, int code, const aod_error_t *err) {
  if (code == AOD_OK)
    send(posting, base);
  else
    end_posting(posting, code, err);
}

static void located(aod_locating_t *locating, int code, const aod_error_t *err) {
  posting_t *posting = (posting_t *)((char *)locating - offsetof(posting_t, locating));
  send_or_end(posting, locating->url, code, err);
}

static void locate_and_send(aod_task_t *task) {
  posting_t *posting = (posting_t *)((char *)task - offsetof(posting_t, task));
  aod_locator_t *locator = posting->remote->locator;
  if (posting->wallet.len) {
    const char *base;
    aod_error_t err;
    int code = aod_locate_wallet(locator, posting->wallet, &posting->arena, &base, &err);
    send_or_end(posting, base, code, &err);
    return;
  }
  posting->locating = (aod_locating_t){.arena = &posting->arena, .done = located};
  memcpy(posting->locating.process, posting->process, 32);
  aod_locate_submit(locator, &posting->locating);
}

/* False: it has stopped. */
static bool locate_elsewhere(aod_remote_scheduler_t *remote, posting_t *posting) {
  pthread_mutex_lock(&remote->lock);
  bool runs = remote->pool != NULL;
  if (runs) aod_pool_post(remote->pool, &posting->task);
  pthread_mutex_unlock(&remote->lock);
  return runs;
}

static void post(void *context, aod_post_t *post) {
  aod_remote_scheduler_t *remote = context;
  posting_t *posting = aod_alloc(sizeof *posting);
  posting->remote = remote;
  posting->post = post;
  posting->task.run = locate_and_send;
  const char *base = remote->base;
  aod_error_t err;
  int code = address(posting, &err);
  if (code != AOD_OK)
    end_posting(posting, code, &err);
  else if (base || (!posting->wallet.len &&
                    aod_locate_known(remote->locator, posting->process, &posting->arena, &base)))
    send(posting, base);
  else if (!locate_elsewhere(remote, posting))
    locate_and_send(&posting->task);
}

/* ---- reading ---- */

static int get(aod_remote_scheduler_t *remote, const uint8_t process[32], const char *path,
               json_t **json, aod_error_t *err) {
  aod_arena_t arena = {0};
  const char *base = remote->base;
  int code = base ? AOD_OK : aod_locate(remote->locator, process, &arena, &base, err);
  if (code == AOD_OK) {
    code = aod__remote_get(remote->client, "scheduler", base, path, json, err);
    if (code == AOD_EUNAVAILABLE && remote->locator) aod_locate_doubt(remote->locator, process);
  }
  aod_arena_free(&arena);
  return code;
}

/* A process that is not in its own schedule has a place of its own. */
static int find_process(aod_remote_scheduler_t *remote, const uint8_t process[32],
                        const uint8_t id[32], aod_arena_t *arena, aod_scheduled_t *scheduled,
                        aod_error_t *err) {
  char text[AOD_ID_CHARS + 1];
  json_t *json;
  aod_id_encode(id, text);
  int code = get(remote, process, aod_arena_printf(arena, "/processes/%s", text), &json, err);
  if (code != AOD_OK) return code;
  code = aod_schedule_process_read(json, arena, scheduled, err);
  json_decref(json);
  return code;
}

/* A process's id answers with its schedule, whose first edge is the process itself, where it is in
 * its schedule: processes from before that was the rule begin with a message. */
static int find(void *context, const uint8_t process[32], const uint8_t id[32], aod_arena_t *arena,
                aod_scheduled_t *scheduled, aod_error_t *err) {
  char text[AOD_ID_CHARS + 1], process_text[AOD_ID_CHARS + 1];
  aod_id_encode(id, text);
  aod_id_encode(process, process_text);
  json_t *json;
  int code =
      get(context, process,
          aod_arena_printf(arena, "/%s?process-id=%s&limit=1", text, process_text), &json, err);
  if (code != AOD_OK) return code;
  const json_t *edges = json_object_get(json, "edges"), *node = json;
  if (edges) node = json_object_get(json_array_get(edges, 0), "node");
  *scheduled = (aod_scheduled_t){0};
  if (node) code = aod_schedule_node_read(node, arena, scheduled, err);
  json_decref(json);
  bool is_first = scheduled->has_item && memcmp(scheduled->item.id, id, 32) == 0;
  if (code == AOD_OK && edges && !is_first)
    code = find_process(context, process, id, arena, scheduled, err);
  return code;
}

static int read_edges(const json_t *edges, aod_arena_t *arena, aod_scheduled_list_t *list,
                      aod_error_t *err) {
  size_t count = json_array_size(edges);
  *list = (aod_scheduled_list_t){.list = aod_arena_alloc(arena, (count + 1) * sizeof *list->list)};
  for (size_t i = 0; i < count; i++) {
    const json_t *node = json_object_get(json_array_get(edges, i), "node");
    int code = aod_schedule_node_read(node, arena, &list->list[list->count++], err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

static int range(void *context, const uint8_t process[32], uint64_t from_nonce, size_t limit,
                 aod_arena_t *arena, aod_scheduled_list_t *list, aod_error_t *err) {
  char id[AOD_ID_CHARS + 1];
  aod_id_encode(process, id);
  if (limit > PAGE_MAX) limit = PAGE_MAX;
  json_t *json;
  int code = get(context, process,
                 aod_arena_printf(arena, "/%s?process-id=%s&from-nonce=%" PRId64 "&limit=%zu", id,
                                  id, (int64_t)from_nonce - 1, limit),
                 &json, err);
  if (code != AOD_OK) return code;
  code = read_edges(json_object_get(json, "edges"), arena, list, err);
  json_decref(json);
  return code;
}

static int now(void *context, const uint8_t process[32], int64_t *timestamp_ms, aod_error_t *err) {
  aod_arena_t arena = {0};
  char id[AOD_ID_CHARS + 1];
  uint64_t value = 0;
  aod_id_encode(process, id);
  json_t *json;
  int code =
      get(context, process, aod_arena_printf(&arena, "/timestamp?process-id=%s", id), &json, err);
  aod_arena_free(&arena);
  if (code != AOD_OK) return code;
  if (!aod_slice_to_u64(aod_json_get_string(json, "timestamp"), &value) || value > INT64_MAX)
    code = aod_fail(err, AOD_EUNAVAILABLE, "the scheduler tells no time");
  *timestamp_ms = (int64_t)value;
  json_decref(json);
  return code;
}

/* ---- life ---- */

static aod_remote_scheduler_t *make(aod_client_t *client) {
  aod_remote_scheduler_t *remote = aod_alloc(sizeof *remote);
  remote->client = client;
  pthread_mutex_init(&remote->lock, NULL);
  remote->table =
      (aod_scheduler_t){.context = remote, .post = post, .find = find, .range = range, .now = now};
  return remote;
}

aod_remote_scheduler_t *aod_remote_scheduler_open(aod_client_t *client, const char *url) {
  aod_remote_scheduler_t *remote = make(client);
  remote->base = aod__remote_base(url);
  return remote;
}

aod_remote_scheduler_t *aod_remote_schedulers_open(aod_client_t *client,
                                                   const aod_gateway_t *gateway) {
  aod_remote_scheduler_t *remote = make(client);
  remote->locator = aod_locator_open(client, gateway);
  remote->pool = aod_pool_open("locate", LOCATE_THREADS);
  return remote;
}

const aod_scheduler_t *aod_remote_scheduler_table(aod_remote_scheduler_t *remote) {
  return &remote->table;
}

void aod_remote_scheduler_stop(aod_remote_scheduler_t *remote) {
  if (!remote) return;
  pthread_mutex_lock(&remote->lock);
  aod_pool_t *pool = remote->pool;
  remote->pool = NULL;
  pthread_mutex_unlock(&remote->lock);
  aod_pool_close(pool);
}

void aod_remote_scheduler_close(aod_remote_scheduler_t *remote) {
  if (!remote) return;
  aod_remote_scheduler_stop(remote);
  aod_locator_close(remote->locator);
  pthread_mutex_destroy(&remote->lock);
  free(remote->base);
  free(remote);
}
