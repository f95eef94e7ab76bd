/* The gateway's index without HTTP: storing, finding, querying, surviving a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ar/index.h"
#include "arweave/base64url.h"
#include "base/clock.h"
#include "base/file.h"

typedef struct {
  char dir[40], path[60];
  aod_ar_t *ar;
  aod_signer_t *signers[2];
  int64_t now_ms;
  aod_arena_t arena;
} world_t;

static int64_t world_now(void *clock) {
  return ((world_t *)clock)->now_ms;
}

static void open_ar(world_t *world) {
  aod_error_t err;
  aod_ar_options_t options = {.path = world->path,
                              .network = "test",
                              .signer = world->signers[0],
                              .now_ms = world_now,
                              .clock = world};
  if (aod_ar_open(&world->ar, &options, &err) != AOD_OK) fail_msg("%s", err.message);
}

static int setup(void **state) {
  world_t *world = aod_alloc(sizeof *world);
  strcpy(world->dir, "/tmp/aod-ar-test-XXXXXX");
  assert_non_null(mkdtemp(world->dir));
  snprintf(world->path, sizeof world->path, "%s/ar.db", world->dir);
  for (int i = 0; i < 2; i++)
    assert_int_equal(aod_signer_generate("ed25519", &world->signers[i], NULL), AOD_OK);
  world->now_ms = 1700000000123;
  open_ar(world);
  *state = world;
  return 0;
}

static int teardown(void **state) {
  world_t *world = *state;
  aod_ar_close(world->ar);
  for (int i = 0; i < 2; i++) aod_signer_free(world->signers[i]);
  assert_int_equal(aod_dir_remove(world->dir, NULL), AOD_OK);
  aod_arena_free(&world->arena);
  free(world);
  return 0;
}

/* ---- items ---- */

/* `tags`: name, value, ..., NULL. */
static aod_tags_t tags_of(world_t *world, const char *const *names) {
  aod_tags_t tags = {aod_arena_alloc(&world->arena, 10 * sizeof(aod_tag_t)), 0};
  for (; names && *names; names += 2)
    tags.list[tags.count++] = (aod_tag_t){aod_text(names[0]), aod_text(names[1])};
  return tags;
}

static aod_slice_t make_item(world_t *world, int signer, const char *data, const char *const *names,
                             uint8_t *id) {
  aod_item_fields_t fields = {.tags = tags_of(world, names), .data = aod_text(data)};
  aod_buf_t raw = {0};
  assert_int_equal(aod_item_sign(&fields, world->signers[signer], &raw, id, NULL), AOD_OK);
  aod_slice_t copy = aod_arena_copy(&world->arena, aod_buf_slice(&raw));
  aod_buf_free(&raw);
  return copy;
}

/* Post an item; returns its height. */
static int64_t put(world_t *world, int signer, const char *data, const char *const *names,
                   uint8_t *id) {
  uint8_t own[AOD_ID_BYTES];
  aod_error_t err;
  aod_slice_t raw = make_item(world, signer, data, names, id ? id : own);
  if (aod_ar_put_item(world->ar, raw, &err) != AOD_OK) fail_msg("%s", err.message);
  int64_t height;
  assert_int_equal(aod_ar_height(world->ar, &height, NULL), AOD_OK);
  return height;
}

#define TAGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static aod_ar_item_t find(world_t *world, const uint8_t *id) {
  aod_ar_item_t item;
  aod_error_t err;
  if (aod_ar_find(world->ar, id, &world->arena, &item, &err) != AOD_OK) fail_msg("%s", err.message);
  return item;
}

static void expect_data(world_t *world, const aod_ar_item_t *item, const char *expected) {
  aod_buf_t data = {0};
  assert_int_equal(aod_ar_data(world->ar, item, &data, NULL), AOD_OK);
  assert_true(aod_slice_is(aod_buf_slice(&data), expected));
  assert_int_equal(item->data_len, strlen(expected));
  aod_buf_free(&data);
}

