/* Verdicts of the Arweave vectors: the reason that a vector names, as our code and a piece of our
 * message, so that a refusal for another reason fails the test. */
#ifndef AOD_TEST_SUPPORT_VERDICTS_H
#define AOD_TEST_SUPPORT_VERDICTS_H

#include "base/error.h"
#include "support/vectors.h"

typedef struct {
  const char *reason; /* the vector's word */
  int code;
  const char *message; /* stands in our message */
} verdict_t;

static const verdict_t verdicts[] = {
    {"truncated", AOD_EINPUT, "truncated"},
    {"unknown_signature_type", AOD_EINPUT, "unknown signature type"},
    {"unsupported_signature_type", AOD_EINPUT, "unknown signature type"},
    {"bad_presence_byte", AOD_EINPUT, "presence byte"},
    {"tags_too_large", AOD_EINPUT, "tags are too large"},
    {"truncated_avro", AOD_EINPUT, "truncated Avro"},
    {"bad_avro", AOD_EINPUT, "Avro"},
    {"bad_tags_or_signature", AOD_EINPUT, "tags"},
    {"tag_count_mismatch", AOD_EINPUT, "tag count"},
    {"bad_signature", AOD_ESIGNATURE, "match"},
    {"signature_out_of_range", AOD_ESIGNATURE, "not below the modulus"},
    {"non_canonical_s", AOD_ESIGNATURE, "match"},
    {"threshold_not_met", AOD_ESIGNATURE, "threshold"},
    {"recovered_address_mismatch", AOD_ESIGNATURE, "match"},
    {"bad_v", AOD_ESIGNATURE, "recovery byte"},
    {"high_s", AOD_ESIGNATURE, "high S"},
    {"bad_scalar", AOD_ESIGNATURE, "out of range"},
    {"owner_prefix_not_04", AOD_ESIGNATURE, "owner"},
    {"bad_public_key", AOD_ESIGNATURE, "match"},
    {NULL, 0, NULL},
};

static const verdict_t *verdict_find(const verdict_t *list, const char *reason) {
  for (; list && list->reason; list++)
    if (strcmp(list->reason, reason) == 0) return list;
  return NULL;
}

/* `chosen` (may be NULL) decides what the vectors leave to the implementation. */
UNUSED_IN_SOME_TESTS void verdict_expect(const json_t *vector, const verdict_t *chosen, int rc,
                                         const aod_error_t *err) {
  const char *name = vector_text(vector, "name");
  const json_t *expect = vector_get(vector, "expect");
  const char *says = rc ? err->message : "accepted";
  if (strcmp(vector_text(expect, "verdict"), "accept") == 0) {
    if (rc) fail_msg("%s: must be accepted, but: %s", name, says);
    return;
  }
  bool open = strcmp(vector_text(expect, "verdict"), "implementation-defined") == 0;
  const char *reason = vector_text(expect, "reason");
  const verdict_t *verdict = verdict_find(open ? chosen : verdicts, reason);
  if (!verdict) fail_msg("%s: no verdict is written down for %s", name, reason);
  if (rc != verdict->code) fail_msg("%s: expected %s, got: %s", name, reason, says);
  if (rc && !strstr(says, verdict->message))
    fail_msg("%s: refused for another reason than %s: %s", name, reason, says);
}

#endif
