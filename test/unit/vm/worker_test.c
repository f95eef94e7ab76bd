/* Workers: what code in one can reach, what becomes of the processes when one dies, and that a
 * process does not notice where it is evaluated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <binaryen-c.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "support/mixer.h"
#include "vm/confine.h"
#include "vm/process.h"
#include "vm/view.h"

/* ---- what a confined process can do ---- */

static char secret[] = "the wallet";
static pid_t test_pid;
static int open_file; /* that the child inherits */

static void try_open(void) {
  open("/etc/passwd", O_RDONLY);
}
static void try_create(void) {
  open("/tmp/aod-worker-was-here", O_WRONLY | O_CREAT, 0600);
}
static void try_socket(void) {
  socket(AF_INET, SOCK_STREAM, 0);
}
static void try_fork(void) {
  fork();
}
static void try_thread(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, (void *(*)(void *))try_open, NULL);
}
static void try_exec(void) {
  execl("/bin/true", "true", (char *)NULL);
}
static void try_kill(void) {
  kill(test_pid, SIGTERM);
}
static void try_signal_itself(void) {
  raise(SIGUSR1);
}
static void try_ptrace(void) {
  ptrace(PTRACE_ATTACH, test_pid, NULL, NULL);
}
static void try_read_memory(void) {
  char stolen[sizeof secret];
  struct iovec mine = {stolen, sizeof stolen}, theirs = {secret, sizeof secret};
  process_vm_readv(test_pid, &mine, 1, &theirs, 1, 0);
}
static void try_open_memory(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", (int)test_pid);
  open(path, O_RDONLY);
}
static void try_executable_memory(void) {
  mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void try_make_executable(void) {
  void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(at, 4096, PROT_READ | PROT_EXEC);
}
static void try_io_uring(void) {
  syscall(__NR_io_uring_setup, 8, NULL);
}
static void try_namespace(void) {
  unshare(CLONE_NEWUSER);
}
static void try_limits(void) {
  struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_NOFILE, &most);
}
#ifdef __x86_64__
static void try_32_bit_call(void) { /* another table of numbers: 5 is open there */
  __asm__ volatile("int $0x80" : : "a"(5), "b"(0), "c"(0), "d"(0) : "memory");
}
static void try_x32_call(void) {
  syscall(0x40000000 | __NR_getpid);
}
#endif

static const struct {
  const char *name;
  void (*run)(void);
  bool for_sanitizers; /* which need it, or end it in their own way */
} attempts[] = {
    {"open a file", try_open, true},
    {"create a file", try_create, true},
    {"make a socket", try_socket},
    {"fork", try_fork},
    {"start a thread", try_thread, true},
    {"run a program", try_exec},
    {"kill the node", try_kill},
    {"signal itself", try_signal_itself},
    {"trace the node", try_ptrace},
    {"read the node's memory", try_read_memory},
    {"open the node's memory", try_open_memory, true},
    {"map executable memory", try_executable_memory},
    {"make memory executable", try_make_executable},
    {"use io_uring", try_io_uring},
    {"make a namespace", try_namespace},
    {"raise a limit", try_limits, true},
#ifdef __x86_64__
    {"call by 32-bit numbers", try_32_bit_call},
    {"call by x32 numbers", try_x32_call},
#endif
};

/* In a child that has given up its rights as a worker does: how it ended. */
static int end_of_confined(void (*run)(void)) {
  int sockets[2], status = 0;
  assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
  pid_t pid = fork();
  if (pid == 0) {
    if (!aod__confine_worker(sockets[1])) _exit(2);
    run();
    _exit(0);
  }
  close(sockets[0]);
  close(sockets[1]);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return status;
}

static void test_confined(void **state) {
  (void)state;
  test_pid = getpid();
  for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
    if (attempts[i].for_sanitizers && !aod__confine_is_full) continue;
    int status = end_of_confined(attempts[i].run);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
      fail_msg("a worker can %s: status 0x%x", attempts[i].name, (unsigned)status);
  }
}

static void nothing(void) {}

/* What it needs works, and no descriptor but its own is open. */
static void use_own(void) {
  void *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED || madvise(at, 1 << 20, MADV_DONTNEED) || munmap(at, 1 << 20)) _exit(3);
  char byte;
  if (read(open_file, &byte, 1) != -1) _exit(4);
  if (write(STDERR_FILENO, "", 0) != -1) _exit(5);
}

