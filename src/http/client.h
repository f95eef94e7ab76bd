/* HTTP client: all outgoing requests of the program on one thread, with curl's multi interface.
 * Knows nothing of AO.
 *
 * Connections are kept and shared between calls. http and https only. Whatever the server does, a
 * call ends: within its time limit, and with no more of a body than was asked for. Every answer
 * with a status is AOD_OK, 500 as well: what a status means is the caller's to say. */
#ifndef AOD_HTTP_CLIENT_H
#define AOD_HTTP_CLIENT_H

#include "base/bytes.h"
#include "base/error.h"

enum { AOD_CALL_HEADERS_MAX = 8 };

typedef struct aod_client aod_client_t;

/* One request. Filled and kept alive by the caller until `done`. */
typedef struct aod_call aod_call_t;
struct aod_call {
  const char *method; /* NULL: GET, or POST when there is a body */
  const char *url;
  const char *headers[AOD_CALL_HEADERS_MAX]; /* "Name: value", up to the first NULL */
  aod_slice_t body;
  bool has_body;       /* send `body`, even when it is empty */
  int64_t timeout_ms;  /* for everything, redirects included; 0: 30 s */
  size_t answer_max;   /* bytes of a body to take; 0: 1 MiB */
  int redirects_max;   /* how many to follow, body and method kept; 0: a redirect is an answer */
  aod_buf_t *redirect; /* NULL, or: where an answer that is one leads to, as absolute URL */

  /* Once, on the client's thread, which must not be held up; when the client has stopped, on the
   * submitter's. May free the call. */
  void (*done)(aod_call_t *call);

  /* What came of it. AOD_EUNAVAILABLE: no whole answer (refused, cut off, too late, too many
   * redirects); AOD_ETOOLARGE: more than answer_max; AOD_EINPUT: the URL; AOD_ECLOSED. */
  int code;
  aod_error_t error;
  bool
      sent; /* some of the request went out: also when the call failed it may have had its effect */
  int status;
  aod_buf_t answer;      /* the body; the caller's to free, also after a failure */
  int64_t retry_after_s; /* what the server asked for; 0: nothing */
};

int aod_client_open(aod_client_t **client, aod_error_t *err);
/* Calls that are under way, and those submitted from now on, end with AOD_ECLOSED. */
void aod_client_stop(aod_client_t *client);
/* The same, then release it: nobody may submit any more. NULL is fine. */
void aod_client_close(aod_client_t *client);

/* Any thread, `done` of another call included. */
void aod_client_submit(aod_client_t *client, aod_call_t *call);
/* Submit and wait; `done` is not used. Not on the client's own thread. Returns call->code. */
int aod_client_perform(aod_client_t *client, aod_call_t *call, aod_error_t *err);

#endif
