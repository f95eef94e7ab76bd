/* What the compute unit's files share. */
#ifndef AOD_CU_INTERNAL_H
#define AOD_CU_INTERNAL_H

#include <pthread.h>

#include "ao/checkpoint.h"
#include "ao/cron.h"
#include "ao/message.h"
#include "ao/result.h"
#include "base/idmap.h"
#include "base/lane.h"
#include "cu/busy.h"
#include "cu/cu.h"
#include "store/results.h"
#include "store/snapshots.h"

struct aod_cu {
  aod_results_t *results;
  aod_snapshots_t *snapshots; /* NULL: none are taken */
  uint64_t snapshot_messages; /* one is due after so many messages, */
  int64_t snapshot_us;        /* or after so much work */
  bool snapshot_at_close;
  uint64_t memory_bytes;  /* the budget, 0: none */
  uint64_t process_bytes; /* cap on the memory of one process */
  aod_results_t *answers; /* of drives, to earlier evaluations; NULL: in `results` */
  bool no_extensions;
  const aod_signer_t *signer; /* of checkpoints; NULL: none are made */
  bool checkpoints;           /* make them when there was so much work */
  int64_t checkpoint_us;
  double checkpoint_gas;
  aod_cu_list_t trusted, ignored;
  char run_id[37]; /* a name of this run of the unit */
  uint8_t address[32];
  aod_vm_t *vm;
  const aod_scheduler_t *scheduler;
  const aod_gateway_t *gateway;
  aod_cu_access_t access;
  aod__busy_t busy;
  _Atomic bool stopping; /* see aod_cu_stop */
  aod_computer_t interface;
  aod_pool_t *pool;                    /* the evaluation slots: about as many as cores */
  aod_pool_t *read_pool;               /* those of dry runs */
  uint32_t readers_max;                /* of them for one process */
  pthread_mutex_t lock;                /* guards the rest */
  bool closing;                        /* nothing goes to the first pool any more */
  aod_idmap_t processes;               /* id to aod_process_t: those asked about since the start */
  aod_idmap_t reruns;                  /* the same: their copies for results that are lost */
  uint64_t resident_bytes;             /* of all processes, but for those on their way out */
  size_t resident_count, resident_max; /* of them; how many there may be */
  size_t copies; /* processes that are evaluated once more, to an earlier place */
};

/* ---- a process in memory ---- */

typedef struct aod_process aod_process_t;
typedef struct aod_dry_run aod_dry_run_t;
typedef struct aod_look aod_look_t;

/* How far a process has been evaluated: all that changes with a message, but for its memory. */
typedef struct {
  bool begun;            /* the process item was its first message, scheduled or not */
  bool in_schedule;      /* scheduled */
  uint64_t next_nonce;   /* the first record not evaluated yet */
  uint64_t position;     /* evaluations so far */
  uint64_t gap_position; /* of them up to the last record; what follows are cron messages */
  int64_t due_ms;        /* of the last evaluation */
  int64_t timestamp_ms;  /* what its message said */
  uint64_t block_height;
  uint8_t assignment_id[32], hash_chain[32]; /* of the last record */
  aod_cron_place_t place;
  aod_cron_moment_t moment; /* the moment of crons that was taken last */
  size_t moment_next;       /* the first cron that has not had its turn in it */
} aod_progress_t;

/* Who looks at a process beside its lane (dry_run.c). */
typedef struct {
  pthread_mutex_t lock; /* guards the rest */
  pthread_cond_t changed;
  aod_dry_run_t *first; /* of those that wait */
  uint32_t count;       /* readers at work, or about to */
  aod_look_t *spare;    /* at the present moment, which nobody uses; NULL: there is none */
  uint32_t views;       /* of the present memory, which must not change under them */
  uint64_t moment;      /* counts changes of what a look shows */
  uint64_t memory;      /* counts memories; each view is of one */
  bool open;            /* the process is in memory and may be looked at */
  bool changing;        /* it is about to change: no new looks */
} aod_readers_t;

