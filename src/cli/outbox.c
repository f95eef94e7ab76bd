/* aod outbox: what a messenger has promised and not finished, and why; and trying it once more.
 * Works on the data folder, beside a running node too: that one looks once a second. */
#include <stdio.h>

#include "ao/address.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "store/outbox.h"

enum { SOON_MS = 1000 /* a node that looked at the outbox just now will look again later */ };

typedef struct {
  const char *data;
  int64_t limit;
  bool parked, json, all;
} outbox_options_t;

static const char *kind_name(aod_outbox_kind_t kind) {
  static const char *const names[] = {"?", "item", "spawn", "assign", "crank", "invalid", "result"};
  return (size_t)kind < sizeof names / sizeof *names ? names[kind] : names[0];
}

static int open_outbox(const outbox_options_t *options, aod_outbox_t **outbox, aod_error_t *err) {
  if (!options->data) return aod_fail(err, AOD_EUSAGE, "say whose outbox: --data DIR");
  aod_buf_t path = {0};
  aod_buf_printf(&path, "%s/mu.db", options->data);
  aod_buf_terminate(&path);
  const char *file = (const char *)path.ptr;
  int code = aod_file_exists(file) /* opening would make it */
                 ? aod_outbox_open(outbox, file, err)
                 : aod_fail(err, AOD_ENOTFOUND, "there is no outbox in %s", options->data);
  aod_buf_free(&path);
  return code;
}

static int read_number(const aod_option_list_t *words, int64_t *seq, aod_error_t *err) {
  uint64_t number;
  if (words->count == 0)
    return aod_fail(err, AOD_EUSAGE, "say which entry: its number in the list");
  if (!aod_slice_to_u64(aod_text(words->values[0]), &number) || number > INT64_MAX)
    return aod_fail(err, AOD_EUSAGE, "\"%s\" is no entry's number", words->values[0]);
  *seq = (int64_t)number;
  return AOD_OK;
}

/* ---- telling ---- */

static void describe_entry(aod_buf_t *json, const aod_outbox_entry_t *entry, int64_t now_ms) {
  aod_json_key_int(json, "number", entry->seq);
  aod_json_key_string(json, "kind", aod_text(kind_name(entry->kind)));
  if (entry->kind != AOD_OUTBOX_INVALID) {
    aod_describe_id(json, "id", entry->id);
    aod_describe_id(json, "process", entry->process);
  }
  aod_describe_id(json, "from", entry->parent);
  if (entry->has_origin) aod_describe_id(json, "pushedFor", entry->origin);
  aod_json_key_bool(json, "parked", entry->parked);
  aod_json_key_int(json, "attempts", entry->attempts);
  if (!entry->parked && entry->due_ms > now_ms && entry->due_ms != AOD_OUTBOX_HELD)
    aod_json_key_int(json, "nextTryMs", entry->due_ms - now_ms);
  if (entry->reason.len) aod_json_key_string(json, "reason", entry->reason);
}

static void print_line(const aod_outbox_entry_t *entry, aod_arena_t *arena) {
  bool invalid = entry->kind == AOD_OUTBOX_INVALID;
  aod_slice_t to = aod_ao_id(arena, invalid ? entry->parent : entry->process);
  printf("%8lld  %-7s  %-8s  %.*s  %.*s\n", (long long)entry->seq, kind_name(entry->kind),
         entry->parked ? "parked" : "waiting", AOD_ARG(to), AOD_ARG(entry->reason));
}

/* ---- ls ---- */

typedef struct {
  const outbox_options_t *options;
  aod_buf_t json;
  int64_t shown, waiting, parked;
} listing_t;

static void list_entry(listing_t *listing, const aod_outbox_entry_t *entry, aod_arena_t *arena) {
  const outbox_options_t *options = listing->options;
  *(entry->parked ? &listing->parked : &listing->waiting) += 1;
  if ((options->parked && !entry->parked) || listing->shown >= options->limit) return;
  listing->shown++;
  if (!options->json) {
    print_line(entry, arena);
    return;
  }
  aod_json_separate(&listing->json);
  aod_buf_byte(&listing->json, '{');
  describe_entry(&listing->json, entry, aod_clock_wall_ms());
  aod_buf_byte(&listing->json, '}');
}

static int list_all(aod_outbox_t *outbox, listing_t *listing, aod_error_t *err) {
  enum { BATCH = 100 };
  int64_t after = 0;
  for (;;) {
    aod_arena_t arena = {0};
    aod_outbox_entries_t entries;
    int code = aod_outbox_list(outbox, after, BATCH, &arena, &entries, err);
    for (size_t i = 0; code == AOD_OK && i < entries.count; i++)
      list_entry(listing, &entries.list[i], &arena);
    if (code == AOD_OK && entries.count) after = entries.list[entries.count - 1].seq;
    aod_arena_free(&arena);
    if (code != AOD_OK || entries.count == 0) return code;
  }
}

