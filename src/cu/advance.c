/* The stream of a process: the records of its schedule and, between them, what its crons send.
 *
 * The stream is a function of schedule and blocks. How far it is evaluated at a time depends on who
 * asks, the order never does: the scheduler promises that no record comes before the time up to
 * which cron messages are evaluated (aod_scheduler_t.now). Where a foreign one breaks that promise,
 * the process is taken back and evaluated again, so that what is stored is what a replay gives. */
#include "base/clock.h"
#include "cu/internal.h"

enum { TURN_MS = 50, RECORDS_PAGE = 64, BLOCKS_PAGE = 500 };

/* ---- crons ---- */

static int read_blocks(aod_process_t *process, int64_t until_ms, aod_error_t *err) {
  const aod_scheduler_t *scheduler = process->cu->scheduler;
  const aod_gateway_t *gateway = process->cu->gateway;
  int64_t now_ms;
  int code = scheduler->now(scheduler->context, process->id, &now_ms, err);
  if (code != AOD_OK) return code;
  aod_arena_free(&process->block_arena);
  process->blocks = (aod_block_list_t){0};
  process->block_next = 0;
  code = gateway->blocks(gateway->context, process->at.place.next_height, BLOCKS_PAGE,
                         &process->block_arena, &process->blocks, err);
  if (code == AOD_OK && process->blocks.count == 0)
    process->blocks_complete_ms = until_ms > now_ms ? until_ms : now_ms;
  return code;
}

/* The next block that is known, NULL when none can be due before `until_ms`. */
static int next_block(aod_process_t *process, int64_t until_ms, const aod_block_t **block,
                      aod_error_t *err) {
  aod_block_list_t *blocks = &process->blocks;
  uint64_t height = process->at.place.next_height;
  while (process->block_next < blocks->count && blocks->list[process->block_next].height < height)
    process->block_next++;
  if (process->block_next == blocks->count && until_ms > process->blocks_complete_ms) {
    int code = read_blocks(process, until_ms, err);
    if (code != AOD_OK) return code;
  }
  *block = process->block_next < blocks->count ? &blocks->list[process->block_next] : NULL;
  return AOD_OK;
}

