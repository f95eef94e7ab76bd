/* The gateway over HTTP: the recorded scenario of real clients' queries, and what each route
 * answers to good and bad requests. */
#include "support/http_call.h"
#include "support/serve.h"
#include "support/vectors.h"

#include <stdlib.h>
#include <unistd.h>

#include "ar/ar.h"
#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "base/file.h"
#include "base/json.h"

typedef struct {
  char dir[40];
  aod_ar_t *ar;
  aod_signer_t *signer;
  aod_server_t *gateway, *bundler;
  int port, bundler_port;
  call_t call;
} world_t;

static aod_server_t *serve_routes(world_t *world, const aod_route_t *routes, int *port) {
  aod_server_options_t options = {.name = "ar", .threads = 2, .routes = routes, .unit = world->ar};
  return serve(options, port);
}

static void read_wallet(world_t *world) {
  aod_buf_t jwk = {0};
  const char *path = AOD_SOURCE_DIR "/test/vectors/arweave/wallet-1.TEST-ONLY.jwk.json";
  assert_int_equal(aod_file_read(path, 1 << 20, &jwk, NULL), AOD_OK);
  assert_int_equal(aod_signer_from_jwk(aod_buf_slice(&jwk), &world->signer, NULL), AOD_OK);
  aod_buf_free(&jwk);
}

static int setup(void **state) {
  world_t *world = aod_alloc(sizeof *world);
  strcpy(world->dir, "/tmp/aod-ar-test-XXXXXX");
  assert_non_null(mkdtemp(world->dir));
  char path[60];
  snprintf(path, sizeof path, "%s/ar.db", world->dir);
  read_wallet(world);
  aod_ar_options_t options = {.path = path, .network = "aod.LN.1", .signer = world->signer};
  assert_int_equal(aod_ar_open(&world->ar, &options, NULL), AOD_OK);
  world->gateway = serve_routes(world, aod_ar_gateway_routes, &world->port);
  world->bundler = serve_routes(world, aod_ar_bundler_routes, &world->bundler_port);
  *state = world;
  return 0;
}

static int teardown(void **state) {
  world_t *world = *state;
  aod_server_close(world->gateway);
  aod_server_close(world->bundler);
  aod_ar_close(world->ar);
  aod_signer_free(world->signer);
  call_free(&world->call);
  assert_int_equal(aod_dir_remove(world->dir, NULL), AOD_OK);
  vectors_free();
  free(world);
  return 0;
}

/* ---- requests ---- */

static const char *body_text(world_t *world) {
  return (const char *)world->call.body.ptr;
}

static json_t *body_json(world_t *world) {
  json_t *json;
  aod_error_t err;
  if (aod_json_parse(aod_buf_slice(&world->call.body), &json, &err) != AOD_OK)
    fail_msg("%s: %s", err.message, body_text(world));
  return json;
}

static void get(world_t *world, const char *path, int status) {
  call_get(&world->call, world->port, path);
  if (world->call.status != status)
    fail_msg("GET %s: %ld, not %d: %s", path, world->call.status, status, body_text(world));
}

static void get_range(world_t *world, const char *path, const char *range, int status) {
  char line[100];
  snprintf(line, sizeof line, "Range: %s", range);
  call_prepare(&world->call, world->port, path);
  call_header(&world->call, line);
  call_run(&world->call);
  assert_int_equal(world->call.status, status);
}

static void post_item(world_t *world, const char *path, aod_slice_t raw, int status) {
  call_post(&world->call, world->bundler_port, path, "application/octet-stream", raw);
  if (world->call.status != status)
    fail_msg("POST %s: %ld, not %d: %s", path, world->call.status, status, body_text(world));
}

static json_t *graphql(world_t *world, const char *query, const json_t *variables, int status) {
  json_t *request = json_pack("{s:s}", "query", query);
  if (variables) json_object_set(request, "variables", (json_t *)variables);
  char *text = json_dumps(request, 0);
  call_post(&world->call, world->port, "/graphql", "application/json", aod_text(text));
  if (world->call.status != status)
    fail_msg("%s: %ld: %s", query, world->call.status, body_text(world));
  free(text);
  json_decref(request);
  return body_json(world);
}

