/* A drive that serves the gateway which the recordings had
 * (test/vectors/eval/weavedrive-gateway.json) and notes what it was asked for. */
#ifndef AOD_TEST_SUPPORT_DRIVE_H
#define AOD_TEST_SUPPORT_DRIVE_H

#include "arweave/base64url.h"
#include "base/file.h"
#include "base/json.h"
#include "vm/drive.h"

#include <inttypes.h>
#include <sodium.h>

typedef struct {
  json_t *gateway;
  json_t *requests; /* "GET /tx/..": strings, in order */
  int outage;       /* an error code: every answer is this */
} test_drive_t;

static void drive_note(test_drive_t *drive, const char *method, const char *path,
                       aod_slice_t name) {
  json_array_append_new(drive->requests, json_sprintf("%s %s%.*s", method, path, (int)name.len,
                                                      (const char *)name.ptr));
}

/* The bytes of a member, which are base64. */
static int drive_look_up(test_drive_t *drive, const char *kind, aod_slice_t name, aod_buf_t *bytes,
                         aod_error_t *err) {
  char key[64];
  snprintf(key, sizeof key, "%.*s", (int)name.len, (const char *)name.ptr);
  if (drive->outage) return aod_fail(err, drive->outage, "the gateway does not answer");
  aod_slice_t text = aod_json_get_string(json_object_get(drive->gateway, kind), key);
  if (!text.ptr) return aod_fail(err, AOD_ENOTFOUND, "there is no %s %s", kind, key);
  size_t len;
  aod_buf_reserve(bytes, text.len);
  if (sodium_base642bin(bytes->ptr + bytes->len, text.len, (const char *)text.ptr, text.len, NULL,
                        &len, NULL, sodium_base64_VARIANT_ORIGINAL))
    return aod_fail(err, AOD_EINTERNAL, "the vectors hold no base64");
  bytes->len += len;
  return AOD_OK;
}

static int drive_transaction(void *context, const uint8_t id[32], aod_buf_t *json,
                             aod_error_t *err) {
  char text[44];
  aod_id_encode(id, text);
  drive_note(context, "GET", "/tx/", aod_text(text));
  return drive_look_up(context, "tx", aod_text(text), json, err);
}

static int drive_block(void *context, uint64_t height, aod_buf_t *json, aod_error_t *err) {
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, height);
  drive_note(context, "GET", "/block/height/", aod_text(text));
  return drive_look_up(context, "block", aod_text(text), json, err);
}

static int drive_data(test_drive_t *drive, const char *method, const uint8_t id[32],
                      aod_buf_t *bytes, aod_error_t *err) {
  char text[44];
  aod_id_encode(id, text);
  drive_note(drive, method, "/", aod_text(text));
  return drive_look_up(drive, "data", aod_text(text), bytes, err);
}

static int drive_size(void *context, const uint8_t id[32], uint64_t *size, aod_error_t *err) {
  aod_buf_t bytes = {0};
  int code = drive_data(context, "HEAD", id, &bytes, err);
  *size = bytes.len;
  aod_buf_free(&bytes);
  return code;
}

static int drive_read(void *context, const uint8_t id[32], uint64_t from, uint8_t *to, size_t len,
                      aod_error_t *err) {
  aod_buf_t bytes = {0};
  int code = drive_data(context, "GET", id, &bytes, err);
  aod_assert(code || from + len <= bytes.len);
  if (code == AOD_OK) memcpy(to, bytes.ptr + from, len);
  aod_buf_free(&bytes);
  return code;
}

/* The meaning of the query is noted, too: owners and height. */
static int drive_exists(void *context, const aod_drive_query_t *query, bool *exists,
                        aod_error_t *err) {
  test_drive_t *drive = context;
  aod_buf_t words = {0};
  aod_buf_printf(&words, " %s %s %s=%.*s max %" PRIu64, query->type, query->protocol, query->id_tag,
                 AOD_ARG(query->id), query->max_block);
  for (size_t i = 0; i < query->owner_count; i++)
    aod_buf_printf(&words, " %.*s", AOD_ARG(query->owners[i]));
  drive_note(drive, "POST", "/graphql", aod_buf_slice(&words));
  aod_buf_free(&words);
  if (drive->outage) return aod_fail(err, drive->outage, "the gateway does not answer");
  json_t *id, *listed = json_object_get(json_object_get(drive->gateway, "graphql_has_results"),
                                        query->id_tag);
  size_t i;
  json_array_foreach(listed, i, id) {
    if (aod_slice_equal(aod_json_slice(id), query->id)) *exists = true;
  }
  return AOD_OK;
}

static inline aod_drive_t test_drive_open(test_drive_t *drive) {
  aod_buf_t text = {0};
  *drive = (test_drive_t){.requests = json_array()};
  const char *path = AOD_SOURCE_DIR "/test/vectors/eval/weavedrive-gateway.json";
  if (aod_file_read(path, 1 << 20, &text, NULL) ||
      aod_json_parse(aod_buf_slice(&text), &drive->gateway, NULL))
    fail_msg("%s cannot be read", path);
  aod_buf_free(&text);
  return (aod_drive_t){drive, drive_transaction, drive_block, drive_size, drive_read, drive_exists};
}

static inline void test_drive_close(test_drive_t *drive) {
  json_decref(drive->gateway);
  json_decref(drive->requests);
}

#endif
