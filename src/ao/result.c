#include "ao/result.h"

/* JavaScript's truthiness, by which the reference decides what counts as an error. */
static bool is_truthy(const json_t *value) {
  if (!value || json_is_null(value) || json_is_false(value)) return false;
  if (json_is_number(value)) return json_number_value(value) != 0;
  if (json_is_string(value)) return json_string_length(value) > 0;
  return true;
}

static void write_outbox(aod_buf_t *json, const char *name, const json_t *response) {
  const json_t *list = json_object_get(response, name);
  aod_json_key(json, name);
  if (json_is_array(list))
    aod_json_value(json, list);
  else
    aod_buf_text(json, "[]");
}

/* A number becomes a string, an absent or null Output the empty one. */
static void write_output(aod_buf_t *json, const json_t *output) {
  aod_json_key(json, "Output");
  if (!output || json_is_null(output)) {
    aod_buf_text(json, "\"\"");
    return;
  }
  if (json_is_number(output)) aod_buf_byte(json, '"');
  aod_json_value(json, output);
  if (json_is_number(output)) aod_buf_byte(json, '"');
}

static void write_node(aod_buf_t *json, const json_t *response) {
  aod_buf_byte(json, '{');
  write_outbox(json, "Messages", response);
  write_outbox(json, "Assignments", response);
  write_outbox(json, "Spawns", response);
  write_output(json, json_object_get(response, "Output"));
  aod_buf_byte(json, '}');
}

static bool text_ends(const json_t *value, const char *suffix) {
  return json_is_string(value) && aod_slice_ends(aod_json_slice(value), suffix);
}

/* Older modules report a full memory as Output; their memory is put back all the same. */
static bool is_out_of_memory(const json_t *output) {
  static const char text[] = "not enough memory for buffer allocation";
  return text_ends(output, text) ||
         text_ends(json_object_get(json_object_get(output, "data"), "output"), text);
}

static void from_response(const json_t *response, aod_result_t *result) {
  write_node(&result->node, response);
  const json_t *error = json_object_get(response, "Error");
  if (is_truthy(error)) aod_json_value(&result->error, error);
  result->keeps_state = !is_truthy(error) && !is_out_of_memory(json_object_get(response, "Output"));
}

static void from_thrown(const json_t *thrown, aod_result_t *result) {
  write_node(&result->node, NULL);
  if (is_truthy(thrown))
    aod_json_value(&result->error, thrown);
  else
    aod_json_string(&result->error, AOD_TEXT("the module reported a failure without a reason"));
}

void aod_result_from_text(aod_slice_t text, double gas_used, aod_result_t *result) {
  *result = (aod_result_t){.gas_used = gas_used};
  json_t *value;
  aod_error_t err;
  if (aod_json_parse(text, &value, &err) != AOD_OK) {
    const char *empty = "Unexpected end of JSON input";
    aod_result_from_failure(aod_text(text.len ? err.message : empty), -1, result);
    return;
  }
  const json_t *response = json_object_get(value, "response");
  if (is_truthy(json_object_get(value, "ok")))
    from_response(response, result);
  else
    from_thrown(response, result);
  json_decref(value);
}

void aod_result_from_failure(aod_slice_t reason, int exit_status, aod_result_t *result) {
  *result = (aod_result_t){0};
  write_node(&result->node, NULL);
  if (exit_status < 0) {
    aod_json_string(&result->error, reason);
    return;
  }
  aod_buf_byte(&result->error, '{');
  aod_json_key_string(&result->error, "name", AOD_TEXT("ExitStatus"));
  aod_json_key_string(&result->error, "message", reason);
  aod_json_key_int(&result->error, "status", exit_status);
  aod_buf_byte(&result->error, '}');
}

void aod_result_free(aod_result_t *result) {
  aod_buf_free(&result->node);
  aod_buf_free(&result->error);
}

void aod_result_write(aod_slice_t node, aod_slice_t error, double gas_used, aod_buf_t *json) {
  aod_assert(node.len >= 2);
  aod_buf_append(json, aod_slice_sub(node, 0, node.len - 1));
  aod_json_key(json, "GasUsed");
  aod_json_number(json, gas_used);
  if (error.len) aod_json_key_raw(json, "Error", error);
  aod_buf_byte(json, '}');
}

/* ---- as the loader has it ---- */

static void write_thrown(const aod_result_t *result, aod_buf_t *json) {
  aod_buf_byte(json, '{');
  aod_json_key_raw(json, "Error", aod_buf_slice(&result->error));
  aod_buf_byte(json, '}');
}

static void write_fields(const json_t *response, double gas_used, aod_buf_t *json) {
  static const char *const fields[] = {"Error", "Output", "Messages", "Spawns", "Assignments"};
  aod_buf_byte(json, '{');
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    const json_t *value = json_object_get(response, fields[i]);
    if (!value) continue;
    aod_json_key(json, fields[i]);
    aod_json_value(json, value);
  }
  const json_t *patches = json_object_get(response, "Patches");
  aod_json_key(json, "Patches");
  if (is_truthy(patches))
    aod_json_value(json, patches);
  else
    aod_buf_text(json, "[]");
  aod_json_key(json, "GasUsed");
  aod_json_number(json, gas_used);
  aod_buf_byte(json, '}');
}

bool aod_result_write_loader(aod_slice_t text, double gas_used, aod_buf_t *json) {
  json_t *value = NULL;
  bool is_json = aod_json_parse(text, &value, NULL) == AOD_OK;
  bool keeps_state = false;
  if (is_json && is_truthy(json_object_get(value, "ok"))) {
    const json_t *response = json_object_get(value, "response");
    write_fields(response, gas_used, json);
    keeps_state = !is_truthy(json_object_get(response, "Error"));
  } else {
    aod_result_t result;
    aod_result_from_text(text, gas_used, &result);
    write_thrown(&result, json);
    aod_result_free(&result);
  }
  json_decref(value);
  return keeps_state;
}

void aod_result_write_loader_failure(aod_slice_t reason, int exit_status, aod_buf_t *json) {
  aod_result_t result;
  aod_result_from_failure(reason, exit_status, &result);
  write_thrown(&result, json);
  aod_result_free(&result);
}
