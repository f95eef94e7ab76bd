/* A process: an instance with a state that messages change or fail to change.
 *
 * A message is pushed onto the module's own stack as two strings, `handle` is called, and the text
 * that it returns is read. The bytes that this leaves below the stack pointer are part of the
 * image, so sizes and order are those of the reference (wasm-host.md C.2). */
#include "vm/process.h"
#include "vm/trap.h"

#include <stdlib.h>

/* ---- open and close ---- */

int aod_instance_open(aod_module_t *module, const aod_instance_options_t *options,
                      aod_instance_t **instance_out, aod_error_t *err) {
  aod_core_options_t core_options = {.image = &module->image,
                                     .memory_cap_bytes = options->memory_cap_bytes,
                                     .table_cap = AOD_PROCESS_TABLE_MAX};
  aod_instance_t *instance = aod_alloc(sizeof *instance);
  int rc = aod_core_open(&instance->core, module->code, module->imports, &core_options, err);
  if (rc) {
    free(instance);
    return rc;
  }
  aod_core_copy_state(instance->core, module->zero);
  instance->module = module;
  instance->compute_limit = options->compute_limit;
  instance->committed = module->zero_host;
  instance->host = (aod_host_t){.format = module->format,
                                .core = instance->core,
                                .exports = module->exports,
                                .drive = options->drive,
                                .temp_ret = module->zero_host.temp_ret,
                                .tzset_done = module->zero_host.tzset_done};
  instance->core->wasm.host = &instance->host;
  *instance_out = instance;
  return AOD_OK;
}

