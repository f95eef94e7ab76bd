/* A compute unit on a schedule in memory, with a small module written here whose messages say what
 * to do: the first letter of the data decides.
 *
 *   c   count up; Output is the counter in four digits
 *   e   count up, then report an Error
 *   n   count up, then say not ok
 *   t   count up, then trap
 *   l   loop without end
 *   m   Output is the message itself
 *
 * Anything else counts up. Compiled code is kept in the build folder. */
#ifndef AOD_TEST_SUPPORT_COMPUTE_H
#define AOD_TEST_SUPPORT_COMPUTE_H

#include <binaryen-c.h>

#include "ao/assignment.h"
#include "base/latch.h"
#include "cu/cu.h"
#include "support/gateway.h"
#include "support/posts.h"

#define COMPUTE_FORMAT "wasm32-unknown-emscripten4"

/* The counter lives at 2000, replies at 1024 and after, the copy of a message at 131072. The text
 * is searched for "Data":" as its first seven bytes in one number. */
static const char compute_module_text[] =
    "(module (memory $memory 8) (export \"memory\" (memory $memory))"
    "(table $table 1 1 funcref) (export \"__indirect_function_table\" (table $table))"
    "(global $sp (mut i32) (i32.const 65536))"
    "(data (i32.const 1024) "
    "\"{\\\"ok\\\":true,\\\"response\\\":{\\\"Output\\\":\\\"0000\\\"}}\\00\")"
    "(data (i32.const 1100) \"{\\\"ok\\\":true,\\\"response\\\":{\\\"Error\\\":\\\"bad\\\"}}\\00\")"
    "(data (i32.const 1200) \"{\\\"ok\\\":false,\\\"response\\\":\\\"worse\\\"}\\00\")"
    "(data (i32.const 1300) \"{\\\"ok\\\":true,\\\"response\\\":{\\\"Output\\\":\\00\")"
    "(data (i32.const 1400) \"}}\\00\")"
    "(func $none)"
    "(func $get (result i32) (global.get $sp))"
    "(func $set (param i32) (global.set $sp (local.get 0)))"
    "(func $alloc (param i32) (result i32)"
    "  (global.set $sp (i32.and (i32.sub (global.get $sp) (local.get 0)) (i32.const -16)))"
    "  (global.get $sp))"
    "(func $end (result i32) (i32.const 4096))"
    "(func $letter (param $at i32) (result i32)"
    "  (loop $next"
    "    (if (i64.eq (i64.and (i64.load (local.get $at)) (i64.const 0xffffffffffffff))"
    "                (i64.const 0x223a2261746144))"
    "      (return (i32.load8_u offset=7 (local.get $at))))"
    "    (local.set $at (i32.add (local.get $at) (i32.const 1)))"
    "    (br_if $next (i32.load8_u (local.get $at))))"
    "  (i32.const 0))"
    "(func $copy (param $to i32) (param $from i32) (result i32)"
    "  (loop $next"
    "    (i32.store8 (local.get $to) (i32.load8_u (local.get $from)))"
    "    (if (i32.load8_u (local.get $from)) (then"
    "      (local.set $to (i32.add (local.get $to) (i32.const 1)))"
    "      (local.set $from (i32.add (local.get $from) (i32.const 1)))"
    "      (br $next))))"
    "  (local.get $to))"
    "(func $digit (param $at i32) (param $unit i32)"
    "  (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u"
    "    (i32.div_u (i32.load (i32.const 2000)) (local.get $unit)) (i32.const 10)))))"
    "(func $count"
    "  (i32.store (i32.const 2000) (i32.add (i32.load (i32.const 2000)) (i32.const 1))))"
    "(func $endless (loop $again (br $again)))"
    "(func $handle (param $msg i32) (param $env i32) (result i32) (local $what i32)"
    "  (local.set $what (call $letter (local.get $msg)))"
    "  (if (i32.eq (local.get $what) (i32.const 109)) (then" /* m */
    "    (drop (call $copy (call $copy (call $copy (i32.const 131072) (i32.const 1300))"
    "      (local.get $msg)) (i32.const 1400)))"
    "    (return (i32.const 131072))))"
    "  (call $count)"
    "  (if (i32.eq (local.get $what) (i32.const 101)) (then (return (i32.const 1100))))"
    "  (if (i32.eq (local.get $what) (i32.const 110)) (then (return (i32.const 1200))))"
    "  (if (i32.eq (local.get $what) (i32.const 116)) (then (unreachable)))"
    "  (if (i32.eq (local.get $what) (i32.const 108)) (then (call $endless)))"
    "  (call $digit (i32.const 1057) (i32.const 1000))"
    "  (call $digit (i32.const 1058) (i32.const 100))"
    "  (call $digit (i32.const 1059) (i32.const 10))"
    "  (call $digit (i32.const 1060) (i32.const 1))"
    "  (i32.const 1024))"
    "(export \"__wasm_call_ctors\" (func $none)) (export \"emscripten_stack_init\" (func $none))"
    "(export \"emscripten_stack_get_end\" (func $end))"
    "(export \"emscripten_stack_get_current\" (func $get))"
    "(export \"_emscripten_stack_restore\" (func $set))"
    "(export \"_emscripten_stack_alloc\" (func $alloc)) (export \"handle\" (func $handle)))";

