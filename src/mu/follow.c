/* What follows from a result or a spawn: outbox entries, signed where they are items. Signing takes
 * long, so children are planned first and then made a few at a time. */
#include <stdlib.h>

#include "ao/address.h"
#include "ao/push.h"
#include "arweave/base64url.h"
#include "base/clock.h"
#include "base/log.h"
#include "mu/internal.h"

enum { MADE_A_TURN = 8 };

typedef struct aod_mu_plan plan_t;

typedef struct {
  void (*make)(plan_t *plan, const json_t *entry);
  const json_t *entry; /* of plan->json */
} planned_t;

/* Children of a delivery that are to be made, and where they come from. */
struct aod_mu_plan {
  aod_delivery_t *delivery;
  json_t *json;                     /* the result; NULL when all children are made already */
  uint8_t process[32], message[32]; /* who emits, and the evaluation of which message */
  aod_push_origin_t origin;
  planned_t *list;
  size_t count, made;
  size_t cap; /* of children */
};

/* ---- the list of children ---- */

static void begin(plan_t *plan, aod_delivery_t *delivery, size_t cap) {
  aod_arena_t *arena = &delivery->arena;
  aod_outbox_change_t *change = &delivery->change;
  change->add.list = aod_arena_alloc(arena, (cap + 1) * sizeof *change->add.list);
  change->traces.list = aod_arena_alloc(arena, (cap + 1) * sizeof *change->traces.list);
  delivery->children = aod_arena_alloc(arena, (cap + 1) * sizeof *delivery->children);
  plan->delivery = delivery;
  plan->cap = cap;
  delivery->plan = plan;
}

/* A new child whose texts are to be put in its own arena; `publish` copies its entry to the list.
 */
static aod_delivery_t *new_child(plan_t *plan, aod_outbox_kind_t kind) {
  aod_delivery_t *child = aod__delivery_new(plan->delivery->mu, kind);
  memcpy(child->entry.parent, plan->process, 32);
  memcpy(child->entry.lane, plan->process, 32);
  return child;
}

static aod_trace_kind_t trace_kind(aod_outbox_kind_t kind) {
  return kind == AOD_OUTBOX_SPAWN    ? AOD_TRACE_SPAWN
         : kind == AOD_OUTBOX_ASSIGN ? AOD_TRACE_ASSIGN
                                     : AOD_TRACE_MESSAGE;
}

static void trace(aod_trace_t *row, const aod_outbox_entry_t *entry) {
  *row = (aod_trace_t){.kind = trace_kind(entry->kind), .timestamp_ms = aod_clock_wall_ms()};
  memcpy(row->message, entry->id, 32);
  memcpy(row->process, entry->process, 32);
}

static void publish(plan_t *plan, aod_delivery_t *child) {
  aod_outbox_change_t *change = &plan->delivery->change;
  size_t index = change->add.count++;
  aod_assert(index < plan->cap);
  change->add.list[index] = child->entry;
  plan->delivery->children[index] = child;
  if (child->entry.kind == AOD_OUTBOX_INVALID || child->entry.kind == AOD_OUTBOX_CRANK) return;
  aod_trace_t *row = &change->traces.list[change->traces.count++];
  trace(row, &child->entry);
  row->has_cause = true;
  memcpy(row->cause, plan->message, 32);
  if (child->entry.kind != AOD_OUTBOX_ASSIGN) memcpy(row->wallet, child->mu->address, 32);
}

void aod__follow_drop(aod_delivery_t *delivery) {
  for (size_t i = 0; i < delivery->change.add.count && delivery->children; i++)
    aod__delivery_free(delivery->children[i]);
  delivery->change = (aod_outbox_change_t){0};
  if (delivery->plan && delivery->plan->json) json_decref(delivery->plan->json);
  delivery->plan = NULL;
}

/* ---- origins ---- */

bool aod__chain_origin(const aod_outbox_entry_t *entry, uint8_t origin[32]) {
  if (entry->has_origin) {
    memmove(origin, entry->origin, 32);
    return true;
  }
  bool is_item = entry->kind == AOD_OUTBOX_ITEM || entry->kind == AOD_OUTBOX_SPAWN;
  if (!is_item || !aod__is_nobody(entry->parent)) return false;
  memcpy(origin, entry->id, 32);
  return true;
}

