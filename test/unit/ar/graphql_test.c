/* GraphQL without an index: what parses, what is planned, what is refused and how it is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "ar/graphql.h"

typedef struct {
  aod_arena_t arena;
  aod__plan_t *plan;
  int code;
  aod_error_t err;
} planned_t;

static planned_t plan(const char *text, const char *variables) {
  planned_t p = {0};
  aod__definition_t *document;
  json_t *json = variables ? json_loads(variables, 0, NULL) : NULL;
  p.code = aod__graphql_parse(aod_text(text), &p.arena, &document, &p.err);
  if (p.code == AOD_OK)
    p.code = aod__graphql_plan(document, AOD_EMPTY, json, &p.arena, &p.plan, &p.err);
  p.plan = p.code == AOD_OK ? p.plan : NULL;
  json_decref(json); /* what the plan keeps of it must be its own: the tests below read it */
  return p;
}

/* The plan as "a(b,c)". */
static void describe(const aod__plan_t *plan, aod_buf_t *out) {
  for (const aod__plan_t *p = plan; p; p = p->next) {
    aod_buf_printf(out, "%s%s", p == plan ? "" : ",", p->key);
    if (!p->children) continue;
    aod_buf_text(out, "(");
    describe(p->children, out);
    aod_buf_text(out, ")");
  }
}

static void expect_plan(const char *text, const char *variables, const char *expected) {
  planned_t p = plan(text, variables);
  if (p.code != AOD_OK) fail_msg("%s: %s", text, p.err.message);
  aod_buf_t out = {0};
  describe(p.plan, &out);
  aod_buf_terminate(&out);
  assert_string_equal((char *)out.ptr, expected);
  aod_buf_free(&out);
  aod_arena_free(&p.arena);
}

static void expect_refused(const char *text, const char *variables, const char *message) {
  planned_t p = plan(text, variables);
  assert_int_equal(p.code, AOD_EINPUT);
  if (!strstr(p.err.message, message)) fail_msg("%s: \"%s\", not %s", text, p.err.message, message);
  aod_arena_free(&p.arena);
}

/* ---- language ---- */

static void reads_the_language(void **state) {
  (void)state;
  expect_plan("{ transaction(id: \"x\") { id } }", NULL, "transaction(id)");
  expect_plan("query { transaction(id: \"x\") { id } }", NULL, "transaction(id)");
  expect_plan("query Name($a: ID!, $b: [String!]! = [\"d\"], $c: Int = 3) { transaction(id: $a) "
              "{ id } }",
              "{\"a\": \"x\"}", "transaction(id)");
  expect_plan("# comment\n{,transaction(id:\"x\",),{id,,anchor},}# end", NULL,
              "transaction(id,anchor)");
  expect_plan("\xef\xbb\xbf{ transaction(id: \"\"\"x \"y\" \\\"\"\" \"\"\") { id } }", NULL,
              "transaction(id)");
  expect_plan("{ transactions(tags: [{name: \"a\", values: [\"\\u00e9\\n\\ud83d\\ude00\"],},]) "
              "{ edges { node { id } } } }",
              NULL, "transactions(edges(node(id)))");
}

static void keeps_the_order_of_the_selection(void **state) {
  (void)state;
  expect_plan("{ transactions { edges { node { tags { value name } id owner { key } } cursor } "
              "pageInfo { hasNextPage } } }",
              NULL,
              "transactions(edges(node(tags(value,name),id,owner(key)),cursor),"
              "pageInfo(hasNextPage))");
}

static void merges_equal_keys(void **state) {
  (void)state;
  expect_plan("{ transaction(id: \"x\") { id block { timestamp } id block { id timestamp } } }",
              NULL, "transaction(id,block(timestamp,id))");
  expect_plan("{ transaction(id: \"x\") { id } transaction(id: \"x\") { anchor } }", NULL,
              "transaction(id,anchor)");
  expect_plan("{ a: transaction(id: \"x\") { n: id } b: transaction(id: \"y\") { n: anchor } }",
              NULL, "a(n),b(n)");
  expect_refused("{ transaction(id: \"x\") { id } transaction(id: \"y\") { id } }", NULL,
                 "\"transaction\" conflict");
  expect_refused("{ transaction(id: \"x\") { n: id n: anchor } }", NULL, "\"n\" conflict");
}

static void puts_fragments_in(void **state) {
  (void)state;
  expect_plan("{ transaction(id: \"x\") { ...A ... on Transaction { anchor } ... { id } } } "
              "fragment A on Transaction { id owner { ...B } } fragment B on Owner { key }",
              NULL, "transaction(id,owner(key),anchor)");
  expect_refused("{ transaction(id: \"x\") { ...A } } fragment A on Block { id }", NULL,
                 "cannot be used on \"Transaction\"");
  expect_refused("{ transaction(id: \"x\") { ...A } }", NULL, "Unknown fragment \"A\"");
  expect_refused("{ transaction(id: \"x\") { ...A } } fragment A on Transaction { ...A }", NULL,
                 "levels deep");
}

