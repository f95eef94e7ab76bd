#include "ao/message.h"

#include "ao/address.h"

/* ---- tags ---- */

void aod_tags_write(const aod_tags_t *tags, aod_buf_t *json) {
  aod_buf_byte(json, '[');
  for (size_t i = 0; i < tags->count; i++) {
    aod_json_separate(json);
    aod_buf_byte(json, '{');
    aod_json_key_string(json, "name", tags->list[i].name);
    aod_json_key_string(json, "value", tags->list[i].value);
    aod_buf_byte(json, '}');
  }
  aod_buf_byte(json, ']');
}

int aod_tags_from_json(const json_t *array, aod_arena_t *arena, aod_tags_t *tags,
                       aod_error_t *err) {
  if (!json_is_array(array)) return aod_fail(err, AOD_EINPUT, "'Tags': must be an array");
  size_t count = json_array_size(array);
  *tags = (aod_tags_t){.list = aod_arena_alloc(arena, (count + 1) * sizeof *tags->list)};
  for (size_t i = 0; i < count; i++) {
    const json_t *name = json_object_get(json_array_get(array, i), "name");
    const json_t *value = json_object_get(json_array_get(array, i), "value");
    if (!json_is_string(name) || !json_is_string(value))
      return aod_fail(err, AOD_EINPUT, "'Tags': element %zu needs a string name and value", i);
    aod_tag_t *tag = &tags->list[tags->count++];
    tag->name = aod_arena_copy(arena, aod_json_slice(name));
    tag->value = aod_arena_copy(arena, aod_json_slice(value));
  }
  return AOD_OK;
}

/* ---- who and what ---- */

/* A process cannot be told who it is by a tag: these two names are the unit's to give. */
static bool is_spoofed(aod_slice_t name) {
  return aod_slice_is(name, "From") || aod_slice_is(name, "Owner");
}

static aod_tags_t without_spoofed(const aod_tags_t *tags, aod_arena_t *arena) {
  aod_tags_t kept = {.list = aod_arena_alloc(arena, (tags->count + 1) * sizeof *kept.list)};
  for (size_t i = 0; i < tags->count; i++)
    if (!is_spoofed(tags->list[i].name)) kept.list[kept.count++] = tags->list[i];
  return kept;
}

/* From is the emitting process where a messenger says so, else the signer. */
static void set_sender(aod_message_t *message, const aod_tags_t *tags) {
  aod_slice_t process;
  bool pushed = aod_tags_find(tags, "From-Process", &process);
  message->from = pushed && process.len ? process : message->owner;
  if (pushed) message->forwarded_by = message->owner;
}

/* What an item itself says: id, signature, data, owner, anchor, tags. */
static void set_content(aod_message_t *message, const aod_item_t *item, aod_arena_t *arena) {
  message->id = aod_ao_id(arena, item->id);
  message->signature = aod_ao_base64url(arena, item->signature);
  message->owner = aod_ao_address(item, arena);
  message->data = item->data;
  message->data_is_null = item->data.ptr == NULL; /* a scheduler that tells no binary data */
  message->anchor_is_null = item->anchor.len == 0 || !aod_utf8_valid(item->anchor);
  message->anchor = item->anchor;
  message->tags = without_spoofed(&item->tags, arena);
}

/* ---- scheduled messages ---- */

static bool is_excluded(const aod_tags_t *tags, const char *field) {
  return aod_tags_has(tags, "Exclude", field);
}

static void set_assigned(aod_message_t *message, const aod_item_t *assigned,
                         const aod_tags_t *assignment_tags, aod_arena_t *arena) {
  set_content(message, assigned, arena);
  message->target = assigned->target.len ? aod_ao_base64url(arena, assigned->target) : AOD_TEXT("");
  set_sender(message, &assigned->tags);
  message->forwarded_by = AOD_EMPTY;
  if (is_excluded(assignment_tags, "Data")) message->data = AOD_EMPTY;
  if (is_excluded(assignment_tags, "Tags")) message->tags.count = 0;
  if (is_excluded(assignment_tags, "Signature")) message->signature = AOD_EMPTY;
  if (!is_excluded(assignment_tags, "Anchor")) return;
  message->anchor_is_null = false;
  message->anchor = AOD_EMPTY;
}

