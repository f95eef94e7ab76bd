/* What node and worker say to each other.
 *
 * A worker has a socket of packets, each a request or a reply, and a region of memory shared with
 * the node for what is long: texts and changed cards. The node never reads a length, a count or an
 * address twice from the region, and takes nothing from a reply before it was checked: the worker
 * may be under the control of whoever wrote the module.
 *
 * The region, which grows only as far as it is used:
 *
 *   request texts | reply texts | ranges of changed cards | their bytes
 *
 * One request is under way at a time; requests without a reply may follow at any moment. */
#ifndef AOD_VM_CHANNEL_H
#define AOD_VM_CHANNEL_H

#include "vm/memory.h"

#define AOD__CHANNEL_SLOTS 64 /* processes that a worker may hold */

/* A result has at most AOD_GUEST_RESULT_MAX bytes, and damaged UTF-8 makes three times as much. */
#define AOD__CHANNEL_REQUEST_BYTES ((uint64_t)1 << 30)
#define AOD__CHANNEL_REPLY_BYTES   ((uint64_t)2 << 30)
#define AOD__CHANNEL_RANGES        ((uint64_t)4 << 20) /* one each two cards of 32 GiB */

#define AOD__CHANNEL_REPLY_AT  AOD__CHANNEL_REQUEST_BYTES
#define AOD__CHANNEL_RANGES_AT (AOD__CHANNEL_REPLY_AT + AOD__CHANNEL_REPLY_BYTES)
#define AOD__CHANNEL_CARDS_AT  (AOD__CHANNEL_RANGES_AT + AOD__CHANNEL_RANGES * sizeof(aod_range_t))

/* How large the region is when a memory may have max_bytes. */
static inline uint64_t aod__channel_bytes(uint64_t max_bytes) {
  return AOD__CHANNEL_CARDS_AT + max_bytes + AOD_PAGE_BYTES;
}

/* Where changes are staged. */
static inline aod_staging_t aod__channel_staging(uint8_t *channel, uint64_t channel_bytes) {
  return (aod_staging_t){.ranges = (aod_range_t *)(channel + AOD__CHANNEL_RANGES_AT),
                         .range_cap = AOD__CHANNEL_RANGES,
                         .bytes = channel + AOD__CHANNEL_CARDS_AT,
                         .cap = channel_bytes - AOD__CHANNEL_CARDS_AT};
}

typedef enum {
  AOD__WORKER_PREPARE,  /* make image zero in `slot`: reply with memory and state as changes */
  AOD__WORKER_BIND,     /* a process: with the committed image's file; state and cards as texts */
  AOD__WORKER_EVALUATE, /* a message: msg and env as texts */
  AOD__WORKER_UNDO,     /* the last message of the process is undone; no reply */
  AOD__WORKER_UNBIND,   /* the process is gone; no reply */
  AOD__WORKER_ANSWER,   /* to a question, with a text where the region's reply begins */
  AOD__WORKER_OPS
} aod__worker_op_t;

/* While it evaluates, a worker may ask what the process's drive knows (drive.h). */
typedef enum {
  AOD__ASK_NOTHING, /* the reply is one */
  AOD__ASK_TRANSACTION,
  AOD__ASK_BLOCK,
  AOD__ASK_SIZE,
  AOD__ASK_READ,
  AOD__ASK_EXISTS, /* with the query as text */
  AOD__ASKS
} aod__ask_t;

#define AOD__ASK_READ_BYTES ((uint64_t)16 << 20) /* at once */

typedef struct {
  uint32_t op, slot;
  uint32_t keep; /* EVALUATE: the message before was kept */
  uint32_t dry;  /* EVALUATE: this one will not be, so its changes are not wanted */
  uint64_t compute_limit;
  uint64_t memory_cap_bytes; /* BIND, with the two below: the memory and its file */
  uint64_t memory_bytes, file_bytes;
  uint32_t has_drive; /* BIND */
  int32_t code;       /* ANSWER */
  uint64_t number;    /* ANSWER: a size, or whether something exists */
  uint64_t texts[2];  /* lengths; the texts stand one behind the other */
} aod__worker_request_t;

typedef struct {
  int32_t code; /* 0, or an error, which the first text explains */
  uint32_t failed;
  int32_t exit_status;
  double gas_used;
  uint64_t memory_bytes;
  uint64_t texts[3]; /* lengths: result or reason, output, state (0: as before) */
  uint64_t range_count;
  uint32_t ask;         /* a question instead, with the three below */
  uint8_t id[32];       /* TRANSACTION, SIZE, READ */
  uint64_t number, len; /* height; from where, how much */
} aod__worker_reply_t;

#endif
