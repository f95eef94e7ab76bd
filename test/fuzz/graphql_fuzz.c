/* GraphQL texts: lexer, parser and planner with a few variables. Running a plan cannot fail on the
 * text any more. */
#include "ar/graphql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static json_t *variables;
  if (!variables)
    variables = json_loads("{\"a\": \"x\", \"b\": [\"y\", null], \"c\": {\"min\": 1}, \"d\": true,"
                           " \"e\": 3, \"f\": null}",
                           0, NULL);
  aod_arena_t arena = {0};
  aod__definition_t *document;
  aod__plan_t *plan;
  aod_error_t err;
  int code = aod__graphql_parse(aod_slice(data, len), &arena, &document, &err);
  if (code == AOD_OK) code = aod__graphql_plan(document, AOD_EMPTY, variables, &arena, &plan, &err);
  aod_assert(code == AOD_OK || code == AOD_EINPUT);
  aod_arena_free(&arena);
  return 0;
}
