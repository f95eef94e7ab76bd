/* Paths, parameters, queries: the pure part of the http floor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/router.h"

static void handle(aod_request_t *request, void *unit) {
  (void)request, (void)unit;
}

static const aod_route_t routes[] = {
    {"GET", "/", handle, 0},
    {"GET", "/info", handle, 0},
    {"POST", "/tx", handle, 100},
    {"POST", "/v1/tx/:token", handle, 100},
    {"GET", "/block/height/:height", handle, 0},
    {"GET", "/price/:bytes/:target", handle, 0},
    {"POST", "/:id", handle, 100},
    {"GET", "/:id", handle, 0},
    {"GET", "/:id/*", handle, 0},
    {0},
};

typedef struct {
  aod_arena_t arena;
  const aod_route_t *route;
  aod_slice_t params[AOD_ROUTE_PARAMS_MAX];
  bool path_known;
} found_t;

static found_t find(const char *method, const char *path) {
  found_t found = {0};
  found.route = aod__route_find(routes, aod_text(method), aod_text(path), &found.arena,
                                found.params, &found.path_known);
  return found;
}

static void assert_route(const char *method, const char *path, const char *pattern,
                         const char *first, const char *second) {
  found_t found = find(method, path);
  assert_non_null(found.route);
  assert_string_equal(found.route->pattern, pattern);
  if (first) assert_true(aod_slice_is(found.params[0], first));
  if (second) assert_true(aod_slice_is(found.params[1], second));
  aod_arena_free(&found.arena);
}

static void routes_by_segments(void **state) {
  (void)state;
  assert_route("GET", "/", "/", NULL, NULL);
  assert_route("GET", "", "/", NULL, NULL);
  assert_route("GET", "/info", "/info", NULL, NULL);
  assert_route("HEAD", "/info", "/info", NULL, NULL);
  assert_route("GET", "/infos", "/:id", "infos", NULL);
  assert_route("POST", "/tx", "/tx", NULL, NULL);
  assert_route("POST", "/v1/tx/arweave", "/v1/tx/:token", "arweave", NULL);
  assert_route("GET", "/price/12/abc", "/price/:bytes/:target", "12", "abc");
  assert_route("GET", "/abc/sub/path", "/:id/*", "abc", "sub/path");
}

static void doubled_and_trailing_slashes(void **state) {
  (void)state;
  assert_route("GET", "//info", "/info", NULL, NULL);
  assert_route("GET", "//block///height/7/", "/block/height/:height", "7", NULL);
  assert_route("GET", "///", "/", NULL, NULL);
  assert_route("GET", "/abc//sub//x", "/:id/*", "abc", "sub//x");
}

static void escapes_in_segments(void **state) {
  (void)state;
  assert_route("GET", "/%69nfo", "/info", NULL, NULL);
  assert_route("GET", "/a%2Fb", "/:id", "a/b", NULL); /* never separates */
  assert_route("GET", "/a%zz%", "/:id", "a%zz%", NULL);
  assert_route("GET", "/100%2", "/:id", "100%2", NULL);
  assert_route("GET", "/a+b", "/:id", "a+b", NULL);
  found_t found = find("GET", "/a%00b");
  assert_true(aod_slice_equal(found.params[0], AOD_TEXT("a\0b")));
  aod_arena_free(&found.arena);
}

static void unknown_paths_and_methods(void **state) {
  (void)state;
  static const aod_route_t few[] = {{"GET", "/a", handle, 0}, {"POST", "/a", handle, 1}, {0}};
  aod_arena_t arena = {0};
  aod_slice_t params[AOD_ROUTE_PARAMS_MAX];
  bool known;
  assert_null(aod__route_find(few, AOD_TEXT("GET"), AOD_TEXT("/b"), &arena, params, &known));
  assert_false(known);
  assert_null(aod__route_find(few, AOD_TEXT("PUT"), AOD_TEXT("/a"), &arena, params, &known));
  assert_true(known);
  assert_null(aod__route_find(few, AOD_TEXT("get"), AOD_TEXT("/a"), &arena, params, &known));
  assert_null(aod__route_find(few, AOD_TEXT("GET"), AOD_TEXT("/a/b"), &arena, params, &known));
  assert_false(known);
  aod_buf_t list = {0};
  aod__route_methods(few, AOD_TEXT("/a"), &list);
  assert_true(aod_slice_is(aod_buf_slice(&list), "GET, HEAD, POST"));
  aod_buf_free(&list);
  aod_arena_free(&arena);
}

static void assert_query(const char *query, const char *name, const char *value) {
  aod_arena_t arena = {0};
  aod_slice_t found;
  bool present = aod__query_find(&arena, aod_text(query), name, &found);
  assert_int_equal(present, value != NULL);
  if (value) assert_true(aod_slice_is(found, value));
  aod_arena_free(&arena);
}

static void queries(void **state) {
  (void)state;
  assert_query("process-id=abc&from=x", "process-id", "abc");
  assert_query("process-id=abc&from=x", "from", "x");
  assert_query("a=1&a=2", "a", "1");
  assert_query("x", "x", "");
  assert_query("x=", "x", "");
  assert_query("", "x", NULL);
  assert_query("xy=1", "x", NULL);
  assert_query("&&x=1&", "x", "1");
  assert_query("c=a%3D%26+b%2Bc", "c", "a=& b+c");
  assert_query("c=a=b", "c", "a=b");
  assert_query("process%2Did=1", "process-id", "1");
  assert_query("c=%4", "c", "%4");
}

static void assert_split(const char *target, const char *path, const char *query) {
  aod_slice_t p, q;
  aod__target_split(aod_text(target), &p, &q);
  assert_true(aod_slice_is(p, path));
  assert_true(aod_slice_is(q, query));
}

static void targets(void **state) {
  (void)state;
  assert_split("/a/b?c=d?e", "/a/b", "c=d?e");
  assert_split("/a", "/a", "");
  assert_split("/a?", "/a", "");
  assert_split("*", "*", "");
  assert_split("http://host:1/a?b", "/a", "b");
  assert_split("http://host?b", "/", "b");
  assert_split("", "", "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(routes_by_segments),
      cmocka_unit_test(doubled_and_trailing_slashes),
      cmocka_unit_test(escapes_in_segments),
      cmocka_unit_test(unknown_paths_and_methods),
      cmocka_unit_test(queries),
      cmocka_unit_test(targets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
