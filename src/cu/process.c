/* A process in memory: its module and instance, and how far its schedule has been evaluated.
 *
 * Everything here runs in the process's lane. State is only ever changed by committing one record;
 * whatever fails before leaves instance and next_nonce as they were, and the next request tries
 * again. */
#include <stdlib.h>

#include "ao/address.h"
#include "ao/module.h"
#include "arweave/base64url.h"
#include "base/clock.h"
#include "base/log.h"
#include "cu/internal.h"

enum { TURN_MS = 50, PAGE = 64 };

/* ---- the set of processes ---- */

aod_process_t *aod__process_get(aod_cu_t *cu, const uint8_t id[32]) {
  pthread_mutex_lock(&cu->lock);
  aod_process_t *process = aod_idmap_get(&cu->processes, id);
  if (!process) {
    process = aod_alloc(sizeof *process);
    process->cu = cu;
    memcpy(process->id, id, 32);
    aod_lane_init(&process->lane, cu->pool);
    aod_idmap_put(&cu->processes, id, process);
  }
  pthread_mutex_unlock(&cu->lock);
  return process;
}

static void free_process(void *value, void *context) {
  (void)context;
  aod_process_t *process = value;
  if (process->instance) aod_instance_close(process->instance);
  if (process->module) aod_module_release(process->module);
  aod_buf_free(&process->env);
  free(process);
}

void aod__process_free_all(aod_cu_t *cu) {
  aod_idmap_each(&cu->processes, free_process, NULL);
  aod_idmap_free(&cu->processes);
}

/* ---- loading ---- */

static int find_module(aod_process_t *process, const aod_item_t *process_item, aod_arena_t *arena,
                       aod_item_t *module_item, aod_error_t *err) {
  const aod_gateway_t *gateway = process->cu->gateway;
  aod_slice_t text = AOD_EMPTY;
  uint8_t id[32];
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
                         const aod_module_terms_t *terms, aod_slice_t module_id, aod_error_t *err) {
  aod_slice_t label = module_id;
  aod_tags_find(&module_item->tags, "Name", &label);
  char *name = aod_slice_strdup(label);
  int code = aod_module_load(process->cu->vm, module_item->data, terms->format, name,
                             &process->module, err);
  free(name);
  if (code != AOD_OK) return aod_error_prefix(err, "module %.*s", AOD_ARG(module_id));
  aod_instance_options_t options = {.compute_limit = terms->compute_limit};
  code = aod_instance_open(process->module, &options, &process->instance, err);
  if (code == AOD_OK) return code;
  aod_module_release(process->module);
  process->module = NULL;
  return code;
}

static int load_from(aod_process_t *process, const aod_item_t *process_item, aod_arena_t *arena,
                     aod_error_t *err) {
  aod_item_t module_item;
  int code = find_module(process, process_item, arena, &module_item, err);
  if (code != AOD_OK) return code;
  aod_identity_t process_identity, module_identity;
  aod_identity_from_item(process_item, arena, &process_identity);
  aod_identity_from_item(&module_item, arena, &module_identity);
  aod_module_terms_t terms;
  code = aod_module_check(&module_item.tags, module_identity.id, &process_item->tags,
                          process_identity.id, &terms, err);
  if (code == AOD_OK)
    code = aod_results_next_nonce(process->cu->results, process->id, &process->stored_nonce, err);
  if (code == AOD_OK) code = open_instance(process, &module_item, &terms, module_identity.id, err);
  if (code != AOD_OK) return code;
  aod_buf_clear(&process->env);
  aod_env_write(&process_identity, &module_identity, &process->env);
  return AOD_OK;
}

int aod__process_load(aod_process_t *process, aod_error_t *err) {
  if (process->instance) return AOD_OK;
  const aod_scheduler_t *scheduler = process->cu->scheduler;
  aod_arena_t arena = {0};
  aod_scheduled_t first;
  int code = scheduler->find(scheduler->context, process->id, &arena, &first, err);
  if (code == AOD_OK && !first.has_item)
    code = aod_fail(err, AOD_EINPUT, "the id is an assignment's, not a process's");
  if (code == AOD_OK) code = load_from(process, &first.item, &arena, err);
  aod_arena_free(&arena);
  return code;
}

/* ---- evaluating ---- */

