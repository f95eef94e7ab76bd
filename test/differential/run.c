/* Runs modules for the differential tests (differential.mjs), one a line of its input:
 *
 *     check PATH                    decode and validate
 *     run TIER COMPILER FUEL PATH   the whole pipeline, then the exports c0, c1, ... and state
 *
 * TIER is first or optimised, COMPILER a name or -. Each line is answered with one of JSON. After
 * a run all is rolled back and run once more, which must give the same: so a store that marks no
 * card is found. What modules export takes no arguments and returns an i64. */
#include <stdio.h>
#include <stdlib.h>

#include "arweave/hash.h"
#include "base/file.h"
#include "base/json.h"
#include "vm/core.h"
#include "vm/trap.h"
#include "vm/validate.h"

enum { MODULE_BYTES_MAX = 64 << 20, CALLS_MAX = 100 };

typedef struct {
  int64_t trap;   /* as wide as the others: compared as bytes, padding would be, too */
  uint64_t value; /* 0 after a trap */
  int64_t fuel;   /* what is left */
} outcome_t;

/* What can be seen of a run. */
typedef struct {
  outcome_t calls[CALLS_MAX];
  int64_t call_count;
  uint64_t state, memory_bytes;
  uint8_t memory[32]; /* SHA-256 */
} sight_t;

static const char *cache_dir;

/* ---- running ---- */

static outcome_t call(aod_core_t *core, uint32_t function, int64_t fuel) {
  uint64_t slots[2] = {0};
  core->wasm.fuel = fuel;
  outcome_t outcome = {.trap = aod_core_call(core, function, slots)};
  outcome.value = outcome.trap ? 0 : slots[0];
  outcome.fuel = core->wasm.fuel;
  return outcome;
}

static const aod_wasm_export_t *numbered(const aod_core_t *core, int number) {
  char name[16];
  snprintf(name, sizeof name, "c%d", number);
  return aod_wasm_export_find(&core->code->module, name, AOD_WASM_FUNCTION);
}

/* The calls in order, up to the first that runs out of fuel. */
static void look(aod_core_t *core, int64_t fuel, sight_t *sight) {
  const aod_wasm_export_t *export;
  int64_t trap = AOD_TRAP_NONE;
  memset(sight, 0, sizeof *sight);
  while (trap != AOD_TRAP_FUEL && sight->call_count < CALLS_MAX &&
         (export = numbered(core, (int)sight->call_count))) {
    sight->calls[sight->call_count] = call(core, export->index, fuel);
    trap = sight->calls[sight->call_count++].trap;
  }
  export = aod_wasm_export_find(&core->code->module, "state", AOD_WASM_FUNCTION);
  if (export) sight->state = call(core, export->index, INT64_MAX).value;
  sight->memory_bytes = core->wasm.memory_bytes;
  aod_sha256(aod_slice(core->wasm.memory, sight->memory_bytes), sight->memory);
}

/* Twice from the same state. Returns whether both looked the same. */
static bool look_twice(aod_core_t *core, int64_t fuel, sight_t *sight) {
  sight_t again;
  aod_core_commit(core);
  look(core, fuel, sight);
  aod_core_rollback(core);
  look(core, fuel, &again);
  return memcmp(sight, &again, sizeof again) == 0;
}

/* ---- answers ---- */

static void write_hex(aod_buf_t *json, const char *key, const uint8_t digest[32]) {
  char hex[65];
  for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
  aod_json_key_string(json, key, aod_text(hex));
}

static void write_outcome(aod_buf_t *json, const outcome_t *outcome) {
  aod_buf_printf(json, "{\"value\":\"%llu\",\"fuel\":\"%lld\"", (unsigned long long)outcome->value,
                 (long long)outcome->fuel);
  if (outcome->trap) aod_json_key_string(json, "trap", aod_text(aod_trap_text((int)outcome->trap)));
  aod_buf_byte(json, '}');
}

