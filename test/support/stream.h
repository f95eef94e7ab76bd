/* A small world for compute units, whose clock the test moves: a schedule of one process, a chain
 * of blocks, and a module that remembers everything it was ever given.
 *
 * The module keeps a hash over all messages so far and answers with it, so that two evaluations are
 * the same only when everything before them was. A message with a '!' in it traps. */
#ifndef AOD_TEST_SUPPORT_STREAM_H
#define AOD_TEST_SUPPORT_STREAM_H

#include <binaryen-c.h>
#include <pthread.h>
#include <unistd.h>

#include "ao/assignment.h"
#include "cu/internal.h"
#include "support/items.h"

enum { STREAM_RECORDS_MAX = 200, STREAM_BLOCKS_MAX = 200 };

static const char stream_module[] =
    "(module (memory $memory 2 16) (export \"memory\" (memory $memory))"
    "(table $table 2 2 funcref)"
    "(global $sp (mut i32) (i32.const 65536))"
    "(data (i32.const 1024) \"{\\\"ok\\\":true,\\\"response\\\":{\\\"Output\\\":"
    "\\\"----------------\\\"}}\\00\")"
    "(func $none)"
    "(func $get (result i32) (global.get $sp))"
    "(func $set (param i32) (global.set $sp (local.get 0)))"
    "(func $alloc (param i32) (result i32)"
    "  (global.set $sp (i32.and (i32.sub (global.get $sp) (local.get 0)) (i32.const -16)))"
    "  (global.get $sp))"
    "(func $threw (param i32 i32))"
    "(func $main (param i32 i32) (result i32) (i32.const 0))"
    "(func $handle (param $at i32) (param $env i32) (result i32)"
    "  (local $hash i64) (local $i i32) (local $digit i32)"
    "  (local.set $hash (i64.load (i32.const 2000)))"
    "  (block $end (loop $next"
    "    (br_if $end (i32.eqz (i32.load8_u (local.get $at))))"
    "    (local.set $hash (i64.mul (i64.const 0x100000001b3)"
    "      (i64.xor (local.get $hash) (i64.load8_u (local.get $at)))))"
    "    (i64.store (i32.const 2000) (local.get $hash))"
    "    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 33)) (unreachable))"
    "    (local.set $at (i32.add (local.get $at) (i32.const 1)))"
    "    (br $next)))"
    "  (loop $more"
    "    (local.set $digit (i32.wrap_i64 (i64.and (i64.const 15) (i64.shr_u (local.get $hash)"
    "      (i64.extend_i32_u (i32.shl (local.get $i) (i32.const 2)))))))"
    "    (i32.store8 (i32.add (i32.const 1057) (local.get $i))"
    "      (i32.add (local.get $digit) (i32.const 97)))"
    "    (local.set $i (i32.add (local.get $i) (i32.const 1)))"
    "    (br_if $more (i32.lt_u (local.get $i) (i32.const 16))))"
    "  (i32.const 1024))"
    "(export \"F\" (func $none)) (export \"G\" (func $handle)) (export \"H\" (func $main))"
    "(export \"L\" (func $threw)) (export \"M\" (func $get)) (export \"N\" (func $set))"
    "(export \"O\" (func $alloc)))";

typedef struct {
  pthread_mutex_t lock;
  int64_t now_ms; /* records and blocks of later times are not there yet */
  aod_signer_t *signer;
  aod_item_t process, module;
  aod_scheduled_t records[STREAM_RECORDS_MAX];
  int64_t record_ms[STREAM_RECORDS_MAX];
  size_t record_count;
  uint8_t previous_id[32], chain[32];
  aod_block_t blocks[STREAM_BLOCKS_MAX];
  int64_t block_ms[STREAM_BLOCKS_MAX];
  size_t block_count;
  size_t hidden;       /* this many of the newest records that are there are not given */
  aod_item_t assigned; /* a transaction that the gateway knows */
  bool has_assigned;
} stream_t;

static stream_t stream;

#define STREAM_START_MS     INT64_C(1700000000250)
#define STREAM_START_HEIGHT UINT64_C(1000)

/* ---- making ---- */

static inline aod_slice_t stream_wasm(void) {
  char *text = aod_strdup(stream_module);
  BinaryenModuleRef module = BinaryenModuleParse(text);
  BinaryenModuleSetFeatures(module, BinaryenFeatureAll());
  BinaryenModuleAllocateAndWriteResult result = BinaryenModuleAllocateAndWrite(module, NULL);
  aod_slice_t wasm = aod_arena_copy(&items_arena, aod_slice(result.binary, result.binaryBytes));
  free(result.binary);
  free(result.sourceMap);
  BinaryenModuleDispose(module);
  free(text);
  return wasm;
}

