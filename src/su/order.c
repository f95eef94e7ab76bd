/* Ordering: the place of what passed the checks, and the signature over that place.
 *
 * Each process has a lane. What a lane decides depends on the record before, and that may still be
 * on its way to the disk: so a process keeps its head (the newest record decided) and the jobs
 * whose records are not yet committed. The store refuses a record that is not the next one; when
 * an append fails, later ones of the process fail too, the head is thrown away, and once none is
 * under way it is read again. Nothing was acknowledged meanwhile, so nothing is lost. */
#include <stdlib.h>
#include <sys/random.h>

#include "ao/assignment.h"
#include "base/clock.h"
#include "su/internal.h"

typedef aod_su_job_t job_t;
typedef struct aod_su_process process_t;

struct aod_su_process {
  aod_su_t *su;
  uint8_t id[32];
  aod_lane_t lane;
  /* the lane's own */
  bool loaded, exists;
  aod_record_t head; /* newest record, without its items; valid if exists */
  /* guarded by lock */
  pthread_mutex_t lock;
  int64_t placing_ms; /* timestamp of the record that is being signed; 0: none */
  int64_t told_ms;    /* no record may get a timestamp below this any more */
  int64_t stored_ms;  /* timestamp of the newest record that can be read; 0: nobody has looked */
  job_t *pending;     /* appended, not yet committed */
  bool head_lost;     /* an append failed: read the head again */
};

/* ---- the end of a job ---- */

static void count(aod_su_metrics_t *metrics, int code) {
  atomic_ullong *counter = code == AOD_OK        ? &metrics->scheduled
                           : code == AOD_EEXISTS ? &metrics->duplicates
                                                 : &metrics->refused;
  atomic_fetch_add(counter, 1);
}

static void finish(job_t *job, int code, const aod_error_t *err) {
  count(&job->su->metrics, code);
  atomic_fetch_sub(&job->su->under_way, 1);
  job->post->timestamp_ms = aod_clock_wall_ms();
  job->post->done(job->post, code, err);
  aod_buf_free(&job->assignment);
  aod_arena_free(&job->arena);
  free(job);
}

static void refuse(job_t *job, int code, const char *text) {
  aod_error_t err;
  aod_fail(&err, code, "%s", text);
  finish(job, code, &err);
}

/* ---- processes ---- */

static process_t *add_process(aod_su_t *su, const uint8_t id[32]) {
  process_t *process = aod_alloc(sizeof *process);
  process->su = su;
  memcpy(process->id, id, 32);
  pthread_mutex_init(&process->lock, NULL);
  aod_lane_init(&process->lane, su->pool);
  aod_idmap_put(&su->processes, id, process);
  return process;
}

static bool is_scheduled(aod_su_t *su, const uint8_t id[32]) {
  aod_arena_t arena = {0};
  aod_record_t record;
  int code = aod_schedule_at(su->schedule, id, 0, &arena, &record, NULL);
  aod_arena_free(&arena);
  return code == AOD_OK;
}

/* The process of an id, NULL: there is none. Only what exists or is being created gets one, so that
 * messages to random targets cost no memory. */
static process_t *process_of(aod_su_t *su, const uint8_t id[32], bool created) {
  pthread_mutex_lock(&su->lock);
  process_t *process = aod_idmap_get(&su->processes, id);
  pthread_mutex_unlock(&su->lock);
  if (process || !(created || is_scheduled(su, id))) return process;
  pthread_mutex_lock(&su->lock);
  process = aod_idmap_get(&su->processes, id);
  if (!process) process = add_process(su, id);
  pthread_mutex_unlock(&su->lock);
  return process;
}

static void free_process(void *value, void *context) {
  (void)context;
  process_t *process = value;
  aod_assert(process->pending == NULL);
  pthread_mutex_destroy(&process->lock);
  free(process);
}

void aod__su_free_processes(aod_su_t *su) {
  aod_idmap_each(&su->processes, free_process, NULL);
  aod_idmap_free(&su->processes);
}

/* Read the newest record, unless the head is known. */
static int load_head(process_t *process, aod_error_t *err) {
  pthread_mutex_lock(&process->lock);
  bool lost = process->head_lost, busy = process->pending != NULL;
  if (lost && !busy) process->head_lost = false;
  pthread_mutex_unlock(&process->lock);
  if (lost && busy)
    return aod_fail(err, AOD_EUNAVAILABLE, "the schedule could not be written; try again");
  if (process->loaded && !lost) return AOD_OK;
  aod_arena_t arena = {0};
  int code = aod_schedule_last(process->su->schedule, process->id, &arena, &process->head, err);
  process->exists = code == AOD_OK;
  process->loaded = code == AOD_OK || code == AOD_ENOTFOUND;
  process->head.assignment = process->head.item = AOD_EMPTY; /* the arena's */
  aod_arena_free(&arena);
  return process->loaded ? AOD_OK : code;
}

/* ---- duplicates ---- */