static void test_confined_works(void **state) {
  (void)state;
  open_file = open("/etc/passwd", O_RDONLY);
  assert_true(open_file >= 0);
  assert_int_equal(end_of_confined(nothing), 0);
  assert_int_equal(end_of_confined(use_own), 0);
  close(open_file);
}

/* ---- a compiler ---- */

static char own_dir[] = "/tmp/aod-worker-test-XXXXXX", quarantine_dir[80];

static bool writes(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static bool has_landlock(void) {
  return syscall(__NR_landlock_create_ruleset, NULL, 0, 1) > 0;
}

static void test_compiler_confined(void **state) {
  (void)state;
  int status;
  char inside[80], outside[80];
  snprintf(inside, sizeof inside, "%s/inside", own_dir);
  snprintf(outside, sizeof outside, "%s.outside", own_dir);
  pid_t pid = fork();
  if (pid == 0) {
    if (!aod__confine_compiler(own_dir)) _exit(1);
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0) _exit(2);
    if (ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0) _exit(3);
    if (!writes(inside)) _exit(4);
    if (!writes("/dev/null")) _exit(5);
    if (has_landlock() && writes(outside)) _exit(6);
    pid_t child = fork(); /* a driver runs others */
    if (child == 0) _exit(0);
    _exit(child > 0 && waitpid(child, NULL, 0) == child ? 0 : 7);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  unlink(outside);
  assert_int_equal(status, 0);
  if (!has_landlock()) print_message("SKIPPED writing elsewhere: no Landlock in this kernel\n");
}

/* ---- the same in a worker as here ---- */

static aod_vm_t *vm, *reference_vm; /* in workers, and here */
static aod_module_t *module, *reference_module;

static void test_same_as_here(void **state) {
  (void)state;
  aod_instance_t *a = mixer_open(module), *b = mixer_open(reference_module);
  for (unsigned i = 1; i <= 400; i++) {
    char answer[200], expected[200];
    mixer_message(a, i, answer);
    mixer_message(b, i, expected);
    assert_string_equal(answer, expected);
    if (i % 40 == 0) mixer_expect_same(a, b);
  }
  mixer_expect_same(a, b);
  aod_instance_close(a);
  aod_instance_close(b);
}

/* ---- views ---- */

static void look(aod_view_t *view, unsigned number, char answer[200]) {
  char msg[20];
  aod_error_t error;
  aod_evaluation_t evaluation;
  snprintf(msg, sizeof msg, "s%u", number);
  if (aod_view_evaluate(view, aod_text(msg), AOD_TEXT("{}"), &evaluation, &error))
    fail_msg("%s", error.message);
  snprintf(answer, 200, "%s%.*s", evaluation.failed ? "! " : "",
           AOD_ARG(aod_buf_slice(&evaluation.text)));
  aod_evaluation_free(&evaluation);
}

/* The same process answers the same; it undoes messages whose number is divided by 5. */
static void expect_look(aod_view_t *view, aod_instance_t *same) {
  static const unsigned numbers[] = {5, 25, 35, 155}; /* the third fails, the last grows memory */
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    char answer[200], expected[200];
    look(view, numbers[i], answer);
    mixer_message(same, numbers[i], expected);
    assert_string_equal(answer, expected);
  }
}

/* A view shows what was when it was opened, while the process goes on and when it is gone. */
static void test_views(void **state) {
  (void)state;
  aod_instance_t *a = mixer_open(module), *b = mixer_open(reference_module);
  aod_view_t *first, *second;
  char answer[200];
  for (unsigned i = 1; i < 40; i++) mixer_message(a, i, answer);
  for (unsigned i = 1; i < 40; i++) mixer_message(b, i, answer);
  assert_int_equal(aod_view_open(a, NULL, &first, NULL), AOD_OK);
  assert_int_equal(aod_view_open(a, NULL, &second, NULL), AOD_OK);
  expect_look(first, b);
  expect_look(second, b);
  expect_look(first, b);
  assert_int_equal(aod_instance_detach(a, NULL), AOD_OK);
  for (unsigned i = 40; i < 80; i++) mixer_message(a, i, answer);
  expect_look(first, b);
  for (unsigned i = 40; i < 80; i++) mixer_message(b, i, answer);
  mixer_expect_same(a, b);
  aod_view_close(first);
  assert_int_equal(aod_view_open(a, NULL, &first, NULL), AOD_OK);
  aod_instance_close(a);
  expect_look(first, b);
  aod_view_close(first);
  aod_view_close(second);
  aod_instance_close(b);
}

