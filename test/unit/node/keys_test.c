#include "node/keys.h"

#include "support/items.h"

static int after_each(void **state) {
  (void)state;
  items_free();
  return 0;
}

/* Whoever wrote one of these down somewhere must find it again in every version. */
static const char *const accounts[] = {
    "63NJ6nwl5B2AcAbXYPyISH7u7y2ZpTEFh34skDogyN8", "Jt1WsrBE_dhzZt8u5YOBkJdItlnEWIC_yM0AU-2qKnQ",
    "40kMRaC_kDyJfwJaqMg7lqdmdmi8D6E1Lwxw1GtHjMw", "D_EZMz9bNZC_Ce287T4-g7hqokWyQ2zcO4PmXwBB-3Q",
    "Fu-Mgi0eEafhOt08_YMNYWtG351BKfc96ZZCjHWGSzs", "LWfuUejyQXOXKZh4QFn_HLGxIpvHXnJeu0dwke7Ei34",
    "_tP1EazleNAVQZAlA6ucCLpVdxeIwhs7E7NACy4pdOU", "JYTq80rFGjEzZAEX6Uqz3PtydrowW3WtULhKChc_784",
    "xmTmFM0K9FX8afR9U0-DG-IjO0FXlacaAxEGsFm26Tc", "1lWGNKje8RH8czkTFxUGdVAJBfaLOH6_yOKTFjpXQr8"};

static const char unit[] = "zyxPy4-l4uPHqbPluDe4kg17_Sy_HGdeaY60W7OsA_Y";

static void check_key(aod_slice_t jwk, const char *expected) {
  char address[44];
  uint8_t own[32];
  aod_signer_t *signer;
  aod_error_t err;
  check_ok(aod_jwk_address(jwk, address, &err), &err);
  assert_string_equal(address, expected);
  check_ok(aod_signer_from_jwk(jwk, &signer, &err), &err);
  aod_signer_address(signer, own);
  assert_string_equal(id_text(own), expected);
  assert_string_equal(aod_signer_kind(signer), "rsa");
  aod_signer_free(signer);
}

static void the_test_accounts_stay_the_same(void **state) {
  (void)state;
  assert_int_equal(COUNT_OF(accounts), AOD_TEST_ACCOUNTS);
  for (int i = 0; i < AOD_TEST_ACCOUNTS; i++) check_key(aod_test_account_jwk(i), accounts[i]);
}

static void the_units_wallet_stays_the_same(void **state) {
  (void)state;
  check_key(aod_test_node_jwk(), unit);
}

static void a_text_that_is_no_jwk_has_no_address(void **state) {
  (void)state;
  char address[44];
  aod_error_t err;
  static const char *const texts[] = {"", "{", "{\"n\":\"!\"}"};
  for (size_t i = 0; i < COUNT_OF(texts); i++)
    assert_int_equal(aod_jwk_address(aod_text(texts[i]), address, &err), AOD_EINPUT);
}

#define NODE_TEST(f) cmocka_unit_test_teardown(f, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      NODE_TEST(the_test_accounts_stay_the_same),
      NODE_TEST(the_units_wallet_stays_the_same),
      NODE_TEST(a_text_that_is_no_jwk_has_no_address),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
