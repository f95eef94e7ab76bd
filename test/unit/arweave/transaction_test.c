#include "support/vectors.h"

#include "arweave/hash.h"
#include "arweave/transaction.h"
#include "support/verdicts.h"

static aod_arena_t arena;

static int after_each(void **state) {
  (void)state;
  aod_arena_free(&arena);
  return 0;
}

static int parse(const json_t *json, aod_transaction_t *transaction, aod_error_t *err) {
  char *text = json_dumps(json, 0);
  int rc = aod_transaction_parse(aod_text(text), &arena, transaction, err);
  free(text);
  return rc;
}

static int parse_and_verify(const json_t *json, aod_transaction_t *transaction, aod_error_t *err) {
  int rc = parse(json, transaction, err);
  return rc ? rc : aod_transaction_verify(transaction, err);
}

static void accepts_valid_transactions(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/transactions.json");
  VECTOR_EACH(file, "cases", i, vector) {
    const char *name = vector_text(vector, "name");
    const json_t *json = vector_get(vector, "tx");
    aod_transaction_t transaction;
    aod_error_t err;
    if (parse_and_verify(json, &transaction, &err)) fail_msg("%s: %s", name, err.message);
    assert_int_equal(transaction.format, vector_number(vector, "format"));
    assert_int_equal(transaction.data_size, vector_number(vector, "size"));
    if (transaction.format == 1) continue;
    uint8_t digest[48];
    aod_transaction_deep_hash(&transaction, digest);
    vector_expect_bytes(name, aod_slice(digest, 48),
                        vector_b64(vector_get(vector, "signature_preimage"), "deep_hash_b64"));
  }
  json_decref(file);
}

static const verdict_t verdicts[] = {
    {"id_mismatch", AOD_EINPUT, "id mismatch"},
    {"unsupported_format", AOD_EINPUT, "unsupported format"},
    {"data_root_mismatch", AOD_EINPUT, "data_root mismatch"},
    {"bad_signature", AOD_ESIGNATURE, "match"},
    {NULL, 0, NULL},
};

static void refuses_invalid_transactions_for_the_right_reason(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/transactions_invalid.json");
  VECTOR_EACH(file, "cases", i, vector) {
    aod_transaction_t transaction;
    aod_error_t err = {0};
    int rc = parse_and_verify(vector_get(vector, "tx"), &transaction, &err);
    verdict_expect(vector, verdicts, rc, &err);
  }
  json_decref(file);
}

/* Written again, a transaction has the members and values that it was read from. */
static void writes_what_it_read(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/transactions.json");
  VECTOR_EACH(file, "cases", i, vector) {
    const json_t *json = vector_get(vector, "tx");
    aod_transaction_t transaction;
    aod_buf_t text = {0};
    assert_int_equal(parse(json, &transaction, NULL), AOD_OK);
    aod_transaction_write(&transaction, true, &text);
    json_t *again = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    assert_non_null(again);
    const char *member;
    json_t *value;
    json_object_foreach((json_t *)json, member, value) {
      if (!json_equal(value, json_object_get(again, member)))
        fail_msg("%s: %s differs", vector_text(vector, "name"), member);
    }
    json_decref(again);
    aod_buf_clear(&text);
    aod_transaction_write(&transaction, false, &text);
    again = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    assert_string_equal(vector_text(again, "data"), "");
    json_decref(again);
    aod_buf_free(&text);
  }
  json_decref(file);
}

static void recovers_secp256k1_owners(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/transactions.json");
  size_t seen = 0;
  VECTOR_EACH(file, "cases", i, vector) {
    if (!json_object_get(vector, "recovered_compressed_public_key_b64")) continue;
    aod_transaction_t transaction;
    uint8_t address[32];
    assert_int_equal(parse(vector_get(vector, "tx"), &transaction, NULL), AOD_OK);
    assert_true(aod_transaction_address(&transaction, address));
    vector_expect_bytes("address", aod_slice(address, 32), vector_b64(vector, "owner_address"));
    seen++;
  }
  assert_int_equal(seen, 1);
  json_decref(file);
}

/* One change at a time to a small valid transaction, and the word that must explain it. */
static void names_the_member_that_is_wrong(void **state) {
  (void)state;
  static const struct {
    const char *member, *value, *says;
  } changes[] = {
      {"id", "\"short\"", "\"id\""},
      {"id", "null", "\"id\""},
      {"owner", "7", "\"owner\""},
      {"signature", "\"\"", "\"signature\""},
      {"signature", "\"!\"", "\"signature\""},
      {"quantity", "\"-1\"", "\"quantity\""},
      {"quantity", "\"01\"", "\"quantity\""},
      {"quantity", "1.5", "\"quantity\""},
      {"quantity", "1e300", "\"quantity\""},
      {"reward", "\"\"", "\"reward\""},
      {"reward", "{}", "\"reward\""},
      {"data_size", "\"99999999999999999999\"", "\"data_size\""},
      {"tags", "{}", "\"tags\""},
      {"tags", "[7]", "tag"},
      {"tags", "[{\"name\":\"QQ\"}]", "value of a tag"},
      {"target", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", "\"target\""},
      {"format", "\"two\"", "\"format\""},
  };
  json_t *file = vectors_load("arweave/transactions.json");
  const json_t *whole = vector_get(json_array_get(vector_get(file, "cases"), 2), "tx");
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    json_t *json = json_deep_copy(whole);
    json_object_set_new(json, changes[i].member,
                        json_loads(changes[i].value, JSON_DECODE_ANY, NULL));
    aod_transaction_t transaction;
    aod_error_t err = {0};
    assert_int_equal(parse(json, &transaction, &err), AOD_EINPUT);
    if (!strstr(err.message, changes[i].says))
      fail_msg("%s = %s: %s", changes[i].member, changes[i].value, err.message);
    json_decref(json);
  }
  json_decref(file);
}