static bool matches(const aod_record_t *a, const aod_record_t *b) {
  bool same_item = a->item.len && b->item.len && memcmp(a->message_id, b->message_id, 32) == 0;
  bool same_hash =
      a->has_dedupe && b->has_dedupe && memcmp(a->dedupe, b->dedupe, AOD_DEDUPE_BYTES) == 0;
  return same_item || same_hash;
}

static bool find_pending(process_t *process, const aod_record_t *record, uint8_t id[32]) {
  bool found = false;
  pthread_mutex_lock(&process->lock);
  for (job_t *job = process->pending; job && !found; job = job->next) {
    found = matches(&job->append.record, record);
    if (found) memcpy(id, job->post->id, 32);
  }
  pthread_mutex_unlock(&process->lock);
  return found;
}

static int find_stored(job_t *job, const aod_record_t *record, aod_record_t *stored) {
  aod_schedule_t *schedule = job->su->schedule;
  int code = AOD_ENOTFOUND;
  if (record->item.len)
    code = aod_schedule_find_item(schedule, record->message_id, &job->arena, stored, NULL);
  if (code == AOD_ENOTFOUND && record->has_dedupe)
    code = aod_schedule_find_dedupe(schedule, record->process, record->dedupe, &job->arena, stored,
                                    NULL);
  return code;
}

/* AOD_EEXISTS with the texts of the reference when the same thing is in the schedule already. */
static int check_duplicate(job_t *job, const aod_record_t *record, aod_error_t *err) {
  aod_record_t stored;
  bool known = find_pending(job->process, record, job->post->id);
  if (!known && find_stored(job, record, &stored) == AOD_OK) {
    known = true;
    memcpy(job->post->id, stored.item.len ? stored.message_id : stored.assignment_id, 32);
  }
  if (!known) return AOD_OK;
  bool same_item = record->item.len && memcmp(job->post->id, record->message_id, 32) == 0;
  return aod_fail(err, AOD_EEXISTS, "MessageExists(\"%s already exists\")",
                  same_item ? "Message" : "Deep hash");
}

/* ---- ordering, in the lane ---- */

static void fill_record(job_t *job, aod_record_t *record) {
  const process_t *process = job->process;
  memcpy(record->process, process->id, 32);
  memcpy(record->message_id, job->item.id, 32);
  record->item = job->post->raw;
  record->block_height = job->su->gateway->height(job->su->gateway->context);
  aod_slice_t from;
  bool is_pushed = aod_tags_find(&job->item.tags, "From-Process", &from) && !job->is_process;
  record->has_dedupe = is_pushed || record->item.len == 0;
  if (job->post->base_layer)
    aod_dedupe_hash_of_id(job->item.id, record->dedupe); /* its content is not looked at */
  else if (record->has_dedupe)
    aod_dedupe_hash(&job->item, &job->arena, record->dedupe);
}

/* Where the record stands: right after the head. Timestamps never repeat within a process, since
 * readers page by them. */
static void place_record(process_t *process, aod_record_t *record) {
  pthread_mutex_lock(&process->lock);
  int64_t now_ms = aod_clock_wall_ms();
  if (now_ms < process->told_ms) now_ms = process->told_ms;
  if (process->exists && now_ms <= process->head.timestamp_ms)
    now_ms = process->head.timestamp_ms + 1;
  record->timestamp_ms = process->placing_ms = now_ms;
  pthread_mutex_unlock(&process->lock);
  if (!process->exists) {
    record->nonce = 0;
    aod_hash_chain_first(process->id, record->hash_chain);
    return;
  }
  const aod_record_t *head = &process->head;
  record->nonce = head->nonce + 1;
  aod_hash_chain_next(head->assignment_id, head->hash_chain, record->hash_chain);
}

static int sign_record(job_t *job, aod_record_t *record, aod_error_t *err) {
  aod_assignment_t assignment = {.nonce = record->nonce,
                                 .block_height = record->block_height,
                                 .timestamp_ms = record->timestamp_ms,
                                 .has_message = !job->is_process,
                                 .exclude = job->post->exclude};
  memcpy(assignment.process, record->process, 32);
  memcpy(assignment.hash_chain, record->hash_chain, 32);
  memcpy(assignment.message, record->message_id, 32);
  uint8_t anchor[32];
  aod_assert(getrandom(anchor, sizeof anchor, 0) == sizeof anchor);
  aod_item_fields_t fields = {.anchor = aod_slice(anchor, sizeof anchor)};
  aod_assignment_tags(&assignment, &job->arena, &fields.tags);
  int code = aod_item_sign(&fields, job->su->signer, &job->assignment, record->assignment_id, err);
  record->assignment = aod_buf_slice(&job->assignment);
  return code;
}

static void take_off_pending(process_t *process, job_t *job, bool failed) {
  pthread_mutex_lock(&process->lock);
  job_t **link = &process->pending;
  while (*link != job) link = &(*link)->next;
  *link = job->next;
  if (failed)
    process->head_lost = true;
  else if (process->stored_ms < job->append.record.timestamp_ms)
    process->stored_ms = job->append.record.timestamp_ms;
  pthread_mutex_unlock(&process->lock);
}

