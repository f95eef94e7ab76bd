/* Request targets: splitting, routing, decoding, queries. Any bytes; NULs included, although the
 * server never passes one on. */
#include <stdlib.h>

#include "http/router.h"

static void handle(aod_request_t *request, void *unit) {
  (void)request, (void)unit;
}

static const aod_route_t routes[] = {
    {"GET", "/", handle, 0},           {"GET", "/tx/:id/:field", handle, 0},
    {"POST", "/tx", handle, 1},        {"GET", "/price/:bytes/:target", handle, 0},
    {"GET", "/block/*", handle, 0},    {"POST", "/:id", handle, 1},
    {"GET", "/:a/:b/:c/*", handle, 0}, {0},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  aod_slice_t path, query, value, params[AOD_ROUTE_PARAMS_MAX] = {0};
  aod__target_split(aod_slice(data, len), &path, &query);
  aod_arena_t arena = {0};
  bool known;
  const aod_route_t *route = aod__route_find(routes, AOD_TEXT("GET"), path, &arena, params, &known);
  aod_assert(!route || known);
  for (size_t i = 0; i < AOD_ROUTE_PARAMS_MAX; i++) aod_assert(params[i].len <= len);
  if (aod__query_find(&arena, query, "process-id", &value)) aod_assert(value.len <= query.len);
  aod_buf_t list = {0};
  aod__route_methods(routes, path, &list);
  aod_assert(!known || list.len > 0);
  aod_buf_free(&list);
  aod_arena_free(&arena);
  return 0;
}
