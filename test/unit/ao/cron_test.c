#include "ao/cron.h"

#include "support/check.h"

static aod_arena_t arena;
static aod_error_t err;
static aod_crons_t crons;

enum { TAGS_MAX = 20 };
#define ORIGIN_MS     INT64_C(1700000000250)
#define ORIGIN_HEIGHT UINT64_C(100)

/* Names and values in turn, ended by NULL. */
static int parse(const char *const *words) {
  aod_tags_t tags = {.list = aod_arena_alloc(&arena, TAGS_MAX * sizeof *tags.list)};
  for (; words[0]; words += 2)
    tags.list[tags.count++] = (aod_tag_t){.name = aod_text(words[0]), .value = aod_text(words[1])};
  int code = aod_crons_parse(&tags, &arena, &crons, &err);
  crons.origin_ms = ORIGIN_MS;
  crons.origin_height = ORIGIN_HEIGHT;
  return code;
}

static void define(const char *const *words) {
  check_ok(parse(words), &err);
}
#define WORDS(...)     ((const char *const[]){__VA_ARGS__, NULL})
#define INTERVAL(text) WORDS("Cron-Interval", text)

/* ---- definitions ---- */

static void intervals_are_blocks_or_seconds(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool by_block;
    uint64_t every; /* 0: never */
  } rows[] = {
      {"10-blocks", true, 10},
      {"1-block", true, 1},
      {" 7 - blocks ", true, 7},
      {"7x-blocks", true, 7},
      {"0-blocks", true, 0},
      {"x-blocks", true, 0},
      {"-blocks", true, 0},
      {"99999999999999999999-blocks", true, 0},
      {"10-Blocks", false, 0},
      {"1-second", false, 1},
      {"10-seconds", false, 10},
      {"10-SECONDS", false, 10},
      {"2-s", false, 2},
      {"3-secs", false, 3},
      {"5-minutes", false, 300},
      {"1-minute", false, 60},
      {"1-m", false, 60},
      {"1-min", false, 60},
      {"2-hours", false, 7200},
      {"1-hr", false, 3600},
      {"1-day", false, 86400},
      {"2-weeks", false, 1209600},
      {"1-year", false, 31557600},
      {"1.5-seconds", false, 1},
      {"1.5-hours", false, 5400},
      {".5-hours", false, 1800},
      {"1500-ms", false, 1},
      {"2000-milliseconds", false, 2},
      {"5000", false, 5},
      {"10-seconds-more", false, 10},
      {"1-month", false, 0},
      {"2-months", false, 0},
      {"x-seconds", false, 0},
      {"1.-seconds", false, 0},
      {"1e3-seconds", false, 0},
      {"-5-seconds", false, 0},
      {"-seconds", false, 0},
      {"", false, 0},
      {"-", false, 0},
      {"1000000000000-years", false, 0},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    define(INTERVAL(rows[i].text));
    const aod_cron_t *cron = &crons.list[0];
    if (crons.count != 1 || cron->by_block != rows[i].by_block || cron->every != rows[i].every)
      fail_msg("\"%s\": %s every %llu", rows[i].text, cron->by_block ? "block" : "time",
               (unsigned long long)cron->every);
    check_text(cron->interval, rows[i].text);
  }
}

static void less_than_a_second_is_refused(void **state) {
  (void)state;
  static const char *const texts[] = {"0-seconds", "999-ms", "0.9-seconds", "10", "0", "0-years"};
  for (size_t i = 0; i < COUNT_OF(texts); i++)
    check_fails(parse(INTERVAL(texts[i])), AOD_EINPUT, &err,
                "time-based cron cannot be less than 1 second");
}

static void tags_belong_to_the_interval_before_them(void **state) {
  (void)state;
  define(WORDS("Name", "n", "Cron-Interval", "1-second", "Cron-Tag-Action", "A", "Cron-Tag-X", "1",
               "Module", "m", "Cron-Interval", "2-blocks", "Cron-Tag-Action", "B", "Cron-Tag-",
               "e"));
  assert_int_equal(crons.count, 2);
  const aod_cron_t *block = &crons.list[0], *time = &crons.list[1];
  assert_int_equal(time->tags.count, 2);
  check_text(time->tags.list[0].name, "Action");
  check_text(time->tags.list[0].value, "A");
  check_text(time->tags.list[1].name, "X");
  assert_int_equal(block->tags.count, 2);
  check_text(block->tags.list[0].value, "B");
  check_text(block->tags.list[1].name, "");
}

static void a_tag_before_any_interval_is_refused(void **state) {
  (void)state;
  check_fails(parse(WORDS("Cron-Tag-Action", "A", "Cron-Interval", "1-second")), AOD_EINPUT, &err,
              "Cron-Tag-Action stands before any Cron-Interval");
}

