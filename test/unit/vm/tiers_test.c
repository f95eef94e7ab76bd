/* Two tiers: what a process answers does not depend on them, nor on when it moves from one to the
 * other; and the compiler in the background, which is held up here until a test lets it go on. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/mixer.h"
#include "vm/process.h"

typedef struct {
  char cache[40], compiler[60], gate[60];
  aod_buf_t wasm;
  atomic_int begun, done, in_background;
} fixture_t;

/* ---- a compiler with a gate ---- */

static void write_compiler(const fixture_t *fixture, const char *at_optimising) {
  FILE *file = fopen(fixture->compiler, "w");
  assert_non_null(file);
  fprintf(file, "#!/bin/sh\ncase \"$*\" in *-O2*) %s;; esac\nexec clang \"$@\"\n", at_optimising);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(chmod(fixture->compiler, 0700), 0);
}

static void open_gate(const fixture_t *fixture) {
  FILE *file = fopen(fixture->gate, "w");
  assert_non_null(file);
  assert_int_equal(fclose(file), 0);
}

static int setup(void **state) {
  char wait[200];
  fixture_t *fixture = aod_alloc(sizeof *fixture);
  strcpy(fixture->cache, "/tmp/aod-tiers-XXXXXX");
  if (!mkdtemp(fixture->cache)) return -1;
  snprintf(fixture->compiler, sizeof fixture->compiler, "%s/compiler", fixture->cache);
  snprintf(fixture->gate, sizeof fixture->gate, "%s/gate", fixture->cache);
  snprintf(wait, sizeof wait, "while [ ! -e %s ]; do sleep 0.02; done", fixture->gate);
  write_compiler(fixture, wait);
  fixture->wasm = wasm_assemble(mixer_text);
  *state = fixture;
  return 0;
}

static int teardown(void **state) {
  fixture_t *fixture = *state;
  aod_dir_remove(fixture->cache, NULL);
  aod_buf_free(&fixture->wasm);
  free(fixture);
  return 0;
}

/* ---- machines ---- */

static void count(void *context, const aod_compile_event_t *event) {
  fixture_t *fixture = context;
  atomic_fetch_add(event->done ? &fixture->done : &fixture->begun, 1);
  if (event->background && !event->done) atomic_fetch_add(&fixture->in_background, 1);
}

static aod_vm_t *open_machine(fixture_t *fixture, aod_tiers_t tiers, bool in_workers) {
  aod_vm_t *vm;
  aod_vm_options_t options = {.cache_dir = fixture->cache,
                              .compiler = fixture->compiler,
                              .on_compile = count,
                              .context = fixture,
                              .in_workers = in_workers,
                              .tiers = tiers};
  assert_int_equal(aod_vm_open(&vm, &options, NULL), AOD_OK);
  return vm;
}

static aod_module_t *load(const fixture_t *fixture, aod_vm_t *vm) {
  aod_module_t *module;
  aod_error_t error;
  if (aod_module_load(vm, aod_buf_slice(&fixture->wasm), AOD_TEXT(MIXER_FORMAT), "mixer", &module,
                      &error))
    fail_msg("%s", error.message);
  return module;
}

static void close_machine(aod_vm_t *vm, aod_module_t *module) {
  aod_module_release(module);
  aod_vm_close(vm);
}

/* ---- the same results ---- */

static void expect_same_state(const aod_instance_t *a, const aod_instance_t *b) {
  aod_buf_t of_a = {0}, of_b = {0};
  mixer_expect_same(a, b);
  aod_instance_state_write(a, &of_a);
  aod_instance_state_write(b, &of_b);
  assert_true(aod_slice_equal(aod_buf_slice(&of_a), aod_buf_slice(&of_b)));
  aod_buf_free(&of_a);
  aod_buf_free(&of_b);
}

enum { MACHINES = 3 }; /* one that changes, one for each tier */

static void test_change_between_messages(void **state) {
  fixture_t *fixture = *state;
  static const aod_tiers_t tiers[MACHINES] = {AOD_TIERS_BOTH, AOD_TIERS_FIRST, AOD_TIERS_OPTIMISED};
  aod_vm_t *vms[MACHINES];
  aod_module_t *modules[MACHINES];
  aod_instance_t *instances[MACHINES];
  for (int i = 0; i < MACHINES; i++) {
    if (tiers[i] == AOD_TIERS_OPTIMISED) open_gate(fixture);
    vms[i] = open_machine(fixture, tiers[i], true);
    modules[i] = load(fixture, vms[i]);
    instances[i] = mixer_open(modules[i]);
    if (i == 0) { /* half of its messages before anything else exists */
      char answer[200];
      for (unsigned k = 1; k <= 60; k++) mixer_message(instances[0], k, answer);
      assert_null(modules[0]->optimised);
    }
  }
  aod_vm_await_compiled(vms[0]);
  assert_non_null(modules[0]->optimised);
  assert_int_equal(modules[0]->optimised->tier, AOD_TIER_OPTIMISED);
  for (unsigned k = 1; k <= 120; k++) {
    char answers[MACHINES][200];
    for (int i = k <= 60; i < MACHINES; i++) mixer_message(instances[i], k, answers[i]);
    assert_string_equal(answers[1], answers[2]);
    if (k > 60) assert_string_equal(answers[0], answers[1]);
  }
  for (int i = 1; i < MACHINES; i++) expect_same_state(instances[0], instances[i]);
  for (int i = 0; i < MACHINES; i++) {
    aod_instance_close(instances[i]);
    close_machine(vms[i], modules[i]);
  }
}

