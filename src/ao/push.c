#include "ao/push.h"

#include "ao/message.h"
#include "arweave/base64url.h"

/* ---- tags ---- */

static bool is_one_of(aod_slice_t name, const char *const *names) {
  for (; *names; names++)
    if (aod_slice_is(name, *names)) return true;
  return false;
}

/* The entry's Tags but for one, Assignments, which may have a value of another type than text. New
 * reference, or NULL. */
static json_t *text_tags(const json_t *entry) {
  json_t *all = json_object_get(entry, "Tags");
  if (!json_is_array(all)) return json_incref(all);
  json_t *kept = json_array();
  for (size_t i = 0; i < json_array_size(all); i++) {
    json_t *tag = json_array_get(all, i);
    if (!aod_slice_is(aod_json_get_string(tag, "name"), "Assignments"))
      json_array_append(kept, tag);
  }
  return kept;
}

/* The entry's tags without those named in `dropped`, with room for `more`. */
static int take_tags(const json_t *entry, const char *const *dropped, size_t more,
                     aod_arena_t *arena, aod_tags_t *tags, aod_error_t *err) {
  aod_tags_t all;
  json_t *texts = text_tags(entry);
  int code = aod_tags_from_json(texts, arena, &all, err);
  json_decref(texts);
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

/* Those of other protocols stay. */
static void leave_out_protocol(aod_tags_t *tags) {
  size_t kept = 0;
  for (size_t i = 0; i < tags->count; i++) {
    const aod_tag_t *tag = &tags->list[i];
    if (aod_slice_is(tag->name, "Data-Protocol") && aod_slice_is(tag->value, "ao")) continue;
    tags->list[kept++] = *tag;
  }
  tags->count = kept;
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
  static const char *const dropped[] = {"Type", "Variant", NULL};
  *fields = (aod_item_fields_t){.data = AOD_TEXT(" ")};
  int code = take_tags(entry, dropped, 5, arena, &fields->tags, err);
  if (code != AOD_OK) return code;
  leave_out_protocol(&fields->tags);
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

/* ---- assignments ---- */

static int take_processes(const json_t *list, aod_arena_t *arena, uint8_t (**processes)[32],
                          size_t *count, aod_error_t *err) {
  *count = json_array_size(list);
  *processes = aod_arena_alloc(arena, (*count + 1) * 32);
  for (size_t i = 0; i < *count; i++) {
    const json_t *id = json_array_get(list, i);
    if (!json_is_string(id) || !aod_id_decode(aod_json_slice(id), (*processes)[i]))
      return aod_fail(err, AOD_EINPUT, "assignment entry with an invalid process id");
  }
  return AOD_OK;
}

/* The strings of an array, separated by commas. */
static aod_slice_t join(const json_t *list, aod_arena_t *arena) {
  aod_buf_t text = {0};
  for (size_t i = 0; i < json_array_size(list); i++) {
    if (!json_is_string(json_array_get(list, i))) continue;
    if (text.len) aod_buf_byte(&text, ',');
    aod_buf_append(&text, aod_json_slice(json_array_get(list, i)));
  }
  aod_slice_t copy = aod_arena_copy(arena, aod_buf_slice(&text));
  aod_buf_free(&text);
  return copy;
}

int aod_push_assignment(const json_t *entry, aod_arena_t *arena, aod_push_assignment_t *assignment,
                        aod_error_t *err) {
  *assignment =
      (aod_push_assignment_t){.base_layer = json_is_true(json_object_get(entry, "BaseLayer")),
                              .exclude = join(json_object_get(entry, "Exclude"), arena)};
  if (!aod_id_decode(aod_json_get_string(entry, "Message"), assignment->message))
    return aod_fail(err, AOD_EINPUT, "assignment entry without a valid Message id");
  const json_t *list = json_object_get(entry, "Processes");
  if (json_array_size(list) == 0)
    return aod_fail(err, AOD_EINPUT, "assignment entry without Processes");
  return take_processes(list, arena, &assignment->processes, &assignment->count, err);
}

/* The value of the first tag Assignments; NULL without one. */
static const json_t *find_copies(const json_t *entry) {
  const json_t *tags = json_object_get(entry, "Tags");
  for (size_t i = 0; i < json_array_size(tags); i++) {
    const json_t *tag = json_array_get(tags, i);
    if (aod_slice_is(aod_json_get_string(tag, "name"), "Assignments"))
      return json_object_get(tag, "value");
  }
  return NULL;
}

/* Ids in a text: a JSON array, or separated by commas. New reference. */
static json_t *split_copies(aod_slice_t text) {
  json_t *list;
  if (aod_json_parse(text, &list, NULL) == AOD_OK) {
    if (json_is_array(list)) return list;
    json_decref(list);
  }
  list = json_array();
  for (aod_slice_t rest = text; rest.ptr && text.len;) {
    aod_slice_t id = aod_slice_trim(aod_slice_cut(&rest, ','));
    json_t *string = json_stringn((const char *)id.ptr, id.len);
    json_array_append_new(list, string ? string : json_null());
  }
  return list;
}

aod_slice_t aod_push_copies(const json_t *entry, aod_arena_t *arena) {
  const json_t *value = find_copies(entry);
  if (!value) return AOD_EMPTY;
  json_t *list =
      json_is_array(value) ? json_copy((json_t *)value) : split_copies(aod_json_slice(value));
  uint8_t id[32];
  for (size_t i = json_array_size(list); i > 0; i--)
    if (!aod_id_decode(aod_json_slice(json_array_get(list, i - 1)), id))
      json_array_remove(list, i - 1);
  aod_slice_t ids = join(list, arena);
  json_decref(list);
  return ids;
}
