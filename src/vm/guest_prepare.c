/* Image zero: what a module's memory, globals and tables are after loading, before any message.
 *
 * Each format has its own order of preparation, and the bytes that the host writes on the way (the
 * stack cookie, format 2's program name) are part of the image. It is a constant of the module, so
 * it is made once, and processes start from copies. */
#include "vm/guest.h"
#include "vm/trap.h"

#define COOKIE_ZERO  0x63736d65u /* at address 0 */
#define COOKIE_FIRST 0x02135467u /* at the end of the stack */
#define COOKIE_NEXT  0x89bacdfeu

/* The same for every module, so that what loading may cost does not depend on a process's limit.
 * Eighty times what aos needs to start, which formats 1 to 3 do here. */
#define PREPARE_COMPUTE_LIMIT 1000000000000u

static void write_cookie(aod_host_t *host) {
  uint64_t end[1];
  aod_host_call(host, AOD_EXPORT_STACK_END, end);
  if (end[0] == 0) end[0] = 4;
  aod_host_store32(host, end[0], COOKIE_FIRST);
  aod_host_store32(host, end[0] + 4, COOKIE_NEXT);
  aod_host_store32(host, 0, COOKIE_ZERO);
  if (aod_host_load32(host, end[0]) != COOKIE_FIRST ||
      aod_host_load32(host, end[0] + 4) != COOKIE_NEXT)
    aod_host_fail(host, "Aborted(Stack overflow! Stack cookie has been overwritten)");
}

static uint64_t push(aod_host_t *host, uint64_t bytes) {
  uint64_t slots[1] = {bytes};
  aod_host_call(host, AOD_EXPORT_STACK_ALLOC, slots);
  return slots[0];
}

/* The only argument is the program's own name. Its text and place are part of the image: through
 * stack addresses they seed Lua's string hash. */
static void call_main_with_name(aod_host_t *host) {
  static const char name[] = AOD_HOST_PROGRAM;
  uint64_t argv = push(host, 2 * 4);
  uint64_t text = push(host, host->format->string_factor * (sizeof name - 1) + 1);
  aod_host_store32(host, argv, (uint32_t)text);
  memcpy(aod_host_write(host, text, sizeof name), name, sizeof name);
  aod_host_store32(host, argv + 4, 0);
  uint64_t slots[2] = {1, argv};
  aod_host_call(host, AOD_EXPORT_MAIN, slots);
}

static void call_main(aod_host_t *host) {
  uint64_t slots[2] = {0, 0};
  if (!aod_host_has(host, AOD_EXPORT_MAIN)) return;
  if (host->format->glue == AOD_GLUE_2)
    call_main_with_name(host);
  else
    aod_host_call(host, AOD_EXPORT_MAIN, slots);
}

static void prepare(void *argument) {
  aod_host_t *host = argument;
  uint64_t slots[1];
  int trap = aod_core_start(host->core);
  if (trap) aod_trap_raise(trap);
  if (aod_host_has(host, AOD_EXPORT_STACK_INIT)) {
    aod_host_call(host, AOD_EXPORT_STACK_INIT, slots);
    write_cookie(host);
  }
  aod_host_call(host, AOD_EXPORT_CTORS, slots);
  call_main(host);
}

int aod_guest_prepare(aod_guest_t *guest, aod_error_t *err) {
  aod_host_t *host = &guest->host;
  if (aod__guest_run(host, PREPARE_COMPUTE_LIMIT, prepare, host)) return AOD_OK;
  return aod_fail(err, AOD_ETRAP, "the module fails while it is loaded: %.*s",
                  AOD_ARG(aod_buf_slice(&host->reason)));
}