static void decides_skip_and_include(void **state) {
  (void)state;
  const char *text = "query($s: Boolean!) { transaction(id: \"x\") { id anchor @skip(if: $s) "
                     "recipient @include(if: $s) ... @skip(if: true) { signature } } }";
  expect_plan(text, "{\"s\": true}", "transaction(id,recipient)");
  expect_plan(text, "{\"s\": false}", "transaction(id,anchor)");
  expect_refused(text, "{\"s\": \"yes\"}", "needs the argument if: Boolean");
  expect_refused("{ transaction(id: \"x\") { id @other } }", NULL, "Unknown directive \"@other\"");
}

/* ---- arguments ---- */

static void reads_filters(void **state) {
  (void)state;
  planned_t p = plan(
      "query($o: [String!], $after: String, $n: Int, $v: String) { transactions(owners: $o, "
      "tags: {name: \"T\", values: [$v]}, block: {min: 3, max: 7}, first: $n, "
      "after: $after, sort: HEIGHT_ASC) { edges { cursor } } }",
      "{\"o\": [\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\", \"\"], \"n\": 5, \"v\": \"v\"}");
  assert_int_equal(p.code, AOD_OK);
  const aod__index_query_t *query = &p.plan->query;
  assert_true(query->owners.given);
  assert_int_equal(query->owners.count, 1); /* "" can be nobody's address */
  assert_int_equal(query->tag_count, 1);
  assert_true(aod_slice_is(query->tags[0].name, "T"));
  assert_int_equal(query->tags[0].value_count, 1);
  assert_true(aod_slice_is(query->tags[0].values[0], "v"));
  assert_int_equal(query->height_min, 3);
  assert_int_equal(query->height_max, 7);
  assert_int_equal(query->limit, 5);
  assert_true(query->oldest_first);
  assert_false(query->has_after); /* the variable is absent, so the argument is */
  assert_false(query->ids.given);
  aod_arena_free(&p.arena);
}

static void clamps_pages(void **state) {
  (void)state;
  planned_t p = plan("{ transactions { edges { cursor } } }", NULL);
  assert_int_equal(p.plan->query.limit, AOD__GRAPHQL_FIRST_DEFAULT);
  aod_arena_free(&p.arena);
  p = plan("{ transactions(first: 100000) { edges { cursor } } }", NULL);
  assert_int_equal(p.plan->query.limit, AOD__GRAPHQL_FIRST_MAX);
  aod_arena_free(&p.arena);
}

static void refuses_wrong_arguments(void **state) {
  (void)state;
  expect_refused("{ transactions(first: \"x\") { edges { cursor } } }", NULL, "\"first\"");
  expect_refused("{ transactions(first: 1.5) { edges { cursor } } }", NULL, "\"first\"");
  expect_refused("{ transactions(first: -1) { edges { cursor } } }", NULL, "\"first\"");
  expect_refused("{ transactions(first: 99999999999999999999) { edges { cursor } } }", NULL,
                 "\"first\"");
  expect_refused("{ transactions(other: 1) { edges { cursor } } }", NULL,
                 "Unknown argument \"other\" on field \"Query.transactions\"");
  expect_refused("{ transactions(sort: UP) { edges { cursor } } }", NULL, "\"UP\"");
  expect_refused("{ transactions(after: \"nonsense\") { edges { cursor } } }", NULL, "cursor");
  expect_refused("{ transactions(ids: {a: 1}) { edges { cursor } } }", NULL, "\"ids\"");
  expect_refused("{ transactions(tags: [\"x\"]) { edges { cursor } } }", NULL, "\"tags\"");
  expect_refused("{ transactions(tags: [{op: EQ}]) { edges { cursor } } }", NULL,
                 "a name or values in every filter");
  expect_refused("{ transactions(tags: {name: \"x\", op: NEQ, match: FUZZY_OR}) "
                 "{ edges { cursor } } }",
                 NULL, "match EXACT");
  expect_refused("{ transactions(block: {mid: 1}) { edges { cursor } } }", NULL, "\"mid\"");
  expect_refused("{ transaction(id: \"x\") { id(a: 1) } }", NULL, "Unknown argument \"a\"");
}

