#include "support/vectors.h"

#include "arweave/item.h"
#include "support/verdicts.h"

static aod_arena_t arena;

static int after_each(void **state) {
  (void)state;
  aod_arena_free(&arena);
  return 0;
}

static int parse_and_verify(aod_slice_t raw, aod_item_t *item, aod_error_t *err) {
  int rc = aod_item_parse(raw, &arena, item, err);
  return rc ? rc : aod_item_verify(item, err);
}

/* ---- vectors ---- */

static void expect_tags(const char *name, const aod_tags_t *tags, const json_t *expected) {
  assert_int_equal(tags->count, json_array_size(expected));
  for (size_t i = 0; i < tags->count; i++) {
    const json_t *tag = json_array_get(expected, i);
    vector_expect_bytes(name, tags->list[i].name, vector_b64(tag, "name_b64"));
    vector_expect_bytes(name, tags->list[i].value, vector_b64(tag, "value_b64"));
  }
}

static void expect_item(const char *name, const aod_item_t *item, const json_t *vector) {
  uint8_t digest[48];
  assert_int_equal(item->signature_type, json_integer_value(vector_get(vector, "signature_type")));
  vector_expect_bytes(name, aod_slice(item->id, 32), vector_b64(vector, "id"));
  vector_expect_bytes(name, item->signature, vector_b64(vector, "signature_b64"));
  vector_expect_bytes(name, item->owner, vector_b64(vector, "owner_b64"));
  vector_expect_bytes(name, aod_slice(item->address, 32),
                      vector_b64(vector, "owner_sha256_address"));
  vector_expect_bytes(name, item->target, vector_b64(vector, "target_b64"));
  vector_expect_bytes(name, item->anchor, vector_b64(vector, "anchor_b64"));
  vector_expect_bytes(name, item->tag_bytes, vector_hex(vector, "raw_tags_hex"));
  vector_expect_bytes(name, item->data, vector_b64(vector, "data_b64"));
  expect_tags(name, &item->tags, vector_get(vector, "tags"));
  aod_item_deep_hash(item, digest);
  vector_expect_bytes(name, aod_slice(digest, 48), vector_b64(vector, "deep_hash_b64"));
}

static void accepts_valid_items(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/data_items.json");
  VECTOR_EACH(file, "cases", i, vector) {
    const char *name = vector_text(vector, "name");
    aod_item_t item;
    aod_error_t err;
    if (parse_and_verify(vector_b64(vector, "item_b64"), &item, &err))
      fail_msg("%s: %s", name, err.message);
    expect_item(name, &item, vector);
  }
  json_decref(file);
}

static const verdict_t verdicts[] = {
    {"truncated", AOD_EINPUT, "truncated"},
    {"unknown_signature_type", AOD_EINPUT, "unknown signature type"},
    {"unsupported_signature_type", AOD_EINPUT, "unknown signature type"},
    {"bad_presence_byte", AOD_EINPUT, "presence byte"},
    {"tags_too_large", AOD_EINPUT, "tags are too large"},
    {"truncated_avro", AOD_EINPUT, "truncated Avro"},
    {"bad_avro", AOD_EINPUT, "Avro"},
    {"bad_tags_or_signature", AOD_EINPUT, "tags"},
    {"tag_count_mismatch", AOD_EINPUT, "tag count"},
    {"bad_signature", AOD_ESIGNATURE, "match"},
    {"signature_out_of_range", AOD_ESIGNATURE, "not below the modulus"},
    {"non_canonical_s", AOD_ESIGNATURE, "match"},
    {"threshold_not_met", AOD_ESIGNATURE, "threshold"},
    {"recovered_address_mismatch", AOD_ESIGNATURE, "match"},
    {"bad_v", AOD_ESIGNATURE, "recovery byte"},
    {"high_s", AOD_ESIGNATURE, "high S"},
    {"bad_scalar", AOD_ESIGNATURE, "out of range"},
    {"owner_prefix_not_04", AOD_ESIGNATURE, "owner"},
    {"bad_public_key", AOD_ESIGNATURE, "match"},
    /* where the references disagree (arweave.md 10): what we decided */
    {"non_canonical_avro", AOD_OK, NULL}, /* several blocks, negative counts: legal Avro */
    {"trailing_tag_bytes", AOD_EINPUT, "after their end"},
    {"over_128_tags", AOD_EINPUT, "more than 128 tags"},
    {"name_over_1024", AOD_OK, NULL}, /* tolerated on read, never written */
    {"value_over_3072", AOD_OK, NULL},
    {"empty_tag_name", AOD_OK, NULL},
    {"non_utf8_tag", AOD_OK, NULL},
    {"v_not_27_28", AOD_ESIGNATURE, "recovery byte"},
    {NULL, 0, NULL},
};

static void judge_all(const char *path) {
  json_t *file = vectors_load(path);
  VECTOR_EACH(file, "cases", i, vector) {
    aod_item_t item;
    aod_error_t err;
    int rc = parse_and_verify(vector_b64(vector, "item_b64"), &item, &err);
    verdict_expect(vector, verdicts, rc, &err);
  }
  json_decref(file);
}

static void refuses_invalid_items_for_the_right_reason(void **state) {
  (void)state;
  judge_all("arweave/data_items_invalid.json");
}

static void decides_corner_cases(void **state) {
  (void)state;
  judge_all("arweave/data_items_corner.json");
}

/* Every prefix of an item is refused or, beyond its header, is an item with less data whose
 * signature does not match. Exact-size copies let the sanitizer see a read past the end. */
