/* The budget of memory: processes that nobody asked for the longest leave memory, after a snapshot,
 * when all together take more than they may. They come back when they are asked for.
 *
 * The system limits their number as well: each takes a descriptor, or two (a spare look of dry
 * runs), and a few mappings.
 *
 * A process is taken out by a task in its own lane, so nothing happens to one that works. */
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/file.h"
#include "cu/internal.h"

/* Counting a process's pages takes microseconds, of a very large one milliseconds: not after every
 * message, but before it can have grown by much. */
enum { COUNT_US = 20000, WAITING_MAX = 8 };

/* ---- how many there may be ---- */

enum { MAPS_DEFAULT = 65530, MAPS_EACH = 4 };

static size_t read_maps_max(void) {
  aod_buf_t text = {0};
  size_t maps = 0;
  if (aod_file_read("/proc/sys/vm/max_map_count", 100, &text, NULL) == AOD_OK) {
    aod_buf_terminate(&text);
    maps = strtoul((const char *)text.ptr, NULL, 10);
  }
  aod_buf_free(&text);
  return maps ? maps : MAPS_DEFAULT;
}

size_t aod__budget_processes(void) {
  struct rlimit files;
  size_t most = read_maps_max() / MAPS_EACH;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 3 < most)
    most = (size_t)files.rlim_cur / 3;
  return most;
}

/* ---- leaving ---- */

static void evict(aod_task_t *task) {
  aod_process_t *process = (aod_process_t *)((uint8_t *)task - offsetof(aod_process_t, eviction));
  aod_cu_t *cu = process->cu;
  pthread_mutex_lock(&cu->lock);
  bool used = process->used_us > process->chosen_us; /* since it was chosen */
  process->evicting = false;
  pthread_mutex_unlock(&cu->lock);
  if (used) return;
  /* Snapshots on their way to the disk take memory as well. */
  if (cu->snapshots && aod_snapshots_waiting(cu->snapshots) >= WAITING_MAX)
    aod_snapshots_flush(cu->snapshots);
  aod__snapshot_take(process);
  aod__process_unload(process);
}

typedef struct {
  const aod_process_t *except;
  aod_process_t *oldest;
} choice_t;

static void compare_age(void *value, void *context) {
  aod_process_t *process = value;
  choice_t *choice = context;
  if (process == choice->except || process->resident_bytes == 0 || process->evicting) return;
  if (!choice->oldest || process->used_us < choice->oldest->used_us) choice->oldest = process;
}

/* The next that must leave, NULL when all others fit. From here on it counts no more. */
static aod_process_t *choose(aod_cu_t *cu, const aod_process_t *except) {
  choice_t choice = {.except = except};
  pthread_mutex_lock(&cu->lock);
  if (cu->resident_bytes > cu->memory_bytes || cu->resident_count > cu->resident_max) {
    aod_idmap_each(&cu->processes, compare_age, &choice);
    aod_idmap_each(&cu->reruns, compare_age, &choice);
  }
  aod_process_t *oldest = choice.oldest;
  if (oldest) {
    cu->resident_bytes -= oldest->resident_bytes;
    cu->resident_count--;
    oldest->resident_bytes = 0;
    oldest->evicting = true;
    oldest->chosen_us = aod_clock_monotonic_us();
  }
  pthread_mutex_unlock(&cu->lock);
  return oldest;
}

static void set_resident(aod_process_t *process, uint64_t bytes) {
  aod_cu_t *cu = process->cu;
  pthread_mutex_lock(&cu->lock);
  cu->resident_bytes += bytes - process->resident_bytes;
  cu->resident_count += (size_t)(bytes > 0) - (size_t)(process->resident_bytes > 0);
  process->resident_bytes = bytes;
  process->used_us = aod_clock_monotonic_us();
  pthread_mutex_unlock(&cu->lock);
}

void aod__budget_note(aod_process_t *process, int64_t spent_us) {
  if (!aod__process_has_lane(process) || !process->cu->memory_bytes || !process->instance) return;
  process->uncounted_us += spent_us;
  if (!process->counted_bytes || process->uncounted_us >= COUNT_US) {
    process->counted_bytes = aod_instance_resident_bytes(process->instance);
    process->uncounted_us = 0;
  }
  set_resident(process, process->counted_bytes);
  for (aod_process_t *victim; (victim = choose(process->cu, process));) {
    victim->eviction.run = evict;
    aod_lane_post(&victim->lane, &victim->eviction);
  }
}

void aod__budget_leave(aod_process_t *process) {
  if (!aod__process_has_lane(process) || !process->cu->memory_bytes) return;
  process->counted_bytes = 0;
  set_resident(process, 0);
}
