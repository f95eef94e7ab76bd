/* Memory against a plain array: after any sequence of writes, growth, commits and rollbacks both
 * images hold what the model holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arweave/hash.h"
#include "vm/abi.h"
#include "vm/memory.h"

#define MAX_BYTES (64 * AOD_PAGE_BYTES)

typedef struct {
  uint8_t bytes[MAX_BYTES];
  uint64_t size;
} model_t;

static uint64_t random_state;

static uint64_t random_below(uint64_t limit) { /* xorshift64* */
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (random_state * 2685821657736338717u >> 11) % limit;
}

/* As native code does it: up to 16 bytes, and a mark on the first one's card only. */
static void store(aod_memory_t *memory, model_t *model) {
  uint64_t width = 1 + random_below(16);
  uint64_t at = random_below(memory->bytes - width + 1);
  if (random_below(4) == 0) at = (at & ~0xfffull) + 4096 - random_below(width);
  if (at + width > memory->bytes) return;
  for (uint64_t i = 0; i < width; i++)
    memory->base[at + i] = model->bytes[at + i] = (uint8_t)random_below(256);
  memory->cards[at >> AOD_CARD_SHIFT] = 1;
}

static void store_range(aod_memory_t *memory, model_t *model) {
  uint64_t at = random_below(memory->bytes), len = random_below(random_below(3) ? 5000 : 150000);
  if (len > memory->bytes - at) len = memory->bytes - at;
  uint8_t value = (uint8_t)random_below(3);
  aod_memory_mark(memory, at, len);
  memset(memory->base + at, value, len);
  memset(model->bytes + at, value, len);
}

static void grow(aod_memory_t *memory, model_t *model) {
  uint64_t more = random_below(3) * AOD_PAGE_BYTES;
  bool expected = more <= memory->max_bytes - memory->bytes;
  assert_int_equal(aod_memory_grow(memory, more), expected);
  if (!expected) return;
  memset(model->bytes + model->size, 0, more);
  model->size += more;
}

static void check_working(const aod_memory_t *memory, const model_t *model) {
  assert_int_equal(memory->bytes, model->size);
  assert_memory_equal(memory->base, model->bytes, model->size);
}

static void check_committed(const aod_memory_t *memory, const model_t *model) {
  uint8_t expected[32], digest[32];
  assert_int_equal(memory->committed_bytes, model->size);
  assert_memory_equal(memory->committed, model->bytes, model->size);
  aod_sha256(aod_slice(model->bytes, model->size), expected);
  aod_pages_sha256(aod_memory_pages(memory), digest);
  assert_memory_equal(digest, expected, 32);
  for (uint64_t card = 0; card < model->size >> AOD_CARD_SHIFT; card++)
    assert_int_equal(memory->cards[card], 0);
}

/* What differs from the model at the mark is among the changes. */
static void check_changes(const aod_memory_t *memory, const model_t *marked, const model_t *model) {
  uint64_t next = aod_pages_next_changed(aod_memory_pages(memory), 0),
           count = model->size >> AOD_CARD_SHIFT;
  for (uint64_t card = 0; card < count; card++) {
    uint64_t at = card << AOD_CARD_SHIFT;
    if (card == next)
      next = aod_pages_next_changed(aod_memory_pages(memory), card + 1);
    else
      assert_memory_equal(model->bytes + at, marked->bytes + at, (size_t)1 << AOD_CARD_SHIFT);
  }
  assert_true(next >= count);
}

static void message(aod_memory_t *memory, model_t *working, model_t *committed) {
  for (uint64_t steps = random_below(60); steps > 0; steps--) {
    uint64_t what = random_below(20);
    if (what == 0)
      grow(memory, working);
    else if (what < 3)
      store_range(memory, working);
    else
      store(memory, working);
  }
  check_working(memory, working);
  if (random_below(2)) {
    aod_memory_commit(memory);
    *committed = *working;
  } else {
    aod_memory_rollback(memory);
    *working = *committed;
  }
  check_working(memory, working);
  check_committed(memory, committed);
}

