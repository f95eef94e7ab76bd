/* A gateway's GraphQL for what units search for (ao/units.h): the question, and what an answer
 * says. Pure; answers are a stranger's. */
#ifndef AOD_NODE_REMOTE_QUERY_H
#define AOD_NODE_REMOTE_QUERY_H

#include "ao/units.h"
#include "base/json.h"

/* Append the body of POST /graphql, its values in the query as literals. */
void aod_query_write(const aod_gateway_query_t *query, aod_buf_t *body);

/* The edges of the answer, at most `limit`, in `arena`. What has no id is left out. */
void aod_query_read(const json_t *edges, size_t limit, aod_arena_t *arena, aod_found_list_t *list);

#endif
