/* The unit as others use it: open, store, close. */
#include "ar/ar.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "ar/files.h"
#include "ar/mine.h"
#include "ar/unpack.h"

enum { FINISHERS = 2 };

static void resumed(aod__unpack_t *unpack) {
  free(unpack);
}

/* An earlier run may have been interrupted between storing a bundle and unpacking it. */
static void resume(aod_ar_t *ar) {
  aod__unpack(aod_alloc(sizeof(aod__unpack_t)), ar, resumed);
}

int aod_ar_open(aod_ar_t **result, const aod_ar_options_t *options, aod_error_t *err) {
  aod_ar_t *ar = aod_alloc(sizeof *ar);
  ar->options = *options;
  int code = aod__files_open(ar, err);
  if (code == AOD_OK) code = aod__index_open(ar, err);
  if (code != AOD_OK) {
    aod__files_close(ar);
    free(ar);
    return code;
  }
  ar->unpacker = aod_pool_open("ar-unpack", 1);
  ar->finisher = aod_pool_open("ar-finish", FINISHERS);
  resume(ar);
  aod__miner_open(ar);
  *result = ar;
  return AOD_OK;
}

void aod_ar_close(aod_ar_t *ar) {
  if (!ar) return;
  aod__miner_close(ar);
  aod_pool_close(ar->finisher);
  aod_db_flush(ar->db); /* what is done may want to be unpacked */
  aod_pool_close(ar->unpacker);
  aod__index_close(ar);
  aod__files_close(ar);
  free(ar);
}

/* ---- items ---- */

int aod_ar_put_item(aod_ar_t *ar, aod_slice_t raw, aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_item_t item;
  aod__index_put_t put = {0};
  int code = aod_item_parse(raw, &arena, &item, err);
  if (code == AOD_OK) {
    aod__index_put_init(&put, ar);
    aod__index_row_of_item(&put.row, &item);
    code = aod__files_put_data(ar, &put.row, &arena, err);
  }
  if (code == AOD_OK) code = aod_db_write(ar->db, &put.write, err);
  if (code == AOD_OK && put.row.unpack) aod__unpack_wait(ar);
  aod_arena_free(&arena);
  return code;
}

/* ---- without waiting ---- */

typedef struct {
  aod__index_put_t put; /* first */
  aod__unpack_t unpack;
  aod_arena_t arena; /* holds the bytes */
  aod_item_t item;
  aod_ar_done_t done;
  void *context;
} submission_t;

static void submission_end(submission_t *submission, int code, const aod_error_t *err) {
  submission->done(submission->context, code, err);
  aod_arena_free(&submission->arena);
  free(submission);
}

static void submission_unpacked(aod__unpack_t *unpack) {
  submission_t *submission = (submission_t *)((char *)unpack - offsetof(submission_t, unpack));
  submission_end(submission, AOD_OK, NULL);
}

static void submission_done(aod_db_write_t *write) {
  submission_t *submission = (submission_t *)write;
  if (write->code == AOD_OK && submission->put.row.unpack)
    aod__unpack(&submission->unpack, submission->put.ar, submission_unpacked);
  else
    submission_end(submission, write->code, &write->error);
}

void aod_ar_submit_item(aod_ar_t *ar, aod_slice_t raw, aod_ar_done_t done, void *context) {
  submission_t *submission = aod_alloc(sizeof *submission);
  submission->done = done;
  submission->context = context;
  aod_error_t err;
  aod_slice_t copy = aod_arena_copy(&submission->arena, raw);
  int code = aod_item_parse(copy, &submission->arena, &submission->item, &err);
  if (code == AOD_OK) {
    aod__index_put_init(&submission->put, ar);
    submission->put.write.done = submission_done;
    aod__index_row_of_item(&submission->put.row, &submission->item);
    code = aod__files_put_data(ar, &submission->put.row, &submission->arena, &err);
  }
  if (code == AOD_OK)
    aod_db_submit(ar->db, &submission->put.write);
  else
    submission_end(submission, code, &err);
}

/* ---- known transactions ---- */

static int data_file_len(const char *path, uint64_t *len, aod_error_t *err) {
  struct stat file;
  if (path[0] != '/' || stat(path, &file) < 0 || !S_ISREG(file.st_mode))
    return aod_fail(err, AOD_ENOTFOUND, "no such file, or no absolute path: %s", path);
  *len = (uint64_t)file.st_size;
  return AOD_OK;
}

int aod_ar_put_known(aod_ar_t *ar, const aod_ar_known_t *known, aod_error_t *err) {
  uint64_t data_len = known->data.len;
  int code = known->data_file ? data_file_len(known->data_file, &data_len, err) : AOD_OK;
  if (code != AOD_OK) return code;
  aod_buf_t tag_bytes = {0};
  aod_arena_t scratch = {0};
  aod_tags_t checked;
  aod_tags_encode(&known->tags, &tag_bytes);
  code = aod_tags_decode(aod_buf_slice(&tag_bytes), known->tags.count, &scratch, &checked, err);
  if (code == AOD_OK) {
    aod__index_put_t put = {.row = {.id = known->id,
                                    .owner_address = known->owner_address,
                                    .base_layer = true,
                                    .owner = known->owner,
                                    .tag_bytes = aod_buf_slice(&tag_bytes),
                                    .tags = known->tags,
                                    .data = known->data,
                                    .data_file = known->data_file,
                                    .data_len = data_len}};
    aod__index_put_init(&put, ar);
    code = aod_db_write(ar->db, &put.write, err);
  }
  aod_arena_free(&scratch);
  aod_buf_free(&tag_bytes);
  return code;
}

/* ---- reading ---- */

int aod_ar_data(aod_ar_t *ar, const aod_ar_item_t *item, aod_buf_t *data, aod_error_t *err) {
  return aod__index_data(ar, item, 0, item->data_len, data, err);
}

int aod_ar_data_range(aod_ar_t *ar, const aod_ar_item_t *item, uint64_t from, uint64_t len,
                      aod_buf_t *data, aod_error_t *err) {
  return aod__index_data(ar, item, from, len, data, err);
}

int aod_ar_height(aod_ar_t *ar, int64_t *height, aod_error_t *err) {
  aod_ar_block_t newest;
  int code = aod__index_newest_block(ar, &newest, err);
  if (code == AOD_OK) *height = newest.height;
  return code;
}

int aod_ar_blocks(aod_ar_t *ar, int64_t from_height, size_t limit, aod_arena_t *arena,
                  aod_ar_block_t **blocks, size_t *count, aod_error_t *err) {
  aod__index_query_t query = {
      .height_min = from_height, .height_max = INT64_MAX - 1, .oldest_first = true, .limit = limit};
  bool more;
  return aod__index_query_blocks(ar, &query, arena, blocks, count, &more, err);
}

bool aod_ar_content_type(const aod_tags_t *tags, aod_slice_t *type) {
  for (size_t i = 0; i < tags->count; i++) {
    if (!aod_slice_is_nocase(tags->list[i].name, "content-type")) continue;
    *type = tags->list[i].value;
    return true;
  }
  return false;
}
