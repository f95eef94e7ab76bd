#include "base/arena.h"

#include "support/check.h"

static void pieces_are_zeroed_aligned_and_apart(void **state) {
  (void)state;
  aod_arena_t arena = {0};
  enum { PIECES = 2000 };
  static uint8_t *pieces[PIECES];
  for (size_t i = 0; i < PIECES; i++) {
    size_t size = i % 97;
    pieces[i] = aod_arena_alloc(&arena, size);
    assert_int_equal((uintptr_t)pieces[i] % 16, 0);
    for (size_t k = 0; k < size; k++) assert_int_equal(pieces[i][k], 0);
    memset(pieces[i], (int)(i & 255), size);
  }
  for (size_t i = 0; i < PIECES; i++)
    for (size_t k = 0; k < i % 97; k++) assert_int_equal(pieces[i][k], i & 255);
  aod_arena_free(&arena);
  assert_null(arena.blocks);
}

static void large_pieces_fit(void **state) {
  (void)state;
  aod_arena_t arena = {0};
  uint8_t *small = aod_arena_alloc(&arena, 1), *large = aod_arena_alloc(&arena, 1 << 20);
  memset(large, 1, 1 << 20);
  assert_int_equal(*small, 0);
  aod_arena_free(&arena);
}

static void copies_end_with_a_nul(void **state) {
  (void)state;
  aod_arena_t arena = {0};
  aod_slice_t copy = aod_arena_copy(&arena, AOD_TEXT("abc"));
  check_text(copy, "abc");
  assert_int_equal(copy.ptr[3], 0);
  aod_slice_t empty = aod_arena_copy(&arena, AOD_EMPTY);
  assert_int_equal(empty.len, 0);
  assert_non_null(empty.ptr); /* an empty text is there, an absent one is NULL */
  aod_arena_free(&arena);
}

static void printing_measures_first(void **state) {
  (void)state;
  aod_arena_t arena = {0};
  char *text = aod_arena_printf(&arena, "%05d|%s|%20000s", 42, "x", "");
  assert_int_equal(strlen(text), 5 + 1 + 1 + 1 + 20000);
  assert_memory_equal(text, "00042|x| ", 9);
  aod_arena_free(&arena);
}

static void a_freed_arena_can_be_used_again(void **state) {
  (void)state;
  aod_arena_t arena = {0};
  aod_arena_alloc(&arena, 10);
  aod_arena_free(&arena);
  check_text(aod_arena_copy(&arena, AOD_TEXT("again")), "again");
  aod_arena_free(&arena);
  aod_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(pieces_are_zeroed_aligned_and_apart),
      TEST(large_pieces_fit),
      TEST(copies_end_with_a_nul),
      TEST(printing_measures_first),
      TEST(a_freed_arena_can_be_used_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
