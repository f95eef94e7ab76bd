/* Cron definitions of processes: tags are lines, names and values apart by '='. Whatever they say,
 * moments never go back, and what fires has tags. */
#include "ao/cron.h"
#include "base/error.h"

enum { TAGS_MAX = 50, MOMENTS_MAX = 200 };

static aod_tags_t read_tags(aod_slice_t text, aod_arena_t *arena) {
  aod_tags_t tags = {.list = aod_arena_alloc(arena, TAGS_MAX * sizeof *tags.list)};
  for (aod_slice_t rest = text; rest.ptr && tags.count < TAGS_MAX;) {
    aod_slice_t value = aod_slice_cut(&rest, '\n');
    aod_slice_t name = aod_slice_cut(&value, '=');
    tags.list[tags.count++] = (aod_tag_t){.name = name, .value = value};
  }
  return tags;
}

static void run(const aod_crons_t *crons) {
  aod_cron_place_t place;
  aod_cron_moment_t moment;
  aod_crons_begin(crons, &place);
  int64_t last_ms = INT64_MIN;
  for (int i = 0; i < MOMENTS_MAX; i++) {
    aod_block_t block = {.height = place.next_height, .timestamp_ms = place.at_ms / 1000 * 1000};
    if (!aod_crons_next(crons, &place, i % 3 ? &block : NULL, INT64_MAX, &moment)) return;
    aod_assert(moment.due_ms >= last_ms);
    last_ms = moment.due_ms;
    for (size_t j = 0; j < crons->count; j++) {
      const aod_cron_t *cron = &crons->list[j];
      if (aod_cron_fires(crons, cron, &moment)) aod_assert(cron->every && cron->tags.list);
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  aod_arena_t arena = {0};
  aod_crons_t crons;
  aod_tags_t tags = read_tags(aod_slice(data, len), &arena);
  if (aod_crons_parse(&tags, &arena, &crons, NULL) == AOD_OK) {
    crons.origin_ms = len % 2 ? INT64_C(1700000000250) : INT64_MAX - INT64_C(1000000000);
    crons.origin_height = 1000;
    for (size_t i = 0; i < crons.count; i++)
      aod_cron_id_by_block(aod_cron_id(&crons.list[i], &arena));
    run(&crons);
  }
  aod_arena_free(&arena);
  return 0;
}