/* ---- the scenario ---- */

static void post_scenario(world_t *world, const json_t *scenario) {
  VECTOR_EACH(scenario, "items", i, item) {
    post_item(world, i % 2 ? "/tx" : "/tx/arweave", vector_b64(item, "item_b64"), 200);
    json_t *receipt = body_json(world);
    assert_string_equal(vector_text(receipt, "id"), vector_text(item, "id"));
    json_decref(receipt);
  }
}

static const json_t *find_item(const json_t *scenario, const char *by, const char *text) {
  VECTOR_EACH(scenario, "items", i, item)
  if (strcmp(vector_text(item, by), text) == 0) return item;
  fail_msg("no item %s in the scenario", text);
  return NULL;
}

/* Every member of `got` that the scenario knows must be as it says. */
static void expect_node(const json_t *got, const json_t *expected, const char *where) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)got, name, value) {
    const json_t *known = json_object_get(expected, name);
    if (!known) continue;
    if (json_is_object(value))
      expect_node(value, known, where);
    else if (!json_equal(value, (json_t *)known))
      fail_msg("%s: %s is %s", where, name, json_dumps(value, JSON_ENCODE_ANY));
  }
}

static bool is_expected(const json_t *ids, const char *id) {
  for (size_t i = 0; i < json_array_size(ids); i++)
    if (strcmp(json_string_value(json_array_get(ids, i)), id) == 0) return true;
  return false;
}

static void expect_edges(const json_t *scenario, const json_t *query, const json_t *edges) {
  const char *name = vector_text(query, "name");
  const json_t *ids = vector_get(query, "expect_ids");
  bool ordered = json_is_true(json_object_get(query, "ordered"));
  if (json_array_size(edges) != json_array_size(ids))
    fail_msg("%s: %zu edges, not %zu", name, json_array_size(edges), json_array_size(ids));
  for (size_t i = 0; i < json_array_size(edges); i++) {
    const json_t *node = vector_get(json_array_get(edges, i), "node");
    const json_t *id = json_object_get(node, "id");
    const char *expected = json_string_value(json_array_get(ids, i));
    if (id && ordered) assert_string_equal(json_string_value(id), expected);
    if (id && !is_expected(ids, json_string_value(id)))
      fail_msg("%s: unexpected %s", name, json_string_value(id));
    const char *which = id ? json_string_value(id) : expected;
    expect_node(node, vector_get(find_item(scenario, "id", which), "node"), name);
  }
}

static void expect_single(const json_t *query, const json_t *node) {
  const json_t *ids = vector_get(query, "expect_ids");
  if (json_array_size(ids) == 0)
    assert_true(json_is_null(node));
  else
    assert_string_equal(vector_text(node, "id"), json_string_value(json_array_get(ids, 0)));
}

static void run_query(world_t *world, const json_t *scenario, const json_t *query,
                      const char *text) {
  json_t *answer = graphql(world, text, json_object_get(query, "variables"), 200);
  assert_null(json_object_get(answer, "errors"));
  const json_t *data = vector_get(answer, "data");
  if (json_object_get(query, "root")) {
    expect_single(query, vector_get(data, vector_text(query, "root")));
  } else {
    const json_t *page = vector_get(data, "transactions");
    const json_t *more = json_object_get(query, "has_next_page");
    expect_edges(scenario, query, vector_get(page, "edges"));
    if (more)
      assert_true(
          json_equal(json_object_get(vector_get(page, "pageInfo"), "hasNextPage"), (json_t *)more));
  }
  json_decref(answer);
}

