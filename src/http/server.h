/* HTTP server: a table of routes on one port. Knows nothing of AO.
 *
 * A handler runs on one of the server's threads with the whole body at hand. It answers by calling
 * aod_respond once: at once, or later from any thread, after having kept the request pointer; in
 * between, the connection is suspended and holds no thread. The request and its arena live until
 * the answer has been sent; after aod_respond the caller must not touch the request again.
 *
 * Every answer carries Access-Control-Allow-Origin: *; OPTIONS is answered for every path with the
 * methods and headers that the reference units name (units.md 0.4). Unknown paths get 404, known
 * paths with another method 405, bodies over the route's limit 413, all as JSON {"error": ...}.
 * HEAD is answered by the GET route without its body.
 *
 * A body that may be too large to hold goes to the route's sink instead, piece by piece as it
 * arrives; the handler then runs when all of it has been given away. */
#ifndef AOD_HTTP_SERVER_H
#define AOD_HTTP_SERVER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

enum { AOD_ROUTE_PARAMS_MAX = 4 };

typedef struct {
  aod_slice_t method, path, query; /* as sent; query without the question mark, may be empty */
  aod_slice_t body;                /* empty when it went to a sink */
  void *stream;                    /* what the sink's `open` returned; NULL: the body was held */
  aod_slice_t params[AOD_ROUTE_PARAMS_MAX]; /* percent-decoded values of the pattern's :names */
  aod_arena_t arena;                        /* for whatever the handler needs until the answer */
} aod_request_t;

/* Where a body goes while it arrives. The functions run on the server's threads, for one request
 * never two at a time. */
typedef struct {
  /* The head is complete. The result is given to the others; NULL: hold this body, as for a route
   * without a sink (a short one, say). */
  void *(*open)(aod_request_t *request, void *unit);
  /* The next piece. False: the request will be refused whatever comes, so the rest is thrown away
   * (or the client is cut off, when it is long) and the handler is called. */
  bool (*write)(void *stream, aod_slice_t piece);
  /* Once: the answer was sent, or the client went away, perhaps before the handler was called. */
  void (*close)(void *stream);
  uint64_t body_max; /* bytes */
} aod_sink_t;

typedef struct {
  const char *method; /* "GET" */
  /* "/result/:id": segments match whole, ":name" any, "*" the rest (a parameter as well, in which
   * slashes stay). Slashes may be doubled and trail in the path; the first row that fits wins. */
  const char *pattern;
  void (*handle)(aod_request_t *request, void *unit);
  size_t body_max; /* bytes; 0: the route takes no body (one is read and ignored up to 1 MiB) */
  const aod_sink_t *sink; /* NULL: every body is held */
} aod_route_t;

typedef struct {
  const char *name;          /* for the log: "mu" */
  int listen_fd;             /* a listening socket; the server owns it from open on */
  int threads;               /* 0: one a core */
  const aod_route_t *routes; /* ends with a row whose method is NULL; must outlive the server */
  void *unit;                /* passed to the handlers */
} aod_server_options_t;

typedef struct aod_server aod_server_t;

/* A listening TCP socket on host:port, port 0 for a free one; *port gets the real one.
 * AOD_EUNAVAILABLE naming host and port when it is in use. */
int aod_server_listen(const char *host, int *port, int *listen_fd, aod_error_t *err);

int aod_server_open(aod_server_t **server, const aod_server_options_t *options, aod_error_t *err);

/* Stop accepting, then wait until requests in progress are answered, at most `grace_ms`. */
void aod_server_drain(aod_server_t *server, int64_t grace_ms);
/* Drain without grace: requests that still wait get 503. A unit may call aod_respond for them
 * afterwards, as it must in any case; nobody reads that answer. NULL is fine. */
void aod_server_close(aod_server_t *server);

/* The percent-decoded value of a query parameter. False when absent; "?x" and "?x=" are present
 * with an empty value. */
bool aod_request_query(aod_request_t *request, const char *name, aod_slice_t *value);
/* A header's value by name (any case), empty when absent. */
aod_slice_t aod_request_header(aod_request_t *request, const char *name);

/* The request's memory lives on after the answer, until it is let go. Before aod_respond. */
void aod_request_keep(aod_request_t *request);
void aod_request_let_go(aod_request_t *request);

/* Add a header to the answer to come. Call before aod_respond. Control characters in the value
 * make the header be left out. */
void aod_respond_header(aod_request_t *request, const char *name, aod_slice_t value);
/* Answer; the body is copied. content_type NULL: none. */
void aod_respond(aod_request_t *request, int status, const char *content_type, aod_slice_t body);
/* Answer with a buffer whose memory the server takes over. */
void aod_respond_buf(aod_request_t *request, int status, const char *content_type, aod_buf_t *body);
/* Answer with `len` bytes of a file from `offset` on; the server closes the descriptor. */
void aod_respond_file(aod_request_t *request, int status, const char *content_type, int fd,
                      uint64_t offset, uint64_t len);
/* Answer {"error": "<text>"} as JSON. */
void aod_respond_error(aod_request_t *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
