/* The result of one evaluation, from the text that a module returned to the bodies that the compute
 * unit serves. Source: shared/spec/units.md 4.2, 4.3, 4.10 and wasm-host.md C.3. */
#ifndef AOD_AO_RESULT_H
#define AOD_AO_RESULT_H

#include "base/bytes.h"
#include "base/json.h"

typedef struct {
  /* {"Messages":[],"Assignments":[],"Spawns":[],"Output":..}: a node of /results */
  aod_buf_t node;
  aod_buf_t error; /* JSON of Error when it is truthy, else empty */
  double gas_used;
  bool keeps_state; /* false: the memory of before the message stands */
} aod_result_t;

/* From what handle returned. Never fails: text that is no JSON is a result with an Error. */
void aod_result_from_text(aod_slice_t text, double gas_used, aod_result_t *result);
/* From a call that did not return: a trap, abort, exit (exit_status >= 0) or limit. */
void aod_result_from_failure(aod_slice_t reason, int exit_status, aod_result_t *result);
void aod_result_free(aod_result_t *result);

/* Append the body of GET /result: node, GasUsed and Error together. */
void aod_result_write(aod_slice_t node, aod_slice_t error, double gas_used, aod_buf_t *json);

/* Append what the reference's loader gives for it, but for the memory: the module's own fields as
 * they are and GasUsed, or {"Error": what was thrown}. Returns whether the memory of after the
 * message is to be kept: not after any Error. */
bool aod_result_write_loader(aod_slice_t text, double gas_used, aod_buf_t *json);
/* The same for a call that did not return, as aod_result_from_failure has it. */
void aod_result_write_loader_failure(aod_slice_t reason, int exit_status, aod_buf_t *json);

#endif