/* Follow the cursors of a query whose page holds one. */
static void follow_pages(world_t *world, const json_t *ids) {
  static const char query[] =
      "query($after: String) { transactions(tags: [{name: \"Type\", values: [\"Checkpoint\"]}], "
      "first: 1, sort: HEIGHT_ASC, after: $after) { pageInfo { hasNextPage } "
      "edges { cursor node { id } } } }";
  json_t *variables = json_object();
  for (size_t i = 0; i < json_array_size(ids); i++) {
    json_t *answer = graphql(world, query, variables, 200);
    const json_t *page = vector_get(vector_get(answer, "data"), "transactions");
    const json_t *edge = json_array_get(vector_get(page, "edges"), 0);
    assert_string_equal(vector_text(vector_get(edge, "node"), "id"),
                        json_string_value(json_array_get(ids, i)));
    bool more = json_is_true(vector_get(vector_get(page, "pageInfo"), "hasNextPage"));
    assert_int_equal(more, i + 1 < json_array_size(ids));
    json_object_set(variables, "after", (json_t *)vector_get(edge, "cursor"));
    json_decref(answer);
  }
  json_decref(variables);
}

static void answers_the_scenarios_queries(void **state) {
  world_t *world = *state;
  json_t *scenario = vectors_load("arweave/gateway_scenario.json");
  post_scenario(world, scenario);
  VECTOR_EACH(scenario, "queries", i, query) {
    run_query(world, scenario, query, vector_text(query, "query"));
    if (json_object_get(query, "query_with_comment"))
      run_query(world, scenario, query, vector_text(query, "query_with_comment"));
    if (json_object_get(query, "paginate_until"))
      follow_pages(world, vector_get(query, "paginate_until"));
  }
  json_decref(scenario);
}

/* "GET /raw/{module} with Range: bytes=0-9" */
static void run_http_check(world_t *world, const json_t *scenario, const json_t *check) {
  char method[10], before[20] = "", name[50], after[20] = "", path[200], range[50] = "";
  const char *request = vector_text(check, "request");
  if (sscanf(request, "%9s %19[^{]{%49[^}]}%19s", method, before, name, after) >= 3)
    snprintf(path, sizeof path, "%s%s%s", before,
             vector_text(find_item(scenario, "name", name), "id"), after[0] == '/' ? after : "");
  else
    assert_int_equal(sscanf(request, "%9s %199s", method, path), 2);
  const char *with = strstr(request, "Range: ");
  if (with) snprintf(range, sizeof range, "%s", with);
  call_prepare(&world->call, world->port, path);
  if (strcmp(method, "HEAD") == 0) curl_easy_setopt(world->call.curl, CURLOPT_NOBODY, 1L);
  if (range[0]) call_header(&world->call, range);
  call_run(&world->call);
  if (world->call.status != (long)vector_number(check, "status"))
    fail_msg("%s: %ld", request, world->call.status);
}

static void expect_http_header(world_t *world, const json_t *check, const char *member,
                               const char *header) {
  const json_t *value = json_object_get(check, member);
  if (!value) return;
  char line[200];
  if (json_is_string(value))
    snprintf(line, sizeof line, "%s: %s", header, json_string_value(value));
  else
    snprintf(line, sizeof line, "%s: %lld", header, json_integer_value(value));
  if (!call_has_header(&world->call, line)) fail_msg("no header %s", line);
}

static void answers_the_scenarios_requests(void **state) {
  world_t *world = *state;
  json_t *scenario = vectors_load("arweave/gateway_scenario.json");
  post_scenario(world, scenario);
  VECTOR_EACH(scenario, "http", i, check) {
    run_http_check(world, scenario, check);
    if (json_object_get(check, "body_b64"))
      vector_expect_bytes(vector_text(check, "request"), aod_buf_slice(&world->call.body),
                          vector_b64(check, "body_b64"));
    expect_http_header(world, check, "content_type", "Content-Type");
    expect_http_header(world, check, "content_length", "Content-Length");
    expect_http_header(world, check, "content_range", "Content-Range");
  }
  json_decref(scenario);
}

/* ---- uploads ---- */

