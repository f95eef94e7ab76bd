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

/* What a vector's "expect" demands of (rc, err). `verdicts` ends with a NULL reason; it also holds
 * our decisions where a vector says "implementation-defined". */
UNUSED_IN_SOME_TESTS void verdict_expect(const json_t *vector, const verdict_t *verdicts, int rc,
                                         const aod_error_t *err) {
  const char *name = vector_text(vector, "name");
  const json_t *expect = vector_get(vector, "expect");
  const char *says = rc ? err->message : "accepted";
  if (strcmp(vector_text(expect, "verdict"), "accept") == 0) {
    if (rc) fail_msg("%s: must be accepted, but: %s", name, says);
    return;
  }
  const char *reason = vector_text(expect, "reason");
  while (verdicts->reason && strcmp(verdicts->reason, reason) != 0) verdicts++;
  if (!verdicts->reason) fail_msg("%s: no verdict is written down for %s", name, reason);
  if (rc != verdicts->code) fail_msg("%s: expected %s, got: %s", name, reason, says);
  if (rc && !strstr(says, verdicts->message))
    fail_msg("%s: refused for another reason than %s: %s", name, reason, says);
}

#endif
