#include "base/metrics.h"

void aod_metrics_write(const aod_metric_t *table, const void *values, aod_buf_t *text) {
  for (const aod_metric_t *row = table; row->name; row++) {
    const atomic_ullong *value = (const atomic_ullong *)((const char *)values + row->offset);
    bool counts = row->type == AOD_METRIC_COUNTER;
    aod_buf_printf(text, "# TYPE %s %s\n# HELP %s %s.\n%s%s %llu\n", row->name,
                   counts ? "counter" : "gauge", row->name, row->doc, row->name,
                   counts ? "_total" : "", atomic_load(value));
  }
  aod_buf_text(text, "# EOF\n");
}
