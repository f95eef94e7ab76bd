/* The calendar of JavaScript's Date in UTC, and the glue's strftime: pure functions. */
#ifndef AOD_VM_CALENDAR_H
#define AOD_VM_CALENDAR_H

#include "base/bytes.h"

/* The first nine members of C's struct tm, with its conventions (month from 0, year from 1900). */
typedef struct {
  int32_t second, minute, hour, day, month, year, week_day, year_day, is_dst;
} aod_calendar_t;

/* `seconds` since 1970 as a date; is_dst is 0. False and all zero beyond JavaScript's range of
 * 100,000,000 days around 1970. */
bool aod_calendar_from_seconds(int64_t seconds, aod_calendar_t *calendar);

/* The other way: fields may lie outside of their ranges and are carried; week_day and year_day are
 * ignored. As in JavaScript a full year of 0 to 99 means 1900 to 1999. False when the date is
 * beyond the range. */
bool aod_calendar_to_seconds(const aod_calendar_t *calendar, int64_t *seconds);

/* Append `format` with its conversions expanded, in the C locale. `gmt_offset` in seconds, `zone`
 * for %Z. False when a week day or month that has no name is to be named. */
bool aod_calendar_format(aod_buf_t *out, aod_slice_t format, const aod_calendar_t *calendar,
                         int32_t gmt_offset, aod_slice_t zone);

#endif