/* ---- many processes, few workers, several threads ---- */

enum { PROCESSES = 50, ROUNDS = 40, THREADS = 4 };

typedef struct {
  aod_instance_t *instances[PROCESSES];
  pthread_mutex_t locks[PROCESSES];
  unsigned next[PROCESSES];
  char answers[PROCESSES][ROUNDS][16];
} load_t;

static load_t load;

static void *drive(void *argument) {
  unsigned seed = (unsigned)(uintptr_t)argument;
  for (int idle = 0; idle < PROCESSES;) {
    unsigned k = (unsigned)rand_r(&seed) % PROCESSES;
    for (idle = 0; idle < PROCESSES; idle++, k = (k + 1) % PROCESSES) {
      if (pthread_mutex_trylock(&load.locks[k])) continue;
      bool mine = load.next[k] < ROUNDS;
      if (mine) {
        char answer[200];
        unsigned round = load.next[k]++;
        mixer_message(load.instances[k], 1 + round * PROCESSES + k, answer);
        snprintf(load.answers[k][round], 16, "%.15s", answer);
      }
      pthread_mutex_unlock(&load.locks[k]);
      if (mine) break;
    }
  }
  return NULL;
}

static void run_load(void) {
  pthread_t threads[THREADS];
  for (int k = 0; k < PROCESSES; k++) {
    load.instances[k] = mixer_open(module);
    load.next[k] = 0;
    pthread_mutex_init(&load.locks[k], NULL);
  }
  for (uintptr_t i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, drive, (void *)(i + 1)), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

/* Each process against one that nobody disturbed. */
static void check_load(void) {
  for (unsigned k = 0; k < PROCESSES; k++) {
    aod_instance_t *undisturbed = mixer_open(reference_module);
    assert_int_equal(load.next[k], ROUNDS);
    for (unsigned round = 0; round < ROUNDS; round++) {
      char expected[200];
      mixer_message(undisturbed, 1 + round * PROCESSES + k, expected);
      expected[15] = 0;
      assert_string_equal(load.answers[k][round], expected);
    }
    mixer_expect_same(load.instances[k], undisturbed);
    aod_instance_close(undisturbed);
    aod_instance_close(load.instances[k]);
  }
}

static void test_few_workers(void **state) {
  (void)state;
  pthread_mutex_lock(&vm->pool.lock);
  uint32_t spread = vm->pool.spread;
  vm->pool.spread = 2;
  pthread_mutex_unlock(&vm->pool.lock);
  run_load();
  assert_true(module->crew.worker_count <= 2);
  check_load();
  vm->pool.spread = spread;
}

/* ---- workers that die ---- */

static _Atomic bool killing;
static _Atomic int killed;

/* Some worker that exists; under the lock, so that its number still means it. */
static void kill_one(unsigned which, bool only_busy) {
  pthread_mutex_lock(&vm->pool.lock);
  uint32_t count = 0;
  for (aod__worker_t *worker = vm->pool.workers; worker; worker = worker->next)
    if (!only_busy || worker->busy) count++;
  if (count) which %= count;
  for (aod__worker_t *worker = vm->pool.workers; worker && count; worker = worker->next) {
    if (only_busy && !worker->busy) continue;
    if (which-- == 0) {
      kill(worker->id.pid, SIGKILL);
      killed++;
      break;
    }
  }
  pthread_mutex_unlock(&vm->pool.lock);
}

static void *kill_at_random(void *argument) {
  unsigned seed = 7;
  (void)argument;
  while (killing) {
    usleep((useconds_t)(20000 + rand_r(&seed) % 30000));
    kill_one((unsigned)rand_r(&seed), false);
  }
  return NULL;
}

static void test_killed_at_random(void **state) {
  (void)state;
  pthread_t killer;
  killing = true;
  killed = 0;
  assert_int_equal(pthread_create(&killer, NULL, kill_at_random, NULL), 0);
  run_load();
  killing = false;
  pthread_join(killer, NULL);
  check_load();
  print_message("%d workers were killed\n", killed);
}

static void *kill_the_busy(void *argument) {
  (void)argument;
  while (killing) {
    usleep(2000);
    kill_one(0, true);
  }
  return NULL;
}

/* A file in quarantine holds this. */
static void expect_kept(const char *expected) {
  DIR *folder = opendir(quarantine_dir);
  assert_non_null(folder);
  bool found = false;
  for (struct dirent *file; (file = readdir(folder));) {
    char path[400];
    aod_buf_t line = {0};
    snprintf(path, sizeof path, "%s/%s", quarantine_dir, file->d_name);
    if (aod_file_read(path, 1 << 20, &line, NULL) == AOD_OK) {
      aod_buf_terminate(&line);
      found = found || strstr((const char *)line.ptr, expected);
    }
    aod_buf_free(&line);
  }
  closedir(folder);
  assert_true(found);
}

/* An endless message, whose workers are killed before its limit is reached. */
static void test_message_that_kills(void **state) {
  (void)state;
  aod_instance_t *instance = mixer_open(module), *other = mixer_open(reference_module);
  char answer[200], expected[200];
  mixer_message(instance, 1, answer);
  mixer_message(other, 1, expected);
  instance->compute_limit = 0; /* none */

  pthread_t killer;
  aod_evaluation_t evaluation;
  killing = true;
  assert_int_equal(pthread_create(&killer, NULL, kill_the_busy, NULL), 0);
  int rc = aod_instance_evaluate(instance, AOD_TEXT("\"l\""), AOD_TEXT("{}"), &evaluation, NULL);
  killing = false;
  pthread_join(killer, NULL);
  assert_int_equal(rc, AOD_OK);
  assert_true(evaluation.failed);
  if (!evaluation.worker_died) fail_msg("%.*s", AOD_ARG(aod_buf_slice(&evaluation.text)));
  assert_non_null(memmem(evaluation.text.ptr, evaluation.text.len, "signal 9", 8));
  aod_evaluation_free(&evaluation);
  aod_instance_rollback(instance);
  expect_kept("\"msg\":\"l\",\"env\":{}");

  mixer_expect_same(instance, other);
  for (unsigned i = 2; i < 30; i++) {
    mixer_message(instance, i, answer);
    mixer_message(other, i, expected);
    assert_string_equal(answer, expected);
  }
  mixer_expect_same(instance, other);
  aod_instance_close(instance);
  aod_instance_close(other);
}

/* The starter of some worker that exists. */
static pid_t find_starter(void) {
  char path[64], line[512] = "";
  int parent = 0;
  pthread_mutex_lock(&vm->pool.lock);
  snprintf(path, sizeof path, "/proc/%d/status", (int)vm->pool.workers->id.pid);
  pthread_mutex_unlock(&vm->pool.lock);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file) && sscanf(line, "PPid: %d", &parent) != 1) {}
  fclose(file);
  assert_true(parent > 1);
  return parent;
}