static void inherit_origin(plan_t *plan, aod_outbox_entry_t *child) {
  child->has_origin = aod__chain_origin(&plan->delivery->entry, child->origin);
}

/* Look up who the emitting process is. */
static int describe(plan_t *plan, const uint8_t process[32], aod_error_t *err) {
  aod_delivery_t *delivery = plan->delivery;
  const aod_scheduler_t *scheduler = delivery->mu->scheduler;
  aod_arena_t *arena = &delivery->arena;
  aod_scheduled_t scheduled;
  int code = scheduler->find(scheduler->context, process, process, arena, &scheduled, err);
  if (code != AOD_OK) return code;
  memcpy(plan->process, process, 32);
  plan->origin.process = aod_ao_id(arena, process);
  aod_tags_find(&scheduled.item.tags, "Module", &plan->origin.module);
  aod_tags_find(&scheduled.item.tags, "Scheduler", &plan->origin.scheduler);
  uint8_t origin[32];
  if (aod__chain_origin(&delivery->entry, origin))
    plan->origin.pushed_for = aod_ao_id(arena, origin);
  return AOD_OK;
}

/* ---- children ---- */

static aod_slice_t entry_text(aod_delivery_t *child, const json_t *entry) {
  aod_buf_t text = {0};
  aod_json_value(&text, entry);
  aod_slice_t copy = aod_arena_copy(&child->arena, aod_buf_slice(&text));
  aod_buf_free(&text);
  return copy;
}

/* Keep an entry that cannot be sent, with the reason: it does not vanish, and the others go on. */
static void make_invalid(plan_t *plan, const json_t *entry, const aod_error_t *err) {
  aod_delivery_t *child = new_child(plan, AOD_OUTBOX_INVALID);
  child->entry.parked = true;
  child->entry.text = entry_text(child, entry);
  child->entry.reason = aod_arena_copy(&child->arena, aod_text(err->message));
  publish(plan, child);
  atomic_fetch_add(&child->mu->metrics.invalid, 1);
  aod_log(AOD_LOG_WARN, "mu", "process %.*s emitted an entry that cannot be sent: %s",
          AOD_ARG(plan->origin.process), err->message);
}

static int sign(aod_delivery_t *child, const aod_item_fields_t *fields, aod_error_t *err) {
  aod_buf_t raw = {0};
  int code = aod_item_sign(fields, child->mu->signer, &raw, child->entry.id, err);
  if (code == AOD_OK) child->entry.raw = aod_arena_copy(&child->arena, aod_buf_slice(&raw));
  aod_buf_free(&raw);
  return code;
}

/* Sign a child and add it; what cannot be signed is kept as invalid. */
static void make_signed(plan_t *plan, aod_delivery_t *child, int code,
                        const aod_item_fields_t *fields, const json_t *entry, aod_error_t *err) {
  if (code == AOD_OK) code = sign(child, fields, err);
  if (code != AOD_OK) {
    aod__delivery_free(child);
    make_invalid(plan, entry, err);
    return;
  }
  bool is_spawn = child->entry.kind == AOD_OUTBOX_SPAWN;
  memcpy(child->entry.process, is_spawn ? child->entry.id : fields->target.ptr, 32);
  publish(plan, child);
}

static void make_message(plan_t *plan, const json_t *entry) {
  aod_delivery_t *child = new_child(plan, AOD_OUTBOX_ITEM);
  inherit_origin(plan, &child->entry);
  child->entry.text = aod_push_copies(entry, &child->arena);
  aod_item_fields_t fields;
  aod_error_t err;
  int code = aod_push_message(entry, &plan->origin, &child->arena, &fields, &err);
  make_signed(plan, child, code, &fields, entry, &err);
}

