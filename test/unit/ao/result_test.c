#include "ao/result.h"

#include "support/check.h"

static aod_result_t result;
static aod_buf_t body;

static int after_each(void **state) {
  (void)state;
  aod_result_free(&result);
  aod_buf_free(&body);
  return 0;
}

#define EMPTY_BOXES "{\"Messages\":[],\"Assignments\":[],\"Spawns\":[],\"Output\":"

/* What the module returned, and the node, the Error and the state that come of it. */
typedef struct {
  const char *text, *node, *error;
  bool keeps_state;
} case_t;

static void check_case(const case_t *c) {
  aod_result_from_text(aod_text(c->text), 5, &result);
  check_text(aod_buf_slice(&result.node), c->node);
  check_text(aod_buf_slice(&result.error), c->error);
  if (result.keeps_state != c->keeps_state) fail_msg("state after: %s", c->text);
  aod_result_free(&result);
}

static void a_result_is_passed_on_in_the_reference_order(void **state) {
  (void)state;
  static const case_t c = {
      "{\"ok\":true,\"response\":{\"Output\":{\"data\":{\"output\":\"2\"},\"prompt\":\"\"},"
      "\"Spawns\":[{\"Data\":\"x\",\"Tags\":[]}],\"Messages\":[{\"z\":1,\"Target\":\"T\",\"a\":{}}]"
      ","
      "\"Assignments\":[{\"Processes\":[\"P\"],\"Message\":\"M\"}],\"Patches\":[1],\"Memory\":"
      "\"no\"}}",
      "{\"Messages\":[{\"z\":1,\"Target\":\"T\",\"a\":{}}],"
      "\"Assignments\":[{\"Processes\":[\"P\"],\"Message\":\"M\"}],"
      "\"Spawns\":[{\"Data\":\"x\",\"Tags\":[]}],"
      "\"Output\":{\"data\":{\"output\":\"2\"},\"prompt\":\"\"}}",
      "", true};
  check_case(&c);
}

static void absent_parts_are_empty(void **state) {
  (void)state;
  static const case_t cases[] = {
      {"{\"ok\":true,\"response\":{}}", EMPTY_BOXES "\"\"}", "", true},
      {"{\"ok\":true}", EMPTY_BOXES "\"\"}", "", true},
      {"{\"ok\":1,\"response\":{\"Messages\":{},\"Spawns\":null,\"Assignments\":\"x\"}}",
       EMPTY_BOXES "\"\"}", "", true},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) check_case(&cases[i]);
}

static void an_output_keeps_its_type_but_numbers_become_text(void **state) {
  (void)state;
  static const char *const outputs[][2] = {
      {"5", "\"5\""},   {"0.5", "\"0.5\""}, {"0", "\"0\""},        {"\"text\"", "\"text\""},
      {"[1]", "[1]"},   {"true", "true"},   {"false", "false"},    {"{\"a\":1}", "{\"a\":1}"},
      {"null", "\"\""}, {"\"\"", "\"\""},   {"1e21", "\"1e+21\""}, {"[]", "[]"},
  };
  for (size_t i = 0; i < COUNT_OF(outputs); i++) {
    char text[200], node[200];
    snprintf(text, sizeof text, "{\"ok\":true,\"response\":{\"Output\":%s}}", outputs[i][0]);
    snprintf(node, sizeof node, EMPTY_BOXES "%s}", outputs[i][1]);
    check_case(&(case_t){text, node, "", true});
  }
}

static void a_truthy_error_undoes_the_state_and_keeps_the_outbox(void **state) {
  (void)state;
  static const case_t cases[] = {
      {"{\"ok\":true,\"response\":{\"Error\":\"oops\",\"Messages\":[1],\"Output\":\"o\"}}",
       "{\"Messages\":[1],\"Assignments\":[],\"Spawns\":[],\"Output\":\"o\"}", "\"oops\"", false},
      {"{\"ok\":true,\"response\":{\"Error\":{}}}", EMPTY_BOXES "\"\"}", "{}", false},
      {"{\"ok\":true,\"response\":{\"Error\":[]}}", EMPTY_BOXES "\"\"}", "[]", false},
      {"{\"ok\":true,\"response\":{\"Error\":7}}", EMPTY_BOXES "\"\"}", "7", false},
      {"{\"ok\":true,\"response\":{\"Error\":true}}", EMPTY_BOXES "\"\"}", "true", false},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) check_case(&cases[i]);
}

