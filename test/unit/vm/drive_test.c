/* WeaveDrive: who may read what, which quirks of reading modules rely on, and that an answer which
 * cannot be had is no result. */
#include "support/host.h"

#include <stdio.h>

#include "support/drive.h"
#include "support/wasm.h"
#include "vm/vm.h"

#define ATTESTED  "SuEzMsOwTU87zzhvXtC3-LgB9flMHeEnZ8n-rvz5NZU" /* 25 bytes */
#define AVAILABLE "Bw4YRU4bf9V7-AmAdHjznm88tCLSzxbi0QJX8M5RgSg" /* 40000 bytes */
#define UNNAMED   "zqpA_u7ObVN8qWJXPoHwybY4wpPe7s3_kelv0R0ReZI"
#define HEADER    "udJPkg_aGKkvnpSp0YiEGiragMc-sekdOMKjNyTjVR8"

#define TAG(name, value) "{\"name\":\"" name "\",\"value\":\"" value "\"}"
#define DRIVE            TAG("Extension", "WeaveDrive")
#define ENV(process, module)                                                                       \
  "{\"Process\":{\"Tags\":[" process "]},\"Module\":{\"Tags\":[" module "]}}"
#define MSG "{\"Block-Height\":77}"

static test_drive_t gateway;
static aod_drive_t drive;

static int open_drive(void **state) {
  (void)state;
  drive = test_drive_open(&gateway);
  return 0;
}

static int close_drive(void **state) {
  (void)state;
  test_drive_close(&gateway);
  return 0;
}

static void expect_requests(size_t count) {
  assert_int_equal(json_array_size(gateway.requests), count);
  json_array_clear(gateway.requests);
}

static void expect_request(size_t index, const char *words) {
  const char *request = json_string_value(json_array_get(gateway.requests, index));
  if (!request || strcmp(request, words)) fail_msg("%s instead of %s", request, words);
}

/* ---- the rules ---- */

static bool admits(const char *env, const char *id) {
  bool admitted;
  aod_error_t err;
  if (aod__drive_admits(&drive, AOD_TEXT(MSG), aod_text(env), aod_text(id), &admitted, &err))
    fail_msg("%s", err.message);
  return admitted;
}

static void expect_unsupported(const char *env, const char *words) {
  bool admitted;
  aod_error_t err;
  assert_int_equal(
      aod__drive_admits(&drive, AOD_TEXT(MSG), aod_text(env), AOD_TEXT(UNNAMED), &admitted, &err),
      AOD_EUNSUPPORTED);
  assert_string_equal(err.message, words);
}

/* W10 */
static void test_on_boot_is_admitted_without_a_question(void **state) {
  (void)state;
  assert_true(admits(ENV(TAG("On-Boot", "Data") "," TAG("On-Boot", UNNAMED), ""), UNNAMED));
  assert_false(admits(ENV(TAG("On-Boot", UNNAMED) "," TAG("On-Boot", "Data"), ""), UNNAMED));
  expect_requests(0);
}

/* W11 */
static void test_without_the_extension_nothing_is(void **state) {
  (void)state;
  assert_false(admits(ENV(TAG("Extension", "Other"), ""), ATTESTED));
  assert_false(admits("{}", ATTESTED));
  expect_requests(0);
  assert_true(admits(ENV("", DRIVE), ATTESTED)); /* the module's will do */
  expect_requests(1);
}

/* W13, W14 */
static void test_attestors_of_the_process_are_asked(void **state) {
  (void)state;
  assert_true(
      admits(ENV(TAG("Attestor", "a") "," TAG("Scheduler", "s") "," TAG("Scheduler", "t") "," TAG(
                     "Attestor", "") "," TAG("Attestor", "b") "," DRIVE,
                 TAG("Attestor", "m")),
             ATTESTED));
  expect_request(0, "POST /graphql Attestation ao Message=" ATTESTED " max 77 t a b");
  expect_requests(1);
}