/* A world in which nothing has been scheduled. `tags` are the process's own, before the usual. */
static inline void stream_init(aod_tags_t tags) {
  memset(&stream, 0, sizeof stream);
  pthread_mutex_init(&stream.lock, NULL);
  stream.signer = wallet_quick();
  stream.now_ms = STREAM_START_MS;
  aod_tags_t module_tags =
      tags_of("Data-Protocol", "ao", "Type", "Module", "Module-Format", "wasm32-unknown-emscripten",
              "Input-Encoding", "JSON-1", "Output-Encoding", "JSON-1", "Memory-Limit", "1-mb",
              "Compute-Limit", "1000000000", NULL);
  stream.module = item_make(
      stream.signer,
      &(aod_item_fields_t){.anchor = anchor_new(), .tags = module_tags, .data = stream_wasm()});
  aod_tags_t all = tags_of("Data-Protocol", "ao", "Type", "Process", "Scheduler", "s", "Module",
                           id_text(stream.module.id), NULL);
  for (size_t i = 0; i < tags.count; i++) all.list[all.count++] = tags.list[i];
  stream.process =
      item_make(stream.signer, &(aod_item_fields_t){.anchor = anchor_new(), .tags = all});
  aod_hash_chain_first(stream.process.id, stream.chain);
}

static inline void stream_deinit(void) {
  aod_signer_free(stream.signer);
  pthread_mutex_destroy(&stream.lock);
  items_free();
}

static inline uint64_t stream_height(int64_t at_ms) {
  uint64_t height = STREAM_START_HEIGHT;
  for (size_t i = 0; i < stream.block_count; i++)
    if (stream.block_ms[i] <= at_ms) height = stream.blocks[i].height;
  return height;
}

/* The next record of the schedule: of an item, or of `message` alone. */
static inline void stream_add(const aod_item_t *item, const uint8_t *message, int64_t at_ms) {
  size_t nonce = stream.record_count++;
  aod_assert(nonce < STREAM_RECORDS_MAX);
  aod_assignment_t assignment = {.nonce = nonce,
                                 .timestamp_ms = at_ms,
                                 .block_height = stream_height(at_ms),
                                 .has_message = memcmp(message, stream.process.id, 32) != 0};
  memcpy(assignment.process, stream.process.id, 32);
  memcpy(assignment.message, message, 32);
  memcpy(assignment.hash_chain, stream.chain, 32);
  aod_item_fields_t fields = {.anchor = anchor_new()};
  aod_assignment_tags(&assignment, &items_arena, &fields.tags);
  aod_scheduled_t *record = &stream.records[nonce];
  *record = (aod_scheduled_t){.has_item = item != NULL};
  record->assignment = item_make(stream.signer, &fields);
  if (item) record->item = *item;
  stream.record_ms[nonce] = at_ms;
  aod_hash_chain_next(record->assignment.id, assignment.hash_chain, stream.chain);
}

static inline void stream_add_process(void) {
  stream_add(&stream.process, stream.process.id, STREAM_START_MS);
}

/* A message with this data and tags; its id. */
static inline const uint8_t *stream_add_message(const char *data, aod_tags_t tags, int64_t at_ms) {
  aod_item_fields_t fields = {.anchor = anchor_new(),
                              .tags = tags,
                              .data = aod_text(data),
                              .target = aod_slice(stream.process.id, 32)};
  aod_item_t *item = aod_arena_alloc(&items_arena, sizeof *item);
  *item = item_make(stream.signer, &fields);
  stream_add(item, item->id, at_ms);
  return item->id;
}

static inline void stream_add_block(int64_t at_ms) {
  size_t index = stream.block_count++;
  aod_assert(index < STREAM_BLOCKS_MAX);
  stream.blocks[index] = (aod_block_t){.height = STREAM_START_HEIGHT + 1 + index,
                                       .timestamp_ms = at_ms - at_ms % 1000};
  stream.block_ms[index] = at_ms;
}

/* ---- the scheduler ---- */

static inline size_t stream_visible(void) {
  size_t count = 0;
  while (count < stream.record_count && stream.record_ms[count] < stream.now_ms) count++;
  return count > stream.hidden ? count - stream.hidden : 0;
}

static inline int stream_find(void *context, const uint8_t process[32], const uint8_t id[32],
                              aod_arena_t *arena, aod_scheduled_t *scheduled, aod_error_t *err) {
  (void)context, (void)process, (void)arena;
  pthread_mutex_lock(&stream.lock);
  size_t visible = stream_visible(), i = 0;
  while (i < visible && memcmp(stream.records[i].assignment.id, id, 32) != 0 &&
         !(stream.records[i].has_item && memcmp(stream.records[i].item.id, id, 32) == 0))
    i++;
  if (i < visible) *scheduled = stream.records[i];
  pthread_mutex_unlock(&stream.lock);
  return i < visible ? AOD_OK : aod_fail(err, AOD_ENOTFOUND, "Message or Process not found");
}

