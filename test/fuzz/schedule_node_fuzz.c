/* Nodes of another scheduler: what is understood can be evaluated and told again as JSON. */
#include "ao/message.h"
#include "ao/schedule_json.h"

static void expect_json(const aod_buf_t *text) {
  json_t *value;
  aod_assert(aod_json_parse(aod_buf_slice(text), &value, NULL) == AOD_OK);
  json_decref(value);
}

static void use(const aod_scheduled_t *scheduled, aod_arena_t *arena) {
  aod_buf_t text = {0};
  aod_message_t message;
  aod_error_t err;
  aod_schedule_node_write(scheduled, true, &text);
  expect_json(&text);
  if (!scheduled->has_item) {
    aod_buf_free(&text);
    return;
  }
  if (aod_message_from_scheduled(scheduled, NULL, arena, &message, &err) == AOD_OK) {
    aod_buf_clear(&text);
    aod_message_write(&message, &text);
    expect_json(&text);
  }
  aod_buf_clear(&text);
  if (aod_schedule_process_write(scheduled, &text, &err) == AOD_OK) expect_json(&text);
  aod_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  json_t *node;
  if (aod_json_parse(aod_slice(data, len), &node, NULL) != AOD_OK) return 0;
  aod_arena_t arena = {0};
  aod_scheduled_t scheduled;
  aod_error_t err;
  if (aod_schedule_node_read(node, &arena, &scheduled, &err) == AOD_OK) use(&scheduled, &arena);
  json_decref(node);
  aod_arena_free(&arena);
  return 0;
}
