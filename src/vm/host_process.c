/* The program and its surroundings: end, environment, commands, gas; and the functions that have
 * one fixed answer. */
#include "vm/host.h"
#include "vm/trap.h"

/* ---- end of the program ---- */

void aod__host_exit(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  host->exit_status = (int)slots[0];
  aod_host_fail(host, "Program terminated with exit(%d)", host->exit_status);
}

void aod__host_abort(aod_wasm_instance_t *instance, uint64_t *slots) {
  (void)slots;
  aod_host_t *host = aod_host_of(instance);
  aod_host_fail(host, "Aborted(native code called abort())%s",
                host->format->glue == AOD_GLUE_1 ? ". Build with -sASSERTIONS for more info." : "");
}

static aod_slice_t text_or(aod_host_t *host, uint64_t at, const char *otherwise) {
  return at ? aod_host_string(host, at) : aod_text(otherwise);
}

/* condition, file, line, function */
void aod__host_assert_fail(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_slice_t file = text_or(host, slots[1], "unknown filename");
  aod_slice_t function = text_or(host, slots[3], "unknown function");
  aod_host_fail(host, "Aborted(Assertion failed: %.*s, at: %.*s,%d,%.*s)",
                AOD_ARG(aod_host_string(host, slots[0])), AOD_ARG(file), (int)slots[2],
                AOD_ARG(function));
}

/* A C++ exception. No module is built to catch one; its header is written as the glue does. */
void aod__host_cxa_throw(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint64_t header = slots[0] - 48;
  aod_host_store_pointer(host, header + 32, 0);
  aod_host_store_pointer(host, header + 8, slots[1]);
  aod_host_store_pointer(host, header + 16, slots[2]);
  aod_host_fail(host, "Aborted(Assertion failed: Exception thrown, but exception catching is not "
                      "enabled. Compile with -sNO_DISABLE_EXCEPTION_CATCHING or "
                      "-sEXCEPTION_CATCHING_ALLOWED=[..] to catch.)");
}

void aod__host_print_error(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_host_print(host, 1, aod_host_string(host, slots[0]));
  aod_host_print(host, 1, AOD_TEXT("\n"));
}

/* ---- environment ---- */

static const char *const environment[] = {
    "USER=web_user", "LOGNAME=web_user",      "PATH=/", "PWD=/", "HOME=/home/web_user",
    "LANG=C.UTF-8",  ("_=" AOD_HOST_PROGRAM),
};

static size_t environment_count(const aod_host_t *host) {
  bool has_one = host->format->glue & (AOD_GLUE_1 | AOD_GLUE_2);
  return has_one ? sizeof environment / sizeof environment[0] : 0;
}

/* where to store the count, and the bytes with NULs */
void aod__host_environ_sizes(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  size_t count = environment_count(host), bytes = 0;
  for (size_t i = 0; i < count; i++) bytes += strlen(environment[i]) + 1;
  aod_host_store_pointer(host, slots[0], count);
  aod_host_store_pointer(host, slots[1], bytes);
  slots[0] = 0;
}

/* where to store the pointers, and the strings */
void aod__host_environ_get(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint64_t pointers = slots[0], at = slots[1];
  for (size_t i = 0; i < environment_count(host); i++) {
    size_t len = strlen(environment[i]) + 1;
    aod_host_store_pointer(host, pointers + i * (host->format->wide ? 8 : 4), at);
    memcpy(aod_host_write(host, at, len), environment[i], len);
    at += len;
  }
  slots[0] = 0;
}

/* ---- commands and libraries: none ---- */

static void set_errno(aod_host_t *host, uint32_t value) {
  uint64_t slots[1];
  if (!aod_host_has(host, AOD_EXPORT_ERRNO)) return;
  aod_host_call(host, AOD_EXPORT_ERRNO, slots);
  aod_host_store32(host, slots[0], value);
}

/* In the oldest glue -1 and errno, later the negative errno; a null command asks for a shell.
 * (Format 4's glue really runs the command in a host shell. This one never does.) */
void aod__host_system(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  if (slots[0] == 0) return;
  set_errno(host, AOD_HOST_ENOSYS);
  slots[0] = UINT32_MAX;
}

void aod__host_system_negative(aod_wasm_instance_t *instance, uint64_t *slots) {
  (void)instance;
  if (slots[0]) slots[0] = (uint32_t)-AOD_HOST_ENOSYS;
}

void aod__host_dlopen(aod_wasm_instance_t *instance, uint64_t *slots) {
  (void)slots;
  aod_host_fail(aod_host_of(instance), "Aborted(dlopen)");
}

void aod__host_dlsym(aod_wasm_instance_t *instance, uint64_t *slots) {
  (void)slots;
  aod_host_fail(aod_host_of(instance), "Aborted(dlsym)");
}

/* ---- gas: what a module reports of its own work ---- */

/* The limit itself may be used. The reference adds doubles: the same up to 2^53, which no limit
 * exceeds. Where a constant is reported native code does this itself (USE_GAS). */
static void use_gas(aod_wasm_instance_t *instance, int64_t amount) {
  instance->gas = (int64_t)((uint64_t)instance->gas - (uint64_t)amount);
  if (instance->gas < 0) aod_trap_raise(AOD_TRAP_GAS);
}

void aod__host_use_gas(aod_wasm_instance_t *instance, uint64_t *slots) {
  use_gas(instance, (int32_t)slots[0]);
}

void aod__host_use_gas_wide(aod_wasm_instance_t *instance, uint64_t *slots) {
  use_gas(instance, (int64_t)slots[0]);
}

void aod__host_gas_used(aod_wasm_instance_t *instance, uint64_t *slots) {
  slots[0] = (uint32_t)aod_host_gas_used(aod_host_of(instance));
}

/* ---- fixed answers ---- */

/* Success, "no" or a null pointer. */
void aod__host_zero_constant(aod_wasm_instance_t *instance, uint64_t *slots) {
  (void)instance;
  slots[0] = 0;
}

void aod__host_true_constant(aod_wasm_instance_t *instance, uint64_t *slots) {
  (void)instance;
  slots[0] = 1;
}

void aod__host_nothing(aod_wasm_instance_t *instance, uint64_t *slots) {
  (void)instance, (void)slots;
}

/* Format 1 has no files. */

void aod__host_enosys(aod_wasm_instance_t *instance, uint64_t *slots) {
  (void)instance;
  slots[0] = AOD_HOST_ENOSYS;
}

void aod__host_espipe(aod_wasm_instance_t *instance, uint64_t *slots) {
  (void)instance;
  slots[0] = AOD_HOST_ESPIPE;
}
