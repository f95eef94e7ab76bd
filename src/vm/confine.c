/* Filters and limits.
 *
 * A worker evaluates Wasm as native code. Should a module break out of its sandbox, it finds itself
 * in a process that can compute and talk to the node: no file, no socket, no other process. The
 * filter is an allow list, so what a later kernel adds is denied too.
 *
 * A compiler needs files and children of its own, so it gets a deny list of what leads outside:
 * those calls fail instead of killing, since a compiler may try and do without. */
#include "vm/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "workers need the number of this architecture's system calls"
#endif

#ifndef __has_feature
#define __has_feature(x) 0
#endif
/* Sanitizers have needs of their own: they look up stacks in /proc/self/maps, and one of them
 * starts a thread in every process. */
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer) ||                             \
    defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED 1
const bool aod__confine_is_full = false;
#else
const bool aod__confine_is_full = true;
#endif

/* ---- building a filter ---- */

#define FILTER_MAX 128

typedef struct {
  struct sock_filter list[FILTER_MAX];
  unsigned short count;
} filter_t;

static void add(filter_t *filter, struct sock_filter instruction) {
  if (filter->count < FILTER_MAX) filter->list[filter->count++] = instruction;
}

static void load(filter_t *filter, uint32_t offset) {
  add(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

static void answer(filter_t *filter, uint32_t action) {
  add(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Skip the next instruction unless the loaded word is `value`. */
static void if_equal(filter_t *filter, uint32_t value) {
  add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
}

static void begin(filter_t *filter) {
  load(filter, offsetof(struct seccomp_data, arch));
  add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 1, 0));
  answer(filter, SECCOMP_RET_KILL_PROCESS);
  load(filter, offsetof(struct seccomp_data, nr));
}

static bool install(const filter_t *filter) {
  struct sock_fprog program = {.len = filter->count, .filter = (struct sock_filter *)filter->list};
  return filter->count < FILTER_MAX && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static bool limit(int resource, rlim_t most) {
  struct rlimit now, wanted = {most, most};
  if (getrlimit(resource, &now)) return false;
  if (now.rlim_max < most) wanted.rlim_cur = wanted.rlim_max = now.rlim_max;
  return setrlimit(resource, &wanted) == 0;
}

/* ---- workers ---- */

static const int worker_calls[] = {
    __NR_recvmsg,      __NR_sendmsg,         __NR_recvfrom,    __NR_sendto, /* with the node */
    __NR_read,         __NR_write,           __NR_close,                    /* what it has */
    __NR_munmap,       __NR_madvise,         __NR_mremap,      __NR_brk,    /* memory */
    __NR_rt_sigreturn, __NR_rt_sigprocmask,  __NR_sigaltstack,              /* stacks, faults */
    __NR_futex,        __NR_restart_syscall, __NR_exit,        __NR_exit_group,
#ifdef SANITIZED
    __NR_nanosleep,    __NR_clock_nanosleep, __NR_sched_yield, __NR_sched_getaffinity,
    __NR_gettid,       __NR_getpid,          __NR_prlimit64,   __NR_openat,
    __NR_fstat,        __NR_newfstatat,
#endif
};

/* mmap and mprotect: their third argument is the protection, and memory is never executable. */
static void allow_without_execution(filter_t *filter, int number) {
  add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 4));
  load(filter, offsetof(struct seccomp_data, args[2])); /* little-endian: the low half */
  add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1));
  answer(filter, SECCOMP_RET_KILL_PROCESS);
  answer(filter, SECCOMP_RET_ALLOW);
}

static bool filter_worker(void) {
  filter_t filter = {0};
  begin(&filter);
  for (size_t i = 0; i < sizeof worker_calls / sizeof *worker_calls; i++) {
    if_equal(&filter, (uint32_t)worker_calls[i]);
    answer(&filter, SECCOMP_RET_ALLOW);
  }
  allow_without_execution(&filter, __NR_mmap);
  allow_without_execution(&filter, __NR_mprotect);
  answer(&filter, SECCOMP_RET_KILL_PROCESS);
  return install(&filter);
}

static bool close_others(int keep) {
  unsigned fd = (unsigned)keep;
  return (fd == 0 || syscall(__NR_close_range, 0u, fd - 1, 0u) == 0) &&
         syscall(__NR_close_range, fd + 1, ~0u, 0u) == 0;
}

