/* The budget of memory: processes that nobody asked for the longest leave memory, after a snapshot,
 * when all together take more than they may. They come back when they are asked for.
 *
 * A process is taken out by a task in its own lane, so nothing happens to one that works. */
#include "base/clock.h"
#include "cu/internal.h"

/* Counting a process's pages takes a few microseconds: not after every message. */
enum { COUNT_EVERY = 32, WAITING_MAX = 8 };

static void evict(aod_task_t *task) {
  aod_process_t *process = (aod_process_t *)((uint8_t *)task - offsetof(aod_process_t, eviction));
  aod_cu_t *cu = process->cu;
  /* Snapshots on their way to the disk take memory as well. */
  if (cu->snapshots && aod_snapshots_waiting(cu->snapshots) >= WAITING_MAX)
    aod_snapshots_flush(cu->snapshots);
  aod__snapshot_take(process);
  aod__process_unload(process);
  pthread_mutex_lock(&cu->lock);
  process->evicting = false;
  pthread_mutex_unlock(&cu->lock);
}

static void find_oldest(void *value, void *context) {
  aod_process_t *process = value, **oldest = context;
  if (process->resident_bytes == 0 || process->evicting) return;
  if ((!*oldest || process->used_us < (*oldest)->used_us) && aod_lane_idle(&process->lane))
    *oldest = process;
}

/* Those on their way out count no more. */
static void evict_some(aod_cu_t *cu) {
  while (cu->resident_bytes > cu->memory_bytes) {
    aod_process_t *oldest = NULL;
    aod_idmap_each(&cu->processes, find_oldest, &oldest);
    if (!oldest) return;
    cu->resident_bytes -= oldest->resident_bytes;
    oldest->resident_bytes = 0;
    oldest->evicting = true;
    oldest->eviction.run = evict;
    aod_lane_post(&oldest->lane, &oldest->eviction);
  }
}

static void set_resident(aod_process_t *process, uint64_t bytes) {
  aod_cu_t *cu = process->cu;
  pthread_mutex_lock(&cu->lock);
  cu->resident_bytes += bytes - process->resident_bytes;
  process->resident_bytes = bytes;
  process->used_us = aod_clock_monotonic_us();
  if (bytes) evict_some(cu);
  pthread_mutex_unlock(&cu->lock);
}

void aod__budget_note(aod_process_t *process) {
  if (process->is_copy || !process->cu->memory_bytes || !process->instance) return;
  uint64_t evaluated = process->at.position - process->counted_position;
  bool known = process->resident_bytes && evaluated < COUNT_EVERY;
  if (!known) process->counted_position = process->at.position;
  set_resident(process,
               known ? process->resident_bytes : aod_instance_resident_bytes(process->instance));
}

void aod__budget_leave(aod_process_t *process) {
  if (!process->is_copy && process->cu->memory_bytes) set_resident(process, 0);
}
