/* The units as their neighbours see them: each asks the next through one of these narrow
 * interfaces. When units live in one program the other unit fills the table with its own functions;
 * apart, the same table speaks the public protocol over HTTP.
 *
 * Ids are 32 raw bytes. Calls may come from any thread. */
#ifndef AOD_AO_UNITS_H
#define AOD_AO_UNITS_H

#include "arweave/item.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

/* ---- the scheduler, as messengers and compute units see it ---- */

/* One scheduled message: its assignment and, unless the assignment stands alone, its item. */
typedef struct {
  aod_item_t assignment;
  bool has_item;
  aod_item_t item;
} aod_scheduled_t;

typedef struct {
  aod_scheduled_t *list;
  size_t count;
} aod_scheduled_list_t;

/* A request to order something. Kept alive by the caller until `done`, which may be called before
 * `post` returns, from any thread. */
typedef struct aod_post aod_post_t;
struct aod_post {
  aod_slice_t raw;     /* a signed Message or Process item; or empty, then: */
  uint8_t process[32]; /*   assign the transaction `assign` */
  uint8_t assign[32];  /*   to `process` */
  aod_slice_t exclude; /*   comma-separated field names */
  bool base_layer;     /*   which is a base-layer transaction that must be settled */
  /* AOD_OK: the record is on disk. AOD_EEXISTS: it was there before; id is filled too. Other
   * failures with `unknown`: the scheduler may have it nevertheless. */
  void (*done)(aod_post_t *post, int code, const aod_error_t *err);
  uint8_t id[32];       /* out: item id, for an assignment the assignment's id */
  int64_t timestamp_ms; /* out: when it was answered */
  bool unknown;         /* out: the answer was lost */
};

typedef struct {
  void *context;
  void (*post)(void *context, aod_post_t *post);
  /* By item id or assignment id. AOD_ENOTFOUND. Results live in `arena`. `process` is where the
   * caller expects it: routers go by that. Its own id for a process. */
  int (*find)(void *context, const uint8_t process[32], const uint8_t id[32], aod_arena_t *arena,
              aod_scheduled_t *scheduled, aod_error_t *err);
  /* Records of a process from a nonce on, ascending. At most `limit`, perhaps fewer; only an empty
   * list says that there are none. */
  int (*range)(void *context, const uint8_t process[32], uint64_t from_nonce, size_t limit,
               aod_arena_t *arena, aod_scheduled_list_t *list, aod_error_t *err);
  /* The scheduler's time, as a promise: records of the process that `range` does not give yet will
   * have this Timestamp or a later one. Those that have been acknowledged are not beyond it. (A
   * foreign scheduler only hopes so.) */
  int (*now)(void *context, const uint8_t process[32], int64_t *timestamp_ms, aod_error_t *err);
} aod_scheduler_t;

/* ---- the compute unit, as messengers see it ---- */

typedef struct aod_result_call aod_result_call_t;
struct aod_result_call {
  uint8_t process[32], message[32]; /* message: item or assignment id */
  /* AOD_OK: `body` is the JSON of GET /result. Called once, from any thread. */
  void (*done)(aod_result_call_t *call, int code, const aod_error_t *err);
  aod_buf_t body; /* out: the caller's to free */
};

/* A page of results: the JSON of GET /results and GET /cron. */
typedef struct aod_page_call aod_page_call_t;
struct aod_page_call {
  uint8_t process[32];
  aod_slice_t from; /* a cursor, alive until `done`; empty: from the beginning */
  size_t limit;
  /* AOD_OK: `body` is filled. Called once, from any thread. */
  void (*done)(aod_page_call_t *call, int code, const aod_error_t *err);
  aod_buf_t body; /* out: the caller's to free */
};

typedef struct {
  void *context;
  void (*result)(void *context, aod_result_call_t *call);
  /* GET /cron/<process>?from&limit: evaluates up to now, then gives what cron messages led to. */
  void (*cron)(void *context, aod_page_call_t *call);
  /* GET /results/<process>?sort=DESC&from&limit: of what has been evaluated, the newest first. */
  void (*newest)(void *context, aod_page_call_t *call);
} aod_computer_t;

/* ---- Arweave, as all see it ---- */

typedef struct {
  uint64_t height;
  int64_t timestamp_ms; /* whole seconds, as all of Arweave tells it */
} aod_block_t;

typedef struct {
  aod_block_t *list;
  size_t count;
} aod_block_list_t;

/* What transactions and data items may be searched for: those of one of `owners` (addresses, as
 * texts; none: nothing fits) that have all of `tags`, in a block of at most `max_block`. */
typedef struct {
  const aod_slice_t *owners;
  size_t owner_count;
  aod_tags_t tags;
  uint64_t max_block; /* UINT64_MAX: any, or none yet */
  size_t limit;
} aod_gateway_query_t;

typedef struct {
  uint8_t id[32];
  aod_tags_t tags;
} aod_found_t;

typedef struct {
  aod_found_t *list;
  size_t count;
} aod_found_list_t;

typedef struct {
  void *context;
  /* A transaction or data item by id, what it says verified by its signature: everything but `raw`
   * is filled; owner, signature and anchor may be empty where the gateway does not know them.
   * AOD_ENOTFOUND. */
  int (*find)(void *context, const uint8_t id[32], aod_arena_t *arena, aod_item_t *item,
              aod_error_t *err);
  /* Store signed items for good; storing one again is no error. Blocks until all are on disk. */
  int (*upload)(void *context, const aod_slice_t *raws, size_t count, aod_error_t *err);
  uint64_t (*height)(void *context); /* the newest block's */
  /* How many blocks lie on top of that of a base-layer transaction. AOD_ENOTFOUND: unknown, or no
   * transaction of the base layer. */
  int (*confirmations)(void *context, const uint8_t id[32], uint64_t *count, aod_error_t *err);
  /* Blocks from a height on, ascending, at most `limit`; those made before the call are there. */
  int (*blocks)(void *context, uint64_t from_height, size_t limit, aod_arena_t *arena,
                aod_block_list_t *list, aod_error_t *err);
  /* What fits a query, the newest first. With a bound on blocks, nothing is an answer only from a
   * gateway that knows all blocks up to it. What is found is what a gateway says: see `find`. */
  int (*query)(void *context, const aod_gateway_query_t *query, aod_arena_t *arena,
               aod_found_list_t *list, aod_error_t *err);
  /* Append what an Arweave node answers to GET /tx/<id> and GET /block/height/<height>: JSON.
   * AOD_ENOTFOUND. */
  int (*transaction)(void *context, const uint8_t id[32], aod_buf_t *json, aod_error_t *err);
  int (*block)(void *context, uint64_t height, aod_buf_t *json, aod_error_t *err);
  /* The data of a transaction or data item: how many bytes it has (AOD_ENOTFOUND), and `len` of
   * them, all within. */
  int (*size)(void *context, const uint8_t id[32], uint64_t *bytes, aod_error_t *err);
  int (*read)(void *context, const uint8_t id[32], uint64_t from, uint8_t *to, size_t len,
              aod_error_t *err);
} aod_gateway_t;

#endif