static void takes_numbers_in_both_forms(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/transactions.json");
  json_t *json = json_deep_copy(vector_get(json_array_get(vector_get(file, "cases"), 2), "tx"));
  json_object_set_new(json, "format", json_string("2"));
  json_object_set_new(json, "reward", json_integer(strtoll(vector_text(json, "reward"), NULL, 10)));
  json_object_set_new(json, "data_size", json_integer(14));
  aod_transaction_t transaction;
  aod_error_t err;
  if (parse_and_verify(json, &transaction, &err)) fail_msg("%s", err.message);
  json_decref(json);
  json_decref(file);
}

/* ---- signing, and the rules of nodes ---- */

static aod_signer_t *wallet(const char *kind) {
  aod_signer_t *signer = NULL;
  if (strcmp(kind, "rsa") != 0) {
    assert_int_equal(aod_signer_generate(kind, &signer, NULL), AOD_OK);
    return signer;
  }
  json_t *jwk = vectors_load("arweave/wallet-1.TEST-ONLY.jwk.json");
  char *text = json_dumps(jwk, 0);
  assert_int_equal(aod_signer_from_jwk(aod_text(text), &signer, NULL), AOD_OK);
  free(text);
  json_decref(jwk);
  return signer;
}

static aod_transaction_t plain_transaction(void) {
  return (aod_transaction_t){.format = 2, .quantity = AOD_TEXT("0"), .reward = AOD_TEXT("1000")};
}

static void signs_what_it_verifies(void **state) {
  (void)state;
  static const char *const kinds[] = {"rsa", "secp256k1"};
  for (size_t i = 0; i < 2; i++) {
    aod_signer_t *signer = wallet(kinds[i]);
    aod_tag_t tags[] = {{AOD_TEXT("A"), AOD_TEXT("b")}};
    aod_transaction_t transaction = plain_transaction(), again;
    transaction.tags = (aod_tags_t){tags, 1};
    aod_transaction_set_data(&transaction, vector_generate_bytes(300000, 1, 2, 3, 4), &arena);
    assert_int_equal(aod_transaction_sign(&transaction, signer, &arena, NULL), AOD_OK);
    aod_buf_t json = {0};
    aod_error_t err;
    aod_transaction_write(&transaction, true, &json);
    assert_int_equal(aod_transaction_parse(aod_buf_slice(&json), &arena, &again, NULL), AOD_OK);
    if (aod_transaction_verify(&again, &err)) fail_msg("%s: %s", kinds[i], err.message);
    assert_memory_equal(again.id, transaction.id, 32);
    aod_buf_free(&json);
    aod_signer_free(signer);
  }
  aod_signer_t *foreign = wallet("ed25519");
  aod_transaction_t transaction = plain_transaction();
  assert_int_equal(aod_transaction_sign(&transaction, foreign, &arena, NULL), AOD_EUNSUPPORTED);
  aod_signer_free(foreign);
}

static void expect_rule(aod_transaction_t transaction, const aod_signer_t *signer,
                        const char *says) {
  aod_error_t err = {0};
  assert_int_equal(aod_transaction_sign(&transaction, signer, &arena, NULL), AOD_OK);
  assert_int_equal(aod_transaction_verify(&transaction, &err), AOD_EINPUT);
  if (!strstr(err.message, says)) fail_msg("expected %s, got: %s", says, err.message);
}

static void enforces_the_rules_of_nodes(void **state) {
  (void)state;
  static const uint8_t filler[2049];
  aod_signer_t *signer = wallet("rsa");
  uint8_t address[32];
  aod_signer_address(signer, address);

  aod_transaction_t transaction = plain_transaction();
  transaction.quantity = AOD_TEXT("1");
  expect_rule(transaction, signer, "no target");

  transaction = plain_transaction();
  transaction.target = aod_slice(address, 32);
  expect_rule(transaction, signer, "owner is the target");

  transaction = plain_transaction();
  transaction.data_size = 5;
  expect_rule(transaction, signer, "do not belong together");

  transaction = plain_transaction();
  aod_tag_t large = {AOD_TEXT("n"), aod_slice(filler, 2048)};
  transaction.tags = (aod_tags_t){&large, 1};
  expect_rule(transaction, signer, "2049 bytes");

  transaction = plain_transaction();
  aod_transaction_set_data(&transaction, AOD_TEXT("hello"), &arena);
  transaction.data = AOD_TEXT("hell");
  expect_rule(transaction, signer, "data_size says 5");
  aod_signer_free(signer);
}