static void appended(aod_append_t *append, int code, const aod_error_t *err) {
  job_t *job = (job_t *)((char *)append - offsetof(job_t, append));
  take_off_pending(job->process, job, code != AOD_OK);
  if (code == AOD_OK) aod__su_publisher_wake(job->su->publisher, append->record.seq);
  finish(job, code, err);
}

/* Signing is slow, and so many posts are under way that one at the end waits longer for its
 * signature than the store has patience. Fewer commits then leave more time for signatures, and the
 * signers do not run out of work meanwhile. */
static bool is_crowded(aod_su_t *su) {
  return !su->signs_quickly && atomic_load(&su->under_way) > su->crowd;
}

static void append_record(job_t *job) {
  process_t *process = job->process;
  process->exists = true;
  process->head = job->append.record;
  process->head.assignment = process->head.item = AOD_EMPTY; /* the job's, gone with it */
  pthread_mutex_lock(&process->lock);
  process->placing_ms = 0; /* pending from here on */
  job->next = process->pending;
  process->pending = job;
  pthread_mutex_unlock(&process->lock);
  job->append.done = appended;
  job->append.patient = is_crowded(job->su);
  aod_schedule_append(job->su->schedule, &job->append);
}

static int decide(job_t *job, aod_error_t *err) {
  process_t *process = job->process;
  aod_record_t *record = &job->append.record;
  int code = load_head(process, err);
  if (code != AOD_OK) return code;
  if (!job->is_process && !process->exists)
    return aod_fail(err, AOD_ENOTFOUND, "Process not found");
  fill_record(job, record);
  code = check_duplicate(job, record, err);
  if (code != AOD_OK) return code;
  place_record(process, record);
  code = sign_record(job, record, err);
  if (code != AOD_OK) return code;
  memcpy(job->post->id, record->item.len ? record->message_id : record->assignment_id, 32);
  return AOD_OK;
}

static void order(aod_task_t *task) {
  job_t *job = (job_t *)((char *)task - offsetof(job_t, task));
  aod_error_t err;
  int code = decide(job, &err);
  if (code == AOD_OK) {
    append_record(job);
    return;
  }
  pthread_mutex_lock(&job->process->lock);
  job->process->placing_ms = 0;
  pthread_mutex_unlock(&job->process->lock);
  finish(job, code, &err);
}

void aod__su_post(void *context, aod_post_t *post) {
  aod_su_t *su = context;
  job_t *job = aod_alloc(sizeof *job);
  job->su = su;
  job->post = post;
  job->task.run = order;
  atomic_fetch_add(&su->under_way, 1);
  aod_error_t err;
  int code = aod__su_check(job, &err);
  if (code != AOD_OK) {
    finish(job, code, &err);
    return;
  }
  const uint8_t *id = !post->raw.len    ? post->process
                      : job->is_process ? job->item.id
                                        : job->item.target.ptr;
  job->process = process_of(su, id, job->is_process);
  if (!job->process)
    refuse(job, AOD_ENOTFOUND, "Process not found");
  else if (su->signs_quickly)
    aod_lane_run(&job->process->lane, &job->task);
  else
    aod_lane_post(&job->process->lane, &job->task);
}

/* ---- the time ---- */

/* In a burst, records are stamped faster than time passes: the newest may be ahead of the clock. */
static int know_stored(process_t *process, aod_error_t *err) {
  pthread_mutex_lock(&process->lock);
  bool known = process->stored_ms != 0;
  pthread_mutex_unlock(&process->lock);
  if (known) return AOD_OK;
  aod_arena_t arena = {0};
  aod_record_t newest;
  int code = aod_schedule_last(process->su->schedule, process->id, &arena, &newest, err);
  if (code == AOD_OK) {
    pthread_mutex_lock(&process->lock);
    if (process->stored_ms < newest.timestamp_ms) process->stored_ms = newest.timestamp_ms;
    pthread_mutex_unlock(&process->lock);
  }
  aod_arena_free(&arena);
  return code == AOD_ENOTFOUND ? AOD_OK : code;
}

int aod__su_now(void *context, const uint8_t id[32], int64_t *timestamp_ms, aod_error_t *err) {
  process_t *process = process_of(context, id, false);
  if (!process) return aod_fail(err, AOD_ENOTFOUND, "Process not found");
  int code = know_stored(process, err);
  if (code != AOD_OK) return code;
  pthread_mutex_lock(&process->lock);
  int64_t now_ms = aod_clock_wall_ms();
  if (now_ms < process->stored_ms) now_ms = process->stored_ms;
  if (process->placing_ms && process->placing_ms < now_ms) now_ms = process->placing_ms;
  for (job_t *job = process->pending; job; job = job->next)
    if (job->append.record.timestamp_ms < now_ms) now_ms = job->append.record.timestamp_ms;
  if (now_ms < process->told_ms && !process->pending && !process->placing_ms)
    now_ms = process->told_ms; /* the clock was set back */
  if (now_ms > process->told_ms) process->told_ms = now_ms;
  pthread_mutex_unlock(&process->lock);
  *timestamp_ms = now_ms;
  return AOD_OK;
}