static aod_slice_t make_item(world_t *world, const char *data, aod_tags_t tags, char id[44]) {
  uint8_t bytes[AOD_ID_BYTES];
  aod_buf_t raw = {0};
  aod_item_fields_t fields = {.tags = tags, .data = aod_text(data)};
  assert_int_equal(aod_item_sign(&fields, world->signer, &raw, bytes, NULL), AOD_OK);
  aod_id_encode(bytes, id);
  aod_slice_t copy = aod_arena_copy(&vectors_arena, aod_buf_slice(&raw));
  aod_buf_free(&raw);
  return copy;
}

/* The receipt is what the spec's deep hash list signs; signing is deterministic, so sign again. */
static void receipts_verify(void **state) {
  world_t *world = *state;
  char id[44], number[2][30];
  aod_slice_t raw = make_item(world, "x", (aod_tags_t){0}, id);
  post_item(world, "/v1/tx/arweave", raw, 200);
  json_t *receipt = body_json(world);
  snprintf(number[0], 30, "%.0f", json_number_value(vector_get(receipt, "deadlineHeight")));
  snprintf(number[1], 30, "%.0f", json_number_value(vector_get(receipt, "timestamp")));
  const char *parts[] = {"Bundlr", vector_text(receipt, "version"), id, number[0], number[1]};
  aod_deep_hash_t hash;
  aod_deep_hash_begin(&hash, 5);
  for (int i = 0; i < 5; i++) aod_deep_hash_add(&hash, aod_text(parts[i]));
  aod_buf_t signature = {0};
  aod_slice_t message = aod_slice(hash.state, sizeof hash.state);
  assert_int_equal(aod_signer_sign(world->signer, message, true, &signature, NULL), AOD_OK);
  vector_expect_bytes("receipt", aod_buf_slice(&signature), vector_b64(receipt, "signature"));
  vector_expect_bytes("public", aod_signer_owner(world->signer), vector_b64(receipt, "public"));
  assert_string_equal(vector_text(receipt, "winc"), "0");
  assert_string_equal(number[0], "200");
  aod_buf_free(&signature);
  json_decref(receipt);
}

static void uploads_are_idempotent(void **state) {
  world_t *world = *state;
  char id[44];
  aod_slice_t raw = make_item(world, "x", (aod_tags_t){0}, id);
  for (int i = 0; i < 3; i++) post_item(world, "/tx", raw, 200);
  call_post(&world->call, world->port, "/tx", "application/octet-stream", raw);
  assert_int_equal(world->call.status, 200); /* the gateway takes them as well */
  get(world, "/height", 200);
  assert_string_equal(body_text(world), "1");
}

static void refuses_bad_uploads(void **state) {
  world_t *world = *state;
  char id[44];
  aod_slice_t raw = make_item(world, "tampered", (aod_tags_t){0}, id);
  ((uint8_t *)raw.ptr)[raw.len - 1] ^= 1;
  post_item(world, "/tx", raw, 400);
  assert_non_null(strstr(body_text(world), "{\"error\":"));
  post_item(world, "/tx", AOD_TEXT("nonsense"), 400);
  post_item(world, "/tx", AOD_EMPTY, 400);
  call_post(&world->call, world->bundler_port, "/tx", "application/json", AOD_TEXT("{}"));
  assert_int_equal(world->call.status, 400);
  get(world, "/height", 200);
  assert_string_equal(body_text(world), "0");
}

static void bundler_tells_about_itself(void **state) {
  world_t *world = *state;
  call_get(&world->call, world->bundler_port, "/");
  json_t *info = body_json(world);
  assert_int_equal(strlen(vector_text(vector_get(info, "addresses"), "arweave")), 43);
  json_decref(info);
  const char *const paths[] = {"/price/1000", "/price/arweave/1000", "/account/balance/x"};
  for (int i = 0; i < 3; i++) {
    call_get(&world->call, world->bundler_port, paths[i]);
    assert_int_equal(world->call.status, 200);
    assert_string_equal(body_text(world), "0");
  }
}

/* ---- content ---- */