/* Whom a drive answers. */
typedef struct {
  aod_process_t *process;
  bool is_dry; /* dry runs: the answers are not kept */
} aod_asker_t;

/* Everything but id and lane belongs to the lane. A copy has no lane: its one job owns it. Only the
 * rerun has one, and stays. It stores the results of what it evaluates once more, so that who asks
 * for one after the other has each message evaluated once. */
struct aod_process {
  aod_cu_t *cu;
  uint8_t id[32];
  aod_lane_t lane;
  aod_readers_t readers;
  bool is_copy, is_rerun; /* a rerun is a copy, too */
  uint8_t module_id[32];
  aod_module_t *module; /* NULL until loaded */
  aod_instance_t *instance;
  aod_asker_t asker, dry_asker;
  aod_drive_t drive, dry_drive;
  aod_arena_t arena;          /* what the next four point to */
  aod_slice_t id_text, owner; /* what cron messages say */
  aod_crons_t crons;
  aod_buf_t env; /* the JSON that every evaluation gets */
  aod_progress_t at;
  uint64_t snapshot_position; /* of the newest snapshot, 0: there is none */
  int64_t unsaved_us;         /* work since then */
  uint64_t counted_bytes;     /* how much memory it took */
  int64_t uncounted_us;       /* work since that was counted */
  uint64_t resident_bytes;    /* down to evicting: guarded by the unit's lock */
  int64_t used_us, chosen_us;
  bool evicting;
  aod_task_t eviction;
  int64_t unchecked_us; /* work and gas since the last checkpoint */
  double unchecked_gas;
  int64_t checked_us;       /* when one was made, or tried, last; 0: never */
  uint64_t origin_position; /* the store begins at this evaluation, but for single earlier ones, */
  uint64_t stored_position; /* and evaluations below this one are in it */
  aod_idmap_t recent_keys;  /* put since the store was last flushed */
  bool has_last;            /* the result of the record evaluated last, for who waits for it */
  uint64_t last_nonce;
  aod_buf_t last_body;
  aod_arena_t block_arena;
  aod_block_list_t blocks;    /* read ahead */
  size_t block_next;          /* the first of them that has not had its moment */
  int64_t blocks_complete_ms; /* after them there is none due before this time */
};

/* access.c: AOD_EFORBIDDEN when the operator does not want this process evaluated */
int aod__cu_check_access(const aod_cu_t *cu, const uint8_t process[32], aod_error_t *err);

/* process.c */
/* The process of an id, made when new. Any thread. */
aod_process_t *aod__process_get(aod_cu_t *cu, const uint8_t id[32]);
/* Its rerun, made when new. Any thread. */
aod_process_t *aod__process_rerun(aod_cu_t *cu, const uint8_t id[32]);
static inline bool aod__process_has_lane(const aod_process_t *process) {
  return !process->is_copy || process->is_rerun;
}
/* A copy, to be evaluated from its beginning. AOD_EUNAVAILABLE when there are too many. */
int aod__process_copy(aod_cu_t *cu, const uint8_t id[32], aod_process_t **copy, aod_error_t *err);
void aod__process_free_copy(aod_process_t *copy);
void aod__process_free_all(aod_cu_t *cu);
typedef struct aod_target aod_target_t;
/* In the lane: make module and instance ready, at the newest snapshot, which for a copy is not
 * beyond the target. AOD_ENOTFOUND, AOD_EUNSUPPORTED, AOD_ELIMIT … with the reference's texts. */
int aod__process_load(aod_process_t *process, const aod_target_t *target, aod_error_t *err);
void aod__process_unload(aod_process_t *process); /* in the lane; load it again to go on */
/* In the lane: forget everything evaluated, and stored from `position` on; load it again to go on
 * from before. */
void aod__process_rewind(aod_process_t *process, uint64_t position);

