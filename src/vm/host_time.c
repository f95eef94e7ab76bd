/* Time, as a module sees it: a counter that stands for the clock, and the calendar in UTC. */
#include "vm/calendar.h"
#include "vm/host.h"

#include <stdlib.h>

/* ---- the clock ---- */

static void store_double(uint64_t *slot, double value) {
  memcpy(slot, &value, sizeof *slot);
}

static bool is_old_glue(const aod_host_t *host) {
  return host->format->glue & (AOD_GLUE_1 | AOD_GLUE_2);
}

void aod__host_date_now(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  store_double(slots, is_old_glue(host) ? 0 : (double)aod_host_tick(host));
}

/* In formats 1 and 2 the glue reads a pair from a mock that gives a number: NaN. */
void aod__host_now(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  if (is_old_glue(host))
    slots[0] = 0xfff8000000000000u;
  else
    store_double(slots, (double)aod_host_tick(host));
}

/* ---- struct tm in the module's memory ---- */

#define TM_BYTES 36 /* second to is_dst, an i32 each */

static uint64_t gmt_offset_at(const aod_host_t *host, uint64_t tm) {
  return tm + (host->format->wide ? 40 : 36);
}

static uint64_t zone_at(const aod_host_t *host, uint64_t tm) {
  return tm + (host->format->wide ? 48 : 40);
}

static aod_calendar_t load_tm(aod_host_t *host, uint64_t tm) {
  aod_calendar_t calendar;
  memcpy(&calendar, aod_host_read(host, tm, TM_BYTES), sizeof calendar);
  return calendar;
}

/* All but is_dst, which _gmtime_js leaves alone. */
static void store_tm(aod_host_t *host, uint64_t tm, const aod_calendar_t *calendar) {
  memcpy(aod_host_write(host, tm, TM_BYTES - 4), calendar, TM_BYTES - 4);
}

static void gmtime(aod_host_t *host, int64_t seconds, uint64_t tm) {
  aod_calendar_t calendar;
  aod_calendar_from_seconds(seconds, &calendar);
  store_tm(host, tm, &calendar);
}

static void localtime(aod_host_t *host, int64_t seconds, uint64_t tm) {
  gmtime(host, seconds, tm);
  aod_host_store_pointer(host, gmt_offset_at(host, tm), 0);
  aod_host_store32(host, tm + TM_BYTES - 4, 0);
}

/* The glue's generations pass a time as an i64, as two i32, or by a pointer to an i32. */

static int64_t time_pair(const uint64_t *slots) {
  return (int64_t)((slots[0] & UINT32_MAX) | slots[1] << 32);
}

static int64_t time_pointer(aod_host_t *host, const uint64_t *slots) {
  return (int32_t)aod_host_load32(host, slots[0]);
}

void aod__host_gmtime(aod_wasm_instance_t *instance, uint64_t *slots) {
  gmtime(aod_host_of(instance), (int64_t)slots[0], slots[1]);
}

void aod__host_gmtime_pair(aod_wasm_instance_t *instance, uint64_t *slots) {
  gmtime(aod_host_of(instance), time_pair(slots), slots[2]);
}

void aod__host_gmtime_pointer(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  gmtime(host, time_pointer(host, slots), slots[1]);
}

void aod__host_localtime(aod_wasm_instance_t *instance, uint64_t *slots) {
  localtime(aod_host_of(instance), (int64_t)slots[0], slots[1]);
}

void aod__host_localtime_pair(aod_wasm_instance_t *instance, uint64_t *slots) {
  localtime(aod_host_of(instance), time_pair(slots), slots[2]);
}

void aod__host_localtime_pointer(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  localtime(host, time_pointer(host, slots), slots[1]);
}

/* ---- mktime ---- */