static int run_ls(void *target, const aod_option_list_t *words, aod_error_t *err) {
  (void)words;
  aod_outbox_t *outbox;
  listing_t listing = {.options = target};
  int code = open_outbox(target, &outbox, err);
  if (code != AOD_OK) return code;
  aod_buf_text(&listing.json, "{\"entries\":[");
  code = list_all(outbox, &listing, err);
  aod_buf_byte(&listing.json, ']');
  aod_json_key_int(&listing.json, "waiting", listing.waiting);
  aod_json_key_int(&listing.json, "parked", listing.parked);
  aod_buf_byte(&listing.json, '}');
  if (code == AOD_OK && listing.options->json)
    aod_describe_print(&listing.json);
  else if (code == AOD_OK)
    printf("%lld waiting, %lld parked\n", (long long)listing.waiting, (long long)listing.parked);
  aod_buf_free(&listing.json);
  aod_outbox_close(outbox);
  return code;
}

/* ---- show ---- */

static int run_show(void *target, const aod_option_list_t *words, aod_error_t *err) {
  aod_outbox_t *outbox;
  aod_outbox_entry_t entry;
  aod_arena_t arena = {0};
  aod_item_t item;
  int64_t seq;
  int code = read_number(words, &seq, err);
  if (code == AOD_OK) code = open_outbox(target, &outbox, err);
  if (code != AOD_OK) return code;
  code = aod_outbox_get(outbox, seq, &arena, &entry, err);
  if (code == AOD_OK) {
    aod_buf_t json = {0};
    aod_buf_byte(&json, '{');
    describe_entry(&json, &entry, aod_clock_wall_ms());
    if (entry.text.len) aod_json_key_string(&json, "text", entry.text);
    if (entry.raw.len && aod_item_parse(entry.raw, &arena, &item, NULL) == AOD_OK) {
      aod_json_key(&json, "item");
      aod_buf_byte(&json, '{');
      aod_describe_item(&json, &item);
      aod_buf_byte(&json, '}');
    }
    aod_buf_byte(&json, '}');
    aod_describe_print(&json);
  }
  aod_arena_free(&arena);
  aod_outbox_close(outbox);
  return code;
}

/* ---- push ---- */

static int push_all(aod_outbox_t *outbox, int64_t due_ms, int64_t *pushed, aod_error_t *err) {
  enum { BATCH = 100 };
  int64_t after = 0;
  for (;;) {
    aod_arena_t arena = {0};
    aod_outbox_entries_t entries;
    int code = aod_outbox_list(outbox, after, BATCH, &arena, &entries, err);
    for (size_t i = 0; code == AOD_OK && i < entries.count; i++) {
      after = entries.list[i].seq;
      if (!entries.list[i].parked || entries.list[i].kind == AOD_OUTBOX_INVALID) continue;
      code = aod_outbox_push(outbox, after, due_ms, err);
      *pushed += code == AOD_OK;
    }
    aod_arena_free(&arena);
    if (code != AOD_OK || entries.count == 0) return code;
  }
}

static int run_push(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const outbox_options_t *options = target;
  aod_outbox_t *outbox;
  int64_t seq = 0, pushed = 0;
  int code = options->all ? AOD_OK : read_number(words, &seq, err);
  if (code == AOD_OK) code = open_outbox(options, &outbox, err);
  if (code != AOD_OK) return code;
  int64_t due_ms = aod_clock_wall_ms() + SOON_MS;
  if (options->all) {
    code = push_all(outbox, due_ms, &pushed, err);
  } else {
    code = aod_outbox_push(outbox, seq, due_ms, err);
    pushed = code == AOD_OK;
  }
  aod_outbox_close(outbox);
  if (code == AOD_OK)
    printf("%lld to be tried again: within seconds if a node runs on %s, else when it starts\n",
           (long long)pushed, options->data);
  return code;
}

/* ---- the command ---- */

#define FIELD(name) offsetof(outbox_options_t, name)
#define DATA_OPTION                                                                                \
  { "--data", AOD_OPTION_TEXT, FIELD(data), "DIR", "the data folder of the messenger", 0, 0 }
#define END_OPTION                                                                                 \
  { NULL, 0, 0, NULL, NULL, 0, 0 }

static const aod_option_t ls_options[] = {
    DATA_OPTION,
    {"--parked", AOD_OPTION_FLAG, FIELD(parked), NULL, "only what waits to be pushed again", 0, 0},
    {"--limit", AOD_OPTION_INT, FIELD(limit), "N", "list so many of the oldest (default: 100)", 0,
     1000000},
    {"--json", AOD_OPTION_FLAG, FIELD(json), NULL, "tell as JSON", 0, 0},
    END_OPTION,
};
static const aod_option_t show_options[] = {DATA_OPTION, END_OPTION};
static const aod_option_t push_options[] = {
    DATA_OPTION,
    {"--all", AOD_OPTION_FLAG, FIELD(all), NULL, "everything that is parked", 0, 0},
    END_OPTION,
};

static const aod_verb_t verbs[] = {
    {"ls", "",
     "List what is on its way or undelivered, oldest first, with the reason of the last failure.",
     ls_options, 0, run_ls},
    {"show", "NUMBER", "Tell all about one entry as JSON.", show_options, 1, run_show},
    {"push", "[NUMBER]", "Try a parked or waiting entry again.", push_options, 1, run_push},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

int aod_command_outbox(int argc, char **argv) {
  outbox_options_t options = {.limit = 100};
  return aod_command_verbs("outbox", "What a messenger has promised and not finished.", verbs,
                           &options, argc, argv);
}