/* Evaluate what fires in the moment taken last. 1: the turn is over. */
static int finish_moment(aod_process_t *process, int64_t turn_end_us, aod_error_t *err) {
  aod_progress_t *at = &process->at;
  for (; at->moment_next < process->crons.count; at->moment_next++) {
    const aod_cron_t *cron = &process->crons.list[at->moment_next];
    if (!aod_cron_fires(&process->crons, cron, &at->moment)) continue;
    if (aod_clock_monotonic_us() > turn_end_us) return 1;
    int code = aod__evaluate_cron(process, cron, err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

/* Evaluate the cron messages that are due before `until_ms`. 1: the turn is over. */
static int run_crons(aod_process_t *process, int64_t until_ms, int64_t turn_end_us,
                     aod_error_t *err) {
  aod_progress_t *at = &process->at;
  if (process->crons.count == 0) return AOD_OK;
  for (;;) {
    const aod_block_t *block;
    int code = finish_moment(process, turn_end_us, err);
    if (code == AOD_OK) code = next_block(process, until_ms, &block, err);
    if (code != AOD_OK) return code;
    if (!aod_crons_next(&process->crons, &at->place, block, until_ms, &at->moment)) return AOD_OK;
    at->moment_next = 0;
  }
}

/* ---- records ---- */

bool aod__is_process_item(const aod_process_t *process, const aod_scheduled_t *scheduled) {
  return scheduled->has_item && memcmp(scheduled->item.id, process->id, 32) == 0;
}

/* The first message is the process item, whether or not the schedule begins with it. */
static int begin(aod_process_t *process, const aod_scheduled_t *first, aod_error_t *err) {
  process->at.in_schedule = first && aod__is_process_item(process, first);
  int code = process->at.in_schedule ? AOD_OK : aod__evaluate_process_item(process, err);
  process->at.begun = code == AOD_OK;
  return code;
}

/* Does this record come before cron messages that are evaluated, or stand where another run of the
 * program had it elsewhere? */
static bool is_late(aod_process_t *process, const aod_assignment_t *assignment,
                    aod_arena_t *arena) {
  const aod_progress_t *at = &process->at;
  if (process->crons.count == 0) return false;
  if (at->moment.due_ms >= assignment->timestamp_ms) return true;
  if (at->position < process->origin_position || at->position >= process->stored_position)
    return false;
  aod_evaluated_t stored;
  int code =
      aod_results_get(process->cu->results, process->id, assignment->nonce, arena, &stored, NULL);
  return code == AOD_ENOTFOUND || (code == AOD_OK && stored.position != at->position);
}

/* 1: the turn is over. */
static int advance_over(aod_process_t *process, const aod_scheduled_t *scheduled,
                        const aod_assignment_t *assignment, int64_t turn_end_us, aod_arena_t *arena,
                        aod_error_t *err) {
  if (!aod__is_process_item(process, scheduled)) {
    int code = run_crons(process, assignment->timestamp_ms, turn_end_us, err);
    if (code != AOD_OK) return code;
  }
  if (is_late(process, assignment, arena)) {
    aod__process_rewind(process, process->at.gap_position);
    return 1;
  }
  int code = aod__evaluate_record(process, scheduled, assignment, arena, err);
  return code == AOD_OK ? aod_clock_monotonic_us() > turn_end_us : code;
}

/* 1: the turn is over, 0: at the target, or at the end of the page: *ended tells which. */
static int advance_page(aod_process_t *process, const aod_target_t *target,
                        const aod_scheduled_list_t *page, int64_t turn_end_us, aod_arena_t *arena,
                        bool *ended, aod_error_t *err) {
  int code = AOD_OK;
  *ended = page->count == 0;
  for (size_t i = 0; code == AOD_OK && i < page->count; i++) {
    aod_assignment_t assignment;
    code = aod_assignment_parse(&page->list[i].assignment, &assignment, err);
    if (code != AOD_OK) return code;
    *ended = assignment.nonce > target->nonce || assignment.timestamp_ms > target->time_ms;
    if (*ended) return AOD_OK;
    code = advance_over(process, &page->list[i], &assignment, turn_end_us, arena, err);
  }
  return code;
}

static int read_page(const aod_process_t *process, const aod_target_t *target, aod_arena_t *arena,
                     aod_scheduled_list_t *page, aod_error_t *err) {
  const aod_scheduler_t *scheduler = process->cu->scheduler;
  uint64_t left = target->nonce - process->at.next_nonce;
  size_t limit = left < RECORDS_PAGE ? (size_t)left + 1 : RECORDS_PAGE;
  return scheduler->range(scheduler->context, process->id, process->at.next_nonce, limit, arena,
                          page, err);
}

int aod__process_advance(aod_process_t *process, const aod_target_t *target, aod_error_t *err) {
  if (process->at.begun && process->at.next_nonce > target->nonce) return AOD_OK;
  aod_arena_t arena = {0};
  aod_scheduled_list_t page = {0};
  bool ended = false;
  int code = read_page(process, target, &arena, &page, err);
  int64_t turn_end_us = aod_clock_monotonic_us() + TURN_MS * 1000;
  if (code == AOD_OK && !process->at.begun)
    code = begin(process, page.count ? &page.list[0] : NULL, err);
  if (code == AOD_OK) code = advance_page(process, target, &page, turn_end_us, &arena, &ended, err);
  if (code == AOD_OK && ended) code = run_crons(process, target->until_ms, turn_end_us, err);
  aod_arena_free(&arena);
  if (code != AOD_OK) return code;
  return !ended && process->at.next_nonce <= target->nonce;
}

bool aod__process_is_beyond(const aod_process_t *process, const aod_target_t *target) {
  const aod_progress_t *at = &process->at;
  if (target->nonce == UINT64_MAX) return at->position > 0 && at->due_ms > target->time_ms;
  if (at->next_nonce <= target->nonce) return false;
  if (process->is_rerun) return true; /* the target's own result is wanted */
  return at->next_nonce > target->nonce + 1 || at->position > at->gap_position;
}
