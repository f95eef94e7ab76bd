/* aod replay: evaluate a process once more from its log, in a folder of its own, and compare every
 * result with what the node stored. */
#include <stdio.h>

#include "arweave/base64url.h"
#include "base/json.h"
#include "base/latch.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "node/offline.h"

enum { DIFFERENCES_MAX = 100 };

typedef struct {
  const char *data, *to;
  int64_t process_bytes;
  bool json;
} replay_options_t;

typedef struct {
  aod_offline_t *offline;
  uint8_t process[32];
  aod_results_t *again; /* what the replay gave */
  uint64_t evaluated, compared, different;
  aod_buf_t differences; /* JSON */
  aod_error_t first;
} replay_t;

/* ---- evaluating ---- */

typedef struct {
  aod_page_call_t call;
  aod_latch_t latch;
} waiting_t;

static void page_done(aod_page_call_t *call, int code, const aod_error_t *err) {
  aod_latch_end(&((waiting_t *)call)->latch, code, err);
}

/* Whoever asks for cron messages has everything evaluated up to the time that is shown. */
static int evaluate(const replay_t *replay, aod_error_t *err) {
  const aod_computer_t *computer = aod_cu_computer(replay->offline->cu);
  waiting_t waiting = {.call = {.limit = 1, .done = page_done}, .latch = AOD_LATCH(1)};
  memcpy(waiting.call.process, replay->process, 32);
  computer->cron(computer->context, &waiting.call);
  int code = aod_latch_wait(&waiting.latch, err);
  aod_buf_free(&waiting.call.body);
  return code;
}

/* What is shown ends behind the last cron message that the node evaluated. */
static int show(replay_t *replay, const uint64_t *nonce, aod_error_t *err) {
  aod_offline_t *offline = replay->offline;
  aod_arena_t arena = {0};
  aod_evaluated_t last;
  uint64_t count = 0;
  int code = aod_offline_show(offline, replay->process, nonce, err);
  if (code == AOD_OK && !nonce)
    code = aod_results_next_position(offline->results, replay->process, &count, err);
  if (code == AOD_OK && count) {
    code = aod_results_at(offline->results, replay->process, count - 1, &arena, &last, err);
    if (code == AOD_OK && last.due_ms >= offline->now_ms) offline->now_ms = last.due_ms + 1;
  }
  aod_arena_free(&arena);
  return code;
}

/* ---- comparing ---- */

/* What differs; NULL: nothing. */
static const char *difference(const aod_evaluated_t *a, const aod_evaluated_t *b) {
  if (a->nonce != b->nonce) return "nonce";
  if (!aod_slice_equal(a->cron, b->cron)) return "cron";
  if (a->timestamp_ms != b->timestamp_ms || a->due_ms != b->due_ms) return "time";
  if (a->block_height != b->block_height) return "block height";
  if (a->skipped != b->skipped) return "whether it is a duplicate";
  if (!aod_slice_equal(a->error, b->error)) return "error";
  if (!aod_slice_equal(a->node, b->node)) return "result";
  return a->gas_used == b->gas_used ? NULL : "gas";
}

static void note(replay_t *replay, const aod_evaluated_t *again, const char *what) {
  if (replay->different++ == 0)
    aod_fail(&replay->first, AOD_EIO, "the evaluation at nonce %llu%s%.*s has another %s now",
             (unsigned long long)again->nonce, again->cron.len ? ", cron " : "",
             AOD_ARG(again->cron), what);
  if (replay->different > DIFFERENCES_MAX) return;
  aod_json_separate(&replay->differences);
  aod_buf_byte(&replay->differences, '{');
  aod_json_key_int(&replay->differences, "position", (int64_t)again->position);
  aod_json_key_int(&replay->differences, "nonce", (int64_t)again->nonce);
  if (again->cron.len) aod_json_key_string(&replay->differences, "cron", again->cron);
  aod_json_key_string(&replay->differences, "what", aod_text(what));
  aod_buf_byte(&replay->differences, '}');
}

static int compare_one(replay_t *replay, uint64_t position, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_evaluated_t stored, again;
  int code = aod_results_at(replay->again, replay->process, position, &arena, &again, err);
  if (code == AOD_OK)
    code =
        aod_results_at(replay->offline->results, replay->process, position, &arena, &stored, err);
  if (code == AOD_OK) {
    const char *what = difference(&stored, &again);
    replay->compared++;
    if (what) note(replay, &again, what);
  }
  aod_arena_free(&arena);
  return code == AOD_ENOTFOUND ? AOD_OK : code; /* the node has not evaluated it yet, or lost it */
}

