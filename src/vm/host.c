/* What host functions share: the module's memory, calls into the module, output, failing. */
#include "vm/host.h"

#include "vm/trap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The glue takes four ticks for the three standard links and /data before a module can look. */
#define FIRST_TICK 10004

/* ---- life ---- */

void aod_host_begin(aod_host_t *host) {
  aod_assert(!host->files);
  host->ticks = FIRST_TICK;
  host->jumps = NULL;
  host->exit_status = -1;
  host->outage.code = AOD_OK;
  aod_buf_clear(&host->reason);
  aod_buf_clear(&host->output);
}

void aod_host_end(aod_host_t *host) {
  host->jumps = NULL;
  aod_host_flush(host, 0);
  aod_host_flush(host, 1);
  aod_files_free(host->files);
  host->files = NULL;
  aod_buf_free(&host->scratch);
  aod_buf_free(&host->scratch_path);
}

void aod_host_free(aod_host_t *host) {
  aod_host_end(host);
  aod_buf_free(&host->reason);
  aod_buf_free(&host->output);
  aod_buf_free(&host->lines[0]);
  aod_buf_free(&host->lines[1]);
  *host = (aod_host_t){0};
}

void aod_host_fail(aod_host_t *host, const char *format, ...) {
  char text[4096];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  aod_buf_clear(&host->reason);
  aod_buf_utf8_lossy(&host->reason, aod_text(text));
  aod_trap_raise(AOD_TRAP_HOST);
}

void aod_host_charge(aod_host_t *host, uint64_t units) {
  int64_t *fuel = &host->core->wasm.fuel;
  if (*fuel < 0 || units > (uint64_t)*fuel) aod_trap_raise(AOD_TRAP_FUEL);
  *fuel -= (int64_t)units;
}

/* ---- memory ---- */

static void check(const aod_host_t *host, uint64_t at, uint64_t len) {
  uint64_t bytes = host->core->wasm.memory_bytes;
  if (at > bytes || len > bytes - at) aod_trap_raise(AOD_TRAP_MEMORY);
}

const uint8_t *aod_host_read(aod_host_t *host, uint64_t at, uint64_t len) {
  check(host, at, len);
  return host->core->wasm.memory + at;
}

uint8_t *aod_host_write(aod_host_t *host, uint64_t at, uint64_t len) {
  check(host, at, len);
  aod_memory_mark(&host->core->memory, at, len);
  return host->core->wasm.memory + at;
}

uint32_t aod_host_load32(aod_host_t *host, uint64_t at) {
  return aod_load_le32(aod_host_read(host, at, 4));
}

uint64_t aod_host_load_pointer(aod_host_t *host, uint64_t at) {
  return host->format->wide ? aod_load_le64(aod_host_read(host, at, 8)) : aod_host_load32(host, at);
}

void aod_host_store32(aod_host_t *host, uint64_t at, uint32_t value) {
  aod_store_le32(aod_host_write(host, at, 4), value);
}

void aod_host_store64(aod_host_t *host, uint64_t at, uint64_t value) {
  aod_store_le64(aod_host_write(host, at, 8), value);
}

void aod_host_store_pointer(aod_host_t *host, uint64_t at, uint64_t value) {
  if (host->format->wide)
    aod_host_store64(host, at, value);
  else
    aod_host_store32(host, at, (uint32_t)value);
}

aod_slice_t aod_host_string(aod_host_t *host, uint64_t at) {
  const aod_wasm_instance_t *wasm = &host->core->wasm;
  if (at >= wasm->memory_bytes) return AOD_EMPTY;
  const uint8_t *start = wasm->memory + at;
  size_t len = strnlen((const char *)start, wasm->memory_bytes - at);
  aod_host_charge(host, len);
  return aod_slice(start, len);
}

/* ---- calls ---- */

void aod_host_call(aod_host_t *host, aod_export_t export, uint64_t *slots) {
  if (!aod_host_has(host, export))
    aod_host_fail(host, "the module lacks an export that one of its imports relies on");
  aod_core_call_inside(host->core, host->exports.functions[export], slots);
}

/* ---- output ---- */

static void keep_line(aod_host_t *host, aod_buf_t *line) {
  if (host->output.len + line->len < AOD_HOST_OUTPUT_MAX) {
    aod_buf_utf8_lossy(&host->output, aod_buf_slice(line));
    aod_buf_byte(&host->output, '\n');
  }
  aod_buf_clear(line);
}

/* As the glue's terminal: a line ends at a newline, NUL bytes are dropped. */
void aod_host_print(aod_host_t *host, int stream, aod_slice_t bytes) {
  aod_buf_t *line = &host->lines[stream];
  for (size_t i = 0; i < bytes.len; i++) {
    if (bytes.ptr[i] == '\n')
      keep_line(host, line);
    else if (bytes.ptr[i] != 0 && line->len < AOD_HOST_OUTPUT_MAX)
      aod_buf_byte(line, bytes.ptr[i]);
  }
}

void aod_host_flush(aod_host_t *host, int stream) {
  if (host->lines[stream].len) keep_line(host, &host->lines[stream]);
}
