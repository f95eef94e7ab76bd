#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "cu/internal.h"

/* Slots beyond the cores, so that a long message or two hold nobody up on a small machine; and a
 * reader beyond what one process may have, so that its dry runs do not hold up all others'. */
enum { SPARE_SLOTS = 2, SPARE_READERS = 1 };

/* A restart evaluates at most so much again; a snapshot of aos costs some milliseconds. */
enum { SNAPSHOT_MESSAGES = 1000, SNAPSHOT_MS = 100 };

/* As the network's units: one after so much work. */
enum { CHECKPOINT_MS = 15 * 60 * 1000 };
#define CHECKPOINT_GAS 300e12

/* A random UUID. */
static void name_run(char text[37]) {
  uint8_t bytes[16];
  aod_assert(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *text++ = '-';
    text += snprintf(text, 3, "%02x", bytes[i]);
  }
}

static void take_checkpoint_options(aod_cu_t *cu, const aod_cu_options_t *options) {
  cu->signer = options->signer;
  cu->checkpoints = options->checkpoints && options->signer;
  cu->checkpoint_us = 1000 * (options->checkpoint_ms ? options->checkpoint_ms : CHECKPOINT_MS);
  cu->checkpoint_gas = options->checkpoint_gas > 0 ? options->checkpoint_gas : CHECKPOINT_GAS;
  cu->trusted = options->trusted;
  cu->ignored = options->ignored;
  name_run(cu->run_id);
}

static aod_cu_t *allocate(const aod_cu_options_t *options) {
  aod_cu_t *cu = aod_alloc(sizeof *cu);
  memcpy(cu->address, options->address, sizeof cu->address);
  cu->vm = options->vm;
  cu->scheduler = options->scheduler;
  cu->gateway = options->gateway;
  cu->access = options->access;
  cu->snapshot_messages =
      options->snapshot_messages ? options->snapshot_messages : SNAPSHOT_MESSAGES;
  cu->snapshot_us = 1000 * (options->snapshot_ms ? options->snapshot_ms : SNAPSHOT_MS);
  cu->snapshot_at_close = options->snapshot_at_close;
  cu->memory_bytes = options->memory_bytes;
  cu->process_bytes = options->process_bytes ? options->process_bytes : AOD_CU_PROCESS_BYTES;
  cu->resident_max = aod__budget_processes();
  cu->no_extensions = options->no_extensions;
  cu->answers = options->answers;
  take_checkpoint_options(cu, options);
  cu->interface = (aod_computer_t){.context = cu,
                                   .result = aod__cu_result,
                                   .cron = aod__cu_cron_page,
                                   .newest = aod__cu_newest_page};
  return cu;
}

int aod_cu_open(aod_cu_t **out, const aod_cu_options_t *options, aod_error_t *err) {
  aod_cu_t *cu = allocate(options);
  int code = aod_results_open(&cu->results, options->results_path, err);
  if (code == AOD_OK && options->snapshots_path)
    code = aod_snapshots_open(&cu->snapshots, options->snapshots_path, err);
  if (code != AOD_OK) {
    aod_results_close(cu->results);
    free(cu);
    return code;
  }
  pthread_mutex_init(&cu->lock, NULL);
  aod__busy_open(&cu->busy, options->busy_ms);
  cu->readers_max = aod_cores();
  cu->pool = aod_pool_open("cu-evaluate", (int)cu->readers_max + SPARE_SLOTS);
  cu->read_pool = aod_pool_open("cu-read", (int)cu->readers_max + SPARE_READERS);
  *out = cu;
  return AOD_OK;
}

static void take_last(void *value, void *context) {
  (void)context;
  aod__snapshot_take(value);
}

void aod_cu_stop(aod_cu_t *cu) {
  if (cu) cu->stopping = true;
}

void aod_cu_close(aod_cu_t *cu) {
  if (!cu) return;
  pthread_mutex_lock(&cu->lock);
  cu->closing = true;
  pthread_mutex_unlock(&cu->lock);
  aod_pool_close(cu->pool);
  aod_pool_close(cu->read_pool);
  aod__busy_close(&cu->busy);
  if (cu->snapshot_at_close) aod_idmap_each(&cu->processes, take_last, NULL);
  aod__process_free_all(cu);
  aod_results_close(cu->results);
  aod_snapshots_close(cu->snapshots);
  pthread_mutex_destroy(&cu->lock);
  free(cu);
}

const aod_computer_t *aod_cu_computer(aod_cu_t *cu) {
  return &cu->interface;
}
