#include "ao/push.h"

#include "ao/message.h"
#include "arweave/base64url.h"

/* ---- tags ---- */

static bool is_one_of(aod_slice_t name, const char *const *names) {
  for (; *names; names++)
    if (aod_slice_is(name, *names)) return true;
  return false;
}

/* The entry's tags without those named in `dropped`, with room for `more`. */
static int take_tags(const json_t *entry, const char *const *dropped, size_t more,
                     aod_arena_t *arena, aod_tags_t *tags, aod_error_t *err) {
  aod_tags_t all;
  int code = aod_tags_from_json(json_object_get(entry, "Tags"), arena, &all, err);
  if (code != AOD_OK) return code;
  *tags = (aod_tags_t){.list = aod_arena_alloc(arena, (all.count + more) * sizeof *tags->list)};
  for (size_t i = 0; i < all.count; i++)
    if (!is_one_of(all.list[i].name, dropped)) tags->list[tags->count++] = all.list[i];
  return AOD_OK;
}

static void add(aod_tags_t *tags, const char *name, aod_slice_t value) {
  tags->list[tags->count++] = (aod_tag_t){aod_text(name), value};
}

static void add_protocol(aod_tags_t *tags, const char *type) {
  add(tags, "Data-Protocol", AOD_TEXT("ao"));
  add(tags, "Type", aod_text(type));
  add(tags, "Variant", AOD_TEXT("ao.TN.1"));
}

/* ---- fields ---- */

static aod_slice_t take_data(const json_t *entry, aod_arena_t *arena) {
  aod_slice_t data = aod_json_get_string(entry, "Data");
  return data.len ? aod_arena_copy(arena, data) : AOD_TEXT(" ");
}

static int take_target(const json_t *entry, aod_arena_t *arena, aod_slice_t *target,
                       aod_error_t *err) {
  aod_slice_t text = aod_json_get_string(entry, "Target");
  uint8_t *id = aod_arena_alloc(arena, 32);
  if (!aod_id_decode(text, id))
    return aod_fail(err, AOD_EINPUT,
                    "outbox entry with Target \"%.*s\", which is no 43-character id",
                    AOD_ARG(aod_slice_sub(text, 0, 100)));
  *target = aod_slice(id, 32);
  return AOD_OK;
}

static int take_anchor(const json_t *entry, aod_arena_t *arena, aod_slice_t *anchor,
                       aod_error_t *err) {
  aod_slice_t text = aod_json_get_string(entry, "Anchor");
  if (text.len != 0 && text.len != 32)
    return aod_fail(err, AOD_EINPUT, "outbox entry with an Anchor of %zu bytes instead of 32",
                    text.len);
  *anchor = text.len ? aod_arena_copy(arena, text) : AOD_EMPTY;
  return AOD_OK;
}

int aod_push_message(const json_t *entry, const aod_push_origin_t *origin, aod_arena_t *arena,
                     aod_item_fields_t *fields, aod_error_t *err) {
  static const char *const dropped[] = {"Data-Protocol", "Type",        "Variant", "From-Process",
                                        "From-Module",   "Assignments", NULL};
  *fields = (aod_item_fields_t){.data = take_data(entry, arena)};
  int code = take_tags(entry, dropped, 6, arena, &fields->tags, err);
  if (code == AOD_OK) code = take_target(entry, arena, &fields->target, err);
  if (code == AOD_OK) code = take_anchor(entry, arena, &fields->anchor, err);
  if (code != AOD_OK) return code;
  add_protocol(&fields->tags, "Message");
  add(&fields->tags, "From-Process", origin->process);
  add(&fields->tags, "From-Module", origin->module);
  if (origin->pushed_for.len) add(&fields->tags, "Pushed-For", origin->pushed_for);
  return AOD_OK;
}

int aod_push_spawn(const json_t *entry, const aod_push_origin_t *origin, aod_arena_t *arena,
                   aod_item_fields_t *fields, aod_error_t *err) {
  static const char *const dropped[] = {"Data-Protocol", "Type", "Variant", NULL};
  *fields = (aod_item_fields_t){.data = take_data(entry, arena)};
  int code = take_tags(entry, dropped, 6, arena, &fields->tags, err);
  if (code != AOD_OK) return code;
  aod_slice_t value;
  if (!aod_tags_find(&fields->tags, "Module", &value))
    return aod_fail(err, AOD_EINPUT, "spawn without a Module tag");
  for (size_t i = 0; i < fields->tags.count; i++)
    if (aod_slice_is(fields->tags.list[i].name, "From-Module"))
      fields->tags.list[i].value = origin->module;
  bool has_scheduler = aod_tags_find(&fields->tags, "Scheduler", &value);
  add_protocol(&fields->tags, "Process");
  add(&fields->tags, "From-Process", origin->process);
  if (origin->pushed_for.len) add(&fields->tags, "Pushed-For", origin->pushed_for);
  if (!has_scheduler) add(&fields->tags, "Scheduler", origin->scheduler);
  return AOD_OK;
}

int aod_push_spawned(const json_t *entry, const aod_push_origin_t *origin, aod_slice_t child,
                     aod_arena_t *arena, aod_item_fields_t *fields, aod_error_t *err) {
  static const char *const dropped[] = {"Data-Protocol", "Type", "Variant", NULL};
  *fields = (aod_item_fields_t){.data = AOD_TEXT(" ")};
  int code = take_tags(entry, dropped, 5, arena, &fields->tags, err);
  if (code != AOD_OK) return code;
  uint8_t *parent = aod_arena_alloc(arena, 32);
  aod_assert(aod_id_decode(origin->process, parent));
  fields->target = aod_slice(parent, 32);
  add(&fields->tags, "Data-Protocol", AOD_TEXT("ao"));
  add(&fields->tags, "Type", AOD_TEXT("Message"));
  add(&fields->tags, "Process", child);
  add(&fields->tags, "Action", AOD_TEXT("Spawned"));
  add(&fields->tags, "Variant", AOD_TEXT("ao.TN.1"));
  return AOD_OK;
}

int aod_push_assignment(const json_t *entry, aod_arena_t *arena, uint8_t message[32],
                        uint8_t (**processes)[32], size_t *count, aod_error_t *err) {
  if (!aod_id_decode(aod_json_get_string(entry, "Message"), message))
    return aod_fail(err, AOD_EINPUT, "assignment entry without a valid Message id");
  const json_t *list = json_object_get(entry, "Processes");
  if (json_array_size(list) == 0)
    return aod_fail(err, AOD_EINPUT, "assignment entry without Processes");
  *count = json_array_size(list);
  *processes = aod_arena_alloc(arena, (*count + 1) * 32);
  for (size_t i = 0; i < *count; i++) {
    const json_t *id = json_array_get(list, i);
    if (!json_is_string(id) || !aod_id_decode(aod_json_slice(id), (*processes)[i]))
      return aod_fail(err, AOD_EINPUT, "assignment entry with an invalid process id");
  }
  return AOD_OK;
}
