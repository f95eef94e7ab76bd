/* The thread owns curl's handles; others only put calls in a queue and wake it. */
#include "http/client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/latch.h"

enum {
  TIMEOUT_MS = 30000,
  CONNECT_TIMEOUT_MS = 10000,
  ANSWER_BYTES_MAX = 1 << 20,
  HOST_CONNECTIONS_MAX = 16,
  POLL_MS = 60000
};

/* A call that curl works on. */
typedef struct transfer transfer_t;
struct transfer {
  transfer_t *next, *previous; /* all transfers; in the queue only `next` */
  aod_call_t *call;
  CURL *easy;
  struct curl_slist *headers;
  char problem[CURL_ERROR_SIZE];
  size_t answer_max;
  bool too_large;
};

struct aod_client {
  CURLM *multi;
  pthread_t thread;
  pthread_mutex_t lock;
  transfer_t *queue_first, *queue_last; /* guarded by the lock */
  bool closing;                         /* guarded by the lock */
  transfer_t *running;                  /* the thread's own */
};

/* ---- one transfer ---- */

static size_t take_answer(char *bytes, size_t size, size_t count, void *context) {
  transfer_t *transfer = context;
  size_t len = size * count;
  transfer->too_large = len > transfer->answer_max - transfer->call->answer.len;
  if (transfer->too_large) return 0;
  aod_buf_append(&transfer->call->answer, aod_slice(bytes, len));
  return len;
}

/* A redirect's own body is no part of the answer. */
static size_t take_header(char *line, size_t size, size_t count, void *context) {
  transfer_t *transfer = context;
  if (aod_slice_starts(aod_slice(line, size * count), "HTTP/"))
    aod_buf_clear(&transfer->call->answer);
  return size * count;
}

static void set_body(CURL *easy, const aod_call_t *call) {
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.len ? (const char *)call->body.ptr : "");
}

static void set_headers(transfer_t *transfer) {
  const aod_call_t *call = transfer->call;
  /* Without this line, curl asks before it sends a larger body, and waits a second for the answer.
   */
  transfer->headers = curl_slist_append(NULL, "Expect:");
  for (size_t i = 0; i < AOD_CALL_HEADERS_MAX && call->headers[i]; i++)
    transfer->headers = curl_slist_append(transfer->headers, call->headers[i]);
  curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static void set_redirects(CURL *easy, const aod_call_t *call) {
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, call->redirects_max > 0 ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)call->redirects_max);
  curl_easy_setopt(easy, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
}

static void configure(transfer_t *transfer) {
  const aod_call_t *call = transfer->call;
  CURL *easy = transfer->easy;
  transfer->answer_max = call->answer_max ? call->answer_max : ANSWER_BYTES_MAX;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->problem);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_URL, call->url);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "aod/" AOD_VERSION);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                   (long)(call->timeout_ms ? call->timeout_ms : TIMEOUT_MS));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  if (call->has_body || call->body.len) set_body(easy, call);
  if (call->method) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
  if (call->method && strcmp(call->method, "HEAD") == 0) curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  set_headers(transfer);
  set_redirects(easy, call);
}

static void transfer_free(transfer_t *transfer) {
  curl_easy_cleanup(transfer->easy);
  curl_slist_free_all(transfer->headers);
  free(transfer);
}

/* ---- the end of a transfer ---- */

static bool was_sent(const transfer_t *transfer) {
  long bytes = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &bytes);
  return bytes > 0;
}

static int fail_transfer(transfer_t *transfer, CURLcode result) {
  aod_call_t *call = transfer->call;
  const char *reason = *transfer->problem ? transfer->problem : curl_easy_strerror(result);
  if (transfer->too_large)
    return aod_fail(&call->error, AOD_ETOOLARGE, "%s answers more than %zu bytes", call->url,
                    transfer->answer_max);
  /* Once a request has gone out, the same results are about what the server said. */
  bool url = !call->sent && (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL);
  return aod_fail(&call->error, url ? AOD_EINPUT : AOD_EUNAVAILABLE, "%s: %s", call->url, reason);
}

static void read_outcome(transfer_t *transfer, CURLcode result) {
  aod_call_t *call = transfer->call;
  long status = 0;
  curl_off_t retry_after_s = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
  char *redirect = NULL;
  curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &redirect);
  if (call->redirect && redirect) aod_buf_append(call->redirect, aod_text(redirect));
  call->status = (int)status;
  call->retry_after_s = retry_after_s;
  call->sent = was_sent(transfer);
  call->code = result == CURLE_OK ? AOD_OK : fail_transfer(transfer, result);
}

/* The transfer is not in `running` any more. */
static void finish(transfer_t *transfer) {
  aod_call_t *call = transfer->call;
  transfer_free(transfer);
  call->done(call);
}

