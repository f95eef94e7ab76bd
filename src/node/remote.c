#include <stdlib.h>

#include "node/remote.h"

enum { ANSWER_BYTES_MAX = 64 << 20, REDIRECTS_MAX = 5 };

char *aod__remote_base(const char *url) {
  char *base = aod_strdup(url);
  size_t len = strlen(base);
  while (len && base[len - 1] == '/') base[--len] = 0;
  return base;
}

/* The unit's own words: {"error": "..."}, else the beginning of its answer. */
static aod_slice_t words_of(const aod_call_t *call, json_t **json) {
  aod_slice_t answer = aod_buf_slice(&call->answer);
  *json = NULL;
  if (aod_json_parse(answer, json, NULL) == AOD_OK) {
    aod_slice_t error = aod_json_get_string(*json, "error");
    if (error.len) return aod_slice_sub(error, 0, 500);
  }
  return aod_slice_sub(answer, 0, 200);
}

static bool contains(aod_slice_t text, const char *part) {
  return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static int code_of(int status, aod_slice_t words) {
  if (status >= 500 || status == 429 || status == 425) return AOD_EUNAVAILABLE;
  if (status == 404) return AOD_ENOTFOUND;
  if (status == 413) return AOD_ELIMIT;
  if (status == 422) return AOD_EUNSUPPORTED;
  if (words.len == 0) return AOD_EINPUT;
  if (contains(words, "already exists")) return AOD_EEXISTS;
  return contains(words, "not found") || contains(words, "NotFound") ? AOD_ENOTFOUND : AOD_EINPUT;
}

int aod__remote_outcome(const aod_call_t *call, const char *unit, aod_error_t *err) {
  if (call->code != AOD_OK)
    return aod_fail(err, AOD_EUNAVAILABLE, "the %s did not answer: %s", unit, call->error.message);
  if (call->status >= 200 && call->status < 300) return AOD_OK;
  json_t *json;
  aod_slice_t words = words_of(call, &json);
  int code = code_of(call->status, words);
  aod_fail(err, code, "the %s answered %d: %.*s", unit, call->status, AOD_ARG(words));
  json_decref(json);
  return code;
}

int aod__remote_get(aod_client_t *client, const char *unit, const char *base, const char *path,
                    json_t **json, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_call_t call = {.url = aod_arena_printf(&arena, "%s%s", base, path),
                     .headers = {"Accept: application/json"},
                     .answer_max = ANSWER_BYTES_MAX,
                     .redirects_max = REDIRECTS_MAX};
  aod_client_perform(client, &call, err);
  int code = aod__remote_outcome(&call, unit, err);
  if (code == AOD_OK) code = aod_json_parse(aod_buf_slice(&call.answer), json, err);
  if (code != AOD_OK && err) aod_error_prefix(err, "%s%s", base, path);
  aod_buf_free(&call.answer);
  aod_arena_free(&arena);
  return code;
}
