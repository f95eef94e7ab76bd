/* A process: an instance with a state that messages change or fail to change.
 *
 * A message is pushed onto the module's own stack as two strings, `handle` is called, and the text
 * that it returns is read. The bytes that this leaves below the stack pointer are part of the
 * image, so sizes and order are those of the reference (wasm-host.md C.2). */
#include "vm/guest.h"
#include "vm/trap.h"

#include <stdlib.h>

/* ---- programs ---- */

int aod_program_open(aod_program_t *program, aod_code_t *code, const aod_format_t *format,
                     aod_error_t *err) {
  const aod_wasm_module_t *module = &code->module;
  *program = (aod_program_t){.code = code, .format = format};
  program->imports = aod_alloc((module->import_count + 1) * sizeof *program->imports);
  int rc = aod_host_link(module, format, program->imports, err);
  if (rc == AOD_OK) rc = aod_host_find_exports(module, format, &program->exports, err);
  if (rc) aod_program_close(program);
  return rc;
}

void aod_program_close(aod_program_t *program) {
  free(program->imports);
  aod_code_close(program->code);
  *program = (aod_program_t){0};
}

/* ---- open and close ---- */

int aod_guest_open(aod_guest_t *guest, const aod_program_t *program, const aod_image_t *image,
                   const aod_instance_options_t *options, aod_error_t *err) {
  aod_core_options_t core_options = {.image = image,
                                     .memory_cap_bytes = options->memory_cap_bytes,
                                     .table_cap = AOD_PROCESS_TABLE_MAX};
  *guest = (aod_guest_t){0};
  int rc = aod_core_open(&guest->core, program->code, program->imports, &core_options, err);
  if (rc) return rc;
  guest->host = (aod_host_t){.format = program->format,
                             .core = guest->core,
                             .exports = program->exports,
                             .drive = options->drive};
  guest->core->wasm.host = &guest->host;
  return AOD_OK;
}

void aod_guest_close(aod_guest_t *guest) {
  aod_host_free(&guest->host);
  aod_core_close(guest->core);
  *guest = (aod_guest_t){0};
}

/* ---- running ---- */

/* What the reference allows when a process gives no limit. */
#define GAS_LIMIT_DEFAULT INT64_C(9000000000000000)

static void explain(aod_host_t *host, int trap, uint64_t compute_limit) {
  if (trap == AOD_TRAP_HOST) return; /* the host function did */
  aod_buf_clear(&host->reason);
  if (trap == AOD_TRAP_FUEL)
    aod_buf_printf(&host->reason, "the message needs more than its compute limit of %llu",
                   (unsigned long long)compute_limit);
  else
    aod_buf_text(&host->reason, aod_trap_text(trap));
}

bool aod__guest_run(aod_host_t *host, uint64_t compute_limit, void (*entry)(void *),
                    void *argument) {
  aod_wasm_instance_t *wasm = &host->core->wasm;
  aod_host_begin(host);
  int64_t limit = compute_limit < INT64_MAX ? (int64_t)compute_limit : INT64_MAX;
  wasm->gas = host->gas_limit = limit ? limit : GAS_LIMIT_DEFAULT;
  wasm->depth = AOD_CALL_DEPTH_MAX;
  wasm->fuel = limit && !host->format->metered ? limit : INT64_MAX; /* gas alone decides there */
  int trap = aod_enter(entry, argument);
  aod_host_end(host);
  if (trap) explain(host, trap, compute_limit);
  return trap == AOD_TRAP_NONE;
}

typedef struct {
  aod_host_t *host;
  aod_slice_t msg, env;
  aod_slice_t result; /* in the module's memory */
} message_t;

/* Length in UTF-16 units of valid UTF-8: a byte that begins a character is one, of four bytes two.
 */
static uint64_t utf16_len(aod_slice_t text) {
  uint64_t units = 0;
  for (size_t i = 0; i < text.len; i++)
    units += ((text.ptr[i] & 0xc0) != 0x80) + (text.ptr[i] >= 0xf0);
  return units;
}

static uint64_t push_text(aod_host_t *host, aod_slice_t text) {
  uint32_t factor = host->format->string_factor;
  uint64_t slots[1] = {factor == 1 ? text.len + 1 : factor * utf16_len(text) + 1};
  aod_host_call(host, AOD_EXPORT_STACK_ALLOC, slots);
  uint8_t *at = aod_host_write(host, slots[0], text.len + 1);
  memcpy(at, text.ptr, text.len);
  at[text.len] = 0;
  return slots[0];
}

