/* What can be said about a post before its place in the schedule is known: is it a valid item of
 * the protocol, does what it assigns or boots from exist. Runs on the poster's thread, so that
 * signatures of clients are verified on all cores and never in a process's lane. */
#include "ao/assignment.h"
#include "arweave/base64url.h"
#include "su/internal.h"

enum { SETTLEMENT_DEPTH = 20 };

typedef aod_su_job_t job_t;

/* ---- items ---- */

static int check_type(job_t *job, aod_error_t *err) {
  const aod_tags_t *tags = &job->item.tags;
  for (size_t i = 0; i < tags->count; i++) {
    if (!aod_slice_is(tags->list[i].name, "Type") && !aod_slice_is(tags->list[i].name, "type"))
      continue;
    job->is_process = aod_slice_is(tags->list[i].value, "Process");
    if (job->is_process || aod_slice_is(tags->list[i].value, "Message")) return AOD_OK;
    return aod_fail(err, AOD_EINPUT, "Unsupported Type tag value");
  }
  return aod_fail(err, AOD_EINPUT, "Type tag not present");
}

static int check_tags(const job_t *job, aod_error_t *err) {
  const aod_tags_t *tags = &job->item.tags;
  aod_slice_t value;
  if (!aod_tags_find(tags, "Data-Protocol", &value) &&
      !aod_tags_find(tags, "data-protocol", &value))
    return aod_fail(err, AOD_EINPUT, "Data-Protocol tag not present");
  for (size_t i = 0; i < tags->count; i++)
    if (aod_slice_ends(tags->list[i].name, "+link") || aod_slice_ends(tags->list[i].value, "+link"))
      return aod_fail(err, AOD_EINPUT, "Tag %.*s cannot contain +link",
                      AOD_ARG(tags->list[i].name));
  bool complete = aod_tags_find(tags, "Module", &value) && aod_tags_find(tags, "Scheduler", &value);
  if (job->is_process && !complete)
    return aod_fail(err, AOD_EINPUT,
                    "Required Module and Scheduler tags for Process type not present");
  if (!job->is_process && job->item.target.len != 32)
    return aod_fail(err, AOD_EINPUT, "Message has no target: Length mismatch 32 - %zu",
                    job->item.target.len);
  return AOD_OK;
}

/* A process may boot from another transaction, which must exist. */
static int check_boot(job_t *job, aod_error_t *err) {
  const aod_gateway_t *gateway = job->su->gateway;
  aod_slice_t boot;
  uint8_t id[32];
  aod_item_t item;
  if (!job->is_process || !aod_tags_find(&job->item.tags, "On-Boot", &boot) ||
      aod_slice_is(boot, "Data"))
    return AOD_OK;
  int code = aod_id_decode(boot, id) ? gateway->find(gateway->context, id, &job->arena, &item, err)
                                     : AOD_ENOTFOUND;
  if (code != AOD_ENOTFOUND) return code;
  return aod_fail(err, AOD_EINPUT, "Invalid tx id for On-Boot tag");
}

static int check_item(job_t *job, aod_error_t *err) {
  int code = aod_item_parse(job->post->raw, &job->arena, &job->item, err);
  if (code == AOD_OK) code = aod_item_verify(&job->item, err);
  if (code != AOD_OK) {
    aod_error_prefix(err, "the body is no valid signed data item");
    return code;
  }
  code = check_type(job, err);
  if (code == AOD_OK) code = check_tags(job, err);
  return code == AOD_OK ? check_boot(job, err) : code;
}

/* ---- assignments ---- */

/* How many confirmations a process wants of base-layer transactions that are assigned to it. */
static int settlement_depth(job_t *job, uint64_t *depth, aod_error_t *err) {
  aod_scheduled_t scheduled;
  aod_slice_t value;
  int code =
      aod__su_find(job->su, job->post->process, job->post->process, &job->arena, &scheduled, err);
  if (code == AOD_ENOTFOUND || (code == AOD_OK && !scheduled.has_item))
    return aod_fail(err, AOD_ENOTFOUND, "NotFound(\"Process not found\")");
  if (code != AOD_OK) return code;
  if (!aod_tags_find(&scheduled.item.tags, "Settlement-Depth", &value) ||
      !aod_slice_to_u64(value, depth))
    *depth = SETTLEMENT_DEPTH;
  return AOD_OK;
}

/* A base-layer transaction to assign: only its settlement counts. */
static int check_settled(job_t *job, aod_error_t *err) {
  const aod_gateway_t *gateway = job->su->gateway;
  uint64_t depth, confirmations;
  int code = settlement_depth(job, &depth, err);
  if (code != AOD_OK) return code;
  code = gateway->confirmations(gateway->context, job->post->assign, &confirmations, err);
  if (code == AOD_ENOTFOUND) return aod_error_prefix(err, "Transaction not found");
  if (code == AOD_OK && confirmations < depth)
    code = aod_fail(err, AOD_EINPUT,
                    "Not enough confirmations to assign: %llu, Settlement-Depth is %llu",
                    (unsigned long long)confirmations, (unsigned long long)depth);
  memcpy(job->item.id, job->post->assign, 32);
  return code;
}

/* A transaction to assign: scheduled here, or on Arweave. */
static int find_assigned(job_t *job, aod_error_t *err) {
  const uint8_t *id = job->post->assign;
  aod_scheduled_t scheduled;
  int code = aod__su_find(job->su, job->post->process, id, &job->arena, &scheduled, err);
  if (code == AOD_OK && scheduled.has_item && memcmp(scheduled.item.id, id, 32) == 0) {
    job->item = scheduled.item;
    return AOD_OK;
  }
  const aod_gateway_t *gateway = job->su->gateway;
  code = gateway->find(gateway->context, id, &job->arena, &job->item, err);
  return code == AOD_ENOTFOUND ? aod_fail(err, code, "Transaction not found") : code;
}

int aod__su_check(aod_su_job_t *job, aod_error_t *err) {
  if (job->post->raw.len) return check_item(job, err);
  return job->post->base_layer ? check_settled(job, err) : find_assigned(job, err);
}
