/* Posting to a scheduler and waiting for the answers. */
#ifndef AOD_TEST_SUPPORT_POSTS_H
#define AOD_TEST_SUPPORT_POSTS_H

#include "ao/units.h"
#include "base/latch.h"
#include "support/items.h"

typedef struct {
  aod_post_t post;
  aod_latch_t latch;
  aod_error_t error; /* once it was waited for */
} posting_t;

static inline void posting_done(aod_post_t *post, int code, const aod_error_t *err) {
  aod_latch_end(&((posting_t *)post)->latch, code, err);
}

static inline void posting_submit(posting_t *posting, const aod_scheduler_t *scheduler) {
  posting->post.done = posting_done;
  posting->latch = (aod_latch_t)AOD_LATCH(1);
  scheduler->post(scheduler->context, &posting->post);
}

static inline int posting_wait(posting_t *posting) {
  return aod_latch_wait(&posting->latch, &posting->error);
}

/* Post an item; its id, or the reason in *posting. */
static inline int post_raw(const aod_scheduler_t *scheduler, aod_slice_t raw, posting_t *posting) {
  *posting = (posting_t){.post = {.raw = raw}};
  posting_submit(posting, scheduler);
  return posting_wait(posting);
}

static inline int post_assignment(const aod_scheduler_t *scheduler, const uint8_t process[32],
                                  const uint8_t assign[32], const char *exclude,
                                  posting_t *posting) {
  *posting = (posting_t){.post = {.exclude = aod_text(exclude)}};
  memcpy(posting->post.process, process, 32);
  memcpy(posting->post.assign, assign, 32);
  posting_submit(posting, scheduler);
  return posting_wait(posting);
}

static inline int post_base_layer(const aod_scheduler_t *scheduler, const uint8_t process[32],
                                  const uint8_t assign[32], posting_t *posting) {
  *posting = (posting_t){.post = {.base_layer = true}};
  memcpy(posting->post.process, process, 32);
  memcpy(posting->post.assign, assign, 32);
  posting_submit(posting, scheduler);
  return posting_wait(posting);
}

/* ---- items that schedulers take ---- */

static inline aod_slice_t process_item(const aod_signer_t *signer, const char *module,
                                       const char *data) {
  aod_item_fields_t fields = {.anchor = anchor_new(),
                              .data = aod_text(data),
                              .tags = tags_of("Data-Protocol", "ao", "Variant", "ao.TN.1", "Type",
                                              "Process", "Module", module, "Scheduler", "SCHEDULER",
                                              NULL)};
  return item_sign(signer, &fields);
}

static inline aod_slice_t message_item(const aod_signer_t *signer, const uint8_t target[32],
                                       const char *data) {
  aod_item_fields_t fields = {.target = aod_slice(target, 32),
                              .anchor = anchor_new(),
                              .data = aod_text(data),
                              .tags = tags_of("Action", "Test", "Data-Protocol", "ao", "Variant",
                                              "ao.TN.1", "Type", "Message", NULL)};
  return item_sign(signer, &fields);
}

#endif
