/* Outbox entries as processes emit them: none breaks the messenger, and what can be sent says
 * truthfully where it comes from. */
#include "ao/push.h"

#define ONES "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"

static const aod_push_origin_t origin = {.process = AOD_TEXT(ONES),
                                         .module = AOD_TEXT("MODULE"),
                                         .scheduler = AOD_TEXT("SCHEDULER"),
                                         .pushed_for = AOD_TEXT("ORIGIN")};

static size_t count_tags(const aod_tags_t *tags, const char *name, const char *value) {
  size_t count = 0;
  for (size_t i = 0; i < tags->count; i++)
    count += aod_slice_is(tags->list[i].name, name) &&
             (!value || aod_slice_is(tags->list[i].value, value));
  return count;
}

static void expect_protocol(const aod_tags_t *tags, const char *type) {
  aod_assert(count_tags(tags, "Data-Protocol", "ao") == 1);
  aod_assert(count_tags(tags, "Type", NULL) == 1);
  aod_assert(count_tags(tags, "Type", type) == 1);
  aod_assert(count_tags(tags, "Variant", NULL) == 1);
}

static void push(const json_t *entry, aod_arena_t *arena) {
  aod_item_fields_t fields;
  aod_error_t err;
  if (aod_push_message(entry, &origin, arena, &fields, &err) == AOD_OK) {
    expect_protocol(&fields.tags, "Message");
    aod_assert(count_tags(&fields.tags, "Data-Protocol", NULL) == 1);
    aod_assert(count_tags(&fields.tags, "From-Process", NULL) == 1);
    aod_assert(count_tags(&fields.tags, "From-Process", ONES) == 1);
    aod_assert(count_tags(&fields.tags, "From-Module", "MODULE") == 1);
    aod_assert(fields.target.len == 32 && fields.data.len > 0);
    aod_assert(fields.anchor.len == 0 || fields.anchor.len == 32);
  }
  if (aod_push_spawn(entry, &origin, arena, &fields, &err) == AOD_OK) {
    expect_protocol(&fields.tags, "Process");
    aod_assert(count_tags(&fields.tags, "Data-Protocol", NULL) == 1);
    aod_assert(count_tags(&fields.tags, "From-Process", ONES) >= 1);
    aod_assert(count_tags(&fields.tags, "From-Module", NULL) ==
               count_tags(&fields.tags, "From-Module", "MODULE"));
    aod_assert(count_tags(&fields.tags, "Scheduler", NULL) >= 1);
  }
  /* What the child was spawned with may belong to other protocols too. */
  if (aod_push_spawned(entry, &origin, AOD_TEXT("CHILD"), arena, &fields, &err) == AOD_OK) {
    expect_protocol(&fields.tags, "Message");
    aod_assert(count_tags(&fields.tags, "Process", "CHILD") >= 1);
  }
  aod_push_assignment_t assignment;
  if (aod_push_assignment(entry, arena, &assignment, &err) == AOD_OK)
    aod_assert(assignment.count > 0);
  aod_slice_t copies = aod_push_copies(entry, arena);
  aod_assert(copies.len == 0 || copies.len % 44 == 43);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  json_t *entry;
  if (aod_json_parse(aod_slice(data, len), &entry, NULL) != AOD_OK) return 0;
  aod_arena_t arena = {0};
  push(entry, &arena);
  json_decref(entry);
  aod_arena_free(&arena);
  return 0;
}