/* An i64 result of a 32-bit module: low word returned, high word left where the glue leaves it. */
static void return_i64(aod_host_t *host, uint64_t *slots, int64_t value) {
  slots[0] = (uint64_t)value;
  if (host->format->wide) return;
  uint64_t high[1] = {(uint64_t)value >> 32};
  if (aod_host_has(host, AOD_EXPORT_TEMP_RET))
    aod_host_call(host, AOD_EXPORT_TEMP_RET, high);
  else
    host->temp_ret = (int32_t)high[0];
  slots[0] = (uint32_t)value;
}

void aod__host_mktime(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint64_t tm = slots[0];
  aod_calendar_t calendar = load_tm(host, tm), normal = {0};
  int64_t seconds = -1;
  if (aod_calendar_to_seconds(&calendar, &seconds))
    aod_calendar_from_seconds(seconds, &normal);
  else
    seconds = -1;
  store_tm(host, tm, &normal);
  if (calendar.is_dst < 0) aod_host_store32(host, tm + TM_BYTES - 4, 0);
  return_i64(host, slots, seconds);
}

/* ---- time zone ---- */

/* where to store: timezone (long), daylight (int), standard name, summer name */
void aod__host_tzset(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_host_store_pointer(host, slots[0], 0);
  aod_host_store32(host, slots[1], 0);
  memcpy(aod_host_write(host, slots[2], 4), "UTC", 4);
  memcpy(aod_host_write(host, slots[3], 4), "UTC", 4);
}

static uint64_t new_zone_name(aod_host_t *host) {
  static const char text[] = "Coordinated Universal Time";
  uint64_t slots[1] = {sizeof text};
  aod_host_call(host, AOD_EXPORT_MALLOC, slots);
  memcpy(aod_host_write(host, slots[0], sizeof text), text, sizeof text);
  return slots[0];
}

/* Formats 1 and 2: timezone, daylight, char *names[2]. The names are allocated in the module, so
 * how often this acts is part of the image: at the first call of the process. */
void aod__host_tzset_names(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  if (host->tzset_done) return;
  host->tzset_done = true;
  aod_host_store32(host, slots[0], 0);
  aod_host_store32(host, slots[1], 0);
  uint64_t winter = new_zone_name(host), summer = new_zone_name(host);
  aod_host_store32(host, slots[2], (uint32_t)summer);
  aod_host_store32(host, slots[2] + 4, (uint32_t)winter);
}

/* ---- strftime ---- */

#define ZONE_BYTES_MAX 256

static void store_text(aod_host_t *host, uint64_t *slots, aod_slice_t text) {
  uint64_t to = slots[0], max = slots[1];
  slots[0] = 0;
  if (text.len + 1 > max) return;
  uint8_t *at = aod_host_write(host, to, text.len + 1);
  memcpy(at, text.ptr, text.len);
  at[text.len] = 0;
  slots[0] = text.len;
}

void aod__host_strftime(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint64_t tm = slots[3];
  aod_calendar_t calendar = load_tm(host, tm);
  int32_t gmt_offset = (int32_t)aod_host_load32(host, gmt_offset_at(host, tm));
  uint64_t zone = aod_host_load_pointer(host, zone_at(host, tm));
  aod_slice_t zone_name = zone ? aod_host_string(host, zone) : AOD_EMPTY;
  aod_slice_t format = aod_host_string(host, slots[2]);
  /* Each two bytes may become a zone name, and the text is searched for each conversion. */
  aod_host_charge(host, AOD_HOST_CALL_COST);
  if (zone_name.len > ZONE_BYTES_MAX) zone_name.len = ZONE_BYTES_MAX;
  aod_host_charge(host, format.len * (ZONE_BYTES_MAX + 64));
  aod_buf_clear(&host->scratch);
  if (!aod_calendar_format(&host->scratch, format, &calendar, gmt_offset, zone_name))
    aod_host_fail(host, "Cannot read properties of undefined (reading 'substring')");
  store_text(host, slots, aod_buf_slice(&host->scratch));
}
