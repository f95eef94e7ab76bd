/* The instances of vm.h: in workers, or, for tests of the runtime, in this program. */
#include "vm/fleeting.h"
#include "vm/process.h"
#include "vm/quarantine.h"

#include <stdlib.h>

/* ---- open and close ---- */

static int open_local(aod_instance_t *instance, const aod_instance_options_t *options,
                      aod_error_t *err) {
  aod_module_t *module = instance->module;
  int rc = aod_guest_open(&instance->guest, &module->program, &module->image, options, err);
  if (rc) return rc;
  rc = aod_guest_state_read(&instance->guest, aod_buf_slice(&module->zero_state), err);
  if (rc) aod_guest_close(&instance->guest);
  return rc;
}

static int open_remote(aod_instance_t *instance, const aod_instance_options_t *options,
                       aod_error_t *err) {
  aod_module_t *module = instance->module;
  return aod__remote_open(&instance->remote, &module->vm->pool, &module->crew,
                          &module->program.code->module, options, &module->image,
                          aod_buf_slice(&module->zero_state), err);
}

int aod_instance_open(aod_module_t *module, const aod_instance_options_t *options,
                      aod_instance_t **instance_out, aod_error_t *err) {
  aod_instance_t *instance = aod_alloc(sizeof *instance);
  instance->module = module;
  instance->in_worker = module->vm->in_workers;
  instance->compute_limit = options->compute_limit;
  int rc = instance->in_worker ? open_remote(instance, options, err)
                               : open_local(instance, options, err);
  if (rc == AOD_OK)
    *instance_out = instance;
  else
    free(instance);
  return rc;
}

void aod_instance_close(aod_instance_t *instance) {
  if (!instance) return;
  if (instance->in_worker)
    aod__remote_close(&instance->remote);
  else
    aod_guest_close(&instance->guest);
  free(instance);
}

/* ---- a message ---- */

int aod_instance_evaluate(aod_instance_t *instance, aod_slice_t msg, aod_slice_t env,
                          aod_evaluation_t *evaluation, aod_error_t *err) {
  int rc = AOD_OK;
  aod_assert(!instance->undecided);
  if (instance->in_worker)
    rc =
        aod__remote_evaluate(&instance->remote, instance->compute_limit, msg, env, evaluation, err);
  else
    rc = aod_guest_evaluate(&instance->guest, instance->compute_limit, msg, env, evaluation, err);
  instance->undecided = rc == AOD_OK;
  if (rc == AOD_OK && evaluation->worker_died)
    aod__quarantine(instance->module->vm->quarantine_dir, msg, env,
                    aod_buf_slice(&evaluation->text));
  return rc;
}

void aod_instance_commit(aod_instance_t *instance) {
  if (instance->in_worker)
    aod__remote_commit(&instance->remote);
  else
    aod_guest_commit(&instance->guest);
  instance->undecided = false;
}

void aod_instance_rollback(aod_instance_t *instance) {
  if (instance->in_worker)
    aod__remote_rollback(&instance->remote);
  else
    aod_guest_rollback(&instance->guest);
  instance->undecided = false;
}

/* ---- the committed memory ---- */

static aod_pages_t pages_of(const aod_instance_t *instance) {
  return instance->in_worker ? aod_committed_pages(&instance->remote.committed)
                             : aod_memory_pages(&instance->guest.core->memory);
}

uint64_t aod_instance_memory_bytes(const aod_instance_t *instance) {
  return pages_of(instance).bytes;
}

void aod_instance_memory_read(const aod_instance_t *instance, uint64_t from, uint8_t *to,
                              size_t bytes) {
  aod_pages_t pages = pages_of(instance);
  aod_assert(from <= pages.bytes && bytes <= pages.bytes - from);
  memcpy(to, pages.at + from, bytes);
}

uint64_t aod_instance_resident_bytes(const aod_instance_t *instance) {
  enum { FIXED_BYTES = 256 << 10 }; /* tables of pages and functions, cards */
  aod_pages_t pages = pages_of(instance);
  uint64_t count = pages.bytes >> AOD_CARD_SHIFT, present = 0;
  for (uint64_t page = 0; page < count; page++) present += pages.present[page];
  return FIXED_BYTES + 2 * present * AOD_INSTANCE_PAGE_BYTES; /* working and committed */
}

void aod_instance_memory_sha256(const aod_instance_t *instance, uint8_t digest[32]) {
  aod_pages_sha256(pages_of(instance), digest);
}

/* ---- on the way to disk and back ---- */

_Static_assert(AOD_INSTANCE_PAGE_BYTES == 1 << AOD_CARD_SHIFT, "a page is a card");

