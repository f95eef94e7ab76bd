#include "ao/cron.h"

#include <math.h>
#include <stdlib.h>

/* ---- intervals ---- */

/* The units of the npm package `ms`, which the reference reads intervals with. */
static const struct {
  const char *names[6];
  double ms;
} units[] = {
    {{"milliseconds", "millisecond", "msecs", "msec", "ms"}, 1},
    {{"seconds", "second", "secs", "sec", "s"}, 1e3},
    {{"minutes", "minute", "mins", "min", "m"}, 60e3},
    {{"hours", "hour", "hrs", "hr", "h"}, 3600e3},
    {{"days", "day", "d"}, 86400e3},
    {{"weeks", "week", "w"}, 7 * 86400e3},
    {{"years", "year", "yrs", "yr", "y"}, 365.25 * 86400e3},
};

/* Milliseconds in a unit, 0 for an unknown one. No unit means milliseconds. */
static double unit_ms(aod_slice_t name) {
  if (name.len == 0) return 1;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    for (const char *const *known = units[i].names; *known; known++)
      if (aod_slice_is_nocase(name, *known)) return units[i].ms;
  return 0;
}

static size_t count_digits(aod_slice_t text) {
  size_t count = 0;
  while (count < text.len && text.ptr[count] >= '0' && text.ptr[count] <= '9') count++;
  return count;
}

/* "10", "1.5", ".5"; false for anything else. */
static bool read_decimal(aod_slice_t text, double *number) {
  enum { CHARS_MAX = 40 };
  size_t whole = count_digits(text), fraction = 0;
  bool point = whole < text.len && text.ptr[whole] == '.';
  if (point) fraction = count_digits(aod_slice_sub(text, whole + 1, text.len));
  bool complete = text.len == whole + point + fraction;
  if (!complete || (point ? fraction : whole) == 0 || text.len > CHARS_MAX) return false;
  char copy[CHARS_MAX + 1];
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = 0;
  *number = strtod(copy, NULL);
  return true;
}

/* Leading digits as JavaScript's parseInt takes them; 0 when there are none or too many. */
static uint64_t read_blocks(aod_slice_t text) {
  uint64_t number = 0;
  if (!aod_slice_to_u64(aod_slice_sub(text, 0, count_digits(text)), &number)) return 0;
  return number;
}

static int read_interval(aod_slice_t text, aod_cron_t *cron, aod_error_t *err) {
  static const double seconds_max = 9e12; /* 285,000 years */
  aod_slice_t rest = text;
  aod_slice_t value = aod_slice_trim(aod_slice_cut(&rest, '-'));
  aod_slice_t unit = aod_slice_trim(aod_slice_cut(&rest, '-'));
  cron->interval = text;
  cron->by_block = aod_slice_is(unit, "block") || aod_slice_is(unit, "blocks");
  if (cron->by_block) {
    cron->every = read_blocks(value);
    return AOD_OK;
  }
  double number, ms = unit_ms(unit);
  if (!ms || !read_decimal(value, &number)) return AOD_OK;
  double seconds = floor(number * ms / 1000);
  if (seconds < 1)
    return aod_fail(err, AOD_EINPUT,
                    "time-based cron cannot be less than 1 second: Cron-Interval \"%.*s\"",
                    AOD_ARG(aod_slice_sub(text, 0, 100)));
  cron->every = seconds > seconds_max ? 0 : (uint64_t)seconds;
  return AOD_OK;
}

/* ---- definitions ---- */

static const char tag_prefix[] = "Cron-Tag-";

/* What follows "Cron-Tag-". */
static aod_slice_t own_tag_name(aod_slice_t name) {
  return aod_slice_sub(name, sizeof tag_prefix - 1, name.len);
}

/* Blocks before time; by block as they stand, by time the shortest first, what never fires last. */
static bool stands_before(const aod_cron_t *a, const aod_cron_t *b) {
  if (a->by_block != b->by_block) return a->by_block;
  if (a->by_block) return false;
  return a->every - 1 < b->every - 1; /* unsigned: 0 is the largest */
}

/* In place, keeping the order of equals; there are few. */
static void sort(aod_crons_t *crons) {
  for (size_t i = 1; i < crons->count; i++) {
    aod_cron_t moving = crons->list[i];
    size_t at = i;
    for (; at > 0 && stands_before(&moving, &crons->list[at - 1]); at--)
      crons->list[at] = crons->list[at - 1];
    crons->list[at] = moving;
  }
}

static void number(aod_crons_t *crons) {
  size_t next[2] = {0, 0};
  for (size_t i = 0; i < crons->count; i++) crons->list[i].index = next[crons->list[i].by_block]++;
}

static int add_tag(aod_crons_t *crons, const aod_tag_t *tag, aod_error_t *err) {
  if (crons->count == 0)
    return aod_fail(err, AOD_EINPUT, "tag %.*s stands before any Cron-Interval",
                    AOD_ARG(aod_slice_sub(tag->name, 0, 100)));
  aod_tags_t *tags = &crons->list[crons->count - 1].tags;
  tags->list[tags->count++] = (aod_tag_t){.name = own_tag_name(tag->name), .value = tag->value};
  return AOD_OK;
}

