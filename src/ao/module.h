/* What a compute unit reads from the tags of a module and of a process before it runs anything:
 * format, encodings, extensions and limits. Source: shared/spec/units.md 4.8, wasm-host.md B and F.
 */
#ifndef AOD_AO_MODULE_H
#define AOD_AO_MODULE_H

#include "arweave/item.h"

typedef struct {
  aod_slice_t format; /* the Module-Format, trimmed */
  uint64_t memory_limit_bytes;
  uint64_t compute_limit;
  bool extended;    /* it has the tag Extension: WeaveDrive */
  bool needs_drive; /* its format comes with a drive, tag or not */
} aod_module_terms_t;

#define AOD_MEMORY_LIMIT_MAX  ((uint64_t)1 << 30)
#define AOD_COMPUTE_LIMIT_MAX UINT64_C(9000000000000)

/* Check in the reference's order, with its texts and statuses: AOD_EUNSUPPORTED (422) for format,
 * encodings, extensions; AOD_ELIMIT (413) for limits. Process tags override the module's limits.
 * Ids are texts, for the messages. */
int aod_module_check(const aod_tags_t *module_tags, aod_slice_t module_id,
                     const aod_tags_t *process_tags, aod_slice_t process_id,
                     aod_module_terms_t *terms, aod_error_t *err);

/* AOD_EUNSUPPORTED, for an operator who supports no extensions. */
int aod_module_refuse_extensions(aod_slice_t id, aod_error_t *err);

bool aod_module_format_known(aod_slice_t format); /* white space around it is ignored */

/* "1-gb" and the like, in bytes; false when it is no size. */
bool aod_module_parse_size(aod_slice_t text, uint64_t *bytes);

#endif