#define TAG_LIST(...)                                                                              \
  (aod_tags_t) {                                                                                   \
    (aod_tag_t[]){__VA_ARGS__}, sizeof((aod_tag_t[]){__VA_ARGS__}) / sizeof(aod_tag_t)             \
  }

static void tells_tags_as_headers(void **state) {
  world_t *world = *state;
  char id[44], path[60];
  aod_tags_t tags =
      TAG_LIST({AOD_TEXT("Data-Protocol"), AOD_TEXT("ao")}, {AOD_TEXT("Type"), AOD_TEXT("Process")},
               {AOD_TEXT("Authority"), AOD_TEXT("one")}, {AOD_TEXT("Authority"), AOD_TEXT("two")},
               {AOD_TEXT("Content-Type"), AOD_TEXT("text/x-own")},
               {AOD_TEXT("Content-Length"), AOD_TEXT("1")},
               {AOD_TEXT("Transfer-Encoding"), AOD_TEXT("chunked")},
               {AOD_TEXT("Set-Cookie"), AOD_TEXT("a=b")}, {AOD_TEXT("Bad Name"), AOD_TEXT("x")},
               {AOD_TEXT("Split"), AOD_TEXT("a\r\nInjected: yes")},
               {AOD_TEXT("Foreign"), AOD_TEXT("\xc3\xa9")});
  post_item(world, "/tx", make_item(world, "content", tags, id), 200);
  snprintf(path, sizeof path, "/%s", id);
  get(world, path, 200);
  assert_string_equal(body_text(world), "content");
  assert_true(call_has_header(&world->call, "\r\ndata-protocol: ao\r\n"));
  assert_true(call_has_header(&world->call, "\r\ntype: Process\r\n"));
  assert_true(call_has_header(&world->call, "\r\nauthority: one\r\n"));
  assert_true(call_has_header(&world->call, "\r\nContent-Type: text/x-own\r\n"));
  assert_true(call_has_header(&world->call, "\r\nContent-Length: 7\r\n"));
  static const char *const absent[] = {"two",   "a=b",      "chunked", "Bad",
                                       "split", "Injected", "foreign"};
  for (int i = 0; i < 7; i++) assert_false(call_has_header(&world->call, absent[i]));
  call_head(&world->call, world->port, path);
  assert_int_equal(world->call.status, 200);
  assert_true(call_has_header(&world->call, "\r\ntype: Process\r\n"));
  snprintf(path, sizeof path, "/raw/%s", id);
  get(world, path, 200);
  assert_false(call_has_header(&world->call, "\r\ntype: Process\r\n"));
}

static void serves_ranges_and_revalidates(void **state) {
  world_t *world = *state;
  char id[44], path[60], line[100];
  post_item(world, "/tx", make_item(world, "0123456789", (aod_tags_t){0}, id), 200);
  snprintf(path, sizeof path, "/raw/%s", id);
  get_range(world, path, "bytes=2-4", 206);
  assert_string_equal(body_text(world), "234");
  assert_true(call_has_header(&world->call, "Content-Range: bytes 2-4/10"));
  get_range(world, path, "bytes=-3", 206);
  assert_string_equal(body_text(world), "789");
  get_range(world, path, "bytes=10-", 416);
  assert_true(call_has_header(&world->call, "Content-Range: bytes */10"));
  get_range(world, path, "bytes=x", 400);
  call_prepare(&world->call, world->port, path);
  snprintf(line, sizeof line, "If-None-Match: \"%s\"", id);
  call_header(&world->call, line);
  call_run(&world->call);
  assert_int_equal(world->call.status, 304);
  assert_int_equal(world->call.body.len, 0);
}

static void serves_empty_content(void **state) {
  world_t *world = *state;
  char id[44], path[60];
  post_item(world, "/tx", make_item(world, "", (aod_tags_t){0}, id), 200);
  snprintf(path, sizeof path, "/%s", id);
  get(world, path, 200);
  assert_int_equal(world->call.body.len, 0);
  get_range(world, path, "bytes=0-", 416);
}

