/* Which data a process may read: what it names itself (On-Boot), and what those whom it trusts, its
 * scheduler and its attestors, have made known on Arweave at the message's block or before. */
#include "vm/drive.h"

#include <stdlib.h>

#include "base/json.h"

typedef struct {
  const aod_drive_t *drive;
  const json_t *process_tags, *module_tags;
  aod_slice_t id;
  aod_slice_t *attestors;
  size_t attestor_count;
  uint64_t max_block;
} question_t;

/* ---- tags ---- */

static bool tag_is(const json_t *tag, const char *name) {
  return aod_slice_is(aod_json_get_string(tag, "name"), name);
}

/* Empty when there is none. */
static aod_slice_t last_of(const json_t *tags, const char *name) {
  aod_slice_t value = AOD_EMPTY;
  size_t i;
  const json_t *tag;
  json_array_foreach((json_t *)tags, i, tag) {
    if (tag_is(tag, name)) value = aod_json_get_string(tag, "value");
  }
  return value;
}

static bool has_extension(const json_t *tags) {
  size_t i;
  const json_t *tag;
  json_array_foreach((json_t *)tags, i, tag) {
    if (tag_is(tag, "Extension") && aod_slice_is(aod_json_get_string(tag, "value"), "WeaveDrive"))
      return true;
  }
  return false;
}

static void add_attestor(question_t *question, aod_slice_t address) {
  if (address.len) question->attestors[question->attestor_count++] = address;
}

/* The last Scheduler, then every Attestor, of the process. */
static void find_attestors(question_t *question) {
  size_t i;
  const json_t *tag, *tags = question->process_tags;
  question->attestors = aod_alloc((json_array_size(tags) + 1) * sizeof *question->attestors);
  add_attestor(question, last_of(tags, "Scheduler"));
  json_array_foreach((json_t *)tags, i, tag) {
    if (tag_is(tag, "Attestor")) add_attestor(question, aod_json_get_string(tag, "value"));
  }
}

static aod_slice_t mode_of(const question_t *question) {
  aod_slice_t mode = last_of(question->process_tags, "Availability-Type");
  if (!mode.len) mode = last_of(question->module_tags, "Availability-Type");
  return mode.len ? mode : AOD_TEXT("Assignments");
}

/* ---- the rules ---- */

static int ask(const question_t *question, const char *type, const char *id_tag,
               const char *protocol, bool *found, aod_error_t *err) {
  aod_drive_query_t query = {.owners = question->attestors,
                             .owner_count = question->attestor_count,
                             .max_block = question->max_block,
                             .type = type,
                             .protocol = protocol,
                             .id_tag = id_tag,
                             .id = question->id};
  *found = false;
  return question->drive->exists(question->drive->context, &query, found, err);
}

static int ask_attestors(question_t *question, bool *admitted, aod_error_t *err) {
  aod_slice_t mode = mode_of(question);
  bool individual = aod_slice_is(mode, "Individual"), library = aod_slice_is(mode, "Library");
  if (!individual && !library && !aod_slice_is(mode, "Assignments"))
    return aod_fail(err, AOD_EUNSUPPORTED, "Unsupported WeaveDrive mode: %.*s", AOD_ARG(mode));
  find_attestors(question);
  int code = ask(question, "Attestation", "Message", "ao", admitted, err);
  if (code != AOD_OK || *admitted) return code;
  if (individual) return ask(question, "Available", "ID", "WeaveDrive", admitted, err);
  if (!library) return AOD_OK;
  return aod_fail(err, AOD_EUNSUPPORTED,
                  "This WeaveDrive implementation does not support Library attestations yet!");
}

static int answer(question_t *question, bool *admitted, aod_error_t *err) {
  *admitted = aod_slice_equal(last_of(question->process_tags, "On-Boot"), question->id);
  bool has_drive = has_extension(question->process_tags) || has_extension(question->module_tags);
  if (*admitted || !has_drive) return AOD_OK;
  return ask_attestors(question, admitted, err);
}

static const json_t *tags_of(const json_t *env, const char *name) {
  return json_object_get(json_object_get(env, name), "Tags");
}

static uint64_t height_of(const json_t *msg) {
  const json_t *height = json_object_get(msg, "Block-Height");
  uint64_t number = 0;
  if (json_is_string(height)) {
    aod_slice_to_u64(aod_json_slice(height), &number);
    return number;
  }
  double value = json_number_value(height);
  return value > 0 && value < 9e15 ? (uint64_t)value : 0;
}

int aod__drive_admits(const aod_drive_t *drive, aod_slice_t msg, aod_slice_t env, aod_slice_t id,
                      bool *admitted, aod_error_t *err) {
  json_t *message = NULL, *around = NULL;
  *admitted = false;
  int code = aod_json_parse(msg, &message, err);
  if (code == AOD_OK) code = aod_json_parse(env, &around, err);
  question_t question = {.drive = drive,
                         .process_tags = tags_of(around, "Process"),
                         .module_tags = tags_of(around, "Module"),
                         .id = id,
                         .max_block = height_of(message)};
  if (code == AOD_OK) code = answer(&question, admitted, err);
  free(question.attestors);
  json_decref(message);
  json_decref(around);
  return code;
}