static void set_position(aod_message_t *message, const aod_assignment_t *assignment,
                         aod_arena_t *arena) {
  message->has_position = true;
  message->epoch = assignment->epoch;
  message->nonce = assignment->nonce;
  message->timestamp_ms = assignment->timestamp_ms;
  message->block_height = assignment->block_height;
  message->hash_chain = aod_ao_id(arena, assignment->hash_chain);
}

int aod_message_from_scheduled(const aod_scheduled_t *scheduled, const aod_item_t *assigned,
                               aod_arena_t *arena, aod_message_t *message, aod_error_t *err) {
  *message = (aod_message_t){0};
  aod_assignment_t assignment;
  int code = aod_assignment_parse(&scheduled->assignment, &assignment, err);
  if (code != AOD_OK) return code;
  if (scheduled->has_item) {
    set_content(message, &scheduled->item, arena);
    message->target = aod_ao_id(arena, assignment.process);
    set_sender(message, &scheduled->item.tags);
    bool is_process = !assignment.has_message;
    if (is_process && !aod_utf8_valid(message->data)) message->data_is_null = true;
  } else {
    aod_assert(assigned != NULL);
    set_assigned(message, assigned, &scheduled->assignment.tags, arena);
  }
  set_position(message, &assignment, arena);
  return AOD_OK;
}

void aod_message_from_process(const aod_item_t *item, int64_t timestamp_ms, uint64_t block_height,
                              aod_arena_t *arena, aod_message_t *message) {
  *message = (aod_message_t){.timestamp_ms = timestamp_ms, .block_height = block_height};
  set_content(message, item, arena);
  message->target = message->id;
  set_sender(message, &item->tags);
}

/* ---- cron messages ---- */

void aod_message_from_cron(const aod_tags_t *tags, aod_slice_t process, aod_slice_t owner,
                           int64_t timestamp_ms, uint64_t block_height, aod_arena_t *arena,
                           aod_message_t *message) {
  *message = (aod_message_t){.owner = owner,
                             .target = process,
                             .from = owner,
                             .tags = without_spoofed(tags, arena),
                             .timestamp_ms = timestamp_ms,
                             .block_height = block_height,
                             .cron = true};
}

/* ---- dry runs ---- */

static aod_slice_t body_text(const json_t *body, const char *name, aod_arena_t *arena) {
  const json_t *member = json_object_get(body, name);
  return json_is_string(member) ? aod_arena_copy(arena, aod_json_slice(member)) : AOD_EMPTY;
}

static bool body_number(const json_t *body, const char *name, int64_t *number) {
  const json_t *member = json_object_get(body, name);
  uint64_t value;
  if (json_is_number(member)) {
    double real = json_number_value(member);
    if (!(real >= 0 && real < 9e15)) return false;
    *number = (int64_t)real;
    return true;
  }
  if (!json_is_string(member) || !aod_slice_to_u64(aod_json_slice(member), &value) ||
      value > INT64_MAX)
    return false;
  *number = (int64_t)value;
  return true;
}

static void set_dry_position(aod_message_t *message, const json_t *body, int64_t timestamp_ms,
                             uint64_t block_height) {
  int64_t height = (int64_t)block_height, epoch = 0, nonce = 0;
  message->timestamp_ms = timestamp_ms;
  body_number(body, "Timestamp", &message->timestamp_ms);
  body_number(body, "Block-Height", &height);
  message->block_height = (uint64_t)height;
  message->has_position = body_number(body, "Epoch", &epoch) && body_number(body, "Nonce", &nonce);
  message->epoch = (uint64_t)epoch;
  message->nonce = (uint64_t)nonce;
}