int aod_crons_parse(const aod_tags_t *tags, aod_arena_t *arena, aod_crons_t *crons,
                    aod_error_t *err) {
  *crons = (aod_crons_t){0};
  size_t intervals = 0;
  for (size_t i = 0; i < tags->count; i++)
    intervals += aod_slice_is(tags->list[i].name, "Cron-Interval");
  crons->list = aod_arena_alloc(arena, (intervals + 1) * sizeof *crons->list);
  for (size_t i = 0; i < tags->count; i++) {
    const aod_tag_t *tag = &tags->list[i];
    int code = AOD_OK;
    if (aod_slice_is(tag->name, "Cron-Interval")) {
      aod_cron_t *cron = &crons->list[crons->count++];
      cron->tags.list = aod_arena_alloc(arena, (tags->count - i) * sizeof *cron->tags.list);
      code = read_interval(tag->value, cron, err);
    } else if (aod_slice_starts(tag->name, tag_prefix)) {
      code = add_tag(crons, tag, err);
    }
    if (code != AOD_OK) return code;
  }
  sort(crons);
  number(crons);
  return AOD_OK;
}

/* ---- moments ---- */

enum { SECOND_MS = 1000 };

void aod_crons_begin(const aod_crons_t *crons, aod_cron_place_t *place) {
  *place = (aod_cron_place_t){.at_ms = crons->origin_ms,
                              .height = crons->origin_height,
                              .next_height = crons->origin_height + 1};
}

/* The first moment of a cron from `at_ms` on, INT64_MAX: never. */
static int64_t first_moment(const aod_crons_t *crons, const aod_cron_t *cron, int64_t at_ms) {
  if (cron->by_block || cron->every == 0) return INT64_MAX;
  int64_t every_ms = (int64_t)cron->every * SECOND_MS;
  int64_t past_ms = at_ms - crons->origin_ms;
  int64_t times = past_ms <= every_ms ? 1 : (past_ms + every_ms - 1) / every_ms;
  if (times > (INT64_MAX - crons->origin_ms) / every_ms) return INT64_MAX;
  return crons->origin_ms + times * every_ms;
}

static int64_t next_tick(const aod_crons_t *crons, int64_t at_ms) {
  int64_t tick_ms = INT64_MAX;
  for (size_t i = 0; i < crons->count; i++) {
    int64_t moment_ms = first_moment(crons, &crons->list[i], at_ms);
    if (moment_ms < tick_ms) tick_ms = moment_ms;
  }
  return tick_ms;
}

int64_t aod_cron_block_due_ms(const aod_block_t *block) {
  if (block->timestamp_ms > INT64_MAX - SECOND_MS) return INT64_MAX;
  return block->timestamp_ms - block->timestamp_ms % SECOND_MS + SECOND_MS - 1;
}

/* A block that became known late has its moment at once, so that moments stay in order. */
static int64_t block_due(const aod_cron_place_t *place, const aod_block_t *block) {
  int64_t due_ms = aod_cron_block_due_ms(block);
  return due_ms > place->at_ms ? due_ms : place->at_ms;
}

static void take_block(aod_cron_place_t *place, const aod_block_t *block, int64_t due_ms,
                       aod_cron_moment_t *moment) {
  place->at_ms = due_ms;
  place->next_height = block->height + 1;
  if (block->height > place->height) place->height = block->height;
  *moment = (aod_cron_moment_t){.by_block = true,
                                .due_ms = due_ms,
                                .timestamp_ms = block->timestamp_ms,
                                .block_height = block->height};
}

bool aod_crons_next(const aod_crons_t *crons, aod_cron_place_t *place, const aod_block_t *block,
                    int64_t until_ms, aod_cron_moment_t *moment) {
  int64_t tick_ms = next_tick(crons, place->at_ms);
  int64_t due_ms = block ? block_due(place, block) : INT64_MAX;
  if (due_ms < until_ms && due_ms <= tick_ms) {
    take_block(place, block, due_ms, moment);
    return true;
  }
  if (tick_ms < until_ms) {
    place->at_ms = tick_ms + 1;
    *moment = (aod_cron_moment_t){
        .due_ms = tick_ms, .timestamp_ms = tick_ms, .block_height = place->height};
    return true;
  }
  if (place->at_ms < until_ms) place->at_ms = until_ms;
  return false;
}

bool aod_cron_fires(const aod_crons_t *crons, const aod_cron_t *cron,
                    const aod_cron_moment_t *moment) {
  if (cron->by_block != moment->by_block || cron->every == 0) return false;
  if (cron->by_block)
    return moment->block_height > crons->origin_height &&
           (moment->block_height - crons->origin_height) % cron->every == 0;
  int64_t seconds = (moment->timestamp_ms - crons->origin_ms) / SECOND_MS;
  return seconds > 0 && (uint64_t)seconds % cron->every == 0;
}

/* ---- ids ---- */

aod_slice_t aod_cron_id(const aod_cron_t *cron, aod_arena_t *arena) {
  return aod_text(aod_arena_printf(arena, "%zu-%.*s", cron->index, AOD_ARG(cron->interval)));
}

bool aod_cron_id_by_block(aod_slice_t id) {
  aod_slice_t rest = id;
  aod_cron_t cron;
  aod_slice_cut(&rest, '-'); /* the index */
  return read_interval(rest, &cron, NULL) == AOD_OK && cron.by_block;
}
