/* Snapshots: where a process goes on after a restart, and where one is looked for that somebody
 * wants to see as it was.
 *
 * A snapshot is taken between two turns of the lane. The lane copies the pages that changed, the
 * store's thread does the rest. It is used only when all results up to it are stored, since what is
 * a duplicate is decided by them: so it never matters which of the two files a crash left behind.
 *
 * One that cannot be read, or belongs to another memory than the module's (another version of this
 * program may have made it), is forgotten with all that follow it, and the one before is tried. */
#include "arweave/base64url.h"
#include "base/log.h"
#include "cu/internal.h"

_Static_assert((int)AOD_SNAPSHOT_PAGE_BYTES == AOD_INSTANCE_PAGE_BYTES, "pages are pages");

/* How many snapshots of all processes may wait for the disk; processes go on without. */
enum { WAITING_MAX = 8 };

/* ---- progress as bytes ---- */

enum { FORMAT = 1, FIELDS = 14, PROGRESS_BYTES = 8 * FIELDS + 64 };

static void progress_write(const aod_progress_t *at, uint8_t bytes[PROGRESS_BYTES]) {
  const uint64_t fields[FIELDS] = {FORMAT,
                                   at->in_schedule,
                                   at->next_nonce,
                                   at->position,
                                   at->gap_position,
                                   (uint64_t)at->due_ms,
                                   (uint64_t)at->place.at_ms,
                                   at->place.height,
                                   at->place.next_height,
                                   at->moment.by_block,
                                   (uint64_t)at->moment.due_ms,
                                   (uint64_t)at->moment.timestamp_ms,
                                   at->moment.block_height,
                                   at->moment_next};
  for (size_t i = 0; i < FIELDS; i++) aod_store_le64(bytes + 8 * i, fields[i]);
  memcpy(bytes + 8 * FIELDS, at->assignment_id, 32);
  memcpy(bytes + 8 * FIELDS + 32, at->hash_chain, 32);
}

/* False: it is of another version of this program. */
static bool progress_read(const aod_snapshot_t *snapshot, aod_progress_t *at) {
  uint64_t fields[FIELDS];
  const uint8_t *bytes = snapshot->progress.ptr;
  if (snapshot->progress.len != PROGRESS_BYTES || aod_load_le64(bytes) != FORMAT) return false;
  for (size_t i = 0; i < FIELDS; i++) fields[i] = aod_load_le64(bytes + 8 * i);
  *at = (aod_progress_t){
      .begun = true,
      .in_schedule = fields[1] != 0,
      .next_nonce = fields[2],
      .position = fields[3],
      .gap_position = fields[4],
      .due_ms = (int64_t)fields[5],
      .timestamp_ms = snapshot->timestamp_ms,
      .block_height = snapshot->block_height,
      .place = {(int64_t)fields[6], fields[7], fields[8]},
      .moment = {fields[9] != 0, (int64_t)fields[10], (int64_t)fields[11], fields[12]},
      .moment_next = fields[13]};
  memcpy(at->assignment_id, bytes + 8 * FIELDS, 32);
  memcpy(at->hash_chain, bytes + 8 * FIELDS + 32, 32);
  return true;
}

/* ---- taking ---- */

static void add_page(void *draft, uint64_t page, const uint8_t bytes[AOD_INSTANCE_PAGE_BYTES]) {
  aod_snapshot_draft_add(draft, page, bytes);
}

void aod__snapshot_take(aod_process_t *process) {
  aod_cu_t *cu = process->cu;
  const aod_progress_t *at = &process->at;
  if (!cu->snapshots || process->is_copy || !process->instance ||
      at->position <= process->snapshot_position)
    return;
  uint8_t progress[PROGRESS_BYTES];
  aod_buf_t state = {0};
  progress_write(at, progress);
  aod_instance_state_write(process->instance, &state);
  aod_snapshot_t snapshot = {.position = at->position,
                             .nonce = at->next_nonce,
                             .timestamp_ms = at->timestamp_ms,
                             .block_height = at->block_height,
                             .memory_bytes = aod_instance_memory_bytes(process->instance),
                             .progress = aod_slice(progress, sizeof progress),
                             .state = aod_buf_slice(&state)};
  memcpy(snapshot.process, process->id, 32);
  aod_module_fingerprint(process->module, snapshot.fingerprint);
  aod_snapshot_draft_t *draft =
      aod_snapshots_draft(cu->snapshots, &snapshot, process->snapshot_position);
  aod_instance_each_changed(process->instance, add_page, draft);
  aod_snapshot_draft_put(draft);
  aod_instance_mark(process->instance);
  aod_buf_free(&state);
  process->snapshot_position = at->position;
  process->unsaved_us = 0;
}