/* evaluate.c: in the lane, loaded. AOD_OK: evaluated, whatever the module said. */
int aod__evaluate_record(aod_process_t *process, const aod_scheduled_t *scheduled,
                         const aod_assignment_t *assignment, aod_arena_t *arena, aod_error_t *err);
int aod__evaluate_cron(aod_process_t *process, const aod_cron_t *cron, aod_error_t *err);
/* Go past a record whose effect is in the memory already; what later records may be duplicates of
 * is stored. */
int aod__skip_record(aod_process_t *process, const aod_scheduled_t *scheduled,
                     const aod_assignment_t *assignment, aod_arena_t *arena, aod_error_t *err);
/* The process item, when the schedule begins with something else. */
int aod__evaluate_process_item(aod_process_t *process, aod_error_t *err);
/* Make a result of what came back, which is freed. */
void aod__result_take(aod_evaluation_t *evaluation, aod_result_t *result);

/* advance.c */
/* A place in the stream of a process: after the records up to a nonce and up to a time, and after
 * the cron messages that follow them and are due before a time. */
struct aod_target {
  uint64_t nonce;
  int64_t time_ms, until_ms;
};

static inline aod_target_t aod__target_record(uint64_t nonce) {
  return (aod_target_t){.nonce = nonce, .time_ms = INT64_MAX, .until_ms = INT64_MIN};
}
static inline aod_target_t aod__target_time(int64_t time_ms, int64_t until_ms) {
  return (aod_target_t){.nonce = UINT64_MAX, .time_ms = time_ms, .until_ms = until_ms};
}

/* In the lane: evaluate towards the target for one turn. 1: more to do; load again first. 0: there,
 * or beyond. */
int aod__process_advance(aod_process_t *process, const aod_target_t *target, aod_error_t *err);
bool aod__process_is_beyond(const aod_process_t *process, const aod_target_t *target);
bool aod__is_process_item(const aod_process_t *process, const aod_scheduled_t *scheduled);

/* snapshot.c: in the lane */
/* Keep the present state. Costs the pages that changed since the last one. */
void aod__snapshot_take(aod_process_t *process);
/* After work that took so long: take one when it is due. */
void aod__snapshot_consider(aod_process_t *process, int64_t spent_us);
/* Make instance and progress those of the newest snapshot that fits (target: NULL, or it is not
 * beyond). False: there is none, nothing has changed. */
bool aod__snapshot_restore(aod_process_t *process, const aod_instance_options_t *options,
                           const aod_target_t *target);

/* checkpoint_write.c: in the lane, loaded */
/* Upload one of the present state, unless there is one. AOD_EUNSUPPORTED when the process cannot
 * have any. */
int aod__checkpoint_write(aod_process_t *process, uint8_t id[32], aod_error_t *err);
/* After work that took so long: make one when it is due. */
void aod__checkpoint_consider(aod_process_t *process, int64_t spent_us);

/* checkpoint_read.c: in the lane, as aod__snapshot_restore. 1: done, 0: there is none; negative: it
 * cannot be told now. */
int aod__checkpoint_restore(aod_process_t *process, const aod_instance_options_t *options,
                            const aod_target_t *target, aod_error_t *err);

/* resume.c: the records before the checkpoint have been passed; place crons, too. AOD_EINPUT when
 * it does not fit the schedule. */
int aod__crons_resume(aod_process_t *process, const aod_checkpoint_t *checkpoint, aod_error_t *err);

/* budget.c */
size_t aod__budget_processes(void); /* how many the system can have in memory at once */
/* In the lane: */
void aod__budget_note(aod_process_t *process, int64_t spent_us); /* it has been used */
void aod__budget_leave(aod_process_t *process);                  /* it has left memory */

/* drive.c: fill process->drive */
void aod__drive_init(aod_process_t *process);

/* ---- requests ---- */

/* Bring a process to a place, then finish. A job that has more to evaluate than a turn allows goes
 * back to the end of its lane, so that other processes and other requests get theirs. */
