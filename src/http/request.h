/* A request as the server sees it. Internal to the http floor.
 *
 * Two sides hold a request: the connection (libmicrohttpd's thread) and the handler, which may have
 * passed it on to any thread. Each drops its reference when done, as does who keeps it beyond its
 * answer; the last one frees. The state
 * decides who acts next and changes only by compare-and-set:
 *
 *   RECEIVING ── body complete ──▶ HANDLING ── answered in time ──────▶ ANSWERED
 *                                     │ returned without an answer         ▲
 *                                     ▼                                    │ aod_respond, resumes
 *                                 SUSPENDED ───────────────────────────────┘
 *                                     │ the server closes, resumes
 *                                     ▼
 *                                 ABANDONED    the connection answers 503 by itself
 *
 * Whoever moves a request out of SUSPENDED resumes its connection, exactly once. */
#ifndef AOD_HTTP_REQUEST_H
#define AOD_HTTP_REQUEST_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "http/server.h"

typedef enum {
  AOD__RECEIVING,
  AOD__HANDLING,
  AOD__SUSPENDED,
  AOD__ANSWERED,
  AOD__ABANDONED
} aod__request_state_t;

typedef struct aod__header aod__header_t;
struct aod__header {
  aod__header_t *next;
  const char *name;
  aod_slice_t value;
};

typedef struct aod__request aod__request_t;
struct aod__request {
  aod_request_t public; /* first: handlers hold a pointer to it */
  aod_server_t *server;
  struct MHD_Connection *connection;
  const aod_route_t *route;
  bool begun;             /* linked in the server's list */
  aod_buf_t body;         /* never longer than body_max */
  uint64_t body_received; /* what came, kept or not */
  uint64_t body_max;      /* of the route, or of its sink when the body goes there */
  uint64_t body_discarded;
  const aod_sink_t *sink;        /* of the route, also when another answers in its place */
  bool sink_full;                /* it wants no more */
  aod__header_t *headers_in;     /* copies: they outlive the connection */
  aod__header_t *headers_out;    /* newest first */
  int status;                    /* with `response`: written before ANSWERED, read after */
  struct MHD_Response *response; /* ours until it is sent */
  _Atomic(aod__request_state_t) state;
  atomic_int references;
  aod__request_t *next, *previous; /* guarded by the server's lock */
};

static inline aod__request_t *aod__request_of(aod_request_t *request) {
  return (aod__request_t *)request;
}

static inline bool aod__request_move(aod__request_t *request, aod__request_state_t from,
                                     aod__request_state_t to) {
  return atomic_compare_exchange_strong(&request->state, &from, to);
}

void aod__request_release(aod__request_t *request);

/* Resume a connection that the server suspended; the caller has just moved it out of SUSPENDED. */
void aod__request_resume(aod__request_t *request);

/* The 503 of a server that closes. */
struct MHD_Response *aod__response_closing(void);

#endif