/* Format 1 is not signed by us: the concatenation is made here. */
static void refuses_malleable_transactions_of_format_1(void **state) {
  (void)state;
  static const struct {
    const char *target, *data, *says; /* says NULL: fine */
  } cases[] = {
      {"", "ends in a letter x", NULL},
      {"", "ends in a digit 7", "digit"},
      {"01234567890123456789012345678901", "x", "target but no quantity"},
  };
  aod_signer_t *signer = wallet("rsa");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    aod_transaction_t transaction = plain_transaction();
    aod_buf_t message = {0}, signature = {0};
    aod_error_t err = {0};
    transaction.format = 1;
    transaction.owner = aod_signer_owner(signer);
    transaction.target = aod_text(cases[i].target);
    transaction.data = aod_text(cases[i].data);
    aod_buf_append(&message, transaction.owner);
    aod_buf_printf(&message, "%s%s01000", cases[i].target, cases[i].data);
    aod_signer_sign(signer, aod_buf_slice(&message), true, &signature, NULL);
    transaction.signature = aod_buf_slice(&signature);
    aod_sha256(transaction.signature, transaction.id);
    assert_int_equal(aod_transaction_verify(&transaction, &err), cases[i].says ? AOD_EINPUT : 0);
    if (cases[i].says) assert_non_null(strstr(err.message, cases[i].says));
    aod_buf_free(&message);
    aod_buf_free(&signature);
  }
  aod_signer_free(signer);
}

static void signs_denominations(void **state) {
  (void)state;
  aod_signer_t *signer = wallet("secp256k1");
  aod_transaction_t transaction = plain_transaction(), again;
  aod_buf_t json = {0};
  uint8_t with[48], without[48];
  aod_transaction_deep_hash(&transaction, without);
  transaction.denomination = AOD_TEXT("1");
  aod_transaction_deep_hash(&transaction, with);
  assert_memory_not_equal(with, without, 48);
  assert_int_equal(aod_transaction_sign(&transaction, signer, &arena, NULL), AOD_OK);
  aod_transaction_write(&transaction, true, &json);
  assert_int_equal(aod_transaction_parse(aod_buf_slice(&json), &arena, &again, NULL), AOD_OK);
  assert_true(aod_slice_is(again.denomination, "1"));
  assert_int_equal(aod_transaction_verify(&again, NULL), AOD_OK);
  aod_buf_free(&json);
  aod_signer_free(signer);
}

static void refuses_signatures_of_no_kind(void **state) {
  (void)state;
  static const uint8_t filler[512] = {1};
  static const struct {
    size_t owner_len, signature_len;
    const char *says;
  } cases[] = {{100, 100, "no RSA key"}, {0, 512, "no secp256k1"}, {512, 65, "its key has"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    aod_transaction_t transaction = plain_transaction();
    aod_error_t err;
    uint8_t address[32];
    transaction.owner = aod_slice(filler, cases[i].owner_len);
    transaction.signature = aod_slice(filler, cases[i].signature_len);
    aod_sha256(transaction.signature, transaction.id);
    assert_int_equal(aod_transaction_verify(&transaction, &err), AOD_ESIGNATURE);
    if (!strstr(err.message, cases[i].says)) fail_msg("%s", err.message);
    assert_int_equal(aod_transaction_address(&transaction, address), cases[i].owner_len > 0);
  }
  uint8_t signature[65] = {[0] = 1, [32] = 1, [64] = 4}; /* recovery number 4 */
  aod_transaction_t transaction = plain_transaction();
  transaction.signature = aod_slice(signature, sizeof signature);
  aod_sha256(transaction.signature, transaction.id);
  assert_int_equal(aod_transaction_verify(&transaction, NULL), AOD_ESIGNATURE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(accepts_valid_transactions, after_each),
      cmocka_unit_test_teardown(refuses_invalid_transactions_for_the_right_reason, after_each),
      cmocka_unit_test_teardown(writes_what_it_read, after_each),
      cmocka_unit_test_teardown(recovers_secp256k1_owners, after_each),
      cmocka_unit_test_teardown(names_the_member_that_is_wrong, after_each),
      cmocka_unit_test_teardown(takes_numbers_in_both_forms, after_each),
      cmocka_unit_test_teardown(signs_what_it_verifies, after_each),
      cmocka_unit_test_teardown(enforces_the_rules_of_nodes, after_each),
      cmocka_unit_test_teardown(refuses_malleable_transactions_of_format_1, after_each),
      cmocka_unit_test_teardown(signs_denominations, after_each),
      cmocka_unit_test_teardown(refuses_signatures_of_no_kind, after_each),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
