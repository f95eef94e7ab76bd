/* Checkpoints in: a process that is not known here goes on from the memory that a compute unit whom
 * the operator trusts has put on Arweave, instead of being evaluated from its beginning.
 *
 * What follows must be what an evaluation from the beginning gives. So its signature, module,
 * process and the hash of its memory are checked, and the schedule is read up to it: that it is
 * this process's schedule, by the hash chain, and which messages later ones may be duplicates of.
 * Where results began is kept, and from then on the process always comes back to this checkpoint,
 * unless a snapshot is nearer. Results from before it are evaluated when somebody asks for them.
 *
 * One that is not as it should be is passed over, with a warning, and the one before is tried. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ao/address.h"
#include "ao/checkpoint.h"
#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "base/file.h"
#include "base/log.h"
#include "cu/gzip.h"
#include "cu/internal.h"

enum { CANDIDATES_MAX = 50, RECORDS_PAGE = 500, PIECE_BYTES = 65536 };

#define MEMORY_BYTES_MAX ((uint64_t)16 << 30)

/* One that is tried. */
typedef struct {
  aod_process_t *process;
  const aod_instance_options_t *options;
  const aod_target_t *target; /* NULL, or it must not be beyond */
  uint8_t id[32];
  aod_arena_t arena;
  aod_item_t item;
  aod_checkpoint_t checkpoint;
} trial_t;

/* ---- is it one, and of this process? ---- */

static bool is_trusted(const aod_cu_t *cu, const aod_item_t *item) {
  char address[AOD_ID_CHARS + 1];
  aod_id_encode(item->address, address);
  for (size_t i = 0; i < cu->trusted.count; i++)
    if (strcmp(cu->trusted.values[i], address) == 0) return true;
  return false;
}

static int fetch(trial_t *trial, bool known, aod_error_t *err) {
  aod_process_t *process = trial->process;
  const aod_gateway_t *gateway = process->cu->gateway;
  int code = gateway->find(gateway->context, trial->id, &trial->arena, &trial->item, err);
  if (code == AOD_OK && !known &&
      (!trial->item.signature.len || !is_trusted(process->cu, &trial->item)))
    code = aod_fail(err, AOD_ESIGNATURE, "nobody who is trusted has signed it");
  if (code == AOD_OK) code = aod_checkpoint_parse(&trial->item.tags, &trial->checkpoint, err);
  if (code != AOD_OK) return code;
  if (memcmp(trial->checkpoint.process, process->id, 32) != 0 ||
      memcmp(trial->checkpoint.module, process->module_id, 32) != 0)
    return aod_fail(err, AOD_EINPUT, "it is of another process or module");
  return AOD_OK;
}

/* ---- the schedule up to it ---- */