static void make_spawn(plan_t *plan, const json_t *entry) {
  aod_delivery_t *child = new_child(plan, AOD_OUTBOX_SPAWN);
  inherit_origin(plan, &child->entry);
  child->entry.text = entry_text(child, entry);
  aod_item_fields_t fields;
  aod_error_t err;
  int code = aod_push_spawn(entry, &plan->origin, &child->arena, &fields, &err);
  make_signed(plan, child, code, &fields, entry, &err);
}

static aod_delivery_t *assignment_of(plan_t *plan, const uint8_t process[32],
                                     const uint8_t message[32]) {
  aod_delivery_t *child = new_child(plan, AOD_OUTBOX_ASSIGN);
  memcpy(child->entry.process, process, 32);
  memcpy(child->entry.id, message, 32);
  return child;
}

static void make_assignments(plan_t *plan, const json_t *entry) {
  aod_push_assignment_t assignment;
  aod_error_t err;
  int code = aod_push_assignment(entry, &plan->delivery->arena, &assignment, &err);
  if (code != AOD_OK) {
    make_invalid(plan, entry, &err);
    return;
  }
  for (size_t i = 0; i < assignment.count; i++) {
    aod_delivery_t *child = assignment_of(plan, assignment.processes[i], assignment.message);
    child->entry.base_layer = assignment.base_layer;
    child->entry.text = aod_arena_copy(&child->arena, assignment.exclude);
    publish(plan, child);
  }
}

/* The message itself is assigned to these processes too, given as ids separated by commas. */
static void make_copies(plan_t *plan, aod_slice_t ids, const uint8_t message[32]) {
  uint8_t process[32];
  for (aod_slice_t rest = ids; rest.ptr && ids.len;)
    if (aod_id_decode(aod_slice_cut(&rest, ','), process))
      publish(plan, assignment_of(plan, process, message));
}

static size_t count_ids(aod_slice_t ids) {
  return (ids.len + 1) / (AOD_ID_CHARS + 1);
}

/* ---- planning a result ---- */

static void plan_entries(plan_t *plan, const char *name,
                         void (*make)(plan_t *plan, const json_t *entry)) {
  size_t index;
  json_t *entry;
  json_array_foreach(json_object_get(plan->json, name), index, entry) plan->list[plan->count++] =
      (planned_t){make, entry};
}

static size_t count_entries(const json_t *body) {
  return json_array_size(json_object_get(body, "Messages")) +
         json_array_size(json_object_get(body, "Spawns")) +
         json_array_size(json_object_get(body, "Assignments"));
}

/* An assignment entry becomes a child for each process. */
static size_t count_children(const json_t *body) {
  size_t count = count_entries(body), index;
  json_t *entry;
  json_array_foreach(json_object_get(body, "Assignments"), index, entry) count +=
      json_array_size(json_object_get(entry, "Processes"));
  return count;
}

static int plan_one(plan_t *plan, int64_t number, aod_error_t *err) {
  const json_t *entry = json_array_get(json_object_get(plan->json, "Messages"), (size_t)number);
  if (!entry) return aod_fail(err, AOD_EINPUT, "Message number does not exist in the result.");
  plan->list[plan->count++] = (planned_t){make_message, entry};
  return AOD_OK;
}

static void plan_all(plan_t *plan) {
  plan_entries(plan, "Messages", make_message);
  plan_entries(plan, "Spawns", make_spawn);
  plan_entries(plan, "Assignments", make_assignments);
}

int aod__follow_result(aod_delivery_t *delivery, const uint8_t message[32], aod_slice_t body,
                       int64_t only, aod_error_t *err) {
  json_t *json;
  int code = aod_json_parse(body, &json, err);
  if (code != AOD_OK) return code;
  const aod_outbox_entry_t *entry = &delivery->entry;
  bool has_copies = entry->kind == AOD_OUTBOX_ITEM || entry->kind == AOD_OUTBOX_CRANK;
  aod_slice_t copies = has_copies ? entry->text : AOD_EMPTY;
  plan_t *plan = aod_arena_alloc(&delivery->arena, sizeof *plan);
  begin(plan, delivery, count_children(json) + count_ids(copies));
  plan->json = json;
  plan->list = aod_arena_alloc(&delivery->arena, (count_entries(json) + 1) * sizeof *plan->list);
  memcpy(plan->message, message, 32);
  if (plan->cap) code = describe(plan, entry->process, err);
  if (code == AOD_OK && only >= 0) return plan_one(plan, only, err);
  if (code != AOD_OK) return code;
  plan_all(plan);
  make_copies(plan, copies, message);
  return AOD_OK;
}

