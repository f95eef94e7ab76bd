#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

enum { BLOCK_BYTES = 4096, ALIGN = 16 };

struct aod_arena_block {
  aod_arena_block_t *next;
  size_t used, cap;
  _Alignas(ALIGN) uint8_t bytes[];
};

void *aod_arena_alloc(aod_arena_t *arena, size_t size) {
  aod_assert(size <= SIZE_MAX / 2);
  size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  aod_arena_block_t *block = arena->blocks;
  if (!block || block->cap - block->used < size) {
    size_t cap = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    block = aod_alloc(sizeof *block + cap);
    block->cap = cap;
    block->next = arena->blocks;
    arena->blocks = block;
  }
  void *ptr = block->bytes + block->used;
  block->used += size;
  return ptr;
}

aod_slice_t aod_arena_copy(aod_arena_t *arena, aod_slice_t bytes) {
  uint8_t *copy = aod_arena_alloc(arena, bytes.len + 1);
  if (bytes.len) memcpy(copy, bytes.ptr, bytes.len);
  return aod_slice(copy, bytes.len);
}

char *aod_arena_printf(aod_arena_t *arena, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, args);
  aod_assert(len >= 0);
  char *text = aod_arena_alloc(arena, (size_t)len + 1);
  vsnprintf(text, (size_t)len + 1, format, again);
  va_end(again);
  va_end(args);
  return text;
}

void aod_arena_free(aod_arena_t *arena) {
  aod_arena_block_t *block = arena->blocks;
  while (block) {
    aod_arena_block_t *next = block->next;
    free(block);
    block = next;
  }
  arena->blocks = NULL;
}