static void handle(void *argument) {
  message_t *message = argument;
  aod_host_t *host = message->host;
  uint64_t stack_pointer[1], slots[2];
  aod_host_call(host, AOD_EXPORT_STACK_GET, stack_pointer);
  slots[0] = push_text(host, message->msg);
  slots[1] = push_text(host, message->env);
  aod_host_call(host, AOD_EXPORT_HANDLE, slots);
  aod_host_call(host, AOD_EXPORT_STACK_RESTORE, stack_pointer);
  message->result = slots[0] ? aod_host_string(host, slots[0]) : AOD_EMPTY;
}

static void too_long(aod_evaluation_t *evaluation) {
  evaluation->failed = true;
  aod_buf_printf(&evaluation->text, "Cannot create a string longer than 0x%x characters",
                 AOD_GUEST_RESULT_MAX);
}

int aod_guest_evaluate(aod_guest_t *guest, uint64_t compute_limit, aod_slice_t msg, aod_slice_t env,
                       aod_evaluation_t *evaluation, aod_error_t *err) {
  aod_host_t *host = &guest->host;
  host->msg = msg;
  host->env = env;
  message_t message = {.host = host, .msg = msg, .env = env};
  *evaluation = (aod_evaluation_t){.exit_status = -1};
  evaluation->failed = !aod__guest_run(host, compute_limit, handle, &message);
  if (host->outage.code) {
    aod_guest_rollback(guest);
    return aod_fail(err, host->outage.code, "%s", host->outage.message);
  }
  if (evaluation->failed)
    aod_buf_append(&evaluation->text, aod_buf_slice(&host->reason));
  else if (message.result.len > AOD_GUEST_RESULT_MAX)
    too_long(evaluation);
  else
    aod_buf_utf8_lossy(&evaluation->text, message.result);
  aod_buf_append(&evaluation->output, aod_buf_slice(&host->output));
  evaluation->exit_status = host->exit_status;
  evaluation->gas_used = (double)aod_host_gas_used(host);
  return AOD_OK;
}

void aod_evaluation_free(aod_evaluation_t *evaluation) {
  aod_buf_free(&evaluation->text);
  aod_buf_free(&evaluation->output);
}

/* ---- keeping and undoing ---- */

static void keep_host(aod_guest_t *guest) {
  guest->committed = (aod_host_memory_t){guest->host.temp_ret, guest->host.tzset_done};
}

void aod_guest_commit(aod_guest_t *guest) {
  aod_core_commit(guest->core);
  keep_host(guest);
}

void aod_guest_settle(aod_guest_t *guest) {
  aod_core_settle(guest->core);
  keep_host(guest);
}

void aod_guest_rollback(aod_guest_t *guest) {
  aod_core_rollback(guest->core);
  guest->host.temp_ret = guest->committed.temp_ret;
  guest->host.tzset_done = guest->committed.tzset_done;
}

/* ---- what is not linear memory ---- */

bool aod_guest_state_changed(const aod_guest_t *guest) {
  return guest->host.temp_ret != guest->committed.temp_ret ||
         guest->host.tzset_done != guest->committed.tzset_done ||
         aod_core_state_changed(guest->core);
}

void aod_guest_state_write(const aod_guest_t *guest, aod_buf_t *bytes) {
  uint8_t host[AOD_GUEST_HOST_BYTES];
  aod_store_le32(host, (uint32_t)guest->host.temp_ret);
  aod_store_le32(host + 4, guest->host.tzset_done);
  aod_buf_append(bytes, aod_slice(host, sizeof host));
  aod_core_state_write(guest->core, bytes);
}

int aod_guest_state_read(aod_guest_t *guest, aod_slice_t bytes, aod_error_t *err) {
  if (bytes.len < AOD_GUEST_HOST_BYTES)
    return aod_fail(err, AOD_EINPUT, "the state of a process is cut off");
  aod_slice_t rest = aod_slice_sub(bytes, AOD_GUEST_HOST_BYTES, bytes.len);
  int rc = aod_core_state_read(guest->core, rest, err);
  if (rc) return rc;
  guest->host.temp_ret = (int32_t)aod_load_le32(bytes.ptr);
  guest->host.tzset_done = aod_load_le32(bytes.ptr + 4) != 0;
  keep_host(guest);
  return AOD_OK;
}
