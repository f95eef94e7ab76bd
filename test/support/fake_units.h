/* A scheduler, a compute unit and a gateway for messengers, with what they know in memory that
 * child processes share: so a child can be killed at any step, and what it had been acknowledged
 * is still there, as it is with real units.
 *
 * Results depend on the data of the message alone, by a table of rules. Answers come from threads
 * of a pool, as those of real units do. */
#ifndef AOD_TEST_SUPPORT_FAKE_UNITS_H
#define AOD_TEST_SUPPORT_FAKE_UNITS_H

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ao/units.h"
#include "base/lane.h"
#include "support/items.h"

enum { FAKE_RECORDS_MAX = 2000, FAKE_ITEM_BYTES_MAX = 8192 };

typedef struct {
  uint8_t id[32], process[32], assigned[32];
  bool is_process, is_assignment, is_upload;
  size_t len;
  uint8_t raw[FAKE_ITEM_BYTES_MAX];
} fake_record_t;

/* The result of every message (or process) with this data. */
typedef struct {
  const char *data, *body;
} fake_rule_t;

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  fake_record_t records[FAKE_RECORDS_MAX]; /* in order of arrival */
  size_t count;
  int steps, kill_at;               /* kill this process at that step; 0: never */
  int posts, results;               /* asked for so far */
  int failing_post, failing_result; /* the one of that number fails, with `failure` */
  int failure;
  bool answer_lost;            /* what fails has had its effect */
  int ticks, evaluated, pages; /* cron messages that are due, evaluated, asked for */
  int failing_page;
  const char *tick_format; /* a node with the target's id and, twice, the tick's number */
  char tick_target[44];
} fake_state_t;

static fake_state_t *fake;
static const fake_rule_t *fake_rules;
static aod_pool_t *fake_pool;

#define FAKE_EMPTY_RESULT "{\"Messages\":[],\"Assignments\":[],\"Spawns\":[],\"Output\":\"\"}"

/* ---- state ---- */

/* Locks do not outlive a killed process: make new ones before the next uses them. */
static inline void fake_locks_init(void) {
  pthread_mutex_init(&fake->lock, NULL);
  pthread_cond_init(&fake->changed, NULL);
}

static inline void fake_open(const fake_rule_t *rules) {
  fake = mmap(NULL, sizeof *fake, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(fake != MAP_FAILED);
  fake_locks_init();
  fake_rules = rules;
}

static inline void fake_close(void) {
  munmap(fake, sizeof *fake);
}

/* With the lock held, so that nobody is amid a change when the process ends here. */
static inline void fake_step(void) {
  if (++fake->steps == fake->kill_at) kill(getpid(), SIGKILL);
}

static inline fake_record_t *fake_find_record(const uint8_t *id) {
  for (size_t i = 0; i < fake->count; i++)
    if (memcmp(fake->records[i].id, id, 32) == 0) return &fake->records[i];
  return NULL;
}

static inline fake_record_t *fake_add(const uint8_t *id, const uint8_t *process, aod_slice_t raw) {
  aod_assert(fake->count < FAKE_RECORDS_MAX && raw.len <= FAKE_ITEM_BYTES_MAX);
  fake_record_t *record = &fake->records[fake->count++];
  memset(record, 0, sizeof *record);
  memcpy(record->id, id, 32);
  memcpy(record->process, process, 32);
  memcpy(record->raw, raw.ptr ? raw.ptr : id, raw.len);
  record->len = raw.len;
  pthread_cond_broadcast(&fake->changed);
  return record;
}

/* Wait until `count` records are there; the test fails after half a minute. */
static inline void fake_wait(size_t count) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 30;
  pthread_mutex_lock(&fake->lock);
  while (fake->count < count)
    if (pthread_cond_timedwait(&fake->changed, &fake->lock, &until) != 0) break;
  size_t got = fake->count;
  pthread_mutex_unlock(&fake->lock);
  if (got < count) fail_msg("%zu records arrived instead of %zu", got, count);
}

static inline aod_item_t fake_item(size_t index) {
  assert_true(index < fake->count);
  return item_parse(aod_slice(fake->records[index].raw, fake->records[index].len));
}

/* ---- answering from another thread ---- */

typedef struct {
  aod_task_t task;
  aod_post_t *post;
  aod_result_call_t *call;
  aod_page_call_t *page;
  int code;
  aod_error_t error;
} fake_answer_t;