void aod_instance_close(aod_instance_t *instance) {
  if (!instance) return;
  aod_core_close(instance->core);
  aod_host_free(&instance->host);
  free(instance);
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

bool aod__host_run(aod_host_t *host, uint64_t compute_limit, void (*entry)(void *),
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

int aod_instance_evaluate(aod_instance_t *instance, aod_slice_t msg, aod_slice_t env,
                          aod_evaluation_t *evaluation, aod_error_t *err) {
  aod_assert(!instance->undecided);
  aod_host_t *host = &instance->host;
  host->msg = msg;
  host->env = env;
  message_t message = {.host = host, .msg = msg, .env = env};
  instance->undecided = true;
  *evaluation = (aod_evaluation_t){.exit_status = -1};
  evaluation->failed = !aod__host_run(host, instance->compute_limit, handle, &message);
  if (host->outage.code) {
    aod_instance_rollback(instance);
    return aod_fail(err, host->outage.code, "%s", host->outage.message);
  }
  if (evaluation->failed)
    aod_buf_append(&evaluation->text, aod_buf_slice(&host->reason));
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

void aod_instance_commit(aod_instance_t *instance) {
  aod_core_commit(instance->core);
  instance->committed = (aod_host_memory_t){instance->host.temp_ret, instance->host.tzset_done};
  instance->undecided = false;
}

void aod_instance_rollback(aod_instance_t *instance) {
  aod_core_rollback(instance->core);
  instance->host.temp_ret = instance->committed.temp_ret;
  instance->host.tzset_done = instance->committed.tzset_done;
  instance->undecided = false;
}

/* ---- the committed memory ---- */

uint64_t aod_instance_memory_bytes(const aod_instance_t *instance) {
  return instance->core->memory.committed_bytes;
}

void aod_instance_memory_read(const aod_instance_t *instance, uint64_t from, uint8_t *to,
                              size_t bytes) {
  const aod_memory_t *memory = &instance->core->memory;
  aod_assert(from <= memory->committed_bytes && bytes <= memory->committed_bytes - from);
  memcpy(to, memory->committed + from, bytes);
}

uint64_t aod_instance_resident_bytes(const aod_instance_t *instance) {
  enum { FIXED_BYTES = 256 << 10 }; /* tables of pages and functions, cards */
  const aod_memory_t *memory = &instance->core->memory;
  uint64_t count = memory->committed_bytes >> AOD_CARD_SHIFT, present = 0;
  for (uint64_t page = 0; page < count; page++) present += memory->present[page];
  return FIXED_BYTES + 2 * present * AOD_INSTANCE_PAGE_BYTES; /* working and committed */
}

void aod_instance_memory_sha256(const aod_instance_t *instance, uint8_t digest[32]) {
  aod_memory_sha256(&instance->core->memory, digest);
}

/* ---- on the way to disk and back ---- */

_Static_assert(AOD_INSTANCE_PAGE_BYTES == 1 << AOD_CARD_SHIFT, "a page is a card");

void aod_instance_each_changed(const aod_instance_t *instance, aod_instance_page_t *each,
                               void *context) {
  const aod_memory_t *memory = &instance->core->memory;
  uint64_t count = memory->committed_bytes >> AOD_CARD_SHIFT;
  for (uint64_t page = 0; (page = aod_memory_next_changed(memory, page)) < count; page++)
    each(context, page, memory->committed + (page << AOD_CARD_SHIFT));
}

size_t aod_instance_changed_count(const aod_instance_t *instance) {
  const aod_memory_t *memory = &instance->core->memory;
  uint64_t count = memory->committed_bytes >> AOD_CARD_SHIFT;
  size_t changed = 0;
  for (uint64_t page = 0; (page = aod_memory_next_changed(memory, page)) < count; page++) changed++;
  return changed;
}

void aod_instance_mark(aod_instance_t *instance) {
  aod_memory_set_mark(&instance->core->memory);
}

void aod_instance_state_write(const aod_instance_t *instance, aod_buf_t *bytes) {
  uint8_t host[8];
  aod_assert(!instance->undecided);
  aod_store_le32(host, (uint32_t)instance->committed.temp_ret);
  aod_store_le32(host + 4, instance->committed.tzset_done);
  aod_buf_append(bytes, aod_slice(host, sizeof host));
  aod_core_state_write(instance->core, bytes);
}

static int read_state(aod_instance_t *instance, aod_slice_t bytes, aod_error_t *err) {
  if (bytes.len < 8) return aod_fail(err, AOD_EINPUT, "the state of a process is cut off");
  instance->host.temp_ret = (int32_t)aod_load_le32(bytes.ptr);
  instance->host.tzset_done = aod_load_le32(bytes.ptr + 4) != 0;
  return aod_core_state_read(instance->core, aod_slice(bytes.ptr + 8, bytes.len - 8), err);
}

static int read_memory(aod_memory_t *memory, const aod_instance_source_t *source,
                       aod_error_t *err) {
  uint64_t bytes = source->memory_bytes;
  if (bytes < memory->bytes || bytes % AOD_PAGE_BYTES != 0 ||
      !aod_memory_grow(memory, bytes - memory->bytes))
    return aod_fail(err, AOD_EINPUT, "a memory of %llu bytes does not fit the module",
                    (unsigned long long)bytes);
  for (size_t i = 0; i < source->page_count; i++) {
    uint64_t page = source->pages[i];
    if (page >= bytes >> AOD_CARD_SHIFT || (i > 0 && page <= source->pages[i - 1]))
      return aod_fail(err, AOD_EINPUT, "page %llu is out of place", (unsigned long long)page);
    uint8_t *at = memory->base + (page << AOD_CARD_SHIFT);
    aod_memory_mark(memory, page << AOD_CARD_SHIFT, AOD_INSTANCE_PAGE_BYTES);
    int rc = source->read_page(source->context, i, at, err);
    if (rc) return rc;
  }
  return AOD_OK;
}

/* As if one message had brought it from image zero to here. */
int aod_instance_restore(aod_module_t *module, const aod_instance_options_t *options,
                         const aod_instance_source_t *source, aod_instance_t **instance_out,
                         aod_error_t *err) {
  aod_instance_t *instance;
  int rc = aod_instance_open(module, options, &instance, err);
  if (rc) return rc;
  rc = read_memory(&instance->core->memory, source, err);
  if (rc == AOD_OK) rc = read_state(instance, source->state, err);
  if (rc) {
    aod_instance_close(instance);
    return rc;
  }
  aod__memory_resized(instance->core);
  aod_instance_commit(instance);
  aod_instance_mark(instance);
  *instance_out = instance;
  return AOD_OK;
}
