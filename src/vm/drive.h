/* WeaveDrive: what a process may read of Arweave while it evaluates a message (wasm-host.md G).
 *
 * A module opens /tx/<id>, /block/<height> and /data/<id>; whoever runs the instance answers
 * through aod_drive_t. Every answer must be the same whenever the same message is evaluated:
 * content is named by its id, and what is searched for is bound by the message's block height. An
 * answer that cannot be had now is no answer: the message is then not evaluated at all. */
#ifndef AOD_VM_DRIVE_H
#define AOD_VM_DRIVE_H

#include "base/bytes.h"
#include "base/error.h"

/* Transactions of one of `owners` (addresses), in a block of at most `max_block`, with the tags
 * Type, Data-Protocol and one more that holds the id. */
typedef struct {
  const aod_slice_t *owners;
  size_t owner_count;
  uint64_t max_block;
  const char *type, *protocol, *id_tag;
  aod_slice_t id; /* 43 characters */
} aod_drive_query_t;

/* Each returns AOD_OK, AOD_ENOTFOUND when there is no such thing, or another code when that cannot
 * be told now. They are called by the thread that evaluates, which they may block. */
typedef struct {
  void *context;
  /* Append GET /tx/<id> and GET /block/height/<height>: JSON. */
  int (*transaction)(void *context, const uint8_t id[32], aod_buf_t *json, aod_error_t *err);
  int (*block)(void *context, uint64_t height, aod_buf_t *json, aod_error_t *err);
  /* The data of an item: how many bytes it has; `len` of them, all within. */
  int (*size)(void *context, const uint8_t id[32], uint64_t *bytes, aod_error_t *err);
  int (*read)(void *context, const uint8_t id[32], uint64_t from, uint8_t *to, size_t len,
              aod_error_t *err);
  int (*exists)(void *context, const aod_drive_query_t *query, bool *exists, aod_error_t *err);
} aod_drive_t;

/* May the process read the data of `id`? By its tags and the module's in `env` and the block height
 * in `msg`, the JSON texts of the message. AOD_EUNSUPPORTED for a mode that is not known, else what
 * drive->exists returns. */
int aod__drive_admits(const aod_drive_t *drive, aod_slice_t msg, aod_slice_t env, aod_slice_t id,
                      bool *admitted, aod_error_t *err);

#endif