/* ---- manifests ---- */

/* Post a manifest made of `format` and ids. */
static void post_manifest(world_t *world, char id[44], const char *format, const char *a,
                          const char *b) {
  char json[500];
  snprintf(json, sizeof json, format, a, b);
  aod_tags_t tags =
      TAG_LIST({AOD_TEXT("Content-Type"), AOD_TEXT("application/x.arweave-manifest+json")});
  post_item(world, "/tx", make_item(world, json, tags, id), 200);
}

static void get_path(world_t *world, const char *id, const char *rest, int status,
                     const char *body) {
  char path[200];
  snprintf(path, sizeof path, "/%s%s", id, rest);
  get(world, path, status);
  if (body) assert_string_equal(body_text(world), body);
}

static void resolves_manifests(void **state) {
  world_t *world = *state;
  char one[44], two[44], manifest[44], strict[44], broken[44], raw[60];
  post_item(world, "/tx", make_item(world, "one", (aod_tags_t){0}, one), 200);
  post_item(world, "/tx", make_item(world, "two", (aod_tags_t){0}, two), 200);
  post_manifest(
      world, manifest,
      "{\"manifest\":\"arweave/paths\",\"version\":\"0.2.0\",\"index\":{\"path\":\"a b\"},"
      "\"paths\":{\"a b\":{\"id\":\"%s\"},\"sub/two.txt\":{\"id\":\"%s\"}},"
      "\"fallback\":{\"id\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}",
      one, two);
  get_path(world, manifest, "", 200, "one");
  get_path(world, manifest, "/a%20b", 200, "one");
  get_path(world, manifest, "/sub/two.txt", 200, "two");
  get_path(world, manifest, "/else", 404, NULL); /* the fallback is not there */
  post_manifest(world, strict,
                "{\"manifest\":\"arweave/paths\",\"paths\":{\"x\":{\"id\":\"%s\"},\"y\":\"%s\"}}",
                one, two);
  get_path(world, strict, "", 404, NULL);
  get_path(world, strict, "/x", 200, "one");
  get_path(world, strict, "/y", 404, NULL);
  get_path(world, strict, "/z", 404, NULL);
  post_manifest(world, broken, "no JSON %s%s", "", "");
  get_path(world, broken, "", 400, NULL);
  snprintf(raw, sizeof raw, "/raw/%s", broken);
  get(world, raw, 200);
  get_path(world, one, "/x", 404, NULL); /* no manifest */
}

/* ---- known modules ---- */

static void serves_modules_as_transactions(void **state) {
  world_t *world = *state;
  static const char id[] = "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  char file[80], path[80];
  snprintf(file, sizeof file, "%s/module.wasm", world->dir);
  assert_int_equal(aod_file_write(file, AOD_TEXT("\0asm0123456789"), 0644, NULL), AOD_OK);
  aod_ar_known_t known = {
      .id = {7}, .tags = TAG_LIST({AOD_TEXT("Type"), AOD_TEXT("Module")}), .data_file = file};
  assert_int_equal(aod_ar_put_known(world->ar, &known, NULL), AOD_OK);
  snprintf(path, sizeof path, "/raw/%s", id);
  get(world, path, 200);
  vector_expect_bytes(path, aod_buf_slice(&world->call.body), AOD_TEXT("\0asm0123456789"));
  get_range(world, path, "bytes=4-6", 206);
  assert_string_equal(body_text(world), "012");
  snprintf(path, sizeof path, "/tx/%s", id);
  get(world, path, 200);
  json_t *tx = body_json(world);
  assert_string_equal(vector_text(tx, "id"), id);
  assert_string_equal(vector_text(tx, "data_size"), "14");
  assert_string_equal(vector_text(json_array_get(vector_get(tx, "tags"), 0), "name"), "VHlwZQ");
  json_decref(tx);
  snprintf(path, sizeof path, "/tx/%s/status", id);
  get(world, path, 200);
  assert_non_null(strstr(body_text(world), "\"block_height\":1"));
  assert_non_null(strstr(body_text(world), "\"number_of_confirmations\":0"));
  get(world, "/block/current", 200);
  assert_non_null(strstr(body_text(world), id));
  assert_int_equal(aod_file_write(file, AOD_EMPTY, 0644, NULL), AOD_OK);
  assert_int_equal(aod_ar_put_known(world->ar, &known, NULL), AOD_OK);
  snprintf(path, sizeof path, "/raw/%s", id);
  get(world, path, 200);
  assert_int_equal(world->call.body.len, 0);
  assert_int_equal(unlink(file), 0);
  get(world, path, 500); /* not the client's fault */
}

