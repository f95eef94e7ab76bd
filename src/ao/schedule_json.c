#include "ao/schedule_json.h"

#include "ao/address.h"
#include "ao/assignment.h"
#include "ao/message.h"
#include "arweave/base64url.h"

static void write_base64url(aod_buf_t *json, const char *name, aod_slice_t bytes) {
  aod_arena_t arena = {0};
  aod_json_key_string(json, name, aod_ao_base64url(&arena, bytes));
  aod_arena_free(&arena);
}

static void write_null(aod_buf_t *json, const char *name) {
  aod_json_key_raw(json, name, AOD_TEXT("null"));
}

static void write_owner(aod_buf_t *json, const aod_item_t *item) {
  aod_json_key(json, "owner");
  aod_buf_byte(json, '{');
  write_base64url(json, "address", aod_slice(item->address, 32));
  write_base64url(json, "key", item->owner);
  aod_buf_byte(json, '}');
}

/* The 32 anchor bytes as text where they are text: what aos puts there is. */
static void write_anchor(aod_buf_t *json, const aod_item_t *item, bool show_binary) {
  if (item->anchor.len && aod_utf8_valid(item->anchor))
    aod_json_key_string(json, "anchor", item->anchor);
  else if (item->anchor.len && show_binary)
    write_base64url(json, "anchor", item->anchor);
  else
    write_null(json, "anchor");
}

static void write_tags(aod_buf_t *json, const aod_item_t *item) {
  aod_json_key(json, "tags");
  aod_tags_write(&item->tags, json);
}

/* Data of a process is null when it is no text; data of a message is damaged then, as the reference
 * does: what the process sees must be the same everywhere. */
static void write_data(aod_buf_t *json, const aod_item_t *item, bool is_process) {
  if (!item->data.ptr || (is_process && !aod_utf8_valid(item->data)))
    write_null(json, "data");
  else
    aod_json_key_string(json, "data", item->data);
}

static void write_target(aod_buf_t *json, const aod_item_t *item, bool is_process) {
  if (is_process && item->target.len == 0)
    write_null(json, "target");
  else
    write_base64url(json, "target", item->target);
}

static bool is_process_record(const aod_scheduled_t *scheduled) {
  aod_slice_t message;
  return !aod_tags_find(&scheduled->assignment.tags, "Message", &message);
}

static void write_message(aod_buf_t *json, const aod_scheduled_t *scheduled) {
  const aod_item_t *item = &scheduled->item;
  bool is_process = is_process_record(scheduled);
  aod_buf_byte(json, '{');
  write_base64url(json, "id", aod_slice(item->id, 32));
  write_owner(json, item);
  write_data(json, item, is_process);
  write_tags(json, item);
  write_base64url(json, "signature", item->signature);
  write_anchor(json, item, false);
  write_target(json, item, is_process);
  aod_buf_byte(json, '}');
}

static void write_assignment(aod_buf_t *json, const aod_item_t *item, bool show_anchor) {
  aod_buf_byte(json, '{');
  write_base64url(json, "id", aod_slice(item->id, 32));
  write_owner(json, item);
  write_tags(json, item);
  write_base64url(json, "signature", item->signature);
  write_anchor(json, item, show_anchor);
  aod_json_key_string(json, "target", AOD_TEXT(""));
  aod_buf_byte(json, '}');
}

void aod_schedule_node_write(const aod_scheduled_t *scheduled, bool show_anchor, aod_buf_t *json) {
  aod_buf_byte(json, '{');
  aod_json_key(json, "message");
  if (scheduled->has_item)
    write_message(json, scheduled);
  else
    aod_buf_text(json, "null");
  aod_json_key(json, "assignment");
  write_assignment(json, &scheduled->assignment, show_anchor);
  aod_buf_byte(json, '}');
}

int aod_schedule_process_write(const aod_scheduled_t *scheduled, aod_buf_t *json,
                               aod_error_t *err) {
  aod_assignment_t assignment;
  int code = aod_assignment_parse(&scheduled->assignment, &assignment, err);
  if (code != AOD_OK) return code;
  const aod_item_t *item = &scheduled->item;
  aod_slice_t block = AOD_EMPTY;
  aod_tags_find(&scheduled->assignment.tags, "Block-Height", &block);
  aod_buf_byte(json, '{');
  write_base64url(json, "process_id", aod_slice(item->id, 32));
  aod_json_key_string(json, "block", block);
  write_owner(json, item);
  write_tags(json, item);
  aod_json_key_int(json, "timestamp", assignment.timestamp_ms);
  write_data(json, item, true);
  write_anchor(json, item, false);
  write_base64url(json, "signature", item->signature);
  write_target(json, item, true);
  aod_buf_byte(json, '}');
  return AOD_OK;
}

