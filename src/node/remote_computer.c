/* A compute unit elsewhere: shared/spec/units.md section 4. */
#include <stdlib.h>

#include "arweave/base64url.h"
#include "node/remote.h"

/* A result may take as long as an evaluation, and a module its first compilation. */
enum { RESULT_TIMEOUT_MS = 600000, RESULT_BYTES_MAX = 64 << 20, REDIRECTS_MAX = 5 };

struct aod_remote_computer {
  aod_client_t *client;
  char *base;
  aod_computer_t table;
};

/* ---- one request and whom it is for ---- */

typedef struct {
  aod_call_t call;
  aod_result_call_t *result; /* one of the two */
  aod_page_call_t *page;
  aod_arena_t arena;
} asking_t;

static void answered(aod_call_t *call) {
  asking_t *asking = (asking_t *)call;
  aod_error_t err;
  int code = aod__remote_outcome(call, "compute unit", &err);
  aod_buf_t *body = asking->result ? &asking->result->body : &asking->page->body;
  aod_buf_free(body);
  if (code == AOD_OK) {
    *body = call->answer;
    call->answer = (aod_buf_t){0};
  }
  aod_buf_free(&call->answer);
  if (asking->result)
    asking->result->done(asking->result, code, &err);
  else
    asking->page->done(asking->page, code, &err);
  aod_arena_free(&asking->arena);
  free(asking);
}

static asking_t *new_asking(void) {
  asking_t *asking = aod_alloc(sizeof *asking);
  asking->call = (aod_call_t){.headers = {"Accept: application/json"},
                              .timeout_ms = RESULT_TIMEOUT_MS,
                              .answer_max = RESULT_BYTES_MAX,
                              .redirects_max = REDIRECTS_MAX,
                              .done = answered};
  return asking;
}

static void result(void *context, aod_result_call_t *call) {
  aod_remote_computer_t *remote = context;
  asking_t *asking = new_asking();
  asking->result = call;
  char process[AOD_ID_CHARS + 1], message[AOD_ID_CHARS + 1];
  aod_id_encode(call->process, process);
  aod_id_encode(call->message, message);
  asking->call.url = aod_arena_printf(&asking->arena, "%s/result/%s?process-id=%s&no-busy=1",
                                      remote->base, message, process);
  aod_client_submit(remote->client, &asking->call);
}

/* Cursors are base64 of JSON, whose characters never give + or /; only the padding could hurt, and
 * the reference passes that raw too. */
static void ask_page(aod_remote_computer_t *remote, aod_page_call_t *call, const char *route,
                     const char *query) {
  asking_t *asking = new_asking();
  asking->page = call;
  char process[AOD_ID_CHARS + 1];
  aod_id_encode(call->process, process);
  asking->call.url =
      aod_arena_printf(&asking->arena, "%s/%s/%s?limit=%zu%s%s%.*s", remote->base, route, process,
                       call->limit, query, call->from.len ? "&from=" : "", AOD_ARG(call->from));
  aod_client_submit(remote->client, &asking->call);
}

static void cron(void *context, aod_page_call_t *call) {
  ask_page(context, call, "cron", "");
}

static void newest(void *context, aod_page_call_t *call) {
  ask_page(context, call, "results", "&sort=DESC");
}

/* ---- life ---- */

aod_remote_computer_t *aod_remote_computer_open(aod_client_t *client, const char *url) {
  aod_remote_computer_t *remote = aod_alloc(sizeof *remote);
  remote->client = client;
  remote->base = aod__remote_base(url);
  remote->table =
      (aod_computer_t){.context = remote, .result = result, .cron = cron, .newest = newest};
  return remote;
}

const aod_computer_t *aod_remote_computer_table(aod_remote_computer_t *remote) {
  return &remote->table;
}

void aod_remote_computer_close(aod_remote_computer_t *remote) {
  if (!remote) return;
  free(remote->base);
  free(remote);
}