static void without_intervals_there_are_none(void **state) {
  (void)state;
  define(WORDS("Name", "n"));
  assert_int_equal(crons.count, 0);
}

static void check_order(const char *const *words, const char *ids) {
  define(words);
  aod_buf_t text = {0};
  for (size_t i = 0; i < crons.count; i++) {
    aod_slice_t id = aod_cron_id(&crons.list[i], &arena);
    assert_true(aod_cron_id_by_block(id) == crons.list[i].by_block);
    aod_buf_printf(&text, "%.*s ", AOD_ARG(id));
  }
  check_text(aod_buf_slice(&text), ids);
  aod_buf_free(&text);
}

static void ids_count_each_kind_blocks_as_they_stand_time_by_length(void **state) {
  (void)state;
  check_order(WORDS("Cron-Interval", "1-minute", "Cron-Interval", "9-blocks", "Cron-Interval",
                    "10-seconds", "Cron-Interval", "2-blocks", "Cron-Interval", "1-month",
                    "Cron-Interval", "60-seconds"),
              "0-9-blocks 1-2-blocks 0-10-seconds 1-1-minute 2-60-seconds 3-1-month ");
}

/* ---- moments ---- */

/* Blocks of a test: heights from ORIGIN_HEIGHT + 1 on, at these milliseconds after the origin's
 * second. */
static aod_block_t blocks[50];
static size_t block_count;

static void set_blocks(size_t count, const int64_t *offsets_ms) {
  block_count = count;
  for (size_t i = 0; i < count; i++) {
    int64_t at_ms = ORIGIN_MS - ORIGIN_MS % 1000 + offsets_ms[i];
    blocks[i] =
        (aod_block_t){.height = ORIGIN_HEIGHT + 1 + i, .timestamp_ms = at_ms - at_ms % 1000};
  }
}
#define BLOCKS(...)                                                                                \
  set_blocks(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (const int64_t[]){__VA_ARGS__})

static const aod_block_t *known_block(uint64_t from_height) {
  size_t index = from_height - ORIGIN_HEIGHT - 1;
  return index < block_count ? &blocks[index] : NULL;
}

/* Everything that fires before `until_ms` (after the origin): "id@timestamp/height", the timestamp
 * after the origin's second. */
static void fire(aod_cron_place_t *place, int64_t until_ms, aod_buf_t *text) {
  aod_cron_moment_t moment;
  while (
      aod_crons_next(&crons, place, known_block(place->next_height), ORIGIN_MS + until_ms, &moment))
    for (size_t i = 0; i < crons.count; i++)
      if (aod_cron_fires(&crons, &crons.list[i], &moment))
        aod_buf_printf(text, "%.*s@%lld/%llu ", AOD_ARG(aod_cron_id(&crons.list[i], &arena)),
                       (long long)(moment.timestamp_ms - (ORIGIN_MS - ORIGIN_MS % 1000)),
                       (unsigned long long)moment.block_height);
}

static void check_fired(int64_t until_ms, const char *expected) {
  aod_buf_t text = {0};
  aod_cron_place_t place;
  aod_crons_begin(&crons, &place);
  fire(&place, until_ms, &text);
  check_text(aod_buf_slice(&text), expected);
  assert_true(place.at_ms >= ORIGIN_MS + until_ms);
  aod_buf_free(&text);
}

static void time_fires_at_whole_seconds_after_the_origin(void **state) {
  (void)state;
  block_count = 0;
  define(INTERVAL("2-seconds"));
  check_fired(0, "");
  check_fired(2000, "");
  check_fired(2001, "0-2-seconds@2250/100 ");
  check_fired(6500, "0-2-seconds@2250/100 0-2-seconds@4250/100 0-2-seconds@6250/100 ");
}

static void several_fire_shortest_first(void **state) {
  (void)state;
  block_count = 0;
  define(WORDS("Cron-Interval", "3-seconds", "Cron-Interval", "1-second"));
  check_fired(3001, "0-1-second@1250/100 0-1-second@2250/100 0-1-second@3250/100 "
                    "1-3-seconds@3250/100 ");
}

static void blocks_fire_by_height(void **state) {
  (void)state;
  define(INTERVAL("2-blocks"));
  BLOCKS(1100, 2200, 3300, 4400, 5500);
  check_fired(9000, "0-2-blocks@2000/102 0-2-blocks@4000/104 ");
}

static void blocks_of_one_second_fire_each(void **state) {
  (void)state;
  define(INTERVAL("1-block"));
  BLOCKS(1100, 1100, 1900, 2000);
  check_fired(9000, "0-1-block@1000/101 0-1-block@1000/102 0-1-block@1000/103 "
                    "0-1-block@2000/104 ");
}

