#include "ar/unpack.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ar/files.h"
#include "ar/limits.h"
#include "arweave/base64url.h"
#include "arweave/bundle.h"
#include "base/latch.h"
#include "base/log.h"

enum { BATCH = 500 };

/* ---- a bundle's payload ---- */

/* Large ones are mapped, not read. */
typedef struct {
  aod_slice_t bytes;
  aod_buf_t held;
  void *mapping;
  size_t mapping_len;
} payload_t;

/* From the beginning of its file, because a mapping begins at a page. */
static int map_payload(aod_ar_t *ar, const aod_ar_item_t *bundle, aod_arena_t *arena,
                       payload_t *payload, aod_error_t *err) {
  const char *path = aod__files_path(ar, bundle->data_file, arena);
  payload->mapping_len = (size_t)(bundle->data_offset + bundle->data_len);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  off_t len = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
  if (len >= (off_t)payload->mapping_len)
    payload->mapping = mmap(NULL, payload->mapping_len, PROT_READ, MAP_PRIVATE, fd, 0);
  else
    payload->mapping = MAP_FAILED;
  if (fd >= 0) close(fd);
  if (payload->mapping == MAP_FAILED) {
    payload->mapping = NULL;
    return aod_fail(err, AOD_EIO, "cannot read %s", path);
  }
  const uint8_t *begin = payload->mapping;
  payload->bytes = aod_slice(begin + bundle->data_offset, (size_t)bundle->data_len);
  return AOD_OK;
}

static int load_payload(aod_ar_t *ar, const aod_ar_item_t *bundle, aod_arena_t *arena,
                        payload_t *payload, aod_error_t *err) {
  *payload = (payload_t){0};
  if (bundle->data_file && bundle->data_len > 0)
    return map_payload(ar, bundle, arena, payload, err);
  int code = aod__index_data(ar, bundle, 0, bundle->data_len, &payload->held, err);
  payload->bytes = aod_buf_slice(&payload->held);
  return code;
}

static void free_payload(payload_t *payload) {
  if (payload->mapping) munmap(payload->mapping, payload->mapping_len);
  aod_buf_free(&payload->held);
}

/* ---- its items ---- */

typedef struct {
  aod_db_write_t write; /* first */
  aod_ar_t *ar;
  const aod_ar_item_t *bundle;
  aod__index_row_t rows[BATCH];
  size_t count;
  aod_arena_t arena; /* what the rows point to, besides the payload */
  size_t refused;    /* items */
} unpacking_t;

static int run_batch(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  unpacking_t *unpacking = (unpacking_t *)write;
  int code = AOD_OK;
  bool known;
  for (size_t i = 0; i < unpacking->count && code == AOD_OK; i++)
    code = aod__index_insert(unpacking->ar, connection, &unpacking->rows[i], &known, err);
  return code;
}

static int store_batch(unpacking_t *unpacking, aod_error_t *err) {
  if (unpacking->count == 0) return AOD_OK;
  unpacking->write = (aod_db_write_t){.run = run_batch};
  int code = aod_db_write(unpacking->ar->db, &unpacking->write, err);
  unpacking->count = 0;
  aod_arena_free(&unpacking->arena);
  return code;
}

/* An item whose own bundle is malformed is an item all the same. */
static bool is_valid(const aod_bundle_visit_t *visit) {
  return visit->item && (!visit->problem || aod_item_verify(visit->item, NULL) == AOD_OK);
}

/* A row outlives the visit, an item does not. */
static void make_row(unpacking_t *unpacking, const aod_bundle_visit_t *visit,
                     aod__index_row_t *row) {
  const aod_ar_item_t *bundle = unpacking->bundle;
  const uint8_t *parent = visit->parent ? visit->parent->id : bundle->id;
  aod_item_t *item = aod_arena_alloc(&unpacking->arena, sizeof *item);
  *item = *visit->item;
  size_t tags_len = item->tags.count * sizeof *item->tags.list;
  item->tags.list = aod_arena_alloc(&unpacking->arena, tags_len + 1);
  if (tags_len) memcpy(item->tags.list, visit->item->tags.list, tags_len);
  aod__index_row_of_item(row, item);
  row->unpack = false; /* the walk enters it */
  row->parent = aod_arena_copy(&unpacking->arena, aod_slice(parent, AOD_ID_BYTES)).ptr;
  if (!bundle->data_file) return;
  row->data_file = bundle->data_file; /* the data stays where it is */
  row->data_offset =
      bundle->data_offset + visit->entry.offset + (size_t)(item->data.ptr - visit->entry.raw.ptr);
}