bool aod__follow_more(aod_delivery_t *delivery) {
  plan_t *plan = delivery->plan;
  for (size_t i = 0; i < MADE_A_TURN && plan->made < plan->count; i++) {
    const planned_t *planned = &plan->list[plan->made++];
    planned->make(plan, planned->entry);
  }
  return plan->made < plan->count;
}

/* ---- spawns ---- */

static int make_spawned(plan_t *plan, aod_error_t *err) {
  const aod_outbox_entry_t *spawn = &plan->delivery->entry;
  json_t *entry;
  int code = aod_json_parse(spawn->text, &entry, err);
  if (code != AOD_OK) return code;
  aod_delivery_t *child = new_child(plan, AOD_OUTBOX_ITEM);
  aod_item_fields_t fields;
  memcpy(child->entry.process, spawn->parent, 32);
  code = aod_push_spawned(entry, &plan->origin, aod_ao_id(&child->arena, spawn->id), &child->arena,
                          &fields, err);
  if (code == AOD_OK) code = sign(child, &fields, err);
  if (code == AOD_OK)
    publish(plan, child);
  else
    aod__delivery_free(child);
  json_decref(entry);
  return code;
}

static void make_boot(plan_t *plan) {
  const aod_outbox_entry_t *spawn = &plan->delivery->entry;
  aod_delivery_t *child = new_child(plan, AOD_OUTBOX_CRANK);
  memcpy(child->entry.process, spawn->id, 32);
  memcpy(child->entry.lane, spawn->id, 32);
  memcpy(child->entry.id, spawn->id, 32);
  inherit_origin(plan, &child->entry);
  publish(plan, child);
}

int aod__follow_spawn(aod_delivery_t *delivery, aod_error_t *err) {
  const aod_outbox_entry_t *spawn = &delivery->entry;
  plan_t *plan = aod_arena_alloc(&delivery->arena, sizeof *plan);
  aod_item_t item;
  begin(plan, delivery, 3);
  memcpy(plan->message, spawn->id, 32);
  int code = aod_item_parse(spawn->raw, &delivery->arena, &item, err);
  bool has_parent = !aod__is_nobody(spawn->parent);
  if (code == AOD_OK) code = describe(plan, has_parent ? spawn->parent : spawn->id, err);
  if (code == AOD_OK && has_parent) code = make_spawned(plan, err);
  if (code != AOD_OK) {
    aod__follow_drop(delivery);
    return code;
  }
  make_boot(plan);
  if (item.target.len == 32) publish(plan, assignment_of(plan, item.target.ptr, spawn->id));
  return AOD_OK;
}

/* ---- what else is remembered ---- */

void aod__follow_upload(aod_delivery_t *delivery) {
  const aod_outbox_entry_t *entry = &delivery->entry;
  plan_t *plan = aod_arena_alloc(&delivery->arena, sizeof *plan);
  begin(plan, delivery, count_ids(entry->text));
  memcpy(plan->process, entry->parent, 32);
  memcpy(plan->message, entry->id, 32);
  make_copies(plan, entry->text, entry->id);
}

typedef struct {
  aod_outbox_change_t change;
  aod_trace_t row;
} tracing_t;

static void traced(aod_outbox_change_t *change, int code, const aod_error_t *err) {
  if (code != AOD_OK) aod_log(AOD_LOG_WARN, "mu", "a trace was not stored: %s", err->message);
  free(change);
}

void aod__trace_accepted(aod_delivery_t *delivery) {
  tracing_t *tracing = aod_alloc(sizeof *tracing);
  tracing->change = (aod_outbox_change_t){.traces = {&tracing->row, 1}, .done = traced};
  trace(&tracing->row, &delivery->entry);
  memcpy(tracing->row.wallet, delivery->wallet, 32);
  aod_outbox_submit(delivery->mu->outbox, &tracing->change);
}