static void refuses_every_prefix(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/data_items.json");
  const json_t *vector = json_array_get(vector_get(file, "cases"), 2);
  aod_slice_t raw = vector_b64(vector, "item_b64");
  for (size_t len = 0; len < raw.len; len++) {
    uint8_t *copy = aod_alloc(len + 1);
    memcpy(copy + 1, raw.ptr, len);
    aod_item_t item;
    assert_int_not_equal(parse_and_verify(aod_slice(copy + 1, len), &item, NULL), AOD_OK);
    free(copy);
  }
  json_decref(file);
}

/* Owners of type 7 that are not "0x" and forty hex digits. */
static void refuses_owners_that_are_no_address(void **state) {
  (void)state;
  static const size_t spoiled[] = {0, 1, 2, 41};
  json_t *file = vectors_load("arweave/data_items.json");
  VECTOR_EACH(file, "cases", i, vector) {
    if (vector_number(vector, "signature_type") != 7) continue;
    for (size_t k = 0; k < sizeof spoiled / sizeof *spoiled; k++) {
      aod_slice_t raw = vector_b64(vector, "item_b64");
      ((uint8_t *)raw.ptr)[2 + 65 + spoiled[k]] = 'g';
      aod_item_t item;
      aod_error_t err;
      assert_int_equal(parse_and_verify(raw, &item, &err), AOD_ESIGNATURE);
      assert_non_null(strstr(err.message, "not an Ethereum address"));
    }
  }
  json_decref(file);
}

/* ---- signing ---- */

static aod_signer_t *wallet(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/test/vectors/arweave/wallet-1.TEST-ONLY.jwk.json",
           AOD_SOURCE_DIR);
  json_t *jwk = json_load_file(path, 0, NULL);
  char *text = json_dumps(jwk, 0);
  aod_signer_t *signer = NULL;
  assert_int_equal(aod_signer_from_jwk(aod_text(text), &signer, NULL), AOD_OK);
  free(text);
  json_decref(jwk);
  return signer;
}

static void signs_what_it_parses_again(void **state) {
  (void)state;
  aod_signer_t *signer = wallet();
  aod_tag_t tags[] = {{AOD_TEXT("Data-Protocol"), AOD_TEXT("ao")}, {AOD_TEXT("Empty"), AOD_EMPTY}};
  aod_slice_t target = AOD_TEXT("01234567890123456789012345678901");
  aod_slice_t anchor = AOD_TEXT("00000000000000000000000000000012");
  aod_item_fields_t fields = {target, anchor, {tags, 2}, AOD_TEXT("hello")};
  aod_buf_t raw = {0};
  uint8_t id[32], address[32];
  assert_int_equal(aod_item_sign(&fields, signer, &raw, id, NULL), AOD_OK);
  aod_item_t item;
  aod_error_t err;
  if (parse_and_verify(aod_buf_slice(&raw), &item, &err)) fail_msg("%s", err.message);
  assert_memory_equal(item.id, id, 32);
  aod_signer_address(signer, address);
  assert_memory_equal(item.address, address, 32);
  vector_expect_bytes("target", item.target, target);
  vector_expect_bytes("anchor", item.anchor, anchor);
  assert_true(aod_slice_is(item.data, "hello"));
  assert_int_equal(item.tags.count, 2);
  assert_true(aod_tags_has(&item.tags, "Data-Protocol", "ao"));
  assert_false(aod_tags_has(&item.tags, "data-protocol", "ao"));
  assert_true(aod_tags_has(&item.tags, "Empty", ""));
  aod_buf_free(&raw);
  aod_signer_free(signer);
}

static void sign_refuses_fields_over_the_limits(void **state) {
  (void)state;
  static const uint8_t filler[3073];
  aod_signer_t *signer = wallet();
  aod_tag_t many[129], large[2] = {{AOD_TEXT("a"), aod_slice(filler, 3072)},
                                   {AOD_TEXT("b"), aod_slice(filler, 3072)}};
  for (size_t i = 0; i < 129; i++) many[i] = (aod_tag_t){AOD_TEXT("n"), AOD_TEXT("v")};
  aod_tag_t unnamed = {AOD_EMPTY, AOD_TEXT("v")};
  aod_tag_t long_name = {aod_slice(filler, 1025), AOD_EMPTY};
  aod_tag_t long_value = {AOD_TEXT("n"), aod_slice(filler, 3073)};
  const aod_item_fields_t bad[] = {
      {.target = AOD_TEXT("short")}, {.anchor = aod_slice(filler, 33)}, {.tags = {many, 129}},
      {.tags = {large, 2}},          {.tags = {&unnamed, 1}},           {.tags = {&long_name, 1}},
      {.tags = {&long_value, 1}},
  };
  aod_buf_t raw = {0};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    aod_error_t err;
    assert_int_equal(aod_item_sign(&bad[i], signer, &raw, NULL, &err), AOD_EINPUT);
    assert_int_equal(raw.len, 0);
  }
  aod_buf_free(&raw);
  aod_signer_free(signer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(accepts_valid_items, after_each),
      cmocka_unit_test_teardown(refuses_invalid_items_for_the_right_reason, after_each),
      cmocka_unit_test_teardown(decides_corner_cases, after_each),
      cmocka_unit_test_teardown(refuses_every_prefix, after_each),
      cmocka_unit_test_teardown(refuses_owners_that_are_no_address, after_each),
      cmocka_unit_test_teardown(signs_what_it_parses_again, after_each),
      cmocka_unit_test_teardown(sign_refuses_fields_over_the_limits, after_each),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
