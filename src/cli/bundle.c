/* aod bundle: the payloads in which data items travel (ANS-104 bundles). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "arweave/base64url.h"
#include "arweave/bundle.h"
#include "arweave/hash.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/input.h"

typedef struct {
  const char *out, *dir;
} bundle_options_t;

/* What a walk over all items gathers. */
typedef struct {
  aod_buf_t *json; /* a list that is being written; NULL: only count */
  void (*describe)(aod_buf_t *json, const aod_bundle_visit_t *visit);
  bool only_problems;     /* in the list */
  const char *dir;        /* where items at the top are written, or NULL */
  size_t count, problems; /* nested items included */
  aod_error_t first;      /* problem */
} survey_t;

/* ---- looking at items ---- */

static void describe_place(aod_buf_t *json, const aod_bundle_visit_t *visit) {
  aod_json_key_int(json, "offset", (int64_t)visit->entry.offset);
  aod_json_key_int(json, "length", (int64_t)visit->entry.raw.len);
  if (visit->parent) aod_describe_id(json, "bundledIn", visit->parent->id);
  aod_describe_verdict(json, visit->problem ? visit->problem->code : AOD_OK, visit->problem);
}

static void describe_whole(aod_buf_t *json, const aod_bundle_visit_t *visit) {
  if (visit->item) {
    uint8_t sha256[32];
    aod_sha256(visit->item->data, sha256);
    aod_describe_item(json, visit->item);
    aod_describe_data(json, visit->item->data.len, sha256);
  } else {
    aod_describe_id(json, "id", visit->entry.id);
  }
  describe_place(json, visit);
}

static void describe_briefly(aod_buf_t *json, const aod_bundle_visit_t *visit) {
  aod_describe_id(json, "id", visit->entry.id);
  describe_place(json, visit);
}

static int write_item(survey_t *survey, const aod_bundle_visit_t *visit, aod_error_t *err) {
  char id[44];
  aod_buf_t path = {0};
  aod_id_encode(visit->entry.id, id);
  aod_buf_printf(&path, "%s/%s.item", survey->dir, id);
  aod_buf_terminate(&path);
  int code = aod_file_write((const char *)path.ptr, visit->entry.raw, 0644, err);
  if (code == AOD_OK) aod_json_key_string(survey->json, "file", aod_buf_slice(&path));
  aod_buf_free(&path);
  return code;
}

static int visit_item(void *context, const aod_bundle_visit_t *visit) {
  survey_t *survey = context;
  int code = AOD_OK;
  survey->count++;
  if (visit->problem && survey->problems++ == 0) survey->first = *visit->problem;
  if (survey->only_problems && !visit->problem) return AOD_OK;
  if (survey->dir && visit->depth > 0) return AOD_OK;
  aod_json_separate(survey->json);
  aod_buf_byte(survey->json, '{');
  survey->describe(survey->json, visit);
  if (survey->dir && !visit->problem) code = write_item(survey, visit, &survey->first);
  aod_buf_byte(survey->json, '}');
  return code;
}

/* ---- one bundle ---- */

static size_t end_of_items(const aod_bundle_t *bundle) {
  aod_bundle_cursor_t cursor = {0};
  aod_bundle_entry_t entry;
  while (aod_bundle_next(bundle, &cursor, &entry)) continue;
  return bundle->count ? cursor.offset : 32;
}

static void describe_bundle(aod_buf_t *json, aod_slice_t payload) {
  aod_bundle_t bundle;
  aod_json_key_int(json, "length", (int64_t)payload.len);
  if (aod_bundle_parse(payload, &bundle, NULL) != AOD_OK) return;
  aod_json_key_int(json, "count", (int64_t)bundle.count);
  size_t end = end_of_items(&bundle);
  if (end < payload.len) aod_json_key_int(json, "trailingBytes", (int64_t)(payload.len - end));
}

static int survey_payload(survey_t *survey, aod_slice_t payload, aod_error_t *err) {
  int code = aod_bundle_walk(payload, AOD_BUNDLE_LIMITS, visit_item, survey, err);
  if (code != AOD_OK && survey->first.code == code) *err = survey->first; /* a file's failure */
  if (code == AOD_OK && survey->problems)
    code =
        aod_fail(err, survey->first.code, "%zu of %zu items are not valid, the first because: %s",
                 survey->problems, survey->count, survey->first.message);
  return code;
}

/* Print what a walk with `survey` finds; its list becomes the member `name`. */
static int judge(const aod_option_list_t *words, const char *name, survey_t *survey,
                 aod_error_t *err) {
  aod_input_t input;
  aod_slice_t payload;
  aod_buf_t json = {0}, list = {0};
  int code = aod_input_open(&input, words->count ? words->values[0] : NULL, err);
  if (code != AOD_OK) return code;
  code = aod_input_map(&input, &payload, err);
  survey->json = &list;
  aod_buf_byte(&list, '[');
  if (code == AOD_OK) code = survey_payload(survey, payload, err);
  aod_buf_byte(&list, ']');
  if (aod_describe_is_verdict(code)) {
    aod_buf_byte(&json, '{');
    describe_bundle(&json, payload);
    aod_json_key_int(&json, "itemCount", (int64_t)survey->count);
    aod_json_key_raw(&json, name, aod_buf_slice(&list));
    aod_describe_verdict(&json, code, err);
    aod_buf_byte(&json, '}');
    aod_describe_print(&json);
  }
  aod_buf_free(&json);
  aod_buf_free(&list);
  aod_input_close(&input);
  return code;
}

