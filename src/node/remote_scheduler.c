/* A scheduler elsewhere: shared/spec/units.md section 3. */
#include <inttypes.h>
#include <stdlib.h>

#include "ao/schedule_json.h"
#include "arweave/base64url.h"
#include "node/remote.h"

enum { POST_REDIRECTS_MAX = 2, PAGE_MAX = 1000 };

struct aod_remote_scheduler {
  aod_client_t *client;
  char *base;
  aod_scheduler_t table;
};

/* ---- posting ---- */

typedef struct {
  aod_call_t call;
  aod_post_t *post;
  aod_arena_t arena;
} posting_t;

static bool read_posted(const aod_call_t *call, aod_post_t *post) {
  json_t *json;
  if (aod_json_parse(aod_buf_slice(&call->answer), &json, NULL) != AOD_OK) return false;
  bool good = aod_id_decode(aod_json_get_string(json, "id"), post->id);
  post->timestamp_ms = (int64_t)json_number_value(json_object_get(json, "timestamp"));
  json_decref(json);
  return good;
}

/* An item's id is known without being told; the reference does not tell that of an assignment which
 * it has already. */
static void fill_own_id(posting_t *posting) {
  aod_item_t item;
  if (posting->post->raw.len &&
      aod_item_parse(posting->post->raw, &posting->arena, &item, NULL) == AOD_OK)
    memcpy(posting->post->id, item.id, 32);
}

static void posted(aod_call_t *call) {
  posting_t *posting = (posting_t *)call;
  aod_post_t *post = posting->post;
  aod_error_t err;
  int code = aod__remote_outcome(call, "scheduler", &err);
  if (code == AOD_OK && !read_posted(call, post))
    code = aod_fail(&err, AOD_EUNAVAILABLE, "the scheduler's answer has no id");
  if (code == AOD_EEXISTS) fill_own_id(posting);
  post->done(post, code, &err);
  aod_buf_free(&call->answer);
  aod_arena_free(&posting->arena);
  free(posting);
}

static const char *post_url(const aod_remote_scheduler_t *remote, const aod_post_t *post,
                            aod_arena_t *arena) {
  if (post->raw.len) return aod_arena_printf(arena, "%s/", remote->base);
  char process[AOD_ID_CHARS + 1], assign[AOD_ID_CHARS + 1];
  aod_id_encode(post->process, process);
  aod_id_encode(post->assign, assign);
  return aod_arena_printf(arena, "%s/?process-id=%s&assign=%s%s%s%.*s", remote->base, process,
                          assign, post->base_layer ? "&base-layer" : "",
                          post->exclude.len ? "&exclude=" : "", AOD_ARG(post->exclude));
}

static void post(void *context, aod_post_t *post) {
  aod_remote_scheduler_t *remote = context;
  posting_t *posting = aod_alloc(sizeof *posting);
  posting->post = post;
  posting->call = (aod_call_t){
      .method = "POST",
      .url = post_url(remote, post, &posting->arena),
      .headers = {"Content-Type: application/octet-stream", "Accept: application/json"},
      .body = post->raw,
      .has_body = true,
      .redirects_max = POST_REDIRECTS_MAX,
      .done = posted};
  aod_client_submit(remote->client, &posting->call);
}

/* ---- reading ---- */

static int get(aod_remote_scheduler_t *remote, const char *path, json_t **json, aod_error_t *err) {
  return aod__remote_get(remote->client, "scheduler", remote->base, path, json, err);
}

/* A process's id answers with its schedule, whose first edge is the process itself. */
static int find(void *context, const uint8_t process[32], const uint8_t id[32], aod_arena_t *arena,
                aod_scheduled_t *scheduled, aod_error_t *err) {
  char text[AOD_ID_CHARS + 1], process_text[AOD_ID_CHARS + 1];
  aod_id_encode(id, text);
  aod_id_encode(process, process_text);
  json_t *json;
  int code = get(context, aod_arena_printf(arena, "/%s?process-id=%s&limit=1", text, process_text),
                 &json, err);
  if (code != AOD_OK) return code;
  const json_t *edges = json_object_get(json, "edges"), *node = json;
  if (edges) node = json_object_get(json_array_get(edges, 0), "node");
  code = node ? aod_schedule_node_read(node, arena, scheduled, err)
              : aod_fail(err, AOD_ENOTFOUND, "Message or Process not found");
  json_decref(json);
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
  int code = get(context,
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
  int code = get(context, aod_arena_printf(&arena, "/timestamp?process-id=%s", id), &json, err);
  aod_arena_free(&arena);
  if (code != AOD_OK) return code;
  if (!aod_slice_to_u64(aod_json_get_string(json, "timestamp"), &value) || value > INT64_MAX)
    code = aod_fail(err, AOD_EUNAVAILABLE, "the scheduler tells no time");
  *timestamp_ms = (int64_t)value;
  json_decref(json);
  return code;
}

/* ---- life ---- */

aod_remote_scheduler_t *aod_remote_scheduler_open(aod_client_t *client, const char *url) {
  aod_remote_scheduler_t *remote = aod_alloc(sizeof *remote);
  remote->client = client;
  remote->base = aod__remote_base(url);
  remote->table =
      (aod_scheduler_t){.context = remote, .post = post, .find = find, .range = range, .now = now};
  return remote;
}

const aod_scheduler_t *aod_remote_scheduler_table(aod_remote_scheduler_t *remote) {
  return &remote->table;
}

void aod_remote_scheduler_close(aod_remote_scheduler_t *remote) {
  if (!remote) return;
  free(remote->base);
  free(remote);
}