static inline aod_slice_t compute_module(void) {
  char *text = aod_strdup(compute_module_text); /* the parser writes into it */
  BinaryenModuleRef module = BinaryenModuleParse(text);
  BinaryenModuleAllocateAndWriteResult result = BinaryenModuleAllocateAndWrite(module, NULL);
  aod_slice_t wasm = aod_arena_copy(&items_arena, aod_slice(result.binary, result.binaryBytes));
  free(result.binary);
  free(result.sourceMap);
  BinaryenModuleDispose(module);
  free(text);
  return wasm;
}

/* ---- the schedule ---- */

enum { SCHEDULE_MAX = 1000 };
#define SCHEDULE_BEGIN_MS INT64_C(1711676639000) /* records are 10 ms apart */

typedef struct {
  uint8_t process[32];
  uint64_t nonce;
  aod_slice_t assignment, item; /* item: empty for a pure assignment */
  uint8_t assignment_id[32], item_id[32], hash_chain[32];
} scheduled_t;

static scheduled_t schedule[SCHEDULE_MAX];
static size_t schedule_count;

static inline int schedule_parse(const scheduled_t *record, aod_arena_t *arena,
                                 aod_scheduled_t *scheduled, aod_error_t *err) {
  *scheduled = (aod_scheduled_t){.has_item = record->item.len > 0};
  int code = aod_item_parse(record->assignment, arena, &scheduled->assignment, err);
  if (code == AOD_OK && scheduled->has_item)
    code = aod_item_parse(record->item, arena, &scheduled->item, err);
  return code;
}

static inline int schedule_find(void *context, const uint8_t process[32], const uint8_t id[32],
                                aod_arena_t *arena, aod_scheduled_t *scheduled, aod_error_t *err) {
  (void)context, (void)process;
  for (size_t i = 0; i < schedule_count; i++) {
    bool is_item = schedule[i].item.len && memcmp(schedule[i].item_id, id, 32) == 0;
    if (is_item || memcmp(schedule[i].assignment_id, id, 32) == 0)
      return schedule_parse(&schedule[i], arena, scheduled, err);
  }
  return aod_fail(err, AOD_ENOTFOUND, "Message or Process not found");
}

