/* The compute unit: pulls each process's schedule, runs it through Wasm in order, keeps the results
 * and answers for them.
 *
 * Promises: one process, one lane; a result is a function of schedule and module alone; a failed
 * message leaves memory as it was and its nonce is consumed; results that were lost are computed
 * again with the same outcome. */
#ifndef AOD_CU_CU_H
#define AOD_CU_CU_H

#include "ao/units.h"
#include "http/server.h"
#include "store/results.h"
#include "vm/vm.h"

typedef struct aod_cu aod_cu_t;

/* Ids or addresses; they must outlive the unit. */
typedef struct {
  const char *const *values;
  size_t count;
} aod_cu_list_t;

/* Who may be evaluated; an empty list is no condition. */
typedef struct {
  aod_cu_list_t restricted;     /* processes that may not */
  aod_cu_list_t allowed;        /* no other processes may */
  aod_cu_list_t allowed_owners; /* no processes of others may */
} aod_cu_access_t;

/* All that 32 bits can address. */
#define AOD_CU_PROCESS_BYTES (UINT64_C(4) << 30)

typedef struct {
  const char *results_path; /* the database file */
  const char
      *snapshots_path; /* another; NULL: no snapshots, all is evaluated again after a start */
  bool snapshot_at_close;
  /* A snapshot is due after so many messages or milliseconds of work; 0: as the unit thinks fit. */
  uint64_t snapshot_messages;
  int64_t snapshot_ms;
  uint64_t memory_bytes; /* that all processes may take; the longest unused leave. 0: no limit */
  /* That the linear memory of one process may grow to, whatever its module says. Results depend on
   * it, like on a limit of the process's own. 0: AOD_CU_PROCESS_BYTES. */
  uint64_t process_bytes;
  int64_t busy_ms;    /* tell HTTP clients that wait longer that they may ask again. 0: they wait */
  bool no_extensions; /* refuse modules that ask for WeaveDrive by a tag */
  /* For an evaluation once more: drives answer what they answered then. NULL: what is kept in the
   * unit's own database. Must outlive the unit. */
  aod_results_t *answers;
  uint8_t address[32]; /* the unit's wallet, as GET / tells it */
  /* Signs checkpoints, which are made when asked for, and by themselves after so much work (0: as
   * the network's units do). NULL: none are made. Must outlive the unit. */
  const aod_signer_t *signer;
  bool checkpoints;
  int64_t checkpoint_ms;
  double checkpoint_gas;
  aod_cu_list_t trusted; /* addresses whose checkpoints are believed; empty: none are looked for */
  aod_cu_list_t ignored; /* checkpoints that are not used, by id */
  aod_vm_t *vm;          /* these three must outlive the unit */
  const aod_scheduler_t *scheduler;
  const aod_gateway_t *gateway;
  aod_cu_access_t access;
} aod_cu_options_t;

int aod_cu_open(aod_cu_t **cu, const aod_cu_options_t *options, aod_error_t *err);
/* Whoever waits for an evaluation that takes more than another turn is answered AOD_ECLOSED from
 * now on: nothing is lost by it, and it may take hours. Any thread. NULL is allowed. */
void aod_cu_stop(aod_cu_t *cu);
/* Finish what was asked, then close. Nothing may be asked any more. */
void aod_cu_close(aod_cu_t *cu);

/* The unit as messengers see it; valid as long as the unit. */
const aod_computer_t *aod_cu_computer(aod_cu_t *cu);

/* ---- for tools ---- */

typedef struct {
  int fd; /* a file of `bytes` bytes, the caller's to close */
  uint64_t bytes;
  int64_t timestamp_ms; /* these two: of the message before */
  uint64_t block_height;
} aod_cu_memory_t;

/* The linear memory of a process after the record with this nonce. Waits for what must be
 * evaluated. */
int aod_cu_look(aod_cu_t *cu, const uint8_t process[32], uint64_t nonce, aod_cu_memory_t *memory,
                aod_error_t *err);

/* Evaluate what is scheduled, and put a checkpoint of the process on Arweave, unless there is one
 * of that message. AOD_EUSAGE without a signer. */
int aod_cu_checkpoint(aod_cu_t *cu, const uint8_t process[32], uint8_t id[32], aod_error_t *err);

extern const aod_route_t aod_cu_routes[]; /* the unit is the aod_cu_t */

#endif