static int skip_page(trial_t *trial, const aod_scheduled_list_t *page, aod_arena_t *arena,
                     aod_error_t *err) {
  aod_process_t *process = trial->process;
  for (size_t i = 0; i < page->count; i++) {
    aod_assignment_t assignment;
    int code = aod_assignment_parse(&page->list[i].assignment, &assignment, err);
    if (code != AOD_OK) return code;
    if (!process->at.begun) process->at.in_schedule = aod__is_process_item(process, &page->list[i]);
    process->at.begun = true;
    code = aod__skip_record(process, &page->list[i], &assignment, arena, err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

static int skip_records(trial_t *trial, aod_error_t *err) {
  aod_process_t *process = trial->process;
  const aod_scheduler_t *scheduler = process->cu->scheduler;
  int code = AOD_OK;
  while (process->at.next_nonce <= trial->checkpoint.nonce && code == AOD_OK) {
    uint64_t left = trial->checkpoint.nonce - process->at.next_nonce;
    size_t limit = left < RECORDS_PAGE ? (size_t)left + 1 : RECORDS_PAGE;
    aod_arena_t arena = {0};
    aod_scheduled_list_t page;
    code = scheduler->range(scheduler->context, process->id, process->at.next_nonce, limit, &arena,
                            &page, err);
    if (code == AOD_OK && page.count == 0)
      code = aod_fail(err, AOD_EINPUT, "the schedule has no message of its nonce");
    if (code == AOD_OK) code = skip_page(trial, &page, &arena, err);
    aod_arena_free(&arena);
  }
  return code;
}

static int check_place(const trial_t *trial, aod_error_t *err) {
  const aod_progress_t *at = &trial->process->at;
  const aod_checkpoint_t *checkpoint = &trial->checkpoint;
  if ((checkpoint->has_assignment && memcmp(checkpoint->assignment, at->assignment_id, 32) != 0) ||
      (checkpoint->has_hash_chain && memcmp(checkpoint->hash_chain, at->hash_chain, 32) != 0))
    return aod_fail(err, AOD_EINPUT, "it belongs to another schedule");
  if (checkpoint->cron.len || checkpoint->timestamp_ms == at->due_ms)
    return AOD_OK; /* a cron message's moment: aod__crons_resume */
  return aod_fail(err, AOD_EINPUT, "its time is not that of its message");
}

/* Place, module and memory fit: then where the process has come to is where `at` says. */
static int follow(trial_t *trial, aod_error_t *err) {
  int code = skip_records(trial, err);
  bool stored = aod_results_flush(trial->process->cu->results); /* keys are looked for there */
  if (code == AOD_OK && !stored)
    code = aod_fail(err, AOD_EIO, "what later messages may be duplicates of could not be stored");
  if (code == AOD_OK) code = check_place(trial, err);
  if (code == AOD_OK && trial->process->crons.count)
    code = aod__crons_resume(trial->process, &trial->checkpoint, err);
  return code;
}

/* ---- its memory ---- */

/* In a file without a name, which takes room where it is not zero. */
typedef struct {
  int fd;
  uint64_t bytes;
  aod_sha256_t hash;
} memory_t;

static int write_piece(void *context, aod_slice_t piece, aod_error_t *err) {
  memory_t *memory = context;
  aod_sha256_add(&memory->hash, piece);
  int code = aod_slice_is_zero(piece)
                 ? AOD_OK
                 : aod_file_temporary_write(memory->fd, piece, memory->bytes, err);
  memory->bytes += piece.len;
  return code;
}

static uint64_t bytes_max(const trial_t *trial) {
  uint64_t cap = trial->options->memory_cap_bytes;
  return cap && cap < MEMORY_BYTES_MAX ? cap : MEMORY_BYTES_MAX;
}

static int unpack(const trial_t *trial, memory_t *memory, aod_error_t *err) {
  aod_slice_t data = trial->item.data;
  uint8_t digest[32];
  int code = AOD_OK;
  aod_sha256_begin(&memory->hash);
  if (trial->checkpoint.gzip)
    code = aod_gzip_unpack(data, bytes_max(trial), write_piece, memory, err);
  for (size_t at = 0; !trial->checkpoint.gzip && at < data.len && code == AOD_OK; at += PIECE_BYTES)
    code = write_piece(memory, aod_slice_sub(data, at, PIECE_BYTES), err);
  aod_sha256_finish(&memory->hash, digest);
  aod_sha256_deinit(&memory->hash);
  if (code == AOD_ETOOLARGE && bytes_max(trial) < MEMORY_BYTES_MAX)
    return aod_fail(err, AOD_ELIMIT, "its memory is larger than a process may have here");
  if (code == AOD_OK && memcmp(digest, trial->checkpoint.sha256, 32) != 0)
    code = aod_fail(err, AOD_EINPUT, "its memory does not have the hash that it names");
  if (code == AOD_OK && (memory->bytes == 0 || memory->bytes % AOD_INSTANCE_PAGE_BYTES != 0))
    code = aod_fail(err, AOD_EINPUT, "its memory is not whole pages");
  if (code == AOD_OK && ftruncate(memory->fd, (off_t)memory->bytes) < 0)
    code = aod_fail_system(err, errno, "cannot extend a temporary file in %s", aod_temp_dir());
  return code;
}

static const uint8_t *page_at(const uint8_t *bytes, uint64_t page) {
  return bytes + page * AOD_INSTANCE_PAGE_BYTES;
}

/* The pages that are not as a new process has them. */
static int list_changes(const trial_t *trial, const uint8_t *bytes, uint64_t page_count,
                        aod_buf_t *pages, aod_error_t *err) {
  static const uint8_t zeros[AOD_INSTANCE_PAGE_BYTES];
  aod_instance_t *fresh;
  int code = aod_instance_open(trial->process->module, trial->options, &fresh, err);
  if (code != AOD_OK) return code;
  uint64_t fresh_count = aod_instance_memory_bytes(fresh) / AOD_INSTANCE_PAGE_BYTES;
  for (uint64_t page = 0; page < page_count; page++) {
    uint8_t begun[AOD_INSTANCE_PAGE_BYTES];
    const uint8_t *before = page < fresh_count ? begun : zeros;
    if (page < fresh_count)
      aod_instance_memory_read(fresh, page * AOD_INSTANCE_PAGE_BYTES, begun, sizeof begun);
    if (memcmp(before, page_at(bytes, page), AOD_INSTANCE_PAGE_BYTES) != 0)
      aod_buf_append(pages, aod_slice(&page, sizeof page));
  }
  aod_instance_close(fresh);
  return AOD_OK;
}

typedef struct {
  const uint8_t *bytes;
  const uint64_t *pages;
} mapped_t;

static int read_page(void *context, size_t index, uint8_t bytes[AOD_INSTANCE_PAGE_BYTES],
                     aod_error_t *err) {
  (void)err;
  const mapped_t *mapped = context;
  memcpy(bytes, page_at(mapped->bytes, mapped->pages[index]), AOD_INSTANCE_PAGE_BYTES);
  return AOD_OK;
}

static int restore(const trial_t *trial, const uint8_t *bytes, uint64_t len, aod_error_t *err) {
  aod_process_t *process = trial->process;
  aod_buf_t pages = {0};
  int code = list_changes(trial, bytes, len / AOD_INSTANCE_PAGE_BYTES, &pages, err);
  mapped_t mapped = {bytes, (const uint64_t *)pages.ptr};
  aod_instance_source_t source = {.memory_bytes = len,
                                  .pages = mapped.pages,
                                  .page_count = pages.len / sizeof *mapped.pages,
                                  .read_page = read_page,
                                  .context = &mapped,
                                  .memory_only = true};
  if (code == AOD_OK)
    code = aod_instance_restore(process->module, trial->options, &source, &process->instance, err);
  aod_buf_free(&pages);
  return code;
}

static int load_memory(const trial_t *trial, aod_error_t *err) {
  memory_t memory = {.fd = aod_file_temporary(err)};
  if (memory.fd < 0) return memory.fd;
  int code = unpack(trial, &memory, err);
  if (code == AOD_OK) {
    uint8_t *bytes = mmap(NULL, memory.bytes, PROT_READ, MAP_SHARED, memory.fd, 0);
    code = bytes == MAP_FAILED ? aod_fail(err, AOD_ENOMEM, "cannot map a memory")
                               : restore(trial, bytes, memory.bytes, err);
    if (bytes != MAP_FAILED) munmap(bytes, memory.bytes);
  }
  close(memory.fd);
  return code;
}

/* ---- one after the other ---- */

/* known: it was used before. 1: the process is there, 0: it is beyond the target. */
static int try_one(trial_t *trial, bool known, aod_error_t *err) {
  aod_process_t *process = trial->process;
  aod_progress_t fresh = process->at;
  int code = fetch(trial, known, err);
  if (code == AOD_OK) code = follow(trial, err);
  bool beyond = code == AOD_OK && trial->target && aod__process_is_beyond(process, trial->target);
  if (code == AOD_OK && !beyond) {
    code = load_memory(trial, err);
    if (code == AOD_OK) code = 1;
  }
  if (code != 1) process->at = fresh;
  aod_arena_free(&trial->arena);
  return code;
}

static void tell(const trial_t *trial, aod_log_level_t level, const char *what,
                 const char *reason) {
  char process[AOD_ID_CHARS + 1], id[AOD_ID_CHARS + 1];
  aod_id_encode(trial->process->id, process);
  aod_id_encode(trial->id, id);
  aod_log(level, "cu", "process %s %s checkpoint %s: %s", process, what, id, reason);
}

static void begin_here(const trial_t *trial) {
  aod_process_t *process = trial->process;
  aod_origin_t origin = {.position = process->at.position, .nonce = process->at.next_nonce - 1};
  char reason[80];
  memcpy(origin.checkpoint, trial->id, 32);
  aod_results_put_origin(process->cu->results, process->id, &origin);
  process->stored_position = process->origin_position = origin.position;
  snprintf(reason, sizeof reason, "messages up to nonce %llu are not evaluated again",
           (unsigned long long)origin.nonce);
  tell(trial, AOD_LOG_INFO, "goes on from", reason);
  aod__snapshot_take(process);
}

static bool is_ignored(const aod_cu_t *cu, const uint8_t id[32]) {
  char text[AOD_ID_CHARS + 1];
  aod_id_encode(id, text);
  for (size_t i = 0; i < cu->ignored.count; i++)
    if (strcmp(cu->ignored.values[i], text) == 0) return true;
  return false;
}

typedef struct {
  const aod_found_t *found;
  aod_checkpoint_t checkpoint;
} candidate_t;

static int compare_candidates(const void *a, const void *b) {
  const aod_checkpoint_t *one = &((const candidate_t *)a)->checkpoint;
  const aod_checkpoint_t *other = &((const candidate_t *)b)->checkpoint;
  return aod_checkpoint_is_earlier(one, other) - aod_checkpoint_is_earlier(other, one);
}

/* The latest first, by what the gateway says of them. */
static size_t sort_candidates(const aod_cu_t *cu, const aod_found_list_t *list,
                              candidate_t *candidates) {
  size_t count = 0;
  for (size_t i = 0; i < list->count; i++) {
    candidate_t *candidate = &candidates[count];
    candidate->found = &list->list[i];
    if (!is_ignored(cu, list->list[i].id) &&
        aod_checkpoint_parse(&list->list[i].tags, &candidate->checkpoint, NULL) == AOD_OK)
      count++;
  }
  qsort(candidates, count, sizeof *candidates, compare_candidates);
  return count;
}

static int search(const aod_process_t *process, aod_arena_t *arena, aod_found_list_t *list,
                  aod_error_t *err) {
  const aod_cu_t *cu = process->cu;
  aod_slice_t *owners = aod_arena_alloc(arena, cu->trusted.count * sizeof *owners);
  char id[AOD_ID_CHARS + 1];
  aod_id_encode(process->id, id);
  for (size_t i = 0; i < cu->trusted.count; i++) owners[i] = aod_text(cu->trusted.values[i]);
  aod_tag_t tags[] = {{AOD_TEXT("Process"), aod_text(id)},
                      {AOD_TEXT("Type"), AOD_TEXT("Checkpoint")},
                      {AOD_TEXT("Data-Protocol"), AOD_TEXT("ao")}};
  aod_gateway_query_t query = {.owners = owners,
                               .owner_count = cu->trusted.count,
                               .tags = {tags, sizeof tags / sizeof *tags},
                               .max_block = UINT64_MAX,
                               .limit = CANDIDATES_MAX};
  return cu->gateway->query(cu->gateway->context, &query, arena, list, err);
}

/* Is there enough in the schedule that a checkpoint could save? */
static bool is_worthwhile(const aod_process_t *process) {
  const aod_scheduler_t *scheduler = process->cu->scheduler;
  aod_arena_t arena = {0};
  aod_scheduled_list_t page = {0};
  int code = scheduler->range(scheduler->context, process->id, 1, 1, &arena, &page, NULL);
  aod_arena_free(&arena);
  return code == AOD_OK && page.count > 0;
}

static int try_all(trial_t *trial, const candidate_t *candidates, size_t count) {
  for (size_t i = 0; i < count; i++) {
    aod_error_t err;
    memcpy(trial->id, candidates[i].found->id, 32);
    if (try_one(trial, false, &err) == 1) {
      begin_here(trial);
      return 1;
    }
    tell(trial, AOD_LOG_WARN, "does not go on from", err.message);
  }
  return 0;
}

static int find_one(trial_t *trial) {
  aod_process_t *process = trial->process;
  aod_arena_t arena = {0};
  aod_found_list_t list = {0};
  candidate_t candidates[CANDIDATES_MAX];
  aod_error_t err;
  if (process->cu->trusted.count == 0 || !is_worthwhile(process)) return 0;
  int code = search(process, &arena, &list, &err);
  if (code != AOD_OK) {
    char id[AOD_ID_CHARS + 1];
    aod_id_encode(process->id, id);
    aod_log(AOD_LOG_WARN, "cu", "process %s is evaluated from its beginning: %s", id, err.message);
  }
  code = try_all(trial, candidates, sort_candidates(process->cu, &list, candidates));
  aod_arena_free(&arena);
  return code;
}

/* Else it may be right, and another time it can be read. */
static bool says_it_is_wrong(int code) {
  return code == AOD_EINPUT || code == AOD_ESIGNATURE || code == AOD_EUNSUPPORTED ||
         code == AOD_ETOOLARGE || code == AOD_ENOTFOUND;
}

/* Its results begin at this one. */
static int return_to(trial_t *trial, const aod_origin_t *origin, aod_error_t *err) {
  aod_process_t *process = trial->process;
  const aod_target_t *target = trial->target;
  if (target && target->nonce != UINT64_MAX && target->nonce < origin->nonce + process->is_rerun)
    return 0;
  memcpy(trial->id, origin->checkpoint, 32);
  int code = try_one(trial, true, err);
  if (code == 1 && !process->is_copy) aod__snapshot_take(process);
  if (code >= 0 || !says_it_is_wrong(code)) return code;
  tell(trial, AOD_LOG_WARN, "does not go on from", err->message);
  if (process->is_copy)
    return aod_fail(err, AOD_EUNAVAILABLE, "the checkpoint at which its results begin is gone");
  aod_results_truncate(process->cu->results, process->id, 0);
  process->stored_position = process->origin_position = 0;
  return find_one(trial);
}

int aod__checkpoint_restore(aod_process_t *process, const aod_instance_options_t *options,
                            const aod_target_t *target, aod_error_t *err) {
  trial_t trial = {.process = process, .options = options, .target = target};
  aod_origin_t origin;
  int code = aod_results_origin(process->cu->results, process->id, &origin, err);
  if (code == AOD_OK) return return_to(&trial, &origin, err);
  if (code != AOD_ENOTFOUND) return code;
  return process->is_copy || process->stored_position ? 0 : find_one(&trial);
}
