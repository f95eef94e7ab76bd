/* Traces: where messages went, a row for each that was delivered and what caused it. For those who
 * look; nothing depends on them. They stand in the outbox's database, are written in the
 * transaction that they tell of, and the oldest are forgotten. */
#ifndef AOD_STORE_TRACE_H
#define AOD_STORE_TRACE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef struct aod_outbox aod_outbox_t;

enum { AOD_TRACES_MAX = 100000 }; /* rows kept */

typedef enum { AOD_TRACE_MESSAGE = 1, AOD_TRACE_SPAWN = 2, AOD_TRACE_ASSIGN = 3 } aod_trace_kind_t;

/* Ids are 32 bytes. */
typedef struct {
  int64_t id; /* set by the store */
  aod_trace_kind_t kind;
  uint8_t message[32], process[32]; /* what went to whom */
  bool has_cause;
  uint8_t cause[32];  /* the message whose evaluation emitted it */
  uint8_t wallet[32]; /* the signer's address; zero for assignments */
  int64_t timestamp_ms;
} aod_trace_t;

typedef struct {
  aod_trace_t *list;
  size_t count;
} aod_traces_t;

/* Which traces, newest first. NULL or 0: any. */
typedef struct {
  const uint8_t *process, *message, *cause, *wallet;
  aod_trace_kind_t kind;
  size_t offset, limit;
} aod_trace_query_t;
int aod_trace_find(aod_outbox_t *outbox, const aod_trace_query_t *query, aod_arena_t *arena,
                   aod_traces_t *traces, aod_error_t *err);

#endif