static void finds_what_was_put(void **state) {
  world_t *world = *state;
  uint8_t id[AOD_ID_BYTES], unknown[AOD_ID_BYTES] = {1};
  aod_slice_t raw = make_item(world, 0, "hello", TAGS("Type", "T", "Content-Type", "text/x"), id);
  assert_int_equal(aod_ar_put_item(world->ar, raw, NULL), AOD_OK);
  aod_item_t parsed;
  assert_int_equal(aod_item_parse(raw, &world->arena, &parsed, NULL), AOD_OK);
  aod_ar_item_t item = find(world, id);
  assert_false(item.base_layer);
  assert_true(aod_slice_equal(item.signature, parsed.signature));
  assert_true(aod_slice_equal(item.owner, parsed.owner));
  assert_memory_equal(item.owner_address, parsed.address, AOD_ID_BYTES);
  assert_int_equal(item.signature_type, parsed.signature_type);
  assert_int_equal(item.tags.count, 2);
  assert_true(aod_tags_has(&item.tags, "Type", "T"));
  assert_int_equal(item.block.height, 1);
  assert_int_equal(item.block.time_ms, world->now_ms);
  expect_data(world, &item, "hello");
  aod_error_t err;
  assert_int_equal(aod_ar_find(world->ar, unknown, &world->arena, &item, &err), AOD_ENOTFOUND);
}

static void puts_once_only(void **state) {
  world_t *world = *state;
  uint8_t id[AOD_ID_BYTES];
  aod_slice_t raw = make_item(world, 0, "x", TAGS("A", "1", "A", "1"), id);
  for (int i = 0; i < 3; i++) assert_int_equal(aod_ar_put_item(world->ar, raw, NULL), AOD_OK);
  int64_t height;
  assert_int_equal(aod_ar_height(world->ar, &height, NULL), AOD_OK);
  assert_int_equal(height, 1);
  aod_error_t err;
  assert_int_equal(aod_ar_put_item(world->ar, AOD_TEXT("no item"), &err), AOD_EINPUT);
}

static void chains_its_blocks(void **state) {
  world_t *world = *state;
  put(world, 0, "1", NULL, NULL);
  world->now_ms -= 5000; /* the clock steps back, the chain does not */
  put(world, 0, "2", NULL, NULL);
  aod_ar_block_t blocks[3], again;
  for (int h = 0; h < 3; h++)
    assert_int_equal(aod__index_block_at(world->ar, h, &blocks[h], NULL), AOD_OK);
  assert_memory_equal(blocks[1].previous, blocks[0].hash, 48);
  assert_memory_equal(blocks[2].previous, blocks[1].hash, 48);
  assert_int_equal(blocks[2].time_ms, blocks[1].time_ms);
  assert_int_equal(aod__index_block_by_hash(world->ar, blocks[1].hash, &again, NULL), AOD_OK);
  assert_int_equal(again.height, 1);
  assert_int_equal(aod__index_block_at(world->ar, 3, &again, NULL), AOD_ENOTFOUND);
}

static void survives_a_restart(void **state) {
  world_t *world = *state;
  uint8_t id[AOD_ID_BYTES];
  put(world, 0, "kept", TAGS("A", "1"), id);
  put(world, 1, "other", NULL, NULL);
  aod_ar_close(world->ar);
  open_ar(world);
  int64_t height;
  assert_int_equal(aod_ar_height(world->ar, &height, NULL), AOD_OK);
  assert_int_equal(height, 2);
  aod_ar_item_t item = find(world, id);
  expect_data(world, &item, "kept");
  assert_int_equal(put(world, 0, "more", NULL, NULL), 3);
}

/* ---- known transactions ---- */

static void serves_known_transactions(void **state) {
  world_t *world = *state;
  char path[80];
  snprintf(path, sizeof path, "%s/module.wasm", world->dir);
  assert_int_equal(aod_file_write(path, AOD_TEXT("wasm"), 0644, NULL), AOD_OK);
  aod_ar_known_t known = {.id = {7},
                          .owner_address = {8},
                          .tags = tags_of(world, TAGS("Type", "Module")),
                          .data_file = path};
  assert_int_equal(aod_ar_put_known(world->ar, &known, NULL), AOD_OK);
  aod_ar_item_t item = find(world, known.id);
  assert_true(item.base_layer);
  assert_int_equal(item.signature.len + item.owner.len, 0);
  expect_data(world, &item, "wasm");
  /* the file moved and grew: the new one counts, and it is no second upload */
  strcat(path, "2");
  assert_int_equal(aod_file_write(path, AOD_TEXT("wasm 2"), 0644, NULL), AOD_OK);
  assert_int_equal(aod_ar_put_known(world->ar, &known, NULL), AOD_OK);
  item = find(world, known.id);
  expect_data(world, &item, "wasm 2");
  assert_int_equal(item.block.height, 1);
  known = (aod_ar_known_t){.id = {9}, .data = AOD_TEXT("stored")};
  assert_int_equal(aod_ar_put_known(world->ar, &known, NULL), AOD_OK);
  item = find(world, known.id);
  expect_data(world, &item, "stored");
  aod_error_t err;
  known.data_file = "/no/such/file";
  assert_int_equal(aod_ar_put_known(world->ar, &known, &err), AOD_ENOTFOUND);
}

