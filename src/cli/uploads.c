/* aod uploads: what waits to be carried to Arweave, since when, and why. Looks into the outbox of a
 * program that may be running. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "store/uploads.h"

typedef struct {
  const char *data;
  int64_t limit;
} uploads_options_t;

static void describe_status(aod_buf_t *json, const aod_uploads_status_t *status, int64_t now_ms) {
  aod_json_key_int(json, "waiting", status->waiting);
  aod_json_key_int(json, "bytes", status->bytes);
  aod_json_key_int(json, "oldestAgeMs", status->oldest_ms ? now_ms - status->oldest_ms : 0);
  aod_json_key_int(json, "transactions", status->carriers);
  aod_json_key_int(json, "uploaded", status->uploaded);
  if (status->error_ms) {
    aod_json_key_string(json, "lastError", aod_text(status->error));
    aod_json_key_int(json, "lastErrorAgeMs", now_ms - status->error_ms);
  }
}

static void describe_upload(aod_buf_t *json, const aod_upload_t *upload, bool carrier,
                            int64_t now_ms) {
  aod_json_separate(json);
  aod_buf_byte(json, '{');
  aod_describe_id(json, "id", upload->id);
  if (!carrier) aod_json_key_int(json, "length", (int64_t)upload->len);
  aod_json_key_int(json, "ageMs", now_ms - upload->added_ms);
  aod_json_key_int(json, "attempts", upload->attempts);
  if (carrier) aod_json_key_bool(json, "posted", upload->posted);
  if (!upload->carrier)
    aod_json_key_int(json, "nextTryMs", upload->due_ms > now_ms ? upload->due_ms - now_ms : 0);
  if (upload->reason.len) aod_json_key_string(json, "reason", upload->reason);
  aod_buf_byte(json, '}');
}

static int describe_list(aod_uploads_t *uploads, bool carriers, size_t limit, int64_t now_ms,
                         aod_buf_t *json, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_upload_list_t list = {0};
  int code = aod_uploads_list(uploads, carriers, limit, &arena, &list, err);
  aod_json_key(json, carriers ? "waitingTransactions" : "waitingItems");
  aod_buf_byte(json, '[');
  for (size_t i = 0; i < list.count; i++) describe_upload(json, &list.list[i], carriers, now_ms);
  aod_buf_byte(json, ']');
  aod_arena_free(&arena);
  return code;
}

static int describe(aod_uploads_t *uploads, size_t limit, aod_error_t *err) {
  aod_buf_t json = {0};
  aod_uploads_status_t status;
  int64_t now_ms = aod_clock_wall_ms();
  int code = aod_uploads_status(uploads, &status, err);
  aod_buf_byte(&json, '{');
  if (code == AOD_OK) describe_status(&json, &status, now_ms);
  if (code == AOD_OK) code = describe_list(uploads, true, limit, now_ms, &json, err);
  if (code == AOD_OK) code = describe_list(uploads, false, limit, now_ms, &json, err);
  aod_buf_byte(&json, '}');
  if (code == AOD_OK) aod_describe_print(&json);
  aod_buf_free(&json);
  return code;
}

static int run_ls(void *target, const aod_option_list_t *words, aod_error_t *err) {
  (void)words;
  const uploads_options_t *options = target;
  if (!options->data) return aod_fail(err, AOD_EUSAGE, "say whose uploads: --data DIR");
  aod_buf_t path = {0};
  aod_uploads_t *uploads = NULL;
  aod_buf_printf(&path, "%s/uploads.db", options->data);
  aod_buf_terminate(&path);
  int code = AOD_OK;
  if (!aod_file_exists((const char *)path.ptr)) /* opening would make it */
    code = aod_fail(err, AOD_ENOTFOUND, "nothing is uploaded from %s", options->data);
  if (code == AOD_OK) code = aod_uploads_open(&uploads, (const char *)path.ptr, err);
  if (code == AOD_OK) code = describe(uploads, (size_t)options->limit, err);
  aod_uploads_close(uploads);
  aod_buf_free(&path);
  return code;
}

#define FIELD(name) offsetof(uploads_options_t, name)
static const aod_option_t ls_options[] = {
    {"--data", AOD_OPTION_TEXT, FIELD(data), "DIR", "the data folder of the program that uploads",
     0, 0},
    {"--limit", AOD_OPTION_INT, FIELD(limit), "N",
     "list so many of the oldest items and transactions (default: 100)", 0, 1000000},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

static const aod_verb_t verbs[] = {
    {"ls", "",
     "Tell as JSON how much waits, since when, what was uploaded so far, and the last error; then\n"
     "each item and transaction that waits, with its attempts and the reason of the last failure.",
     ls_options, 0, run_ls},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

int aod_command_uploads(int argc, char **argv) {
  uploads_options_t options = {.limit = 100};
  return aod_command_verbs("uploads", "What waits to be carried to Arweave.", verbs, &options, argc,
                           argv);
}