static void unlink_running(aod_client_t *client, transfer_t *transfer) {
  if (transfer->previous)
    transfer->previous->next = transfer->next;
  else
    client->running = transfer->next;
  if (transfer->next) transfer->next->previous = transfer->previous;
  curl_multi_remove_handle(client->multi, transfer->easy);
}

static void finish_completed(aod_client_t *client) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(client->multi, &left))) {
    if (message->msg != CURLMSG_DONE) continue;
    transfer_t *transfer;
    CURLcode result = message->data.result; /* the message dies with the handle's removal */
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    read_outcome(transfer, result);
    unlink_running(client, transfer);
    finish(transfer);
  }
}

static void refuse(transfer_t *transfer) {
  transfer->call->sent = was_sent(transfer);
  transfer->call->code = aod_fail(&transfer->call->error, AOD_ECLOSED,
                                  "%s: the program is stopping", transfer->call->url);
  finish(transfer);
}

/* ---- the thread ---- */

static void start(aod_client_t *client, transfer_t *transfer) {
  transfer->previous = NULL;
  transfer->next = client->running;
  if (client->running) client->running->previous = transfer;
  client->running = transfer;
  configure(transfer);
  aod_assert(curl_multi_add_handle(client->multi, transfer->easy) == CURLM_OK);
}

/* Everything queued so far, in order. False when the client closes. */
static bool take_queue(aod_client_t *client, transfer_t **queue) {
  pthread_mutex_lock(&client->lock);
  *queue = client->queue_first;
  client->queue_first = client->queue_last = NULL;
  bool open = !client->closing;
  pthread_mutex_unlock(&client->lock);
  return open;
}

static void refuse_all(aod_client_t *client, transfer_t *queue) {
  while (client->running) {
    transfer_t *transfer = client->running;
    unlink_running(client, transfer);
    refuse(transfer);
  }
  while (queue) {
    transfer_t *transfer = queue;
    queue = transfer->next;
    refuse(transfer);
  }
}

static void *run(void *argument) {
  aod_client_t *client = argument;
  transfer_t *queue;
  while (take_queue(client, &queue)) {
    while (queue) {
      transfer_t *transfer = queue;
      queue = transfer->next;
      start(client, transfer);
    }
    int running;
    curl_multi_perform(client->multi, &running);
    finish_completed(client);
    curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
  }
  refuse_all(client, queue);
  return NULL;
}

/* ---- life ---- */

int aod_client_open(aod_client_t **out, aod_error_t *err) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return aod_fail(err, AOD_EINTERNAL, "curl does not start");
  aod_client_t *client = aod_alloc(sizeof *client);
  client->multi = curl_multi_init();
  aod_assert(client->multi);
  curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HOST_CONNECTIONS_MAX);
  pthread_mutex_init(&client->lock, NULL);
  aod_assert(pthread_create(&client->thread, NULL, run, client) == 0);
  pthread_setname_np(client->thread, "http-client");
  *out = client;
  return AOD_OK;
}

void aod_client_stop(aod_client_t *client) {
  pthread_mutex_lock(&client->lock);
  bool stopped = client->closing;
  client->closing = true;
  pthread_mutex_unlock(&client->lock);
  if (stopped) return;
  curl_multi_wakeup(client->multi);
  pthread_join(client->thread, NULL);
}

void aod_client_close(aod_client_t *client) {
  if (!client) return;
  aod_client_stop(client);
  curl_multi_cleanup(client->multi);
  pthread_mutex_destroy(&client->lock);
  curl_global_cleanup();
  free(client);
}

static void enqueue(aod_client_t *client, transfer_t *transfer) {
  if (client->queue_last)
    client->queue_last->next = transfer;
  else
    client->queue_first = transfer;
  client->queue_last = transfer;
}

void aod_client_submit(aod_client_t *client, aod_call_t *call) {
  transfer_t *transfer = aod_alloc(sizeof *transfer);
  transfer->call = call;
  transfer->easy = curl_easy_init();
  aod_assert(transfer->easy);
  pthread_mutex_lock(&client->lock);
  bool closing = client->closing;
  if (!closing) enqueue(client, transfer);
  pthread_mutex_unlock(&client->lock);
  if (closing)
    refuse(transfer);
  else
    curl_multi_wakeup(client->multi);
}

/* ---- waiting ---- */

typedef struct {
  aod_call_t call; /* first: a copy that is submitted in the caller's stead */
  aod_latch_t latch;
} waiting_t;

static void waiting_done(aod_call_t *call) {
  aod_latch_end(&((waiting_t *)call)->latch, call->code, &call->error);
}

int aod_client_perform(aod_client_t *client, aod_call_t *call, aod_error_t *err) {
  waiting_t waiting = {.call = *call, .latch = AOD_LATCH(1)};
  waiting.call.done = waiting_done;
  aod_client_submit(client, &waiting.call);
  int code = aod_latch_wait(&waiting.latch, err);
  void (*done)(aod_call_t *) = call->done;
  *call = waiting.call;
  call->done = done;
  return code;
}
