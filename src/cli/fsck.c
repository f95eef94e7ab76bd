/* aod fsck: is a data folder whole? For folders that no node works on. It changes nothing, except
 * that SQLite may finish what a crash left in its own journals. */
#include "cli/fsck.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "store/db.h"

enum { FINDINGS_MAX = 100 };

typedef struct {
  bool quick, json;
} fsck_options_t;

/* ---- findings ---- */

void aod_fsck_find(aod_fsck_t *fsck, const char *file, const char *where, const char *format, ...) {
  aod_error_t what = {0};
  va_list args;
  va_start(args, format);
  vsnprintf(what.message, sizeof what.message, format, args);
  va_end(args);
  if (fsck->finding_count++ == 0)
    aod_fail(&fsck->first, AOD_EIO, "%s: %s: %s", file, where, what.message);
  if (fsck->finding_count > FINDINGS_MAX) return;
  aod_json_separate(&fsck->findings);
  aod_buf_byte(&fsck->findings, '{');
  aod_json_key_string(&fsck->findings, "file", aod_text(file));
  aod_json_key_string(&fsck->findings, "where", aod_text(where));
  aod_json_key_string(&fsck->findings, "what", aod_text(what.message));
  aod_buf_byte(&fsck->findings, '}');
}

/* ---- files ---- */

typedef struct {
  aod_schedule_t *schedule;
  aod_results_t *results;
  aod_outbox_t *outbox;
} stores_t;

static char *path_in(aod_arena_t *arena, const char *dir, const char *name) {
  return aod_arena_printf(arena, "%s/%s", dir, name);
}

/* AOD_OK: there and whole; AOD_ENOTFOUND: not there, which is fine; else it was found to be bad. */
static int check_file(aod_fsck_t *fsck, const char *path, const char *name) {
  aod_error_t err;
  if (!aod_file_exists(path)) return AOD_ENOTFOUND;
  int code = aod_db_check(path, &err);
  if (code != AOD_OK) aod_fsck_find(fsck, name, "the file", "%s", err.message);
  return code;
}

/* Open what is there and whole; the others stay NULL. */
static void open_stores(aod_fsck_t *fsck, const char *dir, aod_arena_t *arena, stores_t *stores) {
  aod_error_t err;
  const char *su = path_in(arena, dir, "su.db"), *cu = path_in(arena, dir, "cu.db"),
             *mu = path_in(arena, dir, "mu.db");
  if (check_file(fsck, su, "su.db") == AOD_OK &&
      aod_schedule_open(&stores->schedule, su, &err) != AOD_OK)
    aod_fsck_find(fsck, "su.db", "the file", "%s", err.message);
  if (check_file(fsck, cu, "cu.db") == AOD_OK &&
      aod_results_open(&stores->results, cu, &err) != AOD_OK)
    aod_fsck_find(fsck, "cu.db", "the file", "%s", err.message);
  if (check_file(fsck, mu, "mu.db") == AOD_OK &&
      aod_outbox_open(&stores->outbox, mu, &err) != AOD_OK)
    aod_fsck_find(fsck, "mu.db", "the file", "%s", err.message);
  static const char *const others[] = {"ar.db", "uploads.db", "snapshots.db"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    check_file(fsck, path_in(arena, dir, others[i]), others[i]);
}

static int check(aod_fsck_t *fsck, const char *dir, aod_error_t *err) {
  aod_arena_t arena = {0};
  stores_t stores = {0};
  int code = AOD_OK;
  open_stores(fsck, dir, &arena, &stores);
  if (stores.schedule) code = aod_fsck_schedule(fsck, stores.schedule, stores.results, err);
  if (stores.outbox && code == AOD_OK)
    code = aod_fsck_outbox(fsck, stores.outbox, stores.schedule, err);
  aod_outbox_close(stores.outbox);
  aod_results_close(stores.results);
  aod_schedule_close(stores.schedule);
  aod_arena_free(&arena);
  return code;
}

/* A node that runs holds the folder's lock. */
static int lock_dir(const char *dir, int *fd, aod_error_t *err) {
  aod_arena_t arena = {0};
  const char *path = path_in(&arena, dir, "lock");
  int code = AOD_OK;
  *fd = open(path, O_RDWR | O_CLOEXEC);
  if (*fd < 0)
    code = aod_fail(err, AOD_ENOTFOUND, "%s is no data folder: %s: %s", dir, path, strerror(errno));
  else if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
    code = aod_fail(err, AOD_EUNAVAILABLE, "a node is running on %s; stop it first", dir);
  aod_arena_free(&arena);
  return code;
}

/* ---- the command ---- */

static void report(const aod_fsck_t *fsck, bool as_json) {
  if (as_json) {
    aod_buf_t json = {0};
    aod_buf_byte(&json, '{');
    aod_json_key_bool(&json, "ok", fsck->finding_count == 0);
    aod_json_key_int(&json, "processes", (int64_t)fsck->processes);
    aod_json_key_int(&json, "records", (int64_t)fsck->records);
    aod_json_key_int(&json, "results", (int64_t)fsck->results);
    aod_json_key_int(&json, "outbox", (int64_t)fsck->entries);
    aod_json_key_int(&json, "parked", (int64_t)fsck->parked);
    aod_json_key_int(&json, "findingCount", (int64_t)fsck->finding_count);
    aod_json_key(&json, "findings");
    aod_buf_byte(&json, '[');
    aod_buf_append(&json, aod_buf_slice(&fsck->findings));
    aod_buf_text(&json, "]}");
    aod_describe_print(&json);
    return;
  }
  printf("%llu processes, %llu records, %llu results, %llu outbox entries (%llu parked): ",
         (unsigned long long)fsck->processes, (unsigned long long)fsck->records,
         (unsigned long long)fsck->results, (unsigned long long)fsck->entries,
         (unsigned long long)fsck->parked);
  if (fsck->finding_count)
    printf("%zu things are wrong; --json lists them\n", fsck->finding_count);
  else
    printf("all is well\n");
}

static int run_fsck(void *target, const aod_option_list_t *words, aod_error_t *err) {
  const fsck_options_t *options = target;
  if (words->count == 0) return aod_fail(err, AOD_EUSAGE, "say which data folder");
  aod_fsck_t fsck = {.quick = options->quick};
  int fd = -1;
  int code = lock_dir(words->values[0], &fd, err);
  if (code == AOD_OK) code = check(&fsck, words->values[0], err);
  if (code == AOD_OK) report(&fsck, options->json);
  if (code == AOD_OK && fsck.finding_count) {
    *err = fsck.first;
    code = err->code;
  }
  aod_buf_free(&fsck.findings);
  if (fd >= 0) close(fd);
  return code;
}

#define FIELD(name) offsetof(fsck_options_t, name)
static const aod_option_t options_table[] = {
    {"--quick", AOD_OPTION_FLAG, FIELD(quick), NULL, "leave out signatures", 0, 0},
    {"--json", AOD_OPTION_FLAG, FIELD(json), NULL, "tell all findings, as JSON", 0, 0},
    {NULL, 0, 0, NULL, NULL, 0, 0},
};

int aod_command_fsck(int argc, char **argv) {
  static const aod_verb_t verb = {
      .words = "DIR",
      .about =
          "Check a data folder: the databases, every process's nonces, times and hash chain, all\n"
          "signatures, the results and the outbox. Says the first thing that is wrong.",
      .options = options_table,
      .words_max = 1,
      .run = run_fsck};
  fsck_options_t options = {0};
  return aod_command_verb("fsck", &verb, &options, argc, argv);
}
