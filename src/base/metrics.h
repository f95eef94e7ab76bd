/* Counters and gauges, as monitoring systems read them: a row each, written as OpenMetrics text. */
#ifndef AOD_BASE_METRICS_H
#define AOD_BASE_METRICS_H

#include <stdatomic.h>

#include "base/bytes.h"

typedef enum {
  AOD_METRIC_COUNTER, /* only grows; its name is written with "_total" behind it */
  AOD_METRIC_GAUGE
} aod_metric_type_t;

typedef struct {
  const char *name; /* "ao_mu_parked" */
  aod_metric_type_t type;
  const char *doc;
  size_t offset; /* of an atomic_ullong in the struct that is written */
} aod_metric_t;

#define AOD_METRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Append the values in `values`; the table ends with a row without name. */
void aod_metrics_write(const aod_metric_t *table, const void *values, aod_buf_t *text);

#endif
