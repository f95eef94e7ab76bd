/* The native stack of a thread and the fault handler.
 *
 * The deterministic limit of recursion is the counted depth of abi.h. The native stack only has to
 * outlast it, at every optimisation level: 1 GiB of addresses, given memory by the system as far
 * as they are used, is 32 KiB for each unit of AOD_CALL_DEPTH_MAX, and a unit is a frame of at most
 * 64 words. Should a compiler make more of it, the guard is hit, which is the same trap.
 *
 * Native code does not check addresses that its reservation catches (abi.h). SIGSEGV there, while
 * this thread runs native code, is the trap "memory access out of bounds". Any other fault is a bug
 * and crashes as ever. SIGBUS is left alone on purpose: it means that the system had no page to
 * give, which must not become part of a deterministic result. */
#include "vm/trap.h"

#include "base/bytes.h"
#include "base/error.h"
#include "vm/memory.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define AOD_ASAN 1
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define AOD_TSAN 1
#include <sanitizer/tsan_interface.h>
/* It believes that a handler which was left by a jump still runs. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
  return "report_signal_unsafe=0";
}
#endif

#define STACK_BYTES        ((size_t)1 << 30)
#define STACK_GUARD_BYTES  ((size_t)256 << 20) /* larger than any one frame */
#define SIGNAL_STACK_BYTES ((size_t)256 << 10)

typedef struct {
  uint8_t *guard; /* the guard, then the stack above it, which grows down towards it */
  uint8_t *signal_stack;
  stack_t old_signal_stack;
  ucontext_t outside, inside;
  jmp_buf *target; /* of the innermost aod_enter; NULL while outside */
  void (*entry)(void *);
  void *argument;
  int result;
#ifdef AOD_ASAN
  void *fake_stack;
  const void *outside_bottom;
  size_t outside_size;
#endif
#ifdef AOD_TSAN
  void *fiber, *outside_fiber;
#endif
} native_stack_t;

static _Thread_local native_stack_t *mine;

/* ---- faults ---- */

static struct sigaction old_action;

static void on_fault(int number, siginfo_t *info, void *context) {
  (void)context;
  if (mine && mine->target) {
    uintptr_t address = (uintptr_t)info->si_addr, guard = (uintptr_t)mine->guard;
    if (address >= guard && address < guard + STACK_GUARD_BYTES)
      _longjmp(*mine->target, AOD_TRAP_STACK);
    if (aod_memory_owns_address(address)) _longjmp(*mine->target, AOD_TRAP_MEMORY);
  }
  /* Not ours: the instruction faults again under whatever handler was there before. */
  sigaction(number, &old_action, NULL);
  if (info->si_code <= 0) raise(number); /* sent by kill: nothing would repeat it */
}

/* SA_NODEFER because the handler does not return but jumps, leaving the signal unblocked. */
static void install_handler(void) {
  struct sigaction action = {.sa_sigaction = on_fault,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  sigemptyset(&action.sa_mask);
  aod_assert(sigaction(SIGSEGV, &action, &old_action) == 0);
}

/* ---- a thread's stack ---- */

static pthread_key_t stack_key;

static void stack_free(void *stack_pointer) {
  native_stack_t *stack = stack_pointer;
  sigaltstack(&stack->old_signal_stack, NULL);
#ifdef AOD_TSAN
  if (stack->fiber) __tsan_destroy_fiber(stack->fiber);
#endif
  munmap(stack->signal_stack, SIGNAL_STACK_BYTES);
  munmap(stack->guard, STACK_GUARD_BYTES + STACK_BYTES);
  free(stack);
  mine = NULL;
}

static void initialise(void) {
  install_handler();
  aod_assert(pthread_key_create(&stack_key, stack_free) == 0);
}

static uint8_t *map(size_t bytes, int protection) {
  void *at =
      mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  aod_assert(at != MAP_FAILED);
  return at;
}

static native_stack_t *stack_new(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, initialise);
  native_stack_t *stack = aod_alloc(sizeof *stack);
  stack->guard = map(STACK_GUARD_BYTES + STACK_BYTES, PROT_NONE);
  uint8_t *base = stack->guard + STACK_GUARD_BYTES;
  aod_assert(mprotect(base, STACK_BYTES, PROT_READ | PROT_WRITE) == 0);
  madvise(base, STACK_BYTES, MADV_NOHUGEPAGE); /* a stack of a few pages must not become 2 MiB */
  stack->signal_stack = map(SIGNAL_STACK_BYTES, PROT_READ | PROT_WRITE);
  stack_t signal_stack = {.ss_sp = stack->signal_stack, .ss_size = SIGNAL_STACK_BYTES};
  aod_assert(sigaltstack(&signal_stack, &stack->old_signal_stack) == 0);
  pthread_setspecific(stack_key, stack);
  return stack;
}

