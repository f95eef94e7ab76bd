#include "support/vectors.h"

#include "arweave/base64url.h"

static void encodes_and_decodes_the_vectors(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/base64url.json");
  VECTOR_EACH(file, "encode_decode", i, vector) {
    aod_slice_t bytes = vector_hex(vector, "hex");
    const char *text = vector_text(vector, "b64url");
    aod_buf_t encoded = {0}, decoded = {0};
    aod_base64url_encode(bytes, &encoded);
    vector_expect_bytes(text, aod_buf_slice(&encoded), aod_text(text));
    assert_int_equal(aod_base64url_decode(aod_text(text), &decoded, NULL), AOD_OK);
    vector_expect_bytes(text, aod_buf_slice(&decoded), bytes);
    aod_buf_free(&encoded);
    aod_buf_free(&decoded);
  }
  json_decref(file);
}

static bool is_strict_form(const json_t *vector) {
  return strcmp(vector_text(vector, "kind"), "padding present") == 0;
}

static void takes_padding_and_nothing_else(void **state) {
  (void)state;
  json_t *file = vectors_load("arweave/base64url.json");
  VECTOR_EACH(file, "decode_edge", i, vector) {
    aod_slice_t text = aod_text(vector_text(vector, "in"));
    aod_buf_t decoded = {0};
    aod_error_t err;
    int rc = aod_base64url_decode(text, &decoded, &err);
    assert_int_equal(rc, is_strict_form(vector) ? AOD_OK : AOD_EINPUT);
    if (rc == AOD_OK)
      vector_expect_bytes("padded", aod_buf_slice(&decoded), vector_hex(vector, "lenient_hex"));
    else
      assert_int_equal(decoded.len, 0);
    aod_buf_free(&decoded);
  }
  json_decref(file);
}

static void refuses_wrong_padding(void **state) {
  (void)state;
  static const char *const texts[] = {"=", "==", "A=", "A===", "AA=", "AAA==", "AAAA=", "AA==AA=="};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    aod_buf_t decoded = {0};
    assert_int_equal(aod_base64url_decode(aod_text(texts[i]), &decoded, NULL), AOD_EINPUT);
    aod_buf_free(&decoded);
  }
}

/* Each byte value alone in an otherwise good text: 64 are taken, the signed ones too are not. */
static void takes_only_the_alphabet(void **state) {
  (void)state;
  char alone[] = "AAAA", id[] = "wWzjW780qqq7SsqcWSSVTGoqFJ-VXCajfnV-NzExP14";
  size_t taken = 0;
  for (int byte = 0; byte < 256; byte++) {
    aod_buf_t decoded = {0};
    uint8_t bytes[32];
    alone[2] = id[20] = (char)byte;
    bool ok = aod_base64url_decode(aod_slice(alone, 4), &decoded, NULL) == AOD_OK;
    assert_int_equal(ok, aod_id_decode(aod_slice(id, 43), bytes));
    assert_int_equal(ok, byte && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789-_",
                                        byte));
    taken += ok;
    aod_buf_free(&decoded);
  }
  assert_int_equal(taken, 64);
}

static void appends_to_what_is_there(void **state) {
  (void)state;
  aod_buf_t text = {0}, bytes = {0};
  aod_buf_text(&text, "x:");
  aod_base64url_encode(AOD_TEXT("foobar"), &text);
  assert_true(aod_slice_is(aod_buf_slice(&text), "x:Zm9vYmFy"));
  aod_buf_text(&bytes, "y:");
  assert_int_equal(aod_base64url_decode(AOD_TEXT("Zm8="), &bytes, NULL), AOD_OK);
  assert_true(aod_slice_is(aod_buf_slice(&bytes), "y:fo"));
  aod_buf_free(&text);
  aod_buf_free(&bytes);
}

static void ids_are_canonical(void **state) {
  (void)state;
  static const char id[] = "wWzjW780qqq7SsqcWSSVTGoqFJ-VXCajfnV-NzExP14";
  uint8_t bytes[32];
  char text[44];
  assert_true(aod_id_decode(aod_text(id), bytes));
  aod_id_encode(bytes, text);
  assert_string_equal(text, id);
  /* unused bits set; one character short; padded; a foreign character */
  assert_false(aod_id_decode(AOD_TEXT("wWzjW780qqq7SsqcWSSVTGoqFJ-VXCajfnV-NzExP15"), bytes));
  assert_false(aod_id_decode(AOD_TEXT("wWzjW780qqq7SsqcWSSVTGoqFJ-VXCajfnV-NzExP1"), bytes));
  assert_false(aod_id_decode(AOD_TEXT("wWzjW780qqq7SsqcWSSVTGoqFJ-VXCajfnV-NzExP14="), bytes));
  assert_false(aod_id_decode(AOD_TEXT("wWzjW780qqq7SsqcWSSVTGoqFJ+VXCajfnV-NzExP14"), bytes));
  assert_false(aod_id_decode(AOD_EMPTY, bytes));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(encodes_and_decodes_the_vectors),
      cmocka_unit_test(takes_padding_and_nothing_else),
      cmocka_unit_test(refuses_wrong_padding),
      cmocka_unit_test(takes_only_the_alphabet),
      cmocka_unit_test(appends_to_what_is_there),
      cmocka_unit_test(ids_are_canonical),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  vectors_free();
  return failed;
}
