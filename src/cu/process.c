/* A process in memory: its module and instance, and what its tags say.
 *
 * Everything here but the set of processes runs in the process's lane. State is only ever changed
 * by committing one message; whatever fails before leaves instance and progress as they were, and
 * the next request tries again. */
#include <stdlib.h>

#include "ao/address.h"
#include "ao/module.h"
#include "arweave/base64url.h"
#include "base/log.h"
#include "cu/internal.h"

enum { COPIES_MAX = 16 };

/* ---- the set of processes ---- */

static aod_process_t *new_process(aod_cu_t *cu, const uint8_t id[32]) {
  aod_process_t *process = aod_alloc(sizeof *process);
  process->cu = cu;
  memcpy(process->id, id, 32);
  aod_lane_init(&process->lane, cu->pool);
  aod__readers_init(&process->readers);
  aod__drive_init(process);
  return process;
}

static aod_process_t *get_from(aod_idmap_t *set, aod_cu_t *cu, const uint8_t id[32]) {
  pthread_mutex_lock(&cu->lock);
  aod_process_t *process = aod_idmap_get(set, id);
  if (!process) {
    process = new_process(cu, id);
    process->is_copy = process->is_rerun = set == &cu->reruns;
    aod_idmap_put(set, id, process);
  }
  pthread_mutex_unlock(&cu->lock);
  return process;
}

aod_process_t *aod__process_get(aod_cu_t *cu, const uint8_t id[32]) {
  return get_from(&cu->processes, cu, id);
}

aod_process_t *aod__process_rerun(aod_cu_t *cu, const uint8_t id[32]) {
  return get_from(&cu->reruns, cu, id);
}

void aod__process_unload(aod_process_t *process) {
  aod__readers_close(process);
  if (process->instance) aod_instance_close(process->instance);
  if (process->module) aod_module_release(process->module);
  process->instance = NULL;
  process->module = NULL;
  aod_arena_free(&process->arena);
  aod_arena_free(&process->block_arena);
  process->blocks = (aod_block_list_t){0};
  process->block_next = 0;
  process->blocks_complete_ms = 0;
  aod_idmap_free(&process->recent_keys);
  aod__budget_leave(process);
}

static void free_process(void *value, void *context) {
  (void)context;
  aod_process_t *process = value;
  aod__process_unload(process);
  aod_buf_free(&process->env);
  aod_buf_free(&process->last_body);
  aod__readers_deinit(&process->readers);
  free(process);
}

int aod__process_copy(aod_cu_t *cu, const uint8_t id[32], aod_process_t **copy, aod_error_t *err) {
  pthread_mutex_lock(&cu->lock);
  bool full = cu->copies >= COPIES_MAX;
  if (!full) cu->copies++;
  pthread_mutex_unlock(&cu->lock);
  if (full)
    return aod_fail(err, AOD_EUNAVAILABLE, "%d earlier states are being evaluated already",
                    COPIES_MAX);
  *copy = new_process(cu, id);
  (*copy)->is_copy = true;
  return AOD_OK;
}

void aod__process_free_copy(aod_process_t *copy) {
  aod_cu_t *cu = copy->cu;
  free_process(copy, NULL);
  pthread_mutex_lock(&cu->lock);
  cu->copies--;
  pthread_mutex_unlock(&cu->lock);
}

void aod__process_free_all(aod_cu_t *cu) {
  aod_idmap_each(&cu->processes, free_process, NULL);
  aod_idmap_each(&cu->reruns, free_process, NULL);
  aod_idmap_free(&cu->processes);
  aod_idmap_free(&cu->reruns);
}

void aod__process_rewind(aod_process_t *process, uint64_t position) {
  char id[AOD_ID_CHARS + 1];
  aod_id_encode(process->id, id);
  aod_log(AOD_LOG_WARN, "cu",
          "process %s has a message from before its last cron messages: "
          "they are evaluated again",
          id);
  aod__process_unload(process);
  process->has_last = false;
  aod_results_truncate(process->cu->results, process->id, position);
  if (process->cu->snapshots) aod_snapshots_truncate(process->cu->snapshots, process->id, position);
}

/* ---- loading ---- */

static int find_module(aod_process_t *process, const aod_item_t *process_item, aod_arena_t *arena,
                       aod_item_t *module_item, aod_error_t *err) {
  const aod_gateway_t *gateway = process->cu->gateway;
  aod_slice_t text = AOD_EMPTY;
  uint8_t *id = process->module_id;
  aod_tags_find(&process_item->tags, "Module", &text);
  if (!aod_id_decode(text, id))
    return aod_fail(err, AOD_EINPUT, "process has an invalid Module tag \"%.*s\"",
                    AOD_ARG(aod_slice_sub(text, 0, 100)));
  int code = gateway->find(gateway->context, id, arena, module_item, err);
  if (code != AOD_ENOTFOUND) return code;
  return aod_fail(err, code, "TransactionNotFound: Module %.*s was not found on gateway",
                  AOD_ARG(text));
}

