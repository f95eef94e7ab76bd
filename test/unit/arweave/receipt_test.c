#include "support/vectors.h"

#include "arweave/receipt.h"

static json_t *published; /* a whole receipt, for tests to change */
static uint8_t published_id[32];

static int load(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/upload_receipt.json");
  published = json_deep_copy(vector_get(file, "receipt"));
  memcpy(published_id, vector_b64(published, "id").ptr, 32);
  json_decref(file);
  return 0;
}

static int unload(void **state) {
  (void)state;
  json_decref(published);
  return 0;
}

static void verifies_the_published_receipt(void **state) {
  (void)state;
  aod_error_t err;
  if (aod_receipt_verify(published, published_id, &err)) fail_msg("%s", err.message);
}

static void tolerates_what_older_uploaders_leave_out(void **state) {
  (void)state;
  json_object_del(published, "winc");
  json_object_del(published, "owner");
  json_object_set_new(published, "x-new", json_true());
  assert_int_equal(aod_receipt_verify(published, published_id, NULL), AOD_OK);
}

static void refuses_a_receipt_about_another_item(void **state) {
  (void)state;
  published_id[0] ^= 1;
  assert_int_equal(aod_receipt_verify(published, published_id, NULL), AOD_EINPUT);
}

static void refuses_every_changed_promise(void **state) {
  (void)state;
  static const struct {
    const char *member, *value;
    int code;
  } changes[] = {
      {"timestamp", "1700590909590", AOD_ESIGNATURE},
      {"deadlineHeight", "1310201", AOD_ESIGNATURE},
      {"version", "\"1.0.0\"", AOD_ESIGNATURE},
      {"timestamp", "\"1700590909589\"", AOD_EINPUT},
      {"timestamp", "-1", AOD_EINPUT},
      {"timestamp", "1.5", AOD_EINPUT},
      {"deadlineHeight", "null", AOD_EINPUT},
      {"signature", "\"AAAA\"", AOD_EINPUT},
      {"public", "\"AAAA\"", AOD_EINPUT},
      {"public", "\"!\"", AOD_EINPUT},
      {"id", "7", AOD_EINPUT},
  };
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    json_t *changed = json_deep_copy(published);
    json_object_set_new(changed, changes[i].member,
                        json_loads(changes[i].value, JSON_DECODE_ANY, NULL));
    assert_int_equal(aod_receipt_verify(changed, published_id, NULL), changes[i].code);
    json_decref(changed);
  }
  assert_int_equal(aod_receipt_verify(NULL, published_id, NULL), AOD_EINPUT);
}

static void writes_receipts_that_verify(void **state) {
  (void)state;
  static const char *const kinds[] = {"rsa", "ed25519", "secp256k1"};
  for (size_t i = 0; i < 3; i++) {
    aod_receipt_t receipt = {.timestamp_ms = 1700590909589, .deadline_height = 1310200};
    memcpy(receipt.id, published_id, 32);
    receipt.host = AOD_TEXT("localhost");
    aod_signer_t *signer = NULL;
    aod_buf_t text = {0};
    aod_error_t err;
    assert_int_equal(aod_signer_generate(kinds[i], &signer, NULL), AOD_OK);
    assert_int_equal(aod_receipt_write(&receipt, signer, &text, NULL), AOD_OK);
    json_t *json = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    assert_non_null(json);
    if (aod_receipt_verify(json, published_id, &err)) fail_msg("%s: %s", kinds[i], err.message);
    const char *member;
    json_t *value;
    json_object_foreach(published, member, value) {
      const json_t *ours = json_object_get(json, member);
      if (!ours || json_typeof(ours) != json_typeof(value)) fail_msg("%s is no match", member);
    }
    assert_string_equal(vector_text(json, "winc"), "0");
    json_decref(json);
    aod_buf_free(&text);
    aod_signer_free(signer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(verifies_the_published_receipt, load, unload),
      cmocka_unit_test_setup_teardown(tolerates_what_older_uploaders_leave_out, load, unload),
      cmocka_unit_test_setup_teardown(refuses_a_receipt_about_another_item, load, unload),
      cmocka_unit_test_setup_teardown(refuses_every_changed_promise, load, unload),
      cmocka_unit_test_setup_teardown(writes_receipts_that_verify, load, unload),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