/* As an old scheduler that has the process, but not in its schedule. */
static inline int stream_find_unscheduled(void *context, const uint8_t process[32],
                                          const uint8_t id[32], aod_arena_t *arena,
                                          aod_scheduled_t *scheduled, aod_error_t *err) {
  if (memcmp(id, stream.process.id, 32) != 0)
    return stream_find(context, process, id, arena, scheduled, err);
  aod_tags_t tags = tags_of("Process", id_text(id), "Block-Height", "000000001000", "Timestamp",
                            "1700000000250", NULL);
  *scheduled = (aod_scheduled_t){.has_item = true, .item = stream.process};
  scheduled->assignment.tags = tags;
  return AOD_OK;
}

static inline int stream_range(void *context, const uint8_t process[32], uint64_t from_nonce,
                               size_t limit, aod_arena_t *arena, aod_scheduled_list_t *list,
                               aod_error_t *err) {
  (void)context, (void)process, (void)err;
  *list = (aod_scheduled_list_t){.list = aod_arena_alloc(arena, limit * sizeof *list->list)};
  pthread_mutex_lock(&stream.lock);
  size_t visible = stream_visible();
  for (size_t i = from_nonce; i < visible && list->count < limit; i++)
    list->list[list->count++] = stream.records[i];
  pthread_mutex_unlock(&stream.lock);
  return AOD_OK;
}

static inline int stream_now(void *context, const uint8_t process[32], int64_t *timestamp_ms,
                             aod_error_t *err) {
  (void)context, (void)process, (void)err;
  pthread_mutex_lock(&stream.lock);
  *timestamp_ms = stream.now_ms;
  pthread_mutex_unlock(&stream.lock);
  return AOD_OK;
}

static aod_scheduler_t stream_scheduler = {
    .find = stream_find, .range = stream_range, .now = stream_now};

/* ---- the gateway ---- */

static inline int stream_fetch(void *context, const uint8_t id[32], aod_arena_t *arena,
                               aod_item_t *item, aod_error_t *err) {
  (void)context, (void)arena;
  const aod_item_t *known[] = {&stream.module, &stream.assigned};
  for (size_t i = 0; i < COUNT_OF(known) - !stream.has_assigned; i++)
    if (memcmp(known[i]->id, id, 32) == 0) {
      *item = *known[i];
      return AOD_OK;
    }
  return aod_fail(err, AOD_ENOTFOUND, "the gateway does not know it");
}

static inline int stream_blocks(void *context, uint64_t from_height, size_t limit,
                                aod_arena_t *arena, aod_block_list_t *list, aod_error_t *err) {
  (void)context, (void)err;
  *list = (aod_block_list_t){.list = aod_arena_alloc(arena, limit * sizeof *list->list)};
  pthread_mutex_lock(&stream.lock);
  for (size_t i = 0; i < stream.block_count && list->count < limit; i++)
    if (stream.blocks[i].height >= from_height && stream.block_ms[i] < stream.now_ms)
      list->list[list->count++] = stream.blocks[i];
  pthread_mutex_unlock(&stream.lock);
  return AOD_OK;
}

static const aod_gateway_t stream_gateway = {.find = stream_fetch, .blocks = stream_blocks};

/* ---- the compute unit ---- */

static aod_vm_t *stream_vm;
static aod_cu_t *stream_cu;
static aod_cu_access_t stream_access; /* of the next unit */

/* How the next unit keeps processes: how many messages a snapshot is due after (0: there are none),
 * whether it takes them when it closes, and its budget of memory. */
typedef struct {
  uint64_t messages, memory_bytes;
  bool at_close;
} stream_keeping_t;
static stream_keeping_t stream_keeping;

static inline void stream_open_vm(const char *cache_dir) {
  aod_error_t err;
  aod_vm_options_t options = {.cache_dir = cache_dir, .in_workers = true};
  check_ok(aod_workers_start(&err), &err);
  check_ok(aod_vm_open(&stream_vm, &options, &err), &err);
}

static inline void stream_open_cu(const char *path) {
  aod_error_t err;
  char snapshots_path[300];
  snprintf(snapshots_path, sizeof snapshots_path, "%s-snapshots", path);
  aod_cu_options_t options = {.results_path = path,
                              .vm = stream_vm,
                              .scheduler = &stream_scheduler,
                              .gateway = &stream_gateway,
                              .access = stream_access,
                              .snapshots_path = stream_keeping.messages ? snapshots_path : NULL,
                              .snapshot_messages = stream_keeping.messages,
                              .snapshot_ms = 1000000,
                              .snapshot_at_close = stream_keeping.at_close,
                              .memory_bytes = stream_keeping.memory_bytes};
  check_ok(aod_cu_open(&stream_cu, &options, &err), &err);
}

