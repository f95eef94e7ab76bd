/* What follows from a result or a spawn: outbox entries, signed where they are items. */
#include "ao/address.h"
#include "ao/push.h"
#include "base/log.h"
#include "mu/internal.h"

/* Where the entries of one result come from, and the list that they are added to. */
typedef struct {
  aod_delivery_t *delivery;
  const uint8_t *process;
  aod_push_origin_t origin;
  size_t cap;
} following_t;

/* ---- the list of children ---- */

static void begin(following_t *following, aod_delivery_t *delivery, size_t cap) {
  aod_outbox_entries_t *add = &delivery->change.add;
  *add = (aod_outbox_entries_t){.list = aod_arena_alloc(&delivery->arena, cap * sizeof *add->list)};
  delivery->children = aod_arena_alloc(&delivery->arena, cap * sizeof *delivery->children);
  following->delivery = delivery;
  following->cap = cap;
}

/* A new child whose texts are to be put in its own arena; `publish` copies its entry to the list.
 */
static aod_delivery_t *new_child(following_t *following, aod_outbox_kind_t kind) {
  aod_delivery_t *child = aod__delivery_new(following->delivery->mu, kind);
  memcpy(child->entry.parent, following->process, 32);
  return child;
}

static void publish(following_t *following, aod_delivery_t *child) {
  aod_delivery_t *delivery = following->delivery;
  size_t index = delivery->change.add.count++;
  aod_assert(index < following->cap);
  delivery->change.add.list[index] = child->entry;
  delivery->children[index] = child;
}

static void drop_children(aod_delivery_t *delivery) {
  for (size_t i = 0; i < delivery->change.add.count; i++) aod__delivery_free(delivery->children[i]);
  delivery->change.add.count = 0;
}

/* ---- origins ---- */

/* The chain's first item: inherited, or the client's own item. Assignments begin no chain. */
static bool chain_origin(const aod_outbox_entry_t *entry, uint8_t origin[32]) {
  static const uint8_t nobody[32];
  if (entry->has_origin) {
    memcpy(origin, entry->origin, 32);
    return true;
  }
  bool is_item = entry->kind == AOD_OUTBOX_ITEM || entry->kind == AOD_OUTBOX_SPAWN;
  if (!is_item || memcmp(entry->parent, nobody, 32) != 0) return false;
  memcpy(origin, entry->id, 32);
  return true;
}

static void inherit_origin(following_t *following, aod_outbox_entry_t *child) {
  child->has_origin = chain_origin(&following->delivery->entry, child->origin);
}

/* Look up who the emitting process is. */
static int describe(following_t *following, const uint8_t process[32], aod_error_t *err) {
  aod_delivery_t *delivery = following->delivery;
  const aod_scheduler_t *scheduler = delivery->mu->scheduler;
  aod_arena_t *arena = &delivery->arena;
  aod_scheduled_t scheduled;
  int code = scheduler->find(scheduler->context, process, arena, &scheduled, err);
  if (code != AOD_OK) return code;
  following->process = process;
  following->origin.process = aod_ao_id(arena, process);
  aod_tags_find(&scheduled.item.tags, "Module", &following->origin.module);
  aod_tags_find(&scheduled.item.tags, "Scheduler", &following->origin.scheduler);
  uint8_t origin[32];
  if (chain_origin(&delivery->entry, origin))
    following->origin.pushed_for = aod_ao_id(arena, origin);
  return AOD_OK;
}

/* ---- entries ---- */

static aod_slice_t entry_text(aod_delivery_t *child, const json_t *entry) {
  aod_buf_t text = {0};
  aod_json_value(&text, entry);
  aod_slice_t copy = aod_arena_copy(&child->arena, aod_buf_slice(&text));
  aod_buf_free(&text);
  return copy;
}

/* Keep an entry that cannot be sent, with the reason: it does not vanish, and the others go on. */
static void add_invalid(following_t *following, const json_t *entry, const aod_error_t *err) {
  aod_delivery_t *child = new_child(following, AOD_OUTBOX_INVALID);
  child->entry.parked = true;
  child->entry.text = entry_text(child, entry);
  child->entry.reason = aod_arena_copy(&child->arena, aod_text(err->message));
  publish(following, child);
  aod_log(AOD_LOG_WARN, "mu", "process %.*s emitted an entry that cannot be sent: %s",
          AOD_ARG(following->origin.process), err->message);
}

static int sign(following_t *following, aod_delivery_t *child, const aod_item_fields_t *fields,
                aod_error_t *err) {
  aod_buf_t raw = {0};
  int code = aod_item_sign(fields, following->delivery->mu->signer, &raw, child->entry.id, err);
  if (code == AOD_OK) child->entry.raw = aod_arena_copy(&child->arena, aod_buf_slice(&raw));
  aod_buf_free(&raw);
  return code;
}

/* Sign a child and add it; what cannot be signed is kept as invalid. */
static void add_signed(following_t *following, aod_delivery_t *child, int code,
                       const aod_item_fields_t *fields, const json_t *entry, aod_error_t *err) {
  if (code == AOD_OK) code = sign(following, child, fields, err);
  if (code != AOD_OK) {
    aod__delivery_free(child);
    add_invalid(following, entry, err);
    return;
  }
  bool is_spawn = child->entry.kind == AOD_OUTBOX_SPAWN;
  memcpy(child->entry.process, is_spawn ? child->entry.id : fields->target.ptr, 32);
  publish(following, child);
}