/* ---- submitting ---- */

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int done, failed;
} counter_t;

static void count_done(void *context, int code, const aod_error_t *err) {
  counter_t *counter = context;
  pthread_mutex_lock(&counter->lock);
  counter->done++;
  counter->failed += code != AOD_OK;
  if (code != AOD_OK) assert_true(strlen(err->message) > 0);
  pthread_cond_signal(&counter->changed);
  pthread_mutex_unlock(&counter->lock);
}

static void submits_without_waiting(void **state) {
  enum { COUNT = 50 };
  world_t *world = *state;
  counter_t counter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
  uint8_t ids[COUNT][AOD_ID_BYTES];
  for (int i = 0; i < COUNT; i++) {
    char data[20];
    snprintf(data, sizeof data, "%d", i);
    aod_slice_t raw = make_item(world, 0, data, NULL, ids[i]);
    aod_ar_submit_item(world->ar, raw, count_done, &counter);
    memset((void *)raw.ptr, 0, raw.len); /* it was copied */
  }
  aod_ar_submit_item(world->ar, AOD_TEXT("no item"), count_done, &counter);
  pthread_mutex_lock(&counter.lock);
  while (counter.done < COUNT + 1) pthread_cond_wait(&counter.changed, &counter.lock);
  pthread_mutex_unlock(&counter.lock);
  assert_int_equal(counter.failed, 1);
  for (int i = 0; i < COUNT; i++) /* in the order submitted */
    assert_int_equal(find(world, ids[i]).block.height, i + 1);
}

/* ---- queries ---- */

/* Run a query and compare the data of what comes, one letter an item. */
static void expect_query(world_t *world, aod__index_query_t query, const char *expected,
                         bool expect_more) {
  aod_ar_item_t *items;
  size_t count;
  bool more;
  aod_error_t err;
  if (query.limit == 0) query.limit = 10;
  if (query.height_max == 0) query.height_max = INT64_MAX;
  if (aod__index_query(world->ar, &query, &world->arena, &items, &count, &more, &err) != AOD_OK)
    fail_msg("%s", err.message);
  aod_buf_t got = {0};
  for (size_t i = 0; i < count; i++)
    assert_int_equal(aod_ar_data(world->ar, &items[i], &got, NULL), AOD_OK);
  aod_buf_terminate(&got);
  assert_string_equal((char *)got.ptr, expected);
  assert_int_equal(more, expect_more);
  aod_buf_free(&got);
}

#define LIST(...)                                                                                  \
  ((const aod_slice_t[]){__VA_ARGS__}),                                                            \
      sizeof((const aod_slice_t[]){__VA_ARGS__}) / sizeof(aod_slice_t)
#define TAG(name, ...)                                                                             \
  { AOD_TEXT(name), AOD__TAG_EQ, false, LIST(__VA_ARGS__) }
#define ONE_TAG(...)  .tags = (const aod__tag_filter_t[]){__VA_ARGS__}, .tag_count = 1
#define TWO_TAGS(...) .tags = (const aod__tag_filter_t[]){__VA_ARGS__}, .tag_count = 2

/* a..f by the first signer, g by the second one; heights 1 to 7. */
static void fill(world_t *world) {
  put(world, 0, "a", TAGS("P", "ao", "T", "x", "N", "1"), NULL);
  put(world, 0, "b", TAGS("P", "ao", "T", "y", "N", "2"), NULL);
  put(world, 0, "c", TAGS("P", "ao", "T", "x", "T", "y"), NULL);
  put(world, 0, "d", TAGS("P", "ao", "t", "x", "N", "12"), NULL);
  put(world, 0, "e", TAGS("Q", "ao"), NULL);
  put(world, 0, "f", NULL, NULL);
  put(world, 1, "g", TAGS("P", "ao", "T", "x"), NULL);
}

static void queries_tags(void **state) {
  world_t *world = *state;
  fill(world);
  expect_query(world, (aod__index_query_t){0}, "gfedcba", false);
  expect_query(world, (aod__index_query_t){.oldest_first = true}, "abcdefg", false);
  expect_query(world, (aod__index_query_t){ONE_TAG(TAG("T", AOD_TEXT("x")))}, "gca", false);
  expect_query(world, (aod__index_query_t){ONE_TAG(TAG("T", AOD_TEXT("x"), AOD_TEXT("y")))}, "gcba",
               false); /* c has both and comes once */
  expect_query(world,
               (aod__index_query_t){TWO_TAGS(TAG("T", AOD_TEXT("x")), TAG("T", AOD_TEXT("y")))},
               "c", false);
  expect_query(world,
               (aod__index_query_t){TWO_TAGS(TAG("P", AOD_TEXT("ao")), TAG("N", AOD_TEXT("2")))},
               "b", false);
  expect_query(world, (aod__index_query_t){ONE_TAG(TAG("T", AOD_TEXT("X")))}, "", false);
  expect_query(world, (aod__index_query_t){ONE_TAG({AOD_TEXT("T"), AOD__TAG_EQ, false, NULL, 0})},
               "", false); /* no value is allowed */
}