void aod_instance_each_changed(const aod_instance_t *instance, aod_instance_page_t *each,
                               void *context) {
  aod_pages_t pages = pages_of(instance);
  uint64_t count = pages.bytes >> AOD_CARD_SHIFT;
  for (uint64_t page = 0; (page = aod_pages_next_changed(pages, page)) < count; page++)
    each(context, page, pages.at + (page << AOD_CARD_SHIFT));
}

size_t aod_instance_changed_count(const aod_instance_t *instance) {
  aod_pages_t pages = pages_of(instance);
  uint64_t count = pages.bytes >> AOD_CARD_SHIFT;
  size_t changed = 0;
  for (uint64_t page = 0; (page = aod_pages_next_changed(pages, page)) < count; page++) changed++;
  return changed;
}

void aod_instance_mark(aod_instance_t *instance) {
  aod_pages_set_mark(pages_of(instance));
}

void aod_instance_state_write(const aod_instance_t *instance, aod_buf_t *bytes) {
  aod_assert(!instance->undecided);
  if (instance->in_worker)
    aod_buf_append(bytes, aod_buf_slice(&instance->remote.state));
  else
    aod_guest_state_write(&instance->guest, bytes);
}

bool aod_instance_is_all_memory(const aod_instance_t *instance) {
  const aod_module_t *module = instance->module;
  aod_buf_t now = {0}, begun = {0};
  aod_instance_state_write(instance, &now);
  aod_buf_append(&begun, aod_buf_slice(&module->zero_state));
  aod__state_blank_fleeting(&module->program.code->module, &now);
  aod__state_blank_fleeting(&module->program.code->module, &begun);
  bool same = aod_slice_equal(aod_buf_slice(&now), aod_buf_slice(&begun));
  aod_buf_free(&now);
  aod_buf_free(&begun);
  return same;
}

static bool grow(aod_instance_t *instance, uint64_t bytes) {
  if (instance->in_worker) return aod_committed_resize(&instance->remote.committed, bytes);
  aod_memory_t *memory = &instance->guest.core->memory;
  return bytes >= memory->bytes && bytes % AOD_PAGE_BYTES == 0 &&
         aod_memory_grow(memory, bytes - memory->bytes);
}

static uint8_t *page_to_write(aod_instance_t *instance, uint64_t page) {
  if (instance->in_worker) return aod_committed_page(&instance->remote.committed, page);
  aod_memory_t *memory = &instance->guest.core->memory;
  aod_memory_mark(memory, page << AOD_CARD_SHIFT, AOD_INSTANCE_PAGE_BYTES);
  return memory->base + (page << AOD_CARD_SHIFT);
}

static int read_memory(aod_instance_t *instance, const aod_instance_source_t *source,
                       aod_error_t *err) {
  uint64_t bytes = source->memory_bytes;
  if (!grow(instance, bytes))
    return aod_fail(err, AOD_EINPUT, "a memory of %llu bytes does not fit the module",
                    (unsigned long long)bytes);
  for (size_t i = 0; i < source->page_count; i++) {
    uint64_t page = source->pages[i];
    if (page >= bytes >> AOD_CARD_SHIFT || (i > 0 && page <= source->pages[i - 1]))
      return aod_fail(err, AOD_EINPUT, "page %llu is out of place", (unsigned long long)page);
    int rc = source->read_page(source->context, i, page_to_write(instance, page), err);
    if (rc) return rc;
  }
  return AOD_OK;
}

/* As if one message had brought it from image zero to here. */
static int restore_local(aod_instance_t *instance, aod_slice_t state, aod_error_t *err) {
  int rc = aod_guest_state_read(&instance->guest, state, err);
  if (rc) return rc;
  aod__memory_resized(instance->guest.core);
  aod_guest_commit(&instance->guest);
  return AOD_OK;
}

int aod_instance_restore(aod_module_t *module, const aod_instance_options_t *options,
                         const aod_instance_source_t *source, aod_instance_t **instance_out,
                         aod_error_t *err) {
  aod_instance_t *instance;
  int rc = aod_instance_open(module, options, &instance, err);
  if (rc) return rc;
  aod_slice_t state = source->memory_only ? aod_buf_slice(&module->zero_state) : source->state;
  rc = read_memory(instance, source, err);
  if (rc == AOD_OK)
    rc = instance->in_worker ? aod__remote_restore(&instance->remote, state, err)
                             : restore_local(instance, state, err);
  if (rc) {
    aod_instance_close(instance);
    return rc;
  }
  if (!source->memory_only) aod_instance_mark(instance);
  *instance_out = instance;
  return AOD_OK;
}
