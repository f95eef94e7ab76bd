/* Where the crons of a process stand at a checkpoint, which names only the last message.
 *
 * They are a function of the log (ao/cron.h), so it can be worked out: which moments of blocks lie
 * behind, from the blocks; which cron messages of the last moment, from the one that was last. Not
 * how many there have been in all, without going through them. So positions go on after the most
 * that there can have been, and stay clear of an evaluation from the beginning. */
#include "cu/internal.h"

enum { BLOCKS_PAGE = 100, BLOCKS_BACK = 64 };

/* ---- the last cron message ---- */

static size_t find_cron(const aod_process_t *process, aod_slice_t id) {
  aod_arena_t arena = {0};
  size_t index = 0;
  while (index < process->crons.count &&
         !aod_slice_equal(aod_cron_id(&process->crons.list[index], &arena), id))
    index++;
  aod_arena_free(&arena);
  return index;
}

static int check_next_record(const aod_process_t *process, aod_error_t *err) {
  const aod_scheduler_t *scheduler = process->cu->scheduler;
  aod_arena_t arena = {0};
  aod_scheduled_list_t page;
  aod_assignment_t assignment;
  int code = scheduler->range(scheduler->context, process->id, process->at.next_nonce, 1, &arena,
                              &page, err);
  if (code == AOD_OK && page.count)
    code = aod_assignment_parse(&page.list[0].assignment, &assignment, err);
  if (code == AOD_OK && page.count && assignment.timestamp_ms <= process->at.due_ms)
    code = aod_fail(err, AOD_EINPUT, "a message has come before its last cron message");
  aod_arena_free(&arena);
  return code;
}

static int pass_cron(aod_process_t *process, const aod_checkpoint_t *checkpoint, aod_error_t *err) {
  aod_progress_t *at = &process->at;
  size_t index = find_cron(process, checkpoint->cron);
  if (index == process->crons.count)
    return aod_fail(err, AOD_EINPUT, "the process has no such cron");
  bool by_block = process->crons.list[index].by_block;
  aod_block_t block = {.height = checkpoint->block_height,
                       .timestamp_ms = checkpoint->timestamp_ms};
  int64_t due_ms = by_block ? aod_cron_block_due_ms(&block) : checkpoint->timestamp_ms;
  if (due_ms < at->due_ms)
    return aod_fail(err, AOD_EINPUT, "its time is before that of its message");
  at->moment = (aod_cron_moment_t){by_block, due_ms, checkpoint->timestamp_ms, block.height};
  at->moment_next = index + 1;
  at->due_ms = due_ms;
  at->timestamp_ms = checkpoint->timestamp_ms;
  at->block_height = block.height;
  at->place.at_ms = by_block ? due_ms : due_ms + 1;
  if (at->place.height < block.height) at->place.height = block.height;
  return check_next_record(process, err);
}

/* ---- blocks ---- */

/* The first block from a height on whose moment has not been: 1; 0: there is none on this page,
 * *height is beyond it. *first: it is the page's first. */
static int search_page(const aod_process_t *process, uint64_t *height, bool *first,
                       aod_error_t *err) {
  const aod_gateway_t *gateway = process->cu->gateway;
  aod_arena_t arena = {0};
  aod_block_list_t list;
  int code = gateway->blocks(gateway->context, *height, BLOCKS_PAGE, &arena, &list, err);
  if (code == AOD_OK && list.count == 0) code = 1;
  for (size_t i = 0; i < list.count && code == AOD_OK; i++) {
    *first = i == 0;
    *height = list.list[i].height;
    if (aod_cron_block_due_ms(&list.list[i]) >= process->at.place.at_ms)
      code = 1;
    else
      (*height)++;
  }
  aod_arena_free(&arena);
  return code;
}

/* From before the current block, further and further, until one lies behind. */
static int find_next_block(aod_process_t *process, aod_error_t *err) {
  aod_cron_place_t *place = &process->at.place;
  uint64_t begin = process->crons.origin_height + 1;
  int code = 0;
  for (uint64_t back = BLOCKS_BACK;; back *= 4) {
    uint64_t from = place->height > begin + back ? place->height - back : begin;
    place->next_height = from;
    bool first = false;
    code = search_page(process, &place->next_height, &first, err);
    if (code != 1 || !first || from == begin) break;
  }
  bool first;
  while (code == 0) code = search_page(process, &place->next_height, &first, err);
  return code < 0 ? code : AOD_OK;
}

/* ---- all of it ---- */

/* A function of schedule and checkpoint alone, so that it is the same whenever it is asked. */
static uint64_t most_evaluations(const aod_process_t *process) {
  const aod_progress_t *at = &process->at;
  const aod_crons_t *crons = &process->crons;
  uint64_t most = at->next_nonce;
  int64_t seconds = (at->due_ms - crons->origin_ms) / 1000;
  for (size_t i = 0; i < crons->count; i++) {
    const aod_cron_t *cron = &crons->list[i];
    uint64_t span = seconds > 0 ? (uint64_t)seconds : 0;
    if (cron->by_block)
      span = at->place.height > crons->origin_height ? at->place.height - crons->origin_height : 0;
    if (cron->every) most += span / cron->every + 1;
  }
  return most;
}

int aod__crons_resume(aod_process_t *process, const aod_checkpoint_t *checkpoint,
                      aod_error_t *err) {
  aod_progress_t *at = &process->at;
  int code = checkpoint->cron.len ? pass_cron(process, checkpoint, err) : AOD_OK;
  if (code != AOD_OK) return code;
  if (at->moment.by_block)
    at->place.next_height = at->moment.block_height + 1;
  else
    code = find_next_block(process, err);
  at->position = most_evaluations(process);
  at->gap_position = at->position - (checkpoint->cron.len > 0);
  return code;
}
