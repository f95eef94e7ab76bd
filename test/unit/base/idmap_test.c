#include "base/idmap.h"

#include "support/check.h"

enum { IDS = 300, STEPS = 50000 };

/* A seeded generator, so that a failure can be repeated. */
static uint64_t random_state = 88172645463325252u;

static uint64_t random_u64(void) { /* xorshift64 */
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static uint8_t ids[IDS][32];

/* Ids that share most bytes, so that only a whole comparison tells them apart. */
static void make_ids(void) {
  for (size_t i = 0; i < IDS; i++) {
    memset(ids[i], 0xab, 32);
    ids[i][i % 3 ? 31 : 0] = (uint8_t)i;
    ids[i][i % 3 ? 30 : 17] = (uint8_t)(i >> 8);
    ids[i][16] = (uint8_t)(i % 3);
  }
}

typedef struct {
  size_t count, sum;
} visited_t;

static void visit(void *value, void *context) {
  visited_t *visited = context;
  visited->count++;
  visited->sum += (size_t)((uint8_t(*)[32])value - ids);
}

static void check_same(const aod_idmap_t *map, const bool *present) {
  visited_t expected = {0}, visited = {0};
  for (size_t i = 0; i < IDS; i++) {
    assert_ptr_equal(aod_idmap_get(map, ids[i]), present[i] ? ids[i] : NULL);
    expected.count += present[i];
    expected.sum += present[i] ? i : 0;
  }
  assert_int_equal(map->count, expected.count);
  aod_idmap_each(map, visit, &visited);
  assert_memory_equal(&visited, &expected, sizeof visited);
}

static void behaves_like_a_plain_array(void **state) {
  (void)state;
  make_ids();
  aod_idmap_t map = {0};
  bool present[IDS] = {false};
  for (int step = 0; step < STEPS; step++) {
    size_t i = random_u64() % IDS;
    if (!present[i]) {
      aod_idmap_put(&map, ids[i], ids[i]);
      present[i] = true;
    } else if (random_u64() % 2) {
      assert_ptr_equal(aod_idmap_remove(&map, ids[i]), ids[i]);
      present[i] = false;
    }
    if (step % 1000 == 0) check_same(&map, present);
  }
  check_same(&map, present);
  aod_idmap_free(&map);
}

static void an_empty_map_has_nothing(void **state) {
  (void)state;
  aod_idmap_t map = {0};
  assert_null(aod_idmap_get(&map, ids[0]));
  assert_null(aod_idmap_remove(&map, ids[0]));
  aod_idmap_put(&map, ids[0], ids[0]);
  aod_idmap_free(&map);
  assert_null(aod_idmap_get(&map, ids[0]));
  aod_idmap_free(&map);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(behaves_like_a_plain_array),
                                     TEST(an_empty_map_has_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
