/* Bodies of dry runs: what is accepted becomes a message text that is JSON, read-only, with an
 * owner, and without tags that say who sent it. */
#include "ao/message.h"

static void expect_message(const aod_message_t *message) {
  aod_buf_t text = {0};
  json_t *json, *tag;
  size_t i;
  aod_message_write(message, &text);
  aod_assert(aod_json_parse(aod_buf_slice(&text), &json, NULL) == AOD_OK);
  aod_assert(json_is_true(json_object_get(json, "Read-Only")));
  aod_assert(aod_json_get_string(json, "Owner").len > 0);
  aod_assert(json_number_value(json_object_get(json, "Timestamp")) >= 0);
  aod_assert(json_number_value(json_object_get(json, "Block-Height")) >= 0);
  json_array_foreach(json_object_get(json, "Tags"), i, tag) {
    aod_slice_t name = aod_json_get_string(tag, "name");
    aod_assert(!aod_slice_is(name, "From") && !aod_slice_is(name, "Owner"));
  }
  json_decref(json);
  aod_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  json_t *body;
  if (aod_json_parse(aod_slice(data, len), &body, NULL) != AOD_OK) return 0;
  aod_arena_t arena = {0};
  aod_message_t message;
  aod_error_t err;
  if (aod_message_from_dry_run(body, AOD_TEXT("P"), 5, 7, &arena, &message, &err) == AOD_OK)
    expect_message(&message);
  json_decref(body);
  aod_arena_free(&arena);
  return 0;
}
