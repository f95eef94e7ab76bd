/* The node answers a worker's questions: it is the worker's only way to other people's data, and
 * that is public. Questions are checked as if a stranger asked. */
#include "vm/worker_drive.h"

#include <stdlib.h>

enum { QUERY_BYTES_MAX = 1 << 20, OWNERS_MAX = 1000 };

typedef struct {
  const aod_drive_t *drive;
  aod__worker_t *worker;
  const aod__worker_reply_t *question;
  aod_slice_t text; /* of the question; ours */
  aod_buf_t bytes;  /* the answer */
  uint64_t number;
} call_t;

static int do_transaction(call_t *call, aod_error_t *err) {
  return call->drive->transaction(call->drive->context, call->question->id, &call->bytes, err);
}

static int do_block(call_t *call, aod_error_t *err) {
  return call->drive->block(call->drive->context, call->question->number, &call->bytes, err);
}

static int do_size(call_t *call, aod_error_t *err) {
  aod__worker_t *worker = call->worker;
  int code = call->drive->size(call->drive->context, call->question->id, &call->number, err);
  if (code) return code;
  memcpy(worker->sized, call->question->id, sizeof worker->sized);
  worker->sized_bytes = call->number;
  return AOD_OK;
}

/* The drive expects that all of it is there; a worker asks for the size before it reads. */
static int do_read(call_t *call, aod_error_t *err) {
  const aod__worker_reply_t *question = call->question;
  uint64_t bytes = call->worker->sized_bytes;
  if (memcmp(call->worker->sized, question->id, sizeof question->id) != 0) {
    int code = do_size(call, err);
    if (code) return code;
    bytes = call->worker->sized_bytes;
  }
  if (question->len > AOD__ASK_READ_BYTES || question->number > bytes ||
      question->len > bytes - question->number)
    return aod_fail(err, AOD_EUNSUPPORTED, "data is read beyond its end");
  aod_buf_reserve(&call->bytes, question->len);
  call->bytes.len = question->len;
  return call->drive->read(call->drive->context, question->id, question->number, call->bytes.ptr,
                           question->len, err);
}

static bool take_text(aod_slice_t *rest, aod_slice_t *text) {
  if (rest->len < 8) return false;
  uint64_t len = aod_load_le64(rest->ptr);
  if (len > rest->len - 8) return false;
  *text = aod_slice(rest->ptr + 8, len);
  *rest = aod_slice(rest->ptr + 8 + len, rest->len - 8 - len);
  return true;
}

static int find(call_t *call, const aod_slice_t fixed[4], const aod_slice_t *owners, size_t count,
                aod_error_t *err) {
  char *type = aod_slice_strdup(fixed[0]), *protocol = aod_slice_strdup(fixed[1]);
  char *id_tag = aod_slice_strdup(fixed[2]);
  aod_drive_query_t query = {.owners = owners,
                             .owner_count = count,
                             .max_block = call->question->number,
                             .type = type,
                             .protocol = protocol,
                             .id_tag = id_tag,
                             .id = fixed[3]};
  bool exists = false;
  int code = call->drive->exists(call->drive->context, &query, &exists, err);
  call->number = exists;
  free(type);
  free(protocol);
  free(id_tag);
  return code;
}

static int do_exists(call_t *call, aod_error_t *err) {
  aod_slice_t rest = call->text, fixed[4], owners[OWNERS_MAX];
  size_t count = 0;
  bool good = true;
  for (int i = 0; i < 4; i++) good = good && take_text(&rest, &fixed[i]);
  while (good && rest.len > 0 && count < OWNERS_MAX) good = take_text(&rest, &owners[count++]);
  if (!good || rest.len > 0) return aod_fail(err, AOD_EUNSUPPORTED, "a query is malformed");
  return find(call, fixed, owners, count, err);
}

static int (*const answers[AOD__ASKS])(call_t *, aod_error_t *) = {
    [AOD__ASK_TRANSACTION] = do_transaction,
    [AOD__ASK_BLOCK] = do_block,
    [AOD__ASK_SIZE] = do_size,
    [AOD__ASK_READ] = do_read,
    [AOD__ASK_EXISTS] = do_exists,
};

bool aod__drive_answer(const aod_drive_t *drive, aod__worker_t *worker,
                       const aod__worker_reply_t *question) {
  if (!drive || question->ask >= AOD__ASKS || question->texts[0] > QUERY_BYTES_MAX) return false;
  aod_buf_t text = {0};
  aod_error_t error = {.message = ""};
  aod_buf_append(&text, aod__worker_text(worker, question, 0));
  call_t call = {
      .drive = drive, .worker = worker, .question = question, .text = aod_buf_slice(&text)};
  int code = answers[question->ask](&call, &error);
  aod_slice_t bytes = code ? aod_text(error.message) : aod_buf_slice(&call.bytes);
  bool sent = aod__worker_answer(worker, code, call.number, bytes);
  aod_buf_free(&call.bytes);
  aod_buf_free(&text);
  return sent;
}
