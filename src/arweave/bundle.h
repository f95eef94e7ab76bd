/* Bundles of data items (arweave.md 2.6, 2.7): the payload of a transaction or an item. */
#ifndef AOD_ARWEAVE_BUNDLE_H
#define AOD_ARWEAVE_BUNDLE_H

#include "arweave/item.h"

/* A parsed header; borrows the payload. */
typedef struct {
  aod_slice_t payload;
  size_t count;
} aod_bundle_t;

/* One item as the header announces it. */
typedef struct {
  aod_slice_t raw; /* the item's bytes, not looked at yet */
  size_t offset;   /* of `raw` in the payload */
  uint8_t id[AOD_ID_BYTES];
} aod_bundle_entry_t;

/* Where an iteration stands; zeroed = before the first item. */
typedef struct {
  size_t index, offset;
} aod_bundle_cursor_t;

/* Check that the header and all announced items lie inside the payload. Bytes after the last item
 * are tolerated, as gateways do. AOD_EINPUT naming the reason. */
int aod_bundle_parse(aod_slice_t payload, aod_bundle_t *bundle, aod_error_t *err);
/* The next entry; false after the last. */
bool aod_bundle_next(const aod_bundle_t *bundle, aod_bundle_cursor_t *cursor,
                     aod_bundle_entry_t *entry);
/* Parse an entry, and check that its id is the announced one. Does not verify the signature. */
int aod_bundle_entry_parse(const aod_bundle_entry_t *entry, aod_arena_t *arena, aod_item_t *item,
                           aod_error_t *err);

/* Append the payload made of complete, signed items. AOD_EINPUT when one of them has no header. */
int aod_bundle_build(const aod_slice_t *items, size_t count, aod_buf_t *payload, aod_error_t *err);

/* Do the tags say that the data is a bundle? */
bool aod_tags_announce_bundle(const aod_tags_t *tags);

/* ---- nested bundles ---- */

typedef struct {
  aod_bundle_entry_t entry;   /* `offset` counts from the start of the outermost payload */
  const aod_item_t *item;     /* NULL when `problem` is set and the item could not be parsed */
  const aod_item_t *parent;   /* the bundle item around it; NULL at the top */
  size_t depth;               /* 0 at the top */
  const aod_error_t *problem; /* why the item, or the bundle inside of it, is not valid; or NULL */
} aod_bundle_visit_t;

typedef struct {
  size_t depth_max, item_max;
  bool verify; /* signatures too */
} aod_bundle_limits_t;

#define AOD_BUNDLE_LIMITS                                                                          \
  ((aod_bundle_limits_t){.depth_max = 16, .item_max = 100000, .verify = true})

/* Walk all items depth first, parents before children. Invalid items are visited with their problem
 * and not entered; their siblings go on. An item lives until it and all inside of it have been
 * visited. A visitor that returns a negative code ends the walk with it. AOD_EINPUT when the
 * outermost payload is no bundle, AOD_ELIMIT when there are more than item_max items; a bundle
 * deeper than depth_max is a problem of the item around it. */
int aod_bundle_walk(aod_slice_t payload, aod_bundle_limits_t limits,
                    int (*visit)(void *context, const aod_bundle_visit_t *visit), void *context,
                    aod_error_t *err);

#endif
