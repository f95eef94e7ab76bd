/* One HTTP request after the other with curl, on a connection that is kept. */
#ifndef AOD_TEST_SUPPORT_HTTP_CALL_H
#define AOD_TEST_SUPPORT_HTTP_CALL_H

/* cmocka wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define UNUSED_IN_SOME_CALLS __attribute__((unused)) static

/* A zeroed one is ready for use. */
typedef struct {
  CURL *curl;
  struct curl_slist *headers;
  char url[500];
  aod_buf_t body, head; /* of the last answer, NUL-terminated */
  long status;
} call_t;

UNUSED_IN_SOME_CALLS size_t call_collect(char *data, size_t size, size_t count, void *buf) {
  aod_buf_append(buf, aod_slice(data, size * count));
  return size * count;
}

/* A GET to be changed by the caller or run by call_run. Headers set before are forgotten. */
UNUSED_IN_SOME_CALLS void call_prepare(call_t *call, int port, const char *path) {
  if (!call->curl) call->curl = curl_easy_init();
  curl_easy_reset(call->curl);
  curl_slist_free_all(call->headers);
  call->headers = NULL;
  aod_buf_clear(&call->body);
  aod_buf_clear(&call->head);
  snprintf(call->url, sizeof call->url, "http://127.0.0.1:%d%s", port, path);
  curl_easy_setopt(call->curl, CURLOPT_URL, call->url);
  curl_easy_setopt(call->curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(call->curl, CURLOPT_WRITEFUNCTION, call_collect);
  curl_easy_setopt(call->curl, CURLOPT_WRITEDATA, &call->body);
  curl_easy_setopt(call->curl, CURLOPT_HEADERFUNCTION, call_collect);
  curl_easy_setopt(call->curl, CURLOPT_HEADERDATA, &call->head);
  curl_easy_setopt(call->curl, CURLOPT_TIMEOUT, 60L);
  curl_easy_setopt(call->curl, CURLOPT_NOSIGNAL, 1L);
}

UNUSED_IN_SOME_CALLS void call_header(call_t *call, const char *line) {
  call->headers = curl_slist_append(call->headers, line);
  curl_easy_setopt(call->curl, CURLOPT_HTTPHEADER, call->headers);
}

UNUSED_IN_SOME_CALLS void call_body(call_t *call, aod_slice_t body) {
  curl_easy_setopt(call->curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
  curl_easy_setopt(call->curl, CURLOPT_POSTFIELDS, body.len ? (const char *)body.ptr : "");
}

UNUSED_IN_SOME_CALLS void call_run(call_t *call) {
  assert_int_equal(curl_easy_perform(call->curl), CURLE_OK);
  curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &call->status);
  aod_buf_terminate(&call->body);
  aod_buf_terminate(&call->head);
}

UNUSED_IN_SOME_CALLS void call_get(call_t *call, int port, const char *path) {
  call_prepare(call, port, path);
  call_run(call);
}

UNUSED_IN_SOME_CALLS void call_head(call_t *call, int port, const char *path) {
  call_prepare(call, port, path);
  curl_easy_setopt(call->curl, CURLOPT_NOBODY, 1L);
  call_run(call);
}

/* `type`: the Content-Type. */
UNUSED_IN_SOME_CALLS void call_send(call_t *call, const char *method, int port, const char *path,
                                    const char *type, aod_slice_t body) {
  char line[200];
  call_prepare(call, port, path);
  snprintf(line, sizeof line, "Content-Type: %s", type);
  call_header(call, line);
  call_body(call, body);
  curl_easy_setopt(call->curl, CURLOPT_CUSTOMREQUEST, method);
  call_run(call);
}

UNUSED_IN_SOME_CALLS void call_post(call_t *call, int port, const char *path, const char *type,
                                    aod_slice_t body) {
  call_send(call, "POST", port, path, type, body);
}

/* Does the head hold this line, or a line that begins so? */
UNUSED_IN_SOME_CALLS bool call_has_header(const call_t *call, const char *line) {
  return strstr((const char *)call->head.ptr, line) != NULL;
}

UNUSED_IN_SOME_CALLS void call_free(call_t *call) {
  curl_easy_cleanup(call->curl);
  curl_slist_free_all(call->headers);
  aod_buf_free(&call->body);
  aod_buf_free(&call->head);
  *call = (call_t){0};
}

#endif
