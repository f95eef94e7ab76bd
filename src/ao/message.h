/* The two objects a process is called with: the message and the environment, as JSON texts whose
 * fields, types and order are fixed. Source: shared/spec/units.md 4.5. */
#ifndef AOD_AO_MESSAGE_H
#define AOD_AO_MESSAGE_H

#include "ao/assignment.h"
#include "ao/units.h"
#include "base/json.h"

/* A text whose ptr is NULL is absent. */
typedef struct {
  aod_slice_t id, signature;
  bool data_is_null;
  aod_slice_t data, owner, target;
  bool anchor_is_null;
  aod_slice_t anchor, from, forwarded_by;
  aod_tags_t tags; /* tags named From and Owner are not written */
  bool has_position;
  uint64_t epoch, nonce; /* with has_position */
  int64_t timestamp_ms;
  uint64_t block_height;
  aod_slice_t hash_chain;
  bool cron, read_only;
} aod_message_t;

/* A scheduled record as a message. `assigned` is the transaction that a pure assignment names, NULL
 * otherwise. AOD_EINPUT when the assignment is malformed. Texts live in `arena`. */
int aod_message_from_scheduled(const aod_scheduled_t *scheduled, const aod_item_t *assigned,
                               aod_arena_t *arena, aod_message_t *message, aod_error_t *err);

/* A process item that its schedule does not begin with, as the first message of its process: it has
 * a time, and no position. Texts live in `arena`. */
void aod_message_from_process(const aod_item_t *item, int64_t timestamp_ms, uint64_t block_height,
                              aod_arena_t *arena, aod_message_t *message);

/* What a cron sends. `process` (id) and `owner` are texts; tags live in `arena`. */
void aod_message_from_cron(const aod_tags_t *tags, aod_slice_t process, aod_slice_t owner,
                           int64_t timestamp_ms, uint64_t block_height, aod_arena_t *arena,
                           aod_message_t *message);

/* A dry run's body as a message to `process` (id text). Timestamp and block height are those given,
 * unless the body has its own. AOD_EINPUT when Owner or Tags are missing or wrong. */
int aod_message_from_dry_run(const json_t *body, aod_slice_t process, int64_t timestamp_ms,
                             uint64_t block_height, aod_arena_t *arena, aod_message_t *message,
                             aod_error_t *err);

void aod_message_write(const aod_message_t *message, aod_buf_t *json);

/* Who a process or module is to the code that runs. */
typedef struct {
  aod_slice_t id, owner; /* texts */
  aod_tags_t tags;
} aod_identity_t;

void aod_env_write(const aod_identity_t *process, const aod_identity_t *module, aod_buf_t *json);

/* Fill an identity from an item; texts live in `arena`, tags stay the item's. */
void aod_identity_from_item(const aod_item_t *item, aod_arena_t *arena, aod_identity_t *identity);

/* [{"name":..,"value":..},..] */
void aod_tags_write(const aod_tags_t *tags, aod_buf_t *json);
/* The inverse; AOD_EINPUT unless it is an array of such objects with string members. */
int aod_tags_from_json(const json_t *array, aod_arena_t *arena, aod_tags_t *tags, aod_error_t *err);

#endif