/* W12, W15, W16, W17 */
static void test_modes(void **state) {
  (void)state;
  assert_false(admits(ENV(DRIVE, ""), AVAILABLE)); /* Assignments */
  expect_requests(1);
  assert_true(admits(ENV(DRIVE, TAG("Availability-Type", "Individual")), AVAILABLE));
  expect_request(1, "POST /graphql Available WeaveDrive ID=" AVAILABLE " max 77");
  expect_requests(2);
  assert_false(admits(ENV(DRIVE "," TAG("Availability-Type", "Individual"), ""), UNNAMED));
  expect_requests(2);
  assert_false(admits(ENV(DRIVE "," TAG("Availability-Type", "Assignments"),
                          TAG("Availability-Type", "Individual")),
                      AVAILABLE)); /* the process' own counts */
  expect_requests(1);
  assert_true(admits(ENV(DRIVE "," TAG("Availability-Type", "Library"), ""), ATTESTED));
  expect_requests(1);
  expect_unsupported(ENV(DRIVE "," TAG("Availability-Type", "Library"), ""),
                     "This WeaveDrive implementation does not support Library attestations yet!");
  expect_requests(1);
  expect_unsupported(ENV(DRIVE "," TAG("Availability-Type", "Other"), ""),
                     "Unsupported WeaveDrive mode: Other");
  expect_requests(0);
}

/* ---- as modules see it ---- */

enum { PATH = 1000, BUFFER = 2000, POSITION = 1900 };

static void attach(void) {
  open_host(FORMAT_64);
  host.drive = &drive;
  host.msg = AOD_TEXT(MSG);
  host.env = AOD_TEXT(ENV(DRIVE "," TAG("Availability-Type", "Individual"), ""));
}

static uint64_t open_path(const char *path) {
  put_text(PATH, path);
  return CALL(drive_open, PATH, 0);
}

static uint64_t seek(uint64_t descriptor, int64_t offset, uint32_t whence) {
  assert_int_equal(CALL(fd_seek, descriptor, (uint64_t)offset, whence, POSITION), 0);
  return get64(POSITION);
}

static void expect_refused(const char *path) {
  put_text(PATH, path);
  expect_trap(AOD_TRAP_HOST, aod__host_drive_open, PATH, 0, 0, 0);
  assert_true(aod_slice_is(aod_buf_slice(&host.reason), "HALT: FILE NOT FOUND"));
  assert_int_equal(host.outage.code, AOD_OK);
}