static void write_sight(aod_buf_t *json, const sight_t *sight, bool repeatable) {
  aod_json_key_bool(json, "repeatable", repeatable);
  aod_json_key(json, "calls");
  aod_buf_byte(json, '[');
  for (int64_t i = 0; i < sight->call_count; i++) {
    if (i) aod_buf_byte(json, ',');
    write_outcome(json, &sight->calls[i]);
  }
  aod_buf_printf(json, "],\"state\":\"%llu\"", (unsigned long long)sight->state);
  aod_json_key_int(json, "bytes", (int64_t)sight->memory_bytes);
  write_hex(json, "memory", sight->memory);
}

static void answer_error(aod_buf_t *json, int code, const aod_error_t *err) {
  aod_json_key_string(json, "error", aod_text(aod_error_name(code)));
  aod_json_key_string(json, "message", aod_text(err->message));
}

/* ---- requests ---- */

static int check(aod_slice_t wasm, aod_error_t *err) {
  aod_wasm_module_t module;
  int rc = aod_wasm_decode(wasm, &module, err);
  if (rc) return rc;
  rc = aod_wasm_validate(&module, err);
  aod_wasm_module_free(&module);
  return rc;
}

static int run(aod_slice_t wasm, const aod_code_options_t *options, int64_t fuel, aod_buf_t *json,
               aod_error_t *err) {
  aod_code_t *code;
  aod_core_t *core;
  int rc = aod_code_load(wasm, "test", options, &code, err);
  if (rc) return rc;
  rc = aod_core_open(&core, code, NULL, NULL, err);
  if (!rc) {
    int trap = aod_core_start(core);
    sight_t sight;
    bool repeatable = trap || look_twice(core, fuel, &sight);
    if (trap)
      aod_json_key_string(json, "start", aod_text(aod_trap_text(trap)));
    else
      write_sight(json, &sight, repeatable);
    aod_core_close(core);
  }
  aod_code_close(code);
  return rc;
}

static int answer(char *line, aod_buf_t *json, aod_error_t *err) {
  char *rest = line, *verb = strsep(&rest, " ");
  bool runs = strcmp(verb, "run") == 0;
  char *tier = runs ? strsep(&rest, " ") : NULL, *compiler = runs ? strsep(&rest, " ") : NULL;
  char *fuel = runs ? strsep(&rest, " ") : NULL;
  aod_buf_t wasm = {0};
  if (!rest) return aod_fail(err, AOD_EUSAGE, "not a request");
  aod_code_options_t options = {.cache_dir = cache_dir};
  if (runs) options.tier = strcmp(tier, "first") == 0 ? AOD_TIER_FIRST : AOD_TIER_OPTIMISED;
  if (runs && strcmp(compiler, "-") != 0) options.compiler = compiler;
  int rc = aod_file_read(rest, MODULE_BYTES_MAX, &wasm, err);
  if (!rc && runs) rc = run(aod_buf_slice(&wasm), &options, strtoll(fuel, NULL, 10), json, err);
  if (!rc && !runs) rc = check(aod_buf_slice(&wasm), err);
  aod_buf_free(&wasm);
  return rc;
}

int main(int argc, char **argv) {
  char *line = NULL;
  size_t cap = 0;
  if (argc != 2) {
    fprintf(stderr, "usage: differential_run CACHE-FOLDER\n");
    return 64;
  }
  cache_dir = argv[1];
  while (getline(&line, &cap, stdin) > 0) {
    aod_buf_t json = {0};
    aod_error_t err = {0};
    line[strcspn(line, "\n")] = 0;
    aod_buf_byte(&json, '{');
    int rc = answer(line, &json, &err);
    if (rc) answer_error(&json, rc, &err);
    aod_buf_byte(&json, '}');
    printf("%.*s\n", AOD_ARG(aod_buf_slice(&json)));
    fflush(stdout);
    aod_buf_free(&json);
  }
  free(line);
  return 0;
}