/* ---- the node ---- */

static void tells_all_of_info(void **state) {
  world_t *world = *state;
  static const char *const numbers[] = {
      "version", "release", "height", "blocks", "peers", "queue_length", "node_state_latency"};
  const char *const paths[] = {"/", "/info", "//info"};
  for (int p = 0; p < 3; p++) {
    get(world, paths[p], 200);
    json_t *info = body_json(world);
    for (int i = 0; i < 7; i++) assert_true(json_is_number(vector_get(info, numbers[i])));
    assert_string_equal(vector_text(info, "network"), "aod.LN.1");
    assert_int_equal(strlen(vector_text(info, "current")), 64);
    json_decref(info);
  }
  assert_true(call_has_header(&world->call, "Access-Control-Allow-Origin: *"));
}

static void tells_about_blocks(void **state) {
  world_t *world = *state;
  char id[44], path[100], hash[80];
  post_item(world, "/tx", make_item(world, "x", (aod_tags_t){0}, id), 200);
  get(world, "/block/height/1", 200);
  json_t *block = body_json(world);
  snprintf(hash, sizeof hash, "%s", vector_text(block, "indep_hash"));
  assert_int_equal(strlen(vector_text(block, "previous_block")), 64);
  assert_true(json_is_number(vector_get(block, "timestamp")));
  json_decref(block);
  get(world, "/tx_anchor", 200);
  assert_string_equal(body_text(world), hash);
  snprintf(path, sizeof path, "/block/hash/%s", hash);
  get(world, path, 200);
  assert_non_null(strstr(body_text(world), "\"height\":1"));
  get(world, "/block/height/0", 200);
  assert_non_null(strstr(body_text(world), "\"previous_block\":\"\""));
  get(world, "/block/height/2", 404);
  get(world, "/block/height/x", 400);
  get(world, "/block/height/99999999999999999999", 400);
  get(world, "/block/hash/x", 400);
}

static void mines_on_request(void **state) {
  world_t *world = *state;
  get(world, "/mine", 200);
  assert_non_null(strstr(body_text(world), "\"height\":1,"));
  get(world, "/mine/100", 200);
  assert_non_null(strstr(body_text(world), "\"height\":101,"));
  assert_non_null(strstr(body_text(world), "\"blocks\":102,"));
  get(world, "/block/height/50", 200);
  assert_non_null(strstr(body_text(world), "\"txs\":[]"));
  get(world, "/mine/many", 400);
  get(world, "/mine/1000000", 400);
}

static void costs_nothing(void **state) {
  world_t *world = *state;
  static const char *const paths[] = {
      "/price/1000", "/price/1000/abc",
      "/wallet/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/balance"};
  for (int i = 0; i < 3; i++) {
    get(world, paths[i], 200);
    assert_string_equal(body_text(world), "0");
  }
  get(world, "/price/many", 400);
  get(world, "/wallet/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/last_tx", 200);
  assert_int_equal(world->call.body.len, 0);
  get(world, "/wallet/abc/balance", 400);
  get(world, "/tx/pending", 200);
  get(world, "/time", 200);
}

