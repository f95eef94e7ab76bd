/* aod eval: a script of messages for one fresh process, without a network: what a module answers,
 * how long it takes, and what memory it leaves.
 *
 * A line is an object with the members msg and env, which are passed on as JSON.stringify writes
 * them. The first line may also say format and compute_limit. Lines are answered as they come, so
 * that a script can be typed or piped. All other members are a recording's own and ignored; also
 * fresh_instance, since every message here is evaluated as in a fresh instance. */
#include <stdio.h>
#include <stdlib.h>

#include "ao/module.h"
#include "ao/result.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/compile.h"
#include "cli/describe.h"
#include "cli/input.h"
#include "node/cache.h"
#include "node/known_modules.h"
#include "vm/vm.h"

enum { MODULE_BYTES_MAX = 64 << 20, LINE_BYTES_MAX = 256 << 20 };

typedef struct {
  const char *module, *format, *messages, *memory_limit, *compile;
  int64_t compute_limit;
  bool state;
} eval_options_t;

typedef struct {
  const eval_options_t *options;
  const char *input_name;
  aod_vm_t *vm;
  aod_module_t *module; /* from the first line on, as instance */
  aod_instance_t *instance;
  aod_buf_t partial; /* a line whose end has not come */
  int64_t line;      /* its number, from 1 */
  int64_t position;  /* of the message, from 0 */
} script_t;

/* ---- the process ---- */

static int choose_format(const script_t *script, const json_t *line, aod_slice_t wasm,
                         aod_slice_t *format, aod_error_t *err) {
  const char *guessed;
  *format = script->options->format ? aod_text(script->options->format)
                                    : aod_json_get_string(line, "format");
  if (format->len) return AOD_OK;
  int code = aod_module_guess_format(wasm, &guessed, err);
  if (code == AOD_OK)
    *format = aod_text(guessed);
  else
    aod_error_prefix(err, "%s", script->options->module);
  return code;
}

static int load_module(script_t *script, const json_t *line, aod_error_t *err) {
  const char *path = script->options->module;
  aod_buf_t wasm = {0};
  aod_slice_t format;
  int code = aod_file_read(path, MODULE_BYTES_MAX, &wasm, err);
  if (code == AOD_OK) code = choose_format(script, line, aod_buf_slice(&wasm), &format, err);
  if (code == AOD_OK)
    code = aod_module_load(script->vm, aod_buf_slice(&wasm), format, path, &script->module, err);
  aod_buf_free(&wasm);
  return code;
}

static uint64_t compute_limit(const script_t *script, const json_t *line) {
  double recorded = json_number_value(json_object_get(line, "compute_limit"));
  if (script->options->compute_limit) return (uint64_t)script->options->compute_limit;
  return recorded >= 1 && recorded < 9e18 ? (uint64_t)recorded : AOD_COMPUTE_LIMIT_MAX;
}

static int open_process(script_t *script, const json_t *line, aod_error_t *err) {
  aod_instance_options_t options = {.compute_limit = compute_limit(script, line)};
  const char *limit = script->options->memory_limit;
  if (limit && !aod_module_parse_size(aod_text(limit), &options.memory_cap_bytes))
    return aod_fail(err, AOD_EUSAGE, "--memory-limit is a size such as 1-gb, not \"%s\"", limit);
  int code = load_module(script, line, err);
  if (code == AOD_OK) code = aod_instance_open(script->module, &options, &script->instance, err);
  return code;
}

/* ---- one message ---- */

static int read_input(const json_t *line, const char *name, aod_buf_t *text, aod_error_t *err) {
  const json_t *value = json_object_get(line, name);
  if (!json_is_object(value)) return aod_fail(err, AOD_EINPUT, "the member %s is no object", name);
  aod_json_value(text, value);
  return AOD_OK;
}

/* Write the result and keep or undo what the message did. */
static void decide(script_t *script, aod_evaluation_t *evaluation, aod_buf_t *result) {
  bool keeps = false;
  aod_slice_t text = aod_buf_slice(&evaluation->text);
  if (evaluation->failed)
    aod_result_write_loader_failure(text, evaluation->exit_status, result);
  else
    keeps = aod_result_write_loader(text, evaluation->gas_used, result);
  if (keeps)
    aod_instance_commit(script->instance);
  else
    aod_instance_rollback(script->instance);
}

static void write_memory(const script_t *script, aod_buf_t *json) {
  uint8_t digest[32];
  aod_instance_memory_sha256(script->instance, digest);
  aod_json_key(json, "memory");
  aod_buf_byte(json, '{');
  aod_json_key_int(json, "bytes", (int64_t)aod_instance_memory_bytes(script->instance));
  aod_describe_hex(json, "sha256", aod_slice(digest, sizeof digest));
  aod_buf_byte(json, '}');
}

static void answer(const script_t *script, const json_t *line, aod_slice_t result, int64_t us) {
  const json_t *number = json_object_get(line, "i");
  aod_buf_t json = {0};
  aod_buf_byte(&json, '{');
  aod_json_key(&json, "i");
  aod_json_number(&json,
                  json_is_number(number) ? json_number_value(number) : (double)script->position);
  aod_json_key_raw(&json, "result", result);
  aod_json_key(&json, "ms");
  aod_json_number(&json, (double)us / 1000);
  if (script->options->state) write_memory(script, &json);
  aod_buf_byte(&json, '}');
  aod_describe_print(&json);
  fflush(stdout);
}

