/* What generated code promises beyond the specification's own tests: the order of traps, one NaN,
 * equal budgets and depths everywhere, marked cards. Each on both tiers and, where it is installed,
 * with the other compiler. */
#include "support/wasm.h"

#include <unistd.h>

static const struct {
  aod_tier_t tier;
  const char *compiler;
} variants[] = {
    {AOD_TIER_FIRST, NULL},
    {AOD_TIER_OPTIMISED, NULL},
    {AOD_TIER_OPTIMISED, "/usr/bin/gcc"},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

/* Run `check` on every variant of the module; `seen` carries what must be equal on all. */
static void on_all(const char *text, void (*check)(wasm_t *, uint64_t *seen)) {
  uint64_t first[4] = {0};
  for (int i = 0; i < VARIANTS; i++) {
    if (variants[i].compiler && access(variants[i].compiler, X_OK)) continue;
    uint64_t seen[4] = {0};
    wasm_t wasm = wasm_open(text, variants[i].tier, variants[i].compiler);
    check(&wasm, seen);
    wasm_close(&wasm);
    if (i == 0)
      memcpy(first, seen, sizeof first);
    else
      assert_memory_equal(first, seen, sizeof first);
  }
}

/* ---- traps ---- */

static const char trap_text[] =
    "(module (memory 1 1)"
    " (func (export \"divide_first\") (result i32)"
    "  (i32.add (i32.div_u (i32.const 1) (i32.const 0)) (i32.load (i32.const -1))))"
    " (func (export \"load_first\") (result i32)"
    "  (i32.add (i32.load (i32.const -1)) (i32.div_u (i32.const 1) (i32.const 0))))"
    " (func (export \"dropped\") (drop (i32.load (i32.const -1))))"
    " (func (export \"overwritten\") (param i32) (result i32)"
    "  (local.set 0 (i32.load (i32.const -1))) (local.set 0 (i32.const 7)) (local.get 0))"
    " (func (export \"left_behind\") (result i32)"
    "  (block $b (result i32)"
    "   (i32.add (i32.load (i32.const -1)) (br $b (i32.const 3)))))"
    " (func (export \"before_store\") (result i32)"
    "  (i32.add (i32.div_u (i32.const 1) (i32.const 0))"
    "   (block (result i32) (i32.store (i32.const 0) (i32.const 9)) (i32.const 1))))"
    " (func (export \"read\") (result i32) (i32.load (i32.const 0)))"
    " (func (export \"selected\") (param i32) (result i32)"
    "  (select (i32.const 1) (i32.load (i32.const -1)) (local.get 0)))"
    " (func (export \"store_value\") (result i32)"
    "  (i32.store (i32.const -1) (i32.rem_u (i32.const 1) (i32.const 0))) (i32.const 0)))";

static void check_traps(wasm_t *wasm, uint64_t *seen) {
  assert_int_equal(wasm_call(wasm, "divide_first", 0, 0, NULL), AOD_TRAP_DIVIDE_ZERO);
  assert_int_equal(wasm_call(wasm, "load_first", 0, 0, NULL), AOD_TRAP_MEMORY);
  assert_int_equal(wasm_call(wasm, "dropped", 0, 0, NULL), AOD_TRAP_MEMORY);
  assert_int_equal(wasm_call(wasm, "overwritten", 0, 0, NULL), AOD_TRAP_MEMORY);
  assert_int_equal(wasm_call(wasm, "left_behind", 0, 0, NULL), AOD_TRAP_MEMORY);
  assert_int_equal(wasm_call(wasm, "before_store", 0, 0, NULL), AOD_TRAP_DIVIDE_ZERO);
  assert_int_equal(wasm_call(wasm, "read", 0, 0, seen), AOD_TRAP_NONE);
  assert_int_equal(seen[0], 0);
  assert_int_equal(wasm_call(wasm, "selected", 1, 0, NULL), AOD_TRAP_MEMORY);
  assert_int_equal(wasm_call(wasm, "store_value", 0, 0, NULL), AOD_TRAP_REMAINDER_ZERO);
}

static void test_trap_order(void **state) {
  (void)state;
  on_all(trap_text, check_traps);
}

/* ---- evaluation order ---- */

static const char order_text[] =
    "(module (memory 1 1) (global $g (mut i32) (i32.const 5))"
    " (func $set (result i32) (global.set $g (i32.const 50)) (i32.const 1))"
    " (func (export \"local\") (param i32) (result i32)"
    "  (i32.sub (local.get 0) (local.tee 0 (i32.const 3))))"
    " (func (export \"global\") (result i32)"
    "  (i32.sub (global.get $g) (call $set)))"
    " (func (export \"memory\") (result i32)"
    "  (i32.sub (i32.load (i32.const 8))"
    "   (block (result i32) (i32.store (i32.const 8) (i32.const 9)) (i32.const 1))))"
    " (func (export \"loop\") (param i32) (result i32) (local i32)"
    "  (i32.add (local.get 0) (loop $l (result i32)"
    "   (local.set 1 (i32.add (local.get 1) (i32.const 1)))"
    "   (local.set 0 (i32.const 1000))"
    "   (br_if $l (i32.lt_u (local.get 1) (i32.const 5)))"
    "   (local.get 1)))))";

static void check_order(wasm_t *wasm, uint64_t *seen) {
  wasm_call(wasm, "local", 10, 0, &seen[0]);
  wasm_call(wasm, "global", 0, 0, &seen[1]);
  wasm_call(wasm, "memory", 0, 0, &seen[2]);
  wasm_call(wasm, "loop", 10, 0, &seen[3]);
  assert_int_equal(seen[0], 7);
  assert_int_equal(seen[1], 4);
  assert_int_equal(seen[2], 0xffffffff);
  assert_int_equal(seen[3], 15);
}

static void test_evaluation_order(void **state) {
  (void)state;
  on_all(order_text, check_order);
}

/* ---- NaN ---- */

static const char nan_text[] =
    "(module (memory 1 1)"
    " (func (export \"divide\") (param f64) (param f64) (result f64)"
    "  (f64.div (local.get 0) (local.get 1)))"
    " (func (export \"negated\") (param f64) (param f64) (result f64)"
    "  (f64.neg (f64.sub (local.get 0) (local.get 1))))"
    " (func (export \"chain\") (param f64) (param f64) (result i64)"
    "  (i64.reinterpret_f64 (f64.mul (f64.add (local.get 0) (local.get 1)) (f64.const 1))))"
    " (func (export \"moved\") (param f64) (param f64) (result f64) (local f64)"
    "  (local.set 2 (local.get 0)) (f64.store (i32.const 0) (local.get 2))"
    "  (f64.load (i32.const 0)))"
    " (func (export \"demote\") (param f64) (param f64) (result f32)"
    "  (f32.demote_f64 (local.get 0)))"
    " (func (export \"least\") (param f64) (param f64) (result f64)"
    "  (f64.min (local.get 0) (local.get 1))))";

static void check_nan(wasm_t *wasm, uint64_t *seen) {
  const uint64_t canonical = 0xfff8000000000000, infinity = 0x7ff0000000000000;
  const uint64_t signalling = 0x7ff4000000001234, one = 0x3ff0000000000000;
  wasm_call(wasm, "divide", 0, 0, &seen[0]);
  assert_true(seen[0] == canonical);
  wasm_call(wasm, "divide", signalling, one, &seen[0]);
  assert_true(seen[0] == canonical);
  wasm_call(wasm, "negated", infinity, infinity, &seen[0]);
  assert_true(seen[0] == (canonical ^ UINT64_C(1) << 63));
  wasm_call(wasm, "chain", one, signalling, &seen[0]);
  assert_true(seen[0] == canonical);
  wasm_call(wasm, "moved", signalling, 0, &seen[0]);
  assert_true(seen[0] == signalling);
  wasm_call(wasm, "demote", signalling, 0, &seen[0]);
  assert_true(seen[0] == 0xffc00000);
  wasm_call(wasm, "least", one, signalling, &seen[0]);
  assert_true(seen[0] == canonical);
}

static void test_nan_is_one(void **state) {
  (void)state;
  on_all(nan_text, check_nan);
}

/* ---- budget and depth ---- */

static const char budget_text[] =
    "(module (global $calls (mut i32) (i32.const 0))"
    " (func $leaf (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))"
    " (func (export \"loop\") (param i32) (result i32) (local i32)"
    "  (loop $l"
    "   (local.set 1 (call $leaf (local.get 1)))"
    "   (if (i32.and (local.get 0) (i32.const 1)) (then (local.set 1 (i32.const 4))))"
    "   (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
    "  (local.get 1))"
    " (func (export \"forever\") (loop $l (br $l)))"
    " (func $deep (export \"deep\") (param i32) (result i32)"
    "  (global.set $calls (i32.add (global.get $calls) (i32.const 1)))"
    "  (i32.add (call $deep (local.get 0)) (i32.const 1)))"
    " (func (export \"calls\") (result i32) (global.get $calls)))";

static int64_t fuel_of_loop(wasm_t *wasm, uint32_t turns) {
  wasm->core->wasm.fuel = 1000000000;
  assert_int_equal(wasm_call(wasm, "loop", turns, 0, NULL), AOD_TRAP_NONE);
  return 1000000000 - wasm->core->wasm.fuel;
}

static void check_budget(wasm_t *wasm, uint64_t *seen) {
  int64_t ten = fuel_of_loop(wasm, 10), twenty = fuel_of_loop(wasm, 20);
  int64_t thirty = fuel_of_loop(wasm, 30);
  assert_true(ten > 0 && twenty > ten);
  assert_true(thirty - twenty == twenty - ten);
  seen[0] = (uint64_t)twenty;

  wasm->core->wasm.fuel = 1000000;
  assert_int_equal(wasm_call(wasm, "forever", 0, 0, NULL), AOD_TRAP_FUEL);

  wasm->core->wasm.fuel = INT64_MAX;
  assert_int_equal(wasm_call(wasm, "deep", 0, 0, NULL), AOD_TRAP_STACK);
  wasm_call(wasm, "calls", 0, 0, &seen[1]);
  assert_true(seen[1] > 1000);
}

static void test_budget_and_depth_are_equal(void **state) {
  (void)state;
  on_all(budget_text, check_budget);
}

/* ---- cards ---- */

static const char cards_text[] =
    "(module (memory 2 2)"
    " (func (export \"struct\") (param i32) (param i32)"
    "  (i32.store offset=40 (local.get 0) (i32.const -1))"
    "  (i64.store offset=8 (local.get 0) (i64.const -1))"
    "  (if (local.get 1) (then (i32.store8 offset=247 (local.get 0) (i32.const -1))))"
    "  (i64.store offset=248 (local.get 0) (i64.const -1))"
    "  (i64.store offset=249 (local.get 0) (i64.const -1))"
    "  (i64.store offset=5000 (local.get 0) (i64.const -1))"
    "  (local.set 0 (i32.add (local.get 0) (i32.const 12288)))"
    "  (v128.store offset=240 (local.get 0) (v128.const i32x4 -1 -1 -1 -1))))";

/* Every byte that changed is in a marked card or less than the overlap behind one. */
static void expect_covered(const aod_core_t *core, uint64_t bytes) {
  const uint8_t *memory = core->wasm.memory, *cards = core->wasm.cards;
  int changed = 0;
  for (uint64_t i = 0; i < bytes; i++) {
    uint64_t before = i >= AOD_CARD_OVERLAP ? i - AOD_CARD_OVERLAP : 0;
    if (!memory[i]) continue;
    changed++;
    if (!cards[i >> AOD_CARD_SHIFT] && !cards[before >> AOD_CARD_SHIFT])
      fail_msg("byte %llu has changed and no card tells", (unsigned long long)i);
  }
  assert_true(changed > 0);
}

static void check_cards(wasm_t *wasm, uint64_t *seen) {
  (void)seen;
  for (uint32_t at = 3800; at < 4300; at += 7) {
    aod_core_rollback(wasm->core);
    assert_int_equal(wasm_call(wasm, "struct", at, at & 1, NULL), AOD_TRAP_NONE);
    expect_covered(wasm->core, wasm->core->wasm.memory_bytes);
  }
}

static void test_stores_mark_cards(void **state) {
  (void)state;
  on_all(cards_text, check_cards);
}

/* ---- 64-bit memory ---- */

static const char memory64_text[] =
    "(module (memory i64 1 16)"
    " (func (export \"load\") (param i64) (result i64) (i64.load offset=8 (local.get 0)))"
    " (func (export \"far\") (param i64) (result i64)"
    "  (i64.load8_u offset=4000000000 (local.get 0)))"
    " (func (export \"fill\") (param i64)"
    "  (memory.fill (i64.const 0) (i32.const 1) (local.get 0))))";

static void check_memory64(wasm_t *wasm, uint64_t *seen) {
  assert_int_equal(wasm_call(wasm, "load", 65520, 0, seen), AOD_TRAP_NONE);
  const uint64_t outside[] = {65521,      1u << 20,       UINT64_C(1) << 32, UINT64_C(1) << 40,
                              UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 15};
  for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
    assert_int_equal(wasm_call(wasm, "load", outside[i], 0, NULL), AOD_TRAP_MEMORY);
  assert_int_equal(wasm_call(wasm, "far", 0, 0, NULL), AOD_TRAP_MEMORY);
  assert_int_equal(wasm_call(wasm, "far", UINT64_MAX - 3999999990, 0, NULL), AOD_TRAP_MEMORY);

  /* what cannot be moved costs nothing, however much it is */
  wasm->core->wasm.fuel = 50000;
  assert_int_equal(wasm_call(wasm, "fill", UINT64_MAX, 0, NULL), AOD_TRAP_MEMORY);
  assert_int_equal(wasm_call(wasm, "fill", 65537, 0, NULL), AOD_TRAP_MEMORY);
  assert_int_equal(wasm_call(wasm, "fill", 65536, 0, NULL), AOD_TRAP_FUEL);
  wasm->core->wasm.fuel = INT64_MAX;
}

static void test_memory64_bounds(void **state) {
  (void)state;
  on_all(memory64_text, check_memory64);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_trap_order),        cmocka_unit_test(test_evaluation_order),
      cmocka_unit_test(test_nan_is_one),        cmocka_unit_test(test_budget_and_depth_are_equal),
      cmocka_unit_test(test_stores_mark_cards), cmocka_unit_test(test_memory64_bounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