bool aod__confine_worker(int keep) {
  /* Descriptors that it will be sent get the lowest free numbers. */
  rlim_t files = (rlim_t)keep + 1 > 8 ? (rlim_t)keep + 1 : 8;
  return close_others(keep) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
         limit(RLIMIT_NOFILE, files) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0) &&
         filter_worker();
}

/* ---- compilers, and libraries in a child ---- */

enum {
  COMPILER_SECONDS = 1800,
  COMPILER_FILES = 256,
};
#define COMPILER_FILE_BYTES   ((rlim_t)1 << 30)
#define COMPILER_MEMORY_BYTES ((rlim_t)16 << 30)

static const int outside_calls[] = {
    __NR_socket,
    __NR_connect,
    __NR_ptrace,
    __NR_process_vm_readv,
    __NR_process_vm_writev,
    __NR_pidfd_getfd,
    __NR_io_uring_setup,
    __NR_bpf,
    __NR_mount,
    __NR_unshare,
    __NR_setns,
    __NR_keyctl,
    __NR_add_key,
    __NR_request_key,
    __NR_perf_event_open,
    __NR_userfaultfd,
    __NR_init_module,
    __NR_finit_module,
    __NR_kexec_load,
    __NR_chroot,
};

/* What leads to files, programs and other processes. */
static const int file_calls[] = {
    __NR_openat,       __NR_openat2,   __NR_unlinkat,   __NR_renameat2,
    __NR_linkat,       __NR_symlinkat, __NR_mkdirat,    __NR_mknodat,
    __NR_truncate,     __NR_fchmodat,  __NR_fchownat,   __NR_execve,
    __NR_execveat,     __NR_kill,      __NR_pidfd_open, __NR_pidfd_send_signal,
    __NR_memfd_create,
#ifdef __x86_64__
    __NR_open,         __NR_creat,     __NR_unlink,     __NR_rename,
    __NR_renameat,     __NR_link,      __NR_symlink,    __NR_mkdir,
    __NR_rmdir,        __NR_mknod,     __NR_chmod,      __NR_chown,
    __NR_lchown,
#endif
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void refuse(filter_t *filter, const int *calls, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if_equal(filter, (uint32_t)calls[i]);
    answer(filter, SECCOMP_RET_ERRNO | EPERM);
  }
}

static bool filter_outside(bool files) {
  filter_t filter = {0};
  begin(&filter);
  refuse(&filter, outside_calls, COUNT(outside_calls));
  if (!files) refuse(&filter, file_calls, COUNT(file_calls));
#ifdef __x86_64__
  /* The numbers of the x32 interface are another way to the same calls. */
  add(&filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1));
  answer(&filter, SECCOMP_RET_ERRNO | ENOSYS);
#endif
  answer(&filter, SECCOMP_RET_ALLOW);
  return install(&filter);
}

/* What Landlock's first version can forbid; reading and executing stay free. */
#define WRITING                                                                                    \
  (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                                 \
   LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |   \
   LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |     \
   LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static bool may_write(int rules, const char *path, uint64_t access) {
  struct landlock_path_beneath_attr rule = {.allowed_access = access,
                                            .parent_fd = open(path, O_PATH | O_CLOEXEC)};
  if (rule.parent_fd < 0) return false;
  bool good = syscall(__NR_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  close(rule.parent_fd);
  return good;
}

/* True as well where the system has no Landlock. */
static bool restrict_writing(const char *directory) {
  struct landlock_ruleset_attr attributes = {.handled_access_fs = WRITING};
  int rules = (int)syscall(__NR_landlock_create_ruleset, &attributes, sizeof attributes, 0);
  if (rules < 0) return true;
  bool good = may_write(rules, directory, WRITING) &&
              may_write(rules, "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE) &&
              prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
              syscall(__NR_landlock_restrict_self, rules, 0) == 0;
  close(rules);
  return good;
}

bool aod__confine_library(int keep) {
  return close_others(keep) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && limit(RLIMIT_CORE, 0) &&
         filter_outside(false);
}

bool aod__confine_compiler(const char *directory) {
  return limit(RLIMIT_CPU, COMPILER_SECONDS) && limit(RLIMIT_AS, COMPILER_MEMORY_BYTES) &&
         limit(RLIMIT_FSIZE, COMPILER_FILE_BYTES) && limit(RLIMIT_CORE, 0) &&
         limit(RLIMIT_NOFILE, COMPILER_FILES) && restrict_writing(directory) &&
         filter_outside(true);
}