int aod_message_from_dry_run(const json_t *body, aod_slice_t process, int64_t timestamp_ms,
                             uint64_t block_height, aod_arena_t *arena, aod_message_t *message,
                             aod_error_t *err) {
  *message = (aod_message_t){0};
  if (!json_is_object(body)) return aod_fail(err, AOD_EINPUT, "'body': must be a JSON object");
  message->owner = body_text(body, "Owner", arena);
  if (message->owner.len == 0)
    return aod_fail(err, AOD_EINPUT, "'Owner': a non-empty string is required");
  aod_tags_t tags;
  int code = aod_tags_from_json(json_object_get(body, "Tags"), arena, &tags, err);
  if (code != AOD_OK) return code;
  message->tags = without_spoofed(&tags, arena);
  message->id = body_text(body, "Id", arena);
  message->signature = body_text(body, "Signature", arena);
  message->data = body_text(body, "Data", arena);
  message->anchor = body_text(body, "Anchor", arena);
  message->target = body_text(body, "Target", arena);
  if (!message->target.len) message->target = process;
  set_sender(message, &tags);
  message->forwarded_by = body_text(body, "Forwarded-By", arena);
  set_dry_position(message, body, timestamp_ms, block_height);
  message->read_only = true;
  return AOD_OK;
}

/* ---- writing ---- */

static void write_text(aod_buf_t *json, const char *name, aod_slice_t text, bool is_null) {
  if (is_null)
    aod_json_key_raw(json, name, AOD_TEXT("null"));
  else if (text.ptr)
    aod_json_key_string(json, name, text);
}

void aod_message_write(const aod_message_t *m, aod_buf_t *json) {
  aod_buf_byte(json, '{');
  write_text(json, "Id", m->id, false);
  write_text(json, "Signature", m->signature, false);
  write_text(json, "Data", m->data, m->data_is_null);
  write_text(json, "Owner", m->owner, false);
  write_text(json, "Target", m->target, false);
  write_text(json, "Anchor", m->anchor, m->anchor_is_null);
  write_text(json, "From", m->from, false);
  write_text(json, "Forwarded-By", m->forwarded_by, false);
  aod_json_key(json, "Tags");
  aod_tags_write(&m->tags, json);
  if (m->has_position) {
    aod_json_key_int(json, "Epoch", (int64_t)m->epoch);
    aod_json_key_int(json, "Nonce", (int64_t)m->nonce);
  }
  aod_json_key_int(json, "Timestamp", m->timestamp_ms);
  aod_json_key_int(json, "Block-Height", (int64_t)m->block_height);
  write_text(json, "Hash-Chain", m->hash_chain, false);
  aod_json_key_bool(json, "Cron", m->cron);
  aod_json_key_bool(json, "Read-Only", m->read_only);
  aod_buf_byte(json, '}');
}

static void write_identity(aod_buf_t *json, const char *name, const aod_identity_t *identity) {
  aod_json_key(json, name);
  aod_buf_byte(json, '{');
  aod_json_key_string(json, "Id", identity->id);
  aod_json_key_string(json, "Owner", identity->owner);
  aod_json_key(json, "Tags");
  aod_tags_write(&identity->tags, json);
  aod_buf_byte(json, '}');
}

void aod_env_write(const aod_identity_t *process, const aod_identity_t *module, aod_buf_t *json) {
  aod_buf_byte(json, '{');
  write_identity(json, "Process", process);
  write_identity(json, "Module", module);
  aod_buf_byte(json, '}');
}

void aod_identity_from_item(const aod_item_t *item, aod_arena_t *arena, aod_identity_t *identity) {
  identity->id = aod_ao_id(arena, item->id);
  identity->owner = aod_ao_address(item, arena);
  identity->tags = item->tags;
}
