/* One message: what the process is given, what becomes of its result, and what is not evaluated. */
#include <stdlib.h>

#include "ao/address.h"
#include "cu/internal.h"

enum { RECENT_KEYS_MAX = 1000, LAST_BODY_MAX = 262144 };

/* Processes from this block on were refused by the reference when their chain was broken; older
 * ones that are not in their own schedule have chains that nobody checked. */
enum { CHAIN_CHECKED_FROM = 1440000 };

static const char empty_node[] =
    "{\"Messages\":[],\"Assignments\":[],\"Spawns\":[],\"Output\":\"\"}";

void aod__result_take(aod_evaluation_t *evaluation, aod_result_t *result) {
  aod_slice_t text = aod_buf_slice(&evaluation->text);
  if (evaluation->failed)
    aod_result_from_failure(text, evaluation->exit_status, result);
  else
    aod_result_from_text(text, evaluation->gas_used, result);
  aod_evaluation_free(evaluation);
}

/* Call the module and make a result of what comes back; the instance is left undecided. */
static int run(aod_process_t *process, const aod_message_t *message, aod_result_t *result,
               aod_error_t *err) {
  aod_buf_t json = {0};
  aod_evaluation_t evaluation = {0};
  aod_message_write(message, &json);
  int code = aod_instance_evaluate(process->instance, aod_buf_slice(&json),
                                   aod_buf_slice(&process->env), &evaluation, err);
  aod_buf_free(&json);
  if (code == AOD_OK) aod__result_take(&evaluation, result);
  return code;
}

static void decide(aod_process_t *process, const aod_message_t *message,
                   const aod_result_t *result) {
  aod__readers_hold(process, result->keeps_state);
  if (result->keeps_state)
    aod_instance_commit(process->instance);
  else
    aod_instance_rollback(process->instance);
  process->at.timestamp_ms = message->timestamp_ms;
  process->at.block_height = message->block_height;
  aod__readers_release(process);
}

/* ---- keeping results ---- */

/* Store an evaluation at the next position, unless an earlier run of the program did. */
static void put(aod_process_t *process, aod_evaluated_t *evaluated) {
  aod_progress_t *at = &process->at;
  memcpy(evaluated->process, process->id, 32);
  evaluated->position = at->position++;
  at->due_ms = evaluated->due_ms;
  process->unchecked_gas += evaluated->gas_used;
  if (evaluated->position < process->stored_position) return;
  aod_results_put(process->cu->results, evaluated);
  if (evaluated->has_key && !aod_idmap_get(&process->recent_keys, evaluated->key))
    aod_idmap_put(&process->recent_keys, evaluated->key, process);
}

/* The last record is this one. */
static void pass_record(aod_progress_t *at, const aod_scheduled_t *scheduled,
                        const aod_assignment_t *assignment) {
  at->next_nonce = assignment->nonce + 1;
  at->gap_position = at->position;
  memcpy(at->assignment_id, scheduled->assignment.id, 32);
  memcpy(at->hash_chain, assignment->hash_chain, 32);
  if (at->place.at_ms < assignment->timestamp_ms) at->place.at_ms = assignment->timestamp_ms;
  if (at->place.height < assignment->block_height) at->place.height = assignment->block_height;
}

static void put_record(aod_process_t *process, const aod_scheduled_t *scheduled,
                       const aod_assignment_t *assignment, aod_evaluated_t *evaluated) {
  evaluated->nonce = assignment->nonce;
  evaluated->timestamp_ms = evaluated->due_ms = assignment->timestamp_ms;
  evaluated->block_height = assignment->block_height;
  put(process, evaluated);
  pass_record(&process->at, scheduled, assignment);
  aod_buf_clear(&process->last_body);
  aod_result_write(evaluated->node, evaluated->error, evaluated->gas_used, &process->last_body);
  process->last_nonce = assignment->nonce;
  process->has_last = process->last_body.len <= LAST_BODY_MAX;
  if (!process->has_last) aod_buf_free(&process->last_body); /* it can be read from the store */
}

