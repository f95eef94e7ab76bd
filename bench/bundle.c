/* Parsing a bundle: every item's fields, tags, id and owner's address. Without checking signatures.
 *
 *   bench_bundle make FILE ITEMS    write a bundle of signed items with AO-like tags
 *   bench_bundle parse FILE ROUNDS  prints what a round took, and sums over what was parsed, as
 * JSON
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arweave/bundle.h"
#include "base/clock.h"
#include "base/file.h"

enum { FILE_BYTES_MAX = 1 << 30 };

static _Noreturn void stop(const char *why) {
  fprintf(stderr, "bench_bundle: %s\n", why);
  exit(1);
}

/* ---- making ---- */

static void make_item(const aod_signer_t *signer, int number, aod_buf_t *raw) {
  char reference[20], data[200];
  snprintf(reference, sizeof reference, "%d", number);
  memset(data, 'd', sizeof data);
  uint8_t target[32] = {(uint8_t)number, (uint8_t)(number >> 8)};
  aod_tag_t tags[] = {{AOD_TEXT("Data-Protocol"), AOD_TEXT("ao")},
                      {AOD_TEXT("Variant"), AOD_TEXT("ao.TN.1")},
                      {AOD_TEXT("Type"), AOD_TEXT("Message")},
                      {AOD_TEXT("Action"), AOD_TEXT("Transfer")},
                      {AOD_TEXT("Reference"), aod_text(reference)}};
  aod_item_fields_t fields = {.target = aod_slice(target, sizeof target),
                              .tags = {tags, 5},
                              .data = aod_slice(data, sizeof data)};
  aod_assert(aod_item_sign(&fields, signer, raw, NULL, NULL) == AOD_OK);
}

static void make(const char *path, int count) {
  aod_signer_t *signer;
  aod_buf_t *items = aod_alloc((size_t)count * sizeof *items), payload = {0};
  aod_slice_t *raws = aod_alloc((size_t)count * sizeof *raws);
  aod_assert(aod_signer_generate("ed25519", &signer, NULL) == AOD_OK);
  for (int i = 0; i < count; i++) {
    make_item(signer, i, &items[i]);
    raws[i] = aod_buf_slice(&items[i]);
  }
  aod_assert(aod_bundle_build(raws, (size_t)count, &payload, NULL) == AOD_OK);
  if (aod_file_write(path, aod_buf_slice(&payload), 0644, NULL)) stop("cannot write the file");
}

/* ---- parsing ---- */

typedef struct {
  size_t items, tags, tag_bytes, data_bytes;
} sums_t;

static int add(void *context, const aod_bundle_visit_t *visit) {
  sums_t *sums = context;
  aod_assert(!visit->problem);
  sums->items++;
  sums->tags += visit->item->tags.count;
  for (size_t i = 0; i < visit->item->tags.count; i++)
    sums->tag_bytes += visit->item->tags.list[i].name.len + visit->item->tags.list[i].value.len;
  sums->data_bytes += visit->item->data.len;
  return AOD_OK;
}

static void parse(const char *path, int rounds) {
  aod_buf_t payload = {0};
  sums_t sums = {0};
  if (aod_file_read(path, FILE_BYTES_MAX, &payload, NULL)) stop("cannot read the file");
  aod_bundle_limits_t limits = {.depth_max = 1, .item_max = SIZE_MAX};
  int64_t best_us = INT64_MAX;
  for (int i = 0; i < rounds; i++) {
    sums = (sums_t){0};
    int64_t began_us = aod_clock_monotonic_us();
    aod_assert(aod_bundle_walk(aod_buf_slice(&payload), limits, add, &sums, NULL) == AOD_OK);
    int64_t took_us = aod_clock_monotonic_us() - began_us;
    if (took_us < best_us) best_us = took_us;
  }
  printf("{\"ms\":%.3f,\"items\":%zu,\"tags\":%zu,\"tag_bytes\":%zu,\"data_bytes\":%zu}\n",
         (double)best_us / 1000, sums.items, sums.tags, sums.tag_bytes, sums.data_bytes);
  aod_buf_free(&payload);
}

int main(int argc, char **argv) {
  if (argc != 4 || atoi(argv[3]) < 1) stop("usage: bench_bundle make|parse FILE NUMBER");
  if (strcmp(argv[1], "make") == 0)
    make(argv[2], atoi(argv[3]));
  else if (strcmp(argv[1], "parse") == 0)
    parse(argv[2], atoi(argv[3]));
  else
    stop("usage: bench_bundle make|parse FILE NUMBER");
  return 0;
}