static inline void stream_close_cu(void) {
  aod_cu_close(stream_cu);
  stream_cu = NULL;
}

static inline aod_process_t *stream_process(void) {
  return aod__process_get(stream_cu, stream.process.id);
}

/* Wait until nothing is done any more, snapshots included. */
static inline void stream_settle(void) {
  aod_process_t *process = stream_process();
  while (!aod_lane_idle(&process->lane)) usleep(50);
  if (stream_cu->snapshots) aod_snapshots_flush(stream_cu->snapshots);
}

/* Another process needs the memory: ours leaves it, when there is a budget. */
static inline void stream_crowd_out(void) {
  stream_settle();
  aod_process_t *process = stream_process();
  aod_process_t *crowd =
      aod__process_get(stream_cu, (const uint8_t *)"a crowd of others, all of them..");
  crowd->evicting = true;              /* so it is not chosen itself */
  crowd->instance = process->instance; /* to be counted */
  aod__budget_note(crowd, 0);
  crowd->instance = NULL;
  aod__budget_leave(crowd);
  stream_settle();
}

/* Time goes on: what was to come until then is there now. */
static inline void stream_go_to(int64_t now_ms) {
  pthread_mutex_lock(&stream.lock);
  stream.now_ms = now_ms;
  pthread_mutex_unlock(&stream.lock);
}

/* ---- asking, and waiting for the answer ---- */

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool answered;
  int code;
  aod_error_t error;
} stream_wait_t;

static stream_wait_t stream_wait = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                    .wake = PTHREAD_COND_INITIALIZER};

static inline void stream_answered(int code, const aod_error_t *err) {
  pthread_mutex_lock(&stream_wait.lock);
  stream_wait.answered = true;
  stream_wait.code = code;
  if (code != AOD_OK) stream_wait.error = *err;
  pthread_cond_signal(&stream_wait.wake);
  pthread_mutex_unlock(&stream_wait.lock);
}

static inline int stream_await(void) {
  pthread_mutex_lock(&stream_wait.lock);
  while (!stream_wait.answered) pthread_cond_wait(&stream_wait.wake, &stream_wait.lock);
  stream_wait.answered = false;
  pthread_mutex_unlock(&stream_wait.lock);
  return stream_wait.code;
}

/* Texts of answers live in the arena of items. */
static inline const char *stream_text(aod_buf_t *buf) {
  const char *text = (const char *)aod_arena_copy(&items_arena, aod_buf_slice(buf)).ptr;
  aod_buf_free(buf);
  return text;
}

static inline void stream_result_done(aod_result_call_t *call, int code, const aod_error_t *err) {
  (void)call;
  stream_answered(code, err);
}

/* The body of /result, or NULL with the reason in stream_wait. */
static inline const char *ask_result(const uint8_t *message) {
  aod_result_call_t call = {.done = stream_result_done};
  memcpy(call.process, stream.process.id, 32);
  memcpy(call.message, message, 32);
  aod__cu_result(stream_cu, &call);
  return stream_await() == AOD_OK ? stream_text(&call.body) : NULL;
}

static inline void stream_page_done(aod_page_call_t *call, int code, const aod_error_t *err) {
  (void)call;
  stream_answered(code, err);
}

static inline const char *ask_cron(void) {
  aod_page_call_t call = {.limit = 1000, .done = stream_page_done};
  memcpy(call.process, stream.process.id, 32);
  aod__cu_cron_page(stream_cu, &call);
  return stream_await() == AOD_OK ? stream_text(&call.body) : NULL;
}

/* All of /results, without evaluating anything. */
static inline const char *ask_results(void) {
  aod_buf_t json = {0};
  aod_error_t err;
  aod_results_query_t query = {.limit = 1000};
  check_ok(aod__cu_page(stream_cu, stream.process.id, &query, &json, &err), &err);
  return stream_text(&json);
}

static inline void stream_dry_done(aod_dry_run_t *run, int code, const aod_error_t *err) {
  (void)run;
  stream_answered(code, err);
}

/* A dry run now, or after a message. */
static inline const char *ask_dry(const uint8_t *after) {
  aod_dry_run_t run = {.done = stream_dry_done, .has_message = after != NULL};
  aod_error_t err;
  json_t *body;
  check_ok(aod_json_parse(AOD_TEXT("{\"Owner\":\"x\",\"Tags\":[],\"Timestamp\":1,"
                                   "\"Block-Height\":2}"),
                          &body, &err),
           &err);
  memcpy(run.process, stream.process.id, 32);
  if (after) memcpy(run.message, after, 32);
  run.body = body;
  aod__cu_dry_run(stream_cu, &run);
  int code = stream_await();
  json_decref(body);
  return code == AOD_OK ? stream_text(&run.answer) : NULL;
}

#endif