static inline void fake_answer(aod_task_t *task) {
  fake_answer_t *answer = (fake_answer_t *)task;
  if (answer->post)
    answer->post->done(answer->post, answer->code, &answer->error);
  else if (answer->page)
    answer->page->done(answer->page, answer->code, &answer->error);
  else
    answer->call->done(answer->call, answer->code, &answer->error);
  free(answer);
}

static inline fake_answer_t *fake_answer_new(void) {
  fake_answer_t *answer = aod_alloc(sizeof *answer);
  answer->task.run = fake_answer;
  return answer;
}

/* ---- the scheduler ---- */

static inline int fake_post_item(aod_post_t *post, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_item_t item;
  aod_assert(aod_item_parse(post->raw, &arena, &item, err) == AOD_OK);
  aod_assert(aod_item_verify(&item, err) == AOD_OK);
  memcpy(post->id, item.id, 32);
  bool is_process = aod_tags_has(&item.tags, "Type", "Process");
  int code = AOD_OK;
  if (fake_find_record(item.id))
    code = aod_fail(err, AOD_EEXISTS, "MessageExists");
  else if (!is_process && (item.target.len != 32 || !fake_find_record(item.target.ptr)))
    code = aod_fail(err, AOD_ENOTFOUND, "Process not found");
  else
    fake_add(item.id, is_process ? item.id : item.target.ptr, post->raw)->is_process = is_process;
  aod_arena_free(&arena);
  return code;
}

static inline int fake_post_assignment(aod_post_t *post, aod_error_t *err) {
  if (!fake_find_record(post->process)) return aod_fail(err, AOD_ENOTFOUND, "Process not found");
  for (int i = 0; i < 32; i++) post->id[i] = (uint8_t)(post->process[i] ^ post->assign[i]);
  if (fake_find_record(post->id)) return aod_fail(err, AOD_EEXISTS, "MessageExists");
  fake_record_t *record = fake_add(post->id, post->process, post->exclude);
  record->is_assignment = true;
  memcpy(record->assigned, post->assign, 32);
  return AOD_OK;
}

static inline void fake_post(void *context, aod_post_t *post) {
  (void)context;
  fake_answer_t *answer = fake_answer_new();
  answer->post = post;
  pthread_mutex_lock(&fake->lock);
  fake_step();
  if (++fake->posts == fake->failing_post) {
    post->unknown = fake->answer_lost;
    if (fake->answer_lost) aod_assert(fake_post_item(post, &answer->error) == AOD_OK);
    answer->code = aod_fail(&answer->error, fake->failure, "the scheduler cannot");
    memcpy(post->id, fake->records[fake->count - 1].id, 32); /* what exists, for AOD_EEXISTS */
  } else if (post->raw.len)
    answer->code = fake_post_item(post, &answer->error);
  else
    answer->code = fake_post_assignment(post, &answer->error);
  fake_step();
  pthread_mutex_unlock(&fake->lock);
  aod_pool_post(fake_pool, &answer->task);
}

static inline int fake_find(void *context, const uint8_t process[32], const uint8_t id[32],
                            aod_arena_t *arena, aod_scheduled_t *scheduled, aod_error_t *err) {
  (void)context, (void)process;
  *scheduled = (aod_scheduled_t){0};
  pthread_mutex_lock(&fake->lock);
  const fake_record_t *record = fake_find_record(id);
  pthread_mutex_unlock(&fake->lock);
  if (!record) return aod_fail(err, AOD_ENOTFOUND, "Message or Process not found");
  scheduled->has_item = !record->is_assignment;
  if (!scheduled->has_item) return AOD_OK;
  return aod_item_parse(aod_slice(record->raw, record->len), arena, &scheduled->item, err);
}

static const aod_scheduler_t fake_scheduler = {.post = fake_post, .find = fake_find};

/* ---- the compute unit ---- */

static inline const char *fake_body(const fake_record_t *record) {
  aod_arena_t arena = {0};
  aod_item_t item;
  const char *body = FAKE_EMPTY_RESULT;
  if (record->is_assignment) return body;
  aod_assert(aod_item_parse(aod_slice(record->raw, record->len), &arena, &item, NULL) == AOD_OK);
  for (const fake_rule_t *rule = fake_rules; rule->data; rule++)
    if (aod_slice_is(item.data, rule->data)) body = rule->body;
  aod_arena_free(&arena);
  return body;
}

/* Results of messages with this data are held back until fake_release. */
static const char *fake_held_data;
static fake_answer_t *fake_held[FAKE_RECORDS_MAX];
static size_t fake_held_count;

