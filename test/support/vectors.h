/* Test vectors: JSON files under test/vectors, with binary values as base64url or hex text.
 *
 * Everything here stops the test with a message when a file or member is missing: a vector that is
 * silently skipped proves nothing. Decoded bytes live until vectors_free. */
#ifndef AOD_TEST_SUPPORT_VECTORS_H
#define AOD_TEST_SUPPORT_VECTORS_H

/* cmocka wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

#define UNUSED_IN_SOME_TESTS __attribute__((unused)) static

static aod_arena_t vectors_arena;

UNUSED_IN_SOME_TESTS void vectors_free(void) {
  aod_arena_free(&vectors_arena);
}

/* The file as JSON; `path` is relative to test/vectors. json_decref it. */
UNUSED_IN_SOME_TESTS json_t *vectors_load(const char *path) {
  char full[4096];
  json_error_t problem;
  snprintf(full, sizeof full, "%s/test/vectors/%s", AOD_SOURCE_DIR, path);
  json_t *json = json_load_file(full, JSON_ALLOW_NUL, &problem);
  if (!json) fail_msg("%s: %s", full, problem.text);
  return json;
}

UNUSED_IN_SOME_TESTS const json_t *vector_get(const json_t *object, const char *name) {
  const json_t *member = json_object_get(object, name);
  if (!member) fail_msg("vector has no member %s", name);
  return member;
}

UNUSED_IN_SOME_TESTS const char *vector_text(const json_t *object, const char *name) {
  const char *text = json_string_value(vector_get(object, name));
  if (!text) fail_msg("vector member %s is no text", name);
  return text;
}

/* base64url without padding, decoded independently of the code under test */
UNUSED_IN_SOME_TESTS aod_slice_t vector_decode_b64(const char *text) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  size_t text_len = strlen(text), len = 0;
  uint8_t *bytes = aod_arena_alloc(&vectors_arena, text_len + 1);
  uint32_t bits = 0;
  int bit_count = 0;
  for (size_t i = 0; i < text_len; i++) {
    const char *at = strchr(alphabet, text[i]);
    if (!at) fail_msg("not base64url: %s", text);
    bits = bits << 6 | (uint32_t)(at - alphabet);
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    bytes[len++] = (uint8_t)(bits >> bit_count);
  }
  return aod_slice(bytes, len);
}

UNUSED_IN_SOME_TESTS aod_slice_t vector_b64(const json_t *object, const char *name) {
  return vector_decode_b64(vector_text(object, name));
}

UNUSED_IN_SOME_TESTS aod_slice_t vector_hex(const json_t *object, const char *name) {
  const char *text = vector_text(object, name);
  size_t len = strlen(text) / 2;
  uint8_t *bytes = aod_arena_alloc(&vectors_arena, len + 1);
  for (size_t i = 0; i < len; i++) {
    unsigned byte;
    if (sscanf(text + 2 * i, "%2x", &byte) != 1) fail_msg("not hex: %s", text);
    bytes[i] = (uint8_t)byte;
  }
  return aod_slice(bytes, len);
}

/* Large payloads are described by four numbers: byte[i] = a*i + b*(i>>8) + c*(i>>16) + d. */
UNUSED_IN_SOME_TESTS aod_slice_t vector_generate_bytes(size_t len, uint64_t a, uint64_t b,
                                                       uint64_t c, uint64_t d) {
  uint8_t *bytes = aod_arena_alloc(&vectors_arena, len + 1);
  for (uint64_t i = 0; i < len; i++) bytes[i] = (uint8_t)(a * i + b * (i >> 8) + c * (i >> 16) + d);
  return aod_slice(bytes, len);
}

UNUSED_IN_SOME_TESTS uint64_t vector_number(const json_t *object, const char *name) {
  return (uint64_t)json_integer_value(vector_get(object, name));
}

UNUSED_IN_SOME_TESTS aod_slice_t vector_generate(const json_t *generator) {
  return vector_generate_bytes(vector_number(generator, "length"), vector_number(generator, "a"),
                               vector_number(generator, "b"), vector_number(generator, "c"),
                               vector_number(generator, "d"));
}

/* Compare and, when they differ, say which vector it was. */
UNUSED_IN_SOME_TESTS void vector_expect_bytes(const char *vector, aod_slice_t got,
                                              aod_slice_t expected) {
  if (!aod_slice_equal(got, expected))
    fail_msg("%s: got %zu bytes, expected %zu, or they differ", vector, got.len, expected.len);
}

/* For each element of the array `name` in `object`. */
#define VECTOR_EACH(object, name, index, element)                                                  \
  const json_t *element;                                                                           \
  size_t index;                                                                                    \
  json_array_foreach((json_t *)vector_get(object, name), index, element)

#endif
