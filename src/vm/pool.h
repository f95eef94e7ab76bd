/* The workers of a machine, from the node's side: which there are, who uses which.
 *
 * A worker runs one module and holds up to AOD__CHANNEL_SLOTS of its processes, which are *bound*
 * to it: their working images are there. A thread takes a worker, talks to it, gives it back. A
 * process moves to another worker when its own stays busy, and is unbound when its place is needed,
 * when it is closed, or when the worker dies. Nothing is lost by that but the time to bind it
 * again.
 *
 * Functions may be called from any thread; a worker that was taken belongs to the taker. */
#ifndef AOD_VM_POOL_H
#define AOD_VM_POOL_H

#include "vm/channel.h"
#include "vm/code.h"
#include "vm/format.h"
#include "vm/worker.h"

#include <pthread.h>

typedef struct aod__worker aod__worker_t;

/* Where a process is bound. Guarded by the pool's lock, and constant while the process's thread
 * holds that worker. */
typedef struct {
  aod__worker_t *worker; /* NULL: nowhere */
  uint32_t slot;
  uint64_t used; /* when, by the pool's count of takings */
} aod__binding_t;

/* What the workers of one module have in common. */
typedef struct {
  const aod_code_t *code; /* loaded elsewhere: with its file; guarded by the pool's lock */
  const aod_format_t *format;
  uint64_t channel_bytes;
  uint32_t worker_count; /* guarded by the pool's lock */
} aod__crew_t;

struct aod__worker {
  aod__worker_t *next; /* this and the next five: guarded by the pool's lock */
  aod__crew_t *crew;
  const aod_code_t *code; /* what it runs: while it is idle, its crew's */
  bool busy;
  uint32_t bound_count;
  aod__binding_t *bound[AOD__CHANNEL_SLOTS];
  uint64_t used;
  aod__worker_id_t id;
  int socket;
  uint8_t *channel;                    /* channel.h, crew->channel_bytes */
  uint64_t request_bytes, reply_bytes; /* of texts, in the last exchange */
  uint8_t sized[32];                   /* whose size it asked for last, and the answer */
  uint64_t sized_bytes;
};

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t changed; /* some worker is no longer busy */
  aod__worker_t *workers;
  uint32_t count, spread; /* how many there are, how many a crew gets while there is room */
  uint64_t takings;
} aod__pool_t;

void aod__pool_init(aod__pool_t *pool);
void aod__pool_deinit(aod__pool_t *pool); /* ends all workers; nobody may hold one */

/* Take a worker for the process of `binding`: its own, else one that the caller must bind it to
 * (*fresh is set, and binding says where). With another = true one that nobody has used yet.
 * AOD_EUNAVAILABLE when none can be started, or the reason that the new worker gives. */
int aod__pool_take(aod__pool_t *pool, aod__crew_t *crew, aod__binding_t *binding, bool another,
                   aod__worker_t **worker, bool *fresh, aod_error_t *err);
void aod__pool_give(aod__pool_t *pool, aod__worker_t *worker);

/* Instead of giving back: end it, unbind all that are bound to it, and tell how it ended (words for
 * an error text) in `how`, which has room for 100 bytes. */
void aod__pool_discard(aod__pool_t *pool, aod__worker_t *worker, char *how);

/* From now on the crew runs `code`, which means the same as its code before; both must outlive the
 * crew. A worker has been started with it when this returns AOD_OK, all others have ended but those
 * that are busy, which end when they are given back. Errors as aod__pool_take: nothing changed. */
int aod__pool_renew(aod__pool_t *pool, aod__crew_t *crew, const aod_code_t *code, aod_error_t *err);

/* The process is gone. */
void aod__pool_unbind(aod__pool_t *pool, aod__binding_t *binding);

/* The module is gone: end its workers, to which nothing is bound any more. */
void aod__pool_dismiss(aod__pool_t *pool, aod__crew_t *crew);

typedef enum { AOD__ANSWERED, AOD__DIED, AOD__TIMED_OUT } aod__answer_t;

/* Wait for a reply; milliseconds. One whose texts would not fit counts as death. */
aod__answer_t aod__worker_await(aod__worker_t *worker, int64_t timeout_ms,
                                aod__worker_reply_t *reply);

/* Send a request (and a descriptor, or -1) to a worker that the caller holds, and wait. */
aod__answer_t aod__worker_ask(aod__worker_t *worker, const aod__worker_request_t *request, int fd,
                              int64_t timeout_ms, aod__worker_reply_t *reply);

/* Answer a question of the worker. */
bool aod__worker_answer(aod__worker_t *worker, int code, uint64_t number, aod_slice_t text);

/* Send a request that has no reply. What goes wrong shows at the next one that has. */
void aod__worker_tell(aod__worker_t *worker, aod__worker_op_t op, uint32_t slot);

/* Text `index` of a reply, in the region: to be copied. */
aod_slice_t aod__worker_text(const aod__worker_t *worker, const aod__worker_reply_t *reply,
                             int index);

/* Put two texts into the region and their lengths into the request. False when they are too long.
 */
bool aod__worker_set_texts(aod__worker_t *worker, aod__worker_request_t *request, aod_slice_t first,
                           aod_slice_t second);

/* Give back to the system what an unusually large exchange left in the region: its texts, and
 * changes of up to `staged_bytes`. Nothing of it may be needed any more. */
void aod__worker_trim(aod__worker_t *worker, uint64_t staged_bytes);

#endif