/* It takes all workers with it, and there is no other way to new ones. */
static void test_starter_dies(void **state) {
  (void)state;
  aod_instance_t *instance = mixer_open(module), *other = mixer_open(reference_module);
  char answer[200], expected[200];
  pid_t last = 0;
  for (unsigned i = 1; i < 40; i++) {
    mixer_message(instance, i, answer);
    mixer_message(other, i, expected);
    assert_string_equal(answer, expected);
    if (i % 10) continue;
    pid_t starter = find_starter();
    assert_int_not_equal(starter, last);
    siginfo_t unused;
    assert_int_equal(kill(starter, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)starter, &unused, WEXITED | WNOWAIT), 0);
    last = starter;
  }
  mixer_expect_same(instance, other);
  aod_instance_close(instance);
  aod_instance_close(other);
}

/* ---- a large message ---- */

static unsigned long shared_kib(void) {
  char line[200];
  unsigned long kib = 0;
  FILE *file = fopen("/proc/self/status", "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file) && sscanf(line, "RssShmem: %lu", &kib) != 1) {}
  fclose(file);
  return kib;
}

/* What it took of the region that is shared with the worker is given back. */
static void test_large_message(void **state) {
  (void)state;
  enum { BYTES = 32 << 20 };
  aod_instance_t *instance = mixer_open(module);
  char answer[200];
  mixer_message(instance, 1, answer);
  unsigned long before = shared_kib();
  aod_buf_t text = {0};
  aod_buf_reserve(&text, BYTES);
  memset(text.ptr, '7', text.len = BYTES);
  aod_evaluation_t evaluation;
  assert_int_equal(
      aod_instance_evaluate(instance, aod_buf_slice(&text), AOD_TEXT("{}"), &evaluation, NULL),
      AOD_OK);
  assert_true(shared_kib() >= before + BYTES / 1024);
  aod_evaluation_free(&evaluation);
  aod_instance_rollback(instance);
  assert_true(shared_kib() < before + 1024);
  aod_buf_free(&text);
  aod_instance_close(instance);
}

/* ---- a worker that lies ---- */

static aod_committed_t committed;

static bool accepts(uint64_t at, uint64_t len, uint64_t bytes) {
  aod_range_t range = {at, len};
  aod_staging_t staging = {.ranges = &range, .range_count = 1, .cap = 1 << 20};
  return aod_committed_accepts(&committed, &staging, bytes);
}

static void test_lies(void **state) {
  (void)state;
  assert_int_equal(aod_committed_open(&committed, 65536, 131072, NULL, NULL), AOD_OK);
  assert_true(accepts(0, 4096, 65536));
  assert_true(accepts(61440, 4096, 65536));
  assert_true(accepts(65536, 4096 + 256, 131072));
  assert_false(accepts(65536, 4096, 65536));       /* beyond the size */
  assert_false(accepts(61440, 4096 + 256, 65536)); /* over the end */
  assert_false(accepts(100, 4096, 65536));         /* no card begins there */
  assert_false(accepts(0, 0, 65536));              /* nothing */
  assert_false(accepts(0, UINT64_MAX, 65536));     /* more than there is */
  assert_false(accepts(UINT64_MAX & ~4095ull, 4096, 65536));
  assert_false(accepts(0, 4096, 0));         /* memory that shrinks */
  assert_false(accepts(0, 4096, 65536 * 3)); /* that grows beyond its limit */
  assert_false(accepts(0, 4096, 65536 + 1)); /* by half a page */
  aod_committed_close(&committed);
}

/* ---- ---- */

static void open_machine(aod_vm_t **machine, bool in_workers) {
  aod_vm_options_t options = {
      .cache_dir = own_dir, .in_workers = in_workers, .quarantine_dir = quarantine_dir};
  assert_int_equal(aod_vm_open(machine, &options, NULL), AOD_OK);
}

static int open_all(void **state) {
  (void)state;
  if (!mkdtemp(own_dir)) return -1;
  snprintf(quarantine_dir, sizeof quarantine_dir, "%s/quarantine", own_dir);
  open_machine(&vm, true);
  open_machine(&reference_vm, false);
  aod_buf_t wasm = wasm_assemble(mixer_text);
  aod_error_t error;
  if (aod_module_load(vm, aod_buf_slice(&wasm), AOD_TEXT(MIXER_FORMAT), "test", &module, &error) ||
      aod_module_load(reference_vm, aod_buf_slice(&wasm), AOD_TEXT(MIXER_FORMAT), "test",
                      &reference_module, &error)) {
    print_error("%s\n", error.message);
    return -1;
  }
  aod_buf_free(&wasm);
  return 0;
}

static int close_all(void **state) {
  (void)state;
  aod_module_release(module);
  aod_module_release(reference_module);
  aod_vm_close(vm);
  aod_vm_close(reference_vm);
  return aod_dir_remove(own_dir, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_confined),
      cmocka_unit_test(test_confined_works),
      cmocka_unit_test(test_compiler_confined),
      cmocka_unit_test(test_same_as_here),
      cmocka_unit_test(test_few_workers),
      cmocka_unit_test(test_views),
      cmocka_unit_test(test_killed_at_random),
      cmocka_unit_test(test_message_that_kills),
      cmocka_unit_test(test_starter_dies),
      cmocka_unit_test(test_large_message),
      cmocka_unit_test(test_lies),
  };
  int failed = cmocka_run_group_tests(tests, open_all, close_all);
  aod_workers_stop();
  return failed;
}