static int run_inspect(void *options, const aod_option_list_t *words, aod_error_t *err) {
  (void)options;
  survey_t survey = {.describe = describe_whole};
  return judge(words, "items", &survey, err);
}

static int run_verify(void *options, const aod_option_list_t *words, aod_error_t *err) {
  (void)options;
  survey_t survey = {.describe = describe_briefly, .only_problems = true};
  return judge(words, "problems", &survey, err);
}

static int run_unpack(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const bundle_options_t *options = target;
  if (!options->dir) return aod_fail(err, AOD_EUSAGE, "say where to put the items: --dir DIR");
  survey_t survey = {.describe = describe_briefly, .dir = options->dir};
  int code = aod_dir_create(options->dir, err);
  return code == AOD_OK ? judge(words, "items", &survey, err) : code;
}

/* ---- packing ---- */

static int check_item(aod_slice_t raw, const char *name, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_item_t item;
  int code = aod_item_parse(raw, &arena, &item, err);
  if (code == AOD_OK) code = aod_item_verify(&item, err);
  aod_arena_free(&arena);
  return code == AOD_OK ? code : aod_error_prefix(err, "%s", name);
}

static int map_items(const aod_option_list_t *files, aod_input_t *inputs, aod_slice_t *items,
                     aod_error_t *err) {
  int code = AOD_OK;
  for (size_t i = 0; i < files->count && code == AOD_OK; i++) {
    code = aod_input_open(&inputs[i], files->values[i], err);
    if (code == AOD_OK) code = aod_input_map(&inputs[i], &items[i], err);
    if (code == AOD_OK) code = check_item(items[i], files->values[i], err);
  }
  return code;
}

static int answer(const aod_buf_t *payload, size_t count, const char *out, aod_error_t *err) {
  aod_buf_t json = {0};
  int code = AOD_OK;
  aod_buf_byte(&json, '{');
  aod_json_key_int(&json, "count", (int64_t)count);
  aod_json_key_int(&json, "length", (int64_t)payload->len);
  if (out) {
    code = aod_file_write(out, aod_buf_slice(payload), 0644, err);
    aod_json_key_string(&json, "file", aod_text(out));
  } else if (payload->len > AOD_DESCRIBE_RAW_MAX) {
    code = aod_fail(err, AOD_ETOOLARGE, "the bundle is too large for JSON: --out FILE");
  } else {
    aod_base64url_member(&json, "raw", aod_buf_slice(payload));
  }
  aod_buf_byte(&json, '}');
  if (code == AOD_OK) aod_describe_print(&json);
  aod_buf_free(&json);
  return code;
}

static int run_pack(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const bundle_options_t *options = target;
  aod_arena_t arena = {0};
  aod_buf_t payload = {0};
  aod_input_t *inputs = aod_arena_alloc(&arena, (words->count + 1) * sizeof *inputs);
  aod_slice_t *items = aod_arena_alloc(&arena, (words->count + 1) * sizeof *items);
  for (size_t i = 0; i < words->count; i++) inputs[i].fd = -1;
  int code = map_items(words, inputs, items, err);
  if (code == AOD_OK) code = aod_bundle_build(items, words->count, &payload, err);
  if (code == AOD_OK) code = answer(&payload, words->count, options->out, err);
  for (size_t i = 0; i < words->count; i++) aod_input_close(&inputs[i]);
  aod_buf_free(&payload);
  aod_arena_free(&arena);
  return code;
}

/* ---- the command ---- */

#define FIELD(name) offsetof(bundle_options_t, name)
static const aod_option_t pack_options[] = {
    {"--out", AOD_OPTION_TEXT, FIELD(out), "FILE",
     "where to write the bundle (default: in the JSON, as base64url)", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};
static const aod_option_t unpack_options[] = {
    {"--dir", AOD_OPTION_TEXT, FIELD(dir), "DIR", "the folder to put them in; made when missing", 0,
     0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};
static const aod_option_t no_options[] = {{NULL, 0, 0, NULL, NULL, 0, 0}};

static const aod_verb_t verbs[] = {
    {"inspect", "[FILE]",
     "Tell as JSON about every item of a bundle, nested ones included, and whether it is valid.\n"
     "Reads stdin without FILE. Exits with 2 and the first reason on stderr when not all are.",
     no_options, 1, run_inspect},
    {"verify", "[FILE]",
     "Tell as JSON whether a bundle and all items in it are valid, and which ones are not.",
     no_options, 1, run_verify},
    {"pack", "ITEM...", "Make a bundle of signed items, in this order.", pack_options,
     AOD_OPTION_LIST_MAX, run_pack},
    {"unpack", "[FILE]",
     "Write the valid items of a bundle to DIR/<id>.item; exits with 2 when some are not valid.",
     unpack_options, 1, run_unpack},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

int aod_command_bundle(int argc, char **argv) {
  bundle_options_t options = {0};
  return aod_command_verbs("bundle", "ANS-104 bundles: the payload of a transaction or an item.",
                           verbs, &options, argc, argv);
}