/* ---- duplicates ---- */

/* What a record must not say twice in its process: a pushed message by its content, whoever signed
 * it, and an assignment by its transaction. False: it may. */
static bool dedupe_key(const aod_scheduled_t *scheduled, const aod_assignment_t *assignment,
                       aod_arena_t *arena, uint8_t key[32]) {
  if (!assignment->has_message) return false;
  if (!scheduled->has_item) {
    memcpy(key, assignment->message, 32);
    return true;
  }
  aod_slice_t from;
  if (!aod_tags_find(&scheduled->item.tags, "From-Process", &from)) return false;
  uint8_t hash[48];
  aod_dedupe_hash(&scheduled->item, arena, hash);
  memcpy(key, hash, 32);
  return true;
}

/* 1: an earlier record has this key, 0: none, or negative. */
static int is_known(aod_process_t *process, const uint8_t key[32], uint64_t nonce,
                    aod_error_t *err) {
  if (aod_idmap_get(&process->recent_keys, key)) return 1;
  size_t count = process->recent_keys.count;
  if (count && count % RECENT_KEYS_MAX == 0 && aod_results_flush(process->cu->results))
    aod_idmap_free(&process->recent_keys); /* else some are nowhere but here */
  return aod_results_has_key(process->cu->results, process->id, key, nonce, err);
}

/* ---- hash chain ---- */

static int check_chain(const aod_process_t *process, const aod_assignment_t *assignment,
                       aod_arena_t *arena, aod_error_t *err) {
  const aod_progress_t *at = &process->at;
  if (process->crons.origin_height < CHAIN_CHECKED_FROM && !at->in_schedule) return AOD_OK;
  uint8_t chain[32];
  if (assignment->nonce == 0)
    aod_hash_chain_first(process->id, chain);
  else
    aod_hash_chain_next(at->assignment_id, at->hash_chain, chain);
  if (memcmp(chain, assignment->hash_chain, 32) == 0) return AOD_OK;
  const uint8_t *id = assignment->has_message ? assignment->message : process->id;
  return aod_fail(err, AOD_EUNSUPPORTED, "HashChain invalid on message %.*s",
                  AOD_ARG(aod_ao_id(arena, id)));
}

static int check_place(const aod_process_t *process, const aod_assignment_t *assignment,
                       aod_arena_t *arena, aod_error_t *err) {
  if (assignment->nonce == process->at.next_nonce)
    return check_chain(process, assignment, arena, err);
  return aod_fail(err, AOD_EINTERNAL, "the schedule has nonce %llu where %llu was expected",
                  (unsigned long long)assignment->nonce,
                  (unsigned long long)process->at.next_nonce);
}

/* ---- records ---- */

/* The transaction that a pure assignment names: scheduled somewhere here, or on Arweave. */
static int find_assigned(aod_process_t *process, const aod_assignment_t *assignment,
                         aod_arena_t *arena, aod_item_t *assigned, aod_error_t *err) {
  const aod_cu_t *cu = process->cu;
  aod_scheduled_t found;
  int code = cu->scheduler->find(cu->scheduler->context, assignment->process, assignment->message,
                                 arena, &found, err);
  if (code == AOD_OK && found.has_item && memcmp(found.item.id, assignment->message, 32) == 0) {
    *assigned = found.item;
    return AOD_OK;
  }
  return cu->gateway->find(cu->gateway->context, assignment->message, arena, assigned, err);
}

static int evaluate_new(aod_process_t *process, const aod_scheduled_t *scheduled,
                        const aod_assignment_t *assignment, aod_evaluated_t *evaluated,
                        aod_arena_t *arena, aod_error_t *err) {
  aod_item_t assigned;
  aod_message_t message;
  aod_result_t result;
  int code = AOD_OK;
  if (!scheduled->has_item) code = find_assigned(process, assignment, arena, &assigned, err);
  if (code == AOD_OK) code = aod_message_from_scheduled(scheduled, &assigned, arena, &message, err);
  if (code == AOD_OK) code = run(process, &message, &result, err);
  if (code != AOD_OK) return code;
  decide(process, &message, &result);
  evaluated->node = aod_buf_slice(&result.node);
  evaluated->error = aod_buf_slice(&result.error);
  evaluated->gas_used = result.gas_used;
  put_record(process, scheduled, assignment, evaluated);
  aod_result_free(&result);
  return AOD_OK;
}

