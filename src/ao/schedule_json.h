/* The scheduler's JSON: nodes, pages, processes. Source: shared/spec/units.md 3.6 and 3.7. */
#ifndef AOD_AO_SCHEDULE_JSON_H
#define AOD_AO_SCHEDULE_JSON_H

#include "ao/units.h"
#include "base/json.h"

/* {"message": {...}|null, "assignment": {...}}; `show_anchor`: a binary anchor of the assignment as
 * base64url instead of null. */
void aod_schedule_node_write(const aod_scheduled_t *scheduled, bool show_anchor, aod_buf_t *json);

/* The answer of /processes/<id> for the record of nonce 0. AOD_EINPUT when its assignment is
 * malformed. */
int aod_schedule_process_write(const aod_scheduled_t *scheduled, aod_buf_t *json, aod_error_t *err);

/* The inverse of aod_schedule_node_write: what another scheduler tells of a record. The items get
 * every field but `raw`, `tag_bytes` and `signature_type`; data that was null has a NULL ptr. What
 * the scheduler says is taken on trust: signatures cannot be checked on damaged data. AOD_EINPUT
 * naming the member that is missing or malformed. */
int aod_schedule_node_read(const json_t *node, aod_arena_t *arena, aod_scheduled_t *scheduled,
                           aod_error_t *err);

/* The same for the answer of /processes/<id>, which is all that a scheduler tells of a process that
 * is not in its own schedule: of the assignment it has the tags Process, Block-Height and Timestamp
 * and no more. */
int aod_schedule_process_read(const json_t *process, aod_arena_t *arena, aod_scheduled_t *scheduled,
                              aod_error_t *err);

#endif
