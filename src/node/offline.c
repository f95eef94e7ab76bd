#include "node/offline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "node/cache.h"

/* ---- the schedule ---- */

static int parse(const aod_record_t *record, aod_arena_t *arena, aod_scheduled_t *scheduled,
                 aod_error_t *err) {
  *scheduled = (aod_scheduled_t){.has_item = record->item.len > 0};
  int code = aod_item_parse(record->assignment, arena, &scheduled->assignment, err);
  if (code == AOD_OK && scheduled->has_item)
    code = aod_item_parse(record->item, arena, &scheduled->item, err);
  return code;
}

static int find(void *context, const uint8_t process[32], const uint8_t id[32], aod_arena_t *arena,
                aod_scheduled_t *scheduled, aod_error_t *err) {
  (void)process;
  aod_offline_t *offline = context;
  aod_record_t record;
  int code = aod_schedule_find(offline->schedule, id, arena, &record, err);
  return code == AOD_OK ? parse(&record, arena, scheduled, err) : code;
}

static int range(void *context, const uint8_t process[32], uint64_t from_nonce, size_t limit,
                 aod_arena_t *arena, aod_scheduled_list_t *list, aod_error_t *err) {
  aod_offline_t *offline = context;
  aod_records_t records;
  int code = aod_schedule_range(offline->schedule, process, AOD_BY_NONCE, (int64_t)from_nonce,
                                (int64_t)offline->last_nonce, limit, arena, &records, err);
  *list = (aod_scheduled_list_t){0};
  if (code != AOD_OK) return code;
  list->list = aod_arena_alloc(arena, (records.count + 1) * sizeof *list->list);
  for (size_t i = 0; i < records.count && code == AOD_OK; i++)
    code = parse(&records.list[i], arena, &list->list[list->count++], err);
  return code;
}

static int now(void *context, const uint8_t process[32], int64_t *timestamp_ms, aod_error_t *err) {
  (void)process, (void)err;
  *timestamp_ms = ((aod_offline_t *)context)->now_ms;
  return AOD_OK;
}

int aod_offline_show(aod_offline_t *offline, const uint8_t process[32], const uint64_t *nonce,
                     aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_record_t record;
  int code = nonce ? aod_schedule_at(offline->schedule, process, *nonce, &arena, &record, err)
                   : aod_schedule_last(offline->schedule, process, &arena, &record, err);
  if (code == AOD_OK) {
    offline->last_nonce = record.nonce;
    offline->now_ms = record.timestamp_ms;
  }
  aod_arena_free(&arena);
  return code;
}

/* ---- open and close ---- */

static const char *path_in(aod_offline_t *offline, const char *name) {
  return aod_home_path(&offline->home, name, &offline->arena);
}

static int demand(aod_offline_t *offline, const char *name, const char *what, aod_error_t *err) {
  if (aod_file_exists(path_in(offline, name))) return AOD_OK;
  return aod_fail(err, AOD_EUNSUPPORTED, "%s has no %s of its own: there is no %s in it",
                  offline->home.dir, what, name);
}

static int take_dir(aod_offline_t *offline, const char *dir, aod_error_t *err) {
  const char *lock = aod_arena_printf(&offline->arena, "%s/lock", dir);
  if (!aod_file_exists(lock)) /* to take it would make it */
    return aod_fail(err, AOD_ENOTFOUND, "%s is no data folder: there is no lock in it", dir);
  return aod_home_take(&offline->home, dir, &offline->arena, err);
}

static int open_stores(aod_offline_t *offline, aod_error_t *err) {
  aod_ar_options_t options = {.path = path_in(offline, "ar.db"), .network = "aod.LN.1"};
  int code = demand(offline, "su.db", "scheduler", err);
  if (code == AOD_OK) code = demand(offline, "ar.db", "gateway", err);
  if (code == AOD_OK) code = aod_schedule_open(&offline->schedule, path_in(offline, "su.db"), err);
  if (code == AOD_OK) code = aod_ar_open(&offline->direct.ar, &options, err);
  offline->gateway = aod_gateway_direct(&offline->direct);
  offline->scheduler =
      (aod_scheduler_t){.context = offline, .find = find, .range = range, .now = now};
  return code;
}

static int open_vm(aod_offline_t *offline, aod_error_t *err) {
  char *cache_dir = aod_cache_dir(), *shared_dir = aod_build_modules_dir();
  aod_vm_options_t options = {.cache_dir = cache_dir,
                              .shared_cache_dir = shared_dir,
                              .in_workers = true,
                              .tiers = AOD_TIERS_BOTH};
  int code = aod_vm_open(&offline->vm, &options, err);
  free(cache_dir);
  free(shared_dir);
  return code;
}

static int make_scratch(aod_offline_t *offline, aod_error_t *err) {
  char *path = aod_arena_printf(&offline->arena, "%s/aod-replay-XXXXXX", aod_temp_dir());
  if (!mkdtemp(path)) return aod_fail_system(err, errno, "cannot make a temporary folder %s", path);
  offline->scratch = path;
  return AOD_OK;
}

static int open_cu(aod_offline_t *offline, uint64_t process_bytes, bool anew,
                   const aod_signer_t *signer, aod_error_t *err) {
  aod_cu_options_t options = {.results_path = path_in(offline, "cu.db"),
                              .snapshots_path = path_in(offline, "snapshots.db"),
                              .process_bytes = process_bytes,
                              .vm = offline->vm,
                              .scheduler = &offline->scheduler,
                              .gateway = &offline->gateway,
                              .signer = signer};
  int code = AOD_OK;
  if (signer) aod_signer_address(signer, options.address);
  if (anew) {
    code = demand(offline, "cu.db", "compute unit", err);
    if (code == AOD_OK) code = aod_results_open(&offline->results, options.results_path, err);
    if (code == AOD_OK) code = make_scratch(offline, err);
    options.results_path = aod_arena_printf(&offline->arena, "%s/cu.db", offline->scratch);
    options.snapshots_path = NULL;
    options.answers = offline->results;
  }
  return code == AOD_OK ? aod_cu_open(&offline->cu, &options, err) : code;
}

int aod_offline_open(aod_offline_t *offline, const char *dir, uint64_t process_bytes, bool anew,
                     const aod_signer_t *signer, aod_error_t *err) {
  *offline = AOD_OFFLINE_NONE;
  int code = take_dir(offline, dir, err);
  if (code == AOD_OK) code = open_stores(offline, err);
  if (code == AOD_OK) code = open_vm(offline, err);
  if (code == AOD_OK) code = open_cu(offline, process_bytes, anew, signer, err);
  return code;
}

void aod_offline_close(aod_offline_t *offline) {
  aod_cu_close(offline->cu);
  if (offline->vm) aod_vm_close(offline->vm);
  aod_results_close(offline->results);
  aod_ar_close(offline->direct.ar);
  aod_schedule_close(offline->schedule);
  if (offline->scratch) aod_dir_remove(offline->scratch, NULL);
  aod_home_release(&offline->home);
  aod_arena_free(&offline->arena);
}
