/* What handlers see of a request, and how its answer gets back to the connection.
 *
 * The answer is built on the calling thread; only then does the state change, and whoever finds the
 * connection suspended wakes it. See request.h for the states. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "http/request.h"
#include "http/router.h"

bool aod_request_query(aod_request_t *request, const char *name, aod_slice_t *value) {
  return aod__query_find(&request->arena, request->query, name, value);
}

aod_slice_t aod_request_header(aod_request_t *request, const char *name) {
  aod_slice_t wanted = aod_text(name);
  for (aod__header_t *h = aod__request_of(request)->headers_in; h; h = h->next)
    if (aod_slice_is_nocase(wanted, h->name)) return h->value;
  return AOD_EMPTY;
}

void aod_request_keep(aod_request_t *request) {
  atomic_fetch_add(&aod__request_of(request)->references, 1);
}

void aod_request_let_go(aod_request_t *request) {
  aod__request_release(aod__request_of(request));
}

void aod_respond_header(aod_request_t *request, const char *name, aod_slice_t value) {
  for (size_t i = 0; i < value.len; i++)
    if (value.ptr[i] < 0x20 || value.ptr[i] == 0x7f) return;
  aod__request_t *r = aod__request_of(request);
  aod__header_t *header = aod_arena_alloc(&request->arena, sizeof *header);
  header->name = (const char *)aod_arena_copy(&request->arena, aod_text(name)).ptr;
  header->value = aod_arena_copy(&request->arena, value);
  header->next = r->headers_out;
  r->headers_out = header;
}

static void add_headers(aod__request_t *request, struct MHD_Response *response,
                        const char *content_type) {
  MHD_add_response_header(response, "Access-Control-Allow-Origin", "*");
  if (content_type) MHD_add_response_header(response, "Content-Type", content_type);
  for (aod__header_t *h = request->headers_out; h; h = h->next)
    MHD_add_response_header(response, h->name, (const char *)h->value.ptr);
}

static void finish(aod_request_t *handle, int status, const char *content_type,
                   struct MHD_Response *response) {
  aod_assert(response && status >= 200 && status < 600);
  aod__request_t *request = aod__request_of(handle);
  add_headers(request, response, content_type);
  request->response = response;
  request->status = status;
  if (aod__request_move(request, AOD__HANDLING, AOD__ANSWERED)) {
    /* the thread that called the handler will notice */
  } else if (aod__request_move(request, AOD__SUSPENDED, AOD__ANSWERED)) {
    aod__request_resume(request);
  } else {
    aod_assert(atomic_load(&request->state) == AOD__ABANDONED); /* else: answered twice */
  }
  aod__request_release(request);
}

void aod_respond(aod_request_t *request, int status, const char *content_type, aod_slice_t body) {
  struct MHD_Response *response = MHD_create_response_from_buffer(
      body.len, body.len ? (void *)body.ptr : "", MHD_RESPMEM_MUST_COPY);
  finish(request, status, content_type, response);
}

void aod_respond_buf(aod_request_t *request, int status, const char *content_type,
                     aod_buf_t *body) {
  if (body->len == 0) {
    aod_buf_free(body);
    aod_respond(request, status, content_type, AOD_EMPTY);
    return;
  }
  struct MHD_Response *response =
      MHD_create_response_from_buffer_with_free_callback(body->len, body->ptr, free);
  *body = (aod_buf_t){0};
  finish(request, status, content_type, response);
}

void aod_respond_file(aod_request_t *request, int status, const char *content_type, int fd,
                      uint64_t offset, uint64_t len) {
  finish(request, status, content_type, MHD_create_response_from_fd_at_offset64(len, fd, offset));
}

static void error_body(aod_buf_t *body, aod_slice_t text) {
  aod_buf_text(body, "{");
  aod_json_key_string(body, "error", text);
  aod_buf_text(body, "}");
}

void aod_respond_error(aod_request_t *request, int status, const char *format, ...) {
  char text[1000];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  aod_buf_t body = {0};
  error_body(&body, aod_text(text));
  aod_respond_buf(request, status, "application/json", &body);
}

struct MHD_Response *aod__response_closing(void) {
  static const char body[] = "{\"error\":\"shutting down\"}";
  struct MHD_Response *response =
      MHD_create_response_from_buffer(sizeof body - 1, (void *)body, MHD_RESPMEM_PERSISTENT);
  MHD_add_response_header(response, "Access-Control-Allow-Origin", "*");
  MHD_add_response_header(response, "Content-Type", "application/json");
  return response;
}