static void refuses_missing_variables(void **state) {
  (void)state;
  const char *text = "query($id: ID!) { transaction(id: $id) { id } }";
  expect_refused(text, NULL, "Variable \"$id\"");
  expect_refused(text, "{\"id\": null}", "Variable \"$id\"");
  expect_refused("{ transaction(id: $id) { id } }", "{\"id\": \"x\"}",
                 "Variable \"$id\" is not defined");
  expect_refused("query($a: ID = $b) { transaction(id: $a) { id } }", NULL, "default");
}

/* ---- refusals ---- */

static void refuses_what_the_schema_does_not_have(void **state) {
  (void)state;
  expect_refused("{ nothing }", NULL, "Cannot query field \"nothing\" on type \"Query\".");
  expect_refused("{ transaction(id: \"x\") { owner } }", NULL, "must have a selection");
  expect_refused("{ transaction(id: \"x\") { id { x } } }", NULL, "must not have a selection");
  expect_refused("{ __schema { types { name } } }", NULL, "Introspection");
  expect_refused("mutation { transaction(id: \"x\") { id } }", NULL, "mutation");
  expect_refused("query A { block { id } } query B { block { id } }", NULL, "operation name");
  expect_refused("fragment A on Block { id }", NULL, "Unknown operation");
  expect_plan("{ __typename block { __typename id } }", NULL, "__typename,block(__typename,id)");
}

static void names_the_place_of_syntax_errors(void **state) {
  (void)state;
  expect_refused("", NULL, "Expected a definition, found <EOF>. (line 1, column 1)");
  expect_refused("{\n  block {\n    id\n", NULL, "found <EOF>. (line 4, column 1)");
  expect_refused("{ block { } }", NULL, "Expected Name, found \"}\". (line 1, column 11)");
  expect_refused("{ block() { id } }", NULL, "Expected Name");
  expect_refused("{ block(id:) { id } }", NULL, "Expected a value");
  expect_refused("{ block(id: \"x) { id } }", NULL, "Unterminated string");
  expect_refused("{ block(id: \"\\q\") { id } }", NULL, "escape");
  expect_refused("{ block(id: \"\\ud800\") { id } }", NULL, "escape");
  expect_refused("{ block(id: 012) { id } }", NULL, "Invalid number");
  expect_refused("{ block(id: 1.) { id } }", NULL, "Invalid number");
  expect_refused("{ block(id: 1e) { id } }", NULL, "Invalid number");
  expect_refused("{ block { id } } }", NULL, "Expected a definition");
  expect_refused("{ block { id } ? }", NULL, "Unexpected character: 0x3f");
  expect_refused("{ ... on { id } }", NULL, "Expected Name");
}

/* ---- limits ---- */

static void repeat(aod_buf_t *text, const char *part, int times) {
  for (int i = 0; i < times; i++) aod_buf_text(text, part);
}

static void refuses_deep_and_long_texts(void **state) {
  (void)state;
  aod_buf_t text = {0};
  repeat(&text, "{ a ", 100000);
  aod_buf_terminate(&text);
  expect_refused((char *)text.ptr, NULL, "levels deep");
  aod_buf_clear(&text);
  aod_buf_text(&text, "{ block(id: ");
  repeat(&text, "[", 100000);
  aod_buf_terminate(&text);
  expect_refused((char *)text.ptr, NULL, "levels deep");
  aod_buf_clear(&text);
  repeat(&text, "{ ", 1);
  repeat(&text, "block { id } ", AOD__GRAPHQL_TOKENS_MAX);
  aod_buf_terminate(&text);
  expect_refused((char *)text.ptr, NULL, "tokens");
  aod_buf_free(&text);
}

/* Twenty fragments, each using the next one twice: a million fields from a short text. */
static void refuses_exploding_fragments(void **state) {
  (void)state;
  aod_buf_t text = {0};
  aod_buf_text(&text, "{ ...F0 }");
  for (int i = 0; i < 20; i++)
    aod_buf_printf(&text, " fragment F%d on Query { ...F%d ...F%d }", i, i + 1, i + 1);
  aod_buf_text(&text, " fragment F20 on Query { block { id } }");
  aod_buf_terminate(&text);
  expect_refused((char *)text.ptr, NULL, "fields are selected");
  aod_buf_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_the_language),
      cmocka_unit_test(keeps_the_order_of_the_selection),
      cmocka_unit_test(merges_equal_keys),
      cmocka_unit_test(puts_fragments_in),
      cmocka_unit_test(decides_skip_and_include),
      cmocka_unit_test(reads_filters),
      cmocka_unit_test(clamps_pages),
      cmocka_unit_test(refuses_wrong_arguments),
      cmocka_unit_test(refuses_missing_variables),
      cmocka_unit_test(refuses_what_the_schema_does_not_have),
      cmocka_unit_test(names_the_place_of_syntax_errors),
      cmocka_unit_test(refuses_deep_and_long_texts),
      cmocka_unit_test(refuses_exploding_fragments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