static void queries_tags_by_words(void **state) {
  world_t *world = *state;
  put(world, 0, "a", TAGS("Title", "The quick brown fox"), NULL);
  put(world, 0, "b", TAGS("Title", "Quick, quick: slow"), NULL);
  put(world, 0, "c", TAGS("Title", "quicksand"), NULL);
  put(world, 0, "d", TAGS("Other", "quick"), NULL);
#define WORDS(op, ...) ONE_TAG({AOD_TEXT("Title"), op, false, LIST(__VA_ARGS__)})
  expect_query(world, (aod__index_query_t){WORDS(AOD__TAG_FUZZY_OR, AOD_TEXT("QUICK"))}, "ba",
               false);
  expect_query(world, (aod__index_query_t){WORDS(AOD__TAG_FUZZY_AND, AOD_TEXT("fox quick"))}, "a",
               false);
  expect_query(world, (aod__index_query_t){WORDS(AOD__TAG_FUZZY_OR, AOD_TEXT("fox slow"))}, "ba",
               false);
  expect_query(world, (aod__index_query_t){WORDS(AOD__TAG_FUZZY_OR, AOD_TEXT("fo"))}, "", false);
  expect_query(world, (aod__index_query_t){WORDS(AOD__TAG_FUZZY_AND, AOD_TEXT("... "))}, "", false);
#undef WORDS
}

static void queries_tags_by_other_means(void **state) {
  world_t *world = *state;
  fill(world);
  expect_query(
      world,
      (aod__index_query_t){ONE_TAG({AOD_TEXT("N"), AOD__TAG_NEQ, false, LIST(AOD_TEXT("1"))})},
      "db", false);
  expect_query(
      world,
      (aod__index_query_t){TWO_TAGS(TAG("P", AOD_TEXT("ao")),
                                    {AOD_TEXT("T"), AOD__TAG_NEQ, false, LIST(AOD_TEXT("x"))})},
      "cb", false);
  expect_query(world,
               (aod__index_query_t){
                   ONE_TAG({AOD_TEXT("N"), AOD__TAG_WILDCARD, false, LIST(AOD_TEXT("1*"))})},
               "da", false);
  expect_query(world,
               (aod__index_query_t){
                   ONE_TAG({AOD_TEXT("N"), AOD__TAG_WILDCARD, false, LIST(AOD_TEXT("*2*"))})},
               "db", false);
  expect_query(world, (aod__index_query_t){ONE_TAG({AOD_TEXT("N"), AOD__TAG_EQ, true, NULL, 0})},
               "dba", false);
  expect_query(world,
               (aod__index_query_t){ONE_TAG({AOD_EMPTY, AOD__TAG_EQ, false, LIST(AOD_TEXT("y"))})},
               "cb", false); /* whatever the tag is called */
}

static void queries_owners_and_ids(void **state) {
  world_t *world = *state;
  fill(world);
  uint8_t addresses[2][32], id[32], none[32] = {0};
  for (int i = 0; i < 2; i++) aod_signer_address(world->signers[i], addresses[i]);
  put(world, 1, "h", NULL, id);
  aod_slice_t first = aod_slice(addresses[0], 32), second = aod_slice(addresses[1], 32);
  expect_query(world, (aod__index_query_t){.owners = {true, LIST(second)}}, "hg", false);
  expect_query(world, (aod__index_query_t){.owners = {true, LIST(first, second)}, .limit = 3},
               "hgf", true);
  expect_query(
      world, (aod__index_query_t){.owners = {true, LIST(second)}, ONE_TAG(TAG("T", AOD_TEXT("x")))},
      "g", false);
  expect_query(world, (aod__index_query_t){.ids = {true, LIST(aod_slice(id, 32))}}, "h", false);
  expect_query(
      world,
      (aod__index_query_t){.ids = {true, LIST(aod_slice(id, 32))}, .owners = {true, LIST(first)}},
      "", false);
  expect_query(world, (aod__index_query_t){.ids = {true, LIST(aod_slice(none, 32))}}, "", false);
  expect_query(world, (aod__index_query_t){.ids = {.given = true}}, "", false);
  expect_query(world, (aod__index_query_t){.recipients = {true, LIST(first)}}, "", false);
}

