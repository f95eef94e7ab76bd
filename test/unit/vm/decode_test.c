/* Decoding and validating by hand-made bytes: what the specification's tests do not reach, above
 * all that an error tells where, and that hostile sizes are refused before they cost anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "vm/opcodes.h"
#include "vm/validate.h"

#define MODULE "\0asm\1\0\0\0"
#define BYTES(literal)                                                                             \
  { (const uint8_t *)(literal), sizeof(literal) - 1 }

/* Decode and validate; returns the code. */
static int check(aod_slice_t wasm, aod_error_t *err) {
  aod_wasm_module_t module;
  *err = (aod_error_t){0};
  int rc = aod_wasm_decode(wasm, &module, err);
  if (rc) return rc;
  rc = aod_wasm_validate(&module, err);
  aod_wasm_module_free(&module);
  return rc;
}

/* ---- errors ---- */

static const struct {
  aod_slice_t wasm;
  int code;
  const char *message; /* the beginning of it */
} bad[] = {
    {BYTES(""), AOD_EINPUT, "byte 0: unexpected end"},
    {BYTES("\0asm\2\0\0\0"), AOD_EINPUT, "byte 8: unknown binary version"},
    {BYTES(MODULE "\x0e\0"), AOD_EINPUT, "byte 8: malformed section id 14"},
    {BYTES(MODULE "\1\5\1"), AOD_EINPUT, "byte 10: unexpected end"},
    {BYTES(MODULE "\1\4\1\x60\0\0\3\1\0\1\1\0"), AOD_EINPUT, "byte 19: section 1 out of order"},
    {BYTES(MODULE "\1\5\1\x60\0\0\0"), AOD_EINPUT, "byte 14: section size mismatch"},
    {BYTES(MODULE "\1\6\xff\xff\xff\xff\x0f\0"), AOD_EINPUT,
     "byte 15: unexpected end: 4294967295 types"},
    {BYTES(MODULE "\1\4\1\x60\1\x11"), AOD_EINPUT, "byte 13: malformed value type 0x11"},
    {BYTES(MODULE "\5\5\1\1\2\1\0"), AOD_EINPUT, "byte 14: size minimum"},
    {BYTES(MODULE "\5\5\2\0\1\0\1"), AOD_EUNSUPPORTED, "byte 15: more than one memory"},
    {BYTES(MODULE "\5\4\1\3\1\1"), AOD_EUNSUPPORTED, "byte 12: shared memory"},
    {BYTES(MODULE "\1\4\1\x60\0\0\3\2\1\0\x0a\5\1\3\0\x6a\x0b"), AOD_EINPUT,
     "function 0: byte 23: i32.add: type mismatch: too few operands"},
    {BYTES(MODULE "\1\4\1\x60\0\0\3\2\1\0\x0a\6\1\4\0\xfe\0\x0b"), AOD_EUNSUPPORTED,
     "function 0: byte 23: unsupported opcode 0xfe 0x00"},
    {BYTES(MODULE "\1\4\1\x60\0\0\3\2\1\0\5\3\1\0\1"
                  "\x0a\x0b\1\x09\0\x41\0\x28\x42\0\0\x1a\x0b"),
     AOD_EINPUT, "function 0: byte 30: i32.load: malformed memory access flags"},
    {BYTES(MODULE "\1\4\1\x60\0\0\3\2\1\0\x0a\5\1\3\0\x06\x0b"), AOD_EINPUT,
     "function 0: byte 23: illegal opcode"},
    {BYTES(MODULE "\1\4\1\x60\0\0\3\2\1\0\x0a\x0a\1\x08\1\xff\xff\xff\xff\x0f\x7f\x0b"), AOD_ELIMIT,
     "function 0: byte 29: more than 50000 locals"},
    {BYTES(MODULE "\1\4\1\x60\0\0\3\2\1\0\7\x09\2\1a\0\0\1a\0\0\x0a\4\1\2\0\x0b"), AOD_EINPUT,
     "byte 29: duplicate export name \"a\""},
};

static void test_errors_tell_where(void **state) {
  (void)state;
  aod_error_t err;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int rc = check(bad[i].wasm, &err);
    if (rc != bad[i].code || strncmp(err.message, bad[i].message, strlen(bad[i].message)))
      fail_msg("case %zu: %s \"%s\", expected \"%s\"", i, aod_error_name(rc), err.message,
               bad[i].message);
  }
}

/* Every proper beginning of a valid module is invalid, or a valid smaller one at a section's end;
 * none is read beyond. */
static void test_truncated(void **state) {
  (void)state;
  static const char whole[] = MODULE "\1\5\1\x60\0\1\x7f\3\2\1\0\5\3\1\0\1\7\5\1\1f\0\0\x0a\6\1\4\0"
                                     "\x41\7\x0b\x0b\7\1\0\x41\0\x0b\1z";
  aod_error_t err;
  assert_int_equal(check(AOD_TEXT(whole), &err), 0);
  for (size_t len = 0; len < sizeof whole - 1; len++) {
    uint8_t *exact = aod_alloc(len ? len : 1); /* so that a sanitizer sees reads beyond */
    memcpy(exact, whole, len);
    check(aod_slice(exact, len), &err);
    free(exact);
  }
}

/* ---- nesting ---- */

