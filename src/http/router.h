/* Paths and queries: pure text functions behind the server. Internal to the http floor. */
#ifndef AOD_HTTP_ROUTER_H
#define AOD_HTTP_ROUTER_H

#include "http/server.h"

/* Cut a request target into path and query: "/a?b", "http://host/a?b", "*". */
void aod__target_split(aod_slice_t target, aod_slice_t *path, aod_slice_t *query);

/* The first route that serves `method` on `path`, its parameters decoded into the arena; NULL when
 * there is none, and then *path_known says whether another method would have been served. */
const aod_route_t *aod__route_find(const aod_route_t *routes, aod_slice_t method, aod_slice_t path,
                                   aod_arena_t *arena, aod_slice_t params[AOD_ROUTE_PARAMS_MAX],
                                   bool *path_known);

/* Append the methods served on `path` as an Allow header lists them. */
void aod__route_methods(const aod_route_t *routes, aod_slice_t path, aod_buf_t *list);

/* Percent-decoded copy; what is no valid escape stays as it is. `form`: "+" is a blank. */
aod_slice_t aod__percent_decode(aod_arena_t *arena, aod_slice_t text, bool form);

/* First value of `name` in a query string, decoded. */
bool aod__query_find(aod_arena_t *arena, aod_slice_t query, const char *name, aod_slice_t *value);

#endif
