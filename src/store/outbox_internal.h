/* What outbox.c, monitors.c and trace.c share: the database. */
#ifndef AOD_STORE_OUTBOX_INTERNAL_H
#define AOD_STORE_OUTBOX_INTERNAL_H

#include "store/db.h"
#include "store/outbox.h"

struct aod_outbox {
  aod_db_t *db;
};

extern const char aod__trace_schema[], aod__monitor_schema[];

/* Inside of the writer's transaction. AOD_ENOTFOUND. */
int aod__monitor_move(aod_db_connection_t *connection, const aod_monitor_t *monitor,
                      aod_error_t *err);

/* Add rows and forget old ones, inside of the writer's transaction. */
int aod__trace_add(aod_db_connection_t *connection, aod_traces_t *traces, aod_error_t *err);

static inline void aod__copy_id(uint8_t *to, aod_slice_t from) {
  aod_assert(from.len == 32);
  memcpy(to, from.ptr, 32);
}

#endif