static int compare(replay_t *replay, aod_error_t *err) {
  const char *path =
      aod_arena_printf(&replay->offline->arena, "%s/cu.db", replay->offline->scratch);
  aod_cu_close(replay->offline->cu); /* writes what it has */
  replay->offline->cu = NULL;
  int code = aod_results_open(&replay->again, path, err);
  if (code != AOD_OK) return code;
  code = aod_results_next_position(replay->again, replay->process, &replay->evaluated, err);
  for (uint64_t i = 0; i < replay->evaluated && code == AOD_OK; i++)
    code = compare_one(replay, i, err);
  aod_results_close(replay->again);
  return code;
}

/* ---- the command ---- */

static void report(const replay_t *replay, const char *id, bool as_json) {
  uint64_t missing = replay->evaluated - replay->compared;
  if (!as_json) {
    printf("%s: %llu evaluations, %llu as stored, %llu different, %llu not stored\n", id,
           (unsigned long long)replay->evaluated,
           (unsigned long long)(replay->compared - replay->different),
           (unsigned long long)replay->different, (unsigned long long)missing);
    return;
  }
  aod_buf_t json = {0};
  aod_buf_byte(&json, '{');
  aod_json_key_string(&json, "process", aod_text(id));
  aod_json_key_bool(&json, "same", replay->different == 0);
  aod_json_key_int(&json, "evaluated", (int64_t)replay->evaluated);
  aod_json_key_int(&json, "compared", (int64_t)replay->compared);
  aod_json_key_int(&json, "notStored", (int64_t)missing);
  aod_json_key_int(&json, "different", (int64_t)replay->different);
  aod_json_key(&json, "differences");
  aod_buf_byte(&json, '[');
  aod_buf_append(&json, aod_buf_slice(&replay->differences));
  aod_buf_text(&json, "]}");
  aod_describe_print(&json);
}

static int run_replay(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const replay_options_t *options = target;
  aod_offline_t offline = AOD_OFFLINE_NONE;
  replay_t replay = {.offline = &offline};
  uint64_t nonce;
  if (words->count == 0 || !aod_id_decode(aod_text(words->values[0]), replay.process))
    return aod_fail(err, AOD_EUSAGE, "say which process: its id");
  if (!options->data) return aod_fail(err, AOD_EUSAGE, "say where its log is: --data DIR");
  if (options->to && !aod_slice_to_u64(aod_text(options->to), &nonce))
    return aod_fail(err, AOD_EUSAGE, "--to needs a nonce, not \"%s\"", options->to);
  int code =
      aod_offline_open(&offline, options->data, (uint64_t)options->process_bytes, true, NULL, err);
  if (code == AOD_OK) code = show(&replay, options->to ? &nonce : NULL, err);
  if (code == AOD_OK) code = evaluate(&replay, err);
  if (code == AOD_OK) code = compare(&replay, err);
  if (code == AOD_OK) report(&replay, words->values[0], options->json);
  if (code == AOD_OK && replay.different) {
    *err = replay.first;
    code = err->code;
  }
  aod_offline_close(&offline);
  aod_buf_free(&replay.differences);
  return code;
}

#define FIELD(name) offsetof(replay_options_t, name)
static const aod_option_t options_table[] = {
    {"--data", AOD_OPTION_TEXT, FIELD(data), "DIR", "the data folder", 0, 0},
    {"--to", AOD_OPTION_TEXT, FIELD(to), "N",
     "up to the record with this nonce (default: all that are scheduled)", 0, 0},
    {"--process-memory", AOD_OPTION_SIZE, FIELD(process_bytes), "SIZE",
     "that one process may have, as where it ran (default: 4G)", 1 << 16, INT64_MAX},
    {"--json", AOD_OPTION_FLAG, FIELD(json), NULL, "tell all differences, as JSON", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

int aod_command_replay(int argc, char **argv) {
  static const aod_verb_t verb = {
      .words = "PROCESS",
      .about = "Evaluate a process once more from its log, in a folder of its own, and compare\n"
               "every result with what is stored. For folders that no node works on; changes\n"
               "nothing in them. Says the first difference.",
      .options = options_table,
      .words_max = 1,
      .run = run_replay};
  replay_options_t options = {0};
  return aod_command_verb("replay", &verb, &options, argc, argv);
}