typedef struct aod_job aod_job_t;
struct aod_job {
  aod_task_t task;
  aod_process_t *process;
  aod_target_t target;
  bool exact; /* at this very place: on a copy, when the process is beyond */
  bool anew;  /* on the rerun */
  bool final; /* its results have been lost once more */
  /* In the lane. `process` is at the target when code is AOD_OK, and may be a copy. */
  void (*finish)(aod_job_t *job, int code, aod_error_t *err);
};
void aod__job_post(aod_job_t *job); /* job.c */

/* requests.c: each `done` is called once, from any thread */
void aod__cu_result(void *cu, aod_result_call_t *call);
void aod__cu_cron_page(void *cu, aod_page_call_t *call);
void aod__cu_newest_page(void *cu, aod_page_call_t *call);

/* The same up to a time instead of up to now. */
void aod__cu_cron_page_to(aod_cu_t *cu, aod_page_call_t *call, const aod_cursor_t *to);
/* AOD_OK: the page's JSON is appended. Evaluates nothing. */
int aod__cu_page(aod_cu_t *cu, const uint8_t process[32], const aod_results_query_t *query,
                 aod_buf_t *json, aod_error_t *err);

/* Where in which schedule a message stands. AOD_ENOTFOUND. */
int aod__cu_locate(aod_cu_t *cu, const uint8_t process[32], const uint8_t message[32],
                   aod_assignment_t *assignment, aod_error_t *err);
/* Only a process that exists, and may be evaluated, gets a place in memory. */
int aod__cu_check_process(aod_cu_t *cu, const uint8_t id[32], aod_error_t *err);
int aod__cu_target_now(aod_cu_t *cu, const uint8_t process[32], aod_target_t *target,
                       aod_error_t *err);

/* dry_run.c. The caller keeps it and the body alive until done. */
struct aod_dry_run {
  aod_job_t job;
  aod_dry_run_t *next;
  uint8_t process[32];
  bool has_message; /* after this message instead of now */
  uint8_t message[32];
  uint64_t moment; /* of the readers, when the process came to the place */
  const json_t *body;
  void (*done)(aod_dry_run_t *run, int code, const aod_error_t *err);
  aod_buf_t answer; /* out: the JSON of the result */
};
void aod__cu_dry_run(aod_cu_t *cu, aod_dry_run_t *run);

void aod__readers_init(aod_readers_t *readers);
void aod__readers_deinit(aod_readers_t *readers);
/* In the lane: what a look shows changes only between these two. A message that is kept (`commits`)
 * waits in the first one for views, for a short while. */
void aod__readers_hold(aod_process_t *process, bool commits);
void aod__readers_release(aod_process_t *process);
void aod__readers_close(aod_process_t *process); /* in the lane: before it leaves memory */

/* The linear memory of a process, now, at a time or after a record. */
typedef struct aod_state_call aod_state_call_t;
struct aod_state_call {
  aod_job_t job;
  uint8_t process[32];
  bool has_to, has_nonce;
  int64_t to_ms;
  uint64_t nonce;
  void (*done)(aod_state_call_t *call, int code, const aod_error_t *err);
  int fd; /* out: a file of `bytes` bytes, the caller's to close */
  uint64_t bytes;
  int64_t timestamp_ms; /* out: of the last message evaluated */
  uint64_t ordinate, block_height;
};
void aod__cu_state(aod_cu_t *cu, aod_state_call_t *call);

/* A checkpoint of a process as it is now. */
typedef struct aod_checkpoint_call aod_checkpoint_call_t;
struct aod_checkpoint_call {
  aod_job_t job;
  uint8_t process[32];
  void (*done)(aod_checkpoint_call_t *call, int code, const aod_error_t *err);
  uint8_t id[32]; /* out */
};
void aod__cu_checkpoint(aod_cu_t *cu, aod_checkpoint_call_t *call);

#endif