/* The second of a block must have passed: another one may still come in it. */
static void a_block_waits_for_the_end_of_its_second(void **state) {
  (void)state;
  define(INTERVAL("1-block"));
  BLOCKS(1100);
  check_fired(1749, ""); /* 1999 after the origin's second */
  check_fired(1750, "0-1-block@1000/101 ");
}

static void blocks_that_fire_nothing_give_time_its_height(void **state) {
  (void)state;
  define(INTERVAL("1-second"));
  BLOCKS(500, 1100, 1100, 2900);
  check_fired(3001, "0-1-second@1250/101 0-1-second@2250/103 0-1-second@3250/104 ");
}

static void a_gap_of_years_costs_nothing(void **state) {
  (void)state;
  block_count = 0;
  define(INTERVAL("1-year"));
  check_fired(INT64_C(31557600000) * 2 + 1, "0-1-year@31557600250/100 0-1-year@63115200250/100 ");
}

static void what_never_fires_has_no_moment(void **state) {
  (void)state;
  block_count = 0;
  define(WORDS("Cron-Interval", "1-month", "Cron-Interval", "0-blocks", "Cron-Interval",
               "200000-years"));
  check_fired(INT64_C(1000000000000), "");
}

static void extremes_do_not_overflow(void **state) {
  (void)state;
  block_count = 0;
  define(INTERVAL("280000-years"));
  crons.origin_ms = INT64_MAX - 5;
  aod_cron_place_t place;
  aod_cron_moment_t moment;
  aod_crons_begin(&crons, &place);
  assert_false(aod_crons_next(&crons, &place, NULL, INT64_MAX, &moment));
  blocks[0] = (aod_block_t){.height = UINT64_MAX, .timestamp_ms = INT64_MAX};
  assert_false(aod_crons_next(&crons, &place, &blocks[0], INT64_MAX, &moment));
}

/* However the time is cut, the same things fire in the same order. */
static void asking_more_often_changes_nothing(void **state) {
  (void)state;
  define(WORDS("Cron-Interval", "1-second", "Cron-Interval", "2-blocks", "Cron-Interval",
               "3-seconds", "Cron-Interval", "1-block"));
  BLOCKS(300, 900, 1000, 1400, 1999, 2000, 2249, 2250, 2251, 4700, 4800, 7300, 9999);
  aod_buf_t whole = {0};
  aod_cron_place_t place;
  aod_crons_begin(&crons, &place);
  fire(&place, 12000, &whole);
  unsigned seed = 42;
  for (int round = 0; round < 2000; round++) {
    aod_buf_t parts = {0};
    aod_crons_begin(&crons, &place);
    for (int64_t until_ms = 0; until_ms < 12000; until_ms += rand_r(&seed) % (round + 2))
      fire(&place, until_ms, &parts);
    fire(&place, 12000, &parts);
    check_bytes(aod_buf_slice(&parts), aod_buf_slice(&whole));
    aod_buf_free(&parts);
  }
  aod_buf_free(&whole);
}

static void moments_never_go_back(void **state) {
  (void)state;
  define(WORDS("Cron-Interval", "1-second", "Cron-Interval", "1-block"));
  BLOCKS(5000, 1000, 3000, 7000); /* as a chain must not, but might */
  aod_cron_place_t place;
  aod_cron_moment_t moment;
  int64_t last_ms = 0;
  int count = 0;
  aod_crons_begin(&crons, &place);
  while (
      aod_crons_next(&crons, &place, known_block(place.next_height), ORIGIN_MS + 10001, &moment)) {
    assert_true(moment.due_ms >= last_ms);
    last_ms = moment.due_ms;
    count++;
  }
  assert_int_equal(count, 10 + 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(intervals_are_blocks_or_seconds),
      TEST(less_than_a_second_is_refused),
      TEST(tags_belong_to_the_interval_before_them),
      TEST(a_tag_before_any_interval_is_refused),
      TEST(without_intervals_there_are_none),
      TEST(ids_count_each_kind_blocks_as_they_stand_time_by_length),
      TEST(time_fires_at_whole_seconds_after_the_origin),
      TEST(several_fire_shortest_first),
      TEST(blocks_fire_by_height),
      TEST(blocks_of_one_second_fire_each),
      TEST(a_block_waits_for_the_end_of_its_second),
      TEST(blocks_that_fire_nothing_give_time_its_height),
      TEST(a_gap_of_years_costs_nothing),
      TEST(what_never_fires_has_no_moment),
      TEST(extremes_do_not_overflow),
      TEST(asking_more_often_changes_nothing),
      TEST(moments_never_go_back),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  aod_arena_free(&arena);
  return failed;
}
