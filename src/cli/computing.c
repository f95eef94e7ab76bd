#include "cli/computing.h"

void aod_computing_apply(const aod_computing_t *given, aod_network_options_t *options) {
  options->memory_bytes = (uint64_t)given->memory_bytes;
  options->process_bytes = (uint64_t)given->process_bytes;
  options->busy_ms = given->busy_ms;
  options->no_weavedrive = given->no_weavedrive;
  options->checkpoints = given->checkpoints;
  options->trusted = given->trusted.values;
  options->trusted_count = given->trusted.count;
  options->ignored = given->ignored.values;
  options->ignored_count = given->ignored.count;
}