static int visit_item(void *context, const aod_bundle_visit_t *visit) {
  unpacking_t *unpacking = context;
  if (!is_valid(visit)) {
    unpacking->refused++;
    return AOD_OK;
  }
  make_row(unpacking, visit, &unpacking->rows[unpacking->count++]);
  return unpacking->count == BATCH ? store_batch(unpacking, NULL) : AOD_OK;
}

static int unpack_payload(unpacking_t *unpacking, aod_slice_t payload, aod_error_t *err) {
  aod_bundle_limits_t limits = {
      .depth_max = AOD__BUNDLE_DEPTH_MAX, .item_max = AOD__BUNDLE_ITEMS_MAX, .verify = true};
  int code = aod_bundle_walk(payload, limits, visit_item, unpacking, err);
  int stored = store_batch(unpacking, err);
  return stored == AOD_OK ? code : stored;
}

/* ---- one bundle after the other ---- */

static int run_mark(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  const aod_ar_item_t *bundle = ((unpacking_t *)write)->bundle;
  sqlite3_stmt *update =
      aod_db_prepare(connection, "UPDATE items SET unpack=2 WHERE seq=? AND id=?");
  aod_db_bind_int(update, 1, bundle->sequence);
  aod_db_bind(update, 2, aod_slice(bundle->id, AOD_ID_BYTES));
  return aod_db_run(update, err);
}

static void log_outcome(const unpacking_t *unpacking, int code, const aod_error_t *err) {
  char id[AOD_ID_CHARS + 1];
  aod_id_encode(unpacking->bundle->id, id);
  if (code != AOD_OK)
    aod_log(AOD_LOG_WARN, "ar", "bundle %s: %s", id, err->message);
  else if (unpacking->refused)
    aod_log(AOD_LOG_WARN, "ar", "bundle %s: %zu items are not valid and were left out", id,
            unpacking->refused);
}

/* A bundle that is malformed is done with; one that the disk failed is tried at the next start. */
static void unpack_one(aod_ar_t *ar, const aod_ar_item_t *bundle, aod_arena_t *arena) {
  aod_error_t err;
  payload_t payload;
  unpacking_t unpacking = {.ar = ar, .bundle = bundle};
  int code = load_payload(ar, bundle, arena, &payload, &err);
  if (code == AOD_OK) code = unpack_payload(&unpacking, payload.bytes, &err);
  free_payload(&payload);
  log_outcome(&unpacking, code, &err);
  if (code != AOD_OK && code != AOD_EINPUT && code != AOD_ELIMIT) return;
  unpacking.write = (aod_db_write_t){.run = run_mark};
  if (aod_db_write(ar->db, &unpacking.write, &err) != AOD_OK)
    aod_log(AOD_LOG_ERROR, "ar", "%s", err.message);
}

/* The first bundle after this place that is not unpacked. */
static bool next_bundle(aod_ar_t *ar, int64_t after, aod_arena_t *arena, aod_ar_item_t *bundle) {
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = aod_db_prepare(
      connection, "SELECT seq FROM items WHERE unpack=1 AND seq>? ORDER BY seq LIMIT 1");
  aod_db_bind_int(select, 1, after);
  bool found = aod_db_step(select, NULL) > 0;
  int64_t seq = found ? sqlite3_column_int64(select, 0) : 0;
  aod_db_reset(select);
  found = found && aod__index_item_at(connection, seq, arena, bundle, NULL) == AOD_OK;
  aod_db_release(ar->db, connection);
  return found;
}

static void unpack_all(aod_task_t *task) {
  aod__unpack_t *unpack = (aod__unpack_t *)task;
  aod_arena_t arena = {0};
  aod_ar_item_t bundle = {.sequence = -1};
  while (next_bundle(unpack->ar, bundle.sequence, &arena, &bundle)) {
    unpack_one(unpack->ar, &bundle, &arena);
    aod_arena_free(&arena);
  }
  aod_arena_free(&arena);
  unpack->done(unpack);
}

void aod__unpack(aod__unpack_t *unpack, aod_ar_t *ar, void (*done)(aod__unpack_t *unpack)) {
  *unpack = (aod__unpack_t){.task.run = unpack_all, .ar = ar, .done = done};
  aod_pool_post(ar->unpacker, &unpack->task);
}

/* ---- waiting ---- */

typedef struct {
  aod__unpack_t unpack; /* first */
  aod_latch_t latch;
} waiting_t;

static void wake_up(aod__unpack_t *unpack) {
  aod_latch_end(&((waiting_t *)unpack)->latch, AOD_OK, NULL);
}

void aod__unpack_wait(aod_ar_t *ar) {
  waiting_t waiting = {.latch = AOD_LATCH(1)};
  aod__unpack(&waiting.unpack, ar, wake_up);
  aod_latch_wait(&waiting.latch, NULL);
}
