#include "vm/changes.h"

#include <string.h>

/* ---- comparing ---- */

typedef uint64_t part_t __attribute__((vector_size(16), may_alias));

static bool line_differs(const uint8_t *line, const uint8_t *other) {
  const part_t *a = (const part_t *)line, *b = (const part_t *)other;
  part_t any = (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]);
  return (any[0] | any[1]) != 0;
}

uint64_t aod_changes_compare(const uint8_t *card, const uint8_t *other, uint64_t lines) {
  uint64_t differ = 0;
  for (int i = 0; i < 64 && lines >> i; i++)
    differ |= (uint64_t)line_differs(card + i * AOD_LINE_BYTES, other + i * AOD_LINE_BYTES) << i;
  return differ & lines;
}

/* ---- runs of lines ---- */

typedef struct {
  uint64_t at, len; /* bytes from the begin of the card */
} run_t;

/* Take the first run of lines off `lines`, which has some. */
static run_t take_run(uint64_t *lines) {
  int first = __builtin_ctzll(*lines);
  uint64_t rest = ~(*lines >> first);
  int count = rest ? __builtin_ctzll(rest) : 64;
  *lines = first + count < 64 ? *lines >> (first + count) << (first + count) : 0;
  return (run_t){(uint64_t)first * AOD_LINE_BYTES, (uint64_t)count * AOD_LINE_BYTES};
}

static uint64_t lines_len(uint64_t lines) {
  return (uint64_t)__builtin_popcountll(lines) * AOD_LINE_BYTES;
}

bool aod_changes_add(aod_changes_t *changes, uint64_t card, const uint8_t *at, uint64_t lines) {
  if (lines == 0) return true;
  if (changes->count == changes->cap || lines_len(lines) > changes->bytes_cap - changes->len)
    return false;
  changes->list[changes->count++] = (aod_change_t){card, lines};
  while (lines) {
    run_t run = take_run(&lines);
    memcpy(changes->bytes + changes->len, at + run.at, run.len);
    changes->len += run.len;
  }
  return true;
}

bool aod_changes_fit(const aod_changes_t *changes, uint64_t bytes) {
  uint64_t len = 0;
  for (uint64_t i = 0; i < changes->count; i++) {
    const aod_change_t *change = &changes->list[i];
    if (change->card >= bytes >> AOD_CARD_SHIFT || change->lines == 0) return false;
    if (lines_len(change->lines) > changes->bytes_cap - len) return false;
    len += lines_len(change->lines);
  }
  return true;
}

const uint8_t *aod_changes_apply(uint8_t *at, uint64_t lines, const uint8_t *from) {
  while (lines) {
    run_t run = take_run(&lines);
    memcpy(at + run.at, from, run.len);
    from += run.len;
  }
  return from;
}
