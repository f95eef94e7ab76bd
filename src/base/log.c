#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static atomic_int threshold = AOD_LOG_INFO;

void aod_log_set_level(aod_log_level_t level) {
  atomic_store(&threshold, (int)level);
}

void aod_log(aod_log_level_t level, const char *unit, const char *format, ...) {
  static const char *const names[] = {"debug", "info", "warn", "error"};
  if ((int)level < atomic_load(&threshold)) return;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct tm utc;
  gmtime_r(&now.tv_sec, &utc);
  char text[2000];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fprintf(stderr, "%02d:%02d:%02d.%03ld %s %s: %s\n", utc.tm_hour, utc.tm_min, utc.tm_sec,
          now.tv_nsec / 1000000, names[level], unit, text);
}