static void run(uint64_t seed, const aod_image_t *image, const model_t *start) {
  static model_t working, committed, marked;
  random_state = seed;
  working = committed = marked = *start;
  aod_memory_t memory;
  assert_int_equal(aod_memory_open(&memory, 2 * AOD_PAGE_BYTES, MAX_BYTES, 22, image, NULL),
                   AOD_OK);
  check_working(&memory, &working);
  check_committed(&memory, &committed);
  for (int i = 0; i < 60; i++) {
    message(&memory, &working, &committed);
    check_changes(&memory, &marked, &committed);
    if (random_below(8) != 0) continue;
    aod_pages_set_mark(aod_memory_pages(&memory));
    assert_true(aod_pages_next_changed(aod_memory_pages(&memory), 0) >= memory.committed_bytes >>
                AOD_CARD_SHIFT);
    marked = committed;
  }
  aod_memory_close(&memory);
}

static void test_against_model(void **state) {
  (void)state;
  static model_t start;
  start.size = 2 * AOD_PAGE_BYTES;
  for (uint64_t seed = 1; seed <= 8; seed++) run(seed, NULL, &start);
}

static void make_image(aod_image_t *image, model_t *model) {
  aod_memory_t memory;
  assert_int_equal(aod_memory_open(&memory, 2 * AOD_PAGE_BYTES, MAX_BYTES, 22, NULL, NULL), AOD_OK);
  model->size = 2 * AOD_PAGE_BYTES;
  random_state = 77;
  for (int i = 0; i < 30; i++) store(&memory, model);
  assert_true(aod_memory_grow(&memory, AOD_PAGE_BYTES));
  model->size += AOD_PAGE_BYTES;
  store_range(&memory, model);
  aod_memory_commit(&memory);
  assert_int_equal(aod_image_create(image, &memory, NULL), AOD_OK);
  aod_memory_close(&memory);
}

static void test_from_image(void **state) {
  (void)state;
  static model_t start;
  aod_image_t image;
  make_image(&image, &start);
  for (uint64_t seed = 1; seed <= 4; seed++) run(seed, &image, &start);
  aod_image_free(&image);
}

/* Growth that was undone gives zeros when it comes again. */
static void test_regrown_is_zero(void **state) {
  (void)state;
  aod_memory_t memory;
  assert_int_equal(aod_memory_open(&memory, AOD_PAGE_BYTES, MAX_BYTES, 22, NULL, NULL), AOD_OK);
  assert_true(aod_memory_grow(&memory, AOD_PAGE_BYTES));
  aod_memory_mark(&memory, AOD_PAGE_BYTES, AOD_PAGE_BYTES);
  memset(memory.base + AOD_PAGE_BYTES, 0xaa, AOD_PAGE_BYTES);
  aod_memory_rollback(&memory);
  assert_int_equal(memory.bytes, AOD_PAGE_BYTES);
  assert_true(aod_memory_grow(&memory, AOD_PAGE_BYTES));
  for (uint64_t i = 0; i < AOD_PAGE_BYTES; i++)
    assert_int_equal(memory.base[AOD_PAGE_BYTES + i], 0);
  aod_memory_close(&memory);
}

static void test_limits(void **state) {
  (void)state;
  aod_memory_t memory;
  assert_int_equal(aod_memory_open(&memory, 2 * AOD_PAGE_BYTES, AOD_PAGE_BYTES, 16, NULL, NULL),
                   AOD_ELIMIT);
  assert_int_equal(aod_memory_open(&memory, 0, 2 * AOD_PAGE_BYTES, 17, NULL, NULL), AOD_OK);
  assert_true(aod_memory_grow(&memory, 2 * AOD_PAGE_BYTES));
  assert_false(aod_memory_grow(&memory, AOD_PAGE_BYTES));
  uintptr_t base = (uintptr_t)memory.base;
  assert_true(aod_memory_owns_address(base + (1ull << 32)));
  aod_memory_close(&memory);
  assert_false(aod_memory_owns_address(base));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_model),
      cmocka_unit_test(test_from_image),
      cmocka_unit_test(test_regrown_is_zero),
      cmocka_unit_test(test_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
