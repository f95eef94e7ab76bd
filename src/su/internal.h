/* What the scheduler's files share. */
#ifndef AOD_SU_INTERNAL_H
#define AOD_SU_INTERNAL_H

#include <pthread.h>

#include "base/idmap.h"
#include "base/lane.h"
#include "base/metrics.h"
#include "store/schedule.h"
#include "su/su.h"

typedef struct aod_su_publisher aod_su_publisher_t;
typedef struct aod_su_process aod_su_process_t;
typedef struct aod_su_job aod_su_job_t;

/* What GET /metrics tells; the rows are in routes.c. */
typedef struct {
  atomic_ullong scheduled, refused, duplicates, published, unpublished;
} aod_su_metrics_t;

struct aod_su {
  aod_schedule_t *schedule;
  const aod_signer_t *signer;
  bool signs_quickly; /* in tens of microseconds: posters may order themselves */
  size_t crowd;       /* jobs: with more under way, slow signers let commits wait for each other */
  const aod_gateway_t *gateway;
  aod_scheduler_t interface;
  aod_pool_t *pool;      /* orders and signs: as wide as the machine */
  pthread_mutex_t lock;  /* guards processes */
  aod_idmap_t processes; /* id to process_t of order.c: those posted to since the start */
  aod_su_publisher_t *publisher;
  atomic_size_t under_way; /* jobs */
  aod_su_metrics_t metrics;
  bool metrics_enabled;
};

/* One post on its way. */
struct aod_su_job {
  aod_task_t task;     /* in the process's lane */
  aod_append_t append; /* in the store's writer */
  aod_su_t *su;
  aod_su_process_t *process;
  aod_post_t *post;
  aod_arena_t arena;
  aod_item_t item; /* what is ordered: posted, or found for a pure assignment */
  bool is_process;
  aod_buf_t assignment;
  aod_su_job_t *next; /* in process->pending */
};

/* check.c: fill job->item and job->is_process, or say why the post is refused. */
int aod__su_check(aod_su_job_t *job, aod_error_t *err);

/* order.c */
void aod__su_post(void *su, aod_post_t *post);
int aod__su_now(void *su, const uint8_t process[32], int64_t *timestamp_ms, aod_error_t *err);
void aod__su_free_processes(aod_su_t *su);

/* read.c: records as parsed items */
int aod__su_parse_record(const aod_record_t *record, aod_arena_t *arena, aod_scheduled_t *scheduled,
                         aod_error_t *err);
int aod__su_find(void *su, const uint8_t process[32], const uint8_t id[32], aod_arena_t *arena,
                 aod_scheduled_t *scheduled, aod_error_t *err);
int aod__su_range(void *su, const uint8_t process[32], uint64_t from_nonce, size_t limit,
                  aod_arena_t *arena, aod_scheduled_list_t *list, aod_error_t *err);

/* publish.c */
int aod__su_publisher_open(aod_su_publisher_t **publisher, aod_su_t *su, bool bundles,
                           aod_error_t *err);
void aod__su_publisher_wake(aod_su_publisher_t *publisher, uint64_t seq); /* this one is new */
/* Wait until all that is new now is published, at most `grace_ms`. */
void aod__su_publisher_await(aod_su_publisher_t *publisher, int64_t grace_ms);
void aod__su_publisher_close(aod_su_publisher_t *publisher);

#endif