/* Call the module and make a result of what comes back; the instance is left undecided. */
static int run(aod_process_t *process, const aod_message_t *message, aod_result_t *result,
               aod_error_t *err) {
  aod_buf_t json = {0};
  aod_evaluation_t evaluation = {0};
  aod_message_write(message, &json);
  int code = aod_instance_evaluate(process->instance, aod_buf_slice(&json),
                                   aod_buf_slice(&process->env), &evaluation, err);
  aod_buf_free(&json);
  if (code != AOD_OK) return code;
  aod_slice_t text = aod_buf_slice(&evaluation.text);
  if (evaluation.failed)
    aod_result_from_failure(text, evaluation.exit_status, result);
  else
    aod_result_from_text(text, evaluation.gas_used, result);
  aod_evaluation_free(&evaluation);
  return AOD_OK;
}

/* The transaction that a pure assignment names: scheduled somewhere here, or on Arweave. */
static int find_assigned(aod_process_t *process, const aod_scheduled_t *scheduled,
                         aod_arena_t *arena, aod_item_t *assigned, aod_error_t *err) {
  const aod_cu_t *cu = process->cu;
  aod_assignment_t assignment;
  int code = aod_assignment_parse(&scheduled->assignment, &assignment, err);
  if (code != AOD_OK) return code;
  aod_scheduled_t found;
  code = cu->scheduler->find(cu->scheduler->context, assignment.message, arena, &found, err);
  /* the scheduler also finds by assignment id, and answers with another item then */
  if (code == AOD_OK && found.has_item && memcmp(found.item.id, assignment.message, 32) == 0) {
    *assigned = found.item;
    return AOD_OK;
  }
  return cu->gateway->find(cu->gateway->context, assignment.message, arena, assigned, err);
}

static void keep(aod_process_t *process, const aod_message_t *message, aod_result_t *result) {
  if (result->keeps_state)
    aod_instance_commit(process->instance);
  else
    aod_instance_rollback(process->instance);
  process->next_nonce = message->nonce + 1;
  process->timestamp_ms = message->timestamp_ms;
  process->block_height = message->block_height;
  if (message->nonce < process->stored_nonce) return;
  aod_evaluated_t evaluated = {.nonce = message->nonce,
                               .timestamp_ms = message->timestamp_ms,
                               .node = aod_buf_slice(&result->node),
                               .error = aod_buf_slice(&result->error),
                               .gas_used = result->gas_used};
  memcpy(evaluated.process, process->id, 32);
  aod_results_put(process->cu->results, &evaluated);
}

static int evaluate(aod_process_t *process, const aod_scheduled_t *scheduled, aod_arena_t *arena,
                    aod_error_t *err) {
  aod_item_t assigned;
  aod_message_t message;
  aod_result_t result;
  int code = AOD_OK;
  if (!scheduled->has_item) code = find_assigned(process, scheduled, arena, &assigned, err);
  if (code == AOD_OK) code = aod_message_from_scheduled(scheduled, &assigned, arena, &message, err);
  if (code == AOD_OK && message.nonce != process->next_nonce)
    code = aod_fail(err, AOD_EINTERNAL, "the schedule has nonce %llu where %llu was expected",
                    (unsigned long long)message.nonce, (unsigned long long)process->next_nonce);
  if (code == AOD_OK) code = run(process, &message, &result, err);
  if (code != AOD_OK) return code;
  keep(process, &message, &result);
  aod_result_free(&result);
  return AOD_OK;
}

int aod__process_advance(aod_process_t *process, uint64_t target, aod_error_t *err) {
  const aod_scheduler_t *scheduler = process->cu->scheduler;
  int64_t until_us = aod_clock_monotonic_us() + TURN_MS * 1000;
  aod_arena_t arena = {0};
  aod_scheduled_list_t page = {0};
  uint64_t left = target >= process->next_nonce ? target - process->next_nonce + 1 : 0;
  int code = AOD_OK;
  if (left)
    code = scheduler->range(scheduler->context, process->id, process->next_nonce,
                            left && left < PAGE ? (size_t)left : PAGE, &arena, &page, err);
  size_t done = 0;
  while (code == AOD_OK && done < page.count) {
    code = evaluate(process, &page.list[done++], &arena, err);
    if (aod_clock_monotonic_us() > until_us) break;
  }
  aod_arena_free(&arena);
  if (code != AOD_OK) return code;
  return page.count > 0 && process->next_nonce <= target;
}

int aod__process_dry_run(aod_process_t *process, const json_t *body, aod_arena_t *arena,
                         aod_result_t *result, aod_error_t *err) {
  aod_message_t message;
  int code = aod_message_from_dry_run(body, aod_ao_id(arena, process->id), process->timestamp_ms,
                                      process->block_height, arena, &message, err);
  if (code == AOD_OK) code = run(process, &message, result, err);
  if (code == AOD_OK) aod_instance_rollback(process->instance);
  return code;
}