static inline int schedule_range(void *context, const uint8_t process[32], uint64_t from,
                                 size_t limit, aod_arena_t *arena, aod_scheduled_list_t *list,
                                 aod_error_t *err) {
  (void)context;
  list->list = aod_arena_alloc(arena, (limit + 1) * sizeof *list->list);
  list->count = 0;
  for (size_t i = 0; i < schedule_count && list->count < limit; i++) {
    if (memcmp(schedule[i].process, process, 32) != 0 || schedule[i].nonce < from) continue;
    int code = schedule_parse(&schedule[i], arena, &list->list[list->count++], err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

/* A time after every record. */
static inline int schedule_now(void *context, const uint8_t process[32], int64_t *timestamp_ms,
                               aod_error_t *err) {
  (void)context, (void)process, (void)err;
  *timestamp_ms = SCHEDULE_BEGIN_MS + 10 * SCHEDULE_MAX;
  return AOD_OK;
}

static const aod_scheduler_t schedule_table = {
    .find = schedule_find, .range = schedule_range, .now = schedule_now};

/* ---- the unit ---- */

static aod_signer_t *compute_signer;
static gateway_t compute_gateway;
static aod_vm_t *compute_vm;
static char *compute_dir;
static aod_cu_t *cu;
static const char *compute_module_id;

static inline void cu_open(void) {
  aod_error_t err;
  aod_cu_options_t options = {.results_path = test_path(compute_dir, "cu.db"),
                              .vm = compute_vm,
                              .scheduler = &schedule_table,
                              .gateway = &compute_gateway.table};
  check_ok(aod_cu_open(&cu, &options, &err), &err);
}

static inline void cu_reopen(void) {
  aod_cu_close(cu);
  cu_open();
}

static inline const char *compute_publish(aod_tags_t tags, aod_slice_t data) {
  aod_error_t err;
  aod_item_fields_t fields = {.anchor = anchor_new(), .tags = tags, .data = data};
  aod_item_t item = item_make(compute_signer, &fields);
  check_ok(gateway_upload(&compute_gateway, &item.raw, 1, &err), &err);
  return id_text(item.id);
}

static inline aod_tags_t compute_module_tags(void) {
  return tags_of("Data-Protocol", "ao", "Type", "Module", "Module-Format", COMPUTE_FORMAT,
                 "Input-Encoding", "JSON-1", "Output-Encoding", "JSON-1", "Memory-Limit", "1-gb",
                 "Compute-Limit", "9000000000000", "Name", "counter", NULL);
}

static inline void compute_setup(void) {
  aod_error_t err;
  aod_vm_options_t options = {.cache_dir = AOD_BINARY_DIR "/modules-cache", .in_workers = true};
  compute_signer = wallet_quick();
  gateway_init(&compute_gateway);
  compute_dir = test_dir_make();
  schedule_count = 0;
  check_ok(aod_workers_start(&err), &err);
  check_ok(aod_vm_open(&compute_vm, &options, &err), &err);
  compute_module_id = compute_publish(compute_module_tags(), compute_module());
  cu_open();
}

static inline void compute_teardown(void) {
  aod_cu_close(cu);
  aod_vm_close(compute_vm);
  gateway_deinit(&compute_gateway);
  test_dir_remove(compute_dir);
  aod_signer_free(compute_signer);
  items_free();
}

/* ---- filling the schedule ---- */

/* The newest record of a process, NULL when it has none. */
static inline const scheduled_t *schedule_last(const uint8_t *process) {
  const scheduled_t *last = NULL;
  for (size_t i = 0; i < schedule_count; i++)
    if (memcmp(schedule[i].process, process, 32) == 0) last = &schedule[i];
  return last;
}

static inline const scheduled_t *schedule_add(const uint8_t *process, uint64_t nonce,
                                              aod_slice_t item, const uint8_t *message,
                                              const char *exclude) {
  aod_assignment_t assignment = {.nonce = nonce,
                                 .block_height = 1393008,
                                 .timestamp_ms = SCHEDULE_BEGIN_MS + 10 * (int64_t)nonce,
                                 .has_message = nonce > 0,
                                 .exclude = aod_text(exclude)};
  memcpy(assignment.process, process, 32);
  memcpy(assignment.message, message, 32);
  const scheduled_t *last = schedule_last(process);
  if (last)
    aod_hash_chain_next(last->assignment_id, last->hash_chain, assignment.hash_chain);
  else
    aod_hash_chain_first(process, assignment.hash_chain);
  aod_item_fields_t fields = {.anchor = anchor_new()};
  aod_assignment_tags(&assignment, &items_arena, &fields.tags);
  aod_item_t signed_one = item_make(compute_signer, &fields);
  assert_true(schedule_count < SCHEDULE_MAX);
  scheduled_t *record = &schedule[schedule_count++];
  *record = (scheduled_t){.nonce = nonce, .assignment = signed_one.raw, .item = item};
  memcpy(record->process, process, 32);
  memcpy(record->assignment_id, signed_one.id, 32);
  memcpy(record->item_id, message, 32);
  memcpy(record->hash_chain, assignment.hash_chain, 32);
  return record;
}

static inline uint64_t schedule_next(const uint8_t *process) {
  const scheduled_t *last = schedule_last(process);
  return last ? last->nonce + 1 : 0;
}

/* A process of `module`; `tags` NULL: without tags of its own. Returns its id. */
static inline const uint8_t *process_add(const char *module, aod_tags_t more) {
  aod_item_fields_t fields = {.anchor = anchor_new(), .data = AOD_TEXT("code")};
  fields.tags =
      tags_of("Data-Protocol", "ao", "Type", "Process", "Module", module, "Scheduler", "S", NULL);
  for (size_t i = 0; i < more.count; i++) fields.tags.list[fields.tags.count++] = more.list[i];
  aod_item_t item = item_make(compute_signer, &fields);
  return schedule_add(item.id, 0, item.raw, item.id, "")->item_id;
}

/* A message with this data; returns its id. */
static inline const uint8_t *message_add(const uint8_t *process, const char *data) {
  aod_item_t item = item_parse(message_item(compute_signer, process, data));
  return schedule_add(process, schedule_next(process), item.raw, item.id, "")->item_id;
}

static inline const scheduled_t *assignment_add(const uint8_t *process, const uint8_t *message,
                                                const char *exclude) {
  return schedule_add(process, schedule_next(process), AOD_EMPTY, message, exclude);
}

/* ---- asking ---- */

typedef struct {
  aod_result_call_t call;
  aod_latch_t latch;
  aod_error_t error; /* once it was waited for */
} asking_t;

static inline void asking_done(aod_result_call_t *call, int code, const aod_error_t *err) {
  aod_latch_end(&((asking_t *)call)->latch, code, err);
}

static inline void asking_submit(asking_t *asking, const uint8_t *process, const uint8_t *message) {
  *asking = (asking_t){.call = {.done = asking_done}, .latch = AOD_LATCH(1)};
  memcpy(asking->call.process, process, 32);
  memcpy(asking->call.message, message, 32);
  const aod_computer_t *computer = aod_cu_computer(cu);
  computer->result(computer->context, &asking->call);
}

static inline int asking_wait(asking_t *asking) {
  int code = aod_latch_wait(&asking->latch, &asking->error);
  aod_buf_terminate(&asking->call.body);
  return code;
}

/* The body of a result; the test fails when there is none. */
static inline const char *ask(const uint8_t *process, const uint8_t *message) {
  asking_t asking;
  asking_submit(&asking, process, message);
  check_ok(asking_wait(&asking), &asking.error);
  aod_slice_t copy = aod_arena_copy(&items_arena, aod_buf_slice(&asking.call.body));
  aod_buf_free(&asking.call.body);
  return (const char *)copy.ptr;
}

static inline void check_ask_fails_at(const uint8_t *process, const uint8_t *message, int code,
                                      const char *says, const char *file, int line) {
  asking_t asking;
  asking_submit(&asking, process, message);
  asking_wait(&asking);
  aod_buf_free(&asking.call.body);
  check_fails_at(asking.latch.code, code, &asking.error, says, file, line);
}
#define check_ask_fails(process, message, code, says)                                              \
  check_ask_fails_at(process, message, code, says, __FILE__, __LINE__)

/* What the counter module answers. */
static inline const char *counted(int number) {
  return aod_arena_printf(&items_arena,
                          "{\"Messages\":[],\"Assignments\":[],\"Spawns\":[],"
                          "\"Output\":\"%04d\",\"GasUsed\":0}",
                          number);
}

#endif