static inline bool fake_is_held(const fake_record_t *record) {
  aod_arena_t arena = {0};
  aod_item_t item;
  if (!fake_held_data || !record || record->is_assignment) return false;
  aod_assert(aod_item_parse(aod_slice(record->raw, record->len), &arena, &item, NULL) == AOD_OK);
  bool held = aod_slice_is(item.data, fake_held_data);
  aod_arena_free(&arena);
  return held;
}

static inline void fake_release(void) {
  pthread_mutex_lock(&fake->lock);
  fake_held_data = NULL;
  for (size_t i = 0; i < fake_held_count; i++) aod_pool_post(fake_pool, &fake_held[i]->task);
  fake_held_count = 0;
  pthread_mutex_unlock(&fake->lock);
}

static inline void fake_result(void *context, aod_result_call_t *call) {
  (void)context;
  fake_answer_t *answer = fake_answer_new();
  answer->call = call;
  pthread_mutex_lock(&fake->lock);
  fake_step();
  const fake_record_t *record = fake_find_record(call->message);
  if (++fake->results == fake->failing_result)
    answer->code = aod_fail(&answer->error, fake->failure, "the compute unit cannot");
  else if (!record)
    answer->code = aod_fail(&answer->error, AOD_ENOTFOUND, "not scheduled");
  else
    aod_buf_text(&call->body, fake_body(record));
  bool held = fake_is_held(record);
  if (held) fake_held[fake_held_count++] = answer;
  pthread_mutex_unlock(&fake->lock);
  if (!held) aod_pool_post(fake_pool, &answer->task);
}

/* Cron results are numbered from 1, and their cursors are these numbers. */
static inline void fake_write_ticks(aod_buf_t *json, int from, int to, bool more) {
  aod_buf_printf(json, "{\"pageInfo\":{\"hasNextPage\":%s},\"edges\":[", more ? "true" : "false");
  for (int tick = from; tick <= to; tick++) {
    aod_buf_printf(json, "%s{\"node\":", tick > from ? "," : "");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    aod_buf_printf(json, fake->tick_format, fake->tick_target, tick, tick);
#pragma GCC diagnostic pop
    aod_buf_printf(json, ",\"cursor\":\"%d\"}", tick);
  }
  aod_buf_text(json, "]}");
}

static inline void fake_page(aod_page_call_t *call, bool newest) {
  fake_answer_t *answer = fake_answer_new();
  uint64_t from = 0;
  answer->page = call;
  aod_slice_to_u64(call->from, &from);
  pthread_mutex_lock(&fake->lock);
  fake_step();
  pthread_cond_broadcast(&fake->changed);
  if (++fake->pages == fake->failing_page) {
    answer->code = aod_fail(&answer->error, fake->failure, "the compute unit cannot");
  } else if (newest) {
    fake_write_ticks(&call->body, fake->evaluated ? fake->evaluated : 1, fake->evaluated, false);
  } else {
    fake->evaluated = fake->ticks;
    int last = (int)from + (int)call->limit;
    bool more = last < fake->ticks;
    fake_write_ticks(&call->body, (int)from + 1, more ? last : fake->ticks, more);
  }
  fake_step();
  pthread_mutex_unlock(&fake->lock);
  aod_pool_post(fake_pool, &answer->task);
}

static inline void fake_cron(void *context, aod_page_call_t *call) {
  (void)context;
  fake_page(call, false);
}

static inline void fake_newest(void *context, aod_page_call_t *call) {
  (void)context;
  fake_page(call, true);
}

static const aod_computer_t fake_computer = {
    .result = fake_result, .cron = fake_cron, .newest = fake_newest};

/* ---- the gateway ---- */

static inline int fake_upload(void *context, const aod_slice_t *raws, size_t count,
                              aod_error_t *err) {
  (void)context, (void)err;
  pthread_mutex_lock(&fake->lock);
  fake_step();
  for (size_t i = 0; i < count; i++) {
    aod_arena_t arena = {0};
    aod_item_t item;
    aod_assert(aod_item_parse(raws[i], &arena, &item, NULL) == AOD_OK);
    if (!fake_find_record(item.id)) fake_add(item.id, item.target.ptr, raws[i])->is_upload = true;
    aod_arena_free(&arena);
  }
  fake_step();
  pthread_mutex_unlock(&fake->lock);
  return AOD_OK;
}

static const aod_gateway_t fake_gateway = {.upload = fake_upload};

#endif
