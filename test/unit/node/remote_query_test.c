#include "node/remote_query.h"

#include "support/items.h"

static aod_arena_t arena;

static void a_query_is_written_with_literals(void **state) {
  (void)state;
  aod_slice_t owners[] = {AOD_TEXT("OWNER-1"), AOD_TEXT("O\"2\\")};
  aod_gateway_query_t query = {.owners = owners,
                               .owner_count = 2,
                               .tags = tags_of("Type", "Attestation", "Message", "ID", NULL),
                               .max_block = 77,
                               .limit = 5};
  aod_buf_t body = {0};
  json_t *json;
  aod_query_write(&query, &body);
  assert_int_equal(aod_json_parse(aod_buf_slice(&body), &json, NULL), AOD_OK);
  check_text(aod_json_get_string(json, "query"),
             "query { transactions(owners: [\"OWNER-1\",\"O\\\"2\\\\\"], tags: "
             "[{ name: \"Type\", values: [\"Attestation\"] }, { name: \"Message\", values: "
             "[\"ID\"] }], block: { min: 0, max: 77 }, first: 5, sort: HEIGHT_DESC) "
             "{ edges { node { id tags { name value } } } } }");
  json_decref(json);
  query.max_block = UINT64_MAX;
  aod_buf_clear(&body);
  aod_query_write(&query, &body);
  aod_buf_terminate(&body);
  assert_null(strstr((const char *)body.ptr, "block"));
  aod_buf_free(&body);
}

#define ONES "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"

static void check_read(const char *edges, size_t limit, size_t expected) {
  json_t *json;
  aod_found_list_t list;
  assert_int_equal(aod_json_parse(aod_text(edges), &json, NULL), AOD_OK);
  aod_query_read(json, limit, &arena, &list);
  json_decref(json);
  assert_int_equal(list.count, expected);
  for (size_t i = 0; i < list.count; i++) assert_int_equal(list.list[i].id[0], 1);
}

static void an_answer_is_read_whatever_it_is(void **state) {
  (void)state;
  check_read("[]", 5, 0);
  check_read("{}", 5, 0);
  check_read("[null, 5, {\"node\": {}}, {\"node\": {\"id\": \"short\"}}]", 5, 0);
  check_read("[{\"node\": {\"id\": \"" ONES "\", \"tags\": 7}}]", 5, 1);
  check_read("[{\"node\": {\"id\": \"" ONES "\"}}, {\"node\": {\"id\": \"" ONES "\"}}]", 1, 1);
  check_read("[{\"node\": {\"id\": \"" ONES "\", \"tags\": [{\"name\": 1}, [], null]}}]", 5, 1);
}

static void tags_are_read_in_order(void **state) {
  (void)state;
  json_t *json;
  aod_found_list_t list;
  const char *text =
      "[{\"node\": {\"id\": \"" ONES "\", \"tags\": [{\"name\": \"A\", \"value\": \"1\"},"
      "{\"name\": \"B\", \"value\": \"2\"}]}}]";
  assert_int_equal(aod_json_parse(aod_text(text), &json, NULL), AOD_OK);
  aod_query_read(json, 5, &arena, &list);
  json_decref(json);
  assert_int_equal(list.list[0].tags.count, 2);
  check_text(list.list[0].tags.list[0].name, "A");
  check_text(list.list[0].tags.list[1].value, "2");
}

static int release(void **state) {
  (void)state;
  aod_arena_free(&arena);
  items_free();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_query_is_written_with_literals),
      TEST(an_answer_is_read_whatever_it_is),
      TEST(tags_are_read_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