static int evaluate(script_t *script, const json_t *line, aod_error_t *err) {
  aod_buf_t msg = {0}, env = {0}, result = {0};
  aod_evaluation_t evaluation = {0};
  int code = read_input(line, "msg", &msg, err);
  if (code == AOD_OK) code = read_input(line, "env", &env, err);
  int64_t began = aod_clock_monotonic_us();
  if (code == AOD_OK)
    code = aod_instance_evaluate(script->instance, aod_buf_slice(&msg), aod_buf_slice(&env),
                                 &evaluation, err);
  if (code == AOD_OK) {
    decide(script, &evaluation, &result);
    answer(script, line, aod_buf_slice(&result), aod_clock_monotonic_us() - began);
    fwrite(evaluation.output.ptr, 1, evaluation.output.len, stderr);
  }
  aod_evaluation_free(&evaluation);
  aod_buf_free(&msg);
  aod_buf_free(&env);
  aod_buf_free(&result);
  return code;
}

/* ---- the script ---- */

static int run_line(script_t *script, aod_slice_t text, aod_error_t *err) {
  json_t *line = NULL;
  script->line++;
  if (aod_slice_trim(text).len == 0) return AOD_OK;
  int code = aod_json_parse(text, &line, err);
  if (code == AOD_OK && !json_is_object(line))
    code = aod_fail(err, AOD_EINPUT, "not a JSON object");
  if (code == AOD_OK && !script->instance) code = open_process(script, line, err);
  if (code == AOD_OK) code = evaluate(script, line, err);
  json_decref(line);
  if (code != AOD_OK)
    aod_error_prefix(err, "%s line %lld", script->input_name, (long long)script->line);
  script->position++;
  return code;
}

/* Lines may begin in one piece and end in another. */
static int take_piece(void *context, aod_slice_t piece, aod_error_t *err) {
  script_t *script = context;
  int code = AOD_OK;
  while (code == AOD_OK) {
    aod_slice_t rest = piece, head = aod_slice_cut(&rest, '\n');
    if (script->partial.len + head.len > LINE_BYTES_MAX)
      return aod_fail(err, AOD_ETOOLARGE, "%s line %lld is longer than %d bytes",
                      script->input_name, (long long)script->line + 1, LINE_BYTES_MAX);
    aod_buf_append(&script->partial, head);
    if (!rest.ptr) break;
    code = run_line(script, aod_buf_slice(&script->partial), err);
    aod_buf_clear(&script->partial);
    piece = rest;
  }
  return code;
}

static int run_script(script_t *script, aod_error_t *err) {
  aod_input_t input;
  int code = aod_input_open(&input, script->options->messages, err);
  if (code != AOD_OK) return code;
  script->input_name = input.name;
  code = aod_input_each(&input, take_piece, script, err);
  if (code == AOD_OK) code = run_line(script, aod_buf_slice(&script->partial), err);
  aod_input_close(&input);
  aod_instance_close(script->instance);
  aod_module_release(script->module);
  aod_buf_free(&script->partial);
  return code;
}

/* ---- the command ---- */

static int run(void *target, const aod_option_list_t *words, aod_error_t *err) {
  (void)words;
  script_t script = {.options = target};
  if (!script.options->module) return aod_fail(err, AOD_EUSAGE, "--module FILE is missing");
  char *cache_dir = aod_cache_dir(), *build_dir = aod_build_modules_dir();
  aod_vm_options_t options = {.cache_dir = cache_dir,
                              .shared_cache_dir = build_dir,
                              .on_compile = aod_compile_report,
                              .in_workers = true};
  int code = aod_compile_option(script.options->compile, &options.tiers, err);
  if (code == AOD_OK) code = aod_vm_open(&script.vm, &options, err);
  if (code == AOD_OK) {
    code = run_script(&script, err);
    aod_vm_close(script.vm);
  }
  free(cache_dir);
  free(build_dir);
  return code;
}

#define FIELD(name) offsetof(eval_options_t, name)
static const aod_option_t options_table[] = {
    {"--module", AOD_OPTION_TEXT, FIELD(module), "FILE", "the module, Wasm", 0, 0},
    {"--messages", AOD_OPTION_TEXT, FIELD(messages), "FILE",
     "a JSON object a line, with msg and env (default, or -: stdin)", 0, 0},
    {"--format", AOD_OPTION_TEXT, FIELD(format), "NAME",
     "Module-Format (default: the first line's format, else by the module's memory)", 0, 0},
    {"--compute-limit", AOD_OPTION_INT, FIELD(compute_limit), "N",
     "for each message (default: the first line's compute_limit, else 9000000000000)", 1,
     INT64_MAX},
    {"--memory-limit", AOD_OPTION_TEXT, FIELD(memory_limit), "N",
     "bytes, or a size such as 1-gb (default: the module's own)", 0, 0},
    AOD_COMPILE_OPTION(eval_options_t),
    {"--state", AOD_OPTION_FLAG, FIELD(state), NULL,
     "tell size and SHA-256 of the memory after each message", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

static const aod_verb_t verb = {
    .words = "",
    .about =
        "Run a script of messages on one fresh process. For each line of the script prints "
        "one of JSON:\n{\"i\":.., \"result\":{..}, \"ms\":..}. What the program prints goes to "
        "stderr. A result with an Error\nis an answer: the exit code is 0 when all messages "
        "were evaluated.",
    .options = options_table,
    .words_max = 0,
    .run = run,
};

int aod_command_eval(int argc, char **argv) {
  eval_options_t options = {0};
  return aod_command_verb("eval", &verb, &options, argc, argv);
}