static void a_falsy_error_is_none(void **state) {
  (void)state;
  static const char *const errors[] = {"\"\"", "false", "null", "0", "-0", "0.0"};
  for (size_t i = 0; i < COUNT_OF(errors); i++) {
    char text[200];
    snprintf(text, sizeof text, "{\"ok\":true,\"response\":{\"Error\":%s}}", errors[i]);
    check_case(&(case_t){text, EMPTY_BOXES "\"\"}", "", true});
  }
}

static void a_full_memory_undoes_the_state_without_an_error(void **state) {
  (void)state;
  static const case_t cases[] = {
      {"{\"ok\":true,\"response\":{\"Output\":\"x not enough memory for buffer allocation\"}}",
       EMPTY_BOXES "\"x not enough memory for buffer allocation\"}", "", false},
      {"{\"ok\":true,\"response\":{\"Output\":{\"data\":{\"output\":"
       "\"not enough memory for buffer allocation\"}}}}",
       EMPTY_BOXES "{\"data\":{\"output\":\"not enough memory for buffer allocation\"}}}", "",
       false},
      {"{\"ok\":true,\"response\":{\"Output\":\"not enough memory for buffer allocation.\"}}",
       EMPTY_BOXES "\"not enough memory for buffer allocation.\"}", "", true},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) check_case(&cases[i]);
}

static void what_is_not_ok_is_thrown(void **state) {
  (void)state;
  static const char reasonless[] = "\"the module reported a failure without a reason\"";
  const case_t cases[] = {
      {"{\"ok\":false,\"response\":\"[string]:1: bad\"}", EMPTY_BOXES "\"\"}",
       "\"[string]:1: bad\"", false},
      {"{\"ok\":false,\"response\":{\"Messages\":[1],\"Error\":\"e\"}}", EMPTY_BOXES "\"\"}",
       "{\"Messages\":[1],\"Error\":\"e\"}", false},
      {"{\"response\":{\"Output\":1}}", EMPTY_BOXES "\"\"}", "{\"Output\":1}", false},
      {"{\"ok\":0}", EMPTY_BOXES "\"\"}", reasonless, false},
      {"{\"ok\":\"\",\"response\":\"\"}", EMPTY_BOXES "\"\"}", reasonless, false},
      {"null", EMPTY_BOXES "\"\"}", reasonless, false},
      {"5", EMPTY_BOXES "\"\"}", reasonless, false},
      {"[]", EMPTY_BOXES "\"\"}", reasonless, false},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) check_case(&cases[i]);
}

static void half_a_character_loses_no_result(void **state) {
  (void)state;
  check_case(&(case_t){"{\"ok\":true,\"response\":{\"Output\":\"\\ud800!\"}}",
                       EMPTY_BOXES "\"\xef\xbf\xbd!\"}", "", true});
}

static void text_that_is_no_json_is_a_failure(void **state) {
  (void)state;
  check_case(&(case_t){"", EMPTY_BOXES "\"\"}", "\"Unexpected end of JSON input\"", false});
  aod_result_from_text(AOD_TEXT("{\"ok\":tru"), 5, &result);
  check_contains((const char *)result.error.ptr, "invalid JSON");
  assert_false(result.keeps_state);
  aod_result_free(&result);
  aod_result_from_text(AOD_TEXT("{\"ok\":true}\xff"), 5, &result);
  assert_true(result.error.len > 0);
}

static void a_trap_is_told_by_its_reason(void **state) {
  (void)state;
  aod_result_from_failure(AOD_TEXT("unreachable \"x\""), -1, &result);
  check_text(aod_buf_slice(&result.node), EMPTY_BOXES "\"\"}");
  check_text(aod_buf_slice(&result.error), "\"unreachable \\\"x\\\"\"");
  assert_false(result.keeps_state);
}

