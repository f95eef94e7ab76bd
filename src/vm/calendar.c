/* JavaScript's calendar and strftime as Emscripten's glue has it.
 *
 * The glue formats by replacing text: first the conversions that stand for others, then the rest,
 * one after the other over the whole string. What that does to odd formats ("%%c") is visible to
 * modules, so it is done the same way here. */
#include "vm/calendar.h"

#include <stdio.h>

#define DAY_SECONDS      86400
#define DATE_SECONDS_MAX 8640000000000 /* the limit of JavaScript's Date */

/* ---- days ---- */

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a ^ b) < 0);
}

static bool is_leap(int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 to the first of March of `year`, less the days of January and February:
 * counting from March puts the leap day last. */
static int64_t days_of(int64_t year, int month, int day) {
  int64_t y = month <= 1 ? year - 1 : year;
  int64_t era = floor_div(y, 400), in_era = y - era * 400;
  int64_t in_year = (153 * ((month + 10) % 12) + 2) / 5 + day - 1;
  return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static void date_of(int64_t days, int64_t *year, int *month, int *day) {
  int64_t shifted = days + 719468;
  int64_t era = floor_div(shifted, 146097), in_era = shifted - era * 146097;
  int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
  int from_march = (int)((5 * in_year + 2) / 153);
  *day = (int)(in_year - (153 * from_march + 2) / 5 + 1);
  *month = (from_march + 2) % 12;
  *year = y + era * 400 + (*month <= 1);
}

static int week_day_of(int64_t days) {
  return (int)(((days + 4) % 7 + 7) % 7);
}

bool aod_calendar_from_seconds(int64_t seconds, aod_calendar_t *calendar) {
  *calendar = (aod_calendar_t){0};
  if (seconds > DATE_SECONDS_MAX || seconds < -DATE_SECONDS_MAX) return false;
  int64_t days = floor_div(seconds, DAY_SECONDS), year;
  int in_day = (int)(seconds - days * DAY_SECONDS), month, day;
  date_of(days, &year, &month, &day);
  *calendar = (aod_calendar_t){.second = in_day % 60,
                               .minute = in_day / 60 % 60,
                               .hour = in_day / 3600,
                               .day = day,
                               .month = month,
                               .year = (int32_t)(year - 1900),
                               .week_day = week_day_of(days),
                               .year_day = (int32_t)(days - days_of(year, 0, 1))};
  return true;
}

bool aod_calendar_to_seconds(const aod_calendar_t *calendar, int64_t *seconds) {
  int64_t year = (int64_t)calendar->year + 1900;
  if (year >= 0 && year <= 99) year += 1900;
  year += floor_div(calendar->month, 12);
  int month = (int)(calendar->month - floor_div(calendar->month, 12) * 12);
  if (year > 1000000 || year < -1000000) return false;
  int64_t days = days_of(year, month, 1) + calendar->day - 1;
  *seconds = days * DAY_SECONDS + (int64_t)calendar->hour * 3600 + (int64_t)calendar->minute * 60 +
             calendar->second;
  return *seconds <= DATE_SECONDS_MAX && *seconds >= -DATE_SECONDS_MAX;
}

/* ---- weeks ---- */

/* Monday of ISO week 1 of `year`: the week that has January 4. */
static int64_t first_iso_week(int64_t year) {
  int64_t january_4 = days_of(year, 0, 4);
  return january_4 - (week_day_of(january_4) + 6) % 7;
}

static int64_t iso_year(const aod_calendar_t *c) {
  int64_t days = days_of((int64_t)c->year + 1900, 0, 1) + c->year_day, year;
  int month, day;
  date_of(days, &year, &month, &day);
  if (first_iso_week(year + 1) <= days) return year + 1;
  return first_iso_week(year) <= days ? year : year - 1;
}

/* The glue's own arithmetic, which asks the leap rule of years from 1900. */
static int64_t iso_week(const aod_calendar_t *c) {
  int64_t week = floor_div((int64_t)c->year_day + 7 - ((int64_t)c->week_day + 6) % 7, 7);
  if (((int64_t)c->week_day + 371 - c->year_day - 2) % 7 <= 2) week++;
  if (week == 0) {
    int64_t december_31 = ((int64_t)c->week_day + 7 - c->year_day - 1) % 7;
    bool long_year = december_31 == 4 || (december_31 == 5 && is_leap((int64_t)c->year % 400 - 1));
    return long_year ? 53 : 52;
  }
  if (week == 53) {
    int64_t january_1 = ((int64_t)c->week_day + 371 - c->year_day) % 7;
    if (january_1 != 4 && (january_1 != 3 || !is_leap(c->year))) return 1;
  }
  return week;
}

/* ---- conversions ---- */

typedef struct {
  const aod_calendar_t *calendar;
  int32_t gmt_offset;
  aod_slice_t zone;
} moment_t;

/* At least `width` characters, filled from the left, before a sign too. */
static void padded(aod_buf_t *out, int64_t value, int width, char fill) {
  char digits[24];
  int len = snprintf(digits, sizeof digits, "%lld", (long long)value);
  for (int i = len; i < width; i++) aod_buf_byte(out, (uint8_t)fill);
  aod_buf_text(out, digits);
}

/* The year's text from its third character on. */
static void short_year(aod_buf_t *out, int64_t year) {
  char digits[24];
  int len = snprintf(digits, sizeof digits, "%lld", (long long)year);
  if (len > 2) aod_buf_text(out, digits + 2);
}

static bool name(aod_buf_t *out, const char *const *names, int count, int index, size_t len) {
  if (index < 0 || index >= count) return false;
  aod_buf_append(out, aod_slice_sub(aod_text(names[index]), 0, len));
  return true;
}

static bool week_day_name(aod_buf_t *out, const aod_calendar_t *c, size_t len) {
  static const char *const names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
  return name(out, names, 7, c->week_day, len);
}

static bool month_name(aod_buf_t *out, const aod_calendar_t *c, size_t len) {
  static const char *const names[] = {"January",   "February", "March",    "April",
                                      "May",       "June",     "July",     "August",
                                      "September", "October",  "November", "December"};
  return name(out, names, 12, c->month, len);
}

static int64_t day_of_year(const aod_calendar_t *c) {
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t sum = c->day;
  for (int i = 0; i < 12 && i < c->month; i++)
    sum += lengths[i] + (i == 1 && is_leap((int64_t)c->year + 1900));
  return sum;
}

static void offset(aod_buf_t *out, int32_t seconds) {
  int64_t minutes = (seconds < 0 ? -(int64_t)seconds : seconds) / 60;
  aod_buf_byte(out, seconds < 0 ? '-' : '+');
  padded(out, (minutes / 60 * 100 + minutes % 60) % 10000, 4, '0');
}

static int hour_of_12(int hour) {
  return hour == 0 ? 12 : hour > 12 ? hour - 12 : hour;
}

static bool convert(aod_buf_t *out, char conversion, const moment_t *moment) {
  const aod_calendar_t *c = moment->calendar;
  int64_t year = (int64_t)c->year + 1900;
  switch (conversion) {
  case 'a':
    return week_day_name(out, c, 3);
  case 'A':
    return week_day_name(out, c, SIZE_MAX);
  case 'b':
    return month_name(out, c, 3);
  case 'B':
    return month_name(out, c, SIZE_MAX);
  case 'C':
    padded(out, year / 100, 2, '0');
    break;
  case 'd':
    padded(out, c->day, 2, '0');
    break;
  case 'e':
    padded(out, c->day, 2, ' ');
    break;
  case 'g':
    short_year(out, iso_year(c));
    break;
  case 'G':
    padded(out, iso_year(c), 1, '0');
    break;
  case 'H':
    padded(out, c->hour, 2, '0');
    break;
  case 'I':
    padded(out, hour_of_12(c->hour), 2, '0');
    break;
  case 'j':
    padded(out, day_of_year(c), 3, '0');
    break;
  case 'm':
    padded(out, (int64_t)c->month + 1, 2, '0');
    break;
  case 'M':
    padded(out, c->minute, 2, '0');
    break;
  case 'n':
    aod_buf_byte(out, '\n');
    break;
  case 'p':
    aod_buf_text(out, c->hour >= 0 && c->hour < 12 ? "AM" : "PM");
    break;
  case 'S':
    padded(out, c->second, 2, '0');
    break;
  case 't':
    aod_buf_byte(out, '\t');
    break;
  case 'u':
    padded(out, c->week_day ? c->week_day : 7, 1, '0');
    break;
  case 'U':
    padded(out, floor_div((int64_t)c->year_day + 7 - c->week_day, 7), 2, '0');
    break;
  case 'V':
    padded(out, iso_week(c), 2, '0');
    break;
  case 'w':
    padded(out, c->week_day, 1, '0');
    break;
  case 'W':
    padded(out, floor_div((int64_t)c->year_day + 7 - ((int64_t)c->week_day + 6) % 7, 7), 2, '0');
    break;
  case 'y':
    short_year(out, year);
    break;
  case 'Y':
    padded(out, year, 1, '0');
    break;
  case 'z':
    offset(out, moment->gmt_offset);
    break;
  case 'Z':
    aod_buf_append(out, moment->zone);
    break;
  default:
    return false;
  }
  return true;
}

/* ---- replacing ---- */

/* All occurrences of `from` in *text, left to right, without looking at what was put in. */
static void replace(aod_buf_t *text, aod_slice_t from, aod_slice_t to) {
  aod_slice_t rest = aod_buf_slice(text);
  if (rest.len == 0) return;
  const uint8_t *found = memmem(rest.ptr, rest.len, from.ptr, from.len);
  if (!found) return;
  aod_buf_t out = {0};
  while (found) {
    aod_buf_append(&out, aod_slice(rest.ptr, (size_t)(found - rest.ptr)));
    aod_buf_append(&out, to);
    rest = aod_slice_sub(rest, (size_t)(found - rest.ptr) + from.len, SIZE_MAX);
    found = memmem(rest.ptr, rest.len, from.ptr, from.len);
  }
  aod_buf_append(&out, rest);
  aod_buf_free(text);
  *text = out;
}

static void replace_compound(aod_buf_t *text) {
  static const char *const rules[][2] = {
      {"%c", "%a %b %d %H:%M:%S %Y"},
      {"%D", "%m/%d/%y"},
      {"%F", "%Y-%m-%d"},
      {"%h", "%b"},
      {"%r", "%I:%M:%S %p"},
      {"%R", "%H:%M"},
      {"%T", "%H:%M:%S"},
      {"%x", "%m/%d/%y"},
      {"%X", "%H:%M:%S"},
      {"%Ec", "%c"},
      {"%EC", "%C"},
      {"%Ex", "%m/%d/%y"},
      {"%EX", "%H:%M:%S"},
      {"%Ey", "%y"},
      {"%EY", "%Y"},
      {"%Od", "%d"},
      {"%Oe", "%e"},
      {"%OH", "%H"},
      {"%OI", "%I"},
      {"%Om", "%m"},
      {"%OM", "%M"},
      {"%OS", "%S"},
      {"%Ou", "%u"},
      {"%OU", "%U"},
      {"%OV", "%V"},
      {"%Ow", "%w"},
      {"%OW", "%W"},
      {"%Oy", "%y"},
  };
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    replace(text, aod_text(rules[i][0]), aod_text(rules[i][1]));
}

static bool replace_simple(aod_buf_t *text, const moment_t *moment) {
  bool ok = true;
  for (const char *c = "aAbBCdegGHIjmMnpStuUVwWyYzZ"; *c && ok; c++) {
    char rule[2] = {'%', *c};
    if (!text->len || !memmem(text->ptr, text->len, rule, 2)) continue;
    aod_buf_t value = {0};
    ok = convert(&value, *c, moment);
    if (ok) replace(text, aod_slice(rule, 2), aod_buf_slice(&value));
    aod_buf_free(&value);
  }
  return ok;
}

bool aod_calendar_format(aod_buf_t *out, aod_slice_t format, const aod_calendar_t *calendar,
                         int32_t gmt_offset, aod_slice_t zone) {
  moment_t moment = {calendar, gmt_offset, zone};
  aod_buf_t text = {0};
  aod_buf_append(&text, format);
  replace_compound(&text);
  replace(&text, AOD_TEXT("%%"), AOD_TEXT("\0\0"));
  bool ok = replace_simple(&text, &moment);
  replace(&text, AOD_TEXT("\0\0"), AOD_TEXT("%"));
  if (ok) aod_buf_append(out, aod_buf_slice(&text));
  aod_buf_free(&text);
  return ok;
}