static void queries_heights_and_pages(void **state) {
  world_t *world = *state;
  fill(world);
  expect_query(world, (aod__index_query_t){.height_min = 2, .height_max = 4}, "dcb", false);
  expect_query(world, (aod__index_query_t){.height_min = 7}, "g", false);
  expect_query(world, (aod__index_query_t){.height_min = 8}, "", false);
  expect_query(world, (aod__index_query_t){.height_min = 2, ONE_TAG(TAG("T", AOD_TEXT("x")))}, "gc",
               false);
  expect_query(world, (aod__index_query_t){.limit = 7}, "gfedcba", false);
  expect_query(world, (aod__index_query_t){.limit = 6}, "gfedcb", true);
  expect_query(world, (aod__index_query_t){.has_after = true, .after = 4}, "cba", false);
  expect_query(world, (aod__index_query_t){.has_after = true, .after = 4, .oldest_first = true},
               "efg", false);
  expect_query(world, (aod__index_query_t){.has_after = true, .after = 6, .height_max = 3}, "cba",
               false);
  expect_query(
      world, (aod__index_query_t){.has_after = true, .after = INT64_MAX - 1, .oldest_first = true},
      "", false);
}

static void queries_blocks(void **state) {
  world_t *world = *state;
  fill(world);
  aod_ar_block_t *blocks;
  size_t count;
  bool more;
  aod__index_query_t query = {
      .height_min = 3, .height_max = INT64_MAX, .limit = 3, .oldest_first = true};
  assert_int_equal(
      aod__index_query_blocks(world->ar, &query, &world->arena, &blocks, &count, &more, NULL),
      AOD_OK);
  assert_int_equal(count, 3);
  assert_int_equal(blocks[0].height, 3);
  assert_true(more);
  query.has_after = true;
  query.after = 5;
  assert_int_equal(
      aod__index_query_blocks(world->ar, &query, &world->arena, &blocks, &count, &more, NULL),
      AOD_OK);
  assert_int_equal(count, 2);
  assert_int_equal(blocks[1].height, 7);
  assert_false(more);
}

static int64_t time_queries(world_t *world, const aod__tag_filter_t *tags, const char *expected) {
  int64_t start = aod_clock_monotonic_us();
  for (int i = 0; i < 20; i++)
    expect_query(world, (aod__index_query_t){.tags = tags, .tag_count = 2}, expected, false);
  return aod_clock_monotonic_us() - start;
}

/* The frequent tag is not walked when a rare one can drive. Where none can, as with a wildcard at
 * both ends, the walk shows what it costs. */
static void finds_the_rare_among_the_frequent(void **state) {
  enum { COUNT = 3000 };
  world_t *world = *state;
  counter_t counter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
  uint8_t id[AOD_ID_BYTES];
  for (int i = 0; i < COUNT; i++) {
    char number[20];
    snprintf(number, sizeof number, "<%d>", i);
    aod_slice_t raw = make_item(world, 0, number, TAGS("P", "ao", "N", number), id);
    aod_ar_submit_item(world->ar, raw, count_done, &counter);
  }
  pthread_mutex_lock(&counter.lock);
  while (counter.done < COUNT) pthread_cond_wait(&counter.changed, &counter.lock);
  pthread_mutex_unlock(&counter.lock);
  assert_int_equal(counter.failed, 0);
  aod__tag_filter_t rare[] = {TAG("P", AOD_TEXT("ao")), TAG("N", AOD_TEXT("<17>"))};
  aod__tag_filter_t wild[] = {TAG("P", AOD_TEXT("ao")), TAG("N", AOD_TEXT("*<17>*"))};
  wild[1].op = AOD__TAG_WILDCARD;
  assert_true(time_queries(world, rare, "<17>") * 5 < time_queries(world, wild, "<17>"));
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_WORLD(finds_what_was_put),
      WITH_WORLD(puts_once_only),
      WITH_WORLD(chains_its_blocks),
      WITH_WORLD(survives_a_restart),
      WITH_WORLD(serves_known_transactions),
      WITH_WORLD(submits_without_waiting),
      WITH_WORLD(queries_tags),
      WITH_WORLD(queries_tags_by_other_means),
      WITH_WORLD(queries_tags_by_words),
      WITH_WORLD(queries_owners_and_ids),
      WITH_WORLD(queries_heights_and_pages),
      WITH_WORLD(queries_blocks),
      WITH_WORLD(finds_the_rare_among_the_frequent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