static bool is_enough(aod_module_t *module, uint64_t compute_limit) {
  aod_instance_options_t options = {.compute_limit = compute_limit};
  aod_instance_t *instance;
  aod_evaluation_t evaluation;
  assert_int_equal(aod_instance_open(module, &options, &instance, NULL), AOD_OK);
  mixer_evaluate(instance, "s123", &evaluation);
  bool enough = !evaluation.failed;
  aod_instance_rollback(instance);
  aod_evaluation_free(&evaluation);
  aod_instance_close(instance);
  return enough;
}

/* The least Compute-Limit under which a message is evaluated. */
static uint64_t cost_at(fixture_t *fixture, aod_tiers_t tiers) {
  aod_vm_t *vm = open_machine(fixture, tiers, true);
  aod_module_t *module = load(fixture, vm);
  uint64_t low = 1, high = 10000000;
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    if (is_enough(module, middle))
      high = middle;
    else
      low = middle + 1;
  }
  close_machine(vm, module);
  return low;
}

static void test_same_budget(void **state) {
  fixture_t *fixture = *state;
  open_gate(fixture);
  uint64_t cost = cost_at(fixture, AOD_TIERS_FIRST);
  assert_in_range(cost, 100000, 9999999);
  assert_int_equal(cost_at(fixture, AOD_TIERS_OPTIMISED), cost);
}

/* ---- under load ---- */

enum { THREADS = 4, PROCESSES = 3, ROUNDS_AFTER = 30 };

typedef struct {
  aod_module_t *module;
  atomic_bool *changed;
  aod_instance_t *instances[PROCESSES];
  unsigned sent[PROCESSES];
} sender_t;

static void *send_messages(void *context) {
  sender_t *sender = context;
  char answer[200];
  for (int after = 0; after < ROUNDS_AFTER; after += atomic_load(sender->changed)) {
    for (int i = 0; i < PROCESSES; i++)
      mixer_message(sender->instances[i], ++sender->sent[i], answer);
    if (!after) usleep(1000); /* all of it is evaluated once more, to compare */
  }
  return NULL;
}

static void compare_with(aod_module_t *reference, const sender_t *sender) {
  for (int i = 0; i < PROCESSES; i++) {
    char answer[200];
    aod_instance_t *undisturbed = mixer_open(reference);
    for (unsigned k = 1; k <= sender->sent[i]; k++) mixer_message(undisturbed, k, answer);
    expect_same_state(undisturbed, sender->instances[i]);
    aod_instance_close(undisturbed);
    aod_instance_close(sender->instances[i]);
  }
}

static void test_change_under_load(void **state) {
  fixture_t *fixture = *state;
  atomic_bool changed = false;
  pthread_t threads[THREADS];
  sender_t senders[THREADS];
  aod_vm_t *vm = open_machine(fixture, AOD_TIERS_BOTH, true);
  aod_module_t *module = load(fixture, vm);
  for (int i = 0; i < THREADS; i++) {
    senders[i] = (sender_t){.module = module, .changed = &changed};
    for (int k = 0; k < PROCESSES; k++) senders[i].instances[k] = mixer_open(module);
    assert_int_equal(pthread_create(&threads[i], NULL, send_messages, &senders[i]), 0);
  }
  open_gate(fixture);
  aod_vm_await_compiled(vm);
  atomic_store(&changed, true);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  assert_non_null(module->optimised);
  for (const aod__worker_t *worker = vm->pool.workers; worker; worker = worker->next)
    assert_ptr_equal(worker->code, module->optimised); /* those of the first tier have ended */
  aod_vm_t *here = open_machine(fixture, AOD_TIERS_BOTH, false);
  aod_module_t *reference = load(fixture, here);
  for (int i = 0; i < THREADS; i++) compare_with(reference, &senders[i]);
  close_machine(here, reference);
  close_machine(vm, module);
}

/* ---- the compiler in the background ---- */

static int count_names(const char *directory, const char *part) {
  DIR *folder = opendir(directory);
  int count = 0;
  assert_non_null(folder);
  for (struct dirent *file; (file = readdir(folder));) count += strstr(file->d_name, part) != NULL;
  closedir(folder);
  return count;
}

static void await_begun(fixture_t *fixture) {
  while (atomic_load(&fixture->in_background) == 0) usleep(1000);
  while (count_names(fixture->cache, "work-") == 0) usleep(1000);
}

