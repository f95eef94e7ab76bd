/* Copying and growing, bit for bit as the glue does it: both shape the memory image. */
#include "vm/host.h"

#include <math.h>

/* dest, source, count. Out of range it copies what fits and does not trap: the modules' realloc
 * copies the new size from the old block and so may read past the end of memory. */
void aod__host_memory_copy(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint64_t to = slots[0], from = slots[1], count = slots[2], size = instance->memory_bytes;
  if (to >= size || from >= size) return;
  if (count > size - from) count = size - from;
  if (count > size - to) count = size - to;
  if (count == 0) return;
  aod_host_charge(host, count);
  uint8_t *target = aod_host_write(host, to, count);
  memmove(target, instance->memory + from, count);
}

/* alignUp of the glue, on doubles: a fraction in `value` is carried through. */
static double align_up(double value, double multiple) {
  return value + fmod(multiple - fmod(value, multiple), multiple);
}

static bool grow_to(aod_wasm_instance_t *instance, double old, double size) {
  double pages = (size - old + 65535) / 65536;
  return instance->runtime->memory_grow(instance, (uint64_t)pages) >= 0;
}

/* Grow generously, and less so when that fails. The doubles are the glue's own. */
static bool resize(aod_host_t *host, aod_wasm_instance_t *instance, double requested) {
  double old = (double)instance->memory_bytes, max = host->format->heap_max;
  for (int cut = 1; cut <= 4; cut *= 2) {
    double over = fmin(old * (1 + 0.2 / cut), requested + 100663296);
    double size = fmin(max, align_up(fmax(requested, over), 65536));
    if (grow_to(instance, old, size)) return true;
  }
  return false;
}

/* As JavaScript sees the argument: an i64 beyond 2^53 is no number. */
static double to_number(const aod_host_t *host, uint64_t slot) {
  double number = host->format->wide ? (double)(int64_t)slot : (double)(uint32_t)slot;
  return fabs(number) <= 9007199254740992.0 ? number : NAN;
}

static void complain(aod_host_t *host, const char *text) {
  aod_host_print(host, 1, aod_text(text));
  aod_host_flush(host, 1);
}

void aod__host_resize_heap(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  double requested = to_number(host, slots[0]);
  aod_host_charge(host, AOD_HOST_CALL_COST);
  if (!(requested > (double)instance->memory_bytes) && host->format->glue != AOD_GLUE_1)
    aod_host_fail(host, "Aborted(Assertion failed)");
  slots[0] = 0;
  if (requested > host->format->heap_max)
    complain(host, "Cannot enlarge memory: more is requested than the format allows");
  else if (resize(host, instance, requested))
    slots[0] = 1;
  else
    complain(host, "Failed to grow the heap, not enough memory!");
}

void aod__host_heap_max(aod_wasm_instance_t *instance, uint64_t *slots) {
  slots[0] = (uint64_t)aod_host_of(instance)->format->heap_max;
}