static void add_message(following_t *following, const json_t *entry) {
  aod_delivery_t *child = new_child(following, AOD_OUTBOX_ITEM);
  inherit_origin(following, &child->entry);
  aod_item_fields_t fields;
  aod_error_t err;
  int code = aod_push_message(entry, &following->origin, &child->arena, &fields, &err);
  add_signed(following, child, code, &fields, entry, &err);
}

static void add_spawn(following_t *following, const json_t *entry) {
  aod_delivery_t *child = new_child(following, AOD_OUTBOX_SPAWN);
  inherit_origin(following, &child->entry);
  child->entry.text = entry_text(child, entry);
  aod_item_fields_t fields;
  aod_error_t err;
  int code = aod_push_spawn(entry, &following->origin, &child->arena, &fields, &err);
  add_signed(following, child, code, &fields, entry, &err);
}

static void add_assignment(following_t *following, const uint8_t process[32],
                           const uint8_t message[32]) {
  aod_delivery_t *child = new_child(following, AOD_OUTBOX_ASSIGN);
  memcpy(child->entry.process, process, 32);
  memcpy(child->entry.id, message, 32);
  publish(following, child);
}

static void add_assignments(following_t *following, const json_t *entry) {
  uint8_t message[32], (*processes)[32];
  size_t count;
  aod_error_t err;
  int code =
      aod_push_assignment(entry, &following->delivery->arena, message, &processes, &count, &err);
  if (code != AOD_OK) {
    add_invalid(following, entry, &err);
    return;
  }
  for (size_t i = 0; i < count; i++) add_assignment(following, processes[i], message);
}

static size_t count_children(const json_t *body) {
  const json_t *assignments = json_object_get(body, "Assignments");
  size_t count = json_array_size(json_object_get(body, "Messages")) +
                 json_array_size(json_object_get(body, "Spawns"));
  size_t index;
  json_t *entry;
  json_array_foreach(assignments, index, entry) {
    size_t processes = json_array_size(json_object_get(entry, "Processes"));
    count += processes ? processes : 1;
  }
  return count;
}

int aod__follow_result(aod_delivery_t *delivery, const uint8_t process[32], aod_slice_t body,
                       aod_error_t *err) {
  json_t *json;
  int code = aod_json_parse(body, &json, err);
  if (code != AOD_OK) return code;
  following_t following = {0};
  begin(&following, delivery, count_children(json));
  if (following.cap) code = describe(&following, process, err);
  size_t index;
  json_t *entry;
  if (code == AOD_OK && following.cap) {
    json_array_foreach(json_object_get(json, "Messages"), index, entry)
        add_message(&following, entry);
    json_array_foreach(json_object_get(json, "Spawns"), index, entry) add_spawn(&following, entry);
    json_array_foreach(json_object_get(json, "Assignments"), index, entry)
        add_assignments(&following, entry);
  }
  json_decref(json);
  return code;
}

/* ---- spawns ---- */

static int add_spawned(following_t *following, aod_error_t *err) {
  const aod_outbox_entry_t *spawn = &following->delivery->entry;
  json_t *entry;
  int code = aod_json_parse(spawn->text, &entry, err);
  if (code != AOD_OK) return code;
  aod_delivery_t *child = new_child(following, AOD_OUTBOX_ITEM);
  aod_item_fields_t fields;
  memcpy(child->entry.process, spawn->parent, 32);
  code = aod_push_spawned(entry, &following->origin, aod_ao_id(&child->arena, spawn->id),
                          &child->arena, &fields, err);
  if (code == AOD_OK) code = sign(following, child, &fields, err);
  if (code == AOD_OK)
    publish(following, child);
  else
    aod__delivery_free(child);
  json_decref(entry);
  return code;
}

static void add_boot(following_t *following) {
  const aod_outbox_entry_t *spawn = &following->delivery->entry;
  aod_delivery_t *child = new_child(following, AOD_OUTBOX_CRANK);
  memcpy(child->entry.process, spawn->id, 32);
  memcpy(child->entry.id, spawn->id, 32);
  inherit_origin(following, &child->entry);
  publish(following, child);
}

int aod__follow_spawn(aod_delivery_t *delivery, aod_error_t *err) {
  static const uint8_t nobody[32];
  const aod_outbox_entry_t *spawn = &delivery->entry;
  following_t following = {0};
  aod_item_t item;
  begin(&following, delivery, 3);
  int code = aod_item_parse(spawn->raw, &delivery->arena, &item, err);
  bool has_parent = memcmp(spawn->parent, nobody, 32) != 0;
  if (code == AOD_OK) code = describe(&following, has_parent ? spawn->parent : spawn->id, err);
  if (code == AOD_OK && has_parent) code = add_spawned(&following, err);
  if (code != AOD_OK) {
    drop_children(delivery);
    return code;
  }
  add_boot(&following);
  if (item.target.len == 32) add_assignment(&following, item.target.ptr, spawn->id);
  return AOD_OK;
}
