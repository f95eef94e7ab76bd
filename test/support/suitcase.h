/* A process on its way to another instance: pages that changed are packed message by message, as
 * snapshots do it, and what is unpacked must be the same process. */
#ifndef TEST_SUITCASE_H
#define TEST_SUITCASE_H

#include <stdlib.h>

#include "vm/vm.h"

typedef struct {
  uint64_t numbers[1 << 16];
  uint8_t (*pages)[AOD_INSTANCE_PAGE_BYTES];
  size_t count;
  aod_buf_t state;
} suitcase_t;

static inline void suitcase_pack_page(void *context, uint64_t page,
                                      const uint8_t bytes[AOD_INSTANCE_PAGE_BYTES]) {
  suitcase_t *suitcase = context;
  size_t at = 0;
  while (at < suitcase->count && suitcase->numbers[at] < page) at++;
  if (at == suitcase->count || suitcase->numbers[at] != page) {
    size_t behind = suitcase->count++ - at;
    aod_assert(suitcase->count <= sizeof suitcase->numbers / sizeof *suitcase->numbers);
    suitcase->pages = aod_realloc(suitcase->pages, suitcase->count * sizeof *suitcase->pages);
    memmove(suitcase->numbers + at + 1, suitcase->numbers + at, behind * sizeof(uint64_t));
    memmove(suitcase->pages + at + 1, suitcase->pages + at, behind * sizeof *suitcase->pages);
    suitcase->numbers[at] = page;
  }
  memcpy(suitcase->pages[at], bytes, AOD_INSTANCE_PAGE_BYTES);
}

static inline int suitcase_unpack_page(void *context, size_t index,
                                       uint8_t bytes[AOD_INSTANCE_PAGE_BYTES], aod_error_t *err) {
  (void)err;
  memcpy(bytes, ((suitcase_t *)context)->pages[index], AOD_INSTANCE_PAGE_BYTES);
  return AOD_OK;
}

/* The instance that goes on from where `instance` is, which is closed. */
static inline aod_instance_t *suitcase_move(suitcase_t *suitcase, aod_module_t *module,
                                            uint64_t compute_limit, aod_instance_t *instance) {
  aod_instance_t *next;
  aod_instance_options_t options = {.compute_limit = compute_limit};
  aod_buf_clear(&suitcase->state);
  aod_instance_state_write(instance, &suitcase->state);
  aod_instance_each_changed(instance, suitcase_pack_page, suitcase);
  aod_instance_source_t source = {.memory_bytes = aod_instance_memory_bytes(instance),
                                  .state = aod_buf_slice(&suitcase->state),
                                  .pages = suitcase->numbers,
                                  .page_count = suitcase->count,
                                  .read_page = suitcase_unpack_page,
                                  .context = suitcase};
  aod_instance_close(instance);
  aod_assert(aod_instance_restore(module, &options, &source, &next, NULL) == AOD_OK);
  return next;
}

static inline void suitcase_free(suitcase_t *suitcase) {
  free(suitcase->pages);
  aod_buf_free(&suitcase->state);
  free(suitcase);
}

#endif
