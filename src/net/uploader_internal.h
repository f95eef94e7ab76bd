/* What the uploader's files share. */
#ifndef AOD_NET_UPLOADER_INTERNAL_H
#define AOD_NET_UPLOADER_INTERNAL_H

#include <pthread.h>

#include "http/client.h"
#include "net/uploader.h"

struct aod_uploader {
  aod_uploader_options_t options;
  char *url;
  aod_client_t *client;
  aod_uploads_t *uploads;
  bool failing; /* the thread's own: the other side could not be reached last time */
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool news, closing; /* guarded by the lock */
};

/* How an answer is to be taken. */
typedef enum {
  AOD__TAKEN,   /* the other side has it */
  AOD__REFUSED, /* it understood and said no */
  AOD__TROUBLE, /* it could not answer now */
  AOD__STOPPED  /* we are closing: nothing can be said */
} aod__answer_t;

/* The verdict on a finished call, and why when it is not AOD__TAKEN. */
aod__answer_t aod__uploader_judge(const aod_call_t *call, char reason[200]);

/* When to try again after `attempts` failures. */
int64_t aod__uploader_due_ms(const aod_uploader_t *uploader, int64_t attempts,
                             int64_t retry_after_s);

/* Fill the outcome of a failed attempt, the (attempts + 1)th. */
void aod__uploader_put_off(aod_uploader_t *uploader, const aod_upload_t *upload,
                           aod__answer_t answer, int64_t retry_after_s,
                           aod_upload_outcome_t *outcome);

/* One step each, in the uploader's thread: 1 something was done, 0 nothing is due, or a negative
 * code when the outbox fails. carrier.c */
int aod__uploader_step_carriers(aod_uploader_t *uploader, aod_error_t *err);
int aod__uploader_make_carrier(aod_uploader_t *uploader, aod_error_t *err);

#endif
