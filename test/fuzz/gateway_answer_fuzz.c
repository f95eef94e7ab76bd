/* Answers of gateways to a search: whatever they say, what is read is within the limit and lives on
 * without the answer. And what is asked is JSON, whatever is in it. */
#include "node/remote_query.h"

static void expect_question(const aod_found_t *found) {
  aod_buf_t body = {0};
  json_t *json;
  aod_slice_t owner = aod_slice(found->id, sizeof found->id);
  aod_gateway_query_t query = {
      .owners = &owner, .owner_count = 1, .tags = found->tags, .max_block = 5, .limit = 1};
  aod_query_write(&query, &body);
  aod_assert(aod_json_parse(aod_buf_slice(&body), &json, NULL) == AOD_OK);
  aod_assert(aod_json_get_string(json, "query").len > 0);
  json_decref(json);
  aod_buf_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  json_t *edges;
  aod_found_list_t list;
  if (aod_json_parse(aod_slice(data, len), &edges, NULL) != AOD_OK) return 0;
  aod_arena_t arena = {0};
  aod_query_read(edges, 3, &arena, &list);
  json_decref(edges);
  aod_assert(list.count <= 3);
  for (size_t i = 0; i < list.count; i++) expect_question(&list.list[i]);
  aod_arena_free(&arena);
  return 0;
}
