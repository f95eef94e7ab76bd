/* The worker asks. Whatever goes wrong on the way ends it: then the node is gone. */
#include "vm/worker_drive.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Texts go where the reply's will stand, which nobody has written yet. */
static int ask(const aod__worker_drive_t *drive, aod__worker_reply_t *question, aod_slice_t text,
               aod__worker_request_t *answer, aod_error_t *err) {
  uint8_t *at = drive->channel + AOD__CHANNEL_REPLY_AT;
  if (text.len) memcpy(at, text.ptr, text.len);
  question->texts[0] = text.len;
  if (send(drive->socket, question, sizeof *question, MSG_NOSIGNAL) != (ssize_t)sizeof *question ||
      recv(drive->socket, answer, sizeof *answer, 0) != (ssize_t)sizeof *answer)
    _exit(1);
  aod_assert(answer->op == AOD__WORKER_ANSWER);
  if (answer->code == AOD_OK) return AOD_OK;
  aod_slice_t reason = aod_slice_sub(aod_slice(at, answer->texts[0]), 0, 900);
  return aod_fail(err, answer->code, "%.*s", AOD_ARG(reason));
}

static int ask_text(const aod__worker_drive_t *drive, aod__worker_reply_t *question,
                    aod_buf_t *json, aod_error_t *err) {
  aod__worker_request_t answer;
  int code = ask(drive, question, AOD_EMPTY, &answer, err);
  if (code == AOD_OK)
    aod_buf_append(json, aod_slice(drive->channel + AOD__CHANNEL_REPLY_AT, answer.texts[0]));
  return code;
}

static int transaction(void *context, const uint8_t id[32], aod_buf_t *json, aod_error_t *err) {
  aod__worker_reply_t question = {.ask = AOD__ASK_TRANSACTION};
  memcpy(question.id, id, 32);
  return ask_text(context, &question, json, err);
}

static int block(void *context, uint64_t height, aod_buf_t *json, aod_error_t *err) {
  aod__worker_reply_t question = {.ask = AOD__ASK_BLOCK, .number = height};
  return ask_text(context, &question, json, err);
}

static int size(void *context, const uint8_t id[32], uint64_t *bytes, aod_error_t *err) {
  aod__worker_request_t answer;
  aod__worker_reply_t question = {.ask = AOD__ASK_SIZE};
  memcpy(question.id, id, 32);
  int code = ask(context, &question, AOD_EMPTY, &answer, err);
  if (code == AOD_OK) *bytes = answer.number;
  return code;
}

static int read_part(const aod__worker_drive_t *drive, const uint8_t id[32], uint64_t from,
                     uint8_t *to, size_t len, aod_error_t *err) {
  aod__worker_request_t answer;
  aod__worker_reply_t question = {.ask = AOD__ASK_READ, .number = from, .len = len};
  memcpy(question.id, id, 32);
  int code = ask(drive, &question, AOD_EMPTY, &answer, err);
  if (code == AOD_OK) memcpy(to, drive->channel + AOD__CHANNEL_REPLY_AT, len);
  return code;
}

static int read_data(void *context, const uint8_t id[32], uint64_t from, uint8_t *to, size_t len,
                     aod_error_t *err) {
  int code = AOD_OK;
  while (len > 0 && code == AOD_OK) {
    size_t part = len < AOD__ASK_READ_BYTES ? len : AOD__ASK_READ_BYTES;
    code = read_part(context, id, from, to, part, err);
    from += part, to += part, len -= part;
  }
  return code;
}

/* Each text with its length before it; see read_query in drive_answer.c. */
static void write_text(aod_buf_t *bytes, aod_slice_t text) {
  uint8_t len[8];
  aod_store_le64(len, text.len);
  aod_buf_append(bytes, aod_slice(len, sizeof len));
  aod_buf_append(bytes, text);
}

static int exists(void *context, const aod_drive_query_t *query, bool *exists_out,
                  aod_error_t *err) {
  aod_buf_t text = {0};
  aod__worker_request_t answer;
  aod__worker_reply_t question = {.ask = AOD__ASK_EXISTS, .number = query->max_block};
  write_text(&text, aod_text(query->type));
  write_text(&text, aod_text(query->protocol));
  write_text(&text, aod_text(query->id_tag));
  write_text(&text, query->id);
  for (size_t i = 0; i < query->owner_count; i++) write_text(&text, query->owners[i]);
  int code = ask(context, &question, aod_buf_slice(&text), &answer, err);
  aod_buf_free(&text);
  if (code == AOD_OK) *exists_out = answer.number != 0;
  return code;
}

void aod__worker_drive_init(aod__worker_drive_t *drive, int socket, uint8_t *channel) {
  *drive = (aod__worker_drive_t){.table = {.context = drive,
                                           .transaction = transaction,
                                           .block = block,
                                           .size = size,
                                           .read = read_data,
                                           .exists = exists},
                                 .socket = socket,
                                 .channel = channel};
}