int aod__evaluate_record(aod_process_t *process, const aod_scheduled_t *scheduled,
                         const aod_assignment_t *assignment, aod_arena_t *arena, aod_error_t *err) {
  aod_evaluated_t evaluated = {0};
  int code = check_place(process, assignment, arena, err);
  if (code != AOD_OK) return code;
  evaluated.has_key = dedupe_key(scheduled, assignment, arena, evaluated.key);
  if (evaluated.has_key) code = is_known(process, evaluated.key, assignment->nonce, err);
  if (code < 0) return code;
  if (code == 0) return evaluate_new(process, scheduled, assignment, &evaluated, arena, err);
  evaluated.skipped = true;
  evaluated.has_key = false;
  evaluated.node = aod_text(empty_node);
  put_record(process, scheduled, assignment, &evaluated);
  return AOD_OK;
}

int aod__skip_record(aod_process_t *process, const aod_scheduled_t *scheduled,
                     const aod_assignment_t *assignment, aod_arena_t *arena, aod_error_t *err) {
  aod_progress_t *at = &process->at;
  uint8_t key[32];
  int code = check_place(process, assignment, arena, err);
  if (code != AOD_OK) return code;
  if (dedupe_key(scheduled, assignment, arena, key))
    aod_results_put_earlier_key(process->cu->results, process->id, key, assignment->nonce);
  if (assignment->nonce % RECENT_KEYS_MAX == 0) /* or they would gather in memory */
    aod_results_flush(process->cu->results);
  at->position++;
  at->due_ms = at->timestamp_ms = assignment->timestamp_ms;
  at->block_height = assignment->block_height;
  pass_record(at, scheduled, assignment);
  return AOD_OK;
}

int aod__evaluate_process_item(aod_process_t *process, aod_error_t *err) {
  const aod_scheduler_t *scheduler = process->cu->scheduler;
  const aod_crons_t *crons = &process->crons;
  aod_arena_t arena = {0};
  aod_scheduled_t scheduled;
  aod_message_t message;
  aod_result_t result;
  int code = scheduler->find(scheduler->context, process->id, process->id, &arena, &scheduled, err);
  if (code == AOD_OK) {
    aod_message_from_process(&scheduled.item, crons->origin_ms, crons->origin_height, &arena,
                             &message);
    code = run(process, &message, &result, err);
  }
  if (code == AOD_OK) {
    decide(process, &message, &result);
    aod_result_free(&result);
  }
  aod_arena_free(&arena);
  return code;
}

/* ---- crons ---- */

int aod__evaluate_cron(aod_process_t *process, const aod_cron_t *cron, aod_error_t *err) {
  const aod_cron_moment_t *moment = &process->at.moment;
  aod_arena_t arena = {0};
  aod_message_t message;
  aod_result_t result;
  aod_message_from_cron(&cron->tags, process->id_text, process->owner, moment->timestamp_ms,
                        moment->block_height, &arena, &message);
  int code = run(process, &message, &result, err);
  if (code == AOD_OK) {
    decide(process, &message, &result);
    uint64_t next_nonce = process->at.next_nonce;
    aod_evaluated_t evaluated = {.nonce = next_nonce ? next_nonce - 1 : 0,
                                 .cron = aod_cron_id(cron, &arena),
                                 .timestamp_ms = moment->timestamp_ms,
                                 .due_ms = moment->due_ms,
                                 .block_height = moment->block_height,
                                 .node = aod_buf_slice(&result.node),
                                 .error = aod_buf_slice(&result.error),
                                 .gas_used = result.gas_used};
    put(process, &evaluated);
    aod_result_free(&result);
  }
  aod_arena_free(&arena);
  return code;
}