/* A machine that is closed does not wait for its compiler; the next one begins again. */
static void test_closed_meanwhile(void **state) {
  fixture_t *fixture = *state;
  char answer[200], again[200];
  aod_vm_t *vm = open_machine(fixture, AOD_TIERS_BOTH, true);
  aod_module_t *module = load(fixture, vm);
  aod_instance_t *instance = mixer_open(module);
  mixer_message(instance, 1, answer);
  aod_instance_close(instance);
  await_begun(fixture);
  int64_t began_us = aod_clock_monotonic_us();
  close_machine(vm, module);
  assert_true(aod_clock_monotonic_us() - began_us < 5000000);
  assert_int_equal(count_names(fixture->cache, "work-"), 0);
  assert_int_equal(count_names(fixture->cache, ".so"), 1);

  open_gate(fixture);
  vm = open_machine(fixture, AOD_TIERS_BOTH, true);
  module = load(fixture, vm);
  aod_vm_await_compiled(vm);
  assert_int_equal(atomic_load(&fixture->done), 2); /* the first tier was there already */
  assert_int_equal(count_names(fixture->cache, ".so"), 2);
  instance = mixer_open(module);
  mixer_message(instance, 1, again);
  assert_string_equal(again, answer);
  aod_instance_close(instance);
  close_machine(vm, module);
}

static void test_two_machines_compile_once(void **state) {
  fixture_t *fixture = *state;
  aod_vm_t *vms[2];
  aod_module_t *modules[2];
  for (int i = 0; i < 2; i++) {
    vms[i] = open_machine(fixture, AOD_TIERS_BOTH, true);
    modules[i] = load(fixture, vms[i]);
  }
  await_begun(fixture);
  open_gate(fixture);
  for (int i = 0; i < 2; i++) {
    aod_vm_await_compiled(vms[i]);
    assert_non_null(modules[i]->optimised);
  }
  assert_int_equal(atomic_load(&fixture->in_background), 1);
  for (int i = 0; i < 2; i++) close_machine(vms[i], modules[i]);
}

static void test_optimised_one_is_there(void **state) {
  fixture_t *fixture = *state;
  open_gate(fixture);
  aod_vm_t *vm = open_machine(fixture, AOD_TIERS_OPTIMISED, true);
  close_machine(vm, load(fixture, vm));
  vm = open_machine(fixture, AOD_TIERS_BOTH, true);
  aod_module_t *module = load(fixture, vm);
  assert_int_equal(module->program.code->tier, AOD_TIER_OPTIMISED);
  aod_vm_await_compiled(vm);
  assert_int_equal(atomic_load(&fixture->begun), 1);
  close_machine(vm, module);
}

static void test_compiler_that_fails(void **state) {
  fixture_t *fixture = *state;
  char answer[200];
  write_compiler(fixture, "exit 1");
  aod_vm_t *vm = open_machine(fixture, AOD_TIERS_BOTH, true);
  aod_module_t *module = load(fixture, vm);
  aod_vm_await_compiled(vm);
  assert_null(module->optimised);
  aod_instance_t *instance = mixer_open(module);
  mixer_message(instance, 1, answer);
  assert_int_equal(strlen(answer), 8);
  aod_instance_close(instance);
  close_machine(vm, module);
}

/* A compiler that was killed with its node leaves a folder; old ones are removed by the next. */
static void test_left_behind(void **state) {
  fixture_t *fixture = *state;
  char old[80], new[80];
  struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
  snprintf(old, sizeof old, "%s/work-aaaaaa", fixture->cache);
  snprintf(new, sizeof new, "%s/work-bbbbbb", fixture->cache);
  assert_int_equal(mkdir(old, 0700), 0);
  assert_int_equal(mkdir(new, 0700), 0);
  assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
  aod_vm_t *vm = open_machine(fixture, AOD_TIERS_FIRST, false);
  close_machine(vm, load(fixture, vm));
  assert_false(aod_file_exists(old));
  assert_true(aod_file_exists(new));
}

/* ---- names ---- */

static void test_words(void **state) {
  (void)state;
  static const char *const words[] = {"optimised", "first", "both"};
  aod_tiers_t tiers;
  for (size_t i = 0; i < 3; i++) {
    assert_true(aod_tiers_parse(words[i], &tiers));
    assert_int_equal(tiers, i);
  }
  assert_false(aod_tiers_parse("", &tiers));
  assert_false(aod_tiers_parse("fast", &tiers));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_change_between_messages),   TEST(test_same_budget),
      TEST(test_change_under_load),         TEST(test_closed_meanwhile),
      TEST(test_two_machines_compile_once), TEST(test_optimised_one_is_there),
      TEST(test_compiler_that_fails),       TEST(test_left_behind),
      cmocka_unit_test(test_words),
  };
  if (aod_workers_start(NULL)) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  aod_workers_stop();
  return failed;
}