/* W1 */
static void test_other_paths_are_no_files(void **state) {
  (void)state;
  attach();
  static const char *const paths[] = {"",        "/",    "/headers/x", "data/" ATTESTED,
                                      "/Data/x", "data", "/etc/data",  "./bit.so"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
    assert_int_equal(open_path(paths[i]), 0);
  host.drive = NULL;
  assert_int_equal(open_path("/data/" ATTESTED), 0);
  assert_int_equal(CALL(drive_read, 3, BUFFER, 10), 0);
  assert_int_equal(CALL(drive_close, 3), 0);
  expect_requests(0);
  close_host();
}

/* W21, W22, W23, W24 */
static void test_data_is_read_in_order_and_from_the_end(void **state) {
  (void)state;
  attach();
  assert_int_equal(open_path("./data/" ATTESTED), 3);
  assert_int_equal(CALL(drive_read, 3, BUFFER, 5), 5);
  assert_int_equal(CALL(drive_read, 3, BUFFER + 5, 100), 20);
  assert_memory_equal(core.wasm.memory + BUFFER, "Hello from Arweave, A \xc3\xa9\n", 25);
  assert_int_equal(CALL(drive_read, 3, BUFFER, 1), 0);
  assert_int_equal(seek(3, 0, 2), 25);
  assert_int_equal(seek(3, 0, 1), 25); /* how ftell asks */
  assert_int_equal(CALL(drive_read, 3, BUFFER, 25), 25);
  assert_memory_equal(core.wasm.memory + BUFFER, "Hello", 5);
  assert_int_equal(seek(3, 6, 0), 6);
  assert_int_equal(CALL(drive_read, 3, BUFFER, 4), 4);
  assert_memory_equal(core.wasm.memory + BUFFER, "from", 4);
  put64(PATH, BUFFER);
  put64(PATH + 8, 1);
  assert_int_equal(CALL(fd_read, 3, PATH, 1, POSITION), AOD_HOST_EIO); /* getc */
  expect_marked();
  close_host();
  json_array_clear(gateway.requests);
}

/* W3, W5, W6, W25 */
static void test_a_file_is_asked_for_once_a_message(void **state) {
  (void)state;
  attach();
  assert_int_equal(open_path("/data/" ATTESTED), 3);
  assert_int_equal(open_path("/data/" ATTESTED), 4); /* each has its own position */
  assert_int_equal(CALL(drive_close, 3), 0);
  assert_int_equal(open_path("/data/" ATTESTED), 3);
  expect_requests(2);
  assert_int_equal(open_path("/block/1540000"), 5);
  assert_int_equal(open_path("/block/1540000/more"), 6);
  expect_request(0, "GET /block/height/1540000");
  expect_requests(1);
  aod_host_end(&host);
  aod_host_begin(&host);
  assert_int_equal(open_path("/block/1540000"), 3);
  expect_requests(1);
  close_host();
}

/* W2, W20 */
static void test_headers_are_read_from_their_beginning(void **state) {
  (void)state;
  attach();
  assert_int_equal(open_path("/tx/" HEADER), 3);
  assert_int_equal(seek(3, 0, 2), 1666);
  assert_int_equal(CALL(drive_read, 3, BUFFER, 2000), 2000); /* what was asked for */
  assert_memory_equal(core.wasm.memory + BUFFER, "{\"format\":2,", 12);
  static const char end[] = ",\"ownerAddress\":\"rC13jwp0rADUeBkT3xjP3QGoombl24w0MiIp8ZaFM_A\"}";
  assert_memory_equal(core.wasm.memory + BUFFER + 1666 - (sizeof end - 1), end, sizeof end - 1);
  assert_int_equal(core.wasm.memory[BUFFER + 1666], 0);
  assert_int_equal(seek(3, 3, 0), 3);
  assert_int_equal(CALL(drive_read, 3, BUFFER, 4), 4);
  assert_memory_equal(core.wasm.memory + BUFFER, "{\"fo", 4);
  expect_requests(1);
  close_host();
}

/* W4, W7 */
static void test_refusals_end_the_message(void **state) {
  (void)state;
  attach();
  expect_refused("/data/" UNNAMED); /* not admitted */
  expect_refused("/tx/" UNNAMED);   /* not there */
  expect_refused("/block/9");       /* not there */
  json_array_clear(gateway.requests);
  expect_refused("/data/x.lua");
  expect_refused("/data/");
  expect_refused("/data");
  expect_refused("/tx/..");
  expect_refused("/tx/" HEADER "?");
  expect_refused("/block/-1");
  expect_refused("/block/99999999999999999999999");
  char path[400] = "/tx/";
  memset(path + 4, 'a', 300);
  expect_refused(path);
  expect_requests(0);
  close_host();
}

static void test_an_outage_is_no_result(void **state) {
  (void)state;
  static const char *const paths[] = {"/data/" ATTESTED, "/tx/" HEADER, "/block/1540000"};
  for (size_t i = 0; i < 3; i++) {
    attach();
    put_text(PATH, paths[i]);
    gateway.outage = AOD_EUNAVAILABLE;
    expect_trap(AOD_TRAP_HOST, aod__host_drive_open, PATH, 0, 0, 0);
    assert_int_equal(host.outage.code, AOD_EUNAVAILABLE);
    assert_string_equal(host.outage.message, "the gateway does not answer");
    gateway.outage = AOD_OK;
    aod_host_end(&host);
    aod_host_begin(&host);
    assert_int_equal(host.outage.code, AOD_OK);
    assert_int_equal(open_path(paths[i]), 3);
    close_host();
  }
  attach();
  assert_int_equal(open_path("/data/" ATTESTED), 3);
  gateway.outage = AOD_EIO;
  expect_trap(AOD_TRAP_HOST, aod__host_drive_read, 3, BUFFER, 5, 0);
  assert_int_equal(host.outage.code, AOD_EIO);
  gateway.outage = AOD_OK;
  close_host();
  json_array_clear(gateway.requests);
}

static void test_hostile_arguments(void **state) {
  (void)state;
  attach();
  assert_int_equal(CALL(drive_open, UINT64_MAX, 0), 0);
  assert_int_equal(CALL(drive_read, 77, BUFFER, 5), 0);
  assert_int_equal(CALL(drive_read, 0, BUFFER, 5), 0); /* standard input */
  assert_int_equal(CALL(drive_close, 77), 0);
  assert_int_equal(open_path("/data/" ATTESTED), 3);
  expect_trap(AOD_TRAP_MEMORY, aod__host_drive_read, 3, MEMORY_BYTES - 1, 5, 0);
  expect_trap(AOD_TRAP_MEMORY, aod__host_drive_read, 3, UINT64_MAX, UINT64_MAX, 0);
  close_host();
  json_array_clear(gateway.requests);
}

/* ---- a whole message ---- */

/* Notes that it was called, then opens a block. */
static const char opener[] =
    "(module (import \"env\" \"__asyncjs__weavedrive_open\""
    "    (func $open (param i64 i64) (result i32)))"
    "(memory i64 2 16) (export \"memory\" (memory 0))"
    "(global $sp (mut i64) (i64.const 65536))"
    "(data (i64.const 1024) \"{}\") (data (i64.const 3000) \"/block/1540000\")"
    "(func (export \"__wasm_call_ctors\")) (func (export \"emscripten_stack_init\"))"
    "(func (export \"emscripten_stack_get_end\") (result i64) (i64.const 4096))"
    "(func (export \"emscripten_stack_get_current\") (result i64) (global.get $sp))"
    "(func (export \"_emscripten_stack_restore\") (param i64) (global.set $sp (local.get 0)))"
    "(func (export \"_emscripten_stack_alloc\") (param i64) (result i64)"
    "  (global.set $sp (i64.and (i64.sub (global.get $sp) (local.get 0)) (i64.const -16)))"
    "  (global.get $sp))"
    "(func (export \"handle\") (param i64 i64) (result i64)"
    "  (i32.store8 (i64.const 2000) (i32.const 1))"
    "  (i32.store8 (i64.const 2001) (call $open (i64.const 3000) (i64.const 3000)))"
    "  (i64.const 1024)))";

static int evaluate(aod_instance_t *instance, aod_evaluation_t *evaluation, aod_error_t *err) {
  return aod_instance_evaluate(instance, AOD_TEXT(MSG), AOD_TEXT("{}"), evaluation, err);
}

static void expect_bytes(const aod_instance_t *instance, uint8_t first, uint8_t second) {
  uint8_t bytes[2];
  aod_instance_memory_read(instance, 2000, bytes, 2);
  assert_int_equal(bytes[0], first);
  assert_int_equal(bytes[1], second);
}

static void test_a_message_waits_for_its_drive(void **state) {
  (void)state;
  char cache[] = "/tmp/aod-drive-XXXXXX";
  aod_vm_options_t vm_options = {.cache_dir = mkdtemp(cache)};
  aod_instance_options_t options = {.drive = &drive};
  aod_buf_t wasm = wasm_assemble(opener);
  aod_vm_t *vm;
  aod_module_t *module;
  aod_instance_t *instance;
  aod_evaluation_t evaluation;
  aod_error_t err = {0};
  assert_int_equal(aod_vm_open(&vm, &vm_options, NULL), AOD_OK);
  if (aod_module_load(vm, aod_buf_slice(&wasm), AOD_TEXT(FORMAT_64), "test", &module, &err))
    fail_msg("%s", err.message);
  assert_int_equal(aod_instance_open(module, &options, &instance, NULL), AOD_OK);

  gateway.outage = AOD_EUNAVAILABLE;
  assert_int_equal(evaluate(instance, &evaluation, &err), AOD_EUNAVAILABLE);
  assert_string_equal(err.message, "the gateway does not answer");
  aod_evaluation_free(&evaluation);
  expect_bytes(instance, 0, 0);

  gateway.outage = AOD_OK;
  assert_int_equal(evaluate(instance, &evaluation, &err), AOD_OK);
  assert_false(evaluation.failed);
  aod_instance_commit(instance);
  expect_bytes(instance, 1, 3);
  aod_evaluation_free(&evaluation);
  aod_instance_close(instance);
  aod_module_release(module);
  aod_vm_close(vm);
  aod_buf_free(&wasm);
  aod_dir_remove(cache, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_on_boot_is_admitted_without_a_question),
      cmocka_unit_test(test_without_the_extension_nothing_is),
      cmocka_unit_test(test_attestors_of_the_process_are_asked),
      cmocka_unit_test(test_modes),
      cmocka_unit_test(test_other_paths_are_no_files),
      cmocka_unit_test(test_data_is_read_in_order_and_from_the_end),
      cmocka_unit_test(test_a_file_is_asked_for_once_a_message),
      cmocka_unit_test(test_headers_are_read_from_their_beginning),
      cmocka_unit_test(test_refusals_end_the_message),
      cmocka_unit_test(test_an_outage_is_no_result),
      cmocka_unit_test(test_hostile_arguments),
      cmocka_unit_test(test_a_message_waits_for_its_drive),
  };
  return cmocka_run_group_tests(tests, open_drive, close_drive);
}
