/* The program's own log: one line an event on stderr, "time level unit: text". Thread-safe. */
#ifndef AOD_BASE_LOG_H
#define AOD_BASE_LOG_H

typedef enum { AOD_LOG_DEBUG, AOD_LOG_INFO, AOD_LOG_WARN, AOD_LOG_ERROR } aod_log_level_t;

/* Lines below `level` are dropped. Default: AOD_LOG_INFO. */
void aod_log_set_level(aod_log_level_t level);

void aod_log(aod_log_level_t level, const char *unit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