static aod_buf_t nested_blocks(uint32_t depth) {
  aod_buf_t body = {0}, wasm = {0};
  aod_buf_byte(&body, 0);
  for (uint32_t i = 0; i < depth; i++) aod_buf_append(&body, AOD_TEXT("\x02\x40"));
  for (uint32_t i = 0; i <= depth; i++) aod_buf_byte(&body, 0x0b);
  aod_buf_append(&wasm, AOD_TEXT(MODULE "\1\4\1\x60\0\0\3\2\1\0\x0a"));
  size_t sizes[] = {body.len + 6, body.len};
  for (int i = 0; i < 2; i++) {
    for (int k = 0; k < 4; k++) aod_buf_byte(&wasm, (uint8_t)((sizes[i] >> 7 * k & 0x7f) | 0x80));
    aod_buf_byte(&wasm, (uint8_t)(sizes[i] >> 28));
    if (i == 0) aod_buf_byte(&wasm, 1);
  }
  aod_buf_append(&wasm, aod_buf_slice(&body));
  aod_buf_free(&body);
  return wasm;
}

static void test_deep_nesting(void **state) {
  (void)state;
  aod_error_t err;
  aod_buf_t deep = nested_blocks(90000), deeper = nested_blocks(110000);
  assert_int_equal(check(aod_buf_slice(&deep), &err), 0);
  assert_int_equal(check(aod_buf_slice(&deeper), &err), AOD_ELIMIT);
  aod_buf_free(&deep);
  aod_buf_free(&deeper);
}

/* ---- what a module says ---- */

static void test_contents(void **state) {
  (void)state;
  aod_wasm_module_t module;
  aod_error_t err;
  /* types (i32)->i64 twice and ()->(); an import; a global of an imported one plus 5 */
  aod_slice_t wasm = AOD_TEXT(MODULE "\1\x0e\3\x60\1\x7f\1\x7e\x60\0\0\x60\1\x7f\1\x7e"
                                     "\2\x0e\2\1a\1b\0\1\1a\1g\3\x7f\0"
                                     "\3\2\1\2"
                                     "\6\x09\1\x7f\0\x23\0\x41\5\x6a\x0b"
                                     "\7\5\1\1f\0\1"
                                     "\x0a\6\1\4\0\x42\x09\x0b"
                                     "\0\x0d\4name\1\6\1\1\3two");
  if (aod_wasm_decode(wasm, &module, &err)) fail_msg("%s", err.message);
  assert_int_equal(module.types[0].number, module.types[2].number);
  assert_int_not_equal(module.types[0].number, module.types[1].number);
  assert_int_equal(module.imported_functions, 1);
  assert_int_equal(module.function_count, 2);
  assert_true(aod_slice_is(module.functions[1].name, "two"));
  const aod_wasm_export_t *export = aod_wasm_export_find(&module, "f", AOD_WASM_FUNCTION);
  assert_non_null(export);
  assert_int_equal(export->index, 1);
  assert_null(aod_wasm_export_find(&module, "f", AOD_WASM_GLOBAL));
  assert_null(aod_wasm_export_find(&module, "g", AOD_WASM_FUNCTION));
  uint64_t imported = UINT32_MAX, *globals[] = {&imported};
  aod_wasm_value_t value = aod_wasm_evaluate(&module.globals[1].init, globals);
  assert_int_equal(value.type, AOD_WASM_I32);
  assert_int_equal(value.slots[0], 4); /* wraps */
  assert_int_equal(aod_wasm_validate(&module, &err), 0);
  aod_wasm_module_free(&module);
}

static void test_memory_bits(void **state) {
  (void)state;
  static const struct {
    aod_wasm_limits_t limits;
    uint32_t bits;
  } cases[] = {
      {{.max = 65536}, 32},
      {{.max = 1, .has_max = true, .is_64 = true}, 16},
      {{.max = 8192, .has_max = true, .is_64 = true}, 29},
      {{.max = 8193, .has_max = true, .is_64 = true}, 30},
      {{.max = UINT64_C(1) << 48, .is_64 = true}, 34},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    aod_wasm_limits_t limits = cases[i].limits;
    aod_wasm_module_t module = {.memories = &limits, .memory_count = 1};
    assert_int_equal(aod_wasm_memory_bits(&module), cases[i].bits);
  }
}

/* ---- the table of opcodes ---- */

static bool is_letter(char c) {
  return c != 0 && strchr("ilfdvp", c);
}

/* A template names each operand once and in a form that the translator knows. */
static void check_row(const aod__opcode_t *row) {
  if (!row->text) return;
  assert_non_null(row->signature);
  const char *colon = strchr(row->signature, ':');
  assert_non_null(colon);
  for (const char *at = row->signature; *at; at++) assert_true(at == colon || is_letter(*at));
  int seen[3] = {0};
  for (const char *at = row->text; (at = strchr(at, '$')); at++) {
    assert_true(strchr("012onxyl", at[1]));
    if (at[1] <= '2') seen[at[1] - '0']++;
  }
  for (int i = 0; i < 3; i++) assert_int_equal(seen[i], i < colon - row->signature);
  bool store = row->flags & AOD__OP_STORE;
  assert_int_equal(strlen(colon + 1), store ? 0 : 1);
}

static void test_opcode_rows(void **state) {
  (void)state;
  int count = 0;
  for (uint32_t prefix = 0; prefix < 256; prefix++)
    for (uint32_t number = 0; number < 300; number++) {
      const aod__opcode_t *row = aod__opcode_find(AOD__OPCODE(prefix, number));
      if (!row) continue;
      count++;
      check_row(row);
    }
  assert_int_equal(count, 437); /* 183 plain ones, 18 behind 0xfc, 236 of SIMD */
  assert_null(aod__opcode_find(AOD__OPCODE(0xfd, 0xffff)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_errors_tell_where), cmocka_unit_test(test_truncated),
      cmocka_unit_test(test_deep_nesting),      cmocka_unit_test(test_contents),
      cmocka_unit_test(test_memory_bits),       cmocka_unit_test(test_opcode_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