void aod__snapshot_consider(aod_process_t *process, int64_t spent_us) {
  const aod_cu_t *cu = process->cu;
  if (process->is_copy || !cu->snapshots) return;
  process->unsaved_us += spent_us;
  bool due = process->unsaved_us >= cu->snapshot_us ||
             process->at.position - process->snapshot_position >= cu->snapshot_messages;
  if (due && aod_snapshots_waiting(cu->snapshots) < WAITING_MAX) aod__snapshot_take(process);
}

/* ---- restoring ---- */

static void note(const aod_process_t *process, const aod_snapshot_t *snapshot, const char *reason) {
  char id[AOD_ID_CHARS + 1];
  aod_id_encode(process->id, id);
  aod_log(AOD_LOG_WARN, "cu", "process %s cannot go on from its snapshot at nonce %llu: %s", id,
          (unsigned long long)snapshot->nonce, reason);
}

static int read_page(void *pages, size_t index, uint8_t bytes[AOD_INSTANCE_PAGE_BYTES],
                     aod_error_t *err) {
  return aod_snapshot_page_read(pages, index, bytes, err);
}

static int restore_pages(aod_process_t *process, const aod_instance_options_t *options,
                         const aod_snapshot_t *snapshot, aod_error_t *err) {
  aod_snapshot_pages_t pages;
  int code = aod_snapshots_pages(process->cu->snapshots, snapshot, &pages, err);
  if (code != AOD_OK) return code;
  aod_instance_source_t source = {.memory_bytes = snapshot->memory_bytes,
                                  .state = snapshot->state,
                                  .pages = pages.numbers,
                                  .page_count = pages.count,
                                  .read_page = read_page,
                                  .context = &pages};
  code = aod_instance_restore(process->module, options, &source, &process->instance, err);
  aod_snapshot_pages_close(&pages);
  return code;
}

static int restore_one(aod_process_t *process, const aod_instance_options_t *options,
                       const aod_snapshot_t *snapshot, aod_error_t *err) {
  uint8_t fingerprint[32];
  aod_module_fingerprint(process->module, fingerprint);
  if (process->at.moment_next > process->crons.count ||
      memcmp(fingerprint, snapshot->fingerprint, 32) != 0)
    return aod_fail(err, AOD_EINPUT, "it was made by another version of this program");
  return restore_pages(process, options, snapshot, err);
}

/* Only one that is not beyond the target, for whom one is given. */
static bool restore_newest(aod_process_t *process, const aod_instance_options_t *options,
                           const aod_target_t *target, const aod_snapshot_list_t *list) {
  for (size_t i = 0; i < list->count; i++) {
    const aod_snapshot_t *snapshot = &list->list[i];
    aod_error_t err = {.message = "it was made by another version of this program"};
    bool known = progress_read(snapshot, &process->at);
    if (known && target && aod__process_is_beyond(process, target)) continue;
    if (known && restore_one(process, options, snapshot, &err) == AOD_OK) {
      process->snapshot_position = snapshot->position;
      return true;
    }
    note(process, snapshot, err.message);
  }
  return false;
}

bool aod__snapshot_restore(aod_process_t *process, const aod_instance_options_t *options,
                           const aod_target_t *target) {
  aod_snapshots_t *snapshots = process->cu->snapshots;
  aod_progress_t fresh = process->at;
  aod_arena_t arena = {0};
  aod_snapshot_list_t list;
  process->snapshot_position = 0;
  process->unsaved_us = 0;
  if (!snapshots) return false;
  aod_snapshots_flush(snapshots);
  bool restored = aod_snapshots_list(snapshots, process->id, process->stored_position, &arena,
                                     &list, NULL) == AOD_OK &&
                  restore_newest(process, options, target, &list);
  if (!restored) process->at = fresh;
  /* The next one follows this one. */
  if (!process->is_copy)
    aod_snapshots_truncate(snapshots, process->id, process->snapshot_position + 1);
  aod_arena_free(&arena);
  return restored;
}