static void an_exit_is_told_by_its_status(void **state) {
  (void)state;
  for (int status = 0; status < 2; status++) {
    char reason[50], error[200];
    snprintf(reason, sizeof reason, "Program terminated with exit(%d)", status);
    snprintf(error, sizeof error, "{\"name\":\"ExitStatus\",\"message\":\"%s\",\"status\":%d}",
             reason, status);
    aod_result_from_failure(aod_text(reason), status, &result);
    check_text(aod_buf_slice(&result.error), error);
    aod_result_free(&result);
  }
}

static void the_body_adds_gas_and_error_to_the_node(void **state) {
  (void)state;
  aod_result_from_text(AOD_TEXT("{\"ok\":true,\"response\":{\"Output\":\"x\"}}"), 1958, &result);
  aod_result_write(aod_buf_slice(&result.node), aod_buf_slice(&result.error), result.gas_used,
                   &body);
  check_text(aod_buf_slice(&body), EMPTY_BOXES "\"x\",\"GasUsed\":1958}");
  aod_buf_clear(&body);
  aod_result_write(AOD_TEXT("{\"Output\":\"\"}"), AOD_TEXT("\"e\""), 0, &body);
  check_text(aod_buf_slice(&body), "{\"Output\":\"\",\"GasUsed\":0,\"Error\":\"e\"}");
}

#define RESULT_TEST(f) cmocka_unit_test_teardown(f, after_each)

static void the_loaders_result_has_the_modules_own_fields(void **state) {
  (void)state;
  static const struct {
    const char *text, *json;
    bool keeps_state;
  } cases[] = {
      {"{\"ok\":true,\"response\":{\"Spawns\":[1],\"Messages\":null,\"Output\":1,\"Other\":2}}",
       "{\"Output\":1,\"Messages\":null,\"Spawns\":[1],\"Patches\":[],\"GasUsed\":5}", true},
      {"{\"ok\":true,\"response\":{\"Assignments\":[],\"Error\":\"e\",\"Patches\":[2]}}",
       "{\"Error\":\"e\",\"Assignments\":[],\"Patches\":[2],\"GasUsed\":5}", false},
      {"{\"ok\":true,\"response\":{\"Error\":null,\"Patches\":null}}",
       "{\"Error\":null,\"Patches\":[],\"GasUsed\":5}", true},
      {"{\"ok\":true}", "{\"Patches\":[],\"GasUsed\":5}", true},
      {"{\"ok\":false,\"response\":{\"a\":1}}", "{\"Error\":{\"a\":1}}", false},
      {"", "{\"Error\":\"Unexpected end of JSON input\"}", false},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    bool kept = aod_result_write_loader(aod_text(cases[i].text), 5, &body);
    check_text(aod_buf_slice(&body), cases[i].json);
    assert_int_equal(kept, cases[i].keeps_state);
    aod_buf_clear(&body);
  }
}

static void what_the_loader_throws_is_an_error_alone(void **state) {
  (void)state;
  aod_result_write_loader_failure(AOD_TEXT("out of gas!"), -1, &body);
  check_text(aod_buf_slice(&body), "{\"Error\":\"out of gas!\"}");
  aod_buf_clear(&body);
  aod_result_write_loader_failure(AOD_TEXT("exit(3)"), 3, &body);
  check_text(aod_buf_slice(&body),
             "{\"Error\":{\"name\":\"ExitStatus\",\"message\":\"exit(3)\",\"status\":3}}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      RESULT_TEST(a_result_is_passed_on_in_the_reference_order),
      RESULT_TEST(absent_parts_are_empty),
      RESULT_TEST(an_output_keeps_its_type_but_numbers_become_text),
      RESULT_TEST(a_truthy_error_undoes_the_state_and_keeps_the_outbox),
      RESULT_TEST(a_falsy_error_is_none),
      RESULT_TEST(a_full_memory_undoes_the_state_without_an_error),
      RESULT_TEST(what_is_not_ok_is_thrown),
      RESULT_TEST(half_a_character_loses_no_result),
      RESULT_TEST(text_that_is_no_json_is_a_failure),
      RESULT_TEST(a_trap_is_told_by_its_reason),
      RESULT_TEST(an_exit_is_told_by_its_status),
      RESULT_TEST(the_body_adds_gas_and_error_to_the_node),
      RESULT_TEST(the_loaders_result_has_the_modules_own_fields),
      RESULT_TEST(what_the_loader_throws_is_an_error_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