/* ---- reading ---- */

static int read_bytes(const json_t *object, const char *name, size_t len, aod_arena_t *arena,
                      aod_slice_t *bytes, aod_error_t *err) {
  aod_buf_t decoded = {0};
  int code = aod_base64url_decode(aod_json_get_string(object, name), &decoded, err);
  if (code == AOD_OK && len && decoded.len && decoded.len != len)
    code = aod_fail(err, AOD_EINPUT, "%zu bytes instead of %zu", decoded.len, len);
  if (code == AOD_OK) *bytes = aod_arena_copy(arena, aod_buf_slice(&decoded));
  aod_buf_free(&decoded);
  return code == AOD_OK ? code : aod_error_prefix(err, "scheduler's node: \"%s\"", name);
}

static int read_id(const json_t *object, const char *name, uint8_t id[32], aod_error_t *err) {
  if (aod_id_decode(aod_json_get_string(object, name), id)) return AOD_OK;
  return aod_fail(err, AOD_EINPUT, "scheduler's node: \"%s\" is no id", name);
}

/* An anchor is told as text where it is text, else as null: then it is unknown, and nobody who is
 * told so sees another. */
static aod_slice_t read_anchor(const json_t *object, aod_arena_t *arena) {
  aod_slice_t text = aod_json_get_string(object, "anchor");
  return text.len == 32 ? aod_arena_copy(arena, text) : AOD_EMPTY;
}

static int read_item(const json_t *object, const char *id, aod_arena_t *arena, aod_item_t *item,
                     aod_error_t *err) {
  *item = (aod_item_t){.anchor = read_anchor(object, arena)};
  const json_t *owner = json_object_get(object, "owner"), *data = json_object_get(object, "data");
  if (json_is_string(data)) item->data = aod_arena_copy(arena, aod_json_slice(data));
  int code = read_id(object, id, item->id, err);
  if (code == AOD_OK) code = read_id(owner, "address", item->address, err);
  if (code == AOD_OK) code = read_bytes(owner, "key", 0, arena, &item->owner, err);
  if (code == AOD_OK) code = read_bytes(object, "signature", 0, arena, &item->signature, err);
  if (code == AOD_OK) code = read_bytes(object, "target", 32, arena, &item->target, err);
  if (code == AOD_OK)
    code = aod_tags_from_json(json_object_get(object, "tags"), arena, &item->tags, err);
  return code;
}

int aod_schedule_node_read(const json_t *node, aod_arena_t *arena, aod_scheduled_t *scheduled,
                           aod_error_t *err) {
  const json_t *message = json_object_get(node, "message");
  *scheduled = (aod_scheduled_t){.has_item = json_is_object(message)};
  int code =
      read_item(json_object_get(node, "assignment"), "id", arena, &scheduled->assignment, err);
  if (code == AOD_OK && scheduled->has_item)
    code = read_item(message, "id", arena, &scheduled->item, err);
  return code;
}

int aod_schedule_process_read(const json_t *process, aod_arena_t *arena, aod_scheduled_t *scheduled,
                              aod_error_t *err) {
  const json_t *timestamp = json_object_get(process, "timestamp");
  *scheduled = (aod_scheduled_t){.has_item = true};
  int code = read_item(process, "process_id", arena, &scheduled->item, err);
  if (code != AOD_OK) return code;
  if (!json_is_number(timestamp))
    return aod_fail(err, AOD_EINPUT, "scheduler's process: \"timestamp\" is no number");
  aod_buf_t time = {0};
  aod_json_value(&time, timestamp);
  const aod_tag_t tags[] = {
      {AOD_TEXT("Process"), aod_ao_id(arena, scheduled->item.id)},
      {AOD_TEXT("Block-Height"), aod_arena_copy(arena, aod_json_get_string(process, "block"))},
      {AOD_TEXT("Timestamp"), aod_arena_copy(arena, aod_buf_slice(&time))}};
  aod_buf_free(&time);
  scheduled->assignment.tags.count = sizeof tags / sizeof *tags;
  scheduled->assignment.tags.list = memcpy(aod_arena_alloc(arena, sizeof tags), tags, sizeof tags);
  return AOD_OK;
}
