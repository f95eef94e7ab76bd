/* What a range holds (aod_memory_stage): whole cards, and behind them the bytes of the next card
 * that a store may have reached. Those are copied only where they differ, so that a card which
 * nobody wrote to stays absent. */
#include "vm/committed.h"

#include "vm/abi.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define CARD_BYTES ((uint64_t)1 << AOD_CARD_SHIFT)

/* ---- open and close ---- */

static bool read_all(int fd, uint8_t *to, uint64_t len, uint64_t at) {
  while (len > 0) {
    ssize_t got = pread(fd, to, len, (off_t)at);
    if (got <= 0) return false;
    to += got, at += (uint64_t)got, len -= (uint64_t)got;
  }
  return true;
}

static bool copy_image(aod_committed_t *committed, const aod_image_t *from) {
  uint64_t count = aod_pages_count(from->bytes);
  for (uint64_t card = 0, end; card < count; card = end) {
    end = aod_pages_run_end(from->present, card, count);
    uint64_t at = card << AOD_CARD_SHIFT, len = (end - card) << AOD_CARD_SHIFT;
    if (from->present[card] && !read_all(from->fd, committed->at + at, len, at)) return false;
  }
  memcpy(committed->image.present, from->present, count);
  return true;
}

static bool map_file(aod_committed_t *committed) {
  uint64_t bytes = committed->max_bytes;
  committed->image.fd = memfd_create("aod-process", MFD_CLOEXEC);
  if (committed->image.fd < 0 || ftruncate(committed->image.fd, (off_t)bytes)) return false;
  if (bytes == 0) return true;
  void *at =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, committed->image.fd, 0);
  if (at == MAP_FAILED) return false;
  committed->at = at;
  return true;
}

int aod_committed_open(aod_committed_t *committed, uint64_t bytes, uint64_t max_bytes,
                       const aod_image_t *from, aod_error_t *err) {
  if (from && from->bytes > bytes) bytes = from->bytes;
  *committed = (aod_committed_t){.image.fd = -1};
  if (bytes > max_bytes)
    return aod_fail(err, AOD_ELIMIT,
                    "a memory of %llu bytes is more than the %llu bytes that it may have",
                    (unsigned long long)bytes, (unsigned long long)max_bytes);
  committed->max_bytes = committed->image.file_bytes = max_bytes;
  committed->image.bytes = bytes;
  committed->image.present = aod_pages_marks(max_bytes);
  committed->changed = aod_pages_marks(max_bytes);
  if (committed->image.present && committed->changed && map_file(committed) &&
      (!from || copy_image(committed, from)))
    return AOD_OK;
  aod_committed_close(committed);
  return aod_fail(err, AOD_ENOMEM, "no memory for an image of %llu bytes",
                  (unsigned long long)bytes);
}

static void unmap(aod_committed_t *committed) {
  if (committed->at) munmap(committed->at, committed->max_bytes);
  aod_pages_marks_free(committed->changed, committed->max_bytes);
  committed->at = committed->changed = NULL;
}

void aod_committed_close(aod_committed_t *committed) {
  unmap(committed);
  if (committed->image.present) aod_image_free(&committed->image);
}

aod_image_t aod_committed_freeze(aod_committed_t *committed) {
  unmap(committed);
  aod_image_t image = committed->image;
  *committed = (aod_committed_t){0};
  return image;
}

aod_pages_t aod_committed_pages(const aod_committed_t *committed) {
  return (aod_pages_t){committed->at, committed->image.bytes, committed->image.present,
                       committed->changed};
}

/* ---- changes ---- */

bool aod_committed_resize(aod_committed_t *committed, uint64_t bytes) {
  if (bytes < committed->image.bytes || bytes > committed->max_bytes || bytes % AOD_PAGE_BYTES)
    return false;
  committed->image.bytes = bytes;
  return true;
}

static void touch(aod_committed_t *committed, uint64_t card, uint64_t count) {
  memset(committed->image.present + card, 1, count);
  memset(committed->changed + card, 1, count);
}

uint8_t *aod_committed_page(aod_committed_t *committed, uint64_t page) {
  touch(committed, page, 1);
  return committed->at + (page << AOD_CARD_SHIFT);
}

static bool range_fits(const aod_range_t *range, uint64_t bytes) {
  return range->at % CARD_BYTES == 0 && range->at < bytes && range->len <= bytes - range->at &&
         range->len >= CARD_BYTES;
}

bool aod_committed_accepts(const aod_committed_t *committed, const aod_staging_t *staging,
                           uint64_t bytes) {
  uint64_t len = 0;
  if (bytes > committed->max_bytes || bytes < committed->image.bytes || bytes % AOD_PAGE_BYTES)
    return false;
  for (uint64_t i = 0; i < staging->range_count; i++) {
    if (!range_fits(&staging->ranges[i], bytes)) return false;
    if (staging->ranges[i].len > staging->cap - len) return false;
    len += staging->ranges[i].len;
  }
  return true;
}

static void apply_range(aod_committed_t *committed, const aod_range_t *range,
                        const uint8_t *bytes) {
  uint64_t whole = range->len & ~(CARD_BYTES - 1), rest = range->len - whole;
  uint64_t end = range->at + whole;
  memcpy(committed->at + range->at, bytes, whole);
  touch(committed, range->at >> AOD_CARD_SHIFT, whole >> AOD_CARD_SHIFT);
  if (rest == 0 || memcmp(committed->at + end, bytes + whole, rest) == 0) return;
  memcpy(committed->at + end, bytes + whole, rest);
  touch(committed, end >> AOD_CARD_SHIFT, 1);
}

void aod_committed_apply(aod_committed_t *committed, const aod_staging_t *staging, uint64_t bytes) {
  const uint8_t *staged = staging->bytes;
  for (uint64_t i = 0; i < staging->range_count; i++) {
    apply_range(committed, &staging->ranges[i], staged);
    staged += staging->ranges[i].len;
  }
  committed->image.bytes = bytes;
}

/* ---- sharing ---- */

int aod_committed_share(const aod_committed_t *committed) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", committed->image.fd);
  return open(path, O_RDONLY | O_CLOEXEC);
}

bool aod_committed_picture(const aod_committed_t *committed, aod_committed_t *picture) {
  const aod_image_t *image = &committed->image;
  *picture = (aod_committed_t){.image = *image, .max_bytes = committed->max_bytes};
  picture->image.present = aod_pages_marks(image->file_bytes);
  if (!picture->image.present) return false;
  memcpy(picture->image.present, image->present, aod_pages_count(image->bytes));
  picture->image.fd = aod_committed_share(committed);
  if (picture->image.fd >= 0) return true;
  aod_committed_close(picture);
  return false;
}

bool aod_committed_move(aod_committed_t *committed) {
  aod_committed_t moved;
  if (aod_committed_open(&moved, committed->image.bytes, committed->max_bytes, &committed->image,
                         NULL))
    return false;
  memcpy(moved.changed, committed->changed, aod_pages_count(committed->image.bytes));
  aod_committed_close(committed);
  *committed = moved;
  return true;
}