/* ---- switching ---- */

/* The sanitizers keep a picture of the stack of their own and want to be told. */

static void enter_inside(native_stack_t *stack) {
#ifdef AOD_ASAN
  __sanitizer_start_switch_fiber(&stack->fake_stack, stack->guard + STACK_GUARD_BYTES, STACK_BYTES);
#endif
#ifdef AOD_TSAN
  if (!stack->fiber) stack->fiber = __tsan_create_fiber(0);
  stack->outside_fiber = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(stack->fiber, 0);
#endif
  aod_assert(swapcontext(&stack->outside, &stack->inside) == 0);
#ifdef AOD_ASAN
  __sanitizer_finish_switch_fiber(stack->fake_stack, NULL, NULL);
#endif
}

static void leave_inside(native_stack_t *stack) {
#ifdef AOD_ASAN
  __sanitizer_start_switch_fiber(NULL, stack->outside_bottom, stack->outside_size);
#endif
#ifdef AOD_TSAN
  __tsan_switch_to_fiber(stack->outside_fiber, 0);
#endif
  setcontext(&stack->outside);
}

static int run_to_trap(native_stack_t *stack, void (*entry)(void *), void *argument) {
  jmp_buf here;
  jmp_buf *outer = stack->target;
  stack->target = &here;
  int trap = _setjmp(here);
  if (trap == AOD_TRAP_NONE) entry(argument);
  stack->target = outer;
  return trap;
}

static void inside(void) {
  native_stack_t *stack = mine;
#ifdef AOD_ASAN
  __sanitizer_finish_switch_fiber(NULL, &stack->outside_bottom, &stack->outside_size);
#endif
  stack->result = run_to_trap(stack, stack->entry, stack->argument);
  leave_inside(stack);
}

int aod_enter(void (*entry)(void *argument), void *argument) {
  if (!mine) mine = stack_new();
  native_stack_t *stack = mine;
  if (stack->target) return run_to_trap(stack, entry, argument);

  stack->entry = entry;
  stack->argument = argument;
  aod_assert(getcontext(&stack->inside) == 0);
  stack->inside.uc_stack.ss_sp = stack->guard + STACK_GUARD_BYTES;
  stack->inside.uc_stack.ss_size = STACK_BYTES;
  stack->inside.uc_link = NULL;
  makecontext(&stack->inside, inside, 0);
  enter_inside(stack);
  /* Deep recursion may have made the whole stack resident. */
  if (stack->result == AOD_TRAP_STACK)
    madvise(stack->guard + STACK_GUARD_BYTES, STACK_BYTES, MADV_DONTNEED);
  return stack->result;
}

void aod_trap_raise(int trap) {
  aod_assert(mine && mine->target && trap != AOD_TRAP_NONE);
  _longjmp(*mine->target, trap);
}

const char *aod_trap_text(int trap) {
  static const char *const texts[] = {
      [AOD_TRAP_NONE] = "",
      [AOD_TRAP_UNREACHABLE] = "unreachable",
      [AOD_TRAP_MEMORY] = "memory access out of bounds",
      [AOD_TRAP_DIVIDE_ZERO] = "divide by zero",
      [AOD_TRAP_REMAINDER_ZERO] = "remainder by zero",
      [AOD_TRAP_OVERFLOW] = "divide result unrepresentable",
      [AOD_TRAP_CONVERSION] = "float unrepresentable in integer range",
      [AOD_TRAP_TABLE] = "table index is out of bounds",
      [AOD_TRAP_SIGNATURE] = "null function or function signature mismatch",
      [AOD_TRAP_STACK] = "Maximum call stack size exceeded",
      [AOD_TRAP_FUEL] = "the compute limit is used up",
      [AOD_TRAP_GAS] = "out of gas!",
      [AOD_TRAP_HOST] = "a host function failed",
  };
  aod_assert(trap >= 0 && trap < (int)(sizeof texts / sizeof texts[0]));
  return texts[trap];
}