static void bad_ids_are_client_errors(void **state) {
  world_t *world = *state;
  get(world, "/favicon.ico", 404);
  get(world, "/raw/x", 404);
  get(world, "/raw/%00%ff", 404);
  get(world, "/tx/x", 404);
  get(world, "/tx/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 404);
  get(world, "/tx/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/status", 404);
  assert_string_equal(body_text(world), "Not Found");
  get(world, "/raw/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 404);
  assert_non_null(strstr(body_text(world), "{\"error\":"));
}

/* ---- GraphQL requests ---- */

static void post_graphql(world_t *world, const char *body, int status, const char *part) {
  call_post(&world->call, world->port, "/graphql", "application/json", aod_text(body));
  if (world->call.status != status || !strstr(body_text(world), part))
    fail_msg("%s: %ld %s", body, world->call.status, body_text(world));
}

static void refuses_bad_graphql(void **state) {
  world_t *world = *state;
  post_graphql(world, "", 400, "{\"errors\":[{\"message\":");
  post_graphql(world, "not JSON", 400, "\"errors\"");
  post_graphql(world, "[]", 400, "\"query\\\"");
  post_graphql(world, "{\"query\":5}", 400, "\"query\\\"");
  post_graphql(world, "{\"query\":\"{\"}", 400, "Syntax Error");
  post_graphql(world, "{\"query\":\"{ x }\"}", 400, "Cannot query field");
  post_graphql(world, "{\"query\":\"{ block { id } }\",\"variables\":[]}", 400, "variables");
  post_graphql(world, "{\"query\":\"{ transaction { id } }\"}", 400, "needs the argument");
  post_graphql(world, "{\"query\":\"{ transactions(after: \\\"x\\\") { edges { cursor } } }\"}",
               400, "cursor");
}

static void answers_blocks_and_names(void **state) {
  world_t *world = *state;
  char id[44];
  post_item(world, "/tx", make_item(world, "x", (aod_tags_t){0}, id), 200);
  post_graphql(world,
               "{\"query\":\"query B($m: Int!, $l: Int!) { blocks(height: {min: $m}, first: $l, "
               "sort: HEIGHT_ASC) { pageInfo { hasNextPage } edges { node { height } } } }\","
               "\"variables\":{\"m\":0,\"l\":1},\"operationName\":\"B\"}",
               200,
               "{\"data\":{\"blocks\":{\"pageInfo\":{\"hasNextPage\":true},"
               "\"edges\":[{\"node\":{\"height\":0}}]}}}");
  post_graphql(world, "{\"query\":\"{ __typename newest: block { __typename height } }\"}", 200,
               "{\"data\":{\"__typename\":\"Query\",\"newest\":{\"__typename\":\"Block\","
               "\"height\":1}}}");
  post_graphql(world,
               "{\"query\":\"{ transactions { edges { node { parent { id } bundledIn { id } "
               "fee { winston } } } } }\"}",
               200, "{\"node\":{\"parent\":null,\"bundledIn\":null,\"fee\":{\"winston\":\"0\"}}}");
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  curl_global_init(CURL_GLOBAL_ALL);
  const struct CMUnitTest tests[] = {
      WITH_WORLD(answers_the_scenarios_queries),
      WITH_WORLD(answers_the_scenarios_requests),
      WITH_WORLD(receipts_verify),
      WITH_WORLD(uploads_are_idempotent),
      WITH_WORLD(refuses_bad_uploads),
      WITH_WORLD(bundler_tells_about_itself),
      WITH_WORLD(tells_tags_as_headers),
      WITH_WORLD(serves_ranges_and_revalidates),
      WITH_WORLD(serves_empty_content),
      WITH_WORLD(resolves_manifests),
      WITH_WORLD(serves_modules_as_transactions),
      WITH_WORLD(tells_all_of_info),
      WITH_WORLD(tells_about_blocks),
      WITH_WORLD(mines_on_request),
      WITH_WORLD(costs_nothing),
      WITH_WORLD(bad_ids_are_client_errors),
      WITH_WORLD(refuses_bad_graphql),
      WITH_WORLD(answers_blocks_and_names),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  curl_global_cleanup();
  return failed;
}