static int open_instance(aod_process_t *process, const aod_item_t *module_item,
                         const aod_module_terms_t *terms, aod_slice_t module_id,
                         const aod_target_t *target, aod_error_t *err) {
  aod_slice_t label = module_id;
  bool has_label = aod_tags_find(&module_item->tags, "Name", &label);
  char *name = aod_slice_strdup(label);
  int code = aod_module_load(process->cu->vm, module_item->data, terms->format, name,
                             &process->module, err);
  free(name);
  if (code != AOD_OK)
    return has_label ? aod_error_prefix(err, "module %.*s", AOD_ARG(module_id)) : code;
  bool has_drive = terms->needs_drive || terms->extended;
  aod_instance_options_t options = {.compute_limit = terms->compute_limit,
                                    .memory_cap_bytes = process->cu->process_bytes,
                                    .drive = has_drive ? &process->drive : NULL};
  if (aod__snapshot_restore(process, &options, target)) return AOD_OK;
  code = aod__checkpoint_restore(process, &options, target, err);
  if (code == 1) return AOD_OK;
  if (code == 0) code = aod_instance_open(process->module, &options, &process->instance, err);
  if (code == AOD_OK) return code;
  aod_module_release(process->module);
  process->module = NULL;
  return code;
}

static uint64_t read_number(const aod_tags_t *tags, const char *name) {
  aod_slice_t text = AOD_EMPTY;
  uint64_t number;
  aod_tags_find(tags, name, &text);
  return aod_slice_to_u64(text, &number) && number <= INT64_MAX ? number : 0;
}

/* Definitions of crons, and where they count from. */
static int load_crons(aod_process_t *process, const aod_scheduled_t *first, aod_error_t *err) {
  aod_tags_t tags = {
      .list = aod_arena_alloc(&process->arena, (first->item.tags.count + 1) * sizeof *tags.list)};
  for (; tags.count < first->item.tags.count; tags.count++) {
    const aod_tag_t *tag = &first->item.tags.list[tags.count];
    tags.list[tags.count] = (aod_tag_t){.name = aod_arena_copy(&process->arena, tag->name),
                                        .value = aod_arena_copy(&process->arena, tag->value)};
  }
  aod_crons_t *crons = &process->crons;
  int code = aod_crons_parse(&tags, &process->arena, crons, err);
  crons->origin_ms = (int64_t)read_number(&first->assignment.tags, "Timestamp");
  crons->origin_height = read_number(&first->assignment.tags, "Block-Height");
  return code;
}

static void begin(aod_process_t *process) {
  process->at = (aod_progress_t){.timestamp_ms = process->crons.origin_ms,
                                 .block_height = process->crons.origin_height,
                                 .moment.due_ms = INT64_MIN,
                                 .moment_next = process->crons.count};
  aod_crons_begin(&process->crons, &process->at.place);
}

/* Which evaluations are in the store. */
static int read_stored(aod_process_t *process, aod_error_t *err) {
  aod_results_t *results = process->cu->results;
  aod_origin_t origin = {0};
  if (!aod_results_flush(results) && aod_results_truncating(results))
    return aod_fail(err, AOD_EDISK,
                    "cu: results that no longer hold could not be removed; the log "
                    "tells why, and it is tried again");
  int code = aod_results_origin(results, process->id, &origin, err);
  if (code == AOD_ENOTFOUND) code = AOD_OK;
  process->origin_position = origin.position;
  if (code == AOD_OK)
    code = aod_results_next_position(results, process->id, &process->stored_position, err);
  return code;
}

static int load_from(aod_process_t *process, const aod_scheduled_t *first, aod_arena_t *arena,
                     const aod_target_t *target, aod_error_t *err) {
  aod_item_t module_item;
  int code = find_module(process, &first->item, arena, &module_item, err);
  if (code == AOD_OK) code = load_crons(process, first, err);
  if (code != AOD_OK) return code;
  aod_identity_t process_identity, module_identity;
  aod_identity_from_item(&first->item, arena, &process_identity);
  aod_identity_from_item(&module_item, arena, &module_identity);
  aod_module_terms_t terms;
  code = aod_module_check(&module_item.tags, module_identity.id, &first->item.tags,
                          process_identity.id, &terms, err);
  if (code == AOD_OK && terms.extended && process->cu->no_extensions)
    code = aod_module_refuse_extensions(module_identity.id, err);
  if (code == AOD_OK) code = read_stored(process, err);
  begin(process);
  if (code == AOD_OK)
    code = open_instance(process, &module_item, &terms, module_identity.id, target, err);
  if (code != AOD_OK) return code;
  process->id_text = aod_arena_copy(&process->arena, process_identity.id);
  process->owner = aod_arena_copy(&process->arena, process_identity.owner);
  aod_buf_clear(&process->env);
  aod_env_write(&process_identity, &module_identity, &process->env);
  return AOD_OK;
}

int aod__process_load(aod_process_t *process, const aod_target_t *target, aod_error_t *err) {
  if (process->instance) return AOD_OK;
  const aod_scheduler_t *scheduler = process->cu->scheduler;
  aod_arena_t arena = {0};
  aod_scheduled_t first;
  int code = scheduler->find(scheduler->context, process->id, process->id, &arena, &first, err);
  if (code == AOD_OK && !first.has_item)
    code = aod_fail(err, AOD_EINPUT, "the id is an assignment's, not a process's");
  if (code == AOD_OK)
    code = load_from(process, &first, &arena, process->is_copy ? target : NULL, err);
  if (code == AOD_OK && process->is_rerun) process->stored_position = 0;
  if (code != AOD_OK) aod_arena_free(&process->arena);
  aod_arena_free(&arena);
  return code;
}
